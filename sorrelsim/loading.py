"""Finding worlds and models by name: a file path, then ``./worlds`` or ``./agents``, then the package."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from sorrelsim.names import unknown


class NotFound(ValueError):
    """No world or model of that name."""


def names(folder: str) -> list[str]:
    """Names of all worlds or models within reach; ``folder`` is ``worlds`` or ``agents``."""
    package = importlib.import_module(f"sorrelsim.{folder}")
    found = {module.name for module in pkgutil.iter_modules(package.__path__)}
    local = Path(folder)
    if local.is_dir():
        found |= {path.stem for path in local.glob("*.py")}
    return sorted(name for name in found if not name.startswith("_"))


def load_module(name: str | Path, folder: str) -> ModuleType:
    """Import the file of a world or model.

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
    package = importlib.import_module(f"sorrelsim.{folder}")
    local = Path(folder) / f"{text}.py"
    shipped = [Path(where) / f"{text}.py" for where in package.__path__]
    if local.is_file() and not any(path.exists() and path.samefile(local) for path in shipped):
        return _from_file(local)
    if text.isidentifier() and any(path.is_file() for path in shipped):
        return importlib.import_module(f"sorrelsim.{folder}.{text}")
    raise NotFound(unknown({"worlds": "world", "agents": "model"}[folder], text, names(folder)))


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
    except BaseException:
        del sys.modules[name]
        raise
    return module


def find_class(name: str | Path, folder: str, base: type) -> Any:
    """The one class of a file that derives from ``base``.

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
