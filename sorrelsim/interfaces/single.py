"""One slot of a world as Gymnasium's ``Env``; the other slots are played by others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from sorrelsim.interfaces.background import background
from sorrelsim.interfaces.shown import METADATA, Shower, episode_infos, single
from sorrelsim.interfaces.spaces import observation_space
from sorrelsim.library.make import make


class GymWorld(gymnasium.Env[Any, Any]):
    """One slot of one copy of a world. An agent that is out observes, and what it does is void.

    ``info`` tells whether it is ``out``, what it may do (``action_mask``, where the world has masks), and of an episode
    that ended ``episode_return``, ``episode_length`` and the world's counts.

    Args:
        name: As :func:`sorrelsim.make` takes it.
        seed: Seed until ``reset`` gets another.
        slot: The slot.
        others: Who plays the other slots; see :func:`~sorrelsim.interfaces.gym_env`.
        trust: Whether Python files may be run that a run folder brings or points to.
        render_mode: ``rgb_array``, ``human``, ``ansi`` or None.
        **settings: As :func:`sorrelsim.make` takes them.

    Attributes:
        world: The world.
        slot: The slot.
    """

    metadata = METADATA

    def __init__(
        self,
        name: str | Path,
        seed: int = 0,
        *,
        slot: int = 0,
        others: str = "random",
        trust: bool = False,
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        self.world = make(name, 1, seed, **single(settings, "gym_env"))
        self.slot = slot
        self.render_mode = render_mode
        self._shower = Shower(self.world, render_mode)
        self._background = background(self.world, slot, others, seed, trust)
        self.observation_space = observation_space(self.world.observations)
        self.action_space = spaces.Discrete(self.world.n_actions)
        self._running = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode.

        Args:
            seed: Starts the random stream and the other players' chance anew; without it, they go on.
            options: Not used.

        Returns:
            The observation and the info.
        """
        super().reset(seed=seed)
        self.world.reset(seed)
        self._background.reset(seed)
        self._running = True
        self._shower.scene.end(False)
        self._shower.frame()
        return self._seen(self.world.parts), self._info()

    def step(self, action: int | np.integer[Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Acts, and lets the others act.

        Returns:
            Observation, reward, terminated, truncated and info; those of an episode that ended are its last.

        Raises:
            ResetNeeded: If no episode is running.
            ValueError: If the action is out of range.
        """
        if not self._running:
            raise ResetNeeded(f"{self.world.name}: no episode is running; reset() begins one")
        world, slot = self.world, self.slot
        self._shower.scene.keep()
        self._background.choose()
        world.submit([slot], np.array([[action]]))
        world.step()
        self._background.take_in()
        over = bool(world.info["ended"][0])
        if over:
            assert world.final_parts is not None
            self._running = False
            self._shower.scene.end(True)
            seen, info = self._seen(world.final_parts), episode_infos(world)[slot]
        else:
            seen, info = self._seen(world.parts), self._info()
        self._shower.frame()
        return seen, float(world.reward[0, slot]), bool(world.terminated[0, slot]), bool(world.truncated[0, slot]), info

    def _seen(self, parts: dict[str, np.ndarray]) -> Any:
        seen = {name: part[0, self.slot].copy() for name, part in parts.items()}
        return seen["grid"] if len(seen) == 1 else seen

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"out": bool(self.world.out[0, self.slot])}
        if self.world.action_mask is not None:
            info["action_mask"] = self.world.action_mask[0, self.slot].astype(np.int8)
        return info

    def render(self) -> Any:
        """Returns a picture or text, or shows it in a window, as the render mode says."""
        return self._shower.render()

    def close(self) -> None:
        """Closes the window, if there is one."""
        self._shower.close()
