"""The program of a world: what rules see and where it lies, and the text that says what a step does to one copy.

The text is the same for both runners. The interpreted one runs it as a function; the compiled one has it written out
in the kernel, which finds every field through a table of addresses, so that a call costs the same for three fields or
fifty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.engine import step, view
from sorrelsim.engine.answers import Answer
from sorrelsim.engine.block import Block, address_of
from sorrelsim.engine.copies import Copies
from sorrelsim.engine.declared import Declared
from sorrelsim.engine.fields import Field, Layout, engine_fields, of_table, rules_fields
from sorrelsim.engine.kernel_text import KERNEL

HEAD = 4  # words of the table before the fields
STATEMENT = """
again = mode == RESET
if mode == STEP:
    w = set_turn(w, e, e.turn[0] + 1)
    begin(w, e)
    @rules
    finish(w, e)
    if w.ended[0] != 0:
        ended += 1
        again = True
        view(w, e, e.final_cells, e.final_bytes)
        @trim e.final_cells
        @deceive e.final_bytes
        @form e.final_form
        @scalars e.final_scalars
        @mask e.final_mask
if again:
    w = set_turn(w, e, 0)
    restore(w, e)
    @clear
    @start
view(w, e, e.cells_into, e.bytes_into)
@trim e.cells_into
@deceive e.bytes_into
@form e.form_into
@scalars e.scalars_into
@mask e.mask_into
"""
"""What one step, reset or look does to one copy ``w, e``, number ``b``, by ``mode``, in the ``lane`` of a thread's
scratch; ``ended`` counts the episodes that end."""


@dataclass
class Program:
    """What a world's rules are run on, and the text that runs them.

    Attributes:
        name: The world's name.
        rules, start, observe, allowed: As the world declares them.
        observes_all: Whether ``observe`` is asked for agents that are out too.
        trims: Whether slots see differently far.
        deceives: Whether slots take things for others.
        fields, engine_fields, params: What stands in ``w``, ``e`` and ``w.p``; of ``e``, less what is of an answer.
        state_names: What the world declares as state, zero at the start of an episode.
        answer: An answer like all that are to come, of which ``e`` has fields as well.
        block: Where the copies lie.
        scratch: Where what belongs to threads lies.
        kept: What a step that fails leaves as it was before.
        bounds: Whether compiled code checks every index; see :mod:`sorrelsim.engine.bounds`.
    """

    name: str
    rules: Sequence[Callable]
    start: Sequence[Callable]
    observe: Callable | None
    allowed: Callable | None
    observes_all: bool
    trims: bool
    deceives: bool
    fields: Sequence[Field]
    engine_fields: Sequence[Field]
    params: Sequence[Field]
    state_names: Sequence[str]
    answer: Answer
    block: Block
    scratch: Block
    kept: Sequence[np.ndarray]
    bounds: bool = False

    @classmethod
    def of(cls, world: Declared, copies: Copies, answer: Answer, final: Answer, bounds: bool = False) -> Program:
        """The program of a world.

        Args:
            world: What was declared.
            copies: Its copies.
            answer: One of its answers.
            final: What the last observations of episodes are written to.
            bounds: Whether compiled code checks every index.
        """
        finals = [
            Field(f"final_{field.name.removesuffix('_into')}", field.array, "given")
            for field in final.fields
            if field.name.endswith("_into")
        ]
        return cls(
            name=world.name,
            rules=tuple(world.rules),
            start=tuple(world.start),
            observe=type(world).observe,
            allowed=type(world).allowed,
            observes_all=world.observe_while_out,
            trims=any(window != world.window for window in world.slot_windows),
            deceives=bool(world.seen_as),
            fields=rules_fields(world, copies),
            engine_fields=[*engine_fields(world, copies), *finals],
            params=of_table(copies, "params"),
            state_names=tuple(copies.state),
            answer=answer,
            block=copies.block,
            scratch=copies.scratch,
            kept=(copies.block.bytes, *copies.notes.kept),
            bounds=bounds,
        )

    @property
    def own(self) -> list[Callable]:
        """The world's own functions that are called from the text."""
        return [f for f in (*self.rules, *self.start, self.observe, self.allowed) if f is not None]

    @property
    def all_engine_fields(self) -> list[Field]:
        """The fields of ``e``, those of an answer included."""
        return [*self.engine_fields, *self.answer.fields]

    def statement(self) -> list[str]:
        """What a step does to one copy, as lines: the world's own calls written into :data:`STATEMENT`."""
        return _fill_in(
            STATEMENT,
            rules=lambda _: [f"rule_{k}(w)" for k in range(len(self.rules))],
            clear=lambda _: [f"fill(w.{name}, 0)" for name in self.state_names],
            start=lambda _: [f"start_{k}(w)" for k in range(len(self.start))],
            scalars=lambda into: _filled("observe", into, "0.0", self.observes_all) if self.observe else [],
            mask=lambda into: _filled("allowed", into, "1") if self.allowed else [],
            trim=lambda into: [f"trim(w, e, {into})"] if self.trims else [],
            deceive=lambda into: [f"deceive(w, e, {into})"] if self.deceives else [],
            form=lambda order: [f"if {order}[0] != 0:", f"    write_form({order}[0], b, lane)"],
        )

    def source(self) -> str:
        """The text of the interpreted world: what rules see, and a step of one copy as a function."""
        lines = ["from typing import Any, NamedTuple", ""]
        for title, fields in (("P", self.params), ("W", self.fields), ("E", self.all_engine_fields)):
            lines += ["", f"class {title}(NamedTuple):"]
            lines += [f"    {field.name}: Any" for field in fields]
            lines += ["    p: Any"] if title == "W" else []
            lines += ["    pass"] if not fields else []
            lines.append("")
        lines += ["", "def step_copy(mode, w, e, b, lane):", "    ended = 0"]
        lines += [*(f"    {line}" for line in self.statement()), "    return ended"]
        return "\n".join(lines) + "\n"

    def kernel(self) -> str:
        """The text of the compiled kernel."""
        title = '"""Generated by sorrelsim: the step of one world. Do not edit."""'
        step = self.statement()
        if self.bounds:
            step = ["try:", *(f"    {line}" for line in step), "except Exception:", "    e.fault[0] = 1"]
        return "\n".join([title, *_fill_in(KERNEL, copy=lambda _: step)]) + "\n"

    def layouts(self) -> dict[str, tuple[Layout, ...]]:
        """Where the compiled world finds each field of ``w.p``, ``w`` and ``e``."""
        at, found = HEAD, {}
        for title, fields in (("P", self.params), ("W", self.fields), ("E", self.all_engine_fields)):
            laid = []
            for field in fields:
                fixed = () if field.contiguous else field.fixed_strides or (0,) * field.ndim
                value = (field.array.shape, field.array.tobytes()) if field.place == "constant" else None
                laid.append(
                    Layout(
                        field.name, at, field.place, field.array.dtype.name, field.ndim,
                        field.contiguous, field.scalar, fixed, value,
                    )
                )  # fmt: skip
                at += len(field.words(self.block, self.scratch))
            found[title] = tuple(laid)
        return found

    def table(self, answer: Answer) -> np.ndarray:
        """The table of addresses that the kernel reads, with the arrays of an answer in their place: ``int64[word]``.

        It begins with address and stride of the block, then of the scratch.
        """
        fields = [*self.params, *self.fields, *self.engine_fields, *answer.fields]
        blocks = (self.block.bytes, self.scratch.bytes)
        words = [word for memory in blocks for word in (address_of(memory), memory.strides[0])]
        words += [word for field in fields for word in field.words(self.block, self.scratch)]
        return np.array(words, np.int64)


