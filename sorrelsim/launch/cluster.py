"""Runs on a Ray cluster: on each node the same processes as on one machine, in a folder that all nodes share.

A node or a process that dies has its runs resumed elsewhere, from their checkpoints in the shared folder.
"""

from __future__ import annotations

import contextlib
import os
import platform
import queue
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from sorrelsim.experiments.on_ray import connect, find_ray, here
from sorrelsim.launch.local import Process
from sorrelsim.launch.reports import Report


class Board:
    """Where the reports from all nodes come together: an actor, on the machine of the command."""

    def __init__(self) -> None:
        self._told: list[Report] = []
        self._stopping = False

    def tell(self, reports: list[Report]) -> bool:
        """Takes reports; returns whether runs are to save and end."""
        self._told += reports
        return self._stopping

    def take(self) -> list[Report]:
        """Returns what has been told since the last time."""
        told, self._told = self._told, []
        return told

    def stop(self) -> None:
        """Lets all runs save and end."""
        self._stopping = True


def play_on_node(folders: Sequence[str], cwd: str, trust: bool, board: Any) -> list[Report]:
    """Plays a run, or several at once, in a process of this node; passes on its reports, and returns how they ended.

    Args:
        folders: The run folders.
        cwd: The folder of the command, which names in configs are relative to.
        trust: Whether Python files are run that a config names.
        board: The actor that takes the reports. When it is gone, so is the command, and the runs end at once.
    """
    import ray

    names = [Path(folder).name for folder in folders]
    for needed in (cwd, *folders):
        if not Path(needed).is_dir():
            told = f"node {platform.node()} has no folder {needed}: all nodes must share it"
            return [Report(name, end="failed", error=told) for name in names]
    if ray.get(board.tell.remote([])):
        return [Report(name, end="stopped") for name in names]
    if (
        os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    ):  # Ray hides what was not asked for; runs see what they see elsewhere
        del os.environ["CUDA_VISIBLE_DEVICES"]
    reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
    process = Process([Path(folder) for folder in folders], trust, reports, cwd)
    asked, ends = False, list[Report]()
    try:
        while True:
            news = []
            with contextlib.suppress(queue.Empty):
                news.append(reports.get(timeout=0.5))
            ends += [report for report in news if report.end]
            if ray.get(board.tell.remote([report for report in news if not report.end])) and not asked:
                process.stop()
                asked = True
            if len(ends) == len(folders):
                return ends
    finally:
        process.kill()


class Cluster:
    """A Ray cluster as those who play runs; use it as a context.

    Args:
        address: Its address, such as ``192.0.2.7:6379`` or ``ray://...``; nothing for the one that Ray finds, or a new
            one on this machine.
        threads: Cores that a run takes.
        trust: Whether Python files are run that the runs' configs name.

    Raises:
        ConfigError: If Ray is not installed, or there is no cluster at the address.
    """

    size = 1_000_000  # Ray keeps the queue, so that a cluster that grows by need sees all of it

    def __init__(self, address: str, threads: int, trust: bool = True) -> None:
        self._ray: Any = find_ray("--ray")
        self._address, self._threads, self._trust = address, threads, trust
        self._ours = False
        self._tasks: dict[Any, list[str]] = {}
        self._begun: set[str] = set()

    def __enter__(self) -> Self:
        ray = self._ray
        self._ours = connect(ray, self._address, "--ray")
        self._board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here(ray)).remote()
        self._play = ray.remote(play_on_node).options(num_cpus=self._threads, max_retries=-1)
        return self

    def __exit__(self, *error: object) -> None:
        for task in self._tasks:
            self._ray.cancel(task, force=True)
        if self._ours:
            self._ray.shutdown()

    def begin(self, folders: Sequence[Path]) -> None:
        """Hands runs of one process to the cluster, which begins them, or goes on with them, once a node has room."""
        where = [str(folder.resolve()) for folder in folders]
        task = self._play.remote(where, os.getcwd(), self._trust, self._board)
        self._tasks[task] = [folder.name for folder in folders]

    def reports(self, seconds: float) -> list[Report]:
        """Returns what has been told; waits so long for a run to end."""
        ray = self._ray
        done, _ = ray.wait(list(self._tasks), timeout=seconds) if self._tasks else ([], [])
        found: list[Report] = ray.get(self._board.take.remote())  # all that was told before those ended
        self._begun |= {report.run for report in found}
        for task in done:
            names = self._tasks.pop(task)
            try:
                found += ray.get(task)
            except ray.exceptions.TaskCancelledError:
                found += [Report(name, end="stopped") for name in names]
            except ray.exceptions.RayError as error:
                told = str(error).strip().splitlines()[-1]
                found += [Report(name, end="failed", error=told) for name in names]
        return found

    def stop(self) -> None:
        """Asks all runs to save after their turn and to end; those that wait for a node do not begin."""
        self._ray.get(self._board.stop.remote())
        for task, names in self._tasks.items():
            if self._begun.isdisjoint(names):
                self._ray.cancel(task)
