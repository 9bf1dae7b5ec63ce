"""Gift Refinements' defector: consumes whatever it gets hold of and gives nothing back."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class GiftDefector(Bot):
    """Consumes at once what it holds; without anything it walks to the nearest token."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        to_token, _ = view.toward(view.shows("token"))
        seek = self.walk(view, to_token, otherwise=self.wander(view, seat))
        return np.where((view.parts["inventory"] > 0).any(1), self.action("consume"), seek)
