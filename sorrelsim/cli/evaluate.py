"""``sorrelsim eval``: the trained agents of a run on new episodes, as a table."""

from __future__ import annotations

import math
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sorrelsim.experiments.loop import film, load_run, play_episodes, seating
from sorrelsim.experiments.measures import nanmean
from sorrelsim.pictures.files import write_gif


def evaluate_run(folder: str | Path, episodes: int, seed: int, gif: Path | None = None) -> RenderableType:
    """Plays greedily and tabulates.

    Args:
        folder: A run folder.
        episodes: Episodes, one a copy.
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
    if len(found) < episodes:
        parts.append(
            Text(
                f"{episodes - len(found)} episodes had not ended after {limit} turns and are left out",
                "yellow",
            )
        )
    returns = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("", "return", "+/-"):
        returns.add_column(name, justify="right" if name else "left")
    names = {slot: place.name for place in seating(run.config, world.n_agents) for slot in place.slots}
    for slot in range(world.n_agents):
        returns.add_row(f"agent {slot}  [dim]{names[slot]}[/]", *_mean_and_error(found.returns[:, slot]))
    mean, error = _mean_and_error(found.returns.mean(1))
    returns.add_row("[bold]mean[/]", f"[bold green]{mean}[/]", error)
    measures = Table(box=box.SIMPLE_HEAD, show_edge=False)
    measures.add_column("measure")
    measures.add_column("mean", justify="right")
    for name, value in found.measures().items():
        measures.add_row(name.replace("_", " "), "-" if math.isnan(value) else f"{value:.3f}")
    events = nanmean(found.events).mean(0) if len(found) else []
    if found.event_names:
        measures.add_section()
    for name, value in zip(found.event_names, events, strict=False):
        measures.add_row(f"{name.replace('_', ' ')} [dim]an agent[/]", f"{value:.2f}")
    parts += [Text(), returns, Text(), measures]
    if gif:
        single = run.world(1, seed + 1)
        turns = run.config.evaluation.gif_turns or 200
        parts.append(Text(f"wrote {write_gif(gif, film(single, run.agents(single), turns))}"))
    return Group(*parts)


def _mean_and_error(values) -> tuple[str, str]:
    """Mean and standard error, as text."""
    if not len(values):
        return "-", "-"
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{values.mean():.2f}", "-" if math.isnan(error) else f"{error:.2f}"
