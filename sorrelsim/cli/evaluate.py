"""``sorrelsim eval``: the trained agents of a run on new episodes, as tables. ``experiments`` plays them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sorrelsim.experiments.evaluation import WAYS, explores, film, play_episodes, undisturbed, ways_of
from sorrelsim.experiments.measures import Episodes, nanmean
from sorrelsim.experiments.run import Run, load_run, tell_changes
from sorrelsim.experiments.seating import seating
from sorrelsim.pictures.files import animation


def explore_of(greedy: bool, sample: bool) -> bool | None:
    """Returns whether trained agents explore; None plays each as it is meant to be.

    Raises:
        ValueError: If both ways are asked for.
    """
    if greedy and sample:
        raise ValueError("--greedy and --sample exclude each other")
    return True if sample else False if greedy else None


def evaluate_run(
    folder: str | Path, episodes: int, seed: int, gif: Path | None = None, way: str = "own", trust: bool = False
) -> RenderableType:
    """Plays and tabulates.

    Args:
        folder: A run folder.
        episodes: Episodes, one per copy.
        seed: Seed of the copies, and of what the agents draw.
        gif: Where to write an animation of one more episode, if anywhere.
        way: ``greedy``, ``sampled``; ``own``, each model the way that it is meant to be played; ``both``, that and the
            other beside it.
        trust: Whether Python files may be run that the run folder brings or points to.

    Raises:
        ConfigError: If the folder is no run, or its models do not load.
    """
    tell_changes(folder)
    run = load_run(folder, trust)
    found: dict[str, Episodes] = {}
    own = ""
    for asked in ("own",) if way == "both" else (way,):
        played, own = _play(run, episodes, seed, asked)
        found[own if own in WAYS and asked == "own" else asked] = played
    if way == "both":
        found |= {other: _play(run, episodes, seed, other)[0] for other in WAYS if other not in found}
    first = next(iter(found.values()))
    world = run.world(1, seed + 1)
    shown = [f"each its own way ({own})" if name == "own" else name for name in found]
    title = f"[bold]{run.folder}[/] · {world.name} · {len(first)} episodes, {' and '.join(shown)}"
    parts: list[RenderableType] = [Text.from_markup(title)]
    for name, played in found.items():
        if left_out := episodes - len(played):
            limit, which = run.config.evaluation.max_turns, f", {name}" if len(found) > 1 else ""
            said = f"{left_out} episodes{which} had not ended after {limit} turns and are left out"
            parts.append(Text(said, "yellow"))
    names = {slot: place.name for place in seating(run.config, world.n_agents) for slot in place.slots}
    parts += [Text(), _returns(found, names), Text(), _measures(found)]
    if gif:
        agents = run.agents(world, explore=explores("own" if way == "both" else way))
        with undisturbed([agent.model for agent in agents], seed + 1):
            animation(film(world, agents, run.config.evaluation.gif_turns or 200), fps=10).save(gif)
        parts.append(Text(f"wrote {gif}"))
    return Group(*parts)


def _play(run: Run, episodes: int, seed: int, way: str) -> tuple[Episodes, str]:
    """Plays in one way; returns the episodes, and how the run's models are meant to be played."""
    world = run.world(episodes, seed)
    agents = run.agents(world, explore=explores(way))
    models = [agent.model for agent in agents]
    with undisturbed(models, seed):
        return play_episodes(world, agents, run.config.evaluation.max_turns), ways_of(models)


def _returns(found: dict[str, Episodes], names: dict[int, str]) -> Table:
    """Returns by agent and their mean, with standard errors, for each way of playing."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("")
    for way in found:
        table.add_column("return" if len(found) == 1 else f"return, {way}", justify="right")
        table.add_column("+/-", justify="right")
    for slot, name in sorted(names.items()):
        cells = [cell for played in found.values() for cell in _mean_and_error(played.returns[:, slot])]
        table.add_row(f"agent {slot}  [dim]{name}[/]", *cells)
    means = [_mean_and_error(played.returns.mean(1)) for played in found.values()]
    table.add_row("[bold]mean[/]", *(cell for mean, error in means for cell in (f"[bold green]{mean}[/]", error)))
    return table


def _measures(found: dict[str, Episodes]) -> Table:
    """Social measures, then what the world counts, for each way of playing."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("measure")
    for way in found:
        table.add_column("mean" if len(found) == 1 else f"mean, {way}", justify="right")
    measures = [played.measures() for played in found.values()]
    for name in measures[0]:
        values = [each[name] for each in measures]
        table.add_row(name.replace("_", " "), *("-" if math.isnan(value) else f"{value:.3f}" for value in values))
    first = next(iter(found.values()))
    if first.event_names:
        table.add_section()
    counts = [nanmean(played.events).mean(0) if len(played) else None for played in found.values()]
    for k, name in enumerate(first.event_names):
        shown = ["-" if each is None else f"{each[k]:.2f}" for each in counts]
        table.add_row(f"{name.replace('_', ' ')} [dim]an agent[/]", *shown)
    return table


def _mean_and_error(values: np.ndarray) -> tuple[str, str]:
    """Mean and standard error, as text."""
    if not len(values):
        return "-", "-"
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{values.mean():.2f}", "-" if math.isnan(error) else f"{error:.2f}"
