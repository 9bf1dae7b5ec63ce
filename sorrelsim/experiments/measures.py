"""What is reported of every world: social measures and counts, from the episodes that finished.

Worlds count; ``loop`` and ``evaluation`` collect the episodes that finish, and put their means into metrics.

The formulas follow Perolat et al. 2017, "A multi-agent reinforcement learning model of common-pool resource
appropriation". E is a number of episodes, N of agents. An episode in which a measure is undefined gives not-a-number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sorrelsim.engine.gridworld import Gridworld


Row = dict[str, Any]
"""One epoch's metrics by column, numbers but for ``eval_way``; nan where there is nothing to report."""


def efficiency(returns: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the reward of all agents together per step: [E] from returns [E, N] and lengths [E]."""
    return returns.sum(1) / lengths


def equality(returns: np.ndarray) -> np.ndarray:
    """Returns one minus the Gini coefficient of the returns: [E] from [E, N].

    1 is equal, 1 / N is one agent with everything. Undefined where a return is negative or all are zero.
    """
    gaps = np.abs(returns[:, :, None] - returns[:, None, :]).sum((1, 2))
    total = returns.sum(1)
    defined = (returns >= 0).all(1) & (total > 0)
    return np.where(defined, 1 - gaps / np.where(defined, 2 * returns.shape[1] * total, 1), np.nan)


def sustainability(reward_times: np.ndarray, reward_counts: np.ndarray) -> np.ndarray:
    """Returns the mean over agents of the mean step, counted from 1, at which a positive reward came: [E].

    Agents that never got one are left out; undefined where nobody did.

    Args:
        reward_times: Sum of those steps, [E, N].
        reward_counts: Their number, [E, N].
    """
    means = reward_times / np.where(reward_counts > 0, reward_counts, np.nan)
    return nanmean(means, axis=1)


def peace(steps_out: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the share of agent-steps not spent out of the game: [E] from steps_out [E, N] and lengths [E]."""
    return 1 - steps_out.sum(1) / (steps_out.shape[1] * lengths)


def per_capita_return(returns: np.ndarray, slots: Sequence[int] | None = None) -> np.ndarray:
    """Returns the mean return of the agents, or of some slots where the others are background: [E] from [E, N]."""
    return (returns if slots is None else returns[:, list(slots)]).mean(1)


def nanmean(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Returns the mean over an axis of what is not nan; nan, without a warning, where there is nothing."""
    there = ~np.isnan(values)
    count = there.sum(axis)
    return np.where(there, values, 0.0).sum(axis) / np.where(count > 0, count, np.nan)


def return_means(episodes: Episodes, n_agents: int) -> Row:
    """Returns ``return_mean``, over all agents, and ``return_<slot>`` per agent; nan where no episode finished."""
    means = episodes.returns.mean(0) if len(episodes) else np.full(n_agents, np.nan)
    return {"return_mean": float(means.mean())} | {f"return_{k}": float(mean) for k, mean in enumerate(means)}


@dataclass(frozen=True)
class Episodes:
    """Finished episodes.

    Attributes:
        returns: Sums of rewards, float64 [E, N].
        lengths: Steps, int64 [E].
        steps_out: Steps spent out of the game, int64 [E, N].
        reward_times: Sum of the steps at which a positive reward came, int64 [E, N].
        reward_counts: Number of those, int64 [E, N].
        events: What the world counts, float64 [E, N, events].
        event_names: Names of the last axis.
        copies: The copies that they were played in, int64 [E]; all 0 where it is not told.
    """

    returns: np.ndarray
    lengths: np.ndarray
    steps_out: np.ndarray
    reward_times: np.ndarray
    reward_counts: np.ndarray
    events: np.ndarray
    event_names: tuple[str, ...] = ()
    copies: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.copies):
            object.__setattr__(self, "copies", np.zeros(len(self.lengths), np.int64))

    def __len__(self) -> int:
        return len(self.lengths)

    def where(self, chosen: np.ndarray) -> Episodes:
        """Returns some of the episodes, bool [E]."""
        arrays: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _ARRAYS}
        return dataclasses.replace(self, **arrays)

    @staticmethod
    def join(parts: Sequence[Episodes]) -> Episodes:
        """Puts several lots of episodes of one world into one; at least one lot."""
        arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
        return dataclasses.replace(parts[0], **arrays)

    def measures(self, slots: Sequence[int] | None = None) -> dict[str, float]:
        """Returns the means over the episodes of all measures; nan where undefined in every one.

        Args:
            slots: The slots whose per-capita return is meant; None means all.
        """
        found = {
            "efficiency": efficiency(self.returns, self.lengths),
            "equality": equality(self.returns),
            "sustainability": sustainability(self.reward_times, self.reward_counts),
            "peace": peace(self.steps_out, self.lengths),
            "per_capita_return": per_capita_return(self.returns, slots),
        }
        return {name: float(nanmean(values)) for name, values in found.items()}

    def event_means(self) -> dict[str, float]:
        """Returns the mean count per episode of every event: over agents as ``name``, of one as ``name_slot``."""
        means = nanmean(self.events)  # [N, events]
        found = {name: float(means[:, k].mean()) for k, name in enumerate(self.event_names)}
        for k, name in enumerate(self.event_names):
            found |= {f"{name}_{slot}": float(means[slot, k]) for slot in range(len(means))}
        return found


_ARRAYS = ("returns", "lengths", "steps_out", "reward_times", "reward_counts", "events", "copies")


class EpisodeCollector:
    """Collects the episodes that finish, as the copies of a world are stepped.

    Args:
        world: The world.
    """

    def __init__(self, world: Gridworld) -> None:
        agents = world.n_agents
        self._none = Episodes(
            returns=np.zeros((0, agents)),
            lengths=np.zeros(0, np.int64),
            steps_out=np.zeros((0, agents), np.int64),
            reward_times=np.zeros((0, agents), np.int64),
            reward_counts=np.zeros((0, agents), np.int64),
            events=np.zeros((0, agents, len(world.events))),
            copies=np.zeros(0, np.int64),
            event_names=tuple(world.events),
        )
        self._finished: list[Episodes] = []

    def observe(self, world: Gridworld) -> None:
        """Takes in one step; call it after ``world.step``. The world itself counts, so most steps cost nothing."""
        info = world.info
        if "final_obs" not in info:
            return
        ended = np.flatnonzero(info["ended"])
        self._finished.append(
            Episodes(
                returns=info["episode_return"][ended],
                lengths=info["episode_length"][ended],
                steps_out=info["episode_steps_out"][ended],
                reward_times=info["episode_paid_turns"][ended],
                reward_counts=info["episode_paid_steps"][ended],
                events=info["episode_events"][ended],
                copies=ended,
                event_names=self._none.event_names,
            )
        )

    def add(self, episodes: Episodes) -> None:
        """Takes in episodes that finished elsewhere."""
        self._finished.append(episodes)

    def take(self) -> Episodes:
        """Returns the episodes that finished since the last call."""
        found, self._finished = self._finished, []
        return Episodes.join([self._none, *found])

    def state_dict(self) -> dict[str, np.ndarray]:
        """Returns the episodes that finished since the last ``take``."""
        found = Episodes.join([self._none, *self._finished])
        return {name: getattr(found, name) for name in _ARRAYS}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Restores what ``state_dict`` gave."""
        arrays: dict[str, Any] = {name: np.array(state[name]) for name in _ARRAYS}
        self._finished = [dataclasses.replace(self._none, **arrays)]
