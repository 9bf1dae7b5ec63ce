"""Reward transforms: what a learner's reward is made of in a social dilemma. Chosen by name in a config.

It sits between a world's rewards and a learner's memory. A transform takes the rewards of all agents of all copies,
[n_worlds, n_agents], and returns as many. What it remembers is kept per copy and agent, and starts afresh when that
agent's episode ends.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sorrelsim.models.ranges import Degrees, Discount, Probability, Weight
from sorrelsim.settings import check_settings


class RewardTransform(ABC):
    """Makes the rewards that models learn from out of the world's own; those are what logs show."""

    @abstractmethod
    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards.

        Args:
            reward: The world's, float64 [n_worlds, n_agents]; left as it is.
            ended: Whose episode ended with this step, bool [n_worlds, n_agents].

        Returns:
            float64 [n_worlds, n_agents].
        """

    def __post_init__(self) -> None:
        if dataclasses.is_dataclass(self):
            check_settings(self)

    def reset(self) -> None:  # noqa: B027 - most transforms remember nothing
        """Forgets what it remembers of running episodes."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what it remembers of running episodes."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Restores what ``state_dict`` gave."""


@dataclass
class Individual(RewardTransform):
    """Everyone gets their own: u_i = r_i."""

    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards, as ``RewardTransform`` says."""
        return reward


@dataclass
class Common(RewardTransform):
    """Everyone gets the sum, or the mean, of all."""

    how: Literal["sum", "mean"] = "sum"
    """Which of them: sum or mean."""

    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards, as ``RewardTransform`` says."""
        total = reward.sum(1, keepdims=True) if self.how == "sum" else reward.mean(1, keepdims=True)
        return np.broadcast_to(total, reward.shape)


@dataclass
class InequityAversion(RewardTransform):
    """Inequity aversion (Hughes et al. 2018, eq. 3 and 4), on rewards smoothed over time.

    u_i = r_i - alpha / (N - 1) sum_j max(e_j - e_i, 0) - beta / (N - 1) sum_j max(e_i - e_j, 0), where the smoothed
    rewards are e_t = gamma lambda e_{t-1} + r_t. Both terms take away: having more is a cost too.
    """

    alpha: Weight = 5.0
    """Cost of having less than others (disadvantageous inequity)."""
    beta: Weight = 0.05
    """Cost of having more than others (advantageous inequity)."""
    gamma: Discount = 0.99
    """Discount of the smoothed rewards per step."""
    trace: Discount = 0.975
    """Their decay besides, per step (lambda); 0 compares the rewards of single steps."""
    _smoothed: np.ndarray | None = field(default=None, init=False, repr=False)

    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards, as ``RewardTransform`` says."""
        if self._smoothed is None:
            self._smoothed = np.zeros_like(reward)
        e = self._smoothed
        e *= self.gamma * self.trace
        e += reward
        ahead = e[:, None, :] - e[:, :, None]  # [copy, i, j]: how far j is ahead of i
        others = max(1, reward.shape[1] - 1)
        envy = np.maximum(ahead, 0).sum(2) / others
        guilt = np.maximum(-ahead, 0).sum(2) / others
        e[ended] = 0
        return reward - self.alpha * envy - self.beta * guilt

    def reset(self) -> None:
        """Forgets the smoothed rewards."""
        self._smoothed = None

    def state_dict(self) -> dict[str, Any]:
        """Returns the smoothed rewards."""
        return {} if self._smoothed is None else {"smoothed": self._smoothed.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        self._smoothed = np.array(state["smoothed"]) if "smoothed" in state else None


@dataclass
class SocialValueOrientation(RewardTransform):
    """Social value orientation (McKee et al. 2020, eq. 2 and 3): a cost of being far from a target angle.

    u_i = r_i - weight d(angle_i, target). The angle is atan2(mean reward of the others, r_i): 0 degrees is for oneself,
    45 shares, 90 is for the others. It is 0 where nobody gets anything. The distance d is that on the circle, at most
    180 degrees: where one loses, angles next to each other are written 180 and -180. What is left of rewards by
    rounding, 1e-12 of all of them or of 1, counts as nothing, or else it would decide the angle alone.
    """

    angle: Degrees = 45.0
    """Target angle, in degrees."""
    weight: Weight = 0.2
    """Cost per radian of distance from it."""

    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards, as ``RewardTransform`` says."""
        rounding = 1e-12 * np.maximum(np.abs(reward).sum(1, keepdims=True), 1.0)
        others = _mean_of_others(reward)
        # Zeros of one sign: atan2(0.0, -0.0) is 180 degrees.
        own = np.where(np.abs(reward) <= rounding, 0.0, reward)
        theta = np.arctan2(np.where(np.abs(others) <= rounding, 0.0, others), own)
        apart = np.abs(np.deg2rad(self.angle) - theta) % (2 * np.pi)
        return reward - self.weight * np.minimum(apart, 2 * np.pi - apart)


@dataclass
class RewardExchange(RewardTransform):
    """Reward exchange by a self-interest level s: s r_i + (1 - s) / (N - 1) times the sum of the others."""

    self_interest: Probability = 0.5
    """Share of one's reward that one keeps (s), 0 to 1; the rest goes to the others in equal parts."""

    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards, as ``RewardTransform`` says."""
        if reward.shape[1] == 1:
            return reward  # there is nobody to exchange with
        return self.self_interest * reward + (1 - self.self_interest) * _mean_of_others(reward)


class Apart(RewardTransform):
    """Several transforms, each of which pays some of the agents.

    Args:
        transforms: The transforms, each with the slots of those whom it pays.
    """

    def __init__(self, transforms: Sequence[tuple[RewardTransform, np.ndarray]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards; those of agents whom none pays stay as they are."""
        paid = reward.copy()
        for transform, slots in self.transforms:
            paid[:, slots] = transform(reward, ended)[:, slots]
        return paid


class Beside(RewardTransform):
    """Transforms of worlds side by side, whose agents are those of one world after the other.

    Args:
        transforms: Each world's own.
    """

    def __init__(self, transforms: Sequence[RewardTransform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Transforms one step's rewards, each world's apart."""
        shares = (np.split(array, len(self.transforms), axis=1) for array in (reward, ended))
        return np.concatenate([pay(*each) for pay, *each in zip(self.transforms, *shares, strict=True)], axis=1)


TRANSFORMS: dict[str, type[RewardTransform]] = {
    "individual": Individual,
    "common": Common,
    "inequity_aversion": InequityAversion,
    "social_value_orientation": SocialValueOrientation,
    "reward_exchange": RewardExchange,
}
"""The transforms that a config can name."""


def _mean_of_others(reward: np.ndarray) -> np.ndarray:
    """Returns the mean reward of all others, [n_worlds, n_agents]; 0 for an agent alone."""
    return (reward.sum(1, keepdims=True) - reward) / max(1, reward.shape[1] - 1)
