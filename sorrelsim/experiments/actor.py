"""One of the actors of a run: a process that plays its share of the copies, and learns nothing.

It finds worlds and models by the names that the run's config has for them, as the run itself does, so no code goes from
process to process: settings, weights and what was lived do.
"""

from __future__ import annotations

import dataclasses
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from sorrelsim.authoring.params import deal
from sorrelsim.engine import threads
from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.config import ConfigError, ExperimentConfig, SeatConfig
from sorrelsim.experiments.measures import EpisodeCollector, Episodes
from sorrelsim.experiments.seating import make_model, make_world, seat_agents, seating
from sorrelsim.models.base import BaseModel
from sorrelsim.models.playing import play_step
from sorrelsim.models.threads import set_network_threads
from sorrelsim.outside.make import is_outside

_STREAM = 0xAC70
"""Sets the chance of actors apart from all else that follows from a run's seed."""


@dataclass(frozen=True)
class Errand:
    """What one actor of a run has to know of it: plain data.

    Attributes:
        config: The run's config, every default written out.
        number: Which actor it is, from 0: its copies are the share of that number, its chance the stream.
        life: How often actors of this run were begun before; one that takes the place of another does not repeat it.
        folder: The folder that names in the config are relative to.
        classes: Where classes come from: ``Classes.where``.
    """

    config: ExperimentConfig
    number: int
    life: int
    folder: str
    classes: dict[str, Any]


@dataclass(frozen=True)
class News:
    """What an actor says of the turns that it has played, beside its parcels.

    Attributes:
        turns: World-steps of each of its copies.
        acted_by: Gradient steps that each learner had taken when it gave the weights that were acted by.
        episodes: The episodes that finished; their copies are numbered as in the whole run.
        paid: Rewards, summed over copies and turns, [N].
    """

    turns: int
    acted_by: list[int]
    episodes: Episodes
    paid: np.ndarray


def seed_of(seed: int, number: int, life: int) -> int:
    """Returns the seed of an actor: stream ``number`` of those that follow from a run's seed, in its ``life``."""
    stream = np.random.SeedSequence(seed, spawn_key=(_STREAM, number, life))
    return int(stream.generate_state(1, np.uint64)[0] >> np.uint64(1))


def share_of(errand: Errand, classes: Classes) -> ExperimentConfig:
    """Returns the config of an actor: its copies with their params, its seed, and networks that stay off the GPU."""
    config, n = errand.config, errand.config.n_worlds // errand.config.actors
    world = dict(config.world)
    if not is_outside(world["name"]):
        world = deal(classes.world(world["name"]).params, world, n, errand.number * n)
    return dataclasses.replace(
        config,
        world=world,
        seats=[_on_cpu(seat) for seat in config.seats],
        n_worlds=n,
        device=None,
        seed=seed_of(config.seed, errand.number, errand.life),
    )


def _on_cpu(seat: SeatConfig) -> SeatConfig:
    on_gpu = seat.config.get("device", "cpu") != "cpu"
    return dataclasses.replace(seat, config=seat.config | {"device": "cpu"}) if on_gpu else seat


class _Acting(Classes):
    """Classes of which learners are built as actors have them."""

    def model(self, name: str) -> type[BaseModel]:
        cls = super().model(name)
        if cls.gathering is None:
            return cls
        from sorrelsim.models.torch.gathering import acting_class

        return cast(type[BaseModel], acting_class(cast(Any, cls)))


class Actor:
    """A share of a run's copies, who sits in them, and what is gathered there."""

    def begin(self, errand: Errand) -> str:
        """Makes the world and its agents; returns the name of the machine.

        Raises:
            ConfigError: If this machine lacks the folder of the run, or something that the config names.
        """
        if not Path(errand.folder).is_dir():
            raise ConfigError(f"node {platform.node()} has no folder {errand.folder}: all nodes must share it")
        os.chdir(errand.folder)
        classes = _Acting(**errand.classes)
        config = share_of(errand, classes)
        set_network_threads(config.torch_threads)
        threads.set_threads(config.threads or 1)
        self.world = make_world(config, classes=classes)
        places = seating(config, self.world.n_agents)
        models = [make_model(place, self.world, classes, start=not place.config.learn) for place in places]
        self.agents = seat_agents(places, models, self.world, classes=classes)
        pairs = zip(places, models, strict=True)
        learners = [model for place, model in pairs if place.config.learn and model.gathering is not None]
        self.gatherings = [cast(Any, model.gathering)(model, errand.config.actors) for model in learners]
        for gathering in self.gatherings:
            gathering.serve(errand.number)
        self.collector = EpisodeCollector(self.world)
        self._first = errand.number * config.n_worlds
        return platform.node()

    def play(self, weights: list[dict[str, Any]], turns: int) -> tuple[Any, ...]:
        """Plays some turns; returns the news, and a parcel per learner.

        Args:
            weights: What each learner is to act by.
            turns: World-steps of each copy.
        """
        from sorrelsim.models.torch.gathering import take_weights

        for gathering, each in zip(self.gatherings, weights, strict=True):
            take_weights(gathering.model, each)
        paid = np.zeros(self.world.n_agents)
        for _ in range(turns):
            play_step(self.world, self.agents)
            self.collector.observe(self.world)
            paid += self.world.reward.sum(0)
            for gathering in self.gatherings:
                gathering.gather()
        episodes = self.collector.take()
        episodes = dataclasses.replace(episodes, copies=episodes.copies + self._first)
        news = News(turns, [each["gradient_steps"] for each in weights], episodes, paid)
        return (news, *(gathering.parcel() for gathering in self.gatherings))
