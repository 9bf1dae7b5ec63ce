"""Rules run as plain Python: the same step as the compiled one, for breakpoints, prints and an instant start."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.engine import step as engine
from sorrelsim.engine.program import RESET, STEP, Field, Outputs, Program, namespace


class Interpreted:
    """Runs a program as plain Python: instant start, breakpoints and prints, about a thousandth of the speed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.space = namespace(program)
        exec(compile(program.source(), f"<rules of {program.name}>", "exec"), self.space)
        self.actions = next(f.array for f in program.fields if f.name == "action")
        n = len(self.actions)
        self.copies = [
            (
                self.space["W"](*(seen(f, b) for f in program.fields), self._params(b)),
                self.space["E"](*(seen(f, b) for f in program.engine_fields)),
            )
            for b in range(n)
        ]

    def _params(self, b: int) -> Any:
        return self.space["P"](*(seen(field, b) for field in self.program.params))

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
            e = e._replace(**{field.name: seen(field, b) for field in outputs.fields})
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


def seen(field: Field, copy: int) -> Any:
    """What one copy sees of a field."""
    value = field.array[copy] if field.per_copy else field.array
    return value.item() if field.scalar else value.view(_INTERPRETED.get(value.ndim, _PythonNumbers))


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
