"""``sorrelsim train``: a run from its beginning, or from where it was stopped. Light until it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sorrelsim.cli.play import Trust
from sorrelsim.cli.study import AtOnce, train_seeds

Bounds = Annotated[
    bool,
    typer.Option("--bounds", help="Check every index of the rules: slower, and a wrong one is told with its line."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads that step the copies; all cores by default.")]


def train(
    config: Annotated[
        str | None, typer.Argument(help="A YAML file, such as configs/treasure_hunt_iqn.yaml.", show_default=False)
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Changes, such as seed=1 or seats.0.model=ddqn."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with this run where it was stopped; epochs=N trains it longer."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="SEEDS", help="A study: as many seeds as this, or 0,1,2, side by side, in one folder."),
    ] = None,
    seeds_at_once: AtOnce = None,
    threads: Threads = None,
    bounds: Bounds = False,
    trust: Trust = False,
) -> None:
    """Train agents: a live display, then a run folder with metrics, a curve, an animation and the models.

    Ctrl-C stops after the current turn and saves everything; an earlier run is never overwritten. What was stopped,
    whatever stopped it, goes on with --resume RUN, as if nothing had. Ends with 0, also if nobody reads the output to
    its end; with 143 if it was stopped by SIGTERM, with 130 by a second Ctrl-C.
    """
    from rich.console import Console

    from sorrelsim.cli.output import Output

    given = [*(changes or ()), *([f"threads={threads}"] if threads else ()), *(["world.bounds=true"] if bounds else ())]
    if resume is not None and config is not None:
        if "=" not in config:
            raise ValueError(f"--resume {resume} goes on with that run's own config; leave out {config}")
        given.insert(0, config)
    elif config is None and resume is None:
        raise ValueError(
            "what is to be trained? A config, as in 'sorrelsim train configs/coins_common.yaml', or --resume RUN"
        )
    output = Output(sys.stdout, "the run goes on and is saved")
    console = Console(file=output.as_stream())
    if seeds is not None:
        if resume is not None:
            raise ValueError("--seeds begins or goes on with a study; leave out --resume and give the config again")
        return train_seeds(str(config), given, seeds, seeds_at_once or 1, console)
    if seeds_at_once is not None:
        raise ValueError(f"--seeds-at-once {seeds_at_once} goes with --seeds, such as --seeds {seeds_at_once}")
    with console.status("loading ..."):
        from sorrelsim.cli.progress import Progress
        from sorrelsim.cli.stopping import stop_on_signals
        from sorrelsim.experiments.loop import Experiment
        from sorrelsim.experiments.resume import reopen
        from sorrelsim.experiments.run import run
        from sorrelsim.experiments.run_folder import new_folder

    since = None
    if resume is not None:
        experiment, since = reopen(resume, given, trust)
    else:
        experiment = Experiment(str(config), given)
    with stop_on_signals(experiment) as stopping:
        folder = resume or new_folder(experiment.config.runs, experiment.config.name or Path(str(config)).stem)
        output.told = f"the run goes on and is saved in {folder}"
        with Progress(experiment, console) as progress:
            try:
                run(experiment, folder, progress, since)
            except BaseException:
                console.print(f"What there was to save lies in [bold]{folder}[/]")
                raise
    console.print(progress.summary(folder))
    console.print(progress.next(folder), soft_wrap=True, markup=False, highlight=False)
    if stopping.code:
        raise typer.Exit(stopping.code)
