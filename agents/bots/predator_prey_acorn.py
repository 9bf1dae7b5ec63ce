"""Predator and Prey's acorn eater: carries acorns into tall grass and eats them there in peace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Probability


@dataclass(frozen=True)
class PredatorPreyAcornConfig:
    """Settings of the acorn eater."""

    eats_from: Probability = 13 / 18
    """Share of its stamina from which on it can begin a meal."""


class PredatorPreyAcorn(Bot):
    """Fetches an acorn, takes it to inner grass, rests there until it can begin its meal, and sits until it is over.

    Without an acorn in sight it goes for the nearest apple.
    """

    Config = PredatorPreyAcornConfig

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        holds = view.here(view.shows("held_acorn"))
        grass = view.shows("inner_grass")
        to_acorn, _ = view.toward(view.shows("acorn"))
        to_apple, _ = view.toward(view.shows("apple"))
        to_grass, _ = view.toward(grass)
        about = self.wander(view, seat)
        forage = self.walk(view, to_acorn, otherwise=self.walk(view, to_apple, otherwise=about))
        rested = view.parts["stamina"][:, 0] >= self.config.eats_from - 1e-6
        eat = np.where(rested, self.action("interact"), self.stay)
        carry = np.where(view.here(grass), eat, self.walk(view, to_grass, otherwise=about))
        dines = view.here(view.shows("sitting", "bite_1", "bite_2", "bite_3"))
        return np.where(dines, self.stay, np.where(holds, carry, forage))
