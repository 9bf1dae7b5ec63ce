"""The commands ``cross`` and ``schelling``: what populations do to each other. Imports nothing heavy until one runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sorrelsim.cli.play import Trust

if TYPE_CHECKING:
    from sorrelsim.experiments.schelling import Diagram

Changes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Settings of the world, such as zap_timeout=10."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the copies and of what the players draw.")]
Steps = Annotated[
    int | None, typer.Option(min=0, help="Steps of every episode; 0 for those that the world's own end makes.")
]
Greedy = Annotated[bool, typer.Option("--greedy", help="Trained agents: always the best action.")]
Sample = Annotated[bool, typer.Option("--sample", help="Trained agents: as in training, drawn.")]
Table = Annotated[Path | None, typer.Option("--csv", help="Write the numbers to this file.")]


def schelling(
    world: Annotated[str, typer.Argument(help="Name or file of a world, a config, or a run folder.")],
    changes: Changes = None,
    *,
    cooperator: Annotated[
        str | None,
        typer.Option(help="Who cooperates: a bot (name, file, name:key=value) or a run; by default the world's own."),
    ] = None,
    defector: Annotated[str | None, typer.Option(help="Who defects, likewise.")] = None,
    episodes: Annotated[int, typer.Option(min=2, help="Episodes for each number of cooperators.")] = 32,
    steps: Steps = None,
    seed: Seed = 1_000_003,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The picture: PNG, PDF or SVG.")] = None,
    csv: Table = None,
    greedy: Greedy = False,
    sample: Sample = False,
    trust: Trust = False,
) -> None:
    """Draw a Schelling diagram: what cooperating and defecting pay, against how many others cooperate.

    Every number of cooperators is played, side by side, in episodes of 1000 steps unless --steps says otherwise. Then:
    is there fear, is there greed, what is best for all, is it a dilemma at all.
    """
    from sorrelsim.cli.evaluate import explore_of
    from sorrelsim.experiments.mixtures import stage_of
    from sorrelsim.experiments.outcomes import write_csv
    from sorrelsim.experiments.players import player_of
    from sorrelsim.experiments.schelling import default_players, diagram
    from sorrelsim.pictures.payoffs import check_kind, draw_schelling

    check_kind(out or Path("schelling.png"))
    explore = explore_of(greedy, sample)
    stage = stage_of(world, changes or (), trust, explore).lasting(steps, otherwise=1000)
    ours = default_players(stage.name, cooperator, defector)
    players = [player_of(each, trust, explore) for each in ours]
    begun = time.monotonic()
    found = diagram(stage, players[0], players[1], episodes, seed)
    _show(found, episodes, time.monotonic() - begun)
    rows = found.rows()
    if csv:
        write_csv(csv, rows)
    place = out or Path(f"schelling_{stage.title.replace(', ', '_')}.png")
    typer.echo(f"wrote {draw_schelling(rows, stage.title.replace('_', ' '), place)}" + (f" and {csv}" if csv else ""))


def _show(found: Diagram, episodes: int, seconds: float) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Rich

    console = Console(highlight=False)
    console.print(
        f"[bold]{found.title}[/] · {found.cooperator} and {found.defector} · "
        f"{episodes} episodes each, {seconds:.0f} s\n"
    )
    table = Rich(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("other cooperators", "cooperating", "defecting", "average if defecting"):
        table.add_column(name, justify="right")
    for row in found.rows():
        cells = [
            f"{row[name]:.2f} [dim]{row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f}[/]"
            for name in ("cooperate", "defect")
        ]
        table.add_row(f"{row['other_cooperators']:.0f}", *cells, f"{row['average']:.2f}")
    console.print(table)
    if found.left_out:
        console.print(f"[yellow]{found.left_out} episodes had not ended and are left out; --steps 1000 ends them[/]")
    console.print()
    for line in found.verdict():
        console.print(line.replace("[", r"\["), soft_wrap=True)
    console.print()
