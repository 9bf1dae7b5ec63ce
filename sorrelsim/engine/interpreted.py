"""Rules run as plain Python: the same step as the compiled one, for breakpoints, prints and an instant start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sorrelsim.engine.answers import Answer
from sorrelsim.engine.fields import Field
from sorrelsim.engine.kernel_text import RESET, STEP
from sorrelsim.engine.program import Program, namespace
from sorrelsim.pictures.forms import follow


class Interpreted:
    """Runs a program as plain Python: instant start, breakpoints and prints, about a thousandth of the speed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        if program.answer.scratch is not None:
            program.answer.scratch.reserve(1)
        space = namespace(program) | {
            "__name__": "sorrelsim_interpreted", "STEP": STEP, "RESET": RESET, "write_form": follow
        }  # fmt: skip
        exec(compile(program.source(), f"<rules of {program.name}>", "exec"), space)
        self.step_copy, self.params = space["step_copy"], space["P"]
        self.actions, self.turn = (
            next(field.array for field in program.fields if field.name == name) for name in ("action", "turn")
        )
        self.copies = [
            (
                space["W"](*(seen(field, b) for field in program.fields), self._params(b)),
                space["E"](*(seen(field, b) for field in program.all_engine_fields)),
            )
            for b in range(len(self.actions))
        ]
        self.before: list[np.ndarray] = []
        """The copies as they were before the step that is going on."""

    def _params(self, b: int) -> Any:
        return self.params(*(seen(field, b) for field in self.program.params))

    def run(self, mode: int, answer: Answer) -> int:
        """Steps, resets or only views all copies, answering into ``answer``; see :meth:`Compiled.run`.

        What a rule raises, or an interrupt, leaves every copy as it was before.
        """
        self._go_back()  # if not even the going back was left in peace
        self.before = [array.copy() for array in self.program.kept]
        try:
            ended = self.run_all(mode, lambda b: self.run_copy(mode, answer, b))
            self.before = []
            return ended
        except BaseException:
            self._go_back()
            raise

    def _go_back(self) -> None:
        for array, before in zip(self.program.kept, self.before, strict=False):
            array[...] = before
        self.before = []

    def latest(self, answers: Iterable[Answer]) -> None:
        """Nothing is answered whose answer does not arrive; see :meth:`Compiled.latest`."""

    def run_all(self, mode: int, run_copy: Callable[[int], int]) -> int:
        """Runs every copy, unless an action is out of range; answers like :meth:`Compiled.run`."""
        actions = self.actions.reshape(-1)
        bad = np.flatnonzero((actions < 0) | (actions >= self.copies[0][1].n_actions))
        if mode == STEP and len(bad):
            return -1 - int(bad[0])
        return sum(run_copy(b) for b in range(len(self.copies)))

    def run_copy(self, mode: int, answer: Answer, b: int) -> int:
        """Steps, resets or only views copy ``b``; returns 1 if its episode ended."""
        w, e = self.copies[b]
        into = {field.name: seen(field, b) for field in answer.fields}
        ended: int = self.step_copy(mode, w._replace(p=self._params(b)), e._replace(**into), b, 0)
        return ended


def seen(field: Field, copy: int) -> Any:
    """What one copy sees of a field."""
    value = field.array[copy] if field.per_copy else field.array
    return value.item() if field.scalar else value.view(_INTERPRETED.get(value.ndim, _PythonNumbers))


def refuse_negative(index: Any, shape: tuple[int, ...]) -> None:
    """Refuses what NumPy would count from the end, as compiled rules do not.

    Raises:
        IndexError: If a whole number of the index is negative.
    """
    for axis, k in enumerate(index if type(index) is tuple else (index,)):
        if isinstance(k, (int, np.integer)) and k < 0:
            size = shape[axis] if axis < len(shape) else 0
            allowed = f"0 to {size - 1}" if size else "none, for it is empty"
            raise IndexError(
                f"index {k} of axis {axis} is negative; allowed: {allowed}, "
                "for compiled rules do not count from the end"
            )


_put, _item = np.ndarray.__setitem__, np.ndarray.item


class _PythonNumbers(np.ndarray):
    """An array whose elements come out as Python numbers, so that interpreted arithmetic equals compiled arithmetic."""

    def __getitem__(self, index):
        refuse_negative(index, self.shape)
        value = super().__getitem__(index)
        return value.item() if isinstance(value, np.generic) else value

    def __setitem__(self, index, value):
        refuse_negative(index, self.shape)
        _put(self, index, value)


class _Line(_PythonNumbers):
    """One dimension, where the usual index takes a short cut."""

    def __getitem__(self, index):
        if type(index) is int and index >= 0:
            return _item(self, index)
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        if type(index) is not int or index < 0:
            refuse_negative(index, self.shape)
        _put(self, index, value)


class _Plane(_PythonNumbers):
    """Two dimensions, likewise."""

    def __getitem__(self, index):
        if type(index) is tuple and len(index) == 2:
            row, col = index
            if type(row) is type(col) is int and row >= 0 and col >= 0:
                return _item(self, row, col)
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        if type(index) is tuple and len(index) == 2:
            row, col = index
            if type(row) is type(col) is int and row >= 0 and col >= 0:
                return _put(self, index, value)
        refuse_negative(index, self.shape)
        return _put(self, index, value)


class _Space(_PythonNumbers):
    """Three dimensions, likewise."""

    def __getitem__(self, index):
        if type(index) is tuple and len(index) == 3:
            row, col, layer = index
            if type(row) is type(col) is type(layer) is int and row >= 0 and col >= 0 and layer >= 0:
                return _item(self, row, col, layer)
        return super().__getitem__(index)


_INTERPRETED: dict[int, type[np.ndarray]] = {1: _Line, 2: _Plane, 3: _Space}
