"""Locks on folders that die with the process that holds them, however it dies."""

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
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class Occupied(ValueError):
    """Another process works in a folder."""


@contextlib.contextmanager
def alone(folder: str | Path, wait: float = 2.0) -> Iterator[None]:
    """Within, no other process that asks is in a folder. Where the file system knows no locks, nobody is kept out.

    Args:
        folder: The folder; it is made if it is not there.
        wait: Seconds to wait for one that is there; its process may have been killed a moment ago.

    Raises:
        Occupied: If it is still there.
        OSError: If the folder cannot be written to.
    """
    path = Path(folder) / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        until = time.monotonic() + wait
        while not _lock(handle):
            if time.monotonic() > until:
                holder = os.pread(handle, 200, 0).decode(errors="replace") if hasattr(os, "pread") else ""
                raise Occupied(f"{folder} is being worked on by {holder or 'another process'}; wait for it, or stop it")
            time.sleep(0.05)
        if hasattr(os, "pwrite"):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
        yield
    finally:
        os.close(handle)  # which ends the lock


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
