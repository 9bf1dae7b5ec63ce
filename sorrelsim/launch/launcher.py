"""A study run: what is missing is begun, what was cut short is resumed, and each run's fate is its own.

The order in which runs end, how many are played side by side and what interrupts them change no result: each is a
process that knows its run folder and nothing else; or several seeds' folders, with ``seeds_at_once``.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sorrelsim.errors import ConfigError
from sorrelsim.experiments.results import write_results
from sorrelsim.experiments.run_folder import read_metrics
from sorrelsim.experiments.study import Study, StudyRun, check_study, open_study, study_folder
from sorrelsim.experiments.study_file import StudyConfig, place_of, read_study_file
from sorrelsim.launch.local import Local, cores
from sorrelsim.launch.reports import Report
from sorrelsim.locks import LOCK, Occupied, alone

KILLS = 3
"""How often the process of a run may die within one call, until the run counts as failed."""


class Crew(Protocol):
    """Those who play runs: processes of this machine, or a cluster.

    Attributes:
        size: How many processes it has at a time.
    """

    size: int

    def begin(self, folders: Sequence[Path]) -> None:
        """Begins runs in a process, or goes on with them."""

    def reports(self, seconds: float) -> list[Report]:
        """Returns what has been told; waits so long for something."""

    def stop(self) -> None:
        """Asks all runs to save after their turn and to end."""


@dataclass
class Status:
    """How a run of a study stands.

    Attributes:
        run: The run.
        state: ``waiting``, ``running``, or how it ended: ``finished``, ``stopped``, ``failed``.
        doing: What it does while it runs.
        epoch: Epochs that it has played.
        epochs: Epochs that it is to play.
        returned: Mean return of its latest epoch.
        error: Why it failed.
        kills: How often its process died.
    """

    run: StudyRun
    epochs: int
    state: str = "waiting"
    doing: str = ""
    epoch: int = 0
    returned: float = math.nan
    error: str = ""
    kills: int = 0
    _clock: tuple[float, int] | None = None  # when its first epoch of this call ended, and which
    _seen: float = 0.0  # when its latest epoch ended

    def take(self, report: Report) -> None:
        """Takes in what is told of the run."""
        if report.doing:
            self.state, self.doing = "running", report.doing
        if report.epoch and report.doing:
            if report.epoch != self.epoch or self._clock is None:
                self._seen = time.monotonic()
            self.epoch = report.epoch
            self.returned = report.returned if math.isfinite(report.returned) else self.returned
            self._clock = self._clock or (self._seen, report.epoch)

    @property
    def place(self) -> str:
        """Its condition and place in the grid, in words; runs that share it differ in the seed alone."""
        return place_of(self.run.condition, self.run.sweep)

    @property
    def pace(self) -> float:
        """Seconds that an epoch takes; nan while that is not known."""
        if self._clock is None or self.epoch == self._clock[1]:
            return math.nan
        return (self._seen - self._clock[0]) / (self.epoch - self._clock[1])

    @property
    def last_try(self) -> bool:
        """Whether it counts as failed if its process dies once more."""
        return self.kills == KILLS - 1

    @property
    def left(self) -> int:
        """Epochs that are still to be played in this call."""
        return 0 if self.ended else self.epochs - self.epoch

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it in this call."""
        return self.state in ("finished", "stopped", "failed")


class Launch:
    """One call of ``sorrelsim study``.

    Args:
        study: The study.
        crew: Who plays its runs.
        apart: The places, in words as of ``place_of``, whose runs each have a process of their own in any case.

    Attributes:
        changed: Called with each run's status that changes.
        statuses: Of every run, in the study's order.
        stopped: Whether :meth:`stop` was called.
    """

    def __init__(self, study: Study, crew: Crew, apart: Collection[str] = ()) -> None:
        self.study, self.crew, self.apart = study, crew, set(apart)
        self.changed: Callable[[Status], None] = lambda status: None
        self.statuses = [_known(study, run) for run in study.runs]
        self.stopped = False
        self._hurrying = False

    def stop(self, hurry: bool = False) -> None:
        """Lets no further run begin, and those that run save after their turn and end; in a hurry, they end at once."""
        self.stopped = True
        self._hurrying = self._hurrying or hurry

    @property
    def unfinished(self) -> bool:
        """Whether another call would have something to do."""
        return any(status.state != "finished" and status.run.state != "diverged" for status in self.statuses)

    def run(self) -> None:
        """Plays all runs that are missing or were cut short.

        Raises:
            OSError: If a run's folder cannot be written to.
        """
        waiting = deque(status for status in self.statuses if not status.ended)
        running: list[list[Status]] = []  # a list for each process
        ended: set[str] = set()  # those of them that have
        asked = False
        while (waiting and not self.stopped) or running:
            while waiting and len(running) < self.crew.size and not self.stopped:
                running.append(self._next(waiting))
                self.crew.begin([self.study.prepare(status.run) for status in running[-1]])
            known = {status.run.name: status for seeds in running for status in seeds}
            for report in self.crew.reports(0.2):
                status = known[report.run]
                status.take(report)
                if report.end:
                    ended.add(report.run)
                    self._end(status, report)
                self.changed(status)
            for seeds in [seeds for seeds in running if ended.issuperset(status.run.name for status in seeds)]:
                running.remove(seeds)
                ended.difference_update(status.run.name for status in seeds)
                waiting.extendleft(status for status in reversed(seeds) if status.state == "waiting")
            if self._hurrying:
                for status in [status for seeds in running for status in seeds if status.run.name not in ended]:
                    status.state, status.doing = "stopped", ""
                return
            if self.stopped and not asked:
                self.crew.stop()
                asked = True

    def _next(self, waiting: deque[Status]) -> list[Status]:
        """Takes the runs of the next process: the first that waits, and others that differ from it in the seed.

        The last time that a run is tried it is alone, so that only who brings a process down counts as failed.
        """
        first = waiting.popleft()
        found = [first]
        most = 1 if first.place in self.apart or first.last_try else self.study.config.seeds_at_once
        while waiting and len(found) < most and waiting[0].place == first.place and not waiting[0].last_try:
            found.append(waiting.popleft())
        return found

    def _end(self, status: Status, report: Report) -> None:
        """Notes how a run ended; it waits again if its process died and it is to be gone on with."""
        status.state, status.doing, status.error = report.end, "", report.error
        if report.end == "killed" or (report.end == "stopped" and not self.stopped):
            status.kills += 1
            status.state = "stopped" if self.stopped else "waiting" if status.kills < KILLS else "failed"


