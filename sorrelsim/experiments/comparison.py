"""What is compared: runs by condition and place in a grid, read from run folders and from studies.

Figures, tables and reports begin here. A run that is not finished takes no part in statistics, which is always said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.errors import ConfigError, unknown
from sorrelsim.experiments.folder_errors import no_run
from sorrelsim.experiments.resume import state_of
from sorrelsim.experiments.run_folder import read_metrics, read_rows
from sorrelsim.settings import read_yaml_file

Metrics = Mapping[str, np.ndarray]
"""One run's metrics: column to values by epoch."""
SOCIAL = ("efficiency", "equality", "sustainability", "peace")
_MAIN = ("return_mean", "eval_return_mean", "eval_greedy_return_mean", "eval_sampled_return_mean", *SOCIAL)
_NAMES = {
    "return_mean": "return per agent and episode",
    "eval_return_mean": "evaluated return per agent",
    "reward_mean": "reward per agent-step",
    "per_capita_return": "return per capita",
    "episode_length": "steps per episode",
}
LAST = 0.1
"""Share of a run's epochs, at its end, that its result is the mean of."""


@dataclass(frozen=True)
class Member:
    """One run in a comparison.

    Attributes:
        name: Name of its folder.
        condition: What it is compared as.
        sweep: Its place in a grid, by key.
        seed: Its seed.
        world: Its world's name; empty if its folder does not say.
        state: How far it got: see :func:`sorrelsim.experiments.resume.state_of`.
        metrics: Its metrics by column; none if it has not begun.
    """

    name: str
    condition: str
    sweep: dict[str, Any]
    seed: int
    world: str
    state: str
    metrics: Metrics = field(repr=False)

    @property
    def epochs(self) -> int:
        """Number of epochs that it has played."""
        return len(self.metrics.get("epoch", ()))

    def result(self) -> dict[str, float]:
        """Returns what came of it: the mean of every column over the last tenth of its epochs, at least one.

        An epoch without a value is left out; nan where there is none.
        """
        last = max(1, round(LAST * self.epochs))
        ends = {name: values[-last:] for name, values in self.metrics.items() if values.dtype.kind == "f"}
        known = {name: values[np.isfinite(values)] for name, values in ends.items()}
        return {name: float(values.mean()) if len(values) else float("nan") for name, values in known.items()}


@dataclass(frozen=True)
class Group:
    """Runs that differ by their seed alone.

    Attributes:
        condition: Their condition.
        sweep: Their place in the grid.
        world: Their world.
        members: The runs, at least one.
    """

    condition: str
    sweep: dict[str, Any]
    world: str
    members: tuple[Member, ...]

    def results(self, column: str) -> dict[int, float]:
        """Returns what came of a column in each run, by seed; runs that do not have it are left out.

        Of several runs with one seed, which a study does not have, each counts: they are numbered on.
        """
        found: dict[int, float] = {}
        for member in self.members:
            value = member.result().get(column, float("nan"))
            if not np.isnan(value):
                found[member.seed if member.seed not in found else min(0, *found) - 1] = value
        return found


def read_run(path: str | Path, condition: str = "") -> Member:
    """Returns a run by its folder.

    Raises:
        ConfigError: If it is no run folder, or has no epoch yet.
    """
    folder = Path(path)
    if not (folder / "metrics.csv").is_file():
        raise ConfigError(no_run(folder, "metrics.csv", "run or study"))
    member = read_member(folder, condition or folder.resolve().name, {}, None, state_of(folder))
    if not member.epochs:
        raise ConfigError(f"{folder}: no epoch of this run is done yet; there is nothing to draw")
    return member


def read_swept(path: str | Path, condition: str = "") -> list[Member]:
    """Returns a run whose copies play by different params, one member for each combination of theirs.

    Raises:
        ConfigError: If it has no sweep.csv.
    """
    folder = Path(path)
    whole = read_run(path, condition)
    if not (folder / "sweep.csv").is_file():
        raise ConfigError(
            f"{folder} has no sweep.csv: its copies all play by the same params. A param that is a list with one value "
            "per copy is a sweep within one run, and a study (sorrelsim study) sweeps over runs"
        )
    rows = read_rows(folder / "sweep.csv")
    names = list(rows)
    keys = names[names.index("env_steps") + 1 : names.index("copies")]
    agents = sum(re.fullmatch(r"return_\d+", name) is not None for name in names)
    rows["agent_steps"] = rows["env_steps"] * agents
    points = np.stack([rows[key] for key in keys], 1)
    found = []
    for point in dict.fromkeys(map(tuple, points.tolist())):
        here = (points == point).all(1)
        metrics = {name: values[here] for name, values in rows.items() if name not in keys}
        sweep = dict(zip(keys, point, strict=True))
        found.append(Member(whole.name, whole.condition, sweep, whole.seed, whole.world, whole.state, metrics))
    return found


