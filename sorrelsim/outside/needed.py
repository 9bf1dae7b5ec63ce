"""Libraries that only some need: imported when they are asked for, and missed in plain words."""

from __future__ import annotations

import importlib
from types import ModuleType

HOW = "pip install 'sorrelsim[gym]'"
"""What installs Gymnasium and PettingZoo."""


def needed(module: str, what: str, how: str = HOW) -> ModuleType:
    """Imports a module of a library that is not everybody's.

    Args:
        module: Its full name, such as ``gymnasium.vector``.
        what: What needs it, for the error.
        how: The command that installs it.

    Raises:
        ImportError: If the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != library:
            raise
        raise ImportError(f"{what} needs {library}, which is not installed: {how}", name=library) from None
