"""Chemistry's holder: takes a distractor and keeps it for the little that it pays, which feeds nobody else."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class ChemistryHolder(Bot):
    """Walks to the nearest distractor, takes it, and stands still with it for good."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        hands = view.grid[np.arange(len(view.grid)), view.row, view.col, self.codes.layers.index("hand")]
        direction, distance = view.toward(view.shows("distractor"))
        fetch = self.walk(view, direction, otherwise=self.wander(view, seat))
        return np.where(hands > 0, self.stay, np.where(distance == 0, self.action("io"), fetch))
