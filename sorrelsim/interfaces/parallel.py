"""A world as PettingZoo's ``ParallelEnv``: every slot an agent, all of which act at once.

Observations are copied once a step: who keeps them then does not make the engine look for other arrays to answer in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from sorrelsim.interfaces.shown import METADATA, Shower, episode_infos, single
from sorrelsim.interfaces.spaces import observation_space, state_space, with_mask
from sorrelsim.library.make import make

Arrays = dict[str, Any]


class ParallelWorld(ParallelEnv[str, Any, int]):
    """One copy of a world. Agents that are out for a while stay in ``agents``: they observe, and what they do is void.

    All agents leave together, when the episode ends; ``terminations`` and ``truncations`` say how. ``infos`` tell
    whether an agent is ``out``, what it may do (``action_mask``, where the world has masks), and of an episode that
    ended ``episode_return``, ``episode_length`` and the world's counts.

    Args:
        name: As :func:`sorrelsim.make` takes it.
        seed: Seed until ``reset`` gets another.
        render_mode: ``rgb_array``, ``human``, ``ansi`` or None.
        **settings: As :func:`sorrelsim.make` takes them.

    Attributes:
        world: The world.
        state_space: The space of :meth:`state`.
    """

    def __init__(self, name: str | Path, seed: int = 0, *, render_mode: str | None = None, **settings: Any) -> None:
        self.world = make(name, 1, seed, **single(settings, "parallel_env"))
        self.metadata = METADATA | {"name": f"{self.world.name}_v{self.world.version}", "is_parallelizable": True}
        self.render_mode = render_mode
        self._shower = Shower(self.world, render_mode)
        self.possible_agents = [f"agent_{slot}" for slot in range(self.world.n_agents)]
        self.agents: list[str] = []
        self._observations = {agent: self._space() for agent in self.possible_agents}
        self._actions: dict[str, spaces.Space[Any]] = {
            agent: spaces.Discrete(self.world.n_actions) for agent in self.possible_agents
        }
        self.state_space = state_space(self.world)

    def _space(self) -> spaces.Space[Any]:
        space = observation_space(self.world.observations)
        return space if self.world.action_mask is None else with_mask(space, self.world.n_actions)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Returns what an agent observes: a Box or a Dict of them; with masks ``observation`` and ``action_mask``."""
        return self._observations[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Returns an agent's actions, ``world.action_names`` by number."""
        return self._actions[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Arrays, Arrays]:
        """Begins an episode.

        Args:
            seed: Starts the random stream anew; without it, it goes on.
            options: Not used.

        Returns:
            Observations and infos by agent.
        """
        self.world.reset(seed)
        self.agents = self.possible_agents.copy()
        self._shower.scene.end(False)
        self._shower.frame()
        return self._seen(self.world.parts, self.world.action_mask), self._infos()

    def step(self, actions: dict[str, int]) -> tuple[Arrays, Arrays, Arrays, Arrays, Arrays]:
        """Lets all agents act at once.

        Args:
            actions: An action of each agent.

        Returns:
            Observations, rewards, terminations, truncations and infos by agent; those of an episode that ended are its
            last.

        Raises:
            ValueError: If an agent's action is missing or out of range, or there is no such agent.
        """
        agents, world = self.agents, self.world
        if not agents:
            return {}, {}, {}, {}, {}
        if actions.keys() != self._actions.keys():
            self._complain(actions)
        self._shower.scene.keep()
        world.step(np.array([[actions[agent] for agent in agents]]))
        rewards = dict(zip(agents, world.reward[0].tolist(), strict=True))
        terminated = dict(zip(agents, world.terminated[0].tolist(), strict=True))
        truncated = dict(zip(agents, world.truncated[0].tolist(), strict=True))
        if world.info["ended"][0]:
            assert world.final_parts is not None
            seen, infos = self._seen(world.final_parts, world.final_action_mask), self._last_infos()
            self._shower.scene.end(True)
            self.agents = []
        else:
            seen, infos = self._seen(world.parts, world.action_mask), self._infos()
        self._shower.frame()
        return seen, rewards, terminated, truncated, infos

    def _complain(self, actions: dict[str, int]) -> None:
        missing = [agent for agent in self.agents if agent not in actions]
        strange = [agent for agent in actions if agent not in self.agents]
        said = f"no action for {', '.join(missing)}" if missing else f"there is no agent {strange[0]!r}"
        raise ValueError(f"{self.world.name}: {said}; allowed: one for each of {', '.join(self.agents)}")

    def _seen(self, parts: dict[str, np.ndarray], mask: np.ndarray | None) -> Arrays:
        own = [part[0].copy() for part in parts.values()]
        seen: list[Any] = list(own[0])
        if len(parts) > 1:
            seen = [dict(zip(parts, arrays, strict=True)) for arrays in zip(*own, strict=True)]
        if mask is not None:
            seen = [
                {"observation": own, "action_mask": row}
                for own, row in zip(seen, mask[0].astype(np.int8), strict=True)
            ]  # fmt: skip
        return dict(zip(self.possible_agents, seen, strict=True))

    def _infos(self) -> Arrays:
        world = self.world
        infos: Arrays = {
            agent: {"out": out != 0} for agent, out in zip(self.possible_agents, world.out[0].tolist(), strict=True)
        }
        if world.action_mask is not None:
            for info, row in zip(infos.values(), world.action_mask[0].astype(np.int8), strict=True):
                info["action_mask"] = row
        return infos

    def _last_infos(self) -> Arrays:
        return dict(zip(self.possible_agents, episode_infos(self.world), strict=True))

    def state(self) -> np.ndarray:
        """Returns the whole map, for critics that see it: see :meth:`~sorrelsim.interfaces.scene.Scene.state`.

        Once the episode has ended it is as it was before the last step.
        """
        return self._shower.scene.state(self.state_space.dtype)

    def render(self) -> np.ndarray | str | None:
        """Returns a picture or text, or shows it in a window, as the render mode says."""
        return self._shower.render()

    def close(self) -> None:
        """Closes the window, if there is one."""
        self._shower.close()
