"""An experiment: a world, who sits in it, and the loop. Logging, saving, drawing and progress consume the loop."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from sorrelsim.authoring.window import Window
from sorrelsim.engine import threads
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments import run_folder as runs
from sorrelsim.experiments.config import (
    ConfigError,
    ExperimentConfig,
    SeatConfig,
    dump_config,
    load_config,
    read_config,
)
from sorrelsim.experiments.measures import Episodes, Recorder
from sorrelsim.library.find import find_class
from sorrelsim.library.make import make
from sorrelsim.models.agent import Agent, with_identity
from sorrelsim.models.base import BaseModel, TrainingDiverged
from sorrelsim.pictures.files import write_gif
from sorrelsim.settings import parse_config

T = TypeVar("T")
Row = dict[str, float]
"""One epoch's metrics by column; nan where there is nothing to report."""

_EVALUATION_SEED = 0x5EED
"""Added to a run's seed for the copies in which the trained agents are looked at, so that they are new to them."""


@dataclass(frozen=True)
class Place:
    """A model and the slots it plays.

    Attributes:
        name: its name in metrics and file names.
        slots: the slots.
        config: what the config says of it.
        seed: the model's seed.
    """

    name: str
    slots: tuple[int, ...]
    config: SeatConfig
    seed: int


def seating(config: ExperimentConfig, n_agents: int) -> list[Place]:
    """Who sits where.

    Raises:
        ConfigError: A slot that the world does not have, one that is taken twice, or one that is left empty.
    """
    named: list[int] = [slot for seat in config.seats if isinstance(seat.slots, list) for slot in seat.slots]
    for slot in named:
        if not 0 <= slot < n_agents:
            raise ConfigError(f"seats: no slot {slot}; this world has slots 0 to {n_agents - 1}")
        if named.count(slot) > 1:
            raise ConfigError(f"seats: slot {slot} is taken twice")
    rest = [slot for slot in range(n_agents) if slot not in named]
    groups: list[tuple[str, tuple[int, ...], SeatConfig]] = []
    for seat in config.seats:
        name = seat.name or Path(seat.model).stem
        if isinstance(seat.slots, list):
            groups.append((name, tuple(seat.slots), seat))
            continue
        if not rest:
            raise ConfigError(f"seats: no slot is left for the seat of {seat.model!r}; others name all {n_agents}")
        if seat.slots == "all":
            groups.append((name, tuple(rest), seat))
        else:
            groups += [(f"{name}_{slot}", (slot,), seat) for slot in rest]
        rest = []
    if rest:
        raise ConfigError(f"seats: nobody plays slots {rest}; add a seat with 'slots: each' or 'slots: all'")
    names = [name for name, _, _ in groups]
    places = []
    for k, (name, slots, seat) in enumerate(groups):
        unique = name if names.count(name) == 1 else f"{name}_{'_'.join(map(str, slots))}"
        seed = int(np.random.SeedSequence([config.seed, k]).generate_state(1)[0])
        places.append(Place(unique, slots, seat, seed))
    return places


def make_world(config: ExperimentConfig, n_worlds: int | None = None, seed: int | None = None) -> Gridworld:
    """The world of a config.

    Args:
        config: The config.
        n_worlds: Number of copies, if not the config's. Where a param has one value for each copy, they are dealt out
            again from the first.
        seed: Seed, if not the config's.

    Raises:
        ConfigError: If the world does not exist or does not take a setting.
    """
    settings = dict(config.world)
    name = settings.pop("name")
    n = config.n_worlds if n_worlds is None else n_worlds
    try:
        if isinstance(settings.get("window"), Mapping):
            settings["window"] = parse_config(Window, settings["window"], "window")
        if n != config.n_worlds:
            declared = getattr(find_class(name, "worlds", Gridworld), "params", None)
            for key, value in settings.items():
                default = np.shape(getattr(declared, key, value))
                if isinstance(value, list) and np.shape(value) == (config.n_worlds, *default):
                    settings[key] = [value[k % config.n_worlds] for k in range(n)]
        return make(name, n, config.seed if seed is None else seed, **settings)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"world: {error}") from error


