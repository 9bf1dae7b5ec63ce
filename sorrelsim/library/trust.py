"""Whose code a name stands for: the library's, or a file that somebody else wrote.

Recordings and run folders name worlds, models and reward transforms, and reading one of these runs it. Files that come
from strangers may therefore name the library's only, unless a user says that they are trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sorrelsim.library.find import WHAT, files, shipped


class Untrusted(ValueError):
    """A file would run code that is not the library's; the message names both, and what to say if it is trusted."""


def stranger(name: str, folder: str) -> Path | None:
    """Returns the file that would run for a name, if it is not the library's.

    Args:
        name: A name or a path, as a config or a recording has it.
        folder: ``worlds``, ``agents`` or ``rewards``.
    """
    if name.startswith("pkg:"):
        return None
    if not name.endswith(".py"):
        found = files(folder).get(name)
        if found is None:  # nothing runs: it is not known, or part of the library's own modules
            return None
    else:
        found = Path(name)
    return None if found.resolve() in {path.resolve() for path in shipped(folder).values()} else found


def require_library(source: str | Path, named: Iterable[tuple[str, str]], trust: bool, how: str) -> None:
    """Refuses what would run other code than the library's.

    Args:
        source: The file that names it.
        named: Names and the folders that they are looked up in.
        trust: Whether a user said that it may run.
        how: How to say that.

    Raises:
        Untrusted: If a name stands for a file that is not the library's, and it is not trusted.
    """
    for name, folder in named:
        file = None if trust else stranger(name, folder)
        if file is not None:
            raise Untrusted(
                f"{source} names the {WHAT[folder]} {name}, and {file} is not the library's: its code would run. "
                f"If you trust it: {how}"
            )
