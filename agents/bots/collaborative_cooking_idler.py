"""Collaborative Cooking's idler: stands where it is, and in the way."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class CollaborativeCookingIdler(Bot):
    """Does nothing, ever."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        return np.full(len(self.see(states).grid), self.stay)
