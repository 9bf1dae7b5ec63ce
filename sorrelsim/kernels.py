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
from sorrelsim.memory import Block

STEP, RESET, VIEW, FOLLOW = 0, 1, 2, 3
TICKET, DONE, ENDED, COPIES, TABLE, MODE, GRAIN = range(7)  # words that threads share; see KERNEL
PATIENCE = 12_000  # times that a thread looks for work before it gives up, 0.1 to 0.5 ms
UNFINISHED = -(1 << 62)
CONSTANTS = {
    "STEP": STEP, "RESET": RESET, "FOLLOW": FOLLOW, "PATIENCE": PATIENCE, "UNFINISHED": UNFINISHED, "TICKET": TICKET,
    "DONE": DONE, "ENDED": ENDED, "COPIES": COPIES, "TABLE": TABLE, "MODE": MODE, "GRAIN": GRAIN,
}  # fmt: skip
HEAD = 4  # words of the table before the fields


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
        apart: Whether it lies outside the block: it is given or answered, perhaps into another array each step.
        scratch: Whether what it holds matters only within a step, so that one serves all copies of a thread.
    """

    name: str
    array: np.ndarray
    per_copy: bool = True
    scalar: bool = False
    fixed_strides: tuple[int, ...] = ()
    constant: bool = False
    apart: bool = False
    scratch: bool = False

    @property
    def ndim(self) -> int:
        return self.array.ndim - self.per_copy

    @property
    def contiguous(self) -> bool:
        one = self.array[0] if self.per_copy and len(self.array) else self.array
        return bool(one.flags.c_contiguous)

    @property
    def place(self) -> str:
        """Where compiled code looks for it.

        ``constant``: nowhere, it is written into the code. ``copy``: at a distance from the start of the copy's
        piece of the block. ``scratch``: likewise in the thread's own. ``apart``: in an array of its own. ``shared``:
        in one array for all.
        """
        if self.constant:
            return "constant"
        if not self.per_copy:
            return "shared"
        return "apart" if self.apart else "scratch" if self.scratch else "copy"

    def words(self, block: Block, scratch: Block) -> list[int]:
        """Where it lies, then its shape and, if not contiguous, strides in bytes.

        Where it lies is the distance from the start of a copy's piece, or address and bytes from copy to copy.
        """
        if self.constant:
            return []
        skip = int(self.per_copy)
        found = {"copy": block, "scratch": scratch}.get(self.place)
        if found:
            where = [_address(self.array) - _address(found.bytes)]
        else:
            where = [_address(self.array), self.array.strides[0] if self.per_copy else 0]
        shape = list(self.array.shape[skip:])
        return where + shape + ([] if self.contiguous else list(self.array.strides[skip:]))

    def of(self, copy: int) -> Any:
        """What one copy sees, for interpreted rules."""
        value = self.array[copy] if self.per_copy else self.array
        return value.item() if self.scalar else value.view(_INTERPRETED.get(value.ndim, _PythonNumbers))


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


class _PythonNumbers(np.ndarray):
    """An array whose elements come out as Python numbers, so that interpreted arithmetic equals compiled arithmetic."""

    def __getitem__(self, index):
        for k in index if type(index) is tuple else (index,):
            if isinstance(k, (int, np.integer)) and k < 0:
                raise IndexError(f"index {index} is negative; compiled rules do not count from the end")
        value = super().__getitem__(index)
        return value.item() if isinstance(value, np.generic) else value


_item = np.ndarray.item


class _Line(_PythonNumbers):
    """One dimension, where the usual index takes a short cut."""

    def __getitem__(self, index):
        if type(index) is int and index >= 0:
            return _item(self, index)
        return super().__getitem__(index)


class _Plane(_PythonNumbers):
    """Two dimensions, likewise."""

    def __getitem__(self, index):
        if type(index) is tuple and len(index) == 2:
            row, col = index
            if type(row) is type(col) is int and row >= 0 and col >= 0:
                return _item(self, row, col)
        return super().__getitem__(index)


class _Space(_PythonNumbers):
    """Three dimensions, likewise."""

    def __getitem__(self, index):
        if type(index) is tuple and len(index) == 3:
            row, col, layer = index
            if type(row) is type(col) is type(layer) is int and row >= 0 and col >= 0 and layer >= 0:
                return _item(self, row, col, layer)
        return super().__getitem__(index)


_INTERPRETED: dict[int, type[np.ndarray]] = {1: _Line, 2: _Plane, 3: _Space}


class Layout(NamedTuple):
    """How compiled code reaches one field, through the table of addresses.

    Attributes:
        at: Index of its first word in the table; see :meth:`Field.words`.
        place: See :attr:`Field.place`.
        value: Shape and bytes of a constant, else None.
    """

    name: str
    at: int
    place: str
    dtype: str
    ndim: int
    contiguous: bool
    scalar: bool
    fixed_strides: tuple[int, ...]
    value: tuple[tuple[int, ...], bytes] | None


class Order(NamedTuple):
    """What a call of the kernel is to do, ready made, since handing over one address is the quickest call there is.

    Attributes:
        address: Of the words, as the kernel takes it.
        words: ``int64[6]``: shared, table, copies, mode, grain, lane; see ``KERNEL``.
        table: The table that a word leads to.
    """

    address: ctypes.c_void_p
    words: np.ndarray
    table: np.ndarray


class Outputs(Protocol):
    """The arrays that a step answers into; a world has several and takes turns. ``orders`` is the kernel's to fill."""

    fields: list[Field]
    orders: dict[int, Order]


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
    block: Block
    scratch: Block

    def source(self) -> str:
        """The text of the generated module: what rules see, and the phases of a step as functions."""
        lines = ['"""Generated by sorrelsim: the step of one world. Do not edit."""', ""]
        lines += ["from typing import Any, NamedTuple", ""]
        for title, fields in (("P", self.params), ("W", self.fields), ("E", self.engine_fields)):
            lines += ["", f"class {title}(NamedTuple):"]
            lines += [f"    {field.name}: Any" for field in fields]
            lines += ["    p: Any"] if title == "W" else []
            lines += ["    pass"] if not fields else []
            lines.append("")
        for phase, arguments in PHASES.items():
            lines += ["", f"def {phase}({arguments}):", *(f"    {line}" for line in self.phase(phase)), ""]
        return "\n".join(lines) + "\n"

    def phase(self, name: str, out: str = "out") -> list[str]:
        """The statements of one phase of a step; ``out`` is what the scalars are written to."""
        if name == "advance":
            return ["begin(w, e)", *(f"rule_{k}(w)" for k in range(len(self.rules))), "finish(w, e)"]
        if name == "renew":
            cleared = [f"fill(w.{name}, 0)" for name in self.state_names]
            return ["restore(w, e)", *cleared, *(f"start_{k}(w)" for k in range(len(self.start)))]
        if not self.observe:
            return ["pass"]
        each = ["for i in range(w.n_agents):", "    if w.out[i] == 0:", f"        observe(w, i, {out}[i])"]
        return [f"fill({out}, 0.0)", *each]

    def kernel(self) -> str:
        """The text of the compiled kernel, the phases written out in it.

        Numba optimises all that a function calls once more for every level of calls, so one level less is seconds.
        """
        lines = []
        for line in KERNEL.splitlines():
            marked = re.match(r"( *)@(advance|renew|scalars) ?(.*)", line)
            if marked:
                indent, phase, out = marked.groups()
                lines += [indent + each for each in self.phase(phase, out)]
            else:
                lines.append(line)
        return "\n".join(lines) + "\n"

    def layouts(self) -> dict[str, tuple[Layout, ...]]:
        """Where the compiled world finds each field of ``w.p``, ``w`` and ``e``."""
        at, out = HEAD, {}
        for title, fields in (("P", self.params), ("W", self.fields), ("E", self.engine_fields)):
            found = []
            for field in fields:
                fixed = () if field.contiguous else field.fixed_strides or (0,) * field.ndim
                value = (field.array.shape, field.array.tobytes()) if field.constant else None
                found.append(
                    Layout(
                        field.name, at, field.place, field.array.dtype.name, field.ndim,
                        field.contiguous, field.scalar, fixed, value,
                    )
                )  # fmt: skip
                at += len(field.words(self.block, self.scratch))
            out[title] = tuple(found)
        return out

    def table(self, outputs: Outputs) -> np.ndarray:
        """The table of addresses that the kernel reads, with the arrays of an answer in their place: ``int64[word]``.

        It begins with address and stride of the block, then of the scratch.
        """
        answer = {field.name: field for field in outputs.fields}
        fields = [*self.params, *self.fields, *(answer.get(field.name, field) for field in self.engine_fields)]
        blocks = (self.block.bytes, self.scratch.bytes)
        words = [word for memory in blocks for word in (_address(memory), memory.strides[0])]
        words += [word for field in fields for word in field.words(self.block, self.scratch)]
        return np.array(words, np.int64)


