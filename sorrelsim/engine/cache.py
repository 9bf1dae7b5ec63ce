"""A program's compiled module, from the disk cache or made anew; and what to say where a rule does not compile.

The module's name is a hash of everything that it depends on: the rules and all that they call and read, the engine,
the layout of the fields, Python and Numba. An edit gives another name, so a stale kernel cannot run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import linecache
import os
import platform
import re
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.engine import step as engine
from sorrelsim.engine.program import CONSTANTS, Program, namespace


class RuleError(Exception):
    """A rule of a world does not compile; the message shows the line of the world file and what Numba says of it."""


def cache_folder() -> Path:
    """Where compiled kernels are kept: ``$SORRELSIM_CACHE``, else the user's cache folder."""
    if "SORRELSIM_CACHE" in os.environ:
        return Path(os.environ["SORRELSIM_CACHE"])
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "sorrelsim"


def compiled_module(program: Program, quiet: bool):
    """Import the program's compiled module from the cache, or compile and keep it."""
    import numba

    text = program.source() + program.kernel()
    name = f"sorrelsim_{program.name}_{_fingerprint(program, text, numba.__version__)}"
    if name in sys.modules:
        return sys.modules[name]
    folder, kept = _writable(cache_folder() / "kernels")
    path = folder / f"{name}.py"
    if not path.exists():
        # Written under another name and linked into place, so that a second process never sees half a file and the
        # file's time stamp, on which Numba's index depends, is set once.
        handle, draft = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            if not path.exists():
                os.replace(draft, path)
                draft = ""
        if draft:
            os.unlink(draft)
    from sorrelsim.engine import numba_copy as jit

    jit.register_rules()
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__.update(namespace(program), __name__=name, make_callable=jit.make_callable)
    load_w, load_e = jit.loaders(program.layouts())
    atomics = {
        word: getattr(jit, word) for word in ("read_word", "write_word", "add_word", "swap_word", "rest", "order_word")
    }
    module.__dict__.update(load_W=load_w, load_E=load_e, cfunc=numba.cfunc, **atomics, **CONSTANTS)
    sys.modules[name] = module  # before it runs: Numba looks the NamedTuple classes up by module name
    cached = kept and any((folder / "__pycache__").glob(f"{name}.run*.nbc"))
    began = time.perf_counter()
    if not cached and not quiet:
        print(
            f"sorrelsim: compiling {program.name} (once; kept for later runs) ...", end="", file=sys.stderr, flush=True
        )
    try:
        with warnings.catch_warnings():
            # A folder that cannot be written has been reported already, in our words.
            warnings.filterwarnings("ignore", category=numba.NumbaWarning)
            spec.loader.exec_module(module)
    except numba.core.errors.NumbaError as error:
        del sys.modules[name]
        if not cached and not quiet:
            print(" failed", file=sys.stderr)
        raise RuleError(explain(program, error)) from None
    except BaseException:
        del sys.modules[name]
        raise
    if not cached and not quiet:
        print(f" {time.perf_counter() - began:.1f} s", file=sys.stderr)
    return module


@cache
def _writable(folder: Path) -> tuple[Path, bool]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder, True
    except OSError as error:
        other = Path(tempfile.mkdtemp(prefix="sorrelsim-"))
        warnings.warn(
            f"cannot keep compiled kernels in {folder} ({error.strerror}); every run compiles anew. "
            "Set SORRELSIM_CACHE to a folder that can be written.",
            RuntimeWarning,
            stacklevel=2,
        )
        return other, False


def _fingerprint(program: Program, text: str, numba_version: str) -> str:
    digest = hashlib.sha256(text.encode())
    digest.update(repr(program.layouts()).encode())
    digest.update(f"{sys.version_info[:3]} {numba_version} {np.__version__} {platform.machine()}".encode())
    seen: set[int] = set()
    observe = [program.observe] if program.observe else []
    entries: list[Callable] = [*program.rules, *program.start, *observe, engine.begin, engine.view, engine.finish]
    for function in entries:
        _digest_function(function, digest, seen)
    for file in kernel_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()[:20]


@cache
def kernel_files() -> tuple[Path, ...]:
    """Every file of ours that decides what is compiled: all of the engine and all of the rules library."""
    house = Path(__file__).parent.parent
    return tuple(path for room in ("engine", "rules") for path in sorted((house / room).glob("*.py")))


def _digest_function(function: Callable, digest, seen: set[int]) -> None:
    """Add a function's code, the functions that it calls and the values of the globals that it reads."""
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


def explain(program: Program, error: Exception) -> str:
    """Say where in the world's own file a rule failed to compile, and why, in a few lines."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    own = [f for f in [*program.rules, *program.start, program.observe] if f is not None]
    files = {Path(inspect.getfile(function)).name: inspect.getfile(function) for function in own}
    places = [
        (files[Path(file).name], int(line))
        for file, line in re.findall(r'File "([^"]+)", line (\d+)', text)
        if Path(file).name in files and "rules" not in Path(file).parts[-2:-1]
    ]
    reasons = [
        line.strip()
        for line in text.splitlines()
        if re.search(r"(NameError|Untyped|Unknown attribute|No implementation|Cannot unify|Invalid use|not supported|"
                     r"cannot determine|Unsupported|undefined|has no attribute|object has no|use of unsupported)", line)
    ]  # fmt: skip
    reason = reasons[-1] if reasons else text.strip().splitlines()[0]
    reason = reason.lstrip("- ")
    if not places:
        return f"a rule of world {program.name!r} does not compile: {reason}"
    file, line = places[-1]
    shown = linecache.getline(file, line).strip()
    return (
        f"{file}, line {line}: this does not compile\n    {shown}\n{reason}\n"
        "Run it interpreted (compiled=False, or --interpreted) to debug it as plain Python."
    )
