"""Allelopathic Harvest's free rider: eats the ripe berries that it sees and never plants."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class AllelopathicHarvestDefector(Bot):
    """Walks to the nearest ripe berry, and about where it sees none."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        to_berry, _ = view.toward(view.shows("ripe_red", "ripe_green", "ripe_blue"))
        return self.walk(view, to_berry, otherwise=self.wander(view, seat))
