"""Chemistry's energy maker: brings x and y together, for the energy that the cycles of all need."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import around


class ChemistryMaker(Bot):
    """Takes the nearest x or y to one of the other kind, waits beside it until they react, and lays the energy down."""

    def set_up(self) -> None:
        """Finds the ids of what can be in a hand."""
        super().set_up()
        self.hand = self.codes.layers.index("hand")
        self.x, self.y, self.white = (self.codes.names.index(f"held_{name}") for name in ("x", "y", "white"))

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        hands = view.grid[np.arange(len(view.grid)), view.row, view.col, self.hand]
        carries = (hands == self.x) | (hands == self.y)
        x, y = view.shows("x"), view.shows("y")
        other = np.where((hands == self.x)[:, None, None], y, x)
        met = other | around(other)  # it reacts with what lies in its own cell too
        direction, distance = view.toward(np.where(carries[:, None, None], met, x | y))
        walk = self.walk(view, direction, otherwise=self.wander(view, seat))
        waits = (hands == self.white) | (carries & (distance == 0))
        swaps = ((hands == 0) & (distance == 0)) | ((hands > 0) & ~carries)
        return np.where(waits, self.stay, np.where(swaps, self.action("io"), walk))
