"""``sorrelsim.make``: a world by name, found by ``find``; and the classes of models, likewise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import find_class
from sorrelsim.models.base import BaseModel
from sorrelsim.models.threads import apply_threads


def make(name: str | Path, n_worlds: int = 1, seed: int = 0, **settings: Any) -> Gridworld:
    """Makes copies of a world.

    Args:
        name: A path that ends in ``.py``, or a name looked up in ``./worlds``, then in the package; ``pkg:`` before a
            name means the package's. What is not the package's is said in a line on stderr.
        n_worlds: Number of copies.
        seed: Seed of all copies.
        **settings: As in :class:`~sorrelsim.engine.gridworld.Gridworld`: ``map``, ``n_agents``, ``preset``, ``window``,
            ``observation``, ``sprite_size``, ``looks``, ``show_facing``, ``compiled``, ``bounds``, and any of the
            world's params. A window may be given as a mapping of its fields, or as ``"full"``.

    Raises:
        ValueError: If there is no such world or setting; the message has the nearest match.
    """
    return make_of(find_class(name, "worlds", Gridworld), n_worlds, seed, **settings)


def make_of(cls: type[Gridworld], n_worlds: int = 1, seed: int = 0, **settings: Any) -> Gridworld:
    """Makes copies of a world whose class is at hand; otherwise as :func:`make`."""
    return cls(n_worlds, seed, **settings)


def find_model(name: str | Path) -> type[BaseModel]:
    """Returns the class of a model by name or file, with the threads of the networks set before any is built.

    Raises:
        NotFound: If there is none, with the nearest match.
    """
    cls: type[BaseModel] = find_class(name, "agents", BaseModel)
    apply_threads()  # its file may have imported torch just now
    return cls
