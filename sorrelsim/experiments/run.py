"""A run on disk: an experiment played to its end into a run folder, and the same read again.

``sorrelsim train`` calls :func:`run`; whatever looks at trained agents later begins with :func:`load_run`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.config import ConfigError, ExperimentConfig, dump_config, load_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.run_folder import MetricsLog, draw_curves, new_folder, read_metrics
from sorrelsim.experiments.seating import make_model, make_world, rewards_of, seat_agents, seating, world_settings
from sorrelsim.library.trust import require_library
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import TrainingDiverged
from sorrelsim.models.checkpoint import SUFFIX, saved_file
from sorrelsim.pictures.files import animation


class Watcher(Protocol):
    """What follows a run, such as a progress display."""

    def epoch(self, row: Row) -> None:
        """Called with each epoch's metrics."""

    def doing(self, what: str) -> None:
        """Called when something other than training begins."""


def run(experiment: Experiment, folder: Path | None = None, watcher: Watcher | None = None) -> Path:
    """Runs an experiment to its end and fills its run folder; whatever stops it, what was learned is saved.

    Args:
        experiment: The experiment.
        folder: An empty run folder; by default a new one.
        watcher: What follows the run.

    Returns:
        The run folder: config.yaml, metrics.csv, curve.png, episode.gif, models/<seat>.safetensors.

    Raises:
        TrainingDiverged: If a loss is not finite. The seat and its last good checkpoint are named.
    """
    config = experiment.config
    folder = new_folder(config.runs, config.name or config.world["name"]) if folder is None else folder
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    log = MetricsLog(folder / "metrics.csv")
    models = folder / "models"
    try:
        experiment.save_models(models)  # whatever happens, there is a sound checkpoint to go back to
        for row in experiment.epochs():
            last = experiment.stopped or row["epoch"] == config.epochs
            if last or (config.evaluation.every and row["epoch"] % config.evaluation.every == 0):
                if watcher:
                    watcher.doing("evaluating")
                row |= experiment.evaluate()
            log.add(row)
            if watcher:
                watcher.epoch(row)
            if not last and row["epoch"] % config.save_every == 0:
                experiment.save_models(models)
    except TrainingDiverged as error:
        if experiment.diverged is not None:
            error.args = (f"{str(error).removesuffix('.')}: {models / f'{experiment.diverged.name}{SUFFIX}'}",)
        raise
    finally:
        experiment.save_models(models)
        if log.rows:
            if watcher:
                watcher.doing("drawing the curve")
            draw_curves([folder], folder / "curve.png")
    if config.evaluation.gif_turns:
        if watcher:
            watcher.doing("filming an episode")
        animation(experiment.record(), fps=10).save(folder / "episode.gif")
    return folder


@dataclass(frozen=True)
class Run:
    """A run that was written earlier.

    Attributes:
        folder: Its folder.
        config: Its config, every default written out.
    """

    folder: Path
    config: ExperimentConfig

    def settings(self, n_worlds: int) -> dict[str, Any]:
        """Returns its world's settings for some number of copies, its name among them."""
        return world_settings(self.config, n_worlds)

    def world(self, n_worlds: int | None = None, seed: int | None = None) -> Gridworld:
        """Makes its world, with the copies and the seed of the run unless others are given."""
        return make_world(self.config, n_worlds, seed)

    def agents(self, world: Gridworld, learn: bool = False, explore: bool = False) -> list[Agent]:
        """Loads the trained agents, seated in a world of the run's shape, whatever its number of copies.

        Raises:
            ConfigError: If a model's file is missing or is another's.
        """
        places = seating(self.config, world.n_agents)
        models = []
        for place in places:
            model = make_model(place, world, learn, start=False)
            try:
                model.load(saved_file(self.folder / "models" / f"{place.name}{SUFFIX}"))
            except (ValueError, OSError, RuntimeError) as error:
                raise ConfigError(f"{self.folder}: the model of seat {place.name} cannot be loaded: {error}") from error
            models.append(model)
        return seat_agents(places, models, world, learn, explore)

    def metrics(self) -> dict[str, np.ndarray]:
        """Returns the metrics by column, one row per epoch."""
        return read_metrics(self.folder)


def load_run(path: str | Path, trust: bool = False) -> Run:
    """Returns a run by its folder.

    Args:
        path: The folder.
        trust: Whether Python files may be run that the run folder brings or points to. Without it only the library is
            run, and what lies in ``./worlds`` and ``./agents``.

    Raises:
        ConfigError: If it is no run folder.
        Untrusted: If it names a reward transform that is not the library's, and is not trusted.
    """
    folder = Path(path)
    if not (folder / "config.yaml").is_file():
        raise ConfigError(f"{folder} is no run folder: it has no config.yaml")
    config = load_config(folder / "config.yaml")
    require_library(folder, rewards_of(config), trust, "--trust (from Python: load_run(path, trust=True))")
    return Run(folder, config)
