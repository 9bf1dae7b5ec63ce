"""How many threads step the copies of a world, and the helpers that the second and further ones are.

A process has one crew of helpers, whatever worlds it steps and however the number of threads changes. Helper k is one
thread and steps in lane k + 1 of the scratch of one world at a time, so no two live threads ever share a lane. Helpers
are lent: a caller wakes those that sleep and waits for none, and what no helper takes it does itself.
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import os
import queue
import sys
import threading
import weakref
from collections.abc import Callable

import numpy as np

from sorrelsim.engine.block import Block, address_of
from sorrelsim.engine.kernel_text import CLAIM, FOLLOW, Order
from sorrelsim.settings import whole

_threads = max(1, len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


def set_threads(n: int) -> None:
    """Sets how many threads step the copies of every world in this process; trajectories do not depend on it."""
    global _threads
    _threads = whole(n, "the number of threads", 1, 1024)
    for helper in list(_crew.values()):  # those that are too many go
        helper.calls.put(_nobody)


def get_threads() -> int:
    """How many threads step the copies of a world."""
    return _threads


class Kernel:
    """A world's compiled step, as the caller and its helpers call it.

    Attributes:
        call: The machine code; it takes the address of an order.
        memory: The block of the copies and the scratch of the threads, which live as long as somebody may call.
        n: Number of copies.
        shared: The words that threads share; see :data:`sorrelsim.engine.kernel_text.KERNEL`.
        weak: This kernel, for helpers: a world that nobody else holds shall go.
    """

    def __init__(self, call: Callable[[ctypes.c_void_p], int], memory: tuple[Block, Block]) -> None:
        self.call = call
        self.memory = memory
        self.n = len(memory[0].bytes)
        self.shared = Block(CLAIM + 1, {"word": ((1,), np.int64)}).arrays["word"][:, 0]  # each in a line of its own
        self.weak = weakref.ref(self)

    def order(
        self, mode: int, table: np.ndarray, grain: int = 0, lane: int = 0, copies: tuple[int, int] | None = None
    ) -> Order:
        """What a call is to do, with all copies or from one to another; see ``kernel_text.Order``."""
        first, last = copies or (0, 0 if mode == FOLLOW else self.n)
        given = address_of(self.shared), address_of(table), last, mode, grain, lane, -1, 0, first
        words = np.array(given, np.int64)
        return Order(ctypes.c_void_p(address_of(words)), words, table)


def summon(kernel: Kernel, n: int) -> int:
    """Wakes up to ``n`` helpers for a kernel's world, those that have nothing else to do.

    Returns:
        Copies in a portion, few enough that no thread waits long for the last.
    """
    for k in range(n):
        helper = _crew.get(k)
        if helper is None or not helper.born:
            helper = _hire(k)
        if helper.asleep and helper.calls.empty():
            helper.calls.put(kernel.weak)
    return min(64, max(1, kernel.n // (16 * n + 16)))


class Helper(threading.Thread):
    """A thread that takes copies off callers' hands, in lane ``k + 1``, as long as there are to be so many.

    It watches the world that it helped last for some microseconds, without the interpreter lock; then it sleeps.
    """

    def __init__(self, k: int) -> None:
        super().__init__(name=f"sorrelsim-{k}", daemon=True)
        self.k = k
        self.calls: queue.SimpleQueue[Callable[[], Kernel | None]] = queue.SimpleQueue()
        self.asleep = True
        self.born = False
        self.birth = threading.Lock()

    def bear(self) -> None:
        """Starts it once, however often it is asked for."""
        if self.birth.acquire(blocking=False):
            try:
                self.start()
            except RuntimeError:  # the system allows no further thread
                self.birth.release()

    def run(self) -> None:
        """What a helper does all its life."""
        self.born = True
        while self.k + 1 < _threads:
            self.asleep = True
            kernel = self.calls.get()()
            self.asleep = False
            if kernel is not None:
                order = kernel.order(FOLLOW, kernel.shared, lane=self.k + 1)  # held: its words are read while it runs
                kernel.call(order.address)
            del kernel
        del _crew[self.k]  # the last that it does; until then nobody else has its lane


_crew: dict[int, Helper] = {}
"""The helpers by number. Each step of keeping it is one operation of a dict, which no other thread cuts in two."""


def _hire(k: int) -> Helper:
    """Helper k, which soon lives; or the work is done without it, if the system allows no further thread.

    A thread that is gone in a moment starts it: an interrupt in the middle of a start, which is many instructions of
    Python, would leave a helper that neither lives nor can be started again.
    """
    helper = _crew.get(k) or _crew.setdefault(k, Helper(k))
    if not helper.born:
        with contextlib.suppress(RuntimeError):
            _thread.start_new_thread(helper.bear, ())
    return helper


def _nobody() -> None:
    """Called in place of a kernel: there is none to help, only a number of threads to look at."""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.clear)  # threads do not survive a fork
