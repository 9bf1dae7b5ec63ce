"""Which lines of a world's rules have run, while they run as plain Python."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


class Reach:
    """Collects the lines that have not run yet, of some functions; a context in which running them counts.

    Attributes:
        left: For each function's code the lines that have not run.
        followed: Whether lines can be followed.
    """

    def __init__(self, functions: Iterable[Callable]) -> None:
        self.left: dict[types.CodeType, set[int]] = {}
        for function in functions:
            code = function.__code__
            lines = {line for _, _, line in code.co_lines() if line is not None}
            self.left[code] = lines - {code.co_firstlineno}
        self.open = {code for code, lines in self.left.items() if lines}
        self.followed = sys.gettrace() is None  # a debugger, or a measure of tests' coverage, goes before

    @property
    def n_left(self) -> int:
        """How many lines have not run."""
        return sum(map(len, self.left.values()))

    def __enter__(self) -> Reach:
        if self.open and self.followed:
            sys.settrace(self._enter)
        return self

    def __exit__(self, *error: object) -> None:
        if self.followed:
            sys.settrace(None)

    def _enter(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        return self._line if frame.f_code in self.open else None

    def _line(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            lines = self.left[frame.f_code]
            lines.discard(frame.f_lineno)
            if not lines:
                self.open.discard(frame.f_code)
                return None
        return self._line

    def told(self) -> str:
        """The lines that have not run, in runs, each with its function; empty where all have."""
        if not self.followed:
            return "not known, for something else follows the lines of this process"
        found = []
        for code, lines in self.left.items():
            if lines:
                found.append(f"{_runs(sorted(lines))} (in {code.co_name})")
        return ", ".join(found)


def _runs(lines: list[int]) -> str:
    runs: list[list[int]] = []
    for line in lines:
        if runs and line <= runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def rules_of(cls: type, marked: Iterable[Callable]) -> list[Callable]:
    """The functions marked with ``@rule`` that stand in a world's own file."""
    module = sys.modules.get(cls.__module__)
    space, file = vars(module) if module else {}, getattr(module, "__file__", "") or ""
    own = [f for f in marked if f.__globals__ is space and Path(f.__code__.co_filename) == Path(file)]
    return list(dict.fromkeys(own))
