"""The cooperator of Coins: takes only coins of its own colour."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class CoinsCooperator(Bot):
    """Walks to the nearest coin of its colour, and around the others."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        orange, blue = view.shows("orange"), view.shows("blue")
        owns_orange = (view.parts["own_colour"][:, 0] > 0)[:, None, None]
        own, other = np.where(owns_orange, orange, blue), np.where(owns_orange, blue, orange)
        to_coin, _ = view.toward(own, avoid=other)
        return self.walk(view, to_coin, otherwise=self.wander(view, seat, avoid=other))
