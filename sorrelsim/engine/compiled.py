"""A world's step as machine code over many copies at once."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np

from sorrelsim.engine import threads
from sorrelsim.engine.block import Block
from sorrelsim.engine.cache import compiled_module
from sorrelsim.engine.program import FOLLOW, GRAIN, Outputs, Program, address_of


class Order(NamedTuple):
    """What a call of the kernel is to do, ready made, since handing over one address is the quickest call there is.

    Attributes:
        address: Of the words, as the kernel takes it.
        words: ``int64[6]``: shared, table, copies, mode, grain, lane; see :data:`sorrelsim.engine.program.KERNEL`.
        table: The table that a word leads to.
    """

    address: ctypes.c_void_p
    words: np.ndarray
    table: np.ndarray


class Compiled:
    """Runs a program as machine code, over any number of threads; the result does not depend on how many."""

    def __init__(self, program: Program, quiet: bool = False) -> None:
        self.program = program
        module = compiled_module(program, quiet)
        self.call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(module.run.address)
        self.n = len(program.block.bytes)
        self.shared = Block(GRAIN + 1, {"word": ((1,), np.int64)}).arrays["word"][:, 0]  # each in a line of its own

    def order(self, mode: int, table: np.ndarray, lane: int = 0) -> Order:
        """What a call is to do; see :class:`Order`."""
        copies = 0 if mode == FOLLOW else self.n
        words = np.array([address_of(self.shared), address_of(table), copies, mode, 0, lane], np.int64)
        return Order(ctypes.c_void_p(address_of(words)), words, table)

    def run(self, mode: int, outputs: Outputs) -> int:
        """Step, reset or only view all copies, answering into ``outputs``.

        Returns:
            The number of episodes that ended; or -1 - k where action k, of all copies' in a row, is out of range, and
            then no copy has moved.
        """
        order = outputs.orders.get(mode)
        if order is None:
            order = outputs.orders[mode] = self.order(mode, self.program.table(outputs))
        if self.n < 8 or threads.get_threads() == 1:
            return self.call(order.address)
        # No more threads than copies, for each needs a lane of the scratch.
        return threads.helpers(min(threads.get_threads(), self.n) - 1).run(self, order)
