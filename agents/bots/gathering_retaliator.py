"""Gathering's retaliator: eats, and pays back every hit with one of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.agents.bots.gathering_defector import GatheringDefector
from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.view import View


class GatheringRetaliator(GatheringDefector):
    """Cooperates until it is hit, which it knows by the cross on itself or by being away; then tags once for each."""

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, how often it was hit of late, and what it owes."""
        zeros = np.zeros(n_streams, np.int64)
        return super().new_carry(n_streams) | {"taken": zeros, "owed": zeros.copy()}

    def fights(self, view: View, seat: Seat | None) -> np.ndarray:
        """Returns who still has to pay something back, bool [n_streams]."""
        if seat is None:
            return np.zeros(len(view.grid), np.bool_)
        away = view.here(view.grid[..., self.codes.agent_layer]) == 0
        taken = np.where(away, 2, view.here(view.shows("hit")))
        seat.carry["owed"] += (taken - seat.carry["taken"]).clip(0)
        seat.carry["taken"][:] = taken
        return seat.carry["owed"] > 0

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        actions = super().take_actions(states, seat)
        if seat is not None:
            seat.carry["owed"] -= actions == self.action("tag")
        return actions