def _filled(writes: str, into: str, else_: str, all_: bool = False) -> list[str]:
    """The lines by which a function of the world writes what agents on the grid get, or all; others get ``else_``."""
    whom = "True" if all_ else "w.out[i] == 0"
    each = ["for i in range(w.n_agents):", f"    if {whom}:", f"        {writes}(w, i, {into}[i])"]
    return [f"fill({into}, {else_})", *each]


def _fill_in(text: str, **parts: Callable[[str], list[str]]) -> list[str]:
    """The lines of a text, with lines of others in place of ``@name`` or ``@name argument``, indented as it is."""
    lines: list[str] = []
    for line in text.strip("\n").splitlines():
        marked = re.match(rf"( *)@({'|'.join(parts)})\b ?(.*)", line)
        lines += [marked[1] + each for each in parts[marked[2]](marked[3])] if marked else [line]
    return lines


def namespace(program: Program) -> dict[str, Any]:
    """What the text calls: the engine's functions and the world's rules, by their names there."""
    called: list[Callable] = [
        step.set_turn, step.begin, step.finish, step.restore, step.fill, view.view,
        *([view.trim] if program.trims else []), *([view.deceive] if program.deceives else []),
    ]  # fmt: skip
    space: dict[str, Any] = {function.__name__: function for function in called}
    space |= {f"rule_{k}": function for k, function in enumerate(program.rules)}
    space |= {f"start_{k}": function for k, function in enumerate(program.start)}
    if program.observe:
        space["observe"] = program.observe
    if program.allowed:
        space["allowed"] = program.allowed
    return space
