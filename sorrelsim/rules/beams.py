"""Beams: which cells an agent's beam hits, and how it is stopped."""

from __future__ import annotations

from sorrelsim.rules import events
from sorrelsim.rules.grid import inside, is_solid, wrapped
from sorrelsim.rules.movement import col_step, row_step
from sorrelsim.rules.rule import rule


@rule
def fires(w, i, waits, action, cooldown):
    """Returns whether agent ``i`` fires in this step: it chose ``action``, is on the grid, and its beam is ready.

    Call it once per step and agent: it also counts down ``waits[i]``, so that an agent can fire every
    ``cooldown + 1`` steps. The wait stands still while the agent is out.
    """
    if w.out[i] != 0:
        return False
    if waits[i] > 0:
        waits[i] -= 1
        return False
    if w.action[i] != action:
        return False
    waits[i] = cooldown
    return True


@rule
def readiness(w, i, waits, cooldown):
    """Returns how ready the beam of agent ``i`` is, from 0 just after firing to 1; 0 while it is out."""
    if w.out[i] != 0:
        return 0.0
    if cooldown <= 0:
        return 1.0 if waits[i] <= 0 else 0.0
    return max(0.0, 1.0 - waits[i] / cooldown)


@rule
def see_zap_readiness(w, i, into):
    """Writes the scalar ``ready_to_shoot``, for worlds with the state ``zap_wait`` and the param ``zap_cooldown``."""
    into[0] = readiness(w, i, w.zap_wait, w.p.zap_cooldown)


@rule
def zap(w, i, n, fired, received, pair=-1):
    """Pays, marks and counts a zap of agent ``i`` that hit the cells ``w.hits[:n]``.

    For worlds with the state ``zapped``, by which :func:`~sorrelsim.rules.movement.send_off` takes those hit off the
    grid once all have fired, and the params ``zap_value`` and ``hit_value``; ``fired`` and ``received`` are events,
    and ``pair`` is one declared with :func:`~sorrelsim.rules.events.pair`, by which who zapped whom is noted.
    """
    w.reward[i] += w.p.zap_value
    w.events[i, fired] += 1
    for h in range(n):
        hit = w.occupant[w.hits[h, 0], w.hits[h, 1]]
        if hit >= 0 and hit != i:
            w.zapped[hit] = 1
            w.reward[hit] += w.p.hit_value
            w.events[hit, received] += 1
            if pair >= 0:
                events.note(w, i, pair, hit)


@rule
def cast(w, i, beam, length, radius):
    """Fires ``beam`` from agent ``i`` and lists the cells that it hits in ``w.hits[:n]``; returns n.

    The centre column is the ``length`` cells ahead, from 1; a column r cells to a side is ``length - r + 1`` cells
    that start beside the agent. A cell that stops the beam ends its column, and is hit or not as its kind says
    (``w.blocks``). If the first cell of a side column stops the beam, wider columns on that side are skipped. The
    edge of the map stops it. Hit cells show the beam until the next step.

    Source: Melting Pot 2, ``hitBeam`` of its engine.
    """
    n = column(w, i, beam, length, 0, 0)
    for side in range(-1, 2, 2):
        for r in range(1, radius + 1):
            n = column(w, i, beam, length - r + 1, side * r, n)
            if w.beam_blocked[0]:
                break
    return n


@rule
def column(w, i, beam, cells, side, n):
    """Appends one column of a beam to ``w.hits`` from ``n`` on; returns the new n.

    Sets ``w.beam_blocked[0]`` to whether its first cell stopped it.
    """
    ahead = w.facing[i]
    right = (ahead + 1) & 3
    dr, dc = row_step(ahead), col_step(ahead)
    start = 1 if side == 0 else 0
    row = w.pos[i, 0] + side * row_step(right) + start * dr
    col = w.pos[i, 1] + side * col_step(right) + start * dc
    layer = w.layer[beam]
    w.beam_blocked[0] = 0
    for k in range(cells):
        if w.wrap:
            row, col = wrapped(row, w.height), wrapped(col, w.width)
        elif row < 0 or row >= w.height or col < 0 or col >= w.width:
            w.beam_blocked[0] = k == 0
            return n
        stop = 0
        for z in range(w.n_layers):
            block = w.blocks[beam, w.grid[row, col, z]]
            if block > stop:
                stop = block
        if stop < 2:
            w.grid[row, col, layer] = beam
            w.hits[n, 0] = row
            w.hits[n, 1] = col
            n += 1
        if stop > 0:
            w.beam_blocked[0] = k == 0
            return n
        row += dr
        col += dc
    return n


@rule
def first(w, i, side, direction, reach):
    """Returns the agent that a straight look meets before any wall, or -1; for maps that do not wrap.

    It goes ``reach`` cells in a map direction, from the one after the cell ``side`` steps to the right of agent ``i``.
    """
    right = (w.facing[i] + 1) & 3
    row = w.pos[i, 0] + side * row_step(right)
    col = w.pos[i, 1] + side * col_step(right)
    for _ in range(reach):
        row += row_step(direction)
        col += col_step(direction)
        if not inside(w, row, col) or is_solid(w, row, col):
            return -1
        if w.occupant[row, col] >= 0:
            return w.occupant[row, col]
    return -1


@rule
def cast_fork(w, i, beam):
    """Fires ``beam`` at four cells, whatever lies in them: one and two ahead, and those beside the first.

    Lists those that are on the map in ``w.hits[:n]``, and shows the beam in them; returns n. For maps that do not wrap.
    Source: SocialJax.
    """
    n = 0
    ahead = w.facing[i]
    right = (ahead + 1) & 3
    for cell in range(4):
        far = 2 if cell == 1 else 1
        side = 0 if cell < 2 else 2 * cell - 5
        row = w.pos[i, 0] + far * row_step(ahead) + side * row_step(right)
        col = w.pos[i, 1] + far * col_step(ahead) + side * col_step(right)
        if inside(w, row, col):
            w.grid[row, col, w.layer[beam]] = beam
            w.hits[n, 0] = row
            w.hits[n, 1] = col
            n += 1
    return n
