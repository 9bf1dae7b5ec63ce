"""Clean Up's cooperator: cleans the river while what it sees of it is dirty, and eats otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View
from sorrelsim.models.explanation import Explanation
from sorrelsim.models.ranges import Length, MaybeWidth, Probability


@dataclass(frozen=True)
class CooperatorConfig:
    """Settings of the cleaner."""

    dirt_share: Probability = 0.1
    """Share of dirt in the river cells in view above which it cleans."""
    beam_length: Length = 3
    """Length of the cleaning beam."""
    beam_radius: MaybeWidth = 1
    """Radius of the cleaning beam."""


class CleanupCooperator(Bot):
    """Goes to the dirt that it sees and cleans it; where there is little it eats, or looks about."""

    Config = CooperatorConfig

    def cleans(self, view: View) -> np.ndarray:
        """Returns who sees enough dirt to clean rather than eat, bool [n_streams]."""
        # In the grid dirt lies on water, so the river in view is the water in view.
        river = view.shows("water").sum(axis=(1, 2))
        return view.shows("dirt").sum(axis=(1, 2)) > self.config.dirt_share * river

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        dirt, cleans = view.shows("dirt"), self.cleans(view)
        to_dirt, _ = view.toward(dirt)
        to_apple, _ = view.toward(view.shows("apple"))
        about = self.wander(view, seat)
        aims = view.in_beam(dirt, self.config.beam_length, self.config.beam_radius)
        clean = np.where(aims, self.action("clean"), self.turn_and_walk(view, to_dirt, otherwise=about))
        return np.where(cleans, clean, self.walk(view, to_apple, otherwise=about))

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns which dirt or apple it goes for."""
        view = self.see_one(state)
        thing, phrase = ("dirt", "cleans the river") if self.cleans(view)[0] else ("apple", "goes to eat")
        goal = view.goal(view.shows(thing))
        return Explanation(goal=goal, phrase=phrase if goal else "looks about")
