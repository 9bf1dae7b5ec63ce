"""Grappling: an agent holds the one before it, and shoves it away or pulls it near.

A world that uses it declares, each ``per_agent()``, the state ``held_by`` (slot + 1 of who holds the agent since this
step, 0 for nobody) and ``stunned`` (steps for which it cannot grapple), and has the three :data:`ACTIONS` in a row.
Source: ``Grappling`` of Melting Pot 2.
"""

from __future__ import annotations

from sorrelsim.rules import beams, draw, events, movement
from sorrelsim.rules.rule import rule

ACTIONS = ("hold", "shove", "pull")
"""The actions of :func:`grapple`, in this order; a shove and a pull hold as well."""

REACH = 2  # cells ahead
STUN = 2  # steps, that of the hold included, for which who was held cannot grapple; both stand still in the second


@rule
def grapple(w, hold, beam, held, pair):
    """Carries out the actions ``hold`` to ``hold + 2``, agents in a fresh random order; after the moves.

    First all hold: the beam of two cells ends at the first agent, and holder and held can neither walk nor turn in the
    next step, whatever else froze them. Two who hold each other both succeed. Then who shoves or pulls moves the one
    whom its beam meets, if somebody holds it, by a cell along or against the facing of its holder, where that cell is
    free. Who holds one that others hold too takes it over.

    Args:
        w: The copy.
        hold: The action that holds; the next one shoves, the one after that pulls.
        beam: The kind of the beam.
        held: The event that counts, for its holder, an agent held.
        pair: An event declared as ``pair("push")``, noted of holder and held: 1 for a shove, -1 for a pull, else 0.
    """
    holds, pushes = 0, 0
    for i in range(w.n_agents):
        w.held_by[i] = 0
        if w.stunned[i] > 0:
            w.stunned[i] -= 1
        if _grapples(w, i, hold):
            holds += 1
            pushes += w.action[i] != hold
    if holds > 0:
        draw.agent_order(w)
        for k in range(w.n_agents):
            i = w.order[k]
            if _grapples(w, i, hold):
                _seize(w, i, hold, beam, held, pair)
    if pushes > 0:
        draw.agent_order(w)
        for k in range(w.n_agents):
            i = w.order[k]
            if _grapples(w, i, hold) and w.action[i] != hold:
                _shift(w, i, beam, _push(w, i, hold))
    if holds > 0:
        for i in range(w.n_agents):
            if w.held_by[i] > 0:
                w.stunned[i] = STUN


@rule
def _grapples(w, i, hold):
    """Returns whether agent ``i`` chose one of the three actions from ``hold`` on, and can grapple."""
    return w.out[i] == 0 and w.stunned[i] == 0 and w.action[i] >= hold and w.action[i] < hold + 3


@rule
def _push(w, i, hold):
    """Returns 1 for an agent that shoves, -1 for one that pulls and 0 for one that only holds."""
    return (0, 1, -1)[w.action[i] - hold]


@rule
def _seize(w, i, hold, beam, held, pair):
    """Agent ``i`` holds whom its beam meets; see :func:`grapple`."""
    j = _reached(w, i, beam)
    if j >= 0:
        w.held_by[j] = i + 1
        w.frozen[i] = STUN
        w.frozen[j] = STUN
        w.events[i, held] += 1
        events.note(w, i, pair, j, _push(w, i, hold))


@rule
def _shift(w, i, beam, way):
    """Moves whom the beam of agent ``i`` meets along (1) or against (-1) the facing of its holder, if it has one."""
    j = _reached(w, i, beam)
    if j >= 0 and w.held_by[j] > 0:
        movement.step(w, j, (w.facing[w.held_by[j] - 1] + 1 - way) & 3)


@rule
def _reached(w, i, beam):
    """Returns the agent whom the beam of agent ``i`` meets, or -1."""
    n = beams.cast(w, i, beam, REACH, 0)
    j = w.occupant[w.hits[n - 1, 0], w.hits[n - 1, 1]] if n > 0 else -1
    return j if j != i else -1


@rule
def ready(w, i):
    """Returns 1.0 if agent ``i`` can grapple in the next step, else 0.0: one who was held, or is out."""
    return 1.0 if w.out[i] == 0 and w.stunned[i] == 0 else 0.0
