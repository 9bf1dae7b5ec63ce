"""Gathering's cooperator: eats, and never tags."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class GatheringCooperator(Bot):
    """Walks to the nearest apple, and about where it sees none."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        to_apple, _ = view.toward(view.shows("apple"))
        return self.walk(view, to_apple, otherwise=self.wander(view, seat))
