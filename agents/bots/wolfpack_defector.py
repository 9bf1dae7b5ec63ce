"""Wolfpack's defector: a lone wolf, who runs for the prey."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class WolfpackDefector(Bot):
    """Walks to the prey and catches it, whoever is near; about where it sees none."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        to_prey, _ = view.toward(view.shows("prey"))
        return self.walk(view, to_prey, otherwise=self.wander(view, seat))
