"""A world with continuous actions, in which ``check`` tries models that act by numbers alone."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.parts import Parts
from sorrelsim.observations.spec import ObservationSpec, Part

LENGTH = 25  # steps of an episode


class Plane:
    """Two agents walk on a plane, each to a place of its own; what ``Playable`` and the checks of models ask for.

    The reward is minus the distance that is left. Who is there terminates; the others are cut off after some steps.

    Args:
        n_worlds: Number of copies.
        seed: Seed of all copies.
    """

    name, n_agents, n_actions, action_mask = "plane", 2, 0, None
    action_names: tuple[str, ...] = ()

    def __init__(self, n_worlds: int, seed: int = 0) -> None:
        self.n_worlds = n_worlds
        self.action_spec = ActionSpec.box([-0.5, -1.0], [0.5, 1.0])
        two = Part((2,), np.dtype(np.float32))
        self.observations = ObservationSpec({"place": two, "goal": two})
        self.submitted = np.zeros((n_worlds, self.n_agents, 2), np.float32)
        self.reset(seed)

    def reset(self, seed: int | None = None) -> Parts:
        """Begins an episode in every copy; a seed starts its chance anew."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        of = (self.n_worlds, self.n_agents)
        self._places, self._goals = self._rng.uniform(-2, 2, (2, *of, 2)).astype(np.float32)
        self._turns = np.zeros(self.n_worlds, np.int64)
        self.reward, self.terminated, self.truncated = np.zeros(of), np.zeros(of, np.bool_), np.zeros(of, np.bool_)
        self.info: dict[str, Any] = {"ended": np.zeros(self.n_worlds, np.bool_)}
        self.final_parts: Parts | None = None
        return self.parts

    @property
    def parts(self) -> Parts:
        """The latest observations by part, [copy, agent, 2]."""
        return {"place": self._places.copy(), "goal": self._goals.copy()}

    def submit(self, slots: Any, actions: np.ndarray) -> None:
        """Lays down the actions of some slots."""
        self.submitted[:, slots] = actions

    def step(self, actions: Any = None) -> None:
        """Lets every agent walk; a copy that ends begins its next episode in the same call."""
        self._places += self.submitted if actions is None else actions
        left = np.linalg.norm(self._goals - self._places, axis=-1)
        self._turns += 1
        there = (left < 0.5).all(1)
        ended = there | (self._turns >= LENGTH)
        self.reward = -left.astype(np.float64)
        self.terminated = np.repeat(there[:, None], self.n_agents, 1)
        self.truncated = np.repeat((ended & ~there)[:, None], self.n_agents, 1)
        self.info, self.final_parts = {"ended": ended}, self.parts if ended.any() else None
        fresh = self._rng.uniform(-2, 2, (2, self.n_worlds, self.n_agents, 2)).astype(np.float32)
        self._places[ended], self._goals[ended] = fresh[0][ended], fresh[1][ended]
        self._turns[ended] = 0

    def get_state(self) -> dict[str, Any]:
        """Returns all that decides what comes next."""
        arrays = (self._places, self._goals, self._turns, self.submitted)
        return {"arrays": [array.copy() for array in arrays], "rng": self._rng.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what ``get_state`` gave."""
        self._places, self._goals, self._turns, self.submitted = (array.copy() for array in state["arrays"])
        self._rng.bit_generator.state = state["rng"]


def plane(n_worlds: int) -> Gridworld:
    """Returns a plane as what checks of models take: it answers all that they ask of a Gridworld."""
    return cast(Gridworld, Plane(n_worlds))
