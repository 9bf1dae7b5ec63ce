"""What there is to practise in a world, and where what pays lies: read off its actions and its map."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.play.keys import moves_of, rotations_of, specials_of

ALIKE = 4
"""From so many special actions on that begin with the same word, one of them is enough."""


@dataclass(frozen=True)
class Step:
    """Something to do.

    Attributes:
        what: ``move``, ``turn``, ``special`` or ``earn``.
        title: What to do, in words.
        actions: The actions that do it; any of them will do. None in particular for ``earn``.
    """

    what: str
    title: str
    actions: tuple[int, ...] = ()


def steps_of(actions: Sequence[str]) -> tuple[Step, ...]:
    """Returns the steps of a practice with these actions."""
    steps = []
    if moves := moves_of(actions):
        steps.append(Step("move", "Walk", tuple(moves)))
    if rotations := rotations_of(actions):
        steps.append(Step("turn", "Turn", tuple(rotations)))
    families: dict[str, list[int]] = {}
    for action in specials_of(actions):
        families.setdefault(actions[action].partition("_")[0], []).append(action)
    for word, family in families.items():
        if len(family) >= ALIKE:
            steps.append(Step("special", f"{_sentence(word)}: try one of these", tuple(family)))
        else:
            steps += [Step("special", _sentence(actions[action]), (action,)) for action in family]
    return (*steps, Step("earn", "Earn something"))


def _sentence(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def way_to(world: Gridworld, slot: int, kinds: Sequence[int]) -> str:
    """Returns where the nearest thing of some kinds lies that an agent can walk to, as seen on the map; "" for none."""
    found = nearest(world, slot, kinds)
    if found is None:
        return ""
    row, col = (int(a - b) for a, b in zip(found, world.pos[0, slot], strict=True))
    if world.wraps:  # the short way round
        row = (row + world.height // 2) % world.height - world.height // 2
        col = (col + world.width // 2) % world.width - world.width // 2
    here = set(world.grid[0, found[0], found[1]].tolist())
    name = next(kind.name for kind in world.kinds if kind in here and kind in kinds).lower().replace("_", " ")
    parts = [f"{abs(row)} {'down' if row > 0 else 'up'}"] if row else []
    parts += [f"{abs(col)} to the {'right' if col > 0 else 'left'}"] if col else []
    return f"{name}: {' and '.join(parts) or 'where you stand'} on the map"


def nearest(world: Gridworld, slot: int, kinds: Sequence[int]) -> tuple[int, int] | None:
    """Returns row and column of the nearest cell with one of some kinds that an agent can walk to; None for none."""
    if world.out[0, slot] != 0 or not len(kinds):
        return None
    blocked = world.codes.solid[world.grid[0]].max(axis=-1) + (world.occupant[0] >= 0)
    wanted = np.isin(world.grid[0], [int(kind) for kind in kinds]).max(axis=-1)
    start = (int(world.pos[0, slot, 0]), int(world.pos[0, slot, 1]))
    seen, queue = {start}, deque([start])
    while queue:
        row, col = queue.popleft()
        if wanted[row, col]:
            return row, col
        for at_row, at_col in ((row - 1, col), (row, col + 1), (row + 1, col), (row, col - 1)):
            if world.wraps:
                at_row, at_col = at_row % world.height, at_col % world.width
            inside = 0 <= at_row < world.height and 0 <= at_col < world.width
            if inside and (at_row, at_col) not in seen and not blocked[at_row, at_col]:
                seen.add((at_row, at_col))
                queue.append((at_row, at_col))
    return None
