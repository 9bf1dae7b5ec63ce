"""From the rules of a world to one function that steps many copies, interpreted or compiled, and its disk cache.

A world hands over *fields*: named arrays with a leading copy axis, or shared by all copies. From them a small module
is written: the ``NamedTuple`` classes that rules see as ``w``, one function that applies the rules in order, and one
kernel that runs it over a range of copies. The compiled kernel takes a single address, of a table that holds the
address and shape of every field, so a call costs the same for three fields or fifty.

The module's name is a hash of everything that it depends on: the rules and all that they call and read, the engine,
the layout of the fields, Python and Numba. An edit gives another name, so a stale kernel cannot run.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import inspect
import linecache
import os
import platform
import re
import sys
import tempfile
import threading
import time
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from sorrelsim import engine

STEP, RESET, VIEW, CHECK = 0, 1, 2, 3


class RuleError(Exception):
    """A rule of a world does not compile; the message shows the line of the world file and what Numba says of it."""


@dataclass(frozen=True)
class Field:
    """One value that rules or the engine see.

    Attributes:
        name: Its attribute in ``w`` or ``e``.
        array: The memory, ``[copy, ...]`` when ``per_copy``, else shared by all copies.
        per_copy: Whether the first axis is the copy.
        scalar: Whether a copy sees a number instead of an array (read-only).
        fixed_strides: For an array that is not contiguous: its strides in bytes for one copy, 0 where they depend on
            the size of the map.
        constant: Whether the value is written into compiled code, which another value then compiles anew.
        exchanged: Whether another array takes its place from step to step.
    """

    name: str
    array: np.ndarray
    per_copy: bool = True
    scalar: bool = False
    fixed_strides: tuple[int, ...] = ()
    constant: bool = False
    exchanged: bool = False

    @property
    def ndim(self) -> int:
        return self.array.ndim - self.per_copy

    @property
    def contiguous(self) -> bool:
        one = self.array[0] if self.per_copy and len(self.array) else self.array
        return bool(one.flags.c_contiguous)

    @property
    def in_rows(self) -> bool:
        """Whether each copy's address is kept ready: not for constants, shared fields and those that are exchanged."""
        return self.per_copy and not self.constant and not self.exchanged

    def words(self) -> list[int]:
        """Address, bytes from copy to copy, then shape and, if not contiguous, strides in bytes."""
        if self.constant:
            return []
        skip = int(self.per_copy)
        step = self.array.strides[0] if self.per_copy else 0
        words = [_address(self.array), step, *self.array.shape[skip:]]
        return words if self.contiguous else [*words, *self.array.strides[skip:]]

    def of(self, copy: int) -> Any:
        """What one copy sees, for interpreted rules."""
        value = self.array[copy] if self.per_copy else self.array
        return value.item() if self.scalar else value.view(_PythonNumbers)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


class _PythonNumbers(np.ndarray):
    """An array whose elements come out as Python numbers, so that interpreted arithmetic equals compiled arithmetic."""

    def __getitem__(self, index):
        if type(index) is int:
            low = index
        elif type(index) is tuple:
            low = min((k for k in index if type(k) is int), default=0)
        else:
            low = 0
        if low < 0:
            raise IndexError(f"index {index} is negative; compiled rules do not count from the end")
        value = super().__getitem__(index)
        return value.item() if isinstance(value, np.generic) else value


class Layout(NamedTuple):
    """How compiled code reaches one field, through the table of addresses.

    Attributes:
        at: Index of its first word in the table; see :meth:`Field.words`.
        row: Index of its address in the copy's row of addresses, or -1 where it is to be reckoned from the table.
        value: Shape and bytes of a constant, else None.
    """

    name: str
    at: int
    row: int
    dtype: str
    ndim: int
    contiguous: bool
    scalar: bool
    per_copy: bool
    fixed_strides: tuple[int, ...]
    value: tuple[tuple[int, ...], bytes] | None


class Outputs(Protocol):
    """The arrays that a step answers into; a world has several and takes turns. ``words`` is the kernel's to fill."""

    fields: list[Field]
    words: np.ndarray | None


