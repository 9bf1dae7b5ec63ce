"""Cells: what lies where, and how many of a kind lie around. All positions are (row, col)."""

from __future__ import annotations

from sorrelsim.rules import draw
from sorrelsim.rules.rule import rule


@rule
def put(w, row, col, kind):
    """Lays ``kind`` into its layer of a cell, over whatever lay there."""
    w.grid[row, col, w.layer[kind]] = kind


@rule
def take(w, row, col, kind):
    """Empties the layer of ``kind`` in a cell."""
    w.grid[row, col, w.layer[kind]] = 0


@rule
def has(w, row, col, kind):
    """Returns whether ``kind`` lies in a cell."""
    return w.grid[row, col, w.layer[kind]] == kind


@rule
def inside(w, row, col):
    """Returns whether (row, col) is a cell of the map."""
    return row >= 0 and row < w.height and col >= 0 and col < w.width


@rule
def wrapped(i, n):
    """Returns coordinate ``i`` on a ring of ``n`` cells, for i in -n..2n-1."""
    if i < 0:
        return i + n
    if i >= n:
        return i - n
    return i


@rule
def is_solid(w, row, col):
    """Returns whether a cell holds something that agents cannot enter."""
    for layer in range(w.n_layers):
        if w.solid[w.grid[row, col, layer]]:
            return True
    return False


@rule
def is_free(w, row, col):
    """Returns whether an agent could stand on a cell: nothing solid and no agent in it."""
    return w.occupant[row, col] < 0 and not is_solid(w, row, col)


@rule
def count_disc(w, row, col, kind, radius):
    """Returns how many of ``kind`` lie within Euclidean distance ``radius`` of a cell, itself left out."""
    return _count_around(w, row, col, kind, radius, radius * radius)


@rule
def count_square(w, row, col, kind, radius):
    """Returns how many of ``kind`` lie within ``radius`` rows and columns of a cell, itself left out."""
    return _count_around(w, row, col, kind, radius, 2 * radius * radius)


@rule
def _count_around(w, row, col, kind, radius, reach_squared):
    layer = w.layer[kind]
    found = 0
    for dr in range(-radius, radius + 1):
        for dc in range(-radius, radius + 1):
            if dr * dr + dc * dc <= reach_squared and (dr != 0 or dc != 0):
                r, c = row + dr, col + dc
                if w.wrap:
                    r, c = wrapped(r, w.height), wrapped(c, w.width)
                if inside(w, r, c) and w.grid[r, c, layer] == kind:
                    found += 1
    return found


@rule
def count_at(w, cells, kind):
    """Returns how many of the listed cells (a site, ``[n, 2]``) hold ``kind``."""
    layer = w.layer[kind]
    found = 0
    for k in range(cells.shape[0]):
        if w.grid[cells[k, 0], cells[k, 1], layer] == kind:
            found += 1
    return found


@rule
def pick_empty(w, cells, kind):
    """Returns the index of a uniformly random cell of a site with nothing in the layer of ``kind``; -1 if none."""
    layer = w.layer[kind]
    empty = 0
    for k in range(cells.shape[0]):
        if w.grid[cells[k, 0], cells[k, 1], layer] == 0:
            empty += 1
    if empty == 0:
        return -1
    chosen = draw.below(w, empty)
    for k in range(cells.shape[0]):
        if w.grid[cells[k, 0], cells[k, 1], layer] == 0:
            if chosen == 0:
                return k
            chosen -= 1
    return -1


@rule
def pick_free(w, cells):
    """Returns the index of a uniformly random cell of a site on which an agent could stand; -1 if there is none."""
    free = 0
    for k in range(cells.shape[0]):
        if is_free(w, cells[k, 0], cells[k, 1]):
            free += 1
    if free == 0:
        return -1
    chosen = draw.below(w, free)
    for k in range(cells.shape[0]):
        if is_free(w, cells[k, 0], cells[k, 1]):
            if chosen == 0:
                return k
            chosen -= 1
    return -1


@rule
def spread(w, counts, row, col, reach_squared, change):
    """Adds ``change`` to ``counts`` in every cell within a squared distance of 1 to ``reach_squared`` of a cell.

    With it a world keeps count of what lies around each cell (state of its own, ``per_cell()``) as things come and
    go, which is cheaper than counting anew each step. A squared reach of 4 is a disc of 12 cells, 2 a square of 8.
    """
    reach = 0
    while (reach + 1) * (reach + 1) <= reach_squared:
        reach += 1
    for dr in range(-reach, reach + 1):
        for dc in range(-reach, reach + 1):
            away = dr * dr + dc * dc
            if away > 0 and away <= reach_squared:
                r, c = row + dr, col + dc
                if w.wrap:
                    r, c = wrapped(r, w.height), wrapped(c, w.width)
                if inside(w, r, c):
                    counts[r, c] += change


@rule
def sprinkle(w, cells, kind, n, p):
    """Lays one of ``n`` kinds, from ``kind`` on, on each empty cell of a site (``[n, 2]``) with probability ``p``.

    All n are equally likely, share a layer, and nothing appears under an agent.
    """
    layer = w.layer[kind]
    for k in range(cells.shape[0]):
        row, col = cells[k, 0], cells[k, 1]
        if draw.chance(w, p) and w.grid[row, col, layer] == 0 and w.occupant[row, col] < 0:
            w.grid[row, col, layer] = kind + draw.below(w, n)
