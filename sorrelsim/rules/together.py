"""All agents move at once, as in worlds where nobody goes first: who gets a cell that several want, who may follow."""

from __future__ import annotations

from sorrelsim.rules import draw
from sorrelsim.rules.movement import ahead, faces_wall, lift, place
from sorrelsim.rules.rule import rule

STAY = -1
"""The course of an agent that stays."""

REFUSED = 4  # a bit above the directions


@rule
def walk(w, courses, lots):
    """Walks all agents at once, each one cell on its course.

    Following works, in chains and rings too. Who heads for something solid, off the map, or for the cell of one who
    stays, whether by choice or because it must, stays as well.

    Args:
        w: The copy.
        courses: Each agent's map direction, or :data:`STAY`: state of the world's own, ``int[agent]``. Afterwards
            ``STAY`` for all who did not move.
        lots: Whether a cell that several head for goes to a uniformly random one of them, and nobody swaps; else it
            goes to nobody, and two may swap.
    """
    draw.agent_order(w)
    for i in range(w.n_agents):
        if w.out[i] != 0 or w.frozen[i] > 0 or (courses[i] >= 0 and faces_wall(w, i, courses[i])):
            courses[i] = STAY
    refused = True
    while refused:
        refused = False
        for k in range(w.n_agents):
            if courses[w.order[k]] >= 0 and _clashes(w, courses, lots, k):
                courses[w.order[k]] |= REFUSED  # it is still in the way of others until all have been asked
                refused = True
        for i in range(w.n_agents):
            if courses[i] >= REFUSED:
                courses[i] = STAY
    for i in range(w.n_agents):
        if courses[i] >= 0:
            lift(w, i)
    for i in range(w.n_agents):
        if courses[i] >= 0:
            row, col = ahead(w, i, courses[i])
            place(w, i, row, col)


@rule
def _clashes(w, courses, lots, k):
    """Returns whether the k-th agent of ``w.order`` must stay, as others are going now."""
    i = w.order[k]
    row, col = ahead(w, i, courses[i] & 3)
    for m in range(w.n_agents):
        j = w.order[m]
        if j == i or w.out[j] != 0:
            continue
        here = w.pos[j, 0] == row and w.pos[j, 1] == col
        if courses[j] == STAY:
            if here:
                return True
            continue
        there = ahead(w, j, courses[j] & 3)
        if there[0] == row and there[1] == col and (m < k or not lots):
            return True
        if lots and here and there[0] == w.pos[i, 0] and there[1] == w.pos[i, 1]:
            return True
    return False
