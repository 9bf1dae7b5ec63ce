"""Figures of runs that are compared: learning curves with bands, results over what is swept, heat maps.

Here the numbers are put together; ``sorrelsim.pictures`` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.errors import ConfigError
from sorrelsim.experiments.comparison import (
    Group,
    Member,
    Metrics,
    columns_of,
    group,
    name_of,
    point_name,
    short,
    swept_keys,
    value_name,
)
from sorrelsim.experiments.run_picture import STEPS
from sorrelsim.experiments.statistics import band, interval
from sorrelsim.pictures.curves import Curve, Panel, draw_panels
from sorrelsim.pictures.heat_maps import HeatMap, draw_heat_maps
from sorrelsim.pictures.style import COLUMN

MOST_PANELS = 12

# ------------------------------------------------------------------------------------------------------------- curves


def draw_curves(
    members: Sequence[Member], columns: Sequence[str], *paths: str | Path, each: bool = False, width: float = COLUMN
) -> None:
    """Draws learning curves: a panel for each column and world, a curve for each condition and place in a grid.

    Of several runs that differ by their seed alone the mean is drawn, over the steps that all of them made, with its
    95% bootstrap interval as a band.

    Args:
        members: The runs.
        columns: Columns of metrics.csv, ``measures`` or ``events``.
        paths: The files to write: PNG, PDF or SVG.
        each: Whether every run is a thin line, in place of the band.
        width: Width of a panel in inches.

    Raises:
        ConfigError: If there is no such column.
    """
    columns = columns_of(members, columns)
    groups = group(members)
    panels = [
        Panel(
            tuple(_curve(found, label, column, each) for found, label in shown),
            STEPS,
            name_of(column),
            title,
            world=shown[0][0].world,
        )
        for column in columns
        for title, alike in _apart(groups).items()
        if (shown := [(g, label) for g, label in alike if any(column in m.metrics for m in g.members)])
    ]
    if len(panels) > MOST_PANELS:
        raise ConfigError(
            f"that is {len(panels)} panels, one for each column, world and place in the grid, and a figure has at most "
            f"{MOST_PANELS}; hold some of the grid's keys with --at KEY=VALUE, or choose fewer columns"
        )
    draw_panels(panels, *paths, width=width)


def _apart(groups: Sequence[Group]) -> dict[str, list[tuple[Group, str]]]:
    """Returns what is drawn in panels of their own, by title: worlds, and places in the grid of several conditions.

    Each group comes with its label.
    """
    worlds = len({each.world for each in groups}) > 1
    conditions = len({each.condition for each in groups}) > 1
    found: dict[str, list[tuple[Group, str]]] = {}
    for each in groups:
        point = point_name(each.sweep)
        title = ", ".join([*([each.world] if worlds else []), *([point] if conditions and point else [])])
        found.setdefault(title, []).append((each, each.condition if conditions or not point else point))
    return found


def _curve(found: Group, label: str, column: str, each: bool) -> Curve:
    runs = [member.metrics for member in found.members if column in member.metrics]
    steps, values = aligned(runs, column)
    if len(runs) == 1:
        return Curve(label, steps, values[0])
    mean, low, high = band(values)
    if each:
        thin = tuple((run["agent_steps"], run[column]) for run in runs)
        return Curve(label, steps, mean, each=thin)
    return Curve(label, steps, mean, low, high)


def aligned(runs: Sequence[Metrics], column: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns one column of several runs at the same steps: steps [points] and values [runs, points].

    The steps are those of the first run that lie between the first and the last value of every run; runs whose epochs
    end elsewhere have values between theirs there. Where one has no values at all, there is nothing.
    """
    known = [np.isfinite(run[column]) for run in runs]
    steps = [run["agent_steps"][where] for run, where in zip(runs, known, strict=True)]
    if not all(len(each) for each in steps):
        return np.zeros(0), np.zeros((len(runs), 0))
    low, high = max(each[0] for each in steps), min(each[-1] for each in steps)
    common = steps[0][(steps[0] >= low) & (steps[0] <= high)]
    values = [np.interp(common, each, run[column][where]) for run, each, where in zip(runs, steps, known, strict=True)]
    return common, np.stack(values)


