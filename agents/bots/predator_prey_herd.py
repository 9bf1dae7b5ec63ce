"""Predator and Prey's herd animal: eats where other prey are, which makes it and them safe. It cooperates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Probability, Steps

PREY = tuple(f"prey_{colour}" for colour in range(16))


@dataclass(frozen=True)
class PredatorPreyHerdConfig:
    """Settings of the herd animal."""

    near: Steps = 2
    """Steps to the nearest other prey beyond which it joins it."""
    rests_below: Probability = 7 / 18
    """Share of its stamina below which it stands still: the exhausted do not count for a herd."""


class PredatorPreyHerd(Bot):
    """Joins the nearest prey that it sees; beside it, it takes the nearest apple, as far as it stays near."""

    Config = PredatorPreyHerdConfig

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        others = view.shows(*PREY) & view.shows("agent")
        to_others, distance = view.toward(others)
        to_apple, _ = view.toward(view.shows("apple"))
        about = self.wander(view, seat)
        graze = self.walk(view, to_apple, otherwise=np.where(distance > 0, self.stay, about))
        join = self.walk(view, to_others, otherwise=graze)
        rests = view.parts["stamina"][:, 0] < self.config.rests_below
        return np.where(rests, self.stay, np.where(distance > self.config.near, join, graze))
