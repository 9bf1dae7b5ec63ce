"""What a run shows while it runs: a live panel on a terminal, a line per epoch elsewhere, and a table at the end.

``run`` tells it of every epoch; between epochs it reads the experiment.
"""

from __future__ import annotations

import itertools
import math
import shlex
import time
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sorrelsim.cli.live import LiveView
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.code import classes_of, named_in
from sorrelsim.experiments.evaluation import WAYS
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.run import load_run

BARS = "▁▂▃▄▅▆▇█"


class Progress(LiveView):
    """Follows a run; use it as a context and hand it to :func:`sorrelsim.experiments.run.run`.

    Args:
        experiment: The experiment.
        console: Where to draw.
    """

    def __init__(self, experiment: Experiment, console: Console) -> None:
        super().__init__(console)
        self.experiment = experiment
        self.rows: list[Row] = []
        self.busy = "training"
        self.started = time.perf_counter()
        self._rate = 0.0
        self._begun_at = experiment.turns
        self._seen = (self.started, experiment.turns)

    def greet(self) -> None:
        """Says what is played, and how long."""
        experiment, config = self.experiment, self.experiment.config
        said = f"{self.title()}: {config.epochs} epochs of {config.turns} turns, {experiment.total_turns} in all"
        self.console.print(said + (f"; it goes on after turn {experiment.turns}" if experiment.turns else ""))

    def epoch(self, row: Row) -> None:
        """Takes in an epoch's metrics."""
        self.rows.append(row)
        self.busy = "training"
        if not self.console.is_terminal:
            self.console.print(line(row, self.experiment.config.epochs), highlight=False, soft_wrap=True)

    def doing(self, what: str) -> None:
        """Says what is going on besides training."""
        self.busy = what

    def title(self) -> str:
        """Returns what is played and by whom."""
        names = [place.config.model for place in self.experiment.places]
        who = ", ".join(f"{names.count(n)} x {Path(n).stem}" for n in dict.fromkeys(names))
        world = self.experiment.world
        actors = self.experiment.config.actors
        said = f"{world.name} · {world.n_agents} agents · {who} · {world.n_worlds} copies"
        return said + (f" of {actors} actors" if actors else "")

    def panel(self) -> RenderableType:
        """Draws the live panel."""
        experiment, now = self.experiment, time.perf_counter()
        done, total = experiment.turns, experiment.total_turns
        then, before = self._seen
        if now - then >= 1.0:
            self._rate = (done - before) * experiment.world.n_worlds / (now - then)
            self._seen = (now, done)
        elapsed = now - self.started
        played = done - self._begun_at
        left = clock(elapsed / played * (total - done)) if played else "-"
        row: Row = self.rows[-1] if self.rows else {}
        epoch = min(done // experiment.config.turns + 1, experiment.config.epochs)

        head = Table.grid(expand=True, padding=(0, 1))
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(no_wrap=True, justify="right")
        head.add_row(
            f"epoch {epoch}/{experiment.config.epochs}",
            ProgressBar(total=total, completed=done, complete_style="green", finished_style="green"),
            f"{done / total:4.0%}  [bold]{left}[/] left",
        )
        numbers = Table.grid(expand=True, padding=(0, 2))
        for _ in range(4):
            numbers.add_column(ratio=1)
        numbers.add_row(*(f"[dim]{name}[/]" for name in ("steps/s", "mean return", "loss", "epsilon")))
        returned = row.get("return_mean", math.nan)
        shown = f"{returned:.2f}" if math.isfinite(returned) else f"{self.running():.2f} [dim]so far[/]"
        numbers.add_row(
            f"[bold cyan]{self._rate:,.0f}[/]" if self._rate else "-",
            f"[bold green]{shown}[/]",
            number(row.get("loss", math.nan), "bold magenta"),
            number(self.epsilon(), "bold yellow"),
        )
        parts: list[RenderableType] = [head, Text(), numbers]
        curve = sparkline([each["return_mean"] for each in self.rows], max(20, min(70, self.console.width - 24)))
        if curve:
            parts += [Text(), Text.assemble(("return ", "dim"), (curve, "green"))]
        status = "stopping after this turn ..." if experiment.stopped and self.busy == "training" else self.busy
        return Panel(
            Group(*parts), title=f"[bold]{self.title()}[/]", subtitle=f"[dim]{status} · Ctrl-C stops and saves[/]",
            box=box.ROUNDED, padding=(1, 2),
        )  # fmt: skip

    def running(self) -> float:
        """Returns the mean reward so far of the episodes that are running."""
        return float(self.experiment.running().mean()) / self.experiment.world.n_worlds

    def epsilon(self) -> float:
        """Returns the mean epsilon of the learners now."""
        values = [model.epsilon for _, model in self.experiment.learners]
        return sum(values) / len(values) if values else math.nan

    def summary(self, folder: Path) -> RenderableType:
        """Returns what came out of the run, and where it lies."""
        rows, experiment = self.rows, self.experiment
        table = Table(box=box.SIMPLE_HEAD, title=f"[bold]{self.title()}[/]", title_justify="left", show_edge=False)
        table.add_column("")
        first, last = (rows[0], rows[-1]) if rows else ({}, {})
        ways = [way for way in WAYS if f"eval_{way}_return_mean" in last]
        evaluated = f"evaluated, {last.get('eval_way', experiment.eval_way)}"
        for name in ("first epoch", "last epoch", evaluated, *ways):
            table.add_column(name, justify="right")
        if rows:
            names = [f"return_{k}" for k in range(experiment.world.n_agents)]
            for name in ["return_mean", *(names if len(names) <= 16 else [])]:
                label = "[bold]mean return[/]" if name == "return_mean" else f"agent {name.removeprefix('return_')}"
                style = "bold green" if name == "return_mean" else ""
                table.add_row(
                    label,
                    number(first[name]),
                    number(last[name]),
                    number(last.get(f"eval_{name}", math.nan), style),
                    *(number(last.get(f"eval_{way}_{name}", math.nan)) for way in ways),
                )
            table.add_section()
            for name in ("efficiency", "equality", "sustainability", "peace", *experiment.world.events):
                if name in last and (math.isfinite(last[name]) or math.isfinite(first[name])):
                    table.add_row(name.replace("_", " "), number(first[name]), number(last[name]), "")
        steps = experiment.turns * experiment.world.n_worlds
        pace = steps / experiment.seconds if experiment.seconds else 0.0
        facts = (
            f"{steps:,} environment steps in {clock(experiment.seconds)}, {pace:,.0f} a second"
            + (" [yellow](stopped early)[/]" if experiment.stopped else "")
        )  # fmt: skip
        files = ", ".join(sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir()))
        return Group(
            Text(),
            table,
            Text(),
            Text.from_markup(facts),
            Text.assemble(("run folder ", ""), (str(folder), "bold cyan"), f"  ({files})"),
        )

    def next(self, folder: Path) -> str:
        """Returns the commands that go on from here, the first whole; print it in one line, to be copied."""
        unfinished = self.experiment.turns < self.experiment.total_turns
        ours = isinstance(self.experiment.world, Gridworld)  # others' worlds have no window of ours
        first, *more = [*(["train --resume"] if unfinished else []), *(["watch"] if ours else []), "plot", "eval"]
        trust = " --trust" if first != "plot" and _asks_for_trust(folder) else ""
        return f"next: sorrelsim {first} {shlex.quote(str(folder))}{trust} (or {', '.join(more)})"


