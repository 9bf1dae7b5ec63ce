"""How many threads step the copies of a world, and the helpers that the second and further ones are."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable

import numpy as np

from sorrelsim.engine.block import Block, address_of
from sorrelsim.engine.kernel_text import DONE, ENDED, FOLLOW, GRAIN, UNFINISHED, Order
from sorrelsim.settings import whole

_threads = max(1, len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


def set_threads(n: int) -> None:
    """Sets how many threads step the copies of every world in this process; trajectories do not depend on it."""
    global _threads
    _threads = whole(n, "the number of threads", 1, 1024)


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
    """

    def __init__(self, call: Callable[[ctypes.c_void_p], int], memory: tuple[Block, Block]) -> None:
        self.call = call
        self.memory = memory
        self.n = len(memory[0].bytes)
        self.shared = Block(GRAIN + 1, {"word": ((1,), np.int64)}).arrays["word"][:, 0]  # each in a line of its own

    def order(self, mode: int, table: np.ndarray, lane: int = 0) -> Order:
        """What a call is to do; see :class:`~sorrelsim.engine.kernel_text.Order`."""
        copies = 0 if mode == FOLLOW else self.n
        words = np.array([address_of(self.shared), address_of(table), copies, mode, 0, lane], np.int64)
        return Order(ctypes.c_void_p(address_of(words)), words, table)


class Helpers:
    """Threads that take copies off the caller's hands: all draw portions of one step's copies until none are left.

    A helper watches the world that it helped last for some microseconds, without the interpreter lock; then it goes
    to sleep. The caller never waits for one to wake, only for portions that it has begun.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.pid = os.getpid()
        self.asleep = [threading.Event() for _ in range(n)]
        self.bed = [threading.Lock() for _ in range(n)]
        self.kernel: Callable[[], Kernel | None] = lambda: None  # weak: a world nobody holds shall go
        self.busy = threading.Lock()
        for k in range(n):
            self.bed[k].acquire()
            self.asleep[k].set()
            threading.Thread(target=self.help, args=(k,), daemon=True, name=f"sorrelsim-{k}").start()

    def help(self, k: int) -> None:
        """What helper ``k`` does all its life."""
        while True:
            self.bed[k].acquire()
            kernel = self.kernel()
            if kernel is not None:
                order = kernel.order(FOLLOW, kernel.shared, lane=k + 1)  # held: its words are read while it runs
                kernel.call(order.address)
            del kernel
            self.asleep[k].set()

    def run(self, kernel: Kernel, order: Order) -> int:
        """Carries out an order on all copies of a kernel's world; returns what the kernel does."""
        with self.busy:
            self.kernel = weakref.ref(kernel)
            for asleep, bed in zip(self.asleep, self.bed, strict=True):
                if asleep.is_set():
                    asleep.clear()
                    bed.release()
            n = kernel.n
            # Portions are small enough that no thread waits long for the last.
            order.words[4] = min(64, max(1, n // (16 * self.n + 16)))
            ended = kernel.call(order.address)
            order.words[4] = 0
            if ended == UNFINISHED:  # somebody was put off the processor in the middle of a portion
                while kernel.shared[DONE] != n:
                    time.sleep(0)
                ended = int(kernel.shared[ENDED])
            return ended


_pools: dict[int, Helpers] = {}


def helpers(n: int) -> Helpers:
    """The process's ``n`` helpers."""
    pool = _pools.get(n)
    if pool is None or pool.pid != os.getpid():  # threads do not survive a fork
        pool = _pools[n] = Helpers(n)
    return pool
