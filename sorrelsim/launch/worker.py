"""A process that plays one run of a study: ``python -m sorrelsim.launch.worker RUN [--trust]``.

It begins the run or goes on with it. Its reports go to its standard output, all that is printed to ``RUN/log.txt``.
SIGTERM makes it save and end; when its standard input closes, its parent is gone and it dies at once, so that nobody
writes into a folder that another may have taken over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sorrelsim.launch.reports import Report
from sorrelsim.locks import LOCK, alone

if TYPE_CHECKING:
    from sorrelsim.experiments.measures import Row

LOG = "log.txt"
PATIENCE = 60.0
"""Seconds to wait for a process that was in the run folder before, such as one on a node that is being lost."""


class Teller:
    """Follows a run and reports of it.

    Args:
        run: The run's name.
        epoch: Epochs that it has played.
        say: What takes the reports.
    """

    def __init__(self, run: str, epoch: int, say: Callable[[Report], None]) -> None:
        self.say = say
        self.latest = Report(run, "training", epoch)
        say(self.latest)

    def epoch(self, row: Row) -> None:
        """Reports an epoch's metrics."""
        self.latest = Report(self.latest.run, "training", int(row["epoch"]), float(row["return_mean"]))
        self.say(self.latest)

    def doing(self, what: str) -> None:
        """Reports that something else than training begins."""
        self.say(dataclasses.replace(self.latest, doing=what))


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
        with alone(folder / LOCK, PATIENCE):
            end = play(folder, "--trust" in sys.argv, say)
    except BaseException as raised:
        error = _told(raised)
    say(Report(folder.name, end=end, error=error))
    sys.exit(end == "failed")


def play(folder: Path, trust: bool, say: Callable[[Report], None]) -> str:
    """Begins a run or goes on with it, until it is whole or SIGTERM comes; returns how it ended.

    Args:
        folder: The run folder, with its config.
        trust: Whether Python files are run that its config names.
        say: What takes the reports.
    """
    from sorrelsim.experiments.resume import reopen, state_of
    from sorrelsim.experiments.run import run

    print(f"--- {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M:%S}, process {os.getpid()}", flush=True)
    if state_of(folder) == "finished":  # by a process that was lost before it could say so
        return "finished"
    say(Report(folder.name, "loading"))
    experiment, since = reopen(folder, trust=trust)
    signal.signal(signal.SIGTERM, lambda number, frame: experiment.stop(hurry=True))
    run(experiment, folder, Teller(folder.name, experiment.epoch, say), since)
    return "stopped" if experiment.stopped and state_of(folder) != "finished" else "finished"


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
