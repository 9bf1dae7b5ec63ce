"""What is said where the file of a world or a model cannot be imported: file, line, and the nearest name."""

from __future__ import annotations

import builtins
import linecache
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from sorrelsim.errors import nearest


class NotImportable(ValueError):
    """A file of a world or model that cannot be imported; the message has its line."""


def told(error: Exception, path: Path, module: ModuleType) -> str:
    """What is said of an error while a file was imported: file, line, the line, and the nearest name.

    Args:
        error: What was raised.
        path: The file.
        module: The module that it began to fill.
    """
    if isinstance(error, SyntaxError):
        file, line, text = error.filename or str(path), error.lineno or 1, error.msg
    else:
        frames = traceback.extract_tb(error.__traceback__)
        last = next((frame for frame in reversed(frames) if Path(frame.filename) == path), None)
        file, line, text = str(path), (last.lineno if last else 1) or 1, str(error) or "(no message)"
    shown = linecache.getline(file, line or 1).strip()
    hint = ""
    if isinstance(error, NameError) and error.name:
        hint = _nearest(error.name, {*vars(module), *vars(builtins)})
    elif isinstance(error, AttributeError) and error.name:
        hint = _nearest(error.name, dir(error.obj))
    elif isinstance(error, ImportError) and "cannot import name" in str(error):
        hint = _nearest(str(error).split("'")[1], dir(sys.modules.get(error.name or "", None)))
    return f"the file cannot be imported: {file}, line {line}: `{shown}`: {type(error).__name__}: {text}{hint}"


def _nearest(given: str, names: Iterable[str]) -> str:
    return nearest(given, names).partition("\n")[0]
