"""Compiled code on disk: one file a kernel, with a checksum that is verified before anything of it is read.

A file is ``MAGIC``, the SHA-256 of the kernel's name and code, the length of the code, and the code. What is damaged
(by a power cut, a full disk, a bad sector), or lies under another kernel's name, counts as absent and is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

from sorrelsim.locks import Occupied, alone
from sorrelsim.writing import remove_litter, write_beside

MAGIC = b"sorrelsim code 1"
_HEAD = len(MAGIC) + 32 + 8
PATIENCE = 120.0
"""Seconds to wait for another process that compiles the same."""
_told: set[Path] = set()
_compiling = False


def cache_folder() -> Path:
    """Where compiled code is kept: ``$SORRELSIM_CACHE``, else the user's cache folder."""
    if os.environ.get("SORRELSIM_CACHE"):
        return Path(os.environ["SORRELSIM_CACHE"])
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "sorrelsim"


def fetch(name: str) -> bytes | None:
    """The code kept under a name, or None where there is none that is sound."""
    path = _path(name)
    try:
        if not path.is_file():
            return None
        with open(path, "rb") as file:
            head = file.read(_HEAD)
            size = int.from_bytes(head[-8:], "little")
            if len(head) == _HEAD and head.startswith(MAGIC) and os.fstat(file.fileno()).st_size == _HEAD + size:
                code = file.read()
                if head[len(MAGIC) : -8] == _checksum(name, code):
                    return code
    except OSError:  # it cannot be read: another's, perhaps
        return None
    forget(name)
    return None


@contextlib.contextmanager
def compiling(name: str) -> Iterator[None]:
    """Within, no other process compiles what is kept under a name: who comes second finds it kept.

    A process holds one such lock at a time, so that none waits for another that waits for it. Where the folder cannot
    be written, or the other takes too long, both compile, which costs time and nothing else.
    """
    global _compiling
    if _compiling:
        yield
        return
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(Occupied, OSError):
            stack.enter_context(alone(cache_folder() / "locks" / f"{zlib.crc32(name.encode()) % 64:02d}", PATIENCE))
        _compiling = True
        try:
            yield
        finally:
            _compiling = False


def forget(name: str) -> None:
    """Removes what is kept under a name, where that is allowed."""
    with contextlib.suppress(OSError):
        _path(name).unlink(missing_ok=True)


def keep(name: str, code: bytes) -> None:
    """Keeps code under a name, for all who may read the folder. Says once per process if that cannot be."""
    path = _path(name)
    remove_litter(path.parent)
    try:
        write_beside(path, MAGIC + _checksum(name, code) + len(code).to_bytes(8, "little") + code)
    except OSError as error:
        if path.parent not in _told:
            _told.add(path.parent)
            warnings.warn(
                f"cannot keep compiled kernels in {path.parent} ({error.strerror}); every run compiles anew. "
                "Set SORRELSIM_CACHE to a folder that can be written.",
                RuntimeWarning,
                stacklevel=2,
            )


def _path(name: str) -> Path:
    return cache_folder() / "kernels" / f"{name}.nbc"


def _checksum(name: str, code: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + code).digest()
