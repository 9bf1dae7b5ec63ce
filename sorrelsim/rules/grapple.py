"""Grappling: an agent holds the one before it, and shoves it away or pulls it near.

A world that uses it declares, each ``per_agent()``, the state ``held_by`` (slot + 1 of who holds the agent since this
step, 0 for nobody) and ``stunned`` (1 in the step after one in which the agent was held), and has the three
:data:`ACTIONS` in a row. Where held agents move as others do, :func:`grapple` is all that it calls; else :func:`hold`
and, for each agent in a fresh random order, :func:`shoved`. Source: ``Grappling`` of Melting Pot 2.
"""

from __future__ import annotations

from sorrelsim.rules import beams, draw, events, movement
from sorrelsim.rules.rule import rule

ACTIONS = ("hold", "shove", "pull")
"""The actions of :func:`grapple`, in this order; a shove and a pull hold as well."""

REACH = 2  # cells ahead
STILL = 2  # steps, that of the hold included, for which holder and held stand still


@rule
def grapple(w, first, beam, held, pair):
    """Carries out the actions ``first`` to ``first + 2``, after the moves; see :func:`hold` and :func:`shoved`."""
    if hold(w, first, beam, held, pair) > 0:
        draw.agent_order(w)
        for k in range(w.n_agents):
            j, way = shoved(w, w.order[k], first, beam)
            if j >= 0:
                movement.step(w, j, way)


@rule
def hold(w, first, beam, held, pair):
    """Lets all hold who chose one of the three actions, agents in a fresh random order; returns how many push or pull.

    The beam of two cells ends at the first agent. Holder and held can neither walk nor turn in the next step, whatever
    else froze them, and who is held cannot grapple in it. Two who hold each other both succeed. Who holds one that
    others hold too takes it over.

    Args:
        w: The copy.
        first: The action that holds; the next one shoves, the one after that pulls.
        beam: The kind of the beam.
        held: The event that counts, for its holder, an agent held.
        pair: An event declared as ``pair("push")``, noted of holder and held: 1 for a shove, -1 for a pull, else 0.
    """
    holds, pushes = 0, 0
    for i in range(w.n_agents):
        w.stunned[i] = 1 if w.held_by[i] > 0 else 0
        w.held_by[i] = 0
        if tries(w, i, first):
            holds += 1
            pushes += w.action[i] != first
    if holds > 0:
        draw.agent_order(w)
        for k in range(w.n_agents):
            i = w.order[k]
            j = _reached(w, i, beam) if tries(w, i, first) else -1
            if j >= 0:
                w.held_by[j] = i + 1
                w.frozen[i] = STILL
                w.frozen[j] = STILL
                w.events[i, held] += 1
                events.note(w, i, pair, j, _push(w, i, first))
    return pushes


@rule
def shoved(w, i, first, beam):
    """Returns whom agent ``i`` shoves or pulls now, and the map direction: (j, direction), or (-1, 0) for nobody.

    That is whom its beam meets, if somebody holds it, and the way is along or against the facing of its holder.
    """
    push = _push(w, i, first) if tries(w, i, first) else 0
    j = _reached(w, i, beam) if push != 0 else -1
    if j < 0 or w.held_by[j] == 0:
        return -1, 0
    return j, (w.facing[w.held_by[j] - 1] + 1 - push) & 3


@rule
def tries(w, i, first):
    """Returns whether agent ``i`` chose one of the three actions from ``first`` on, and can grapple."""
    return w.out[i] == 0 and w.stunned[i] == 0 and w.action[i] >= first and w.action[i] < first + len(ACTIONS)


@rule
def ready(w, i):
    """Returns 1.0 if agent ``i`` can grapple in the next step, else 0.0: one who was held, or is out."""
    return 1.0 if w.out[i] == 0 and w.stunned[i] == 0 and w.held_by[i] == 0 else 0.0


@rule
def _push(w, i, first):
    """Returns 1 for an agent that shoves, -1 for one that pulls and 0 for one that only holds."""
    return (0, 1, -1)[w.action[i] - first]


@rule
def _reached(w, i, beam):
    """Returns the agent whom the beam of agent ``i`` meets, or -1."""
    n = beams.cast(w, i, beam, REACH, 0)
    j = w.occupant[w.hits[n - 1, 0], w.hits[n - 1, 1]] if n > 0 else -1
    return j if j != i else -1
