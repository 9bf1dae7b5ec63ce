"""What ``sorrelsim eval`` plays, as tables: the agents of a run, mixtures of players, scenarios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sorrelsim.cli.asked import Asked
from sorrelsim.errors import ConfigError
from sorrelsim.experiments.evaluation import WAYS, explores, film, play_episodes, undisturbed, ways_of
from sorrelsim.experiments.measures import Episodes, nanmean
from sorrelsim.experiments.mixtures import HELD_OUT, film_mixture, mix, play_mixture, slots_of, stage_of
from sorrelsim.experiments.outcomes import Outcome, Record, write_csv, write_json
from sorrelsim.experiments.players import Player, Trained, player_of
from sorrelsim.experiments.run import Run, load_run, tell_changes
from sorrelsim.experiments.scenarios import NotTrained, load_scenario, misfit, play_scenario
from sorrelsim.experiments.seating import seating
from sorrelsim.library.catalogue import scenario_files
from sorrelsim.pictures.files import animation
from sorrelsim.tables.events import log_of


def evaluate_run(folder: str | Path, asked: Asked) -> RenderableType:
    """Plays the agents of a run where they were trained, and tabulates.

    Args:
        folder: A run folder.
        asked: How; the way is ``greedy``, ``sampled``; ``own``, each model the way that it is meant to be played;
            ``both``, that and the other beside it.

    Raises:
        ConfigError: If the folder is no run, or its models do not load.
    """
    tell_changes(folder)
    run = load_run(folder, asked.trust)
    episodes, seed = asked.episodes or 32, HELD_OUT if asked.seed is None else asked.seed
    found: dict[str, Episodes] = {}
    own = ""
    for way in ("own",) if asked.way == "both" else (asked.way,):
        played, own = _play(run, episodes, seed, way, asked)
        found[own if own in WAYS and way == "own" else way] = played
    if asked.way == "both":
        found |= {other: _play(run, episodes, seed, other, asked)[0] for other in WAYS if other not in found}
    first = next(iter(found.values()))
    world = run.world(1, seed + 1)
    shown = [f"each its own way ({own})" if name == "own" else name for name in found]
    title = f"[bold]{run.folder}[/] · {world.name} · {len(first)} episodes, {' and '.join(shown)}"
    parts: list[RenderableType] = [Text.from_markup(title)]
    for name, played in found.items():
        which = f", {name}" if len(found) > 1 else ""
        parts += _left_out(episodes - len(played), which, run.config.evaluation.max_turns)
    names = {slot: place.name for place in seating(run.config, world.n_agents) for slot in place.slots}
    parts += [Text(), _returns(found, names), Text(), _measures(found)]
    labels, everybody = tuple(names[slot] for slot in sorted(names)), tuple(sorted(names))
    parts += _keep(
        [Outcome(world.name, labels, everybody, played, episodes, seed, way) for way, played in found.items()], asked
    )
    if asked.gif:
        agents = run.agents(world, explore=explores("own" if asked.way == "both" else asked.way))
        with undisturbed([agent.model for agent in agents], seed + 1):
            animation(film(world, agents, run.config.evaluation.gif_turns or 200), fps=10).save(asked.gif)
        parts.append(Text(f"wrote {asked.gif}"))
    return Group(*parts)


def evaluate_mixture(
    what: str, changes: Sequence[str], slots: Sequence[str], focal: str | None, asked: Asked
) -> RenderableType:
    """Plays a mixture of players and tabulates.

    Args:
        what: A world, a config or a run folder, whose agents play the slots that are not spoken of.
        changes: Changes of the world's settings.
        slots: Who plays which slots, ``SLOTS=PLAYER`` each.
        focal: The slots that are looked at.
        asked: How.

    Raises:
        ConfigError: If slots overlap, are left out or do not exist, or a player cannot play there.
    """
    if Path(what).is_dir():
        tell_changes(what)
    explore = explores(asked.way)
    stage = stage_of(what, changes, asked.trust, explore)
    seed = HELD_OUT if asked.seed is None else asked.seed
    n_agents = stage.make(1, seed).n_agents
    seats = [_seat(each, n_agents, asked.trust, explore) for each in slots]
    mixture = mix(seats, n_agents, stage.agents, None if focal is None else slots_of(focal, n_agents))
    episodes, way = asked.episodes or 32, asked.way
    outcome = play_mixture(stage, mixture, episodes, seed, way=way, events=asked.events, detail=asked.detail)
    parts = [*_page(outcome), *_keep([outcome], asked)]
    if asked.gif:
        animation(film_mixture(stage, mixture, seed + 1, 200), fps=10).save(asked.gif)
        parts.append(Text(f"wrote {asked.gif}"))
    return Group(*parts)


def evaluate_scenarios(what: str, names: Sequence[str] | None, trained: Sequence[str], asked: Asked) -> RenderableType:
    """Plays scenarios and tabulates the focal players' returns beside the background's.

    Args:
        what: Who is evaluated: a run or another player.
        names: The scenarios; None means all that the run fits into.
        trained: Runs of configs, ``CONFIG=RUN`` each.
        asked: How.

    Raises:
        ConfigError: If a scenario is not there, or the players do not fit into it; without names, if none fits.
    """
    focal = player_of(what, asked.trust, explores(asked.way))
    runs = dict(_halves(each, "--trained", "coins_common=runs/coins_common-001") for each in trained)
    outcomes, left = {}, []
    for scenario in map(load_scenario, _fitting(focal, what) if names is None else names):
        try:
            outcomes[scenario.name] = play_scenario(scenario, focal, runs, asked.trust, asked.episodes, asked.seed)
        except NotTrained as error:
            if names is not None:
                raise
            left.append(str(error))
    if not outcomes:
        raise ConfigError("\n".join(left))
    parts: list[RenderableType] = [Text.from_markup(f"[bold]{escape(focal.label)}[/] in {len(outcomes)} scenarios")]
    parts += [Text(), _scenario_table(outcomes), *(Text(f"left out: {line}", "yellow") for line in left)]
    return Group(*parts, *_keep(list(outcomes.values()), asked, list(outcomes)))


def _fitting(focal: Player, what: str) -> list[str]:
    """Returns the names of the scenarios that a run fits into."""
    if not isinstance(focal, Trained):
        raise ConfigError(f"--scenarios plays all that a run fits into, and {what} is none; name one with --scenario")
    ours = [name for name in scenario_files() if name.partition("/")[0] == focal.world_name]
    why = {name: misfit(load_scenario(name), focal) for name in ours}
    fitting = [name for name in ours if not why[name]]
    if not fitting:
        reasons = "\n".join(why.values()) or f"there is none for {focal.world_name} in configs/scenarios"
        raise ConfigError(f"{what} fits into no scenario: {reasons}")
    return fitting


def _halves(text: str, option: str, example: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not equals or not left or not right:
        raise ConfigError(f"{option} {text!r}: write it as {example}")
    return left.strip(), right.strip()


def _seat(text: str, n_agents: int, trust: bool, explore: bool | None) -> tuple[list[int], Player]:
    slots, player = _halves(text, "--slots", "0,1=runs/harvest_ppo-001 or 2-6=harvest_defector")
    if Path(player.partition("@")[0]).is_dir():
        tell_changes(player.partition("@")[0])
    return slots_of(slots, n_agents), player_of(player, trust, explore)


def _keep(outcomes: Sequence[Outcome], asked: Asked, names: Sequence[str] | None = None) -> list[RenderableType]:
    """Writes JSON and CSV, if they are asked for; returns lines that say so."""
    lines: list[RenderableType] = []
    several = names is not None or len(outcomes) > 1
    told = [{"scenario": name} for name in names] if names else [{}] * len(outcomes)
    if asked.json:
        facts = [before | outcome.facts() for before, outcome in zip(told, outcomes, strict=True)]
        lines.append(Text(f"wrote {write_json(asked.json, facts if several else facts[0])}"))
    if asked.events:
        lines.append(Text(f"wrote {asked.events}"))
    if asked.csv:
        rows = [
            before | {"way": outcome.way} | record
            for before, outcome in zip(told, outcomes, strict=True)
            for record in outcome.records()
        ]
        lines.append(Text(f"wrote {write_csv(asked.csv, rows)}"))
    return lines


def _left_out(n: int, which: str, turns: int) -> list[RenderableType]:
    return [Text(f"{n} episodes{which} had not ended after {turns} turns and are left out", "yellow")] if n else []


def _page(outcome: Outcome) -> list[RenderableType]:
    """One mixture: who played, returns with intervals, measures and counts."""
    title = f"[bold]{escape(outcome.title)}[/] · {len(outcome.episodes)} episodes, seed {outcome.seed}"
    records = outcome.records()
    returns = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("", "return", "95%"):
        returns.add_column(name, justify="left" if not name else "right")
    for record in records:
        if record["measure"] == "return":
            returns.add_row(f"agent {record['slots']}  [dim]{escape(record['player'])}[/]", *_cells(record))
    returns.add_section()
    for record in records:
        if record["measure"] == "per_capita_return" and record["of"] != "all":
            mean, bounds = _cells(record)
            returns.add_row(f"[bold]{record['of']}, per capita[/]", f"[bold green]{mean}[/]", bounds)
    rest = [record for record in records if record["of"] == "all"]
    measures = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("measure", "mean", "95%"):
        measures.add_column(name, justify="left" if name == "measure" else "right")
    for record in rest:
        measures.add_row(record["measure"].replace("_", " "), *_cells(record, 3))
    measures.add_section()
    for record in records:
        if record["measure"] in outcome.episodes.event_names:
            name = record["measure"].replace("_", " ")
            measures.add_row(f"{name} [dim]a {record['of']} agent[/]", *_cells(record))
    left = _left_out(outcome.asked - len(outcome.episodes), "", 10_000)
    return [Text.from_markup(title), *left, Text(), returns, Text(), measures]


def _scenario_table(outcomes: dict[str, Outcome]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("return per capita", "focal", "background"):
        table.add_column(name, justify="left" if name == "return per capita" else "right", overflow="fold")
    for name, outcome in outcomes.items():
        records = {record["of"]: record for record in outcome.records() if record["measure"] == "per_capita_return"}
        focal, bounds = _cells(records["focal"])
        table.add_row(name, f"[bold green]{focal}[/] {bounds}", " ".join(_cells(records["background"])))
    return table


def _cells(record: Record, digits: int = 2) -> tuple[str, str]:
    mean, low, high = record["mean"], record["low"], record["high"]
    bounds = "-" if math.isnan(low) else f"[dim]{low:.{digits}f} to {high:.{digits}f}[/]"
    return "-" if math.isnan(mean) else f"{mean:.{digits}f}", bounds


def _play(run: Run, episodes: int, seed: int, way: str, asked: Asked) -> tuple[Episodes, str]:
    """Plays in one way; returns the episodes, and how the run's models are meant to be played."""
    world = run.world(episodes, seed)
    agents = run.agents(world, explore=explores(way))
    models = [agent.model for agent in agents]
    with undisturbed(models, seed), log_of(asked.events, world, asked.detail, episodes=1) as log:
        return play_episodes(world, agents, run.config.evaluation.max_turns, log=log), ways_of(models)


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
