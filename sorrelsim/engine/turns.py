"""One thread at a time steps a world: a second one is told so at once, before anything moves.

A world holds a list of one element, ``alone``. Who takes the element has the world; to take it and to put it back are
operations that no other thread cuts in two. An interrupt may fall between them and the instructions that guard them,
and then the element is lost. So where it is missing, what decides is whether a thread is in fact inside.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any


def in_turn(world: Any, work: Callable[[Any], Any], given: Any) -> Any:
    """Does what no other thread may be in the middle of, whole or not at all.

    What it raises, an interrupt or an error of a rule, leaves the world as it was.

    Raises:
        RuntimeError: If another thread is in the middle of a step of the world.
    """
    alone = world._alone
    try:
        alone.pop()
    except IndexError:
        alone = world._alone = taken_over(world, alone)
    try:
        state = {name: array.copy() for name, array in world.copies.saved().items()}
        answered, chosen = dict(vars(world)), set(world._slots_chosen)
        try:
            return work(given)
        except BaseException:
            for name, array in world.copies.saved().items():
                array[...] = state[name]
            vars(world).update(answered)
            world._slots_chosen |= chosen
            raise
    finally:
        alone.append(None)


def taken_over(world: Any, free: list[None]) -> list[None]:
    """The list whose element was missing, or a new one if it is lost; taken already.

    Raises:
        RuntimeError: If it is not lost: a thread is in the middle of a step of the world.
    """
    for _ in range(2):  # twice, for others may come and go meanwhile
        refuse(world, mine=1)
        try:
            free.pop()
            return free
        except IndexError:
            continue
    return []


def refuse(world: Any, mine: int = 0) -> None:
    """Raises if a thread is in the middle of a step of the world, or a reset, or a ``set_state``.

    Args:
        world: The world.
        mine: How many calls of this thread are about to take the world.

    Raises:
        RuntimeError: If one is.
    """
    for ident, frame in list(sys._current_frames().items()):
        inside = -mine if ident == threading.get_ident() else 0
        while frame is not None:
            code = frame.f_code
            if "alone" in code.co_varnames:
                has = frame.f_locals
                inside += has.get("self") is world or has.get("world") is world
            frame = frame.f_back  # type: ignore[assignment]
        if inside > 0:
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            raise RuntimeError(
                f"{world.name}: thread {names.get(ident, ident)!r} is in the middle of a step of this world; one "
                "thread at a time steps a world: give each a world of its own"
            )
