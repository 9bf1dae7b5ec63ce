"""The figures of a study: returns, social measures and events, over training or over what is swept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sorrelsim.experiments.comparison import (
    SOCIAL,
    Member,
    events_of,
    group,
    main_columns,
    name_of,
    short,
    swept_keys,
)
from sorrelsim.experiments.figures import MOST_PANELS, draw_curves, draw_sweep

BANDS = "Means over seeds; bands are 95% bootstrap intervals."
RESULTS = "A run's result is its mean over the last tenth of the epochs"


@dataclass(frozen=True)
class Figure:
    """One figure of a study.

    Attributes:
        name: Its file's name, without an ending.
        caption: What it shows.
        draw: Draws it to files.
    """

    name: str
    caption: str
    draw: Callable[..., Any]


def study_figures(members: Sequence[Member]) -> list[Figure]:
    """Returns the figures of a study; a column that is one number throughout is not drawn.

    Args:
        members: Its runs that are finished, at least one.
    """
    keys, columns = swept_keys(members), [name for name in main_columns(members) if _varies(members, name)]
    counted = {name for member in members for name in events_of(member.metrics)}
    sets = [
        ("returns", "Return per agent and episode", [name for name in columns if name == "return_mean"]),
        ("measures", "Social measures", [name for name in columns if name in SOCIAL]),
        ("events", "What the world counts, per agent and episode", [name for name in columns if name in counted]),
    ]
    sets = [(name, what, found[:MOST_PANELS]) for name, what, found in sets if found]
    if not keys:
        return [Figure(name, f"{what}. {BANDS}", partial(draw_curves, members, found)) for name, what, found in sets]
    figures = []
    if len({repr(each.sweep) for each in group(members)}) <= MOST_PANELS:
        drawn = partial(draw_curves, members, ["return_mean"])
        figures.append(Figure("learning", f"Return per agent and episode, in training. {BANDS}", drawn))
    over = " and ".join(map(short, keys))
    if len(keys) == 1:
        for name, what, found in sets:
            caption = f"{what}, over {over}. {RESULTS}; means over seeds, bars are 95% bootstrap intervals."
            figures.append(Figure(name, caption, partial(draw_sweep, members, found)))
    elif len(keys) == 2:
        for column in sets[0][2] + sets[1][2]:
            caption = f"{name_of(column).capitalize()}, over {over}. {RESULTS}; means over seeds."
            figures.append(Figure(f"heat_{column}", caption, partial(draw_sweep, members, [column])))
    return figures


def _varies(members: Sequence[Member], column: str) -> bool:
    """Returns whether a column is not one number throughout, as peace is where nobody can be sent out."""
    values = np.concatenate([member.metrics[column] for member in members if column in member.metrics])
    return len(np.unique(values[np.isfinite(values)])) > 1
