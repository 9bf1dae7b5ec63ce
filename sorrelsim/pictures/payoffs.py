"""Pictures of what players earn from each other: Schelling diagrams and payoff matrices, as they go into a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.errors import unknown
from sorrelsim.writing import write_beside

INK, FAINT, GRID = "#25282e", "#6b7079", "#e4e6ea"
BLUE, VERMILLION = "#0072B2", "#D55E00"  # of Okabe and Ito, told apart by all eyes
STYLE: Any = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "font.family": "DejaVu Sans", "pdf.fonttype": 42, "svg.fonttype": "none", "axes.edgecolor": INK,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "svg.hashsalt": "sorrelsim",
}  # fmt: skip
COLUMN = 3.3
"""Width of a column of a paper, in inches."""


def draw_schelling(rows: Sequence[Mapping[str, float]], title: str, path: str | Path) -> Path:
    """Draws a Schelling diagram.

    Args:
        rows: A row for each number of other cooperators: ``other_cooperators``, and ``cooperate``, ``defect`` and
            ``average`` with ``_low`` and ``_high``.
        title: What stands above it.
        path: The picture to write: PNG, PDF or SVG.

    Raises:
        ValueError: If it is another kind of picture.
    """
    from matplotlib import rc_context
    from matplotlib.ticker import MaxNLocator

    columns = {name: np.array([row[name] for row in rows], float) for name in rows[0]}
    others = columns["other_cooperators"]
    with rc_context(STYLE):
        figure, axes = _figure(COLUMN, 2.5)
        axes.plot(others, columns["average"], "--", color=FAINT, linewidth=1)
        for name, colour, marker in (("defect", VERMILLION, "s"), ("cooperate", BLUE, "o")):
            axes.fill_between(
                others, columns[f"{name}_low"], columns[f"{name}_high"], color=colour, alpha=0.18, linewidth=0
            )
            axes.plot(others, columns[name], marker=marker, color=colour, linewidth=1.4, markersize=3.5)
        labels = {"cooperate": ("cooperating", BLUE), "defect": ("defecting", VERMILLION)}
        named = labels | {"average": ("average if\ndefecting", FAINT)}
        heights = _apart([columns[name][-1] for name in named], axes, (1, 1, 2))
        for (name, (label, colour)), height in zip(named.items(), heights, strict=True):
            end = (others[-1], columns[name][-1])
            axes.annotate(
                label, end, (others[-1] + 0.06 * max(1, others[-1]), height), color=colour, va="center", fontsize=7,
                annotation_clip=False,
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.set_xlabel("other players who cooperate")
        axes.set_ylabel("return per episode")
        axes.set_title(title, loc="left")
        axes.grid(axis="y", color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        return _save(figure, path)


def draw_matrix(values: np.ndarray, names: Sequence[str], label: str, path: str | Path) -> Path:
    """Draws a payoff matrix: a row's payoff against a column.

    Args:
        values: float64 [players, players].
        names: The players.
        label: What the values are.
        path: The picture to write: PNG, PDF or SVG.

    Raises:
        ValueError: If it is another kind of picture.
    """
    from matplotlib import rc_context

    with rc_context(STYLE):
        size = max(COLUMN, 0.7 * len(names) + 1.3)
        figure, axes = _figure(size, 0.85 * size)
        image = axes.imshow(values, cmap="cividis")
        middle = (np.nanmin(values) + np.nanmax(values)) / 2
        for (row, col), value in np.ndenumerate(values):
            axes.text(
                col, row, f"{value:.1f}", ha="center", va="center", fontsize=7,
                color="white" if value < middle else "black",
            )  # fmt: skip
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("all the others")
        axes.set_ylabel("the focal player")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, shrink=0.85, label=label)
        bar.outline.set_visible(False)  # type: ignore[operator]
        return _save(figure, path)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=200, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _apart(heights: Sequence[float], axes: Any, lines: Sequence[int]) -> list[float]:
    """Returns heights of labels of so many lines each; where one would lie on an earlier one, the nearest free."""
    low, high = axes.get_ylim()
    line = 0.065 * (high - low)
    placed: list[float] = []
    for k, height in enumerate(heights):
        tries = sorted((0.25 * line * step for step in range(-40, 41)), key=abs)
        free = (
            height + shift
            for shift in tries
            if all(
                abs(height + shift - other) >= line * (lines[k] + n) / 2
                for other, n in zip(placed, lines, strict=False)
            )
        )
        placed.append(next(free, height))
    return placed


def check_kind(path: str | Path) -> str:
    """Returns the kind of picture that a file's name asks for: png, pdf or svg.

    Raises:
        ValueError: If it is another.
    """
    kind = Path(path).suffix.removeprefix(".").lower() or "png"
    if kind not in ("png", "pdf", "svg"):
        raise ValueError(unknown("kind of picture", kind, ("png", "pdf", "svg"), str(path)))
    return kind


def _save(figure: Any, path: str | Path) -> Path:
    kind = check_kind(path)
    dates = {"png": None, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
    return write_beside(path, lambda file: figure.savefig(file, format=kind, metadata=dates))
