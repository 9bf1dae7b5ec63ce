"""Boat race's conditional rower: rows until strokes of its own have failed a number of times, then it flails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.agents.bots.boat_race_cooperator import BoatRaceCooperator
from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.view import STEPS, View
from sorrelsim.models.ranges import Length


@dataclass(frozen=True)
class BoatRaceConditionalConfig:
    """Settings of the conditional rower."""

    patience: Length = 2
    """Strokes without the partner's after which it flails, until it lands."""


class BoatRaceConditional(BoatRaceCooperator):
    """Does as the cooperator does while its partner rows with it; in each race it begins with good will."""

    Config = BoatRaceConditionalConfig

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns what the cooperator keeps, whether each stream rowed last, and how often it did so alone."""
        more = {"rowed": np.zeros(n_streams, np.bool_), "failed": np.zeros(n_streams, np.int64)}
        return super().new_carry(n_streams) | more

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        actions = super().take_actions(states, seat)
        if seat is None:
            return actions
        view = self.see(states)
        rowed, failed = seat.carry["rowed"], seat.carry["failed"]
        seats = view.shows("seat")
        failed += rowed & self._alone(view)
        failed[~view.here(seats)] = 0
        paired = view.here(seats) & view.beside(seats & view.shows("agent")).any(1)
        actions = np.where(paired & (failed >= self.config.patience), self.action("flail"), actions)
        rowed[:] = actions == self.action("row")
        return actions

    def _alone(self, view: View) -> np.ndarray:
        """Returns whether its own oar shows a stroke, and that on the far side of its partner none, bool [n]."""
        beside = view.beside(view.shows("seat") & view.shows("agent"))
        rows, cols = np.array(STEPS)[beside.argmax(axis=1)].T
        oars, n = np.pad(view.shows("row_oar"), ((0, 0), (2, 2), (2, 2))), np.arange(len(beside))
        own, other = (oars[n, view.row + k * rows + 2, view.col + k * cols + 2] for k in (-1, 2))
        return beside.any(axis=1) & own & ~other
