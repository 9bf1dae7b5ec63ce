"""``sorrelsim eval``: the trained agents of a run on new episodes, as tables. ``experiments`` plays them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sorrelsim.experiments.evaluation import film, play_episodes
from sorrelsim.experiments.measures import Episodes, nanmean
from sorrelsim.experiments.run import load_run
from sorrelsim.experiments.seating import seating
from sorrelsim.pictures.files import animation


def evaluate_run(folder: str | Path, episodes: int, seed: int, gif: Path | None = None) -> RenderableType:
    """Plays greedily and tabulates.

    Args:
        folder: A run folder.
        episodes: Episodes, one per copy.
        seed: Seed of the copies.
        gif: Where to write an animation of one more episode, if anywhere.

    Raises:
        ConfigError: If the folder is no run, or its models do not load.
    """
    run = load_run(folder)
    world = run.world(episodes, seed)
    limit = run.config.evaluation.max_turns
    found = play_episodes(world, run.agents(world), limit)
    title = f"[bold]{run.folder}[/] · {world.name} · {len(found)} episodes, greedy"
    parts: list[RenderableType] = [Text.from_markup(title)]
    if left_out := episodes - len(found):
        parts.append(Text(f"{left_out} episodes had not ended after {limit} turns and are left out", "yellow"))
    names = {slot: place.name for place in seating(run.config, world.n_agents) for slot in place.slots}
    parts += [Text(), _returns(found, names), Text(), _measures(found)]
    if gif:
        single = run.world(1, seed + 1)
        animation(film(single, run.agents(single), run.config.evaluation.gif_turns or 200), fps=10).save(gif)
        parts.append(Text(f"wrote {gif}"))
    return Group(*parts)


def _returns(found: Episodes, names: dict[int, str]) -> Table:
    """Returns by agent and their mean, with standard errors."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("", "return", "+/-"):
        table.add_column(name, justify="right" if name else "left")
    for slot, name in sorted(names.items()):
        table.add_row(f"agent {slot}  [dim]{name}[/]", *_mean_and_error(found.returns[:, slot]))
    mean, error = _mean_and_error(found.returns.mean(1))
    table.add_row("[bold]mean[/]", f"[bold green]{mean}[/]", error)
    return table


def _measures(found: Episodes) -> Table:
    """Social measures, then what the world counts."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("measure")
    table.add_column("mean", justify="right")
    for name, value in found.measures().items():
        table.add_row(name.replace("_", " "), "-" if math.isnan(value) else f"{value:.3f}")
    if found.event_names:
        table.add_section()
    for name, value in zip(found.event_names, nanmean(found.events).mean(0) if len(found) else [], strict=False):
        table.add_row(f"{name.replace('_', ' ')} [dim]an agent[/]", f"{value:.2f}")
    return table


def _mean_and_error(values: np.ndarray) -> tuple[str, str]:
    """Mean and standard error, as text."""
    if not len(values):
        return "-", "-"
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{values.mean():.2f}", "-" if math.isnan(error) else f"{error:.2f}"
