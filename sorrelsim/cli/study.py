"""``sorrelsim study``: a comparison, run side by side and gone on with wherever it was interrupted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from sorrelsim.cli.play import Trust

if TYPE_CHECKING:
    from rich.console import Console

    from sorrelsim.experiments.study_file import StudyConfig

Processes = Annotated[
    int | None, typer.Option("--processes", "-p", min=1, help="Processes side by side; as many as there are cores.")
]
AtOnce = Annotated[
    int | None,
    typer.Option(
        "--seeds-at-once",
        min=1,
        metavar="K",
        help="Train K seeds in one process, their learners as one network: faster where networks are small.",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray", metavar="[ADDRESS]", help="Run on a Ray cluster: at this address, or the one that Ray finds."
    ),
]


class StudyCommand(TyperCommand):
    """The command ``study``, whose ``--ray`` may stand alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments; a word after ``--ray`` is its address if it looks like one, such as ``head:6379``."""
        told = list(args)
        for k in (k for k, word in enumerate(args) if word == "--ray"):
            following = args[k + 1] if k + 1 < len(args) else ""
            if following != "auto" and (":" not in following or "=" in following):
                told[k] = "--ray="
        return super().parse_args(ctx, told)


def study(
    file: Annotated[Path, typer.Argument(help="A YAML file, such as configs/studies/coins.yaml, or a study folder.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Changes, such as seeds=3 or base.epochs=5."),
    ] = None,
    processes: Processes = None,
    seeds_at_once: AtOnce = None,
    ray: Ray = None,
    trust: Trust = False,
) -> None:
    """Run a study: every condition, place in the grid and seed, side by side; then its tables, figures and report.

    The same command goes on where an earlier one stopped, however that ended: it runs what is missing and resumes what
    was cut short. Ctrl-C stops all runs after their turn and saves them; a second one ends them at once. Ends with 1 if
    a run failed, with 143 if it was stopped by SIGTERM.
    """
    from rich.console import Console

    from sorrelsim.cli.output import Output

    output = Output(sys.stdout, "the study goes on and is saved")
    console = Console(file=output.as_stream())
    with console.status("loading ..."):
        from sorrelsim.experiments.study_file import read_study_file
    at_once = [] if seeds_at_once is None else [f"seeds_at_once={seeds_at_once}"]
    config = read_study_file(file, [*(changes or ()), *at_once])
    run_study(config, str(file), console, processes, ray, trust or file.is_file())


def train_seeds(config: str, changes: Sequence[str], given: str, at_once: int, console: Console) -> None:
    """Runs a config with several seeds: ``sorrelsim train CONFIG --seeds 5``, a study of one condition.

    Args:
        config: The config's file.
        changes: Changes to it.
        given: The seeds: see :func:`seeds_of`.
        at_once: How many of them are trained in one process.
        console: Where to show it.
    """
    seeds = seeds_of(given)
    with console.status("loading ..."):
        from sorrelsim.experiments.config import dump_config, load_config
        from sorrelsim.experiments.study_file import make_study_config
        from sorrelsim.settings import read_yaml
    read = load_config(config, changes)
    raw = {"base": read_yaml(dump_config(read), config), "seeds": seeds, "name": read.name, "runs": read.runs}
    run_study(make_study_config(raw | {"seeds_at_once": at_once}, config), config, console)


def seeds_of(given: str) -> int | list[int]:
    """Returns what ``--seeds`` says: a number of seeds, or a list such as ``0,1,2``.

    Raises:
        ValueError: If it is neither.
    """
    parts = given.split(",")
    if not all(part.strip().isdigit() for part in parts):
        raise ValueError(f"--seeds must be a number such as 5, or a list such as 0,1,2, got {given!r}")
    seeds = [int(part) for part in parts]
    return seeds if len(seeds) > 1 else seeds[0]


def run_study(
    config: StudyConfig,
    where: str,
    console: Console,
    processes: int | None = None,
    ray: str | None = None,
    trust: bool = True,
) -> None:
    """Runs a study, shows how it goes and ends the command: with 1 if a run failed.

    Args:
        config: What is compared.
        where: Its file, for errors.
        console: Where to show it.
        processes: Processes side by side, if not as many as there are cores.
        ray: Address of a Ray cluster to run on; empty for the one that Ray finds.
        trust: Whether Python files are run that its configs name.
    """
    from sorrelsim.cli.stopping import stop_on_signals
    from sorrelsim.cli.study_progress import StudyProgress
    from sorrelsim.experiments.results import write_results
    from sorrelsim.experiments.study import check_study
    from sorrelsim.launch.launcher import launching

    with console.status("checking all runs ..."):
        apart = check_study(config, where, trust)
    with launching(config, where, processes, ray, trust, apart) as launch:
        with StudyProgress(launch, console) as progress, stop_on_signals(launch) as stopping:
            launch.run()
        some = any(status.state == "finished" for status in launch.statuses)
        if not stopping.code and (some or not launch.stopped):  # also after one Ctrl-C
            with console.status("writing tables, figures and the report ..."):
                write_results(launch.study)
    console.print(progress.summary())
    if told := progress.next():
        console.print(told, soft_wrap=True, markup=False, highlight=False)
    failed = any(status.state == "failed" for status in launch.statuses)
    if failed or stopping.code:
        raise typer.Exit(1 if failed else stopping.code)