def group(members: Iterable[Member]) -> list[Group]:
    """Returns members by condition, place in the grid and world, in the order in which they come."""
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(repr((member.condition, member.sweep, member.world)), []).append(member)
    return [Group(each[0].condition, each[0].sweep, each[0].world, tuple(each)) for each in found.values()]


def events_of(metrics: Metrics) -> list[str]:
    """Returns the columns of what a world counts: those with a column per agent beside them."""
    return [name for name in metrics if f"{name}_0" in metrics and name not in ("return", "eval_return")]


def main_columns(members: Sequence[Member]) -> list[str]:
    """Returns the columns that a comparison shows: returns, social measures, and what the world counts.

    A column in which no run has a number is left out.
    """
    names = dict.fromkeys([*_MAIN, *(name for member in members for name in events_of(member.metrics))])
    return [name for name in names if any(np.isfinite(m.metrics[name]).any() for m in members if name in m.metrics)]


def columns_of(members: Sequence[Member], asked: Sequence[str]) -> list[str]:
    """Returns columns by name, ``measures`` for the social measures and ``events`` for what the world counts.

    Raises:
        ConfigError: If no run has such a column, or none that counts.
    """
    drawable = dict.fromkeys(
        name for member in members for name, values in member.metrics.items() if values.dtype.kind == "f"
    )
    found: list[str] = []
    for name in asked:
        if name == "measures":
            found += [column for column in SOCIAL if column in drawable]
        elif name == "events":
            counted = dict.fromkeys(column for member in members for column in events_of(member.metrics))
            if not counted:
                raise ConfigError("events: these worlds count nothing")
            found += counted
        elif name in drawable:
            found.append(name)
        else:
            raise ConfigError(unknown("column", name, [*drawable, "measures", "events"]))
    return list(dict.fromkeys(found))


def name_of(column: str) -> str:
    """Returns what a column is called in figures and tables."""
    return _NAMES.get(column, column.replace("_", " "))


def short(key: str) -> str:
    """Returns the last part of a dotted key, in words."""
    return key.rpartition(".")[2].replace("_", " ")


def value_name(value: Any) -> str:
    """Returns a swept value, in words."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def point_name(sweep: Mapping[str, Any]) -> str:
    """Returns a place in a grid, in words."""
    return ", ".join(f"{short(key)} {value_name(value)}" for key, value in sweep.items())


def swept_keys(members: Iterable[Member]) -> list[str]:
    """Returns the keys of a grid that take more than one value."""
    values: dict[str, set[str]] = {}
    for member in members:
        for key, value in member.sweep.items():
            values.setdefault(key, set()).add(repr(value))
    return [key for key, found in values.items() if len(found) > 1]


def read_member(folder: Path, condition: str, sweep: Mapping[str, Any], seed: int | None, state: str) -> Member:
    """Returns a run as it lies on disk, even one that has not begun; of a damaged config the run can still be drawn.

    Args:
        folder: Its folder.
        condition: What it is compared as.
        sweep: Its place in a grid.
        seed: Its seed; None takes that of its config.
        state: How far it got.
    """
    config: Any = {}
    if (folder / "config.yaml").is_file():
        try:
            config = read_yaml_file(folder / "config.yaml")
        except (ConfigError, OSError):
            config = {}
    config = config if isinstance(config, dict) else {}
    world = config.get("world")
    name = world.get("name", "") if isinstance(world, dict) else world or ""
    metrics = read_metrics(folder) if (folder / "metrics.csv").is_file() else {}
    known = seed if seed is not None else config.get("seed", 0)
    return Member(folder.resolve().name, condition, dict(sweep), known, Path(str(name)).stem, state, metrics)
