"""A process that plays one run of a study: ``python -m sorrelsim.launch.worker RUN``.

It begins the run or goes on with it. Its reports go to its standard output, all that is printed to ``RUN/log.txt``.
SIGTERM makes it save and end; when its standard input closes, its parent is gone and it dies at once, so that nobody
writes into a folder that another may have taken over.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sorrelsim.launch.lock import alone
from sorrelsim.launch.reports import Report

if TYPE_CHECKING:
    from sorrelsim.experiments.measures import Row

LOG = "log.txt"
PATIENCE = 60.0
"""Seconds to wait for a process that was in the run folder before, such as one on a node that is being lost."""


class Teller:
    """Follows a run and reports of it.

    Args:
        run: The run's name.
        epochs: Epochs that it is to play.
        say: What takes the reports.
    """

    def __init__(self, run: str, epochs: int, say: Callable[[Report], None]) -> None:
        self.run, self.epochs, self.say = run, epochs, say
        self.latest = Report(run, "loading", 0, epochs)
        say(self.latest)

    def epoch(self, row: Row) -> None:
        """Reports an epoch's metrics."""
        self.latest = Report(self.run, "training", int(row["epoch"]), self.epochs, float(row["return_mean"]))
        self.say(self.latest)

    def doing(self, what: str) -> None:
        """Reports that something else than training begins."""
        self.say(Report(self.run, what, self.latest.epoch, self.epochs, self.latest.returned))


def main() -> None:
    """Plays the run that the command line names; ends with 0 if it is whole or was told to end, else with 1."""
    folder = Path(sys.argv[1])
    reports = os.dup(1)
    os.dup2(2, 1)  # what models and worlds print goes to the log
    threading.Thread(target=_die_with_parent, daemon=True).start()

    def say(report: Report) -> None:
        with contextlib.suppress(OSError):  # nobody is left to listen: this process is about to die
            os.write(reports, report.line().encode())

    end, error = "failed", ""
    try:
        with alone(folder, PATIENCE):
            end = play(folder, say)
    except BaseException as raised:
        error = _told(raised)
    say(Report(folder.name, end=end, error=error))
    sys.exit(end == "failed")


def play(folder: Path, say: Callable[[Report], None]) -> str:
    """Begins a run or goes on with it, until it is whole or SIGTERM comes; returns how it ended.

    Args:
        folder: The run folder, with its config.
        say: What takes the reports.
    """
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    from sorrelsim.experiments.config import load_config
    from sorrelsim.experiments.resume import resume, state_of

    print(f"--- {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M:%S}, process {os.getpid()}", flush=True)
    resume(folder, watcher=Teller(folder.name, load_config(folder / "config.yaml").epochs, say))
    return "finished" if state_of(folder) == "finished" else "stopped"


def _told(error: BaseException) -> str:
    """Writes an error to the log; returns it in a line or two."""
    expected = isinstance(error, ValueError | OSError) or type(error).__name__ in ("RuleError", "TrainingDiverged")
    if not expected:
        traceback.print_exception(error)
    said = str(error) if expected else f"{type(error).__name__}: {error}"
    print(f"error: {said}", file=sys.stderr, flush=True)
    return said


def _die_with_parent() -> None:
    """Waits until the parent's end of the standard input closes, which is when the parent is gone."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


if __name__ == "__main__":
    main()
