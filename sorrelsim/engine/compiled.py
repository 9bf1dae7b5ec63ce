"""A world's step as machine code over many copies at once."""

from __future__ import annotations

import ctypes

from sorrelsim.engine import threads
from sorrelsim.engine.answers import Answer
from sorrelsim.engine.cache import compiled_module
from sorrelsim.engine.program import Program


class Compiled:
    """Runs a program as machine code, over any number of threads; the result does not depend on how many."""

    def __init__(self, program: Program, quiet: bool = False) -> None:
        self.program = program
        module = compiled_module(program, quiet)
        call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(module.run.address)
        self.kernel = threads.Kernel(call, (program.block, program.scratch))

    def run(self, mode: int, answer: Answer) -> int:
        """Steps, resets or only views all copies, answering into ``answer``.

        Returns:
            The number of episodes that ended; or -1 - k where action k, of all copies' in a row, is out of range, and
            then no copy has moved.
        """
        kernel = self.kernel
        order = answer.orders.get(mode)
        if order is None:
            order = answer.orders[mode] = kernel.order(mode, self.program.table(answer))
        if kernel.n < 8 or threads.get_threads() == 1:
            return kernel.call(order.address)
        # No more threads than copies, for each needs a lane of the scratch.
        return threads.helpers(min(threads.get_threads(), kernel.n) - 1).run(kernel, order)
