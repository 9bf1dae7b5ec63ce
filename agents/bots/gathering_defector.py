"""Gathering's defector: tags whomever it sees, and eats while nobody is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View
from sorrelsim.models.explanation import Explanation
from sorrelsim.models.ranges import MaybeWidth


@dataclass(frozen=True)
class GatheringDefectorConfig:
    """Settings of the tagger."""

    chase: MaybeWidth = 4
    """Steps to another agent up to which it goes after it; farther ones it only tags where they cross its beam."""


class GatheringDefector(Bot):
    """Tags whoever stands straight ahead and goes after whoever is near; else walks to the nearest apple."""

    Config = GatheringDefectorConfig

    def fights(self, view: View, seat: Seat | None) -> np.ndarray:
        """Returns who is after agents now rather than after apples, bool [n_streams]."""
        return np.ones(len(view.grid), np.bool_)

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        fights = self.fights(view, seat)
        others = view.shows("agent") & fights[:, None, None]
        to_apple, _ = view.toward(view.shows("apple"))
        to_other, away = view.toward(others)
        eat = self.walk(view, to_apple, otherwise=self.wander(view, seat))
        hunt = np.where(away <= self.config.chase, self.turn_and_walk(view, to_other, otherwise=eat), eat)
        return np.where(view.in_beam(others, self.window.forward, 0), self.action("tag"), hunt)

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns whom it is after, or which apple it goes for."""
        view = self.see_one(state)
        others = view.shows("agent") & self.fights(view, seat)[:, None, None]
        if view.in_beam(others, self.window.forward, 0)[0]:
            return Explanation(phrase="tags")
        _, away = view.toward(others)
        if 0 <= away[0] <= self.config.chase:
            return Explanation(goal=view.goal(others), phrase="goes after it")
        goal = view.goal(view.shows("apple"))
        return Explanation(goal=goal, phrase="goes to eat" if goal else "looks for apples")
