"""The run folder: a new one each time, metrics as CSV, learning curves as PNG, an episode as GIF."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

INK, PAPER, GRID = "#25282e", "#ffffff", "#e4e6ea"


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
    """metrics.csv: one row an epoch, written as soon as it is there. A column may appear late, as losses do.

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
    """metrics.csv of a run folder: column to float64 [epochs].

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
    """Draws learning curves.

    Args:
        folders: Run folders. One alone also shows each agent's return, greedy evaluations, loss and epsilon.
        path: The picture to write, PNG, PDF or SVG.
        columns: Columns of metrics.csv to draw instead, one panel each.
        mean: Whether runs that share a name, but for the number at its end, become one curve: their mean over the
            steps that all of them made, with each run as a thin line behind it.

    Raises:
        ValueError: If a folder or a column does not exist.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from sorrelsim.names import unknown

    runs = {str(folder): read_metrics(folder) for folder in folders}
    for metrics in runs.values():
        for column in columns:
            if column not in metrics:
                raise ValueError(unknown("column", column, metrics))
    wanted = list(columns) or ["return_mean"]
    single = next(iter(runs.values())) if len(runs) == 1 and not columns else None
    if single is not None and np.isfinite(single.get("loss", np.array([np.nan]))).any():
        wanted.append("loss")
    figure = Figure(figsize=(6.4 * len(wanted), 4.2), dpi=130, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    for k, column in enumerate(wanted):
        axes = figure.add_subplot(1, len(wanted), k + 1)
        if single is not None:
            _draw_single(axes, column, single)
        else:
            groups = _grouped(runs) if mean else {Path(folder).name: [metrics] for folder, metrics in runs.items()}
            for n, (name, several) in enumerate(groups.items()):
                if len(several) > 1:
                    for metrics in several:
                        _line(axes, metrics, column, _colour(n), linewidth=0.8, alpha=0.5)
                    name = f"{name} ({len(several)} runs)"
                _line(axes, _mean(several, column), column, _colour(n), label=name, linewidth=2)
        axes.set_xlabel("agent-steps")
        axes.set_ylabel({"return_mean": "return an agent and episode"}.get(column, column.replace("_", " ")))
        axes.set_xlim(left=0)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(frameon=False, fontsize=9)
    if single is not None:
        figure.suptitle(Path(folders[0]).name, color=INK, fontsize=11)
    figure.savefig(path)
    return Path(path)


def _grouped(runs: Mapping[str, dict[str, np.ndarray]]) -> dict[str, list[dict[str, np.ndarray]]]:
    groups: dict[str, list[dict[str, np.ndarray]]] = {}
    for folder, metrics in runs.items():
        groups.setdefault(re.sub(r"-\d+$", "", Path(folder).name), []).append(metrics)
    return groups


def _mean(runs: Sequence[Mapping[str, np.ndarray]], column: str) -> Mapping[str, np.ndarray]:
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


def _draw_single(axes, column: str, metrics: Mapping[str, np.ndarray]) -> None:
    if column == "loss":
        _line(axes, metrics, "loss", "#7b3f8c", label="loss", linewidth=2)
        axes.set_ylim(0, 1.05 * float(np.nanmax(metrics["loss"])) or 1.0)
        twin = axes.twinx()
        _line(twin, metrics, "epsilon", "#8d939e", label="epsilon (right)", linewidth=1.2, linestyle="--")
        twin.set_ylim(0, 1.02)
        twin.spines[["top", "left"]].set_visible(False)
        handles, labels = twin.get_legend_handles_labels()
        axes.plot([], [], color="#8d939e", linestyle="--", linewidth=1.2, label=labels[0] if handles else None)
        return
    slots = [name for name in metrics if re.fullmatch(r"return_\d+", name)]
    for k, name in enumerate(slots if 1 < len(slots) <= 16 else []):
        label = f"agent {k}" if len(slots) <= 8 else None
        _line(axes, metrics, name, _colour(k), label=label, linewidth=1, alpha=0.75)
    _line(axes, metrics, "return_mean", INK, label="mean, exploring", linewidth=2.2)
    evaluated = metrics.get("eval_return_mean", np.zeros(0))
    if np.isfinite(evaluated).any():
        shown = np.isfinite(evaluated)
        axes.plot(
            metrics["agent_steps"][shown],
            evaluated[shown],
            "D",
            color="#d1495b",
            markersize=6,
            label="mean, greedy",
        )


def _line(axes, metrics: Mapping[str, np.ndarray], column: str, colour, **style) -> None:
    values = metrics[column]
    shown = np.isfinite(values)
    if shown.any():
        marker = "o" if shown.sum() == 1 else None
        axes.plot(metrics["agent_steps"][shown], values[shown], color=colour, marker=marker, **style)


def _colour(k: int) -> tuple[float, float, float]:
    from sorrelsim.sprites import agent_colour

    red, green, blue = agent_colour(k)
    return 0.85 * red / 255, 0.85 * green / 255, 0.85 * blue / 255


def write_gif(path: str | Path, pictures: Sequence[np.ndarray], seconds: float = 0.1) -> Path:
    """Writes an animation that repeats for ever, pixels enlarged to about 480 on the longer side.

    Args:
        path: The file.
        pictures: RGB uint8 [height, width, 3], at least one.
        seconds: How long each is shown.
    """
    from PIL import Image

    height, width = pictures[0].shape[:2]
    scale = max(1, 480 // max(height, width))
    frames = [Image.fromarray(p).resize((width * scale, height * scale), Image.Resampling.NEAREST) for p in pictures]
    # One palette for all pictures, taken from a sample of them, keeps colours from flickering.
    sample = np.concatenate(pictures[:: max(1, len(pictures) // 8)], axis=0)
    palette = Image.fromarray(sample).quantize(255, dither=Image.Dither.NONE)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=int(1000 * seconds),
        loop=0,
        optimize=False,
    )
    return Path(path)
