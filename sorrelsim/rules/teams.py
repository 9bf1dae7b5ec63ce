"""Two teams: even slots are team 0, odd ones team 1, and what one gains the other loses.

A world that uses them has, beside ``spawns``, the sites ``spawns_0`` and ``spawns_1``.
"""

from __future__ import annotations

from sorrelsim.rules import movement
from sorrelsim.rules.rule import rule


@rule
def of(i):
    """Returns the team of agent ``i``, 0 or 1."""
    return i & 1


@rule
def pay(w, team, value):
    """Adds ``value`` to the reward of each agent of a team, and takes it from each of the other."""
    for i in range(w.n_agents):
        w.reward[i] += value if of(i) == team else -value


@rule
def count(w, team, event):
    """Counts an event that is a team's, once for each of its agents."""
    for i in range(team, w.n_agents, 2):
        w.events[i, event] += 1


@rule
def scatter(w):
    """Puts every agent on a spawn of its team, or, where that has too few, on any; with a random facing."""
    for i in range(w.n_agents):
        if not movement.spawn_at(w, i, spawns(w, i)):
            movement.spawn_at(w, i, w.spawns)


@rule
def spawns(w, i):
    """Returns the spawn cells of the team of agent ``i``; all there are, on a map where it has none."""
    own = w.spawns_0 if of(i) == 0 else w.spawns_1
    return own if own.shape[0] > 0 else w.spawns


@rule
def respawn(w):
    """Counts down the agents that are out; each whose time is over returns to a spawn of its team, or waits."""
    for i in range(w.n_agents):
        if movement.is_due(w, i):
            movement.spawn_at(w, i, spawns(w, i))
