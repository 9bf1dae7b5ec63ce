"""The commands ``cross`` and ``schelling``: what populations do to each other. Imports nothing heavy until one runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sorrelsim.cli.play import Trust

if TYPE_CHECKING:
    from rich.console import RenderableType

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
    from sorrelsim.cli.asked import explore_of
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
    for name in ("others", "cooperating", "defecting", "average"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.rows():
        cells = [
            f"{row[name]:.2f} [dim]{row[f'{name}_low']:.2f} to {row[f'{name}_high']:.2f}[/]"
            for name in ("cooperate", "defect")
        ]
        table.add_row(f"{row['other_cooperators']:.0f}", *cells, f"{row['average']:.2f}")
    console.print(table)
    console.print("[dim]others: other cooperators; average: of all players, if this one defects[/]")
    if found.left_out:
        console.print(f"[yellow]{found.left_out} episodes had not ended and are left out; --steps 1000 ends them[/]")
    console.print()
    for line in found.verdict():
        console.print(line.replace("[", r"\["), soft_wrap=True)
    console.print()


def cross(
    players: Annotated[
        list[str],
        typer.Argument(metavar="PLAYER...", help="Run folders; bots, as name:key=value, may be among them."),
    ],
    *,
    world: Annotated[
        str | None, typer.Option(help="The world, a config or a run; by default that of the first run.")
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the world; may be repeated.")
    ] = None,
    focal: Annotated[
        str | None, typer.Option(help="Slots of the focal players, such as 0,1; by default one, each slot in turn.")
    ] = None,
    episodes: Annotated[int, typer.Option(min=2, help="Episodes for each pairing.")] = 32,
    steps: Steps = None,
    seed: Seed = 1_000_003,
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture: PNG, PDF or SVG.")] = Path("cross.png"),
    csv: Table = None,
    greedy: Greedy = False,
    sample: Sample = False,
    trust: Trust = False,
) -> None:
    """Let every population play with every other: what its players earn as visitors, and as those who are visited.

    The table's rows are the focal players, its columns those who play all other slots.
    """
    from rich.console import Console

    from sorrelsim.cli.asked import explore_of
    from sorrelsim.experiments.cross import cross_play
    from sorrelsim.experiments.mixtures import slots_of, stage_of
    from sorrelsim.experiments.outcomes import write_csv
    from sorrelsim.experiments.players import player_of
    from sorrelsim.experiments.run import tell_changes
    from sorrelsim.pictures.payoffs import check_kind, draw_matrix

    check_kind(out)
    if len(players) < 2:
        raise ValueError(f"{players[0]} alone has nobody to meet; give two runs or more")
    runs = [each for each in players if Path(each).is_dir()]
    if world is None and not runs:
        raise ValueError("no run among the players, which would say where they play; give --world")
    for run in runs:
        tell_changes(run)
    explore = explore_of(greedy, sample)
    stage = stage_of(world or runs[0], change or (), trust).lasting(steps)
    found = [player_of(each, trust, explore) for each in players]
    labels = [each.label for each in found]
    names = [label if labels.count(label) == 1 else text for label, text in zip(labels, players, strict=True)]
    slots = None if focal is None else slots_of(focal, stage.make(1, seed).n_agents)
    played = cross_play(stage, found, names, slots, episodes, seed)
    rows = played.rows()
    Console(highlight=False).print(_matrix(played.title, names, rows, episodes))
    if csv:
        write_csv(csv, rows)
    label = "return of a focal player"
    typer.echo(f"wrote {draw_matrix(played.matrix, names, label, out)}" + (f" and {csv}" if csv else ""))


def _matrix(title: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]], episodes: int) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table as Rich
    from rich.text import Text

    table = Rich(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("focal, among", overflow="fold")
    for name in names:
        table.add_column(escape(name), justify="right", overflow="fold")
    for k, name in enumerate(names):
        cells = [
            f"[bold green]{row['focal_return']:.2f}[/]\n[dim]{row['focal_low']:.2f} to {row['focal_high']:.2f}[/]"
            for row in rows[k * len(names) : (k + 1) * len(names)]
        ]
        table.add_row(escape(name), *cells)
    head = f"[bold]{escape(title)}[/] · {episodes} episodes for each pairing, 95% intervals"
    return Group(Text.from_markup(head), Text(), table, Text())
