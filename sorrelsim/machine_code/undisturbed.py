"""Work that an interrupt must not cut in two.

Python handles signals in the main thread, between any two of its instructions. An interrupt in the middle of a compile
would leave the compiler with half a function that later ones build on. So such work is done by another thread, one
piece at a time. The caller only waits: an interrupt ends the waiting, at once, while the work goes on to its end.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

_turn = threading.Lock()
_here = threading.local()
_forks: list[bool] = []


STACK, DEPTH = 64 * 2**20, 20_000
"""Bytes of stack, and calls within calls, that the compiler may need: it walks a function's branches by recursion."""


@contextlib.contextmanager
def _deep() -> Iterator[None]:
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)


def undisturbed(work: Callable[[], Any]) -> Any:
    """Does a piece of work in a thread that nothing interrupts; returns what it returns, raises what it raises.

    A piece that is part of another is done where that is.
    """
    if getattr(_here, "inside", False):
        return work()
    found: list[Any] = []
    raised: list[BaseException] = []
    going_on = threading.Lock()
    going_on.acquire()

    def do() -> None:
        _here.inside = True
        try:
            with _turn, _deep():
                found.append(work())
        except BaseException as error:
            raised.append(error)
        finally:
            _here.inside = False
            going_on.release()

    try:
        usual = _thread.stack_size(STACK)
        try:
            _thread.start_new_thread(do, ())  # not a Thread, whose start is many instructions of the caller's
        finally:
            _thread.stack_size(usual)
    except RuntimeError:  # the system allows no further thread
        do()
    going_on.acquire()
    if raised:
        try:
            raise raised[0]
        finally:
            raised.clear()  # no circle with the traceback
    return found[0]


def _before_fork() -> None:
    """Waits for work under way: a fork in its midst would leave the child a compiler that is locked for ever."""
    if not getattr(_here, "inside", False):
        _turn.acquire()
        _forks.append(True)


def _after_fork() -> None:
    if _forks:
        _forks.pop()
        _turn.release()


def _at_exit() -> None:
    """Waits for what goes on: the interpreter cannot be taken down around it."""
    with _turn:
        pass


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
