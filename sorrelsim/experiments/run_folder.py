"""The run folder: a new one each time, metrics as CSV, curves. ``run`` fills it."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sorrelsim.pictures import curves


def new_folder(parent: str | Path, name: str) -> Path:
    """Makes ``parent/name-001``, or the next number that is free; earlier runs are never touched."""
    parent = Path(parent)
    parent.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.-]+", "_", Path(name).name.removesuffix(".py")) or "run"
    taken = [re.fullmatch(re.escape(stem) + r"-(\d+)", path.name) for path in parent.iterdir()]
    number = max((int(match[1]) for match in taken if match), default=0)
    while True:  # another process may take the same number at the same time; making a folder is atomic
        number += 1
        folder = parent / f"{stem}-{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


class MetricsLog:
    """metrics.csv: one row per epoch, written as soon as it is there. A column may appear late, as losses do.

    Args:
        path: The file; it must not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.rows: list[dict[str, float]] = []
        self.columns: list[str] = []
        self.path.touch(exist_ok=False)

    def add(self, row: Mapping[str, float]) -> None:
        """Appends a row; rewrites the file if it brings new columns."""
        self.rows.append(dict(row))
        new = [name for name in row if name not in self.columns]
        self.columns += new
        with self.path.open("w" if new else "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="nan")
            if new:
                writer.writeheader()
            for each in self.rows if new else self.rows[-1:]:
                writer.writerow({name: _number(value) for name, value in each.items()})


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"


def read_metrics(folder: str | Path) -> dict[str, np.ndarray]:
    """Returns metrics.csv of a run folder: column to float64 [epochs].

    Raises:
        ValueError: If there is none.
    """
    path = Path(folder) / "metrics.csv"
    if not path.is_file():
        raise ValueError(f"{folder} is no run folder: it has no metrics.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = rows[0].keys() if rows else ()
    return {name: np.array([float(row[name]) for row in rows]) for name in names}


def draw_curves(
    folders: Sequence[str | Path], path: str | Path, columns: Sequence[str] = (), mean: bool = False
) -> Path:
    """Draws the learning curves of run folders; see :func:`sorrelsim.pictures.curves.draw_curves`."""
    return curves.draw_curves({str(folder): read_metrics(folder) for folder in folders}, path, columns, mean)
