"""The copies of a world as Gymnasium's ``VectorEnv``: they are stepped together, by the engine, not one after another.

A copy that ends begins its next episode in the same step (``AutoresetMode.SAME_STEP``), as worlds do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from sorrelsim.interfaces.background import background
from sorrelsim.interfaces.shown import METADATA, check_mode, episode_infos
from sorrelsim.interfaces.spaces import observation_space
from sorrelsim.library.make import make

ALL = "all"
"""Every slot is an environment."""
MODES = ("rgb_array", "ansi")
"""Ways of showing copies: there is no window for many."""


class VectorWorld(VectorEnv[Any, np.ndarray, np.ndarray]):
    """A slot of each copy of a world, or all of them, as environments side by side; copies first, then slots.

    ``infos`` tell whether agents are ``out`` and what they may do (``action_mask``, where the world has masks). Where
    episodes ended, ``final_obs`` has their last observations, and ``final_info`` return, length and the world's counts.

    Args:
        name: As :func:`sorrelsim.make` takes it.
        n_worlds: Number of copies.
        seed: Seed of all copies until ``reset`` gets another.
        slot: The slot that is an environment in each copy, or ``all``.
        others: Who plays the other slots; see :func:`~sorrelsim.interfaces.gym_env`.
        trust: Whether Python files may be run that a run folder brings or points to.
        render_mode: ``rgb_array``, ``ansi`` or None.
        **settings: As :func:`sorrelsim.make` takes them.

    Attributes:
        world: The world.
        num_envs: Copies, times slots where all are environments.
    """

    metadata = METADATA | {"render_modes": list(MODES), "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        name: str | Path,
        n_worlds: int = 1,
        seed: int = 0,
        *,
        slot: int | str = 0,
        others: str = "random",
        trust: bool = False,
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        if isinstance(slot, str) and slot != ALL:
            raise ValueError(f"no slot {slot!r}; allowed: a number, or {ALL!r}")
        self.world = make(name, n_worlds, seed, **settings)
        self._slots = slice(None) if slot == ALL else slice(int(slot), int(slot) + 1)
        self._background = None if slot == ALL else background(self.world, int(slot), others, seed, trust)
        self.num_envs = n_worlds * (self.world.n_agents if slot == ALL else 1)
        self._shape = (n_worlds, self.num_envs // n_worlds)
        self.render_mode = check_mode(render_mode, MODES)
        self.single_observation_space = observation_space(self.world.observations)
        self.single_action_space = spaces.Discrete(self.world.n_actions)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode in every copy.

        Args:
            seed: Starts the random streams of all copies and the other players' chance anew: one number for all, for
                a copy's stream follows from it and the copy's number.
            options: Not used.

        Returns:
            The observations and the infos.

        Raises:
            ValueError: If there is a seed for each.
        """
        if seed is not None and not isinstance(seed, int | np.integer):
            raise ValueError(f"seed must be one number, from which every copy's follows, got {type(seed).__name__}")
        super().reset(seed=seed)
        self.world.reset(seed)
        if self._background:
            self._background.reset(seed)
        return self._seen(self.world.parts), self._infos()

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Acts in every environment, and lets the others act.

        Args:
            actions: ``int[num_envs]``.

        Returns:
            Observations, rewards, terminations, truncations and infos. Where an episode ended, the observation is the
            next one's first.

        Raises:
            ValueError: If there are more or fewer actions, or one is out of range. Nothing has moved then.
        """
        world = self.world
        given = np.asarray(actions)
        if given.shape != (self.num_envs,):
            raise ValueError(f"{world.name}: actions are {list(given.shape)}; allowed: [{self.num_envs}], one for each")
        if self._background is None:
            world.step(given.reshape(self._shape))
        else:
            self._background.choose()
            world.submit((self._slots.start,), given.reshape(self._shape))
            world.step()
            self._background.take_in()
        infos = self._infos()
        if "final_obs" in world.info:
            self._add_last(infos)
        rewards, terminated, truncated = map(self._flat, (world.reward, world.terminated, world.truncated))
        return self._seen(world.parts), rewards, terminated, truncated, infos

    def _flat(self, array: np.ndarray) -> np.ndarray:
        """Returns ``[copy, slot, ...]`` as ``[environment, ...]``."""
        return array[:, self._slots].reshape(self.num_envs, *array.shape[2:])

    def _seen(self, parts: dict[str, np.ndarray]) -> Any:
        seen = {name: self._flat(part) for name, part in parts.items()}
        return seen["grid"] if len(seen) == 1 else seen

    def _infos(self) -> dict[str, Any]:
        everywhere = np.ones(self.num_envs, np.bool_)
        infos: dict[str, Any] = {"out": self._flat(self.world.out) != 0, "_out": everywhere}
        if self.world.action_mask is not None:
            infos |= {"action_mask": self._flat(self.world.action_mask).astype(np.int8), "_action_mask": everywhere}
        return infos

    def _add_last(self, infos: dict[str, Any]) -> None:
        """Adds what is told of episodes that ended, in the form of Gymnasium's own vector environments."""
        world = self.world
        assert world.final_parts is not None
        seen = {name: self._flat(part) for name, part in world.final_parts.items()}
        n_slots = self._shape[1]
        ended = np.repeat(world.info["ended"], n_slots)
        last = np.full(self.num_envs, None, dtype=object)
        for k in np.flatnonzero(ended).tolist():
            last[k] = seen["grid"][k] if len(seen) == 1 else {name: part[k] for name, part in seen.items()}
        told: dict[str, Any] = {}
        for copy in np.flatnonzero(world.info["ended"]).tolist():
            for slot, info in enumerate(episode_infos(world, copy)[self._slots]):
                self._add_info(told, info, copy * n_slots + slot)
        infos |= {"final_obs": last, "_final_obs": ended, "final_info": told, "_final_info": ended.copy()}

    def render(self) -> tuple[Any, ...] | None:
        """Returns a picture or text of every copy, as the render mode says.

        Raises:
            ValueError: If there is no render mode.
        """
        if self.render_mode is None:
            raise ValueError("render() without a render_mode; make the environment with one: rgb_array, ansi")
        draw = self.world.render if self.render_mode == "rgb_array" else self.world.text
        return tuple(draw(copy) for copy in range(self.world.n_worlds))
