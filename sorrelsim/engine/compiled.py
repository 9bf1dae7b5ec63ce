"""A world's step as machine code over many copies at once."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from sorrelsim.engine import threads
from sorrelsim.engine.answers import Answer
from sorrelsim.engine.cache import compiled_module
from sorrelsim.engine.kernel_text import AT_CLAIM, AT_ENDED, BUSY
from sorrelsim.engine.program import Program

FEW = 8  # copies; fewer are not worth a second thread


class Compiled:
    """Runs a program as machine code, over any number of threads; the result does not depend on how many."""

    def __init__(self, program: Program, quiet: bool = False) -> None:
        self.program = program
        module = compiled_module(program, quiet)
        self.call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(module.run.address)
        self.kernel = threads.Kernel(self.call, (program.block, program.scratch))
        self.many = self.kernel.n >= FEW
        self.scratch = program.answer.scratch
        if self.scratch is not None:
            self.scratch.reserve(1)

    def run(self, mode: int, answer: Answer, copies: tuple[int, int] | None = None) -> int:
        """Steps, resets or only views all copies, or those from one to another, answering into ``answer``.

        Returns:
            The number of episodes that ended; or -1 - k where action k, of all copies' in a row, is out of range, and
            then no copy has moved.

        Raises:
            RuntimeError: If the world is in the middle of a step, and always will be if that was of a thread that a
                fork left behind.
        """
        key = mode
        if self.many:
            n = threads.get_threads()
            if n > 1:  # no more threads than copies, for each needs a lane of the scratch
                if self.scratch is not None:
                    self.scratch.reserve(min(n, self.kernel.n))
                key += threads.summon(self.kernel, min(n, self.kernel.n) - 1) << 2
        place = key if copies is None else (key, copies)
        try:
            order = answer.orders[place]
        except KeyError:
            table = self.program.table(answer)
            order = answer.orders[place] = self.kernel.order(mode, table, grain=key >> 2, copies=copies)
        ended = self.call(order[0])
        if ended < 0 and ended == BUSY:
            raise RuntimeError(
                f"{self.program.name}: this world is in the middle of a step of another thread, perhaps of one that "
                "this process was forked from; give each thread a world of its own, and make it after a fork"
            )
        return ended

    def latest(self, answers: Iterable[Answer]) -> tuple[Answer, int] | None:
        """The answer that was written last, and how many episodes ended then, whatever became of who asked for it."""
        orders = [(order.words, answer) for answer in answers for order in answer.orders.values()]
        if not orders:
            return None
        words, answer = max(orders, key=lambda each: int(each[0][AT_CLAIM]))
        return answer, int(words[AT_ENDED])
