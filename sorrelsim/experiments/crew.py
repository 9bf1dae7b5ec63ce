"""The actors of a run, as the run has them: work is given out ahead, what comes back is learned from.

The learner is the run's own process, for its networks are what is evaluated, saved, resumed and shown. What the actors
are made of is the staff's affair: processes of Ray (``on_ray``), or anything else that can be asked for work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import tell
from sorrelsim.experiments.actor import Errand, News
from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.config import ConfigError, ExperimentConfig
from sorrelsim.experiments.facts import now
from sorrelsim.experiments.measures import EpisodeCollector
from sorrelsim.experiments.playing import Seated
from sorrelsim.experiments.run_folder import append
from sorrelsim.experiments.seating import Place
from sorrelsim.experiments.staff import MemoryLost, NoActors, Outcome, Staff
from sorrelsim.library.find import LIBRARY, find_class, shipped
from sorrelsim.models.base import BaseModel

PATIENCE = 300.0
"""Seconds without any actor after which a run gives up."""
LOG = "actors.log"


class Played(Protocol):
    """What a crew has to know of an experiment."""

    config: ExperimentConfig
    classes: Classes
    world: Gridworld
    places: list[Place]
    models: list[BaseModel]
    collector: EpisodeCollector

    @property
    def learners(self) -> list[tuple[Place, BaseModel]]:
        """The places whose models learn."""

    @property
    def stopped(self) -> bool:
        """Whether it is to stop."""

    def stop(self, hurry: bool = False) -> None:
        """Lets it stop."""

    def player_of(self, model: BaseModel) -> Seated:
        """Returns a model's player."""


@dataclass
class Post:
    """The place of an actor in a crew.

    Attributes:
        number: Its number.
        begun: Whether an actor there has begun to play.
        under_way: Pieces of work that it has been given and that have not come back.
    """

    number: int
    begun: bool = False
    under_way: int = 0


def check_actors(places: Sequence[Place], models: Sequence[BaseModel], config: ExperimentConfig) -> None:
    """Checks that a config's actors can play it.

    Raises:
        ConfigError: If a learner learns in one process only, nobody learns, the copies cannot be dealt out evenly, a
            person plays, or every step is to be written down.
    """
    n = config.actors
    pairs = [(place, model) for place, model in zip(places, models, strict=True) if place.config.learn]
    learners = [(place, model) for place, model in pairs if model.memory is not None]
    for place, model in learners:
        if model.gathering is None:
            raise ConfigError(
                f"actors is {n}, and {model.name} of seat {place.name} learns in one process only; learners that "
                f"actors can serve: {', '.join(_served())}; or actors=0"
            )
    if not learners:
        raise ConfigError(f"actors is {n}, and nobody learns from what they play; seats with a learner, or actors=0")
    if config.n_worlds % n:
        near = max(n, round(config.n_worlds / n) * n)
        raise ConfigError(
            f"n_worlds must be a multiple of actors, which are dealt as many copies each: {config.n_worlds} copies for "
            f"{n} actors; {near} would do"
        )
    if any(model.asks_people for model in models):
        raise ConfigError(f"actors is {n}, and a person plays, who sits at this process; actors=0 lets people play")
    if config.events.detail is not None:
        raise ConfigError(f"events.detail is {config.events.detail!r}, which is written with actors=0 only; got {n}")


def _served() -> list[str]:
    """Returns the names of the library's learners that actors can serve."""
    names = [name for name, path in shipped("agents").items() if path.parent.name == "learners"]
    return [name for name in names if find_class(LIBRARY + name, "agents", BaseModel).gathering is not None]


