"""Curves with bands: panels side by side, each with a few curves over one axis, from plain arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.pictures.style import (
    COLUMN,
    colour,
    dash,
    kind_of,
    light_grid,
    new_figure,
    paper_style,
    save_figure,
    short_number,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MOST_LABELS, LONGEST_LABEL = 6, 14
"""How many curves are named beside their ends, and in how many letters; all others have a legend."""

BESIDE = 2.5
"""Points between the bars of two curves at one place."""


@dataclass(frozen=True)
class Curve:
    """One curve.

    Attributes:
        label: Its name; curves of one name in several panels share a colour. An empty one is not shown.
        x: Where its values lie, [points].
        y: Its values, [points]; nan leaves a gap.
        low: Lower bounds, [points], if it has a band.
        high: Upper bounds.
        each: Thin lines behind it, ``(x, y)``: the runs that it is the mean of.
        marks: Whether its points are marked: with error bars in place of a band.
        colour: Its colour, if not the next of the house's.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    each: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    marks: bool = False
    colour: str | tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Panel:
    """Some curves over one axis.

    Attributes:
        curves: The curves.
        x: What the horizontal axis is.
        y: What the vertical axis is.
        title: What tells it from other panels, if its axes do not.
        ticks: Names of the places 0, 1, ... of the horizontal axis, where these are no numbers.
        log: Whether the horizontal axis is logarithmic.
        counts: Whether the horizontal axis counts from zero, as steps do.
        world: Where its numbers come from: panels of one ``y`` and one world share the vertical axis.
    """

    curves: tuple[Curve, ...]
    x: str
    y: str
    title: str = ""
    ticks: tuple[str, ...] = ()
    log: bool = False
    counts: bool = True
    world: str = ""


def draw_panels(panels: Sequence[Panel], *paths: str | Path, width: float = COLUMN) -> None:
    """Draws panels, two side by side, and writes the figure to some files: PNG, PDF or SVG.

    Args:
        panels: The panels, at least one.
        paths: The files.
        width: Width of a panel in inches.

    Raises:
        ValueError: If a path names another kind of picture.
        OSError: If a file cannot be written.
    """
    for path in paths:
        kind_of(path)
    labels = list(dict.fromkeys(curve.label for panel in panels for curve in panel.curves if curve.label))
    across = min(2, len(panels))
    down = math.ceil(len(panels) / across)
    short = 1 < len(labels) <= MOST_LABELS and max(map(len, labels)) <= LONGEST_LABEL
    beside = short and len(panels) == 1 and _have_ends(panels[0])
    named = len(labels) > 1 and not beside
    columns = min(len(labels), max(1, int(width * across / (0.45 + 0.058 * max(map(len, labels), default=0)))))
    lines = math.ceil(len(labels) / columns) if named else 0
    with paper_style():
        figure = new_figure(width * across, 0.66 * width * down + 0.17 * lines)
        alike: dict[tuple[str, str], Axes] = {}  # panels of one quantity in one world have one scale
        for k, panel in enumerate(panels):
            axes = figure.add_subplot(down, across, k + 1, sharey=alike.get((panel.y, panel.world)))
            alike.setdefault((panel.y, panel.world), axes)
            _draw_panel(axes, panel, labels)
            if beside:
                figure.draw_without_rendering()  # which sets the limits of the axis
                _name_ends(axes, panel, labels)
        if named:
            handles = [_sample(label, labels, panels) for label in labels]
            figure.legend(handles=handles, loc="outside upper center", ncols=columns)
        for path in paths:
            save_figure(figure, path)


def _draw_panel(axes: Axes, panel: Panel, labels: Sequence[str]) -> None:
    for k, curve in enumerate(panel.curves):
        _draw_curve(axes, curve, _look(curve, labels), BESIDE * (k - (len(panel.curves) - 1) / 2))
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    if panel.title:
        axes.set_title(panel.title)
    light_grid(axes)
    if panel.log:
        axes.set_xscale("log")
    if panel.ticks:
        axes.set_xticks(range(len(panel.ticks)), panel.ticks)
        axes.set_xlim(-0.5, len(panel.ticks) - 0.5)
    elif panel.counts:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(short_number)
    axes.locator_params(axis="y", nbins=5)
    if not panel.log and not panel.ticks:
        axes.locator_params(axis="x", nbins=6)


