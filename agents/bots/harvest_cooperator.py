"""Harvest's cooperator: eats only apples that have enough others around them, so that patches grow back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View
from sorrelsim.models.explanation import Explanation
from sorrelsim.models.ranges import MaybeWidth


@dataclass(frozen=True)
class CooperatorConfig:
    """Settings of the restrained eater."""

    spare: MaybeWidth = 4
    """Apples that must be in view within two cells of one that it eats."""


class HarvestCooperator(Bot):
    """Walks to the nearest apple that can be spared, and around those that cannot."""

    Config = CooperatorConfig

    def sorted_apples(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """Returns which apples can be spared, and which are to be kept, bool [n_streams, rows, cols] each."""
        apples = view.shows("apple")
        spared = apples & (apples_around(apples) >= self.config.spare)
        return spared, apples & ~spared

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        spared, kept = self.sorted_apples(view)
        to_apple, _ = view.toward(spared, avoid=kept)
        return self.walk(view, to_apple, otherwise=self.wander(view, seat, avoid=kept))

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns which apple it goes for, or that those which it sees must stay."""
        view = self.see_one(state)
        spared, kept = self.sorted_apples(view)
        goal = view.goal(spared, avoid=kept)
        if goal:
            return Explanation(goal=goal, phrase="this apple can be spared")
        return Explanation(phrase="keeps off the last apples" if kept.any() else "looks for apples")


def apples_around(apples: np.ndarray) -> np.ndarray:
    """Returns how many apples lie within distance 2 of each cell, itself left out: int64 [n, rows, cols]."""
    _, rows, cols = apples.shape
    padded = np.pad(apples, ((0, 0), (2, 2), (2, 2))).astype(np.int64)
    disc = [(r, c) for r in range(-2, 3) for c in range(-2, 3) if 0 < r * r + c * c <= 4]
    return sum(padded[:, 2 + r : 2 + r + rows, 2 + c : 2 + c + cols] for r, c in disc)
