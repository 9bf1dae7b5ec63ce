"""Daycare's defector: a parent that eats what is nearest, or a child that asks for nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.agents.bots.daycare_cooperator import reach_and_eat
from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot

FRUIT = ("apple", "banana", "apple_in_tree", "banana_in_tree", "apple_in_shrub", "banana_in_shrub")


class DaycareDefector(Bot):
    """A parent walks to the nearest fruit, takes it and eats it; a child stands still."""

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, and whether its last action was to grasp."""
        return super().new_carry(n_streams) | {"pressed": np.zeros(n_streams, np.bool_)}

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        pressed = seat.carry["pressed"] if seat is not None else self.rng.random(len(view.grid)) < 0.5
        eats = reach_and_eat(self, view, [FRUIT], pressed, seat)
        actions = np.where(view.here(view.shows("child")), self.stay, eats)
        if seat is not None:
            pressed[:] = actions == self.action("grasp")
        return actions
