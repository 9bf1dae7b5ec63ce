"""The ground floor: writing beside and swapping, so that a kill or a full disk never leaves half of anything.

What is written lies under a temporary name until it is whole. A process that is killed before then leaves that file
behind; its name says whose it was, so that :func:`remove_litter` knows it again.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import platform
import re
import secrets
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
_BESIDE = re.compile(r"\.(?P<name>.+)\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}\.(?P<what>beside|before)")
_LONG_AGO = 24 * 3600
"""Age in seconds at which a temporary file of another machine, whose processes cannot be seen, is litter."""
_EXCHANGE, _HERE = 2, -100  # Linux: RENAME_EXCHANGE, AT_FDCWD


def write_beside(path: str | Path, content: bytes | str | Callable[[BinaryIO], Any]) -> Path:
    """Writes a file whole or not at all: beside its place, then swapped in. What was there before stays until then.

    Args:
        path: The file; folders that it needs are made. Something that is no regular file, such as ``/dev/stdout``, is
            written to as it is.
        content: What it holds: bytes, text, or a function that writes to a file in memory.

    Returns:
        The path.

    Raises:
        OSError: If it cannot be written; it names the file, and the one that was there is as it was.
    """
    path = Path(path)
    if callable(content):
        memory = io.BytesIO()  # writers in other languages may die of a full disk, memory they know
        content(memory)
        content = memory.getvalue()
    data = content.encode() if isinstance(content, str) else content
    place = path.resolve() if path.is_symlink() else path
    try:
        if place.exists() and not place.is_file():
            place.write_bytes(data)
            return path
        place.parent.mkdir(parents=True, exist_ok=True)
        with _beside(place) as temporary:
            with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(place)
    except OSError as error:
        raise _naming(error, path) from error
    return path


def swap_folder(place: str | Path, fill: Callable[[Path], Any]) -> Path:
    """Writes a folder whole or not at all: ``fill`` gets an empty one, which then takes the place of the one there.

    Raises:
        OSError: If it cannot be written; the folder that was there is as it was.
    """
    place = Path(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _beside(place) as temporary:
            temporary.mkdir()
            fill(temporary)
            if not place.exists():
                temporary.rename(place)
            elif not _exchange(temporary, place):
                before = _name(place, "before")  # if this is where a kill comes, remove_litter brings it back
                place.rename(before)
                temporary.rename(place)
                _remove(before)
    except OSError as error:
        raise _naming(error, place) from error
    return place


def _naming(error: OSError, path: Path) -> OSError:
    """Returns an error that names the place, not what was to take it."""
    return OSError(error.errno, error.strerror, str(path)) if error.errno else error


def is_temporary(path: Path) -> bool:
    """Returns whether a name is one that is written under, before it is swapped in."""
    return _BESIDE.fullmatch(path.name) is not None


def remove_litter(folder: str | Path) -> list[Path]:
    """Removes what killed processes left half written in a folder; a folder that they had put aside comes back.

    What a process that lives is writing stays. Never raises: a folder that cannot be tidied is left as it is.

    Returns:
        What is no longer there.
    """
    gone = []
    with contextlib.suppress(OSError):
        for path in sorted(Path(folder).iterdir()):
            found = _BESIDE.fullmatch(path.name)
            if found is None or _is_in_use(path, found):
                continue
            place = path.with_name(found["name"])
            if found["what"] == "before" and not place.exists():
                path.rename(place)
            else:
                _remove(path)
            gone.append(path)
    return gone


def _name(place: Path, what: str) -> Path:
    name = place.name.encode()[:180].decode(errors="ignore")  # a name has 255 bytes in most file systems
    return place.with_name(f".{name}.{_HOST}-{os.getpid()}-{secrets.token_hex(4)}.{what}")


@contextlib.contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """Gives a temporary path beside a place; whatever happens, nothing is left there."""
    temporary = _name(place, "beside")
    try:
        yield temporary
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _is_in_use(path: Path, found: re.Match[str]) -> bool:
    if found["host"] != _HOST:
        return time.time() - path.stat().st_mtime < _LONG_AGO
    if sys.platform == "win32":  # where signal 0 would end the process
        return time.time() - path.stat().st_mtime < 3600
    try:
        os.kill(int(found["pid"]), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it lives, and is another user's
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two names in one move, which leaves no moment without either; False where the system cannot."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0
