"""What a single copy's environments share: how they are rendered, and what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import unknown
from sorrelsim.interfaces.scene import MODES, Scene
from sorrelsim.interfaces.screen import Screen

FPS = 10
"""Steps per second in a window and in films."""
METADATA: dict[str, Any] = {"render_modes": list(MODES), "render_fps": FPS}
"""What other libraries ask of an environment's class."""


def check_mode(mode: str | None, allowed: tuple[str, ...] = MODES) -> str | None:
    """Returns a render mode.

    Raises:
        ValueError: If there is none of that name, with the nearest match.
    """
    if mode is not None and mode not in allowed:
        raise ValueError(unknown("render_mode", mode, allowed))
    return mode


def single(settings: dict[str, Any], what: str, instead: str = "gym_vec_env has several") -> dict[str, Any]:
    """Returns the settings of a world of one copy.

    Raises:
        ValueError: If they ask for more.
    """
    n = settings.pop("n_worlds", 1)
    if n != 1:
        raise ValueError(f"{what} is one copy of a world, n_worlds is {n}; {instead}")
    return settings


def episode_infos(world: Gridworld, copy: int = 0) -> list[dict[str, Any]]:
    """Returns what each slot is told of the episode that has just ended in a copy: its return, length and counts."""
    info = world.info
    length = int(info["episode_length"][copy])
    return [
        {"episode_return": paid, "episode_length": length, **dict(zip(world.events, counts, strict=True))}
        for paid, counts in zip(
            info["episode_return"][copy].tolist(), info["episode_events"][copy].tolist(), strict=True
        )
    ]


class Shower:
    """Shows one copy in its render mode.

    Args:
        world: The world.
        mode: ``rgb_array``, ``human``, ``ansi`` or None.
    """

    def __init__(self, world: Gridworld, mode: str | None) -> None:
        self.scene = Scene(world)
        self.mode = check_mode(mode)
        self._screen = Screen(world.name, FPS)

    def frame(self) -> None:
        """Shows what there is now, if a window is asked for."""
        if self.mode == "human":
            self._screen.show(self.scene.picture())

    def render(self) -> np.ndarray | str | None:
        """Returns a picture or text; shows it where the mode is ``human``.

        Raises:
            ValueError: If there is no render mode.
        """
        if self.mode is None:
            raise ValueError(f"render() without a render_mode; make the environment with one: {', '.join(MODES)}")
        if self.mode == "ansi":
            return self.scene.text()
        if self.mode == "rgb_array":
            return self.scene.picture()
        self.frame()
        return None

    def close(self) -> None:
        """Closes the window."""
        self._screen.close()
