"""Heat maps: one number at every point of a grid of two settings, a panel for each condition, one scale for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.pictures.style import COLUMN, INK, kind_of, new_figure, paper_style, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NUMBERS = 8
"""Cells across up to which each shows its number."""


@dataclass(frozen=True)
class HeatMap:
    """Numbers on a grid.

    Attributes:
        values: The numbers, [rows, columns]; the first row is the lowest. nan leaves a cell empty.
        x: What the columns are.
        y: What the rows are.
        columns: Names of the columns.
        rows: Names of the rows.
        title: What tells it from the others.
    """

    values: np.ndarray
    x: str
    y: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    title: str = ""


def draw_heat_maps(maps: Sequence[HeatMap], scale: str, *paths: str | Path, width: float = COLUMN) -> None:
    """Draws heat maps side by side, and writes the figure to some files: PNG, PDF or SVG.

    Args:
        maps: The maps, at least one.
        scale: What the numbers are.
        paths: The files.
        width: Width of the figure in inches for one map; two or more side by side take twice that.

    Raises:
        ValueError: If a path names another kind of picture.
        OSError: If a file cannot be written.
    """
    for path in paths:
        kind_of(path)
    numbers = np.concatenate([each.values.ravel() for each in maps])
    known = numbers[np.isfinite(numbers)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    across = min(3, len(maps))
    down = -(-len(maps) // across)
    whole = width if len(maps) == 1 else 2 * width
    with paper_style():
        figure = new_figure(whole, (whole / across * 0.8 if across > 1 else width * 0.75) * down)
        panels = [figure.add_subplot(down, across, k + 1) for k in range(len(maps))]
        for k, (axes, each) in enumerate(zip(panels, maps, strict=True)):
            image = _draw(axes, each, low, high, named=k % across == 0)
        bar = figure.colorbar(image, ax=panels, label=scale, shrink=0.9, aspect=18, pad=0.02)
        bar.outline.set_visible(False)
        for path in paths:
            save_figure(figure, path)


def _draw(axes: Axes, each: HeatMap, low: float, high: float, named: bool) -> Any:
    image = axes.imshow(each.values, cmap="viridis", vmin=low, vmax=high, origin="lower", aspect="auto")
    axes.set_xticks(range(len(each.columns)), each.columns)
    axes.set_yticks(range(len(each.rows)), each.rows)
    axes.set_xlabel(each.x)
    if named:
        axes.set_ylabel(each.y)
    axes.set_title(each.title)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if max(each.values.shape) <= MOST_NUMBERS:
        middle = (low + high) / 2
        for (row, col), value in np.ndenumerate(each.values):
            if np.isfinite(value):
                ink = "white" if value < middle else INK
                axes.text(col, row, f"{value:.3g}", ha="center", va="center", fontsize=6.5, color=ink)
    return image
