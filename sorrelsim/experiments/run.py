"""A run on disk: an experiment played to its end into a run folder, and the same read again.

``sorrelsim train`` calls :func:`run`; whatever looks at trained agents later begins with :func:`load_run`.
"""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import tell, unknown
from sorrelsim.experiments.checkpoints import Checkpoint, checkpoints, remove
from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.code import Named, classes_of, named_in, require_trust
from sorrelsim.experiments.config import ConfigError, ExperimentConfig, load_config
from sorrelsim.experiments.evaluation import people_among
from sorrelsim.experiments.facts import read_facts
from sorrelsim.experiments.folder_errors import no_run, told_of
from sorrelsim.experiments.frames import metrics_frame
from sorrelsim.experiments.keeping import TRIES, Keeper, NotSaved
from sorrelsim.experiments.logs import open_logs
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.milestones import begin_facts, end_facts
from sorrelsim.experiments.run_folder import alone_in, new_folder, read_metrics, read_rows, snapshot_name, tidy
from sorrelsim.experiments.run_picture import draw_run
from sorrelsim.experiments.seating import make_model, make_world, seat_agents, seating, world_settings
from sorrelsim.library.find import NotFound, bare
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import TrainingDiverged
from sorrelsim.models.checkpoint import SUFFIX, saved_file
from sorrelsim.models.threads import set_network_threads
from sorrelsim.pictures.files import animation

if TYPE_CHECKING:
    import pandas


class Watcher(Protocol):
    """What follows a run, such as a progress display."""

    def epoch(self, row: Row) -> None:
        """Called with each epoch's metrics."""

    def doing(self, what: str) -> None:
        """Called when something other than training begins."""


def run(
    experiment: Experiment, folder: Path | None = None, watcher: Watcher | None = None, since: Checkpoint | None = None
) -> Path:
    """Runs an experiment to its end and fills its run folder; whatever stops it, what was learned is saved.

    A disk that is full is told and survived: what could not be written is tried again after every epoch.

    Args:
        experiment: The experiment.
        folder: An empty run folder; by default a new one.
        watcher: What follows the run.
        since: The checkpoint in that folder from which the experiment goes on; see
            :func:`sorrelsim.experiments.resume.reopen`.

    Returns:
        The run folder: config.yaml, run.yaml, code/, metrics.csv (and sweep.csv), curve.png, episode.gif,
        models/<seat>.safetensors, checkpoint/, tensorboard/, and events/ if the config asks for it.

    Raises:
        TrainingDiverged: If a loss is not finite. The seat and its last good checkpoint are named.
        NotSaved: If the run is over and metrics or models cannot be written; what is saved is named.
        ConfigError: If another process is at that run.
    """
    config = experiment.config
    folder = new_folder(config.runs, config.name or bare(config.world["name"])) if folder is None else folder
    course = course_of(experiment, folder, watcher, since)
    for _ in course:
        try:
            experiment.play_turn()
        except BaseException as error:
            course.throw(error)
    return folder


def course_of(
    experiment: Experiment, folder: Path, watcher: Watcher | None = None, since: Checkpoint | None = None
) -> Generator[None, None, None]:
    """Goes through what :func:`run` does, and yields where a turn is to be played, for whoever plays it.

    Args:
        experiment: As for :func:`run`, and so the others. An error of a turn is thrown in.
        folder: The run folder.
        watcher: What follows the run.
        since: The checkpoint.
    """
    with alone_in(folder), experiment:
        yield from _run(experiment, folder, watcher, since)


