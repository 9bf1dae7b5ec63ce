"""Functions that Numba compiles once and that are kept in our own store, not in Numba's files, which nothing proves.

Two kinds: kernels of worlds, machine code behind an address (:class:`Kernel`), and plain functions on arrays, such as
those of a replay memory (:func:`kept`).
"""

from __future__ import annotations

import hashlib
import pickle
import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.ccallback import CFunc
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps
from numba.core.sigutils import normalize_signature

from sorrelsim.machine_code import store
from sorrelsim.machine_code.undisturbed import undisturbed

VERSIONS = f"{sys.version_info[:3]} {numba.__version__} {llvmlite.__version__} {np.__version__} {platform.machine()}"


class _Form(CompileResultCacheImpl):
    """Numba's own way of writing down what it compiled, without its search for a folder."""

    def __init__(self) -> None:
        pass


class _Cache(NullCache):
    """What Numba asks before it compiles a function, and tells after it did."""

    def __init__(self, name: str, source: bytes) -> None:
        """Opens the cache of one function.

        Args:
            name: Its name.
            source: A hash of all that its code depends on, but for versions, processor and types of arguments.
        """
        self.name = name
        self.source = source

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The function compiled for a signature, or None."""
        target_context.refresh()
        name = self.name_of(sig, target_context.codegen())
        code = store.fetch(name)
        if code is None:
            return None
        try:
            return _Form().rebuild(target_context, pickle.loads(code))
        except Exception:  # sound, but not for this Numba
            store.forget(name)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps what was compiled."""
        if not data.library.has_dynamic_globals:
            store.keep(self.name_of(sig, data.codegen), dumps(_Form().reduce(data)))

    def name_of(self, sig: Any, codegen: Any) -> str:
        """The name in the store: another processor, another version or another type gives another."""
        said = f"{VERSIONS} {codegen.magic_tuple()} {sig}"
        return f"{self.name}-{hashlib.sha256(said.encode() + self.source).hexdigest()[:20]}"


class Kernel(CFunc):
    """A function compiled to machine code behind an address; see :class:`numba.core.ccallback.CFunc`."""

    def __init__(
        self, function: Callable, signature: str, name: str, telling: Callable[[], AbstractContextManager]
    ) -> None:
        """Compiles the function, or finds it kept.

        Args:
            function: It divides as NumPy does, without exceptions.
            signature: Its types.
            name: What it is kept under; another function has another name.
            telling: What to do meanwhile, if it must be compiled.
        """
        options = {"nopython": True, "error_model": "numpy"}
        super().__init__(function, normalize_signature(signature), {}, options)
        self._cache = _Cache(name, b"")
        self.telling = telling
        with store.compiling(name):
            self.compile()

    def _compile_uncached(self) -> Any:
        with self.telling():
            return super()._compile_uncached()  # type: ignore[misc]


class _Function(CPUDispatcher):
    def enable_caching(self) -> None:
        code = self.py_func.__code__
        with suppress(OSError):  # a package without its source is compiled anew each time
            name = f"{Path(code.co_filename).stem}-{self.py_func.__qualname__}"
            self._cache = _Cache(name, _source(code.co_filename))

    def compile(self, sig: Any) -> Any:
        return undisturbed(lambda: self._compile_once(sig))

    def _compile_once(self, sig: Any) -> Any:
        with store.compiling(f"{self.py_func.__qualname__} {sig}"):
            return super().compile(sig)


@cache
def _source(file: str) -> bytes:
    return hashlib.sha256(Path(file).read_bytes()).digest()


def kept(function: Callable) -> Any:
    """Compiles a function on arrays when it is first called; it runs without the interpreter lock.

    What it calls must lie in its own file, whose text decides whether what is kept is still right.
    """
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return function
    dispatcher = _Function(function, {}, {"nopython": True, "nogil": True, "boundscheck": None})
    dispatcher.enable_caching()
    return dispatcher
