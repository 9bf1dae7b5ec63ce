"""The command ``eval``. Imports nothing heavy until it runs; ``evaluated`` plays and makes the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sorrelsim.cli.asked import Asked
from sorrelsim.cli.play import Trust


def evaluate(
    what: Annotated[
        str, typer.Argument(metavar="RUN|WORLD|CONFIG", help="A run folder; or with --slots a world or a config.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="With --slots: settings of the world, such as zap_timeout=10."),
    ] = None,
    *,
    slots: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SLOTS=PLAYER",
            help="Who plays which slots, such as 0,1=RUN or 2-6=harvest_defector; may be repeated. A player is a bot "
            "(name, file, name:key=value,...) or a run (RUN, RUN:seat, RUN@epoch).",
        ),
    ] = None,
    focal: Annotated[
        str | None, typer.Option(help="Slots that are looked at; the others are background. The first --slots.")
    ] = None,
    scenarios: Annotated[bool, typer.Option("--scenarios", help="Play all scenarios that the run fits into.")] = False,
    scenario: Annotated[
        list[str] | None, typer.Option(help="Play this scenario: a name or a file; may be repeated.")
    ] = None,
    trained: Annotated[
        list[str] | None,
        typer.Option(metavar="CONFIG=RUN", help="The run of a config whose agents scenarios meet; may be repeated."),
    ] = None,
    episodes: Annotated[
        int | None, typer.Option(min=1, help="Episodes to play, side by side; 32, or the scenario's.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the copies; 1000003, which no training uses, or the scenario's.")
    ] = None,
    gif: Annotated[Path | None, typer.Option(help="Write an animation of one more episode to this file.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write what was found to this file, as JSON.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write it to this file, as CSV: a row for each measure.")] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            help="Write what happens to this table: a .parquet or .csv file, or a folder that grows by parts."
        ),
    ] = None,
    detail: Annotated[
        str, typer.Option(help="Of that table: events, one row an event; or steps, one row an agent and step.")
    ] = "events",
    greedy: Annotated[bool, typer.Option("--greedy", help="Always the best action, whatever the model.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="As in training: drawn, epsilon included.")] = False,
    both: Annotated[bool, typer.Option("--both", help="The other way beside the models' own.")] = False,
    trust: Trust = False,
) -> None:
    """Let the agents of a run, or any mixture of players, play new episodes: returns, social measures, counts.

    Each model plays the way that it is meant to be played, sampled or greedy, unless told otherwise.
    """
    if greedy + sample + both > 1:
        raise ValueError("--greedy, --sample and --both exclude each other")
    way = "greedy" if greedy else "sampled" if sample else "both" if both else "own"
    others = bool(scenarios or scenario)
    if others and (slots or changes or focal or gif):
        raise ValueError("a scenario says who plays what: --slots, --focal, --gif and settings are not for it")
    if both and (others or slots):
        raise ValueError("--both is for a run alone; play the mixture twice, with --greedy and with --sample")
    if events and (both or others):
        raise ValueError("--events is one table of one way of playing one world: not with --both or scenarios")
    from rich.console import Console

    from sorrelsim.cli.evaluated import evaluate_mixture, evaluate_run, evaluate_scenarios

    asked = Asked(episodes, seed, way, gif, json, csv, events, detail, trust)
    if others:
        shown = evaluate_scenarios(what, scenario or None, trained or (), asked)
    elif slots or not Path(what).is_dir():
        shown = evaluate_mixture(what, changes or (), slots or (), focal, asked)
    elif changes or focal:
        raise ValueError("settings of the world and --focal need --slots, which says who plays")
    else:
        shown = evaluate_run(what, asked)
    Console().print(shown)
