"""Level-based foraging: goes to the nearest food and loads it, whether that can work or not."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View

FOOD = tuple(f"food_{level}" for level in range(1, 10))
AGENTS = tuple(f"level_{level}" for level in range(1, 4))


class LevelBasedForagingNearest(Bot):
    """Walks to the nearest food that it wants and loads it; about where it sees none. Base of those who choose."""

    def wanted(self, view: View) -> np.ndarray:
        """Returns the food that each one goes for, bool [n, rows, cols]."""
        return view.shows(*FOOD)

    def ready(self, view: View, wanted: np.ndarray) -> np.ndarray:
        """Returns who loads once it is there, rather than wait, bool [n]."""
        return np.ones(len(wanted), np.bool_)

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        wanted = self.wanted(view)
        to_food, _ = view.toward(wanted)
        about = self.wander(view, seat)
        # Two who head for one cell both stay, and would for ever if neither ever strayed.
        strays = self.rng.random(len(about)) < self.turning_chance
        walk = np.where(strays, about, self.walk(view, to_food, otherwise=about))
        stand = np.where(self.ready(view, wanted), self.action("load"), self.stay)
        return np.where(view.beside(wanted).any(axis=1), stand, walk)


def levels(view: View, names: tuple[str, ...]) -> np.ndarray:
    """Returns the level of what lies in each cell, the k-th of the names having level k: int64 [n, rows, cols]."""
    found = np.zeros(view.grid.shape[:3], np.int64)
    for level, name in enumerate(names, 1):
        found[view.shows(name)] = level
    return found
