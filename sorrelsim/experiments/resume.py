"""Going on with a run that something stopped, as if nothing had: ``sorrelsim train --resume RUN``.

A run goes on from its newest checkpoint, or begins if none was saved yet. What was played after that checkpoint is
played again, with the same result; its rows of metrics are taken back first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from sorrelsim.errors import tell
from sorrelsim.experiments.checkpoints import Checkpoint, checkpoints, remove_torn
from sorrelsim.experiments.config import ConfigError, ExperimentConfig, load_config
from sorrelsim.experiments.facts import FORMAT, package_changes, read_facts
from sorrelsim.experiments.folder_errors import told_of
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.run import Run, Watcher, load_run, run
from sorrelsim.experiments.run_folder import alone_in, tidy
from sorrelsim.models.checkpoint import CheckpointError

MAY_CHANGE = ("epochs", "threads", "halves", "together", "tensorboard", "wandb")
"""Keys that may change when a run goes on: what was played before does not depend on them."""


def state_of(folder: Path) -> str:
    """Returns how far a run has come; a damaged folder is an unfinished run.

    Returns:
        ``absent``: there is no config; ``begun``: there is, and nothing saved to go on from; ``unfinished``;
        ``finished``; ``diverged``: it would diverge again.
    """
    folder = Path(folder)
    try:
        if not (folder / "config.yaml").is_file():
            return "absent"
        facts = read_facts(folder)
        if facts.get("end") in ("finished", "diverged"):
            return str(facts["end"])
        return "unfinished" if checkpoints(folder) or _is_of_before(folder) else "begun"
    except (ValueError, OSError):
        return "unfinished"


def resume(folder: Path, changes: Sequence[str] = (), watcher: Watcher | None = None, trust: bool = False) -> Path:
    """Goes on with a run, to its end.

    Args:
        folder: The run folder; one that holds only ``config.yaml`` is begun.
        changes: What is to be otherwise from now on: ``epochs=40``.
        watcher: What follows the run.
        trust: As for :func:`~sorrelsim.experiments.run.load_run`.

    Returns:
        The run folder.

    Raises:
        ConfigError: If there is nothing to go on with, or something is to change that cannot.
    """
    folder = Path(folder)
    experiment, since = reopen(folder, changes, trust)
    return run(experiment, folder, watcher, since)


def reopen(folder: Path, changes: Sequence[str] = (), trust: bool = False) -> tuple[Experiment, Checkpoint | None]:
    """Returns a run's experiment as it was at its newest checkpoint, and that; or at its beginning, and None.

    For :func:`~sorrelsim.experiments.run.run`; otherwise as :func:`resume`. Changes of code and packages since the run
    began are said in a line each.
    """
    found = load_run(folder, trust)
    config = _changed(found, changes)
    _refuse(found, config)
    for line in [*found.changes(), *package_changes(found.facts)]:
        tell(f"{folder}: {line}; what follows may differ from an undisturbed run")
    with alone_in(folder), told_of(folder):
        return _restored(found, config)


def _restored(found: Run, config: ExperimentConfig) -> tuple[Experiment, Checkpoint | None]:
    folder = found.folder
    tidy(folder)
    remove_torn(folder)
    saved = checkpoints(folder)
    for checkpoint in saved:
        experiment = Experiment(config, classes=found.classes, start=False)
        try:
            checkpoint.restore(experiment)
        except CheckpointError as error:
            tell(f"{folder}: this checkpoint is passed over: {error}")
            continue
        return experiment, checkpoint
    if saved:
        raise ConfigError(
            f"{folder}: no checkpoint can be gone on from. Its models lie in {folder / 'models'}; to begin anew: "
            f"sorrelsim train {folder / 'config.yaml'}"
        )
    for name in ("metrics.csv", "sweep.csv"):
        (folder / name).unlink(missing_ok=True)
    return Experiment(config, classes=found.classes), None


def _changed(found: Run, changes: Sequence[str]) -> ExperimentConfig:
    """Returns a run's config with what is to be otherwise from now on.

    Raises:
        ConfigError: If that is something on which what was played before depends.
    """
    before, path = found.config, found.folder / "config.yaml"
    config = load_config(path, changes)
    for field in dataclasses.fields(config):
        was, given = getattr(before, field.name), getattr(config, field.name)
        if was != given and field.name not in MAY_CHANGE:
            raise ConfigError(
                f"{found.folder}: {field.name} cannot change when a run goes on, for what was played before depends on "
                f"it; allowed: {', '.join(MAY_CHANGE)}. For a new run: sorrelsim train {path} {' '.join(changes)}"
            )
    if config.epochs < before.epochs:
        raise ConfigError(
            f"{found.folder}: epochs can only be raised as a run goes on: {before.epochs} or more, got {config.epochs}"
        )
    return config


def _refuse(found: Run, config: ExperimentConfig) -> None:
    """Raises a ConfigError if there is nothing to go on with."""
    folder, state = found.folder, state_of(found.folder)
    if state == "finished" and config.epochs == found.config.epochs:
        raise ConfigError(
            f"{folder} is finished, with {config.epochs} epochs; to train it longer: "
            f"sorrelsim train --resume {folder} epochs={2 * config.epochs}"
        )
    if state == "finished" and not checkpoints(folder):
        raise ConfigError(
            f"{folder} is finished and has no checkpoint to go on from. Begin a new run, from its models if you like: "
            f"sorrelsim train {folder / 'config.yaml'} epochs={config.epochs} "
            f"seats.0.load={folder / 'models'}/SEAT.safetensors"
        )
    if state == "diverged":
        raise ConfigError(
            f"{folder} diverged, and would again. Its last sound models lie in {folder / 'models'}: begin a new run, "
            f"with a lower learning rate or from these: sorrelsim train {folder / 'config.yaml'} "
            f"seats.0.load={folder / 'models'}/SEAT.safetensors"
        )
    if _is_of_before(folder):
        raise ConfigError(
            f"{folder} is a run of an earlier version, which saved models but nothing to go on from. Begin a new run, "
            f"from them if you like: sorrelsim train {folder / 'config.yaml'} "
            f"seats.0.load={folder / 'models'}/SEAT.safetensors"
        )


def _is_of_before(folder: Path) -> bool:
    """Whether a run was begun by a version that saved no checkpoints."""
    facts = read_facts(folder)
    old = facts.get("format", FORMAT) < FORMAT or (not facts and (folder / "metrics.csv").exists())
    return old and not checkpoints(folder)