PHASES = {"advance": "w, e", "renew": "w, e", "scalars": "w, e, out"}

KERNEL = """

def first_bad_action(table, n):
    bad = 0
    for b in range(n):
        w = load_W(table, b, 0)
        e = load_E(table, b, 0)
        for i in range(w.n_agents):
            bad += (w.action[i] < 0) | (w.action[i] >= e.n_actions)
    if bad > 0:
        for b in range(n):
            w = load_W(table, b, 0)
            e = load_E(table, b, 0)
            for i in range(w.n_agents):
                if w.action[i] < 0 or w.action[i] >= e.n_actions:
                    return b * w.n_agents + i
    return -1


make_callable(first_bad_action)


@cfunc("int64(intp)", cache=True, nopython=True, error_model="numpy")
def run(order):
    shared, table, n = order_word(order, 0), order_word(order, 1), order_word(order, 2)
    mode, grain, lane = order_word(order, 3), order_word(order, 4), order_word(order, 5)
    idle, round_, ended = 0, 0, 0
    helping = mode == FOLLOW
    if mode == STEP:
        bad = first_bad_action(table, n)
        if bad >= 0:
            return -1 - bad
    if grain > 0:
        round_ = (read_word(shared, TICKET) >> 32) + 1
        write_word(shared, DONE, 0)
        write_word(shared, ENDED, 0)
        write_word(shared, COPIES, n)
        write_word(shared, TABLE, table)
        write_word(shared, MODE, mode)
        write_word(shared, GRAIN, grain)
        write_word(shared, TICKET, round_ << 32)
    first, last = 0, n
    while True:
        if grain > 0 or helping:
            first = last = 0
            ticket = read_word(shared, TICKET)
            if ticket >> 32 != round_:
                round_ = ticket >> 32
                idle = 0
                n, table = read_word(shared, COPIES), read_word(shared, TABLE)
                mode, grain = read_word(shared, MODE), read_word(shared, GRAIN)
            at = ticket & 0xFFFFFFFF
            if at < n:
                if swap_word(shared, TICKET, ticket, ticket + grain):
                    first, last = at, min(at + grain, n)
            else:
                done = read_word(shared, DONE) == n
                if not helping and done:
                    return read_word(shared, ENDED)
                idle += done or not helping
                if idle > PATIENCE:
                    return UNFINISHED
                rest()
        for b in range(first, last):
            w = load_W(table, b, lane)
            e = load_E(table, b, lane)
            again = mode == RESET and e.command[0] != 0
            if mode == STEP:
                e.turn[0] += 1
                @advance
                if w.ended[0] != 0:
                    ended += 1
                    again = True
                    view(w, e, e.final_cells, e.final_bytes)
                    @scalars e.final_scalars
            if again:
                @renew
            view(w, e, e.cells_out, e.bytes_out)
            @scalars e.scalars_out
        if grain == 0 and not helping:
            return ended
        if last > first:
            add_word(shared, ENDED, ended)
            add_word(shared, DONE, last - first)
            ended = 0
"""
"""``run`` steps, resets or views the copies: alone where ``grain`` is 0, else in portions of that many, which helpers
draw as well. With mode FOLLOW it is such a helper. Every thread has a lane of the scratch to itself.

``shared`` holds, for the caller and its helpers: the ticket (the number of the round, shifted by 32, plus the next copy
that nobody has drawn), copies done, episodes that ended, and what the round is about. A portion is drawn by raising
the ticket, which fails if another round has begun; and none begins before all copies are done.
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
                w = w._replace(turn=0)
                space["renew"](w, e)
            engine.view(w, e, e.cells_out, e.bytes_out)
            space["scalars"](w, e, e.scalars_out)
        return ended


class Compiled:
    """Runs a program as machine code, over any number of threads; the result does not depend on how many."""

    def __init__(self, program: Program, quiet: bool = False) -> None:
        self.program = program
        module = _module(program, quiet)
        self.call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(module.run.address)
        self.n = len(program.block.bytes)
        self.shared = Block(GRAIN + 1, {"word": ((1,), np.int64)}).arrays["word"][:, 0]  # each in a line of its own

    def order(self, mode: int, table: np.ndarray, grain: int = 0, lane: int = 0) -> Order:
        """What a call is to do; see :class:`Order`."""
        copies = 0 if mode == FOLLOW else self.n
        words = np.array([_address(self.shared), _address(table), copies, mode, grain, lane], np.int64)
        return Order(ctypes.c_void_p(_address(words)), words, table)

    def run(self, mode: int, outputs: Outputs) -> int:
        """Step, reset or only view all copies, answering into ``outputs``.

        Returns:
            The number of episodes that ended; or -1 - k where action k, of all copies' in a row, is out of range, and
            then no copy has moved.
        """
        order = outputs.orders.get(mode)
        if order is None:
            order = outputs.orders[mode] = self.order(mode, self.program.table(outputs))
        if _threads == 1 or self.n < 8:
            return self.call(order.address)
        return _helpers(_threads - 1).run(self, order)


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


class _Helpers:
    """Threads that take copies off the caller's hands: all draw portions of one step's copies until none are left.

    A helper watches the world that it helped last for some microseconds, without the interpreter lock; then it goes
    to sleep. The caller never waits for one to wake, only for portions that it has begun.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.pid = os.getpid()
        self.asleep = [threading.Event() for _ in range(n)]
        self.bed = [threading.Lock() for _ in range(n)]
        self.world: Compiled | None = None
        self.busy = threading.Lock()
        for k in range(n):
            self.bed[k].acquire()
            self.asleep[k].set()
            threading.Thread(target=self.help, args=(k,), daemon=True, name=f"sorrelsim-{k}").start()

    def help(self, k: int) -> None:
        while True:
            self.bed[k].acquire()
            world = self.world
            if world is not None:
                world.call(world.order(FOLLOW, world.shared, lane=k + 1).address)
            self.asleep[k].set()

    def run(self, world: Compiled, order: Order) -> int:
        with self.busy:
            self.world = world
            for asleep, bed in zip(self.asleep, self.bed, strict=True):
                if asleep.is_set():
                    asleep.clear()
                    bed.release()
            n = world.n
            # Portions are small enough that no thread waits long for the last.
            order.words[4] = min(64, max(1, n // (16 * self.n + 16)))
            ended = world.call(order.address)
            order.words[4] = 0
            if ended == UNFINISHED:  # somebody was put off the processor in the middle of a portion
                while world.shared[DONE] != n:
                    time.sleep(0)
                ended = int(world.shared[ENDED])
            return ended


_pools: dict[int, _Helpers] = {}


def _helpers(n: int) -> _Helpers:
    pool = _pools.get(n)
    if pool is None or pool.pid != os.getpid():  # threads do not survive a fork
        pool = _pools[n] = _Helpers(n)
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
    from sorrelsim import jit

    jit.register_rules()
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__.update(_namespace(program), __name__=name, make_callable=jit.make_callable)
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