class Crew:
    """The actors of an experiment.

    Args:
        experiment: The experiment; its own world is not played in.
        staff: Who is asked for actors; by default Ray, from the first turn on.

    Attributes:
        running: Rewards of episodes that are running or were lost, summed over copies, [N].
        folder: Where it writes down which actors came and went.
        gone: Why no turn can be played any more, if so.
    """

    def __init__(self, experiment: Played, staff: Staff | None = None) -> None:
        config = experiment.config
        check_actors(experiment.places, experiment.models, config)
        self.experiment, self.staff = experiment, staff
        self.n_actors, self.copies = config.actors, config.n_worlds // config.actors
        self.gatherings: list[Any] = []
        for _, model in experiment.learners:
            self.gatherings.append(cast(Any, model.gathering)(model, self.n_actors))
            self.gatherings[-1].lead()
        self.turns = max(each.turns for each in self.gatherings)
        self.ahead = min(each.under_way for each in self.gatherings)
        self.running = np.zeros(experiment.world.n_agents)
        self.folder: Path | None = None
        self.gone = ""
        self._posts = [Post(number) for number in range(self.n_actors)]
        self._hired = self._steps = 0  # actors begun so far; world-steps that came in and are not counted as turns yet
        self._shared: tuple[list[int], Any] = [], None
        self._begun = False
        self._seen = 0.0  # when an actor was last there

    def play(self, limit: int) -> int:
        """Lets actors play and learners learn until a turn of all copies is complete, or the experiment is to stop.

        Args:
            limit: Turns at the most; what came in beyond them is counted later.

        Returns:
            Turns that were completed.
        """
        if not self._begun:
            self._begin()
        n_worlds = self.experiment.world.n_worlds
        while self._steps < n_worlds and not self.experiment.stopped:
            outcome = cast(Staff, self.staff).next(0.2)
            if outcome is not None:
                self._take(outcome)
            self._wait_for_actors()
        turns = min(limit, self._steps // n_worlds)
        self._steps -= turns * n_worlds
        return turns

    def _begin(self) -> None:
        if self.staff is None:
            from sorrelsim.experiments.on_ray import RayStaff

            self.staff = RayStaff(self.n_actors, [each.by_memory for each in self.gatherings])
        self._begun, self._seen = True, time.monotonic()
        for gathering in self.gatherings:
            if gathering.by_memory:
                gathering.model.memory = self.staff.entrust(gathering.model.memory)
        for post in self._posts:
            self._hire(post)

    def _hire(self, post: Post) -> None:
        """Begins an actor at a post."""
        experiment = self.experiment
        post.begun, post.under_way = False, 0
        where = experiment.classes.where()
        cast(Staff, self.staff).hire(Errand(experiment.config, post.number, self._hired, os.getcwd(), where))
        self._hired += 1

    def _take(self, outcome: Outcome) -> None:
        """Takes in what came of something: a new actor is given work, a lost one is replaced, news are learned from."""
        post = self._posts[outcome.number]
        if self.experiment.stopped:
            return
        if outcome.lost:
            self._note(f"actor {post.number} is lost ({outcome.lost}); another takes its place")
            self._hire(post)
            return
        if outcome.news is None:
            post.begun = True
            self._note(f"actor {post.number} plays on {outcome.began}", aloud=self._hired > self.n_actors)
        else:
            post.under_way -= 1
            self._learn(outcome.number, outcome.news, outcome.parcels)
        while post.under_way < self.ahead:
            cast(Staff, self.staff).ask(post.number, self._weights(), self.turns)
            post.under_way += 1

    def _weights(self) -> Any:
        """Returns the learners' weights as they are now; shared anew only if a gradient step was taken since."""
        from sorrelsim.models.torch.gathering import weights_of

        steps = [each.model.gradient_steps for each in self.gatherings]
        if self._shared[1] is None or self._shared[0] != steps:
            self._shared = steps, cast(Staff, self.staff).share([weights_of(each.model) for each in self.gatherings])
        return self._shared[1]

    def _learn(self, number: int, news: News, parcels: Sequence[Any]) -> None:
        """Counts what an actor has played, and lets every learner learn from its parcel."""
        self.experiment.collector.add(news.episodes)
        self.running += news.paid - news.episodes.returns.sum(0)
        self._steps += news.turns * self.copies
        for gathering, parcel, acted_by in zip(self.gatherings, parcels, news.acted_by, strict=True):
            model = gathering.model
            with self.experiment.player_of(model):
                if model.gradient_steps:
                    model.note_losses({"policy_lag": model.gradient_steps - acted_by})
                try:
                    if gathering.by_memory:
                        model.memory.add(number, parcel)
                    for _ in gathering.learn([] if gathering.by_memory else parcel, news.turns):
                        if self.experiment.stopped:
                            break
                except MemoryLost as lost:
                    self._note(f"the replay memory of {model.name} is lost ({lost}); it fills anew")
                    gathering.lead()
                    model.memory = cast(Staff, self.staff).entrust(model.memory)

    def _wait_for_actors(self) -> None:
        """Stops the experiment if there has been no actor for too long."""
        time_now = time.monotonic()
        if any(post.begun for post in self._posts):
            self._seen = time_now
        elif time_now - self._seen > PATIENCE:
            self.gone = (
                f"no actor could be had for {PATIENCE / 60:g} minutes: is there room for them, a core each? The run "
                f"has stopped, and can be gone on with: sorrelsim train --resume {self.folder or 'RUN'}"
            )
            self._note(self.gone, aloud=False)
            self.experiment.stop(hurry=True)

    def _note(self, line: str, aloud: bool = True) -> None:
        """Says a line, and writes it into the run folder."""
        if aloud:
            tell(line)
        if self.folder is not None:
            try:
                append(self.folder / LOG, f"{now()} {line}\n".encode(), new=True)
            except OSError as error:
                tell(f"{LOG} could not be written: {error}")

    def close(self) -> None:
        """Ends all actors.

        Raises:
            NoActors: If there were none for too long.
        """
        if self.staff is not None:
            self.staff.close()
        if self.gone:
            raise NoActors(self.gone)

    def state_dict(self) -> dict[str, Any]:
        """Returns what a resumed run goes on from; what actors are doing is played anew."""
        return {"hired": self._hired, "running": self.running}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        self._hired, self.running = int(state["hired"]), np.array(state["running"], float)
