"""Externality Mushrooms' cooperator: eats what pays others too, blue before green, and leaves the rest."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class MushroomsCooperator(Bot):
    """Walks to the nearest blue or green mushroom, around red and orange ones."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        left = view.shows("red", "orange")
        to_meal, _ = view.toward(view.shows("blue", "green"), avoid=left)
        return self.walk(view, to_meal, otherwise=self.wander(view, seat, avoid=left))
