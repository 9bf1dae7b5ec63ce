"""What came of a comparison: the results of each condition over seeds, and the differences between conditions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.experiments.comparison import Group, Member, group, main_columns
from sorrelsim.experiments.statistics import Statistic, difference, interval, iqm
from sorrelsim.experiments.tables import grid_cells

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Estimate:
    """A number and its 95% bootstrap interval; nan where there is nothing to say."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Result:
    """What came of a column in runs that differ by their seed alone, or by how much it is above that of others.

    Attributes:
        runs: The runs.
        against: The runs that they are compared with, or None.
        column: The column.
        n: Number of runs with a value; of a difference, of pairs or of runs in the smaller group.
        pairs: Number of pairs, by seed, that a difference is of; 0 where it is of independent runs.
        mean: The mean.
        iqm: The interquartile mean.
    """

    runs: Group
    against: Group | None
    column: str
    n: int
    pairs: int
    mean: Estimate
    iqm: Estimate


def summarise(members: Sequence[Member]) -> list[Result]:
    """Returns the results of every column that a comparison shows, and the differences between conditions.

    A run counts with its mean over the last tenth of its epochs. Conditions are compared at each place in the grid:
    each with all that come before it.

    Args:
        members: Runs that are finished.
    """
    groups = group(members)
    pairs = [(one, other) for one, other in itertools.combinations(groups, 2) if one.sweep == other.sweep]
    found: list[Result] = []
    for column in main_columns(members):
        found += [_result(each, column) for each in groups]
        found += [_difference(each, before, column) for before, each in pairs]
    return found


def _result(runs: Group, column: str) -> Result:
    values = list(runs.results(column).values())

    def estimate(statistic: Statistic) -> Estimate:
        return Estimate(float(statistic(values)) if values else np.nan, *interval(values, statistic))

    return Result(runs, None, column, len(values), 0, estimate(np.mean), estimate(iqm))


def _difference(runs: Group, against: Group, column: str) -> Result:
    ours, theirs = runs.results(column), against.results(column)
    mean, middle = (difference(ours, theirs, statistic) for statistic in (np.mean, iqm))
    n = mean.pairs or min(len(ours), len(theirs))
    estimates = [Estimate(each.value, each.low, each.high) for each in (mean, middle)]
    return Result(runs, against, column, n, mean.pairs, *estimates)


def summary_frame(results: Sequence[Result]) -> pandas.DataFrame:
    """Returns results as a frame: ``condition``, the keys of the grid, ``against``, ``column``, ``n``, ``pairs``, and
    ``mean`` and ``iqm`` with ``_low`` and ``_high``. ``against`` is empty in rows of the condition itself.
    """
    import pandas

    cells = grid_cells([result.runs.members[0] for result in results])
    rows: list[dict[str, Any]] = []
    for result, place in zip(results, cells, strict=True):
        against = result.against.condition if result.against else ""
        row = {"condition": result.runs.condition, **place, "against": against, "column": result.column}
        row |= {"n": result.n, "pairs": result.pairs}
        for name, found in (("mean", result.mean), ("iqm", result.iqm)):
            row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    return pandas.DataFrame(rows, columns=None if rows else ["condition", "against", "column", "n", "mean", "iqm"])
