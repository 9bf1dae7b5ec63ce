"""Signals that end a run from outside: all is saved first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class Stoppable(Protocol):
    """What may be asked to stop: an experiment, a study that is run."""

    def stop(self, hurry: bool = False) -> None:
        """Ends after the current turn; in a hurry, without what else would follow."""


class Stopping:
    """How a run was asked to stop.

    Attributes:
        asked: The signals that came, in order.
    """

    def __init__(self) -> None:
        self.asked: list[int] = []

    @property
    def code(self) -> int:
        """What the command ends with: 0 after one Ctrl-C, as after a whole run; else 128 and the last signal."""
        return 0 if self.asked in ([], [signal.SIGINT]) else 128 + self.asked[-1]


@contextmanager
def stop_on_signals(work: Stoppable) -> Iterator[Stopping]:
    """Within, Ctrl-C and the like end training after the current turn, and all is saved.

    A second one leaves out the evaluation and the film, and ends the runs of a study at once; a third interrupts. What
    was ignored stays so (nohup).
    """
    stopping = Stopping()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return

    def handle(number: int, frame: Any) -> None:
        stopping.asked.append(number)
        work.stop(hurry=len(stopping.asked) > 1)
        if len(stopping.asked) > 2:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, known in before.items():
        if known is not signal.SIG_IGN and known is not None:
            signal.signal(number, handle)
    try:
        yield stopping
    finally:
        for number, known in before.items():
            if known is not signal.SIG_IGN and known is not None:
                signal.signal(number, known)
