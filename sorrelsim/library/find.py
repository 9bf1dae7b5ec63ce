"""Finding worlds and models by name: a file path, then ``./worlds`` or ``./agents``, then the package.

``make`` and configs import what they name through here; nothing else imports a file of the library.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from sorrelsim.errors import unknown
from sorrelsim.library.importing import NotImportable


class NotFound(ValueError):
    """No world or model of that name."""


def files(folder: str) -> dict[str, Path]:
    """Returns every world or model within reach by name, sub-folders included; local files hide the package's.

    Args:
        folder: ``worlds`` or ``agents``.
    """
    return _below(*_shipped(folder)) | _below(Path(folder))


def names(folder: str) -> list[str]:
    """Returns the names of all worlds or models within reach; ``folder`` is ``worlds`` or ``agents``."""
    return sorted(files(folder))


def load_module(name: str | Path, folder: str) -> ModuleType:
    """Imports the file of a world or model.

    Args:
        name: A path that ends in ``.py``, or a name.
        folder: ``worlds`` or ``agents``.

    Raises:
        NotFound: If there is none, with the nearest match.
    """
    text = str(name)
    if text.endswith(".py"):
        path = Path(text)
        if not path.is_file():
            raise NotFound(f"no file {text}")
        return _from_file(path)
    roots = _shipped(folder)
    shipped = _below(*roots).get(text)
    local = _below(Path(folder)).get(text)
    if local is not None and not (shipped and shipped.samefile(local)):
        return _from_file(local)
    if shipped is None:
        raise NotFound(unknown({"worlds": "world", "agents": "model"}[folder], text, names(folder)))
    root = next(root for root in roots if shipped.is_relative_to(root))
    return importlib.import_module(".".join(["sorrelsim", folder, *shipped.relative_to(root).with_suffix("").parts]))


def _shipped(folder: str) -> list[Path]:
    return [Path(where) for where in importlib.import_module(f"sorrelsim.{folder}").__path__]


def _below(*roots: Path) -> dict[str, Path]:
    """Returns name to file of all that lies below some folders, but for names that begin with an underscore."""
    found = (path for root in roots for path in sorted(root.rglob("*.py")))
    return {path.stem: path for path in found if not path.stem.startswith("_")}


def _from_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"sorrelsim_file_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}.{path.stem}"
    known = sys.modules.get(name)
    stamp = path.stat().st_mtime_ns
    if known is not None and known.__dict__.get("__stamp__") == stamp:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__stamp__"] = stamp
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception):
            raise NotImportable.of(error, path, module) from error
        raise
    return module


def find_class(name: str | Path, folder: str, base: type) -> Any:
    """Returns the one class of a file that derives from ``base``.

    Raises:
        NotFound: If the file defines none, or several.
    """
    module = load_module(name, folder)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    leaves = [cls for cls in found if not any(cls is not other and issubclass(other, cls) for other in found)]
    if len(leaves) != 1:
        raise NotFound(f"{module.__file__} defines {len(leaves)} subclasses of {base.__name__}; it should define one")
    return leaves[0]
