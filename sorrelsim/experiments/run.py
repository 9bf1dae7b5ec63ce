"""A run on disk: an experiment played to its end into a run folder, and the same read again.

``sorrelsim train`` calls :func:`run`; whatever looks at trained agents later begins with :func:`load_run`.
"""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import tell
from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.code import Named, classes_of, keep_code, named_in
from sorrelsim.experiments.config import ConfigError, ExperimentConfig, dump_config, load_config
from sorrelsim.experiments.facts import describe, now, read_facts, write_facts
from sorrelsim.experiments.keeping import Keeper, NotSaved
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.run_folder import draw_curves, new_folder, read_metrics, read_rows, tidy
from sorrelsim.experiments.seating import make_model, make_world, rewards_of, seat_agents, seating, world_settings
from sorrelsim.library.find import NotFound, bare
from sorrelsim.library.trust import require_library
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import TrainingDiverged
from sorrelsim.models.checkpoint import SUFFIX, saved_file
from sorrelsim.models.threads import set_network_threads
from sorrelsim.pictures.files import animation
from sorrelsim.writing import write_beside


class Watcher(Protocol):
    """What follows a run, such as a progress display."""

    def epoch(self, row: Row) -> None:
        """Called with each epoch's metrics."""

    def doing(self, what: str) -> None:
        """Called when something other than training begins."""


def run(experiment: Experiment, folder: Path | None = None, watcher: Watcher | None = None) -> Path:
    """Runs an experiment to its end and fills its run folder; whatever stops it, what was learned is saved.

    A disk that is full is told and survived: what could not be written is tried again after every epoch.

    Args:
        experiment: The experiment.
        folder: An empty run folder; by default a new one.
        watcher: What follows the run.

    Returns:
        The run folder: config.yaml, run.yaml, code/, metrics.csv (and sweep.csv), curve.png, episode.gif,
        models/<seat>.safetensors.

    Raises:
        TrainingDiverged: If a loss is not finite. The seat and its last good checkpoint are named.
        NotSaved: If the run is over and metrics or models cannot be written; what is saved is named.
    """
    config = experiment.config
    folder = new_folder(config.runs, config.name or bare(config.world["name"])) if folder is None else folder
    code = keep_code(folder, experiment.classes.sources())
    facts = describe(config, experiment.world, experiment.places, experiment.models, code)
    write_facts(folder, facts)
    write_beside(folder / "config.yaml", dump_config(config))
    keeper = Keeper(experiment, folder)
    if not keeper.save(0):  # whatever happens, there is a sound checkpoint to go back to
        raise NotSaved(f"{folder}: the run has not begun, its models cannot be saved: {keeper.complaints['models']}")
    end = "broken off"
    try:
        _train(experiment, keeper, watcher)
        end = "stopped" if experiment.stopped else "finished"
    except TrainingDiverged as error:
        end = "diverged"
        if experiment.diverged is not None:
            last = next(iter(keeper.models.glob(f"{glob.escape(experiment.diverged.name)}.*")), keeper.models)
            error.args = (f"{str(error).removesuffix('.')}: {last}",)
        raise
    finally:
        missing = keeper.finish(keeper.epoch)
        _finish_facts(keeper, facts, end)
        if keeper.metrics.rows and not experiment.hurrying:
            if watcher:
                watcher.doing("drawing the curve")
            keeper.draw("curve.png", lambda: draw_curves([folder], folder / "curve.png"))
        if missing and end not in ("finished", "stopped"):
            tell(missing)  # what is being raised must not be hidden
    if config.evaluation.gif_turns and not experiment.hurrying:
        if watcher:
            watcher.doing("filming an episode")
        keeper.draw("episode.gif", lambda: animation(experiment.record(), fps=10).save(folder / "episode.gif"))
    if missing:
        raise NotSaved(f"{folder}: the run is over, but not all of it could be written.\n{missing}")
    return folder


def _train(experiment: Experiment, keeper: Keeper, watcher: Watcher | None) -> None:
    """Plays all epochs; each one's metrics are written, and models when it is their turn."""
    config = experiment.config
    every = config.evaluation.every
    for row in experiment.epochs():
        epoch = keeper.epoch = row["epoch"]
        last = experiment.stopped or epoch == config.epochs
        if last:  # an evaluation may take longer than whoever asked to stop waits
            keeper.save(epoch)
            keeper.add(row, experiment.sweep)
        if (last or (every and epoch % every == 0)) and not experiment.hurrying:
            if watcher:
                watcher.doing("evaluating")
            row |= experiment.evaluate()
        if last:
            keeper.amend(row)
        else:
            keeper.add(row, experiment.sweep)
        if watcher:
            watcher.epoch(row)
        if not last and (keeper.unsaved or epoch % config.save_every == 0):
            keeper.save(epoch)


