"""Externality Mushrooms' defector: eats only what pays itself, the red ones."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class MushroomsDefector(Bot):
    """Walks to the nearest red mushroom, around all others."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        left = view.shows("blue", "green", "orange")
        to_meal, _ = view.toward(view.shows("red"), avoid=left)
        return self.walk(view, to_meal, otherwise=self.wander(view, seat, avoid=left))
