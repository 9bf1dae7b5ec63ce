"""Copies of an environment of another library as a world that agents play, learn and are measured in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sorrelsim.errors import tell
from sorrelsim.observations.parts import Observation, Parts, as_public
from sorrelsim.outside.actions import actions_of
from sorrelsim.outside.copies import Copy, Outcome, allowed
from sorrelsim.outside.reading import Reader


class OutsideWorld:
    """Copies of an environment, stepped one after another; attributes as ``Playable`` has, and what experiments ask.

    Its state cannot be saved: environments could only be pickled, and no checkpoint of ours runs code when it is read.
    :meth:`set_state` therefore begins new episodes, from a seed that follows from the old one and the steps taken.

    Args:
        name: Its name in configs.
        copies: The copies.
        seed: Seed of the copies; each gets its own from it.
        bins: For continuous actions: values of each number of an action that can be chosen.
        version: The environment's version.

    Attributes:
        action_space: What each agent does, as the environment says it.
        action_spec: The same, as models take it. Where it is continuous and there are no ``bins``, ``action_names`` is
            empty and :meth:`step` takes ``float[copy, agent, ...]``.
        events, preset: What is counted: nothing; and none.
        episode_return: Rewards so far of the running episodes, ``[copy, agent]``.
        filmed: Whether :meth:`render` has pictures.

    Raises:
        ValueError: If its actions or observations are of a kind that has no place here.
    """

    def __init__(
        self,
        name: str,
        copies: Sequence[Copy],
        seed: int = 0,
        bins: int | None = None,
        version: int = 0,
    ) -> None:
        self.name, self.version = name, version
        self._copies = list(copies)
        self.n_worlds, self.n_agents = len(self._copies), self._copies[0].n_agents
        self._actions = actions_of(self._copies[0].action_space, bins, name)
        self.action_space = self._actions.space
        self.action_spec = self._actions.spec
        self.action_names = self.action_spec.names
        self.n_actions = len(self.action_names)
        self._reader = Reader(self._copies[0].observation_space, name)
        self.observations = self._reader.spec
        self.events: tuple[str, ...] = ()
        self.preset: str | None = None
        self.action_mask: np.ndarray | None = None
        self.filmed = getattr(self._copies[0].env, "render_mode", None) == "rgb_array"
        of = (self.n_worlds, self.n_agents, *self.action_spec.shape)
        self._submitted = np.zeros(of, self.action_spec.dtype)
        self._steps = 0
        self.reset(seed)

    # Playing

    def reset(self, seed: int | None = None) -> Observation:
        """Begins a new episode in every copy.

        Args:
            seed: Seeds the copies anew; None lets their random streams run on.
        """
        seeds: list[int | None] = [None] * self.n_worlds
        if seed is not None:
            self.seed, self._steps = seed, 0
            seeds = np.random.SeedSequence(seed).generate_state(self.n_worlds).tolist()
        of = (self.n_worlds, self.n_agents)
        self.reward, self.episode_return = np.zeros(of), np.zeros(of)
        self.terminated, self.truncated = np.zeros(of, np.bool_), np.zeros(of, np.bool_)
        self._lengths = np.zeros(self.n_worlds, np.int64)
        self._paid_steps, self._paid_turns = np.zeros(of, np.int64), np.zeros(of, np.int64)
        self.info: dict[str, Any] = {"ended": np.zeros(self.n_worlds, np.bool_)}
        self.final_parts: Parts | None = None
        self._take([copy.reset(own) for copy, own in zip(self._copies, seeds, strict=True)])
        return self.obs

    @property
    def obs(self) -> Observation:
        """The latest observations, as users get them."""
        return as_public(self.parts)

    def submit(self, slots: Sequence[int] | np.ndarray, actions: np.ndarray) -> None:
        """Takes actions for the next step, ``int[copy, len(slots)]``, or ``float[copy, len(slots), ...]``."""
        self._submitted[:, slots] = actions

    def step(self, actions: Any = None) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Steps every copy; one that ends begins its next episode in the same call.

        Args:
            actions: ``int[copy, agent]``, or ``float[copy, agent, ...]`` where actions are continuous; None takes those
                submitted.

        Returns:
            Observations, rewards, terminated, truncated and info, as a world gives them.
        """
        chosen = self._submitted if actions is None else np.asarray(actions)
        last = [copy.step(own) for copy, own in zip(self._copies, self._actions.taken(chosen), strict=True)]
        # Fresh arrays: agents hold on to the last ones until they have remembered them.
        self.reward = np.array([outcome.rewards for outcome in last])
        self.terminated = np.array([outcome.terminated for outcome in last])
        self.truncated = np.array([outcome.truncated for outcome in last])
        self._steps += 1
        self._count()
        ended = [k for k, outcome in enumerate(last) if outcome.over]
        self._end(last, ended)
        for k in ended:
            last[k] = self._copies[k].reset(None)
        self._take(last)
        return self.obs, self.reward, self.terminated, self.truncated, self.info

    def _take(self, outcomes: list[Outcome]) -> None:
        self.parts = self._reader.stack([outcome.observed for outcome in outcomes])
        self.action_mask = self._masks(outcomes)

    def _masks(self, outcomes: list[Outcome]) -> np.ndarray | None:
        said = self.n_actions and any(mask is not None for outcome in outcomes for mask in outcome.masks)
        return np.stack([allowed(outcome.masks, self.n_actions) for outcome in outcomes]) if said else None

    def _count(self) -> None:
        self._lengths += 1
        self.episode_return += self.reward
        paid = self.reward > 0
        self._paid_steps += paid
        self._paid_turns += paid * self._lengths[:, None]

    def _end(self, last: list[Outcome], ended: list[int]) -> None:
        """Tells of the episodes that ended, as worlds do, and begins to count the next."""
        over = np.zeros(self.n_worlds, np.bool_)
        over[ended] = True
        self.info, self.final_parts = {"ended": over}, None
        if not ended:
            return
        self.final_parts = self._reader.stack([outcome.observed for outcome in last])
        self.info |= {
            "final_obs": as_public(self.final_parts),
            "episode_return": self.episode_return.copy(),
            "episode_length": self._lengths.copy(),
            "episode_events": np.zeros((self.n_worlds, self.n_agents, 0)),
            "episode_steps_out": np.zeros((self.n_worlds, self.n_agents), np.int64),
            "episode_paid_steps": self._paid_steps.copy(),
            "episode_paid_turns": self._paid_turns.copy(),
        }
        if (mask := self._masks(last)) is not None:
            self.info["final_action_mask"] = mask
        for counted in (self.episode_return, self._lengths, self._paid_steps, self._paid_turns):
            counted[ended] = 0

    # Looking, keeping

    def render(self, copy: int = 0) -> np.ndarray:
        """Returns a picture of copy 0, RGB ``uint8[height, width, 3]``.

        Raises:
            ValueError: If the environment has none, or of another copy.
        """
        if not self.filmed or copy:
            of = f"copy {copy}; allowed: 0" if self.filmed else "it: the environment has no render mode rgb_array"
            raise ValueError(f"{self.name}: there is no picture of {of}")
        return np.asarray(self._copies[0].env.render(), np.uint8)

    def get_state(self) -> dict[str, np.ndarray]:
        """Returns what :meth:`set_state` begins new episodes from; see the class."""
        return {"seed": np.array(self.seed, np.uint64), "steps": np.array(self._steps, np.int64)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Begins new episodes where others were running, and says so in a line; see the class."""
        seed, steps = int(state["seed"]), int(state["steps"])
        self.reset(int(np.random.SeedSequence([seed, steps]).generate_state(1)[0]))
        self.seed, self._steps = seed, steps
        tell(
            f"{self.name}: the state of another library's environment is not saved; its episodes begin anew, so what "
            "follows differs from an undisturbed run"
        )

    def close(self) -> None:
        """Closes the environments."""
        for copy in self._copies:
            copy.env.close()