def make_model(place: Place, world: Gridworld) -> BaseModel:
    """The model of a place, for as many streams as the world's copies make.

    Raises:
        ConfigError: If there is no such model, or it does not take a setting.
    """
    observations = world.observations
    if place.config.identity:
        observations = with_identity(observations, len(place.slots))
    n_streams = world.n_worlds * len(place.slots)
    try:
        cls: type[BaseModel] = find_class(place.config.model, "agents", BaseModel)
        model = cls.from_config(observations, world.action_names, n_streams, place.config.config, place.seed)
        if place.config.load:
            model.load(place.config.load)
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"seat {place.name}: {error}") from error
    return model


def _transform(seat: SeatConfig) -> Any:
    settings = {"name": seat.reward} if isinstance(seat.reward, str) else dict(seat.reward)
    name = settings.pop("name", None)
    if name == "individual" and not settings:
        return None
    from sorrelsim.models.rewards import make_transform

    if name is None:
        raise ConfigError("reward: give its name: {name: inequity_aversion, ...}")
    return make_transform(name, settings)


def seat_agents(
    places: Sequence[Place],
    models: Sequence[BaseModel],
    world: Gridworld,
    learn: bool = True,
    explore: bool = True,
) -> list[Agent]:
    """The models seated in a world.

    Args:
        places: Who sits where.
        models: A model for each place.
        world: The world.
        learn: Whether those learn that the config lets learn.
        explore: Whether they explore.
    """
    agents = []
    for place, model in zip(places, models, strict=True):
        learns = learn and place.config.learn
        try:
            transform = _transform(place.config) if learns else None
        except ValueError as error:
            raise ConfigError(f"seat {place.name}: {error}") from error
        agents.append(Agent(world, place.slots, model, transform, learns, explore))
    return agents


@contextmanager
def undisturbed(models: Sequence[BaseModel]) -> Iterator[None]:
    """Within, what models draw at random does not change what they draw afterwards."""
    generators = [getattr(model, "generator", None) for model in models]  # PyTorch's, where a model has one
    drawn = [model.rng.bit_generator.state for model in models]
    torch_drawn = [generator.get_state() if generator is not None else None for generator in generators]
    try:
        yield
    finally:
        for model, generator, state, torch_state in zip(models, generators, drawn, torch_drawn, strict=True):
            model.rng.bit_generator.state = state
            if generator is not None:
                generator.set_state(torch_state)


