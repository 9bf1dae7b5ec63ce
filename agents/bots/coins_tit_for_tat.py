"""Tit for tat for Coins: takes its own coins only, and one of the other's for each of its own that was taken."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.models.base import Observation, Seat, Transition
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View
from sorrelsim.models.explanation import Explanation


class CoinsTitForTat(Bot):
    """Cooperates until it is made to pay, pays back once, and cooperates again.

    That a coin of its colour was taken it knows by its reward, which is negative then.
    """

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, and how many coins it is owed."""
        return super().new_carry(n_streams) | {"owed": np.zeros(n_streams, np.int64)}

    def coins(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """Returns where coins of its own colour lie, and of the other's, bool [n_streams, rows, cols] each."""
        orange, blue = view.shows("orange"), view.shows("blue")
        owns_orange = (view.parts["own_colour"][:, 0] > 0)[:, None, None]
        return np.where(owns_orange, orange, blue), np.where(owns_orange, blue, orange)

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        own, other = self.coins(view)
        owed = (seat.carry["owed"] > 0 if seat is not None else np.zeros(len(own), np.bool_))[:, None, None]
        spared = other & ~owed
        to_own, _ = view.toward(own, avoid=spared)
        to_owed, _ = view.toward(other & owed)
        otherwise = self.walk(view, to_own, otherwise=self.wander(view, seat, avoid=spared))
        return self.walk(view, to_owed, otherwise=otherwise)

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns whether it is owed a coin, and which one it goes for."""
        view = self.see_one(state)
        own, other = self.coins(view)
        owed = int(seat.carry["owed"][0]) if seat is not None else 0
        if owed and (goal := view.goal(other)):
            return Explanation(goal=goal, phrase=f"pays back: is owed {owed}")
        goal = view.goal(own, avoid=None if owed else other)
        return Explanation(goal=goal, phrase="takes its own" if goal else "waits for its own")

    def remember(self, transition: Transition) -> None:
        """Counts what it is owed: one more for each loss, one less for each coin that it takes while it is owed any."""
        owed = transition.seat.carry["owed"]
        owed -= (owed > 0) & (transition.reward > 0)
        owed += transition.reward < 0
