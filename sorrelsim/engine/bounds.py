"""Runs a world with every index checked: what goes out of bounds is an error at its line, and nothing is lost.

Compiled code with bounds ends the step of a copy at the first index that is out of bounds and marks the copy. The state
from before the step, kept for that, is brought back, and the same step of that copy is run as plain Python, which knows
line, expression and index. Kernels without bounds know nothing of this.
"""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sorrelsim.engine.answers import Answer
from sorrelsim.engine.compiled import Compiled
from sorrelsim.engine.copies import Copies
from sorrelsim.engine.explain import RuleError
from sorrelsim.engine.interpreted import Interpreted
from sorrelsim.engine.kernel_text import STEP
from sorrelsim.engine.program import Program

HOUSE = Path(__file__).parent.parent
OWN_ROOMS = tuple(str(HOUSE / room) for room in ("engine", "rules"))
_RUNNERS = (str(HOUSE / "engine" / "bounds.py"), str(HOUSE / "engine" / "interpreted.py"))


class OutOfBounds(IndexError):
    """A rule used an index that its array does not have; the message has file, line, expression and what is allowed.

    Attributes:
        copy: The first copy in which one did.
    """

    def __init__(self, text: str, copy: int) -> None:
        super().__init__(text)
        self.copy = copy


class Bounded:
    """Runs a program, compiled or interpreted, with every index checked; a step that fails changes nothing."""

    def __init__(self, program: Program, copies: Copies, compiled: bool) -> None:
        self.program = program
        self.compiled = Compiled(program) if compiled else None
        self._interpreted: Interpreted | None = None
        self.fault = copies.of["fault"][:, 0]
        given = [copies.of[entry.name] for entry in copies.entries if entry.place == "given"]
        self.memory = [*program.kept, *given]

    @property
    def interpreted(self) -> Interpreted:
        """The same program as plain Python, on the same memory."""
        if self._interpreted is None:
            self._interpreted = Interpreted(self.program)
        return self._interpreted

    def run(self, mode: int, answer: Answer) -> int:
        """Steps, resets or only views all copies, answering into ``answer``; see :meth:`Compiled.run`.

        Raises:
            OutOfBounds: If an index was out of bounds.
            RuleError: If a rule failed otherwise.
        """
        with self._nothing_lost():
            if self.compiled is None:
                return self.interpreted.run_all(mode, lambda copy: self._tell(mode, answer, copy))
            ended = self.compiled.run(mode, answer)
            if not self.fault.any():
                return ended
            copy = int(np.flatnonzero(self.fault)[0])
            self._restore()
            self._tell(mode, answer, copy)
            raise RuleError(
                f"{self.program.name}: an index is out of bounds in copy {copy} where the rules run compiled, but not "
                "where they run as plain Python; do they use whole numbers beyond 2**63, or memory of their own?"
            )

    def latest(self, answers: Iterable[Answer]) -> None:
        """Nothing is answered whose answer does not arrive; see :meth:`Compiled.latest`."""

    def _tell(self, mode: int, answer: Answer, copy: int) -> int:
        """Runs one copy as plain Python; an error in a rule is told with its place."""
        turn = int(self.interpreted.turn[copy, 0]) + 1
        when = f" (copy {copy}, {'turn ' + str(turn) if mode == STEP else 'at the start of an episode'})"
        try:
            return self.interpreted.run_copy(mode, answer, copy)
        except IndexError as error:
            raise OutOfBounds(place(error, self.program) + when, copy) from error
        except Exception as error:
            raise RuleError(f"{place(error, self.program)}{when}") from error

    @contextmanager
    def _nothing_lost(self) -> Iterator[None]:
        self.before = [array.copy() for array in self.memory]
        try:
            yield
        except BaseException:
            self._restore()
            raise
        finally:
            self.before = []

    def _restore(self) -> None:
        for array, before in zip(self.memory, self.before, strict=True):
            array[...] = before


def runner_of(program: Program, copies: Copies, compiled: bool, bounds: bool) -> Compiled | Interpreted | Bounded:
    """What runs a program: as machine code or as plain Python, with every index checked or not."""
    if bounds:
        return Bounded(program, copies, compiled)
    return Compiled(program) if compiled else Interpreted(program)


def place(error: BaseException, program: Program) -> str:
    """File, line, expression and reason of an error in a rule; the world's own line first, then the library's."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.endswith(_RUNNERS)]
    own = [k for k, frame in enumerate(frames) if not frame.filename.startswith((*OWN_ROOMS, "<rules of"))]
    if not own:
        return (
            f"{program.name}: {reason(error)}, when what agents see was written; "
            "did a rule set w.pos, w.facing or w.out by hand?"
        )
    text = f"{frames[own[-1]].filename}, line {frames[own[-1]].lineno}, in {frames[own[-1]].name}: "
    text += f"`{expression(frames[own[-1]])}`: "
    if own[-1] < len(frames) - 1:
        last = frames[-1]
        text += f"in {Path(last.filename).stem}.{last.name}, line {last.lineno}: `{expression(last)}`: "
    return text + reason(error)


def expression(frame: traceback.FrameSummary) -> str:
    """What stands at a frame's place: the very expression where it fills no more than its line, else the line."""
    line = linecache.getline(frame.filename, frame.lineno or 0)
    if frame.end_lineno == frame.lineno and frame.colno is not None and frame.end_colno is not None:
        found = line.encode()[frame.colno : frame.end_colno].decode()
        return re.sub(r"\s+", " ", found) or line.strip()
    return line.strip()


def reason(error: BaseException) -> str:
    """An error's text; of an index, with what is allowed."""
    text = str(error) or type(error).__name__
    size = re.search(r"index (-?\d+) is out of bounds for (?:axis (\d+) with )?size (\d+)", text)
    if size:
        axis = f" of axis {size[2]}" if size[2] else ""
        allowed = f"0 to {int(size[3]) - 1}" if int(size[3]) else "none, for it is empty"
        return f"index {size[1]}{axis} is out of bounds; allowed: {allowed}"
    if "only integers, slices" in text:
        return f"an index is not a whole number; write int(...) around it ({text})"
    return text