class Experiment:
    """A world, its agents and the loop.

    Args:
        config: A config, the path of one, or plain data.
        overrides: As in :func:`~sorrelsim.experiments.config.load_config`; for a path only.

    Attributes:
        config: The config.
        world: The world that is learned in.
        places: Who sits where; ``models`` and ``agents`` follow the same order.
        turns: Turns played so far.
        total_turns: Turns to play.
        diverged: The place whose model's loss was not finite, or None; the loop has ended there.

    Raises:
        ConfigError: If the config says something impossible.
    """

    def __init__(
        self, config: ExperimentConfig | str | Path | Mapping[str, Any], overrides: Sequence[str] = ()
    ) -> None:
        where = "" if isinstance(config, ExperimentConfig | Mapping) else f"{config}: "
        if isinstance(config, Mapping):
            config = read_config(config)
        elif not isinstance(config, ExperimentConfig):
            config = load_config(config, overrides)
        self.config = config
        if config.threads is not None:
            threads.set_threads(config.threads)
        try:
            self.world = make_world(config)
            self.places = seating(config, self.world.n_agents)
            self.models = [make_model(place, self.world) for place in self.places]
            self.agents = seat_agents(self.places, self.models, self.world)
        except ConfigError as error:
            raise ConfigError(f"{where}{error}") from error
        # Numba serves the networks' first layers; copies have threads of their own. Numba comes first, because where
        # both run on one OpenMP library it sets PyTorch's threads too when it starts its own.
        for library in ("numba", "torch"):
            if library in sys.modules:
                sys.modules[library].set_num_threads(config.torch_threads)
        self.recorder = Recorder(self.world)
        self.turns = 0
        self.total_turns = config.epochs * config.turns
        self.seconds = 0.0
        self.diverged: Place | None = None
        self._turn_of: Place | None = None
        self._stopping = False
        self._looked_at: Gridworld | None = None

    @property
    def learners(self) -> list[tuple[Place, BaseModel]]:
        """The places whose models learn."""
        pairs = zip(self.places, self.models, strict=True)
        return [(place, model) for place, model in pairs if place.config.learn and model.memory is not None]

    def stop(self) -> None:
        """Ends the loop after the turn that is being played; the epoch is reported as far as it got."""
        self._stopping = True

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopping

    def epochs(self) -> Iterator[Row]:
        """Plays and learns, an epoch at a time.

        Yields:
            The metrics of each epoch.

        Raises:
            TrainingDiverged: A loss is not finite; the seat is named too.
        """
        try:
            yield from self._epochs()
        except TrainingDiverged as error:
            if self._turn_of is not None:
                self.diverged = self._turn_of
                error.args = (f"seat {self.diverged.name}: {error}",)
            raise

    def _epochs(self) -> Iterator[Row]:
        world, agents = self.world, self.agents
        for epoch in range(1, self.config.epochs + 1):
            before, started, paid = self.turns, time.perf_counter(), self._running()
            for model in self._in_turn(self.models):
                model.start_epoch_action(epoch=epoch)
            for _ in range(self.config.turns):
                for agent in agents:
                    agent.transition(world)
                world.step()
                for agent in self._in_turn(agents):
                    agent.remember(world)
                self.recorder.observe(world)
                self.turns += 1
                if self._stopping:
                    break
            for model in self._in_turn(self.models):
                model.end_epoch_action(epoch=epoch)
            seconds = time.perf_counter() - started
            self.seconds += seconds
            yield self._row(epoch, self.turns - before, seconds, paid)
            if self._stopping:
                return

    def _in_turn(self, things: Sequence[T]) -> Iterator[T]:
        """Agents or models, one a place; notes whose turn it is, so that an error can name the seat."""
        for place, thing in zip(self.places, things, strict=True):
            self._turn_of = place
            yield thing

    def _running(self) -> np.ndarray:
        """Rewards so far of the episodes that are running, summed over copies: [N]."""
        return self.world.episode_return.sum(0)

    def _row(self, epoch: int, turns: int, seconds: float, paid_before: np.ndarray) -> Row:
        world = self.world
        episodes = self.recorder.take()
        paid = episodes.returns.sum(0) + self._running() - paid_before
        row: Row = {
            "epoch": epoch,
            "env_steps": self.turns * world.n_worlds,
            "agent_steps": self.turns * world.n_worlds * world.n_agents,
            **_returns(episodes, world.n_agents),
            "reward_mean": float(paid.mean()) / (turns * world.n_worlds),
            "episodes": len(episodes),
            "episode_length": _mean(episodes.lengths),
            "seconds": self.seconds,
            "steps_per_second": turns * world.n_worlds / seconds,
        }
        losses: Row = {}
        for place, model in self.learners:
            losses |= {f"{name}_{place.name}": value for name, value in model.take_losses().items()}
        first = [value for name, value in losses.items() if name.startswith("loss_")] or list(losses.values())
        row["loss"] = _mean(first)
        row["epsilon"] = _mean([model.epsilon for _, model in self.learners])
        return row | episodes.measures() | episodes.event_means() | losses

    # Looking at what was learned

    def greedy(self, n_worlds: int | None = None) -> tuple[Gridworld, list[Agent]]:
        """Copies of the world for looking at the agents, freshly reset, and the agents playing their best in them."""
        n = self.config.evaluation.n_worlds if n_worlds is None else n_worlds
        seed = self.config.seed + _EVALUATION_SEED
        if self._looked_at is None or self._looked_at.n_worlds != n:
            self._looked_at = make_world(self.config, n, seed)
        else:
            self._looked_at.reset(seed)
        return self._looked_at, seat_agents(self.places, self.models, self._looked_at, learn=False, explore=False)

    def evaluate(self) -> Row:
        """Greedy play, one episode a copy: ``eval_return_mean``, and ``eval_return_<slot>`` for each agent."""
        with undisturbed(self.models):
            world, agents = self.greedy()
            episodes = play_episodes(world, agents, self.config.evaluation.max_turns)
        return {f"eval_{name}": value for name, value in _returns(episodes, world.n_agents).items()}

    def record(self, turns: int | None = None) -> list[np.ndarray]:
        """Pictures of greedy play in one copy, from the start of an episode to its end or the last of ``turns``."""
        with undisturbed(self.models):
            world, agents = self.greedy(1)
            return film(world, agents, self.config.evaluation.gif_turns if turns is None else turns)

    def save_models(self, folder: str | Path) -> None:
        """Writes every model to ``folder/<seat>.pt``; one that diverged to ``folder/<seat>_diverged.pt``, which leaves
        the file of when it was sound.
        """
        for place, model in zip(self.places, self.models, strict=True):
            suffix = "_diverged" if place is self.diverged else ""
            model.save(Path(folder) / f"{place.name}{suffix}.pt")


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
        The run folder: config.yaml, metrics.csv, curve.png, episode.gif, models/<seat>.pt.

    Raises:
        TrainingDiverged: A loss is not finite. The seat and its last good checkpoint are named.
    """
    config = experiment.config
    folder = runs.new_folder(config.runs, config.name or config.world["name"]) if folder is None else folder
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    log = runs.MetricsLog(folder / "metrics.csv")
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
            error.args = (f"{str(error).removesuffix('.')}: {models / f'{experiment.diverged.name}.pt'}",)
        raise
    finally:
        experiment.save_models(models)
        if log.rows:
            if watcher:
                watcher.doing("drawing the curve")
            runs.draw_curves([folder], folder / "curve.png")
    if config.evaluation.gif_turns:
        if watcher:
            watcher.doing("filming an episode")
        write_gif(folder / "episode.gif", experiment.record())
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

    def world(self, n_worlds: int | None = None, seed: int | None = None) -> Gridworld:
        """Its world, with the copies and the seed of the run unless others are given."""
        return make_world(self.config, n_worlds, seed)

    def agents(self, world: Gridworld, learn: bool = False, explore: bool = False) -> list[Agent]:
        """The trained agents, seated in a world of the run's shape, whatever its number of copies.

        Raises:
            ConfigError: If a model's file is missing or is another's.
        """
        places = seating(self.config, world.n_agents)
        models = []
        for place in places:
            model = make_model(place, world)
            try:
                model.load(self.folder / "models" / f"{place.name}.pt")
            except (ValueError, OSError, RuntimeError) as error:
                raise ConfigError(f"{self.folder}: the model of seat {place.name} cannot be loaded: {error}") from error
            models.append(model)
        return seat_agents(places, models, world, learn, explore)

    def metrics(self) -> dict[str, np.ndarray]:
        """The metrics by column, one row an epoch."""
        return runs.read_metrics(self.folder)


def load_run(path: str | Path) -> Run:
    """A run by its folder.

    Raises:
        ConfigError: If it is no run folder.
    """
    folder = Path(path)
    if not (folder / "config.yaml").is_file():
        raise ConfigError(f"{folder} is no run folder: it has no config.yaml")
    return Run(folder, load_config(folder / "config.yaml"))


def play_episodes(world: Gridworld, agents: Sequence[Agent], max_turns: int) -> Episodes:
    """Plays until every copy has finished one episode, and returns those: the first of each copy.

    Args:
        world: The world, freshly reset.
        agents: Its players.
        max_turns: Episodes that have not ended by then are left out.
    """
    recorder = Recorder(world)
    done = np.zeros(world.n_worlds, bool)
    found = [recorder.take()]
    for _ in range(max_turns):
        for agent in agents:
            agent.transition(world)
        world.step()
        for agent in agents:
            agent.remember(world)
        recorder.observe(world)
        ended = np.flatnonzero(world.info["ended"])
        if ended.size:
            found.append(recorder.take().where(~done[ended]))
            done[ended] = True
            if done.all():
                break
    return Episodes.join(found)


def film(world: Gridworld, agents: Sequence[Agent], turns: int) -> list[np.ndarray]:
    """Pictures of copy 0, RGB uint8 [height, width, 3], from now to the end of the episode or the last of ``turns``."""
    pictures = [world.render(0)]
    for _ in range(turns):
        for agent in agents:
            agent.transition(world)
        world.step()
        for agent in agents:
            agent.remember(world)
        if world.info["ended"][0]:
            break
        pictures.append(world.render(0))
    return pictures


def _returns(episodes: Episodes, n_agents: int) -> Row:
    returns = episodes.returns
    means = returns.mean(0) if len(episodes) else np.full(n_agents, np.nan)
    return {"return_mean": float(means.mean())} | {f"return_{k}": float(mean) for k, mean in enumerate(means)}


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
