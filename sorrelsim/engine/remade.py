"""Worlds made again from how they were made: what ``copy.deepcopy``, ``pickle`` and processes that are sent one do.

The memory of a world is one piece that its arrays, its program and perhaps machine code point into, so it is not copied
as it lies: another world is made alike and goes to the same state.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where the class of a world is found: in a module that may have been read from a file that no import finds."""

    module: str
    name: str
    file: str


def class_of(world: Any) -> type | Place:
    """Returns where to find a world's class; the class itself where it cannot be found again."""
    cls = type(world)
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    found: Any = module
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return Place(cls.__module__, cls.__qualname__, str(file)) if found is cls and file else cls


def remake(where: type | Place, n_worlds: int, settings: dict[str, Any]) -> Any:
    """Makes a world as another one was made; called by ``copy`` and ``pickle``."""
    cls: Any = _find(where) if isinstance(where, Place) else where
    return cls(n_worlds, **settings)


def _find(place: Place) -> Any:
    found: Any = sys.modules.get(place.module)
    if found is None:
        try:
            found = importlib.import_module(place.module)
        except ModuleNotFoundError:
            found = _read(place)
    for name in place.name.split("."):
        found = getattr(found, name)
    return found


def _read(place: Place) -> Any:
    if not Path(place.file).is_file():
        raise ValueError(f"the world {place.name} came from {place.file}, which is not there")
    spec = importlib.util.spec_from_file_location(place.module, place.file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[place.module] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[place.module]
        raise
    return module


def taken_apart(world: Any, given: dict[str, Any], chosen: set[int], final: Any) -> tuple[Any, ...]:
    """Returns what ``__reduce__`` of a world does.

    Args:
        world: The world.
        given: What it was made with, but for its map and seed.
        chosen: The slots whose actions for the next step are laid down.
        final: The last observations of the episodes that ended last.
    """
    text, known = world.map_text, world.maps.get(world.map_name)
    made = {**given, "map": world.map_name if text == known else text + "\n", "seed": world.seed}
    kept = {
        "state": world.get_state(), "submitted": world.submitted.copy(), "chosen": set(chosen), "final": final,
        "answer": (world.reward.copy(), world.terminated.copy(), world.truncated.copy()),
        "info": world.info, "map_name": world.map_name,
    }  # fmt: skip
    return remake, (class_of(world), world.n_worlds, made), kept


def put_back(world: Any, kept: dict[str, Any]) -> None:
    """Gives a world that was made alike, and is in the same state, what the other last answered."""
    world.submitted[...] = kept["submitted"]
    for array, answered in zip((world.reward, world.terminated, world.truncated), kept["answer"], strict=True):
        array[...] = answered
    world.info, world.map_name = kept["info"], kept["map_name"]
