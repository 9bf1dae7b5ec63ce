"""Reward transforms: what a learner's reward is made of, in a social dilemma. Chosen by name in a config.

A transform takes the rewards of all agents of all copies, [n_worlds, n_agents], and returns as many. What it remembers
is kept a copy and an agent, and starts afresh when that agent's episode ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np


class RewardTransform(ABC):
    """Makes the rewards that models learn from out of the world's own; those are what logs show."""

    @abstractmethod
    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards.

        Args:
            reward: the world's, float64 [n_worlds, n_agents]; left as it is.
            ended: bool [n_worlds, n_agents], whose episode ended with this step.

        Returns:
            float64 [n_worlds, n_agents].
        """

    def reset(self) -> None:
        """Forgets what it remembers of running episodes."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers of running episodes."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` gave."""


class Individual(RewardTransform):
    """Everyone gets their own."""

    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """See RewardTransform."""
        return reward
