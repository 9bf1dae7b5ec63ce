"""Learning curves as PNG, PDF or SVG, from metrics by column; ``run_folder`` reads those and calls this."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.authoring.sprites import agent_colour
from sorrelsim.errors import unknown
from sorrelsim.writing import write_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PAPER, GRID = "#25282e", "#ffffff", "#e4e6ea"
Metrics = Mapping[str, np.ndarray]
"""One run's metrics: column to values by epoch."""


def draw_curves(runs: Mapping[str, Metrics], path: str | Path, columns: Sequence[str] = (), mean: bool = False) -> Path:
    """Draws learning curves.

    Args:
        runs: Metrics by column, by run folder. One alone also shows each agent's return, evaluations, loss and
            epsilon.
        path: The picture to write, PNG, PDF or SVG.
        columns: Columns of metrics.csv to draw instead, one panel each.
        mean: Whether runs that share a name, but for the number at its end, become one curve: their mean over the
            steps that all of them made, with each run as a thin line behind it.

    Raises:
        ValueError: If a column does not exist.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for metrics in runs.values():
        for column in columns:
            drawable = [name for name, values in metrics.items() if values.dtype.kind == "f"]
            if column not in drawable:
                raise ValueError(unknown("column", column, drawable))
    wanted = list(columns) or ["return_mean"]
    single = next(iter(runs.values())) if len(runs) == 1 and not columns else None
    if single is not None and np.isfinite(single.get("loss", np.array([np.nan]))).any():
        wanted.append("loss")
    figure = Figure(figsize=(6.4 * len(wanted), 4.2), dpi=130, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    for k, column in enumerate(wanted):
        axes = figure.add_subplot(1, len(wanted), k + 1)
        if single is None:
            _draw_several(axes, column, runs, mean)
        elif column == "loss":
            _draw_loss(axes, single)
        else:
            _draw_returns(axes, single)
        _dress(axes, column)
    if single is not None:
        figure.suptitle(Path(next(iter(runs))).name, color=INK, fontsize=11)
    kind = Path(path).suffix.removeprefix(".") or "png"
    if kind not in figure.canvas.get_supported_filetypes():
        raise ValueError(unknown("kind of picture", kind, ("png", "pdf", "svg"), str(path)))
    return write_beside(path, lambda file: figure.savefig(file, format=kind))


def _dress(axes: Axes, column: str) -> None:
    axes.set_xlabel("agent-steps")
    axes.set_ylabel({"return_mean": "return an agent and episode"}.get(column, column.replace("_", " ")))
    axes.set_xlim(left=0)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=9)


def _draw_several(axes: Axes, column: str, runs: Mapping[str, Metrics], mean: bool) -> None:
    """One column of several runs; with ``mean``, those of one name as one curve."""
    groups = _grouped(runs) if mean else {Path(folder).name: [metrics] for folder, metrics in runs.items()}
    for k, (name, several) in enumerate(groups.items()):
        if len(several) > 1:
            for metrics in several:
                _line(axes, metrics, column, _colour(k), linewidth=0.8, alpha=0.5)
            name = f"{name} ({len(several)} runs)"
        _line(axes, _mean(several, column), column, _colour(k), label=name, linewidth=2)


def _grouped(runs: Mapping[str, Metrics]) -> dict[str, list[Metrics]]:
    groups: dict[str, list[Metrics]] = {}
    for folder, metrics in runs.items():
        groups.setdefault(re.sub(r"-\d+$", "", Path(folder).name), []).append(metrics)
    return groups


def _mean(runs: Sequence[Metrics], column: str) -> Metrics:
    """One column's mean over several runs, at the steps of the first where all have values."""
    known = [np.isfinite(metrics[column]) for metrics in runs]
    steps = [metrics["agent_steps"][where] for metrics, where in zip(runs, known, strict=True)]
    if len(runs) == 1 or not all(len(each) for each in steps):
        return runs[0]
    low, high = max(each[0] for each in steps), min(each[-1] for each in steps)
    common = steps[0][(steps[0] >= low) & (steps[0] <= high)]
    values = [
        np.interp(common, each, metrics[column][where]) for each, metrics, where in zip(steps, runs, known, strict=True)
    ]
    return {"agent_steps": common, column: np.mean(values, axis=0)}


def _draw_loss(axes: Axes, metrics: Metrics) -> None:
    """The loss, and epsilon on the right."""
    faint: dict[str, Any] = {"color": "#8d939e", "linestyle": "--", "linewidth": 1.2}
    _line(axes, metrics, "loss", "#7b3f8c", label="loss", linewidth=2)
    axes.set_ylim(0, 1.05 * float(np.nanmax(metrics["loss"])) or 1.0)
    twin = axes.twinx()
    drawn = _line(twin, metrics, "epsilon", **faint)
    twin.set_ylim(0, 1.02)
    twin.spines[["top", "left"]].set_visible(False)
    axes.plot([], [], label="epsilon (right)" if drawn else None, **faint)  # so that one legend names both


def _draw_returns(axes: Axes, metrics: Metrics) -> None:
    """The mean return, each agent's where there are few, and evaluations."""
    slots = [name for name in metrics if re.fullmatch(r"return_\d+", name)]
    for k, name in enumerate(slots if 1 < len(slots) <= 16 else []):
        label = f"agent {k}" if len(slots) <= 8 else None
        _line(axes, metrics, name, _colour(k), label=label, linewidth=1, alpha=0.75)
    _line(axes, metrics, "return_mean", INK, label="mean in training", linewidth=2.2)
    evaluated = metrics.get("eval_return_mean", np.zeros(0))
    shown = np.isfinite(evaluated)
    if shown.any():
        steps = metrics["agent_steps"][shown]
        way = next((str(way) for way in metrics.get("eval_way", ())[::-1] if way), "greedy")  # as it once always was
        axes.plot(steps, evaluated[shown], "D", color="#d1495b", markersize=6, label=f"mean, evaluated {way}")


def _line(axes: Axes, metrics: Metrics, column: str, color: Any, **style: Any) -> bool:
    """Draws the finite values of a column; says whether there are any."""
    values = metrics[column]
    shown = np.isfinite(values)
    if shown.any():
        marker = "o" if shown.sum() == 1 else None
        axes.plot(metrics["agent_steps"][shown], values[shown], color=color, marker=marker, **style)
    return bool(shown.any())


def _colour(k: int) -> tuple[float, float, float]:
    red, green, blue = agent_colour(k)
    return 0.85 * red / 255, 0.85 * green / 255, 0.85 * blue / 255
