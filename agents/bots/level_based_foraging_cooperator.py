"""Level-based foraging's cooperator: goes for the food that is nearest to all, and waits there for partners."""

from __future__ import annotations

import numpy as np

from sorrelsim.agents.bots.level_based_foraging_nearest import AGENTS, FOOD, LevelBasedForagingNearest, levels
from sorrelsim.models.bots.view import View


class LevelBasedForagingCooperator(LevelBasedForagingNearest):
    """Walks to the food that all whom it sees could load together, and loads when enough of them stand around it.

    Of several it takes the one with the fewest steps for all together, the upper left one of equals, so that players
    who see the same meet.
    """

    def wanted(self, view: View) -> np.ndarray:
        """Returns the food that each one goes for, bool [n, rows, cols]: one piece, or none."""
        food, strength = levels(view, FOOD), levels(view, AGENTS)
        n, rows, cols = food.shape
        can = (food > 0) & (food <= strength.sum(axis=(1, 2))[:, None, None])
        there = (strength > 0).astype(np.int64)
        steps = (there.sum(axis=2) @ apart(rows))[:, :, None] + (there.sum(axis=1) @ apart(cols))[:, None, :]
        best = np.where(can, steps, np.iinfo(np.int64).max).reshape(n, -1).argmin(axis=1)
        chosen = np.zeros((n, rows * cols), np.bool_)
        chosen[np.arange(n), best] = True
        return chosen.reshape(can.shape) & can

    def ready(self, view: View, wanted: np.ndarray) -> np.ndarray:
        """Returns around whose food enough levels stand, bool [n]."""
        around = np.pad(levels(view, AGENTS), ((0, 0), (1, 1), (1, 1)))
        beside = around[:, :-2, 1:-1] + around[:, 2:, 1:-1] + around[:, 1:-1, :-2] + around[:, 1:-1, 2:]
        return (wanted & (beside >= levels(view, FOOD))).any(axis=(1, 2))


def apart(n: int) -> np.ndarray:
    """Returns how far any two of ``n`` rows or columns lie apart, int64 [n, n]."""
    return abs(np.arange(n)[:, None] - np.arange(n))
