"""Carrying: an agent holds a thing at arm's length, takes it along as it walks and swings it round as it turns.

A world that uses it declares the state ``held``, ``per_agent()``, the number of the thing that an agent holds, from 1,
0 for none; ``held_at``, ``per_agent(shape=(2,))``, where that is; and ``thing``, ``per_cell()``, the number of what is
held or lies in a cell, 0 for nothing. Things share a layer, one to a cell; they go over all else, walls and agents too.
Source: ``connect`` of Melting Pot 2's engine.
"""

from __future__ import annotations

from sorrelsim.rules import draw, movement
from sorrelsim.rules.grid import inside, wrapped
from sorrelsim.rules.rule import rule


@rule
def take(w, i, row, col):
    """Puts the thing in a cell into the hands of agent ``i``; returns the agent out of whose hands it comes, or -1."""
    other = -1
    for j in range(w.n_agents):
        if w.held[j] == w.thing[row, col] and j != i:
            w.held[j] = 0
            other = j
    w.held[i] = w.thing[row, col]
    w.held_at[i, 0] = row
    w.held_at[i, 1] = col
    return other


@rule
def use_up(w, i, kind):
    """Takes what agent ``i`` holds out of the world; returns its number. ``kind`` is any of the layer of things."""
    row, col, number = w.held_at[i, 0], w.held_at[i, 1], w.held[i]
    w.grid[row, col, w.layer[kind]] = 0
    w.thing[row, col] = 0
    w.held[i] = 0
    return number


@rule
def move(w, kind):
    """Carries out the :data:`~sorrelsim.rules.movement.EGOCENTRIC` actions; what is held goes along.

    A walk is refused if there is no room for the thing, because another lies there or the map ends; a turn only rotates
    the agent, see :func:`swing`.

    Args:
        w: The copy.
        kind: Any kind of the layer in which things lie.
    """
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] == 0 and w.frozen[i] == 0:
            direction = movement.course(w, i)
            if direction < 0:
                movement.rotate(w, i)
            elif w.held[i] == 0:
                movement.step(w, i, direction)
            else:
                row, col = _beside(w, w.held_at[i, 0], w.held_at[i, 1], direction)
                if inside(w, row, col) and w.thing[row, col] == 0 and movement.step(w, i, direction):
                    _shift(w, i, row, col, kind)


@rule
def swing(w, kind):
    """Brings what those hold who turned to the cell ahead; call it after all have moved.

    Where another thing lies there, or the map ends, it stays where it is and is still held.
    """
    for i in range(w.n_agents):
        if w.held[i] > 0 and w.out[i] == 0 and w.action[i] >= movement.TURN_LEFT and w.action[i] <= movement.TURN_RIGHT:
            row, col = movement.ahead(w, i, w.facing[i])
            if inside(w, row, col) and w.thing[row, col] == 0:
                _shift(w, i, row, col, kind)


@rule
def _beside(w, row, col, direction):
    """Returns the cell next to a cell; it may lie beyond the map's edge."""
    row += movement.row_step(direction)
    col += movement.col_step(direction)
    if w.wrap:
        row, col = wrapped(row, w.height), wrapped(col, w.width)
    return row, col


@rule
def _shift(w, i, row, col, kind):
    """Moves what agent ``i`` holds to another cell."""
    layer = w.layer[kind]
    at_row, at_col = w.held_at[i, 0], w.held_at[i, 1]
    w.grid[row, col, layer] = w.grid[at_row, at_col, layer]
    w.grid[at_row, at_col, layer] = 0
    w.thing[at_row, at_col] = 0
    w.thing[row, col] = w.held[i]
    w.held_at[i, 0] = row
    w.held_at[i, 1] = col