def _asks_for_trust(folder: Path) -> bool:
    """Returns whether a run names files of code that are run again only if told so."""
    try:
        run = load_run(folder)
        classes_of(folder, named_in(run.config, run.facts), trust=False)
    except (ValueError, OSError):
        return True
    return False


def line(row: Row, epochs: int) -> str:
    """Returns one epoch in one line, for logs."""
    parts = [f"epoch {row['epoch']:.0f}/{epochs}"]
    evaluated = f"{row.get('eval_way', '')} return"
    shown = [("return_mean", "return"), ("loss", "loss"), ("epsilon", "epsilon"), ("eval_return_mean", evaluated)]
    shown += [(f"eval_{way}_return_mean", f"{way} return") for way in WAYS]
    for name, label in shown:
        if math.isfinite(row.get(name, math.nan)):
            parts.append(f"{label} {row[name]:.3g}")
    return "  ".join([*parts, f"{row['steps_per_second']:,.0f} steps/s", clock(row["seconds"])])


def number(value: float, style: str = "") -> str:
    """Returns a number for a table; a dash for nan."""
    if not math.isfinite(value):
        return "-"
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"[{style}]{text}[/]" if style else text


def clock(seconds: float) -> str:
    """Returns seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def sparkline(values: list[float], width: int) -> str:
    """Returns a curve in one line of text; at most ``width`` of the finite values, averaged."""
    found = [value for value in values if math.isfinite(value)]
    if len(found) < 2:
        return ""
    if len(found) > width:
        cuts = [len(found) * k // width for k in range(width + 1)]
        found = [sum(found[a:b]) / (b - a) for a, b in itertools.pairwise(cuts)]
    low, high = min(found), max(found)
    span = (high - low) or 1.0
    return "".join(BARS[min(7, int(8 * (value - low) / span))] for value in found)
