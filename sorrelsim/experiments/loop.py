"""An experiment: a world, who sits in it, and the loop. Logging, saving, drawing and progress consume the loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from sorrelsim.engine import threads
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.config import ConfigError, ExperimentConfig, check_machine, load_config, read_config
from sorrelsim.experiments.crew import Crew
from sorrelsim.experiments.evaluation import set_shared_chance, shared_chance, ways_of
from sorrelsim.experiments.looking import Looking
from sorrelsim.experiments.measures import EpisodeCollector, Row, return_means
from sorrelsim.experiments.playing import Group, Seated, grouped, turns_of
from sorrelsim.experiments.resolve import resolve
from sorrelsim.experiments.seating import Place, make_model, make_world, seat_agents, seating
from sorrelsim.experiments.sweep import combinations, sweep_rows
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.checkpoint import SUFFIX
from sorrelsim.models.threads import set_network_threads
from sorrelsim.outside.make import is_outside
from sorrelsim.tables.events import EventLog


class Experiment:
    """A world, its agents and the loop.

    Args:
        config: A config, the path of one, or plain data.
        overrides: As in :func:`~sorrelsim.experiments.config.load_config`; for a path only.
        classes: Where the classes of world and models come from; by default they are looked up anew.
        start: Whether seats start from the saved models that the config names; False where a state is loaded.

    Attributes:
        config: The config, every default written out: also the world's params and the models' settings.
        classes: The classes of its world and models, imported once.
        world: The world that is learned in.
        swept: The combinations of params that the copies play by, where they differ.
        sweep: The latest epoch's rows of ``sweep.csv``, one per combination.
        places: Who sits where; ``models`` and ``agents`` follow the same order.
        epoch: Epochs played so far, the last of them perhaps not to its end.
        turns: Turns played so far.
        total_turns: Turns to play.
        seconds: Seconds that it has played and learned.
        log: What every step is written to, once :meth:`log_events` was called.
        crew: The actors that play its copies, if the config asks for some.

    Raises:
        ConfigError: If the config says something impossible.
    """

    def __init__(
        self,
        config: ExperimentConfig | str | Path | Mapping[str, Any],
        overrides: Sequence[str] = (),
        classes: Classes | None = None,
        start: bool = True,
    ) -> None:
        where = ""
        if isinstance(config, Mapping):
            config = read_config(config)
        elif not isinstance(config, ExperimentConfig):
            where, config = f"{config}: ", load_config(config, overrides)
        set_network_threads(config.torch_threads)  # first: how models are built shall not depend on the machine
        if config.threads is not None:
            threads.set_threads(config.threads)
        self.classes = classes or Classes()
        try:
            check_machine(config)
            self.world = make_world(config, classes=self.classes)
            self.places = seating(config, self.world.n_agents)
            self.models = [make_model(place, self.world, self.classes, start=start) for place in self.places]
            self.agents = seat_agents(self.places, self.models, self.world, classes=self.classes)
            self.config = resolve(config, self.world, self.places, self.models)
            self.collector = EpisodeCollector(self.world)
            self.crew = Crew(self) if config.actors else None
        except ConfigError as error:
            raise ConfigError(f"{where}{error}") from error
        self.swept = combinations(self.world)
        self.sweep: list[Row] = []
        self._players = [Seated(*each) for each in zip(self.places, self.agents, strict=True)]
        self.regroup(config.together and not config.actors)
        self.epoch = self.turns = 0
        self.total_turns = config.epochs * config.turns
        self.seconds = self._seconds_before = 0.0  # in all, and before the epoch that is being played
        self._paid_before = self.running()
        self.log: EventLog | None = None
        self._log_state: Mapping[str, Any] | None = None
        self._stopping = self._hurrying = False
        self._look = Looking(self.config, self.places, self.models, self.classes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.crew is not None:
            self.crew.close()

    def player_of(self, model: BaseModel) -> Seated:
        """Returns a model's player, within which an error of the model names the seat."""
        return next(player for player in self._players if player.agent.model is model)

    @property
    def learners(self) -> list[tuple[Place, BaseModel]]:
        """The places whose models learn."""
        pairs = zip(self.places, self.models, strict=True)
        return [(place, model) for place, model in pairs if place.config.learn and model.memory is not None]

    @property
    def together(self) -> list[list[str]]:
        """The names of those seats, a list for each group, whose models act and learn as one."""
        return [[each.place.name for each in group.seated] for group in self._playing if isinstance(group, Group)]

    def stop(self, hurry: bool = False) -> None:
        """Ends the loop after the turn that is being played; the epoch is reported as far as it got.

        Args:
            hurry: Whether to leave out the evaluation and the film as well.
        """
        self._stopping = True
        self._hurrying = self._hurrying or hurry

    @property
    def hurrying(self) -> bool:
        """Whether :meth:`stop` was called in a hurry."""
        return self._hurrying

    @property
    def diverged(self) -> Place | None:
        """The place whose model's loss was not finite, or None; the loop has ended there."""
        return next((player.place for player in self._players if player.diverged), None)

    @property
    def cut_short(self) -> bool:
        """Whether a stop cut the latest epoch short."""
        return self.turns < self.epoch * self.config.turns

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopping

    @property
    def seated(self) -> list[Seated]:
        """Who plays, in the order of the places."""
        return list(self._players)

    def regroup(self, together: bool) -> None:
        """Lets learners that are alike act and learn as one from now on, or all one by one; between two turns."""
        self._playing = grouped([self._players], self.world) if together else list(self._players)
        self._play_turn = turns_of(self.world, self._playing, self.config.halves or 1)

    def epochs(self, cut: Callable[[], object] = lambda: None) -> Iterator[Row]:
        """Plays and learns, an epoch at a time, from where it is to the last.

        Args:
            cut: As for :meth:`course`.

        Yields:
            The metrics of each epoch.

        Raises:
            TrainingDiverged: If a loss is not finite; the seat is named too.
        """
        for row in self.course(cut):
            if row is None:
                self.play_turn()
            else:
                yield row

    def play_turn(self) -> None:
        """Plays a turn and learns; with actors, as many turns of the epoch as are complete by then."""
        began = time.perf_counter()
        if self.crew is not None:
            self.turns += self.crew.play(self.config.turns - self.turns % self.config.turns)
        else:
            self._play_turn()
            self.end_turn()
        self.seconds += time.perf_counter() - began

    def end_turn(self) -> None:
        """Takes in a turn that was played in its world."""
        self.collector.observe(self.world)
        if self.log is not None:
            self.log.step(self.world)
        self.turns += 1

    def course(self, cut: Callable[[], object] = lambda: None) -> Iterator[Row | None]:
        """Goes through the epochs, from where it is to the last, while turns are played by whoever asks for the next.

        Args:
            cut: Called where a stop cuts an epoch short, before that epoch is ended and reported: what goes on from the
                state of that moment is as if nothing had stopped it.

        Yields:
            None where a turn is to be played; the metrics of each epoch.
        """
        set_network_threads(self.config.torch_threads)  # another experiment may have been built since
        while self.epoch < self.config.epochs and not self._stopping:
            last = (self.epoch + 1) * self.config.turns
            if self.turns == self.epoch * self.config.turns:
                self._paid_before, self._seconds_before = self.running(), self.seconds
                for player in self._players:
                    player.start_epoch(self.epoch + 1)
            while True:  # one turn at least, for the epoch has been started
                yield None
                if self.turns == last or self._stopping:
                    break
            if self.turns < last:
                cut()
            if self.turns == self.epoch * self.config.turns:
                return  # stopped before actors had played a turn of it
            self.epoch += 1
            for player in self._players:
                player.end_epoch(self.epoch)
            yield self._row()

    def running(self) -> np.ndarray:
        """Rewards so far of the episodes that are running, summed over copies: [N]."""
        return self.world.episode_return.sum(0) if self.crew is None else self.crew.running.copy()

    def _row(self) -> Row:
        world, epoch = self.world, self.epoch
        turns, seconds = self.turns - (epoch - 1) * self.config.turns, self.seconds - self._seconds_before
        episodes = self.collector.take()
        paid = episodes.returns.sum(0) + self.running() - self._paid_before
        row: Row = {
            "epoch": epoch,
            "env_steps": self.turns * world.n_worlds,
            "agent_steps": self.turns * world.n_worlds * world.n_agents,
            **return_means(episodes, world.n_agents),
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
        shared = {"epoch": epoch, "env_steps": row["env_steps"]}
        self.sweep = sweep_rows(self.swept, shared, episodes, world.n_agents)
        return row | episodes.measures() | episodes.event_means() | losses

    def looking(self, n_worlds: int | None = None, way: str = "own") -> tuple[Gridworld, list[Agent]]:
        """Makes copies of the world for looking at the agents, freshly reset, and seats the agents in them.

        Args:
            n_worlds: Number of copies, if not the evaluation's.
            way: How they play: ``greedy``, ``sampled``, or ``own``: each model the way that it is meant to be played.
        """
        return self._look.seat(n_worlds, way)

    @property
    def eval_way(self) -> str:
        """How the models are meant to be played, which ``eval_return_mean`` is of: ``greedy`` or ``sampled``."""
        return ways_of(self.models)

    def evaluate(self) -> Row:
        """Plays one episode per copy, without people: ``eval_return_mean``, ``eval_return_<slot>``, ``eval_way``.

        Each model plays the way that it is meant to be played. What ``evaluation.ways`` names comes beside it, as
        ``eval_greedy_return_mean`` and the like.
        """
        return self._look.evaluate(lambda: self._hurrying)

    def record(self, turns: int | None = None) -> list[np.ndarray]:
        """Films one copy, from the start of an episode to its end or the last of ``turns``."""
        return self._look.record(turns)

    def log_events(self, folder: Path) -> None:
        """Begins to write what happens to ``folder/events``, or goes on with it, if the config asks for it."""
        if self.crew is not None:
            self.crew.folder = folder
        given = self.config.events
        if given.detail is not None:
            self.log = EventLog(folder / "events", self.world, given.detail, given.format)
            if self._log_state is not None:
                self.log.load_state_dict(self._log_state)

    def state_dict(self) -> dict[str, Any]:
        """Returns, between two turns, all that decides what comes next but for the models, which save themselves."""
        return (
            ({} if self.log is None else {"log": self.log.state_dict()})
            | {
                "epoch": self.epoch,
                "turns": self.turns,
                "seconds": [self.seconds, self._seconds_before],
                "paid_before": self._paid_before,
                "world": self.world.get_state(),
                "agents": {each.place.name: each.agent.state_dict() for each in self._players},
                "episodes": self.collector.state_dict(),
                "chance": shared_chance(),
            }
            | ({} if self.crew is None else {"crew": self.crew.state_dict()})
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave, of an experiment of the same config; ``epochs`` may be others.

        Raises:
            ValueError: If it is of another experiment, or not sound.
        """
        self.world.set_state(state["world"])
        for each in self._players:
            each.agent.load_state_dict(state["agents"][each.place.name])
        self.collector.load_state_dict(state["episodes"])
        self.epoch, self.turns = int(state["epoch"]), int(state["turns"])
        self.seconds, self._seconds_before = map(float, state["seconds"])
        self._paid_before = np.array(state["paid_before"])
        if self.crew is not None:
            self.crew.load_state_dict(state["crew"])
        elif is_outside(self.world.name):  # its episodes began anew
            self._paid_before = self.running()
            for each in self._players:
                each.agent.reset()
        set_shared_chance(state["chance"])
        self._log_state = state.get("log")

    def save_models(self, folder: str | Path) -> None:
        """Writes every model to ``folder/<seat>.safetensors``."""
        for place, model in zip(self.places, self.models, strict=True):
            model.save(Path(folder) / f"{place.name}{SUFFIX}")

    def save_diverged(self, folder: str | Path) -> None:
        """Writes the model that diverged, if one did, to ``folder/<seat>_diverged.safetensors``."""
        for player in self._players:
            if player.diverged:
                player.agent.model.save(Path(folder) / f"{player.place.name}_diverged{SUFFIX}")


def _mean(values: Any) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
