"""How many threads step the copies of a world, and the helpers that the second and further ones are."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from sorrelsim.engine.program import DONE, ENDED, FOLLOW, UNFINISHED

if TYPE_CHECKING:
    from sorrelsim.engine.compiled import Compiled, Order

_threads = max(1, len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


def set_threads(n: int) -> None:
    """Set how many threads step the copies of every world in this process; trajectories do not depend on it."""
    global _threads
    if n < 1:
        raise ValueError(f"a number of threads is at least 1, not {n}")
    _threads = int(n)


def get_threads() -> int:
    """How many threads step the copies of a world."""
    return _threads


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
        self.world: Callable[[], Compiled | None] = lambda: None  # weak: a world nobody holds shall go
        self.busy = threading.Lock()
        for k in range(n):
            self.bed[k].acquire()
            self.asleep[k].set()
            threading.Thread(target=self.help, args=(k,), daemon=True, name=f"sorrelsim-{k}").start()

    def help(self, k: int) -> None:
        """What helper ``k`` does all its life."""
        while True:
            self.bed[k].acquire()
            world = self.world()
            if world is not None:
                order = world.order(FOLLOW, world.shared, lane=k + 1)  # held: its words are read while it runs
                world.call(order.address)
            del world
            self.asleep[k].set()

    def run(self, world: Compiled, order: Order) -> int:
        """Carry out an order on all copies of a world; returns what the kernel does."""
        with self.busy:
            self.world = weakref.ref(world)
            for asleep, bed in zip(self.asleep, self.bed, strict=True):
                if asleep.is_set():
                    asleep.clear()
                    bed.release()
            n = world.n
            # Portions are small enough that no thread waits long for the last.
            order.words[4] = min(64, max(1, n // (16 * self.n + 16)))
            ended = world.call(order.address)
            order.words[4] = 0
            if ended == UNFINISHED:  # somebody was put off the processor in the middle of a portion
                while world.shared[DONE] != n:
                    time.sleep(0)
                ended = int(world.shared[ENDED])
            return ended


_pools: dict[int, Helpers] = {}


def helpers(n: int) -> Helpers:
    """The process's ``n`` helpers."""
    pool = _pools.get(n)
    if pool is None or pool.pid != os.getpid():  # threads do not survive a fork
        pool = _pools[n] = Helpers(n)
    return pool
