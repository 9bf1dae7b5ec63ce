"""The defector of Coins: takes every coin, whoever pays for it."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class CoinsDefector(Bot):
    """Walks to the nearest coin, and about where it sees none."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        to_coin, _ = view.toward(view.shows("orange", "blue"))
        return self.walk(view, to_coin, otherwise=self.wander(view, seat))
