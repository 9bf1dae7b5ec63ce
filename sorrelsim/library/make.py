"""``sorrelsim.make``: a world by name, found by ``find``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sorrelsim.authoring.window import Window
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import find_class
from sorrelsim.settings import parse_config


def make(name: str | Path, n_worlds: int = 1, seed: int = 0, **settings: Any) -> Gridworld:
    """Makes copies of a world.

    Args:
        name: A path that ends in ``.py``, or a name looked up in ``./worlds``, then in the package.
        n_worlds: Number of copies.
        seed: Seed of all copies.
        **settings: As in :class:`~sorrelsim.engine.gridworld.Gridworld`: ``map``, ``n_agents``, ``preset``, ``window``,
            ``observation``, ``looks``, ``show_facing``, ``compiled``, ``bounds``, and any of the world's params. A
            window may be given as a mapping of its fields.

    Raises:
        ValueError: If there is no such world or setting; the message has the nearest match.
    """
    if isinstance(settings.get("window"), Mapping):
        settings["window"] = parse_config(Window, settings["window"], "window")
    return find_class(name, "worlds", Gridworld)(n_worlds, seed, **settings)