def _finish_facts(keeper: Keeper, facts: dict[str, Any], end: str) -> None:
    """Adds to run.yaml how and when the run ended."""
    known = {"ended": now(), "end": end, "epochs": keeper.epoch, "models": f"of epoch {keeper.saved_epoch}"}
    keeper.draw("run.yaml", lambda: write_facts(keeper.folder, facts | known))


@dataclass(frozen=True)
class Run:
    """A run that was written earlier.

    Attributes:
        folder: Its folder.
        config: Its config, every default written out.
        facts: What run.yaml says: files, versions, machine, times; empty for a run of the first version.
        trust: Whether Python files that the run folder brings or points to are run.
    """

    folder: Path
    config: ExperimentConfig
    facts: dict[str, Any] = field(default_factory=dict)
    trust: bool = False

    @cached_property
    def classes(self) -> Classes:
        """The classes of its world and models, imported once.

        Raises:
            ConfigError: If one is a Python file that is run only if told, is gone, or cannot be imported.
        """
        classes = classes_of(self.folder, self._named, self.trust)
        for each in self._named:
            try:
                classes.find(each.folder, each.name)
            except NotFound:
                raise
            except Exception as error:  # whatever a file does when it is imported
                kept = each.kept(self.folder)
                told = f"; --trust plays the copy that the run keeps: {kept}" if kept and not self.trust else ""
                raise ConfigError(
                    f"{self.folder}: {each.name} cannot be imported: {type(error).__name__}: {error}{told}"
                ) from error
        return classes

    @property
    def _named(self) -> list[Named]:
        return named_in(self.config, self.facts)

    def changes(self) -> list[str]:
        """Returns a line for each file of its world and models that has changed since, or is gone."""
        return [line for each in self._named if (line := each.change())]

    def settings(self, n_worlds: int) -> dict[str, Any]:
        """Returns its world's settings for some number of copies, its name or file among them."""
        settings = world_settings(self.config, n_worlds, self.classes)
        return settings | {"name": self.classes.stand_in("worlds", settings["name"])}

    def world(self, n_worlds: int | None = None, seed: int | None = None) -> Gridworld:
        """Makes its world, with the copies and the seed of the run unless others are given."""
        set_network_threads(self.config.torch_threads)
        return make_world(self.config, n_worlds, seed, self.classes)

    def agents(self, world: Gridworld, learn: bool = False, explore: bool | None = None) -> list[Agent]:
        """Loads the trained agents, seated in a world of the run's shape, whatever its number of copies.

        Args:
            world: The world.
            learn: Whether those learn that the config lets learn.
            explore: True for play as in training, False for the best action always; None plays each model the way that
                it is meant to be played.

        Raises:
            ConfigError: If a model's file is missing or is another's.
        """
        set_network_threads(self.config.torch_threads)
        tidy(self.folder)  # a save that a kill cut short between two moves is settled
        places = seating(self.config, world.n_agents)
        models = []
        for place in places:
            model = make_model(place, world, self.classes, learn, start=False)
            try:
                model.load(saved_file(self.folder / "models" / f"{place.name}{SUFFIX}"))
            except (ValueError, OSError, RuntimeError) as error:
                raise ConfigError(f"{self.folder}: the model of seat {place.name} cannot be loaded: {error}") from error
            models.append(model)
        return seat_agents(places, models, world, learn, explore, self.classes)

    def metrics(self) -> dict[str, np.ndarray]:
        """Returns the metrics by column, one row per epoch."""
        return read_metrics(self.folder)

    def sweep(self) -> dict[str, np.ndarray]:
        """Returns sweep.csv by column: one row per epoch and combination of swept params; empty without a sweep."""
        path = self.folder / "sweep.csv"
        return read_rows(path) if path.is_file() else {}


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
    return Run(folder, config, read_facts(folder), trust)


def tell_changes(path: str | Path) -> None:
    """Says on stderr, in a line each, which files of a run's world and models have changed since, or are gone.

    A folder that is no run, or too damaged to tell, is left to whoever reads it.
    """
    try:
        lines = load_run(path).changes()
    except (ValueError, OSError):
        return
    for line in lines:
        tell(f"{path}: {line}")
