"""Fruit Market's shover: lives off its own trees, and shoves whoever comes before it out of the way."""

from __future__ import annotations

import numpy as np

from sorrelsim.agents.bots.fruit_market_defector import FruitMarketDefector
from sorrelsim.models.base import Observation, Seat

REACH = 2  # cells ahead


class FruitMarketShover(FruitMarketDefector):
    """Does as the defector does, but shoves others whenever it can."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        shoves = view.in_beam(view.shows("agent"), REACH, 0) & (view.parts["ready_to_shoot"][:, 0] > 0)
        return np.where(shoves, self.action("shove"), super().take_actions(states, seat))
