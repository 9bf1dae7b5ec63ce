"""Files written whole or not at all: beside their place, and swapped in when nothing is missing."""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast


def atomic_write(path: str | Path, write: Callable[[BinaryIO], Any]) -> None:
    """Writes a file and swaps it in; whatever happens, there is the old one or the new one, with nothing beside it.

    Where the system can (Linux), it has no name until it is whole, so that not even a kill leaves anything behind;
    elsewhere what a kill left is removed by the next write. Permissions are those of any new file.

    Args:
        path: Where; its folder is made if need be.
        write: Writes to the open file that it is given.

    Raises:
        OSError: If the disk is full, say; what was there is still there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{os.getpid()}.new"
    _remove_litter(path)
    descriptor = _nameless(path.parent)
    named = descriptor is None
    if descriptor is None:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            write(cast(BinaryIO, file))
            file.flush()
            os.fsync(file.fileno())
            if not named:
                _name(file.fileno(), temporary)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _nameless(folder: Path) -> int | None:
    """Opens a file without a name, which vanishes with its process; None where the system has none."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
    except OSError:  # not every file system has them
        return None


def _name(descriptor: int, path: Path) -> None:
    """Gives a nameless file its name."""
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:  # with a folder's descriptor, os.link follows the link that /proc has for the open file
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _remove_litter(path: Path) -> None:
    """Removes what processes that are gone left when they were writing this file."""
    for found in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
        number = re.fullmatch(r"(\d+)\.new", found.name.removeprefix(f".{path.name}."))
        if number is None or not int(number[1]) or int(number[1]) > 2**31 - 1:
            continue
        try:
            os.kill(int(number[1]), 0)
        except ProcessLookupError:
            with contextlib.suppress(OSError):
                found.unlink(missing_ok=True)
        except OSError:
            continue