@dataclass
class Program:
    """The source of a world's step: what is generated, and what it is generated from."""

    name: str
    rules: Sequence[Callable]
    start: Sequence[Callable]
    observe: Callable | None
    fields: Sequence[Field]
    engine_fields: Sequence[Field]
    params: Sequence[Field]
    state_names: Sequence[str]

    def source(self) -> str:
        """The text of the generated module."""
        lines = ['"""Generated by sorrelsim: the step of one world. Do not edit."""', ""]
        lines += ["from typing import Any, NamedTuple", ""]
        for title, fields in (("P", self.params), ("W", self.fields), ("E", self.engine_fields)):
            lines += ["", f"class {title}(NamedTuple):"]
            lines += [f"    {field.name}: Any" for field in fields]
            lines += ["    p: Any"] if title == "W" else []
            lines += ["    pass"] if not fields else []
            lines.append("")
        lines += ["", "def advance(w, e):", "    begin(w, e)"]
        lines += [f"    rule_{k}(w)" for k in range(len(self.rules))]
        lines += ["    finish(w, e)", "", "", "def clear(w):"]
        lines += [f"    fill(w.{name}, 0)" for name in self.state_names] or ["    pass"]
        lines += ["", "", "def start(w):"]
        lines += [f"    start_{k}(w)" for k in range(len(self.start))] or ["    pass"]
        lines += ["", "", "def scalars(w, e, out):"]
        if self.observe:
            lines += ["    fill(out, 0.0)", "    for i in range(w.n_agents):", "        if w.out[i] == 0:"]
            lines += ["            observe(w, i, out[i])"]
        else:
            lines += ["    pass"]
        return "\n".join(lines) + "\n"

    def layouts(self) -> dict[str, tuple[Layout, ...]]:
        """Where the compiled world finds each field of ``w.p``, ``w`` and ``e``."""
        at, row, out = 1, 0, {}  # word 0 of the table leads to the rows of addresses
        for title, fields in (("P", self.params), ("W", self.fields), ("E", self.engine_fields)):
            found = []
            for field in fields:
                fixed = () if field.contiguous else field.fixed_strides or (0,) * field.ndim
                value = (field.array.shape, field.array.tobytes()) if field.constant else None
                found.append(
                    Layout(
                        field.name, at, row if field.in_rows else -1, field.array.dtype.name, field.ndim,
                        field.contiguous, field.scalar, field.per_copy, fixed, value,
                    )
                )  # fmt: skip
                at += len(field.words())
                row += field.in_rows
            out[title] = tuple(found)
        return out

    def all_fields(self) -> list[Field]:
        return [*self.params, *self.fields, *self.engine_fields]


KERNEL = """

def first_bad_action(table, first, last):
    bad = 0
    for b in range(first, last):
        w = load_W(table, b)
        e = load_E(table, b)
        for i in range(w.n_agents):
            bad += (w.action[i] < 0) | (w.action[i] >= e.n_actions)
    if bad > 0:
        for b in range(first, last):
            w = load_W(table, b)
            e = load_E(table, b)
            for i in range(w.n_agents):
                if w.action[i] < 0 or w.action[i] >= e.n_actions:
                    return b * w.n_agents + i
    return -1


for function in (advance, clear, start, scalars, first_bad_action):
    make_callable(function)


@cfunc("int64(intp, int64, int64, int64)", cache=True, nopython=True, error_model="numpy")
def run(table, first, last, mode):
    if mode == 0 or mode == 3:
        bad = first_bad_action(table, first, last)
        if bad >= 0:
            return -1 - bad
        if mode == 3:
            return 0
    ended = 0
    for b in range(first, last):
        w = load_W(table, b)
        e = load_E(table, b)
        again = mode == 1 and e.command[0] != 0
        if mode == 0:
            e.turn[0] += 1
            advance(w, e)
            if w.ended[0] != 0:
                ended += 1
                again = True
                view(w, e, e.final_cells, e.final_bytes)
                scalars(w, e, e.final_scalars)
        if again:
            restore(w, e)
            clear(w)
            start(w)
        view(w, e, e.cells_out, e.bytes_out)
        scalars(w, e, e.scalars_out)
    return ended
"""


