"""``sorrelsim.make``: a world by name, found by ``find``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import find_class


def make(name: str | Path, n_worlds: int = 1, seed: int = 0, **settings: Any) -> Gridworld:
    """Makes copies of a world.

    Args:
        name: A path that ends in ``.py``, or a name looked up in ``./worlds``, then in the package.
        n_worlds: Number of copies.
        seed: Seed of all copies.
        **settings: As in :class:`~sorrelsim.engine.gridworld.Gridworld`: ``map``, ``n_agents``, ``preset``, ``window``,
            ``observation``, ``looks``, ``show_facing``, ``compiled``, and any of the world's params. A window may be
            given as a mapping of its fields, or as ``"full"``.

    Raises:
        ValueError: If there is no such world or setting; the message has the nearest match.
    """
    return find_class(name, "worlds", Gridworld)(n_worlds, seed, **settings)
