"""Predator and Prey's hunter: chases the nearest prey that it can reach, bites it, and rests when it gets slow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Probability

PREY = tuple(f"prey_{colour}" for colour in range(16))
GRASS = ("edge_grass", "inner_grass")


@dataclass(frozen=True)
class PredatorPreyHunterConfig:
    """Settings of the hunter."""

    rests_below: Probability = 7 / 18
    """Share of its stamina below which it stands still: yellow, in the game's words."""


class PredatorPreyHunter(Bot):
    """Goes round grass to the nearest prey, and bites what prey stands ahead of it, tired or not."""

    Config = PredatorPreyHunterConfig

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        prey, grass = view.shows(*PREY), view.shows(*GRASS)
        to_prey, distance = view.toward(prey, avoid=grass)
        about = self.wander(view, seat, avoid=grass)
        chase = self.walk(view, to_prey, otherwise=about)
        chase = np.where(distance == 1, self.turn_and_walk(view, to_prey), chase)
        rests = view.parts["stamina"][:, 0] < self.config.rests_below
        return np.where(view.in_beam(prey, 1, 0), self.action("interact"), np.where(rests, self.stay, chase))
