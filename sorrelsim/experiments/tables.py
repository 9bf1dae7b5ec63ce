"""Runs that are compared as one table, tidy: one row per run and epoch, with what tells runs apart in front."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sorrelsim.experiments.comparison import Member
from sorrelsim.experiments.frames import metrics_frame
from sorrelsim.writing import write_beside

if TYPE_CHECKING:
    import pandas

CLOCK = ("seconds", "steps_per_second")
"""Columns in which no two runs of one config are alike; tables of runs leave them out."""


def members_frame(members: Sequence[Member], state: bool = False) -> pandas.DataFrame:
    """Returns the metrics of several runs as one frame, in their order, without the columns of clocks.

    First come ``condition``, the keys of the grid, ``seed`` and ``run``, the name of the run's folder. A column that a
    run does not have is empty there.

    Args:
        members: The runs.
        state: Whether a column ``state`` says how far each run got.
    """
    import pandas

    frames = []
    for member, cells in zip(members, grid_cells(members), strict=True):
        frame = metrics_frame({name: each for name, each in member.metrics.items() if name not in CLOCK})
        named = {"condition": member.condition, **cells, "seed": member.seed, "run": member.name}
        named |= {"state": member.state} if state else {}
        for place, (name, value) in enumerate(named.items()):
            frame.insert(place, name, [value] * len(frame))
        frames.append(frame)
    if not frames:
        return pandas.DataFrame(columns=["condition", "seed", "run", "epoch"])
    return pandas.concat(frames, ignore_index=True)


def grid_cells(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Returns each run's place in the grid as a table has it: a column holds numbers, or truths, or words.

    A value that is none of these is JSON, and so are all values of a column of several sorts.
    """
    keys = list(dict.fromkeys(key for member in members for key in member.sweep))
    mixed = {key for key in keys if len({_sort(member.sweep.get(key)) for member in members}) > 1}
    return [{key: _cell(member.sweep.get(key), key in mixed) for key in keys} for member in members]


def _sort(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else "word" if isinstance(value, str) else "other"


def _cell(value: Any, mixed: bool) -> Any:
    return json.dumps(value, sort_keys=True) if mixed or _sort(value) == "other" else value


def write_csv(frame: pandas.DataFrame, path: Path) -> Path:
    """Writes a frame as CSV, numbers with six digits as in metrics.csv; nan where there is none."""
    text = io.StringIO(newline="")
    frame.to_csv(text, index=False, float_format="%.6g", na_rep="nan", lineterminator="\n")
    return write_beside(path, text.getvalue())
