"""Chemistry's eater: picks up food and digests it, and leaves the work that makes it to others."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class ChemistryEater(Bot):
    """Walks to the nearest food with an empty hand, takes it, and waits with it until it reacts."""

    def set_up(self) -> None:
        """Finds the ids of what it waits with."""
        super().set_up()
        self.hand = self.codes.layers.index("hand")
        self.waits = [self.codes.names.index(f"held_{name}") for name in ("food1", "food2", "food3", "white")]

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        hands = view.grid[np.arange(len(view.grid)), view.row, view.col, self.hand]
        direction, distance = view.toward(view.shows("food1", "food2", "food3"))
        walk = self.walk(view, direction, otherwise=self.wander(view, seat))
        swaps = (distance == 0) | (hands > 0)  # what came into its hand otherwise, it lays down
        return np.where(np.isin(hands, self.waits), self.stay, np.where(swaps, self.action("io"), walk))