def _run(
    experiment: Experiment, folder: Path, watcher: Watcher | None, since: Checkpoint | None
) -> Generator[None, None, None]:
    config = experiment.config
    facts = begin_facts(experiment, folder, since)
    if people_among(experiment.models):
        tell(f"{folder}: a person plays, who is not asked to play for evaluations and films as well; there are none")
    experiment.log_events(folder)
    keeper = Keeper(experiment, folder, since)
    if not keeper.save(keeper.epoch):  # whatever happens, there are sound models to go back to
        raise NotSaved(f"{folder}: the run has not begun, its models cannot be saved: {keeper.complaints['models']}")
    logs = open_logs(config, folder, keeper.draw, [place.name for place in experiment.places], keeper.complete)
    watchers: list[Watcher] = [*([watcher] if watcher else []), *logs]  # each takes every epoch's row, when complete
    end = "broken off"
    try:
        yield from _train(experiment, keeper, watchers)
        end = "finished" if keeper.complete and experiment.turns == experiment.total_turns else "stopped"
    except TrainingDiverged as error:
        end = "diverged"
        keeper.keep_diverged()
        if experiment.diverged is not None:
            last = next(iter(keeper.models.glob(f"{glob.escape(experiment.diverged.name)}.*")), keeper.models)
            error.args = (f"{str(error).removesuffix('.')}: {last}",)
        raise
    finally:
        missing = keeper.finish(models=end != "diverged")  # those that did not diverge are of another epoch by now
        if end != "finished":
            end_facts(keeper, facts, end)
        if keeper.metrics.rows and not experiment.hurrying:
            _doing(watchers, "drawing the curve")
            keeper.draw("curve.png", lambda: draw_run(folder, folder / "curve.png"))
        for log in logs:
            log.close()
        if missing and end not in ("finished", "stopped"):
            tell(missing)  # what is being raised must not be hidden
    if config.evaluation.gif_turns and not experiment.hurrying and not people_among(experiment.models):
        _doing(watchers, "filming an episode")
        keeper.draw("episode.gif", lambda: animation(experiment.record(), fps=10).save(folder / "episode.gif"))
    if end == "finished":  # said last: a run that is killed before goes on to do what is left
        end_facts(keeper, facts, "not saved" if missing else end)
        if not missing and not config.checkpoint.finished:
            for checkpoint in checkpoints(folder):
                remove(checkpoint.path)
    if missing:
        raise NotSaved(f"{folder}: the run is over, but not all of it could be written.\n{missing}")


def _train(experiment: Experiment, keeper: Keeper, watchers: Sequence[Watcher]) -> Generator[None, None, None]:
    """Goes through all epochs; each one's metrics are written, models and the whole state when it is their turn."""
    config = experiment.config
    if not keeper.complete:  # what goes on was stopped before it had done with its latest row
        _complete(experiment, keeper, keeper.row, watchers, written=True)
    row: Row = {}
    last = False
    for said in experiment.course(cut=lambda: keeper.save_state(TRIES)):
        if said is None:
            yield
            continue
        row = said
        epoch = keeper.epoch = row["epoch"]
        keeper.complete = experiment.cut_short
        if last := experiment.stopped or epoch == config.epochs:
            keeper.save(epoch)  # an evaluation may take longer than whoever asked to stop waits
            keeper.add(row, experiment.sweep)
            if not experiment.cut_short:
                keeper.save_state(TRIES)
        _complete(experiment, keeper, row, watchers, written=last)
        if last:
            continue
        if keeper.unsaved or epoch % config.save_every == 0:
            keeper.save(epoch)
        if keeper.state_due():
            keeper.save_state()
    if row and not last:  # a stop was asked for since that epoch's end
        keeper.save(keeper.epoch)
        keeper.save_state(TRIES)
        if "eval_way" not in row and not experiment.hurrying:
            _doing(watchers, "evaluating")
            keeper.amend(experiment.evaluate())


def _complete(experiment: Experiment, keeper: Keeper, row: Row, watchers: Sequence[Watcher], written: bool) -> None:
    """Does what is to be done about an epoch's row: evaluates, writes it, passes it on, keeps models apart by it."""
    config, epoch = experiment.config, keeper.epoch
    every = config.evaluation.every
    due = experiment.stopped or epoch == config.epochs or (every and epoch % every == 0)
    evaluated: Row = {}
    if due and not experiment.hurrying:
        _doing(watchers, "evaluating")
        evaluated = experiment.evaluate()
    row |= evaluated
    if written:
        keeper.amend(evaluated)
    else:
        keeper.add(row, experiment.sweep)
    for watcher in watchers:
        watcher.epoch(row)
    if not experiment.cut_short and not (due and experiment.hurrying):
        keeper.look_back(row)
        keeper.complete = True


