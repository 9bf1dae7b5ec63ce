"""Gathering's defector: tags whomever it sees, and eats while nobody is there."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View


class GatheringDefector(Bot):
    """Turns towards the nearest agent and tags it when it stands straight ahead; else walks to the nearest apple."""

    def fights(self, view: View, seat: Seat | None) -> np.ndarray:
        """Returns who is after agents now rather than after apples, bool [n_streams]."""
        return np.ones(len(view.grid), np.bool_)

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        fights = self.fights(view, seat)
        others = view.shows("agent") & fights[:, None, None]
        to_apple, _ = view.toward(view.shows("apple"))
        to_other, _ = view.toward(others)
        eat = self.walk(view, to_apple, otherwise=self.wander(view, seat))
        hunt = self.turn_and_walk(view, to_other, otherwise=eat)
        return np.where(self.aims(view, others), self.action("tag"), hunt)

    def aims(self, view: View, others: np.ndarray) -> np.ndarray:
        """Returns whose beam would hit one of ``others[n, rows, cols]``, bool [n_streams]; walls are left aside."""
        return view.in_beam(others, self.window.forward, 0)
