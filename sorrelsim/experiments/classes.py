"""The classes that an experiment plays with, each imported once, so that a file edited meanwhile changes nothing.

``seating`` builds from them; ``code`` keeps their files with the run, and finds them there when the run is read again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import Source, find_class, locate, source_of
from sorrelsim.library.make import find_model
from sorrelsim.library.transforms import find_transform
from sorrelsim.models.base import BaseModel
from sorrelsim.models.rewards import RewardTransform


class Classes:
    """Classes of worlds, models and reward transforms by the names that a config has for them.

    Args:
        elsewhere: For some names, by folder and name, the name or file that stands for them.
        kept: The folder of the copies that a run keeps; one of them finds there what it imports.
    """

    def __init__(self, elsewhere: Mapping[tuple[str, str], str] | None = None, kept: Path | None = None) -> None:
        self._elsewhere, self._kept = dict(elsewhere or {}), kept
        self._found: dict[tuple[str, str], Any] = {}
        self._sources: dict[tuple[str, str], tuple[Source, bytes]] = {}

    def world(self, name: str) -> type[Gridworld]:
        """Returns the class of a world.

        Raises:
            NotFound: If there is none, with the nearest match.
        """
        return self.find("worlds", name)

    def model(self, name: str) -> type[BaseModel]:
        """Returns the class of a model; otherwise as :meth:`world`."""
        return self.find("agents", name)

    def transform(self, name: str) -> type[RewardTransform]:
        """Returns the class of a reward transform; otherwise as :meth:`world`."""
        return self.find("rewards", name)

    def find(self, folder: str, name: str) -> Any:
        """Returns the class of whatever is looked up in a folder: ``worlds``, ``agents`` or ``rewards``."""
        if (folder, name) not in self._found:
            given = self.stand_in(folder, name)
            alone = self._kept is None or Path(given).parent.parent.parent != self._kept  # see code.keep_code
            with nullcontext() if alone else _imports_beside(Path(given)):
                cls = self._found[folder, name] = _FIND[folder](given)
            module = sys.modules[cls.__module__]
            if folder != "rewards" or hasattr(module, "__source__"):  # the library's transforms share a module
                self._sources[folder, name] = locate(given, folder), source_of(module)
        return self._found[folder, name]

    def stand_in(self, folder: str, name: str) -> str:
        """Returns the name or file that stands for a name; most often itself."""
        return self._elsewhere.get((folder, name), name)

    def where(self) -> dict[str, Any]:
        """Returns, as plain data, where they come from: the arguments of another one that finds the same."""
        return {"elsewhere": self._elsewhere, "kept": self._kept}

    def sources(self) -> list[tuple[Source, bytes]]:
        """Returns where each class came from that has a file of its own, and its text as it was imported."""
        return list(self._sources.values())


_FIND: dict[str, Callable[[str], Any]] = {
    "worlds": lambda name: find_class(name, "worlds", Gridworld),
    "agents": find_model,
    "rewards": find_transform,
}


@contextmanager
def _imports_beside(file: Path) -> Iterator[None]:
    """Within, what a file imports is first looked for beside it, though a module of that name may be imported."""
    others = [path for path in file.parent.iterdir() if path.stem != file.stem]
    beside = {path.stem for path in others if path.suffix == ".py" or (path / "__init__.py").is_file()}
    for name in [name for name in sys.modules if name.partition(".")[0] in beside]:
        del sys.modules[name]
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(file.parent.resolve()))
