"""A run's own picture, ``curve.png``: returns of its agents, evaluations, loss and epsilon."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sorrelsim.authoring.sprites import agent_colour
from sorrelsim.experiments.run_folder import read_metrics
from sorrelsim.pictures.curves import Curve, Panel, draw_panels
from sorrelsim.pictures.style import COLUMN, INK

STEPS = "agent-steps"


def draw_run(folder: str | Path, path: str | Path, width: float = COLUMN) -> None:
    """Draws a run's own picture.

    Args:
        folder: The run folder.
        path: The file to write: PNG, PDF or SVG.
        width: Width of a panel in inches.

    Raises:
        ValueError: If it is no run folder, or the path names another kind of picture.
    """
    draw_panels(_panels(read_metrics(folder)), path, width=width)


def _panels(metrics: Mapping[str, np.ndarray]) -> list[Panel]:
    steps = metrics["agent_steps"]
    slots = [name for name in metrics if re.fullmatch(r"return_\d+", name)]
    curves = [
        Curve(f"agent {k}", steps, metrics[name], colour=_colour_of(k))
        for k, name in enumerate(slots if 1 < len(slots) <= 8 else [])
    ]
    curves.append(Curve("mean", steps, metrics["return_mean"], colour=INK))
    evaluated = metrics.get("eval_return_mean", np.full(len(steps), np.nan))
    if np.isfinite(evaluated).any():
        shown = np.isfinite(evaluated)
        curves.append(Curve("evaluated", steps[shown], evaluated[shown], marks=True, colour="#D55E00"))
    panels = [Panel(tuple(curves), STEPS, "return per agent and episode")]
    for name in ("loss", "epsilon"):
        values = metrics.get(name, np.zeros(0))
        if len(np.unique(values[np.isfinite(values)])) > 1:
            panels.append(Panel((Curve("", steps, values, colour=INK),), STEPS, name))
    return panels


def _colour_of(slot: int) -> tuple[float, float, float]:
    """Returns an agent's colour on the grid, darker, as lines on white need it."""
    red, green, blue = agent_colour(slot)
    return 0.85 * red / 255, 0.85 * green / 255, 0.85 * blue / 255
