"""Grasping: an agent takes hold of a thing ahead, and the thing goes where its holder goes until it lets go.

A world that uses it declares, each ``per_agent()``, the state ``grip`` (the layer, from 1, of the thing that the agent
grasps, 0 for nothing) and ``grip_at`` (shape 2, where that lies). Solid things need a cell for themselves; others fit
wherever their layer is free and nothing is opaque, also on an agent. A thing need not lie ahead: where it does not fit
when its holder turns, it stays, and is held still. Source: ``AvatarGrasp`` of Melting Pot 2.
"""

from __future__ import annotations

from sorrelsim.rules import draw, movement
from sorrelsim.rules.grid import inside, is_solid
from sorrelsim.rules.rule import rule


@rule
def holder(w, kind, row, col):
    """Returns who grasps what lies in the layer of ``kind`` in a cell, or -1."""
    for i in range(w.n_agents):
        if w.grip[i] == w.layer[kind] + 1 and w.grip_at[i, 0] == row and w.grip_at[i, 1] == col:
            return i
    return -1


@rule
def reach(w, i, kind):
    """Returns whether agent ``i`` gets hold of ``kind``: it lies ahead of it, and nobody grasps it."""
    row, col = movement.ahead(w, i, w.facing[i])
    if not inside(w, row, col) or w.grid[row, col, w.layer[kind]] != kind or holder(w, kind, row, col) >= 0:
        return False
    w.grip[i] = w.layer[kind] + 1
    w.grip_at[i, 0], w.grip_at[i, 1] = row, col
    return True


@rule
def move(w, hand):
    """Carries out the actions :data:`~sorrelsim.rules.movement.EGOCENTRIC`, agents in a fresh random order.

    Agents move as by :func:`~sorrelsim.rules.movement.move`, but together with what they grasp, if both fit. After all
    have moved, what is grasped comes to lie where its holder looks if that turned, or would look if it were not frozen.

    Args:
        w: The copy.
        hand: Any kind of the layer ``beam``, by which is told what is opaque.
    """
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] == 0 and w.frozen[i] == 0:
            way = movement.course(w, i)
            if way >= 0:
                carry(w, i, way, hand)
            else:
                movement.turn(w, i, (w.facing[i] + _quarters(w, i)) & 3)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.grip[i] > 0 and _quarters(w, i) > 0:
            row, col = movement.ahead(w, i, (w.facing[i] + (_quarters(w, i) if w.frozen[i] > 0 else 0)) & 3)
            if _fits(w, i, row, col, hand) and w.occupant[row, col] != i:
                _shift(w, i, row, col)


@rule
def carry(w, i, way, hand):
    """Moves agent ``i`` and what it grasps by one cell in a map direction, if both fit; returns whether they moved."""
    row, col = movement.ahead(w, i, way)
    if not inside(w, row, col) or w.occupant[row, col] >= 0:
        return False
    if w.grip[i] == 0:
        return movement.step(w, i, way)
    pushed = w.grip_at[i, 0] == row and w.grip_at[i, 1] == col and w.solid[w.grid[row, col, w.grip[i] - 1]] > 0
    to_row, to_col = movement.beside(w, w.grip_at[i, 0], w.grip_at[i, 1], way)
    if (is_solid(w, row, col) and not pushed) or not _fits(w, i, to_row, to_col, hand):
        return False
    _shift(w, i, to_row, to_col)
    movement.lift(w, i)
    movement.place(w, i, row, col)
    return True


@rule
def show(w, hand):
    """Lays the kind ``hand``, of the layer ``beam``, over what agents grasp: last in a step, as that is cleared."""
    for i in range(w.n_agents):
        if w.grip[i] > 0:
            w.grid[w.grip_at[i, 0], w.grip_at[i, 1], w.layer[hand]] = hand


@rule
def _quarters(w, i):
    """Returns the quarters to the right by which agent ``i`` wants to turn."""
    return 3 * (w.action[i] == movement.TURN_LEFT) + (w.action[i] == movement.TURN_RIGHT)


@rule
def _fits(w, i, row, col, hand):
    """Returns whether what agent ``i`` grasps can lie in a cell."""
    layer = w.grip[i] - 1
    if not inside(w, row, col) or w.grid[row, col, layer] != 0:
        return False
    if w.solid[w.grid[w.grip_at[i, 0], w.grip_at[i, 1], layer]] > 0:
        return not is_solid(w, row, col) and (w.occupant[row, col] < 0 or w.occupant[row, col] == i)
    for z in range(w.n_layers):
        if w.blocks[hand, w.grid[row, col, z]] == 2:
            return False
    return True


@rule
def _shift(w, i, row, col):
    """Lays what agent ``i`` grasps into another cell."""
    layer = w.grip[i] - 1
    w.grid[row, col, layer] = w.grid[w.grip_at[i, 0], w.grip_at[i, 1], layer]
    w.grid[w.grip_at[i, 0], w.grip_at[i, 1], layer] = 0
    w.grip_at[i, 0], w.grip_at[i, 1] = row, col
