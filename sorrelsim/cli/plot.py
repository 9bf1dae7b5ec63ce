"""``sorrelsim plot``: figures of runs and studies. Light until it runs."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from sorrelsim.experiments.comparison import Member


def plot(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Run folders or study folders.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write: PNG, PDF or SVG.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            "-c",
            help="Column of metrics.csv, 'measures' (the social measures) or 'events' (what the world counts); may be "
            "repeated: a panel each.",
        ),
    ] = None,
    mean: Annotated[
        bool, typer.Option("--mean", help="One curve for runs of one name: their mean, with a band.")
    ] = False,
    each: Annotated[bool, typer.Option("--each", help="Every run as a thin line, in place of the band.")] = False,
    kind: Annotated[
        Literal["curves", "sweep"] | None,
        typer.Option(
            help="Curves over training, or results over what is swept; by default the second where a study "
            "sweeps something."
        ),
    ] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Also runs of a study that are not finished, as far as they got.")
    ] = False,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only the runs at this value of what is swept; may be repeated."),
    ] = None,
    width: Annotated[float, typer.Option(min=1.5, max=20, help="Width of a panel in inches.")] = 3.3,
) -> None:
    """Draw figures for a paper: learning curves by condition with bands, sweeps as curves or heat maps.

    One run: its own picture, curve.png. Several runs: a curve each, or with --mean one for those of one name. A study:
    a curve for each condition, or its results over what it sweeps. Bands and bars are 95% bootstrap intervals.
    """  # fmt: skip
    from sorrelsim.experiments.comparison import swept_keys
    from sorrelsim.experiments.figures import draw_curves, draw_sweep
    from sorrelsim.experiments.run import tell_changes
    from sorrelsim.experiments.run_picture import draw_run
    from sorrelsim.experiments.study import is_study

    for path in paths:
        tell_changes(path)
    members = _members(paths, mean, kind == "sweep", unfinished)
    plain = len(paths) == 1 and not column and not at and not is_study(paths[0])
    if plain and kind != "sweep":
        path = out or paths[0] / "curve.png"
        draw_run(paths[0], path, width)
        typer.echo(f"wrote {path}")
        return
    members = _held(members, at or ())
    path = out or Path("curves.png")
    keys = swept_keys(members)
    if kind == "sweep" or (keys and kind is None and all(key in member.sweep for member in members for key in keys)):
        draw_sweep(members, column or ["return_mean"], path, width=width)
    else:
        draw_curves(members, column or ["return_mean"], path, each=each, width=width)
    typer.echo(f"wrote {path}: {_counts(members)}")


def _members(paths: Sequence[Path], mean: bool, swept: bool, unfinished: bool) -> list[Member]:
    """Returns the runs that are drawn; what is left out, or drawn as far as it got, is said."""
    from sorrelsim.errors import tell
    from sorrelsim.experiments.comparison import read_run, read_swept
    from sorrelsim.experiments.study import is_study

    found: list[Member] = []
    for path, name in zip(paths, _names(paths, mean), strict=True):
        if is_study(path):
            found += _of_study(path, f"{name}: " if len(paths) > 1 else "", unfinished)
        else:
            found += read_swept(path, name) if swept else [read_run(path, name)]
    if mean and not unfinished:
        whole = {member.condition for member in found if member.state == "finished"}
        left = [m.name for m in found if m.state != "finished" and m.condition in whole]
        if left:
            tell(f"left out of the means, since not finished: {', '.join(left)}; --unfinished draws them too")
        found = [member for member in found if member.name not in left]
    for member in found:
        if member.state != "finished":
            tell(f"{member.name} is not finished: drawn as far as it got, {member.epochs} epochs")
    worlds = dict.fromkeys(member.world for member in found)
    if len(worlds) > 1:
        tell(f"these are runs of {len(worlds)} worlds, {', '.join(worlds)}: each has panels of its own")
    return found


def _of_study(path: Path, before: str, unfinished: bool) -> list[Member]:
    """Returns the runs of a study that are drawn, their conditions named after the study where there are several."""
    from sorrelsim.errors import ConfigError, tell
    from sorrelsim.experiments.study import load_study

    runs = load_study(path).members()
    shown = [run for run in runs if run.state == "finished" or (unfinished and run.epochs)]
    if not shown:
        begun = " (--unfinished draws those that have begun)" if any(run.epochs for run in runs) else ""
        raise ConfigError(f"{path}: none of its {len(runs)} runs is finished{begun}; sorrelsim study {path} goes on")
    if len(shown) < len(runs):
        missing = Counter(run.state for run in runs if run not in shown)
        what = ", ".join(f"{n} {state}" for state, n in missing.items())
        tell(
            f"{path}: {len(runs) - len(shown)} of {len(runs)} runs are left out: {what}; sorrelsim study {path} goes on"
        )
    return [dataclasses.replace(run, condition=before + run.condition) for run in shown]


def _names(paths: Sequence[Path], mean: bool) -> list[str]:
    """Returns what each path is called: its folder's name, without its number if a mean is drawn; else the path."""
    names = [path.resolve().name for path in paths]
    if mean:
        return [re.sub(r"-\d+$", "", name) for name in names]
    return [name if names.count(name) == 1 else str(path) for path, name in zip(paths, names, strict=True)]


def _held(members: Sequence[Member], at: Sequence[str]) -> list[Member]:
    """Returns the runs at some values of what is swept."""
    from sorrelsim.errors import ConfigError, unknown
    from sorrelsim.settings import read_change

    found = list(members)
    for change in at:
        asked, value = read_change(change, "coin_probability=0.01")
        keys = dict.fromkeys(key for member in members for key in member.sweep)
        key = next((key for key in keys if f".{key}".endswith(f".{asked}")), None)
        if key is None:
            raise ConfigError(f"--at: {unknown('swept key', asked, keys)}")
        values = dict.fromkeys(str(member.sweep[key]) for member in members if key in member.sweep)
        found = [member for member in found if member.sweep.get(key) == value]
        if not found:
            raise ConfigError(f"--at: no run has {key}={value!r}; its values: {', '.join(values)}")
    return found


def _counts(members: Sequence[Member]) -> str:
    """Returns how many runs there are of each condition, and what the bands are."""
    counts = Counter(
        {
            member.condition: len({(m.name, m.seed) for m in members if m.condition == member.condition})
            for member in members
        }
    )
    said = ", ".join(f"{name} ({n} run{'s' if n != 1 else ''})" for name, n in counts.items())
    bands = "; bands and bars: 95% bootstrap intervals of the mean over runs" if max(counts.values()) > 1 else ""
    return f"{said}{bands}"
