"""The ground floor: writing beside and swapping, so that a kill or a full disk never leaves half of anything.

A file has no name until it is whole, where the system can do that (Linux); elsewhere, and in the moment between naming
and swapping, it has a temporary one. What a process that is killed then leaves behind says by its name whose it was, so
that the next write of that file, and :func:`remove_litter`, know it again.
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
    """Writes a file whole or not at all, as :func:`new_file` does.

    Args:
        path: The file.
        content: What it holds: bytes, text, or a function that writes to a file in memory.

    Returns:
        The path.

    Raises:
        OSError: If it cannot be written; it names the file, and the one that was there is as it was.
    """
    if callable(content):
        memory = io.BytesIO()  # writers in other languages may die of a full disk, memory they know
        content(memory)
        content = memory.getvalue()
    with new_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return Path(path)


@contextlib.contextmanager
def new_file(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file to write, which takes its place at the end of the block; if that raises, all is as it was.

    Args:
        path: The file; folders that it needs are made. Something that is no regular file, such as ``/dev/stdout``, is
            written to as it is. Permissions are those of any new file.

    Yields:
        The file, which may be written to at any place.

    Raises:
        OSError: If it cannot be written; it names the file, and the one that was there is as it was.
    """
    path = Path(path)
    place = path.resolve() if path.is_symlink() else path
    try:
        if place.exists() and not place.is_file():
            with place.open("wb") as device:
                yield device
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        remove_litter(place.parent, _short(place))
        with _beside(place) as temporary:
            handle = _nameless(place.parent)
            with temporary.open("xb") if handle is None else open(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if handle is not None:
                    _give_name(handle, temporary)
            temporary.replace(place)
    except OSError as error:
        raise _naming(error, path) from error


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


def remove_litter(folder: str | Path, name: str | None = None) -> list[Path]:
    """Removes what killed processes left half written in a folder; a folder that they had put aside comes back.

    What a process that lives is writing stays. Never raises: a folder that cannot be tidied is left as it is.

    Args:
        folder: The folder.
        name: The file that they were writing there; None means anything.

    Returns:
        What is no longer there.
    """
    gone = []
    with contextlib.suppress(OSError):
        for path in sorted(Path(folder).iterdir()):
            found = _BESIDE.fullmatch(path.name)
            if found is None or name not in (None, found["name"]) or _is_in_use(path, found):
                continue
            place = path.with_name(found["name"])
            if found["what"] == "before" and not place.exists():
                path.rename(place)
            else:
                _remove(path)
            gone.append(path)
    return gone


def _nameless(folder: Path) -> int | None:
    """Opens a file without a name, which vanishes with its process; None where there are none."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except OSError:  # not every file system has them; whatever else is wrong, a named file meets it too
        return None


def _give_name(handle: int, path: Path) -> None:
    """Gives a nameless file a name that is free."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:  # with a folder's handle, os.link follows the link that /proc has for the open file
        os.link(f"/proc/self/fd/{handle}", path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _short(place: Path) -> str:
    """Returns what a temporary name says of a place; a name has 255 bytes in most file systems."""
    return place.name.encode()[:180].decode(errors="ignore")


def _name(place: Path, what: str) -> Path:
    return place.with_name(f".{_short(place)}.{_HOST}-{os.getpid()}-{secrets.token_hex(4)}.{what}")


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
