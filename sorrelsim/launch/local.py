"""Processes side by side on this machine, each with a run of its own, or several at once."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from sorrelsim.launch.reports import Report
from sorrelsim.launch.worker import LOG

_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What tells numerical libraries how many threads to start; a run's config decides it for the networks."""


def cores() -> int:
    """Returns the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class Process:
    """The process of one run, or of several, as its parent sees it.

    Args:
        folders: The run folders.
        trust: Whether Python files are run that a config names.
        told: Where its reports go; the last one of a run says how it ended.
        cwd: The folder that names in configs are relative to, if not that of this process.
    """

    def __init__(
        self, folders: Sequence[Path], trust: bool, told: queue.SimpleQueue[Report], cwd: str | None = None
    ) -> None:
        here = [] if sys.path[:1] in ([""], [os.getcwd()]) else ["-P"]  # files lying about are no modules
        words = [*map(str, folders), *(["--trust"] if trust else [])]
        with open(folders[0] / LOG, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *here, "-m", "sorrelsim.launch.worker", *words],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env=dict.fromkeys(_LIBRARIES, "1") | dict(os.environ),
                cwd=cwd,
                start_new_session=True,  # Ctrl-C is for the parent, which tells its processes in its own way
            )  # fmt: skip
        self._left = [folder.name for folder in folders]  # those that have not ended
        self._told = told
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def stop(self) -> None:
        """Asks it to save after its turn and to end."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Waits until it is gone."""
        self._process.wait()

    def kill(self) -> None:
        """Ends it at once, which loses nothing that was saved, and waits until it is gone."""
        self._process.kill()
        self._process.wait()

    def _listen(self, lines: IO[bytes]) -> None:
        """Hands its reports on until it has ended."""
        with lines:
            for line in lines:
                with contextlib.suppress(ValueError, TypeError):  # cut short by a kill
                    report = Report.read(line.decode())
                    if report.end:
                        self._left.remove(report.run)
                    self._told.put(report)
        code = self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        for name in self._left:
            self._told.put(Report(name, end="killed", error=_how(code)))


def _how(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with {code}"


class Local:
    """Processes on this machine; use it as a context, which leaves none behind.

    Args:
        size: How many at a time.
        trust: Whether Python files are run that the runs' configs name.
    """

    def __init__(self, size: int, trust: bool = True) -> None:
        self.size, self.trust = size, trust
        self._told: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes.values():
            process.kill()
        self._processes.clear()

    def begin(self, folders: Sequence[Path]) -> None:
        """Begins runs in a process, or goes on with them."""
        process = Process(folders, self.trust, self._told)
        self._processes |= {folder.name: process for folder in folders}

    def reports(self, seconds: float) -> list[Report]:
        """Returns what has been told; waits so long for something."""
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self._told.get(timeout=seconds))
            while True:
                found.append(self._told.get_nowait())
        for report in found:
            if report.end:
                process = self._processes.pop(report.run)
                if process not in self._processes.values():
                    process.wait()
        return found

    def stop(self) -> None:
        """Asks all processes to save after their turn and to end."""
        for process in set(self._processes.values()):
            process.stop()
