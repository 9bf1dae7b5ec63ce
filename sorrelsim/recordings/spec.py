"""What a session is made from, and how its states are told apart: the ground that writing and replaying share.

A :class:`WorldSpec` goes into a recording's header and comes out of it again; hashes say whether a replay is where the
session was.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.authoring.window import Window
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.make import make

FORMAT, VERSION = "sorrelsim-recording", 3
MARKED = 2
"""The first version whose lines are marked, so that a change of the file is seen."""


class RecordingError(ValueError):
    """A file that is no recording, or one that does not replay here."""


def state_hash(world: Gridworld) -> str:
    """Returns sixteen hexadecimal digits of all in a copy that rules read or draw from, equal on every machine."""
    digest = hashlib.blake2b(digest_size=8)
    for name, array in sorted(world.hashed_arrays().items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def world_hash(world: Gridworld) -> str:
    """Returns twelve hexadecimal digits of the world's file; of its name and version where there is no file."""
    source = getattr(sys.modules.get(type(world).__module__), "__file__", None)
    text = Path(source).read_bytes() if source else f"{world.name} {world.version}".encode()
    return hashlib.blake2b(text, digest_size=6).hexdigest()


@dataclass(frozen=True)
class WorldSpec:
    """What it takes to make the same world again.

    Attributes:
        name: The world's name or file, as :func:`sorrelsim.make` takes it.
        seed: Its seed.
        settings: What else ``make`` was given: numbers, strings and lists only; a map from a file as its text.
    """

    name: str
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def make(self, **more: Any) -> Gridworld:
        """Makes one copy of the world, interpreted unless ``compiled=True`` is given."""
        given: dict[str, Any] = {"compiled": False} | dict(self.settings) | more
        return make(self.name, 1, self.seed, **given)

    def plain(self) -> dict[str, Any]:
        """Returns the settings as JSON can hold them; a map file is read, so that no second file is needed."""
        plain = {}
        for key, value in self.settings.items():
            if key == "map" and value is not None and Path(str(value)).is_file() and "\n" not in str(value):
                value = Path(value).read_text(encoding="utf-8")
            elif isinstance(value, Window):
                value = asdict(value)
            elif key == "window" and isinstance(value, list | tuple):
                value = [asdict(one) if isinstance(one, Window) else one for one in value]
            elif isinstance(value, np.ndarray | np.generic):
                value = value.tolist()
            plain[key] = value
        return plain