class Interpreted:
    """Runs a program as plain Python: instant start, breakpoints and prints, about a thousandth of the speed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.space = _namespace(program)
        exec(compile(program.source(), f"<rules of {program.name}>", "exec"), self.space)
        self.actions = next(f.array for f in program.fields if f.name == "action")
        n = len(self.actions)
        self.copies = [
            (
                self.space["W"](*(f.of(b) for f in program.fields), self._params(b)),
                self.space["E"](*(f.of(b) for f in program.engine_fields)),
            )
            for b in range(n)
        ]

    def _params(self, b: int) -> Any:
        return self.space["P"](*(field.of(b) for field in self.program.params))

    def run(self, mode: int, outputs: Outputs) -> int:
        """Step, reset or only view all copies, answering into ``outputs``; see :meth:`Compiled.run`."""
        space = self.space
        if mode == STEP:
            actions = self.actions.reshape(-1)
            bad = np.flatnonzero((actions < 0) | (actions >= self.copies[0][1].n_actions))
            if len(bad):
                return -1 - int(bad[0])
        ended = 0
        for b, (w, e) in enumerate(self.copies):
            w = w._replace(p=self._params(b))
            e = e._replace(**{field.name: field.of(b) for field in outputs.fields})
            again = mode == RESET and e.command[0] != 0
            if mode == STEP:
                e.turn[0] += 1
                w = w._replace(turn=e.turn[0])
                space["advance"](w, e)
                if w.ended[0] != 0:
                    ended += 1
                    again = True
                    engine.view(w, e, e.final_cells, e.final_bytes)
                    space["scalars"](w, e, e.final_scalars)
            if again:
                engine.restore(w, e)
                w = w._replace(turn=0)
                space["clear"](w)
                space["start"](w)
            engine.view(w, e, e.cells_out, e.bytes_out)
            space["scalars"](w, e, e.scalars_out)
        return ended


class Compiled:
    """Runs a program as machine code, over any number of threads; the result does not depend on how many."""

    def __init__(self, program: Program, quiet: bool = False) -> None:
        self.program = program
        module = _module(program, quiet)
        self.step = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(module.run.address)
        fields = program.all_fields()
        self.n = len(next(field.array for field in fields if field.per_copy))
        first, step = np.array([field.words()[:2] for field in fields if field.in_rows], np.int64).T
        self.rows = np.arange(self.n)[:, None] * step + first  # where each copy's part of each field lies
        self.table = np.array([_address(self.rows), *(word for field in fields for word in field.words())], np.int64)
        self.address = _address(self.table)
        self.outputs: Outputs | None = None

    def run(self, mode: int, outputs: Outputs) -> int:
        """Step, reset or only view all copies, answering into ``outputs``.

        Returns:
            The number of episodes that ended; or -1 - k where action k, of all copies' in a row, is out of range, and
            then no copy has moved.
        """
        if outputs is not self.outputs:
            if outputs.words is None:
                outputs.words = np.array([word for field in outputs.fields for word in field.words()], np.int64)
            self.table[-len(outputs.words) :] = outputs.words  # they come last in the table
            self.outputs = outputs
        if _threads == 1 or self.n < 8:
            return self.step(self.address, 0, self.n, mode)
        if mode == STEP:
            bad = self.step(self.address, 0, self.n, CHECK)
            if bad < 0:
                return bad
        return _workers(_threads).run(self.step, self.address, self.n, mode)


# ------------------------------------------------------------------------------------------------------- threads

_threads = max(1, len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


def set_threads(n: int) -> None:
    """Set how many threads step the copies of every world in this process; trajectories do not depend on it."""
    global _threads
    if n < 1:
        raise ValueError(f"a number of threads is at least 1, not {n}")
    _threads = int(n)


def get_threads() -> int:
    """How many threads step the copies of a world."""
    return _threads


class _Workers:
    """Threads that wait for a share of the copies. Kernels release the interpreter lock, so they run side by side."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.job: tuple = ()
        self.results = [0] * n
        self.go = [threading.Lock() for _ in range(n - 1)]
        self.done = [threading.Lock() for _ in range(n - 1)]
        self.pid = os.getpid()
        self.busy = threading.Lock()
        for k in range(n - 1):
            self.go[k].acquire()
            self.done[k].acquire()
            threading.Thread(target=self.work, args=(k,), daemon=True, name=f"sorrelsim-{k}").start()

    def work(self, k: int) -> None:
        while True:
            self.go[k].acquire()
            step, address, cuts, mode = self.job
            self.results[k + 1] = step(address, cuts[k + 1], cuts[k + 2], mode)
            self.done[k].release()

    def run(self, step, address: int, n: int, mode: int) -> int:
        with self.busy:
            cuts = [n * k // self.n for k in range(self.n + 1)]
            self.job = (step, address, cuts, mode)
            for lock in self.go:
                lock.release()
            self.results[0] = step(address, cuts[0], cuts[1], mode)
            for lock in self.done:
                lock.acquire()
            return sum(self.results)


_pools: dict[int, _Workers] = {}


def _workers(n: int) -> _Workers:
    pool = _pools.get(n)
    if pool is None or pool.pid != os.getpid():  # threads do not survive a fork
        pool = _pools[n] = _Workers(n)
    return pool


# --------------------------------------------------------------------------------------------------- disk cache


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


def _namespace(program: Program) -> dict[str, Any]:
    space: dict[str, Any] = {
        "__name__": "sorrelsim_interpreted",
        "begin": engine.begin,
        "finish": engine.finish,
        "fill": engine.fill,
        "restore": engine.restore,
        "view": engine.view,
    }
    space |= {f"rule_{k}": function for k, function in enumerate(program.rules)}
    space |= {f"start_{k}": function for k, function in enumerate(program.start)}
    if program.observe:
        space["observe"] = program.observe
    return space


def _module(program: Program, quiet: bool):
    """Import the program's compiled module from the cache, or compile and keep it."""
    import numba

    text = program.source() + KERNEL
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
    from sorrelsim import jit

    jit.register_rules()
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__.update(_namespace(program), __name__=name, make_callable=jit.make_callable)
    load_w, load_e = jit.loaders(program.layouts())
    module.__dict__.update(load_W=load_w, load_E=load_e, cfunc=numba.cfunc)
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
    for file in (engine.__file__, Path(__file__).with_name("jit.py"), sys.modules["sorrelsim.rules.draw"].__file__):
        digest.update(Path(str(file)).read_bytes())
    return digest.hexdigest()[:20]


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


# ------------------------------------------------------------------------------------------------------- errors


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
