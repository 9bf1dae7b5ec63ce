"""The commands: what they take, and what they call. ``python -m sorrelsim`` begins here.

Each imports what it needs when it runs, so that ``--help`` and ``list`` answer at once.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from sorrelsim.cli.evaluate import evaluate
from sorrelsim.cli.play import play, watch  # light, as its own docstring promises
from sorrelsim.cli.plot import plot
from sorrelsim.cli.social import cross, schelling
from sorrelsim.cli.study import StudyCommand, study
from sorrelsim.cli.train import Bounds, Threads, train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


new_app = typer.Typer(help="Write a new world or model, and its test.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(new_app, name="new")

app.command()(train)
app.command(cls=StudyCommand)(study)
app.command()(play)
app.command()(watch)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"sorrelsim {version('sorrelsim')}")
        raise typer.Exit()


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fast multi-agent gridworlds: run experiments, play, write worlds and models."""
    from sorrelsim.library.find import tell_anew

    tell_anew()  # what comes from elsewhere than the library is told of in each command


@app.command("list")
def list_all(
    what: Annotated[
        str | None, typer.Argument(help="Only worlds, learners, players, others, rewards or scenarios.")
    ] = None,
) -> None:
    """List worlds, with agents, actions and the dilemma in a line, models, reward transforms and scenarios."""
    from sorrelsim.cli.catalogue import print_catalogue

    print_catalogue(what)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A world, a model or a reward transform, or its file; or a scenario.")],
    map: Annotated[str | None, typer.Option(help="Name or file of a map.")] = None,
    preset: Annotated[str | None, typer.Option(help="One of the world's presets.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the picture to this file as well.")] = None,
) -> None:
    """Show a world, its params and its map as a picture; a model or transform and its settings; or a scenario."""
    from sorrelsim.cli.show import describe, describe_settings, kind_of, paint_map
    from sorrelsim.library.catalogue import scenario_files
    from sorrelsim.pictures.files import to_png
    from sorrelsim.writing import write_beside

    if name in scenario_files():
        typer.echo(scenario_files()[name].read_text(encoding="utf-8").rstrip())
        return
    kind = kind_of(name)
    if kind != "world":
        if map or preset or png:
            raise ValueError(f"{name} is a {kind}; --map, --preset and --png are for worlds")
        typer.echo(describe_settings(name, kind))
        return
    page, picture = describe(name, map, preset)
    typer.echo(page)
    typer.echo(paint_map(picture, sys.stdout.isatty(), shutil.get_terminal_size((100, 24)).columns))
    if png:
        write_beside(png, to_png(picture.pixels, 960))
        typer.echo(f"wrote {png}")


app.command("eval")(evaluate)
app.command()(cross)
app.command()(schelling)


app.command()(plot)


@app.command()
def bench(
    world: Annotated[str | None, typer.Argument(help="Name or file of a world; cleanup by default.")] = None,
    copies: Annotated[list[int] | None, typer.Option(min=1, help="Number of copies; may be repeated.")] = None,
    threads: Threads = None,
    all: Annotated[bool, typer.Option("--all", help="Every world.")] = False,
    interpreted: Annotated[bool, typer.Option("--interpreted", help="Run the rules as plain Python.")] = False,
    seconds: Annotated[float, typer.Option(min=0.01, help="Time spent on each measurement.")] = 1.0,
    bounds: Bounds = False,
    limits: Annotated[
        bool,
        typer.Option(
            "--limits",
            help="Stepping in every form beside a plain copy of its bytes, learners beside their bare networks, and "
            "training beside the slower of its halves: a minute or two.",
        ),
    ] = False,
    json: Annotated[Path | None, typer.Option(help="With --limits: write what was found to this file.")] = None,
) -> None:
    """Measure steps per second with random actions, observations for all agents included."""
    from rich.console import Console

    if limits:
        if all or interpreted or bounds:
            raise ValueError("bench --limits measures one compiled world; leave out --all, --interpreted and --bounds")
        from sorrelsim.cli import limits as found

        found.report(Console(), world, copies, threads, seconds, json)
        return
    if json:
        raise ValueError("bench --json goes with --limits")
    from sorrelsim.cli.bench import report

    report(Console(), world, copies, threads, all, interpreted, seconds, bounds)


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="File or name of a world or a model.")],
    world: Annotated[str | None, typer.Option(help="The world in which a model is tried.")] = None,
) -> None:
    """Check a world or model file, and say in plain words what is wrong with it."""
    from sorrelsim.testing import CheckFailed, check_file

    try:
        done = check_file(file, world=world, say=lambda line: typer.echo(f"  ok    {line}"))
    except CheckFailed as failure:
        for problem in failure.problems:
            typer.secho(f"  wrong {problem}", fg="red")
        typer.secho(f"{file}: {len(failure.problems)} wrong", fg="red", bold=True)
        raise typer.Exit(1) from None
    typer.secho(f"{file}: a sound {done}", fg="green", bold=True)


@new_app.command("world")
def new_world(
    name: Annotated[str, typer.Argument(help="Its name: lower case, such as berry_field.")],
) -> None:
    """Write worlds/NAME.py, a small world that runs at once, and its test."""
    from sorrelsim.library.scaffold import write_world

    for path in write_world(name):
        typer.echo(f"wrote {path}")
    typer.echo(f"see it: sorrelsim show {name}   check it: sorrelsim check {name}   measure it: sorrelsim bench {name}")
    typer.echo(
        "its test and 'check' run it with every index checked; so does 'train --bounds', while its rules are young"
    )


@new_app.command("model")
def new_model(
    name: Annotated[str, typer.Argument(help="Its name: lower case, such as tit_for_tat.")],
    like: Annotated[
        str | None,
        typer.Option(help="Begin as this learner of the library, such as dqn, ppo or sac.", metavar="LEARNER"),
    ] = None,
) -> None:
    """Write agents/NAME.py, a small model that plays at once, or with --like one that learns, and its test."""
    from sorrelsim.library.scaffold import write_model

    for path in write_model(name, like=like):
        typer.echo(f"wrote {path}")
    typer.echo(
        f"check it: sorrelsim check {name}   use it: 'model: {name}' in a config, or "
        f"sorrelsim train configs/treasure_hunt_iqn.yaml 'seats=[{{model: {name}}}]'"
    )
