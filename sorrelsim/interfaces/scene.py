"""What the whole of one copy looks like: kept from step to step, for a world that ends begins anew in the same call."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.pictures import painting

MODES = ("rgb_array", "human", "ansi")
"""Ways of showing a world."""


class Scene:
    """Copy 0 of a world as it is; once its episode has ended, as it was before the last step.

    Args:
        world: The world.
    """

    def __init__(self, world: Gridworld) -> None:
        self._world = world
        self._kept: tuple[np.ndarray, ...] | None = None
        self._over = False

    def keep(self) -> None:
        """Notes what there is; call it before a step."""
        world = self._world
        self._kept = world.grid[0].copy(), world.pos[0].copy(), world.facing[0].copy(), world.out[0].copy()

    def end(self, over: bool) -> None:
        """Says whether the episode is over."""
        self._over = over

    def _now(self) -> tuple[np.ndarray, ...]:
        world = self._world
        if self._over and self._kept is not None:
            return self._kept
        return world.grid[0], world.pos[0], world.facing[0], world.out[0]

    def state(self, dtype: Any) -> np.ndarray:
        """Returns the map's ids, ``[row, col, layer]``, and two layers more: 1 + the slot of whom stands there, and 1 +
        where that one faces (north, east, south, west); 0 for nobody.
        """
        grid, pos, facing, out = self._now()
        into = np.zeros((*grid.shape[:2], grid.shape[2] + 2), dtype)
        into[..., :-2] = grid
        there = np.flatnonzero(out == 0)
        rows, cols = pos[there].T
        into[rows, cols, -2] = there + 1
        into[rows, cols, -1] = facing[there] + 1
        return into

    def picture(self) -> np.ndarray:
        """Returns it painted: RGB ``uint8[row, col, 3]``."""
        grid, *bodies = self._now()
        return painting.picture(grid, self._world.codes, self._world.looks_table(), *bodies)

    def text(self) -> str:
        """Returns it as ASCII."""
        grid, *bodies = self._now()
        return painting.text(grid, self._world.codes, *bodies)