def _look(curve: Curve, labels: Sequence[str]) -> dict[str, Any]:
    k = labels.index(curve.label) if curve.label else 0
    return {"color": curve.colour or colour(k), "linestyle": dash(k)}


def _draw_curve(axes: Axes, curve: Curve, look: dict[str, Any], beside: float) -> None:
    """Draws the curve where it has values, its band or bars, and the thin lines behind it.

    What has bars is drawn some points to the side, so that those of several curves do not hide each other.
    """
    from matplotlib.transforms import ScaledTranslation

    for x, y in curve.each:
        axes.plot(x, y, linewidth=0.5, alpha=0.5, **look)
    shown = np.isfinite(curve.y)
    x, y = curve.x[shown], curve.y[shown]
    drawn: list[Artist] = list(axes.plot(x, y, marker="o" if curve.marks or len(x) == 1 else None, **look))
    if curve.low is None or curve.high is None:
        return
    low, high = curve.low[shown], curve.high[shown]
    if not curve.marks:
        axes.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0)
        return
    bars = np.nan_to_num([y - low, high - y])
    thin: dict[str, Any] = {"elinewidth": 0.8, "capsize": 1.8, "capthick": 0.8}
    drawn += axes.errorbar(x, y, bars, fmt="none", ecolor=look["color"], **thin).get_children()
    place = axes.transData + ScaledTranslation(beside / 72, 0, axes.figure.dpi_scale_trans)
    for artist in drawn:
        artist.set_transform(place)


def _sample(label: str, labels: Sequence[str], panels: Sequence[Panel]) -> Any:
    """Returns a short line that shows in a legend how a curve looks."""
    from matplotlib.lines import Line2D

    curve = next(curve for panel in panels for curve in panel.curves if curve.label == label)
    return Line2D([], [], label=label, marker="o" if curve.marks else None, **_look(curve, labels))


def _have_ends(panel: Panel) -> bool:
    return not panel.ticks and all(np.isfinite(curve.y).any() for curve in panel.curves)


def _name_ends(axes: Axes, panel: Panel, labels: Sequence[str]) -> None:
    """Writes each curve's name right of the axes at the height of its end, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    curves = [curve for curve in panel.curves if curve.label]
    ends = np.array([curve.y[np.isfinite(curve.y)][-1] for curve in curves])
    inches = axes.get_window_extent().height / axes.figure.dpi
    heights = spread((ends - low) / (high - low), 8.5 / 72 / inches)
    for curve, height in zip(curves, heights, strict=True):
        text = axes.text(1.02, height, curve.label, transform=axes.transAxes, va="center", fontsize=7)
        text.set_color(_look(curve, labels)["color"])


def spread(heights: np.ndarray, gap: float) -> np.ndarray:
    """Returns heights that lie at least a gap apart, in the same order and near where they were.

    Those that are too near become a block around their mean; blocks that then touch become one.
    """
    order = np.argsort(heights, kind="stable")
    blocks: list[list[float]] = []
    for height in heights[order]:
        blocks.append([float(height)])
        while len(blocks) > 1 and _bottom(blocks[-1], gap) < _top(blocks[-2], gap) + gap:
            last = blocks.pop()
            blocks[-1] += last
    placed = np.concatenate([_bottom(block, gap) + gap * np.arange(len(block)) for block in blocks])
    found = np.empty(len(heights))
    found[order] = placed
    return found


def _bottom(block: list[float], gap: float) -> float:
    return sum(block) / len(block) - gap * (len(block) - 1) / 2


def _top(block: list[float], gap: float) -> float:
    return sum(block) / len(block) + gap * (len(block) - 1) / 2
