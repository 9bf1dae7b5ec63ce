"""The ground floor: locks that die with the process that holds them, however it dies."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LOCK = ".lock"
"""The file of a lock on a folder, held by whoever writes there."""
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class Occupied(ValueError):
    """Another process holds a lock. The message says which."""


@contextlib.contextmanager
def alone(path: str | Path, wait: float = 0.0) -> Iterator[None]:
    """Within, no other process holds a lock. Where the file system knows no locks, nobody is kept out.

    Args:
        path: The lock's file, which stays when the lock goes; folders that it needs are made. Or a folder that is
            there, which is locked itself, without a file; on Windows nobody is kept out of one.
        wait: Seconds to wait for another process that holds it.

    Raises:
        Occupied: If that still does.
        OSError: If the file cannot be written.
    """
    path = Path(path)
    handle = _open(path)
    if handle is None:
        yield
        return
    try:
        until = time.monotonic() + wait
        while not _lock(handle):
            if time.monotonic() > until:
                raise Occupied(_holder(path))
            time.sleep(0.05)
        with contextlib.suppress(OSError):  # a full disk, or a folder
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        os.close(handle)  # which ends the lock


def _open(path: Path) -> int | None:
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return None


def _lock(handle: int) -> bool:
    """Takes the lock if nobody has it; True also where there are no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _HELD
    return True


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except (OSError, ValueError):  # a folder; and Windows lets nobody read what is locked
        return "another process"
