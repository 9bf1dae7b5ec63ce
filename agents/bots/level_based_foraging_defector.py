"""Level-based foraging's defector: goes only for food that it can load by itself."""

from __future__ import annotations

import numpy as np

from sorrelsim.agents.bots.level_based_foraging_nearest import AGENTS, FOOD, LevelBasedForagingNearest, levels
from sorrelsim.models.bots.view import View


class LevelBasedForagingDefector(LevelBasedForagingNearest):
    """Walks to the nearest food of at most its own level and loads it; about where it sees none."""

    def wanted(self, view: View) -> np.ndarray:
        """Returns the food that each one goes for, bool [n, rows, cols]."""
        food, own = levels(view, FOOD), view.here(levels(view, AGENTS))
        return (food > 0) & (food <= own[:, None, None])
