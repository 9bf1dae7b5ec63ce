"""Sanctions by degrees: a first zap freezes and marks an agent, a second one while the mark lasts takes it away.

A world that uses them declares, each ``per_agent()``, the state ``zapped`` (hits taken in this step), ``mark`` (steps
for which the mark still counts) and ``zap_wait`` (steps until the beam is ready), and orders its rules: the zapping,
which calls :func:`zap`, its own rule that calls :func:`settle`, later :func:`recover`, and :func:`show` last. Source:
``GraduatedSanctionsMarking`` of Melting Pot 2.
"""

from __future__ import annotations

from sorrelsim.rules import events, movement
from sorrelsim.rules.rule import rule


@rule
def zap(w, i, n, fired, received, pair=-1):
    """Counts a zap of agent ``i`` that hit the cells ``w.hits[:n]``, and whom it hit; both are events.

    By ``pair``, declared as ``pair("removes")``, who zapped whom is noted, and whether that sends the other away.
    """
    w.events[i, fired] += 1
    for h in range(n):
        hit = w.occupant[w.hits[h, 0], w.hits[h, 1]]
        if hit >= 0 and hit != i:
            w.zapped[hit] += 1
            w.events[hit, received] += 1
            if pair >= 0:
                events.note(w, i, pair, hit, w.mark[hit] > 0 or w.zapped[hit] > 1)


@rule
def settle(w, i, steps, removals):
    """Settles the zaps that hit agent ``i`` in this step; returns whether one was its second, so that it is now out.

    It is out for ``steps`` steps, not counting this one (``steps + 1`` observations miss it), or for good with
    :data:`~sorrelsim.rules.movement.GONE`, and the event ``removals`` counts it. For worlds with the params
    ``freeze_steps``, ``mark_steps`` and ``zap_cooldown``; others call :func:`strike`.
    """
    away = strike(w, i, w.p.freeze_steps, w.p.mark_steps, w.p.zap_cooldown)
    if away:
        movement.remove(w, i, steps + 1 if steps >= 0 else steps)
        w.events[i, removals] += 1
    return away


@rule
def strike(w, i, freeze, lasts, cooldown):
    """Settles the zaps that hit agent ``i`` in this step; returns whether the world must now take it off the grid.

    To be called after all beams, so that mutual zaps both land. Two zaps in one step count as first and second.

    Args:
        w: The copy.
        i: The agent.
        freeze: With the step of the zap itself, steps without moving or zapping.
        lasts: Steps from the first zap on after which the next one counts as a first again.
        cooldown: The zap beam's wait, which starts anew when the freeze is over.
    """
    hits = w.zapped[i]
    w.zapped[i] = 0
    if hits == 0 or w.out[i] != 0:
        return False
    if w.mark[i] > 0 or hits > 1:
        w.mark[i] = 0
        w.frozen[i] = 0
        w.zap_wait[i] = cooldown
        return True
    w.mark[i] = lasts
    w.frozen[i] = freeze
    w.zap_wait[i] = freeze + cooldown
    return False


@rule
def recover(w):
    """Counts down freezes and marks; once per step, after :func:`settle`."""
    movement.thaw(w)
    for i in range(w.n_agents):
        if w.mark[i] > 0:
            w.mark[i] -= 1


@rule
def show(w, kind):
    """Lays ``kind``, of the layer ``beam``, over every marked agent: last in a step, since that layer is cleared."""
    for i in range(w.n_agents):
        if w.mark[i] > 0 and w.out[i] == 0:
            w.grid[w.pos[i, 0], w.pos[i, 1], w.layer[kind]] = kind
