"""The source of a world's step: which values rules see and where they lie, and the text that runs the rules in order.

A world hands over *fields*: named arrays with a leading copy axis, or shared by all copies. From them a small module
is written: the ``NamedTuple`` classes that rules see as ``w``, the phases of a step for interpreted worlds, and for
compiled ones a kernel that runs them over a range of copies. The kernel finds every field through a table of
addresses, so a call costs the same for three fields or fifty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from sorrelsim.engine import step as engine
from sorrelsim.engine.block import Block

STEP, RESET, VIEW, FOLLOW = 0, 1, 2, 3
TICKET, DONE, ENDED, COPIES, TABLE, MODE, GRAIN = range(7)  # words that threads share; see KERNEL
PATIENCE = 30_000  # times that a thread looks for work before it gives up, 0.3 to 1.4 ms
UNFINISHED = -(1 << 62)
CONSTANTS = {
    "STEP": STEP, "RESET": RESET, "FOLLOW": FOLLOW, "PATIENCE": PATIENCE, "UNFINISHED": UNFINISHED, "TICKET": TICKET,
    "DONE": DONE, "ENDED": ENDED, "COPIES": COPIES, "TABLE": TABLE, "MODE": MODE, "GRAIN": GRAIN,
}  # fmt: skip
HEAD = 4  # words of the table before the fields


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
            where = [address_of(self.array) - address_of(found.bytes)]
        else:
            where = [address_of(self.array), self.array.strides[0] if self.per_copy else 0]
        shape = list(self.array.shape[skip:])
        return where + shape + ([] if self.contiguous else list(self.array.strides[skip:]))


def address_of(array: np.ndarray) -> int:
    """Where an array's memory begins."""
    return array.__array_interface__["data"][0]


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


class Outputs(Protocol):
    """The arrays that a step answers into; a world has several and takes turns. ``orders`` is the kernel's to fill."""

    fields: list[Field]
    orders: dict[int, Any]


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
        words = [word for memory in blocks for word in (address_of(memory), memory.strides[0])]
        words += [word for field in fields for word in field.words(self.block, self.scratch)]
        return np.array(words, np.int64)


def namespace(program: Program) -> dict[str, Any]:
    """What the generated text calls: the engine's functions and the world's rules, by their names there."""
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
