"""A process that plays one run of a study, or several at once: ``python -m sorrelsim.launch.worker RUN... [--trust]``.

It begins the runs or goes on with them. Its reports go to its standard output, all that is printed to ``log.txt`` of
the first run, and of each what it failed by to its own. SIGTERM makes it save and end; when its standard input closes,
its parent is gone and it dies at once, so that nobody writes into a folder that another may have taken over.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sorrelsim.launch.reports import Report
from sorrelsim.locks import LOCK, alone

if TYPE_CHECKING:
    from sorrelsim.experiments.at_once import Course
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
    """Plays the runs that the command line names; ends with 0 if all are whole or were told to end, else with 1."""
    folders = [Path(word) for word in sys.argv[1:] if word != "--trust"]
    reports = os.dup(1)
    os.dup2(2, 1)  # what models and worlds print goes to the log
    threading.Thread(target=_die_with_parent, daemon=True).start()

    def say(report: Report) -> None:
        with contextlib.suppress(OSError):  # nobody is left to listen: this process is about to die
            os.write(reports, report.line().encode())

    sys.exit("failed" in play(folders, "--trust" in sys.argv, say))


def play(folders: Sequence[Path], trust: bool, say: Callable[[Report], None]) -> list[str]:
    """Begins runs or goes on with them, until all are whole or SIGTERM comes; returns how they ended.

    Args:
        folders: The run folders, each with its config.
        trust: Whether Python files are run that a config names.
        say: What takes the reports.
    """
    from sorrelsim.experiments.at_once import play_at_once

    runs = [_Run(folder, trust, say) for folder in folders]
    with contextlib.ExitStack() as locks:
        for run in runs:
            run.begin(locks, beside="" if run is runs[0] else f" beside {folders[0].name}")
        courses = [run.course for run in runs if run.course is not None]

        def stop(number: int, frame: object) -> None:
            for course in courses:
                course.experiment.stop(hurry=True)

        signal.signal(signal.SIGTERM, stop)
        try:
            play_at_once(courses)
        except BaseException as raised:  # it is of all of them
            for run in runs:
                run.end(raised)
    return [run.ended for run in runs]


class _Run:
    """A run of this process.

    Args:
        folder: Its folder.
        trust: Whether Python files are run that its config names.
        say: What takes its reports.

    Attributes:
        course: What is played of it, if something is.
        ended: How it ended, one of ``reports.ENDS``; nothing before.
    """

    def __init__(self, folder: Path, trust: bool, say: Callable[[Report], None]) -> None:
        self.folder, self.trust, self.say = folder, trust, say
        self.course: Course | None = None
        self.ended = ""

    def begin(self, locks: contextlib.ExitStack, beside: str) -> None:
        """Makes ready what is played; a run that cannot be played, or is whole, has ended with this.

        Args:
            locks: What holds its folder.
            beside: Whose log its process writes to, in words, if not its own.
        """
        from sorrelsim.experiments.at_once import Course
        from sorrelsim.experiments.resume import reopen, state_of
        from sorrelsim.experiments.run import course_of

        try:
            locks.enter_context(alone(self.folder / LOCK, PATIENCE))
            self._log(f"--- {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M:%S}{beside}, process {os.getpid()}")
            if state_of(self.folder) == "finished":  # by a process that was lost before it could say so
                self.end(None)
                return
            self.say(Report(self.folder.name, "loading"))
            experiment, since = reopen(self.folder, trust=self.trust)
            teller = Teller(self.folder.name, experiment.epoch, self.say)
            self.course = Course(experiment, course_of(experiment, self.folder, teller, since), self.end)
        except BaseException as raised:
            self.end(raised)

    def end(self, error: BaseException | None) -> None:
        """Takes in that it has ended, and tells of it, with the error if one ended it."""
        from sorrelsim.experiments.resume import state_of

        if self.ended:
            return
        stopped = self.course is not None and self.course.experiment.stopped and state_of(self.folder) != "finished"
        self.ended = "failed" if error is not None else "stopped" if stopped else "finished"
        self.say(Report(self.folder.name, end=self.ended, error="" if error is None else self._told(error)))

    def _told(self, error: BaseException) -> str:
        """Writes an error to its log; returns it in a line or two."""
        expected = isinstance(error, ValueError | OSError) or type(error).__name__ in ("RuleError", "TrainingDiverged")
        if not expected:
            self._log("".join(traceback.format_exception(error)).rstrip())
        said = str(error) if expected else f"{type(error).__name__}: {error}"
        self._log(f"error: {said}")
        return said

    def _log(self, text: str) -> None:
        with contextlib.suppress(OSError), open(self.folder / LOG, "a", encoding="utf-8") as log:  # a full disk
            log.write(f"{text}\n")


def _die_with_parent() -> None:
    """Waits until the parent's end of the standard input closes, which is when the parent is gone."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


if __name__ == "__main__":
    main()
