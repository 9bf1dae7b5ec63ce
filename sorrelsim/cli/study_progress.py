"""What a study shows: all runs in one live panel on a terminal, a line per event elsewhere, and a table at the end."""

from __future__ import annotations

import math
import shlex
import time
from collections import Counter
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sorrelsim.cli.live import LiveView
from sorrelsim.cli.progress import clock, number
from sorrelsim.experiments.study_file import place_of
from sorrelsim.launch.launcher import Launch, Status
from sorrelsim.launch.worker import LOG

STYLES = {"running": "bold cyan", "finished": "green", "failed": "bold red", "stopped": "yellow", "waiting": "dim"}
ORDER = ("failed", "running", "stopped", "waiting", "finished")
"""Whose rows are shown first where a terminal is too low for all."""
EVERY = 60.0
"""Seconds between two lines about the whole study, where the output is no terminal."""


class StudyProgress(LiveView):
    """Follows a launch; use it as a context.

    Args:
        launch: What is followed.
        console: Where to draw.
    """

    def __init__(self, launch: Launch, console: Console) -> None:
        super().__init__(console)
        self.launch, self.study = launch, launch.study
        self._said = time.monotonic()
        self._states = {status.run.name: (status.state, status.kills) for status in launch.statuses}

    def __enter__(self) -> Self:
        self.launch.changed = self.changed
        return super().__enter__()

    def greet(self) -> None:
        """Says what is compared, and how its runs stand."""
        self._say(f"{self.title()}: {self.counts()}")

    def changed(self, status: Status) -> None:
        """Takes in that something about a run has changed."""
        if self.console.is_terminal:
            return
        name, state = status.run.name, (status.state, status.kills)
        if state != self._states.get(name):
            self._states[name] = state
            self._say(f"{name}: {self._told(status)}")
        elif time.monotonic() - self._said > EVERY:
            self._said = time.monotonic()
            self._say(f"{self.counts()}, {self.left()} left")

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _told(self, status: Status) -> str:
        """Returns what a run's new state is, in words."""
        if status.state == "waiting":
            return f"{status.error}; it is resumed"
        if status.state == "running":
            return f"resumed after epoch {status.epoch}" if status.epoch else "begun"
        if status.state == "failed":
            return f"failed: {status.error}; see {status.run.folder / LOG}"
        returned = f", return {status.returned:.3g}" if math.isfinite(status.returned) else ""
        return f"{status.state}, epoch {status.epoch}/{status.epochs}{returned}"

    def title(self) -> str:
        """Returns what is run."""
        points = math.prod(len(values) for values in self.study.config.sweep.values())
        counted = {"condition": len(self.study.config.conditions), "point": points, "run": len(self.study.runs)}
        parts = [f"{n} {name}{'s' * (n != 1)}" for name, n in counted.items() if n > 1 or name == "run"]
        return " · ".join([self.study.name, *parts])

    def counts(self) -> str:
        """Returns how many runs stand how."""
        found = Counter(status.state for status in self.launch.statuses)
        said = [f"{found[state]} {state}" for state in ("running", "waiting", "stopped", "failed") if found[state]]
        return ", ".join([f"{found['finished']} of {len(self.launch.statuses)} finished", *said])

    def left(self) -> str:
        """Returns the time until all runs have ended, at the pace so far; a dash while that is not known."""
        statuses = self.launch.statuses
        paces = [status.pace for status in statuses if math.isfinite(status.pace)]
        running = sum(status.state == "running" for status in statuses)
        if not paces or not running:
            return "-"
        mean = sum(paces) / len(paces)
        todo = sum(status.left * (status.pace if math.isfinite(status.pace) else mean) for status in statuses)
        return clock(todo / running)

    def panel(self) -> RenderableType:
        """Draws the live panel."""
        statuses = self.launch.statuses
        done, total = sum(status.epoch for status in statuses), sum(status.epochs for status in statuses)
        head = Table.grid(expand=True, padding=(0, 1))
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(no_wrap=True, justify="right")
        head.add_row(
            f"{self.counts()}",
            ProgressBar(total=total, completed=done, complete_style="green", finished_style="green"),
            f"{done / total:4.0%}  [bold]{self.left()}[/] left",
        )
        said = "stopping: all runs save after their turn ..." if self.launch.stopped else "Ctrl-C stops and saves"
        return Panel(
            Group(head, Text(), self.table(max(3, self.console.height - 9))),
            title=f"[bold]{escape(self.title())}[/]", subtitle=f"[dim]{said}[/]", box=box.ROUNDED, padding=(1, 2),
        )  # fmt: skip

    def table(self, rows: int) -> RenderableType:
        """Returns a row per run; where there are more runs than rows, those first that one wants to see."""
        statuses = self.launch.statuses
        shown = sorted(statuses, key=lambda status: ORDER.index(status.state))[:rows]
        table = Table(box=None, expand=True, padding=(0, 1), pad_edge=False)
        table.add_column("run", style="bold", ratio=1, no_wrap=True, overflow="ellipsis", header_style="dim")
        for name in ("state", "epoch", "return", "left"):
            left = name == "state"
            table.add_column(name, justify="left" if left else "right", no_wrap=True, header_style="dim")
        for status in statuses:
            if status in shown:
                pace = status.pace
                table.add_row(
                    escape(status.run.name),
                    f"[{STYLES[status.state]}]{status.doing or status.state}[/]",
                    f"{status.epoch}/{status.epochs}",
                    number(status.returned),
                    clock(status.left * pace) if status.state == "running" and math.isfinite(pace) else "",
                )
        more = len(statuses) - len(shown)
        return Group(table, Text(f"and {more} more", style="dim")) if more else table

    def summary(self) -> RenderableType:
        """Returns what came out of the study: its conditions, what failed, and where it lies."""
        statuses, folder = self.launch.statuses, self.study.folder
        parts: list[RenderableType] = [Text(), self._outcomes(), Text(), Text(f"{self.counts()}")]
        for status in statuses:
            if status.state == "failed":
                told = f": {status.error}\n    {status.run.folder / LOG}"
                parts.append(Text.assemble((f"{status.run.name} failed", "bold red"), told))
        if self.launch.unfinished:
            parts.append(Text("The same command goes on with what is missing."))
        files = ", ".join(sorted(path.name + ("/" if path.is_dir() else "") for path in folder.glob("[!.]*")))
        parts.append(Text.assemble("study folder ", (str(folder), "bold cyan"), f"  ({files})"))
        return Group(*parts)

    def next(self) -> str:
        """Returns the command that goes on from here and what to open; nothing where there are no results."""
        folder = self.study.folder
        report = folder / "report.html"
        return f"next: sorrelsim plot {shlex.quote(str(folder))} (or open {report})" if report.is_file() else ""

    def _outcomes(self) -> Table:
        """Returns a row per condition and place in the grid: how many runs are finished, and their mean return."""
        title = f"[bold]{escape(self.title())}[/]"
        table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", show_edge=False)
        table.add_column("")
        for key in (*self.study.config.sweep, "finished", "return, last epoch"):
            table.add_column(key, justify="right")
        groups: dict[str, list[Status]] = {}
        for status in self.launch.statuses:
            groups.setdefault(place_of(status.run.condition, status.run.sweep), []).append(status)
        for group in groups.values():
            run, done = group[0].run, [status for status in group if status.state == "finished"]
            returns = [status.returned for status in done if math.isfinite(status.returned)]
            table.add_row(
                escape(run.condition),
                *(escape(str(value)) for value in run.sweep.values()),
                f"{len(done)}/{len(group)}",
                number(sum(returns) / len(returns) if returns else math.nan, "bold green"),
            )
        return table