# ------------------------------------------------------------------------------------------------------------- sweeps


def draw_sweep(members: Sequence[Member], columns: Sequence[str], *paths: str | Path, width: float = COLUMN) -> None:
    """Draws results over what is swept: over one key as curves by condition, over two as heat maps.

    A run's result is the mean over the last tenth of its epochs; of several seeds the mean is drawn, over one key with
    its 95% bootstrap interval.

    Args:
        members: The runs.
        columns: Columns of metrics.csv, ``measures`` or ``events``; for a heat map one.
        paths: The files to write.
        width: Width of a panel in inches.

    Raises:
        ConfigError: If nothing is swept, too much is, or there is no such column.
    """
    columns = columns_of(members, columns)
    groups = group(members)
    keys = swept_keys(members)
    outside = dict.fromkeys(each.condition for each in groups if any(key not in each.sweep for key in keys))
    if outside:
        raise ConfigError(
            f"{', '.join(outside)}: no place over {' and '.join(keys)}, which is swept elsewhere; leave it out, or "
            "draw learning curves (--kind curves)"
        )
    if len(keys) == 1:
        worlds = dict.fromkeys(each.world for each in groups)
        panels = [
            _sweep_panel([each for each in groups if each.world == world], column, keys[0], len(worlds) > 1)
            for column in columns
            for world in worlds
        ]
        return draw_panels(panels, *paths, width=width)
    if len(keys) == 2:
        if len(columns) > 1:
            raise ConfigError(f"a heat map shows one column, got {', '.join(columns)}; draw them one at a time")
        conditions = dict.fromkeys(each.condition for each in groups)
        maps = [_heat_map([g for g in groups if g.condition == c], columns[0], keys, c) for c in conditions]
        return draw_heat_maps(maps, name_of(columns[0]), *paths, width=width)
    if not keys:
        raise ConfigError("nothing is swept here; without --kind sweep, learning curves are drawn")
    raise ConfigError(
        f"the grid has {len(keys)} keys ({', '.join(keys)}) and a figure shows two; hold the others with "
        f"--at {keys[-1]}=VALUE"
    )


def _sweep_panel(groups: Sequence[Group], column: str, key: str, named: bool) -> Panel:
    """Returns the panel of a column over one key in one world, which may be named above it.

    A number has its place on the axis, all else its turn.
    """
    values = _values(groups, key)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    places = {repr(value): float(value) if numbers else float(k) for k, value in enumerate(values)}
    curves = []
    for condition in dict.fromkeys(each.condition for each in groups):
        points = sorted((places[repr(g.sweep[key])], g) for g in groups if g.condition == condition and key in g.sweep)
        found = [list(each.results(column).values()) for _, each in points]
        low, high = np.array([interval(each) for each in found]).T
        mean = np.array([np.mean(each) if each else np.nan for each in found])
        curves.append(Curve(condition, np.array([x for x, _ in points]), mean, low, high, marks=True))
    positive = numbers and min(values) > 0
    log = bool(positive and max(values) / min(values) >= 20)
    ticks = () if numbers else tuple(map(value_name, values))
    world = groups[0].world
    title = world if named else ""
    return Panel(tuple(curves), short(key), name_of(column), title, ticks=ticks, log=log, counts=False, world=world)


def _heat_map(groups: Sequence[Group], column: str, keys: Sequence[str], title: str) -> HeatMap:
    across, up = (_values(groups, key) for key in keys)
    table = np.full((len(up), len(across)), np.nan)
    for each in groups:
        found = list(each.results(column).values())
        row, col = (list(map(repr, v)).index(repr(each.sweep[k])) for v, k in ((up, keys[1]), (across, keys[0])))
        table[row, col] = np.mean(found) if found else np.nan
    columns, rows = (tuple(map(value_name, values)) for values in (across, up))
    return HeatMap(table, short(keys[0]), short(keys[1]), columns, rows, title)


def _values(groups: Sequence[Group], key: str) -> list[Any]:
    """Returns the values of a key: numbers in their order, all else as it comes."""
    found = list({repr(each.sweep[key]): each.sweep[key] for each in groups if key in each.sweep}.values())
    return sorted(found) if all(isinstance(value, int | float) for value in found) else found