def _doing(watchers: Sequence[Watcher], what: str) -> None:
    for watcher in watchers:
        watcher.doing(what)


@dataclass(frozen=True)
class Run:
    """A run that was written earlier.

    Attributes:
        folder: Its folder.
        config: Its config, every default written out.
        facts: What run.yaml says: files, versions, machine, times; empty for a run of the first version.
        trust: Whether Python files that the run folder brings or points to are run.
        snapshot: Which of its models are loaded: "" for the latest, else the name of a folder in ``models/``, such as
            ``epoch_0010`` or ``best``.
    """

    folder: Path
    config: ExperimentConfig
    facts: dict[str, Any] = field(default_factory=dict)
    trust: bool = False
    snapshot: str = ""

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
        with told_of(self.folder):
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
                model.load(saved_file(self.folder / "models" / self.snapshot / f"{place.name}{SUFFIX}"))
            except (ValueError, OSError, RuntimeError) as error:
                raise ConfigError(f"{self.folder}: the model of seat {place.name} cannot be loaded: {error}") from error
            models.append(model)
        return seat_agents(places, models, world, learn, explore, self.classes)

    def metrics(self) -> dict[str, np.ndarray]:
        """Returns the metrics by column, one row per epoch."""
        return read_metrics(self.folder)

    def frame(self) -> pandas.DataFrame:
        """Returns the metrics as a pandas frame, one row per epoch."""
        return metrics_frame(self.metrics())

    def sweep(self) -> dict[str, np.ndarray]:
        """Returns sweep.csv by column: one row per epoch and combination of swept params; empty without a sweep."""
        path = self.folder / "sweep.csv"
        return read_rows(path) if path.is_file() else {}


def load_run(path: str | Path, trust: bool = False, epoch: int | Literal["best"] | None = None) -> Run:
    """Returns a run by its folder.

    Args:
        path: The folder; or that of a snapshot of its models, ``RUN/models/epoch_0010`` or ``RUN/models/best``.
        trust: Whether Python files may be run that the run folder brings or points to. Without it only the library is
            run, and what lies in ``./worlds`` and ``./agents``.
        epoch: The epoch whose models are loaded, one of the config's ``snapshots``; ``"best"`` for those that ``best``
            keeps; None for the latest.

    Raises:
        ConfigError: If it is no run folder, or keeps no models of that epoch.
        Untrusted: If it names code that would run and is not the library's, and is not trusted.
    """
    folder = Path(path)
    snapshot = "" if epoch is None else epoch if isinstance(epoch, str) else snapshot_name(epoch)
    if epoch is None and folder.parent.name == "models" and (folder.parent.parent / "config.yaml").is_file():
        folder, snapshot = folder.parent.parent, folder.name
    if not (folder / "config.yaml").is_file():
        raise ConfigError(no_run(folder, "config.yaml"))
    config = load_config(folder / "config.yaml")
    require_trust(folder, config, trust)
    if snapshot and not (folder / "models" / snapshot).is_dir():
        kept = [each.name for each in (folder / "models").glob("[!.]*") if each.is_dir()]
        raise ConfigError(unknown("snapshot", snapshot, kept, str(folder / "models")))
    return Run(folder, config, read_facts(folder), trust, snapshot)


def tell_changes(path: str | Path) -> None:
    """Says on stderr, in a line each, which files of a run's world and models have changed since, or are gone.

    A folder that is no run, or too damaged to tell, is left to whoever reads it.
    """
    with contextlib.suppress(ValueError, OSError):
        for line in load_run(path).changes():
            tell(f"{path}: {line}")
