"""The classes that an experiment plays with, each imported once, so that a file edited meanwhile changes nothing.

``seating`` builds from them; ``code`` keeps their files with the run, and finds them there when the run is read again.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import Source, find_class, locate, source_of
from sorrelsim.library.make import find_model
from sorrelsim.models.base import BaseModel


class Classes:
    """Classes of worlds and models by the names that a config has for them.

    Args:
        elsewhere: For some names, by folder and name, the name or file that stands for them.
    """

    def __init__(self, elsewhere: Mapping[tuple[str, str], str] | None = None) -> None:
        self._elsewhere = dict(elsewhere or {})
        self._worlds: dict[str, type[Gridworld]] = {}
        self._models: dict[str, type[BaseModel]] = {}
        self._sources: dict[tuple[str, str], tuple[Source, bytes]] = {}

    def world(self, name: str) -> type[Gridworld]:
        """Returns the class of a world.

        Raises:
            NotFound: If there is none, with the nearest match.
        """
        if name not in self._worlds:
            cls: type[Gridworld] = find_class(self._note("worlds", name), "worlds", Gridworld)
            self._worlds[name] = cls
            self._read("worlds", name, cls)
        return self._worlds[name]

    def model(self, name: str) -> type[BaseModel]:
        """Returns the class of a model; otherwise as :meth:`world`."""
        if name not in self._models:
            self._models[name] = find_model(self._note("agents", name))
            self._read("agents", name, self._models[name])
        return self._models[name]

    def stand_in(self, folder: str, name: str) -> str:
        """Returns the name or file that stands for a name; most often itself."""
        return self._elsewhere.get((folder, name), name)

    def sources(self) -> list[tuple[Source, bytes]]:
        """Returns where each class came from, and the text of its file as it was imported."""
        return list(self._sources.values())

    def _note(self, folder: str, name: str) -> str:
        """Returns the name to look up in place of a name."""
        given = self.stand_in(folder, name)
        self._sources[folder, name] = locate(given, folder), b""
        return given

    def _read(self, folder: str, name: str, cls: type) -> None:
        source, _ = self._sources[folder, name]
        self._sources[folder, name] = source, source_of(sys.modules[cls.__module__])
