"""Finding worlds and models by name: a file path, then ``./worlds`` or ``./agents``, then the package.

``make`` and configs import what they name through here; nothing else imports a file of the library. What comes from
elsewhere than the library is said in a line on stderr, for it decides the result; ``pkg:cleanup`` means the library's.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sorrelsim.errors import tell, unknown
from sorrelsim.library.importing import NotImportable, told

LIBRARY = "pkg:"
"""Before a name: the library's, whatever lies in the current folder."""
WHAT = {"worlds": "world", "agents": "model", "rewards": "reward transform"}
"""What lies in a folder."""


class NotFound(ValueError):
    """No world or model of that name."""


@dataclass(frozen=True)
class Source:
    """Where a world or a model comes from.

    Attributes:
        name: As it was asked for.
        folder: ``worlds`` or ``agents``.
        path: Its file.
        module: Its module's name, if it is the library's; empty for a file of the user's own.
        hides: The library's file of the same name, which it takes the place of, if there is one.
    """

    name: str
    folder: str
    path: Path
    module: str = ""
    hides: Path | None = None

    @property
    def own(self) -> bool:
        """Whether it is the user's own, not the library's."""
        return not self.module

    def told(self) -> str:
        """Returns the line that says where it comes from."""
        line = f"{WHAT[self.folder]} {bare(self.name)}: {_shown(self.path)}, not the library's"
        if self.hides is None:
            return line
        return f"{line} (which it hides; {LIBRARY}{bare(self.name)} means that one)"


def files(folder: str) -> dict[str, Path]:
    """Returns every world or model within reach by name, sub-folders included; local files hide the package's.

    Args:
        folder: ``worlds`` or ``agents``.
    """
    return shipped(folder) | _below(Path(folder))


def names(folder: str) -> list[str]:
    """Returns the names of all worlds or models within reach; ``folder`` is ``worlds`` or ``agents``."""
    return sorted(files(folder))


def shipped(folder: str) -> dict[str, Path]:
    """Returns the worlds or models of the library by name; ``folder`` is ``worlds`` or ``agents``."""
    return _below(*_roots(folder))


def bare(name: str | Path) -> str:
    """Returns a name as titles and file names have it: without ``pkg:`` or another library's, folders and ``.py``."""
    text = str(name).rpartition(":")[2]
    return Path(text).name.removesuffix(".py")


def locate(name: str | Path, folder: str) -> Source:
    """Returns where a name leads, importing nothing.

    Args:
        name: A path that ends in ``.py``; a name; or ``pkg:`` and a name, for the library's.
        folder: ``worlds`` or ``agents``.

    Raises:
        NotFound: If there is none, with the nearest match.
    """
    text = str(name)
    roots = _roots(folder)
    library = _below(*roots)
    if text.endswith(".py") and not text.startswith(LIBRARY):
        path = Path(text)
        if not path.is_file():
            near = f"; {LIBRARY}{path.stem} is the library's" if path.stem in library else ""
            raise NotFound(f"no file {text}{near}")
        source = next((found for found in library.values() if found.samefile(path)), None)
        if source is not None:
            return Source(text, folder, source, _module(source, roots, folder))
        return Source(text, folder, path, hides=library.get(path.stem))
    ours = library.get(text.removeprefix(LIBRARY).removesuffix(".py"))
    local = None if text.startswith(LIBRARY) else _below(Path(folder)).get(text)
    if local is not None and not (ours and ours.samefile(local)):
        return Source(text, folder, local, hides=ours)
    if ours is None:
        known = [LIBRARY + each for each in library] if text.startswith(LIBRARY) else names(folder)
        raise NotFound(unknown(WHAT[folder], text, known))
    return Source(text, folder, ours, _module(ours, roots, folder))


_told: set[str] = set()


def tell_anew() -> None:
    """Lets every file of the user's own be told of again; each command begins with it."""
    _told.clear()


def _tell(source: Source) -> None:
    line = source.told()
    if line not in _told:
        _told.add(line)
        tell(line)


def _shown(path: Path) -> str:
    """Returns a path from the current folder if it lies below it."""
    return os.path.relpath(path) if path.is_absolute() and path.is_relative_to(Path.cwd()) else str(path)


def _roots(folder: str) -> list[Path]:
    if folder == "rewards":  # the library's are classes, not files
        return []
    return [Path(where) for where in importlib.import_module(f"sorrelsim.{folder}").__path__]


def _module(path: Path, roots: list[Path], folder: str) -> str:
    root = next(root for root in roots if path.is_relative_to(root))
    return ".".join(["sorrelsim", folder, *path.relative_to(root).with_suffix("").parts])


def _below(*roots: Path) -> dict[str, Path]:
    """Returns name to file of all that lies below some folders, but for names that begin with an underscore."""
    found = (path for root in roots for path in sorted(root.rglob("*.py")))
    return {path.stem: path for path in found if not path.stem.startswith("_")}


def source_of(module: ModuleType) -> bytes:
    """Returns the text of a module as it was imported, though its file may have changed since."""
    kept = module.__dict__.get("__source__")
    return kept if kept is not None else Path(module.__file__ or os.devnull).read_bytes()


def _from_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"sorrelsim_file_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}.{path.stem}"
    known = sys.modules.get(name)
    text = path.read_bytes()
    if known is not None and known.__dict__.get("__source__") == text:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__source__"] = text
    sys.modules[name] = module
    try:
        exec(compile(text, str(path), "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception):
            raise NotImportable(told(error, path, module)) from error
        raise
    return module


def find_class(name: str | Path, folder: str, base: type) -> Any:
    """Returns the one class of a file that derives from ``base``; says where it comes from if not from the library.

    Args:
        name: As :func:`locate` takes it.
        folder: ``worlds``, ``agents`` or ``rewards``.
        base: What it must derive from.

    Raises:
        NotFound: If there is no such file, with the nearest match, or it defines none such class, or several.
    """
    source = locate(name, folder)
    module = _from_file(source.path) if source.own else importlib.import_module(source.module)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    leaves = [cls for cls in found if not any(cls is not other and issubclass(other, cls) for other in found)]
    if len(leaves) != 1:
        raise NotFound(f"{module.__file__} defines {len(leaves)} subclasses of {base.__name__}; it should define one")
    if source.own:
        _tell(source)
    return leaves[0]
