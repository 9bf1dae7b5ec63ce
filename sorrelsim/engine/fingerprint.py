"""The hash that names a kernel: of everything that decides what is compiled, so that an edit gives another name."""

from __future__ import annotations

import hashlib
import platform
import sys
import types
from collections.abc import Callable
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.engine.program import Program

HOUSE = Path(__file__).parent.parent
ROOMS = ("engine", "rules")
"""The packages of ours that decide what is compiled."""


def fingerprint(program: Program, text: str, numba_version: str) -> str:
    """Twenty hexadecimal digits of all that a kernel depends on.

    Args:
        program: What is compiled.
        text: The text of its kernel.
        numba_version: Numba's version.
    """
    digest = hashlib.sha256(text.encode())
    digest.update(repr(program.layouts()).encode())
    digest.update(f"{sys.version_info[:3]} {numba_version} {np.__version__} {platform.machine()}".encode())
    digest.update(code_of(HOUSE))
    seen: set[int] = set()
    for function in program.own:
        _digest_function(function, digest, seen)
    return digest.hexdigest()[:20]


@cache
def code_of(house: Path) -> bytes:
    """A hash of every file of :data:`ROOMS`; read once per process, which runs what it imported."""
    files = [path for room in ROOMS for path in sorted((house / room).rglob("*.py"))]
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(house)} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.digest()


def _digest_function(function: Callable, digest, seen: set[int]) -> None:
    """Adds a function's code, the functions that it calls and the values of the globals that it reads."""
    if id(function) in seen:
        return
    seen.add(id(function))
    code = function.__code__
    digest.update(f"{function.__module__}.{function.__qualname__}".encode())
    _digest_code(code, digest)
    digest.update(repr(function.__defaults__).encode())
    values = {name: function.__globals__.get(name) for name in sorted(_names(code))}
    values |= {
        name: cell.cell_contents for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
    }
    for name, value in values.items():
        _digest_value(name, value, code, digest, seen)


def _digest_value(name: str, value: Any, code: types.CodeType, digest, seen: set[int]) -> None:
    value = getattr(value, "__wrapped__", value)  # a cached function
    if isinstance(value, types.FunctionType):
        digest.update(name.encode())
        _digest_function(value, digest, seen)
    elif isinstance(value, types.ModuleType):
        digest.update(f"{name}={value.__name__}".encode())
        if value.__name__.partition(".")[0] not in ("numpy", "math"):
            for attribute in sorted(_names(code)):
                if attribute in vars(value):
                    _digest_value(attribute, vars(value)[attribute], code, digest, seen)
    elif isinstance(value, type) and issubclass(value, Enum):
        digest.update(f"{name}={[(m.name, int(m.value)) for m in value]}".encode())  # type: ignore[call-overload]
    elif isinstance(value, np.ndarray):
        digest.update(name.encode() + value.tobytes())
    elif value is not None:
        digest.update(f"{name}={value!r}".encode())


def _digest_code(code: types.CodeType, digest) -> None:
    digest.update(code.co_code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _digest_code(constant, digest)
        else:
            digest.update(repr(constant).encode())
    digest.update(repr((code.co_names, code.co_varnames)).encode())


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names