def _known(study: Study, run: StudyRun) -> Status:
    """Returns how a run stands that an earlier call may have begun."""
    status = Status(run, study.config_of(run).epochs)
    state = run.state
    if state in ("absent", "begun"):
        return status
    with contextlib.suppress(ValueError, OSError, KeyError, IndexError):
        metrics = read_metrics(run.folder)
        status.epoch, status.returned = int(metrics["epoch"][-1]), float(metrics["return_mean"][-1])
    if state == "finished":
        status.state = state
    elif state == "diverged":
        status.state, status.error = "failed", "a loss was not finite, and would be again"
    return status


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Within, no other call runs the study of a folder. One that was killed a moment ago is waited for.

    Raises:
        Occupied: If another does.
    """
    try:
        with alone(folder / LOCK, wait=2.0):
            yield
    except Occupied as error:
        raise Occupied(f"{folder} is being run by {error}; wait for it, or stop it with Ctrl-C there") from None


@contextlib.contextmanager
def make_crew(study: Study, processes: int | None = None, ray: str | None = None, trust: bool = True) -> Iterator[Crew]:
    """Gives those who are to play a study's runs, and ends what is left of them.

    Args:
        study: The study.
        processes: Processes side by side; by default as many as the machine's cores give threads to.
        ray: Address of a Ray cluster that is to play them instead; empty for the one that Ray finds.
        trust: Whether Python files are run that the runs' configs name.

    Raises:
        ConfigError: If Ray is asked for and is not there, or runs have actors of their own.
    """
    configs = [study.config_of(run) for run in study.runs]
    if ray is not None and any(config.actors for config in configs):
        raise ConfigError(
            f"{study.name}: --ray hands whole runs to a cluster, and runs of this study hand theirs to actors of Ray "
            "themselves. Leave out --ray, and RAY_ADDRESS=ADDRESS lets the actors play on a cluster; or base.actors=0"
        )
    threads = max(max(config.threads or 1, config.torch_threads) + config.actors for config in configs)
    if ray is None:
        with Local(processes or max(1, cores() // threads), trust) as crew:
            yield crew
    else:
        from sorrelsim.launch.cluster import Cluster

        with Cluster(ray, threads, trust) as cluster:
            yield cluster


@contextlib.contextmanager
def launching(
    config: StudyConfig,
    where: str,
    processes: int | None = None,
    ray: str | None = None,
    trust: bool = True,
    apart: Collection[str] = (),
) -> Iterator[Launch]:
    """Gives what runs a study, or goes on with it; within, nobody else does.

    Args:
        config: What is compared.
        where: Its file, for errors.
        processes: As for :func:`make_crew`, as are ``ray`` and ``trust``.
        apart: As for :class:`Launch`; what ``check_study`` returned.

    Raises:
        ConfigError: If another study has the name, or Ray is asked for and is not there.
        Occupied: If another process runs it.
    """
    with alone_in(study_folder(config, where)):
        study = open_study(config, where)
        with make_crew(study, processes, ray, trust) as crew:
            yield Launch(study, crew, apart)


def run_study(
    path: str | Path, changes: Sequence[str] = (), processes: int | None = None, ray: str | None = None
) -> Study:
    """Runs a study, or goes on with it, and writes its results: ``sorrelsim study``, from Python and without a word.

    Args:
        path: The study's file.
        changes: As for :func:`~sorrelsim.experiments.study_file.read_study_file`.
        processes: Processes side by side; as many as there are cores by default.
        ray: As for :func:`make_crew`.

    Returns:
        The study. The ``state`` of a run that failed is not ``finished``, and its ``log.txt`` says why.

    Raises:
        ConfigError: If something in it is impossible, before anything runs.
        Occupied: If another process runs it.
    """
    config = read_study_file(path, changes)
    apart = check_study(config, str(path))
    with launching(config, str(path), processes, ray, apart=apart) as launch:
        launch.run()
        write_results(launch.study)
    return launch.study
