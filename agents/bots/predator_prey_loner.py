"""Predator and Prey's loner: goes for the nearest apple, wherever the others are. In the dilemma it defects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Probability


@dataclass(frozen=True)
class PredatorPreyLonerConfig:
    """Settings of the loner."""

    rests_below: Probability = 7 / 18
    """Share of its stamina below which it stands still: yellow, in the game's words."""


class PredatorPreyLoner(Bot):
    """Walks from apple to apple and rests when it gets slow."""

    Config = PredatorPreyLonerConfig

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        to_apple, _ = view.toward(view.shows("apple"))
        rests = view.parts["stamina"][:, 0] < self.config.rests_below
        return np.where(rests, self.stay, self.walk(view, to_apple, otherwise=self.wander(view, seat)))
