"""One copy of an environment of Gymnasium or PettingZoo, asked the same way: a list of what concerns each agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces

from sorrelsim.outside.reading import masked, split


@dataclass(slots=True)
class Outcome:
    """What a step or a reset brought, an element for each agent.

    Attributes:
        observed: Observations; None for an agent that has left.
        masks: Which actions are allowed; None where that is not said.
        rewards: Rewards.
        terminated: Whether the episode ended for good.
        truncated: Whether it was cut short.
        over: Whether the copy's episode is over.
    """

    observed: list[Any]
    masks: list[Any]
    rewards: list[float] = field(default_factory=list)
    terminated: list[bool] = field(default_factory=list)
    truncated: list[bool] = field(default_factory=list)
    over: bool = False


class Copy(Protocol):
    """One copy of an environment.

    Attributes:
        n_agents: Its agents.
        observation_space: What each observes, masks left out.
        action_space: What each does.
        env: The environment.
    """

    n_agents: int
    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    env: Any

    def reset(self, seed: int | None) -> Outcome:
        """Begins an episode."""

    def step(self, actions: list[Any]) -> Outcome:
        """Lets all agents act."""


class GymCopy:
    """An environment of Gymnasium: one agent."""

    n_agents = 1

    def __init__(self, env: Any) -> None:
        self.env = env
        self.observation_space, self.action_space = env.observation_space, env.action_space

    def reset(self, seed: int | None) -> Outcome:
        """Begins an episode."""
        observed, info = self.env.reset(seed=seed)
        return Outcome([observed], [info.get("action_mask")])

    def step(self, actions: list[Any]) -> Outcome:
        """Acts."""
        observed, reward, terminated, truncated, info = self.env.step(actions[0])
        over = bool(terminated or truncated)
        mask = [info.get("action_mask")]
        return Outcome([observed], mask, [float(reward)], [bool(terminated)], [bool(truncated)], over)


class ZooCopy:
    """A parallel environment of PettingZoo. All agents must observe and do the same kind of thing.

    An agent that leaves before the others observes zeros and is paid nothing until the episode is over for all, which
    is how learners are usually trained here (SuperSuit calls it black death).

    Raises:
        ValueError: If agents differ.
    """

    def __init__(self, env: Any, name: str) -> None:
        self.env = env
        self._agents = list(env.possible_agents)
        self.n_agents = len(self._agents)
        first = self._agents[0]
        whole, self.action_space = env.observation_space(first), env.action_space(first)
        self.observation_space = masked(whole)
        self._has_mask = self.observation_space is not whole
        self._left: set[str] = set()
        for agent in self._agents[1:]:
            for what, own, other in (
                ("observes", whole, env.observation_space(agent)),
                ("does", self.action_space, env.action_space(agent)),
            ):
                if own != other:
                    raise ValueError(
                        f"{name}: {agent} {what} {other}, {first} {own}; all must be alike. SuperSuit's "
                        "pad_observations_v0 and pad_action_space_v0 make them so: wrap it in a file of your own"
                    )

    def _outcome(self, observed: dict[str, Any]) -> Outcome:
        pairs = [split(observed.get(agent), self._has_mask) for agent in self._agents]
        return Outcome([own for own, _ in pairs], [mask for _, mask in pairs])

    def reset(self, seed: int | None) -> Outcome:
        """Begins an episode."""
        self._left.clear()
        return self._outcome(self.env.reset(seed=seed)[0])

    def step(self, actions: list[Any]) -> Outcome:
        """Lets all agents act that are there."""
        given = dict(zip(self._agents, actions, strict=True))
        observed, rewards, terminated, _, _ = self.env.step({agent: given[agent] for agent in self.env.agents})
        self._left |= {agent for agent, ended in terminated.items() if ended}
        outcome = self._outcome(observed)
        outcome.rewards = [float(rewards.get(agent, 0.0)) for agent in self._agents]
        outcome.over = not self.env.agents
        outcome.terminated = [outcome.over and agent in self._left for agent in self._agents]
        outcome.truncated = [outcome.over and agent not in self._left for agent in self._agents]
        return outcome


def allowed(masks: list[Any], n_actions: int) -> np.ndarray:
    """Returns masks as ``bool[agent, action]``; who says nothing may do everything."""
    rows = [np.ones(n_actions, np.bool_) if mask is None else np.asarray(mask, np.bool_) for mask in masks]
    return np.stack(rows)
