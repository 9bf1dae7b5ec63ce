"""T-maze's rememberer: keeps the colour of the start in mind, and goes through the door of that colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot

UP, RIGHT, LEFT = 0, 1, 3


class TMazeRememberer(Bot):
    """Walks up while it can, then left for blue and right for red: what memory can get at most, 4 an episode."""

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, and whether it saw a red floor."""
        return super().new_carry(n_streams) | {"red": np.zeros(n_streams, np.bool_)}

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        red = view.shows("red_floor").any(axis=(1, 2))
        if seat is not None:
            seat.carry["red"] |= red
            red = seat.carry["red"]
        return self.walk(view, np.where(view.free[:, UP], UP, np.where(red, RIGHT, LEFT)))
