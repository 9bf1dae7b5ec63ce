"""From a config to what plays: its world, who sits where, the models, and those seated as agents.

``loop`` trains what is built here, and a ``run`` that was written earlier builds it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from sorrelsim.authoring.params import deal
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.config import ConfigError, ExperimentConfig, SeatConfig
from sorrelsim.library.find import LIBRARY, bare, find_class, shipped
from sorrelsim.library.make import make_of
from sorrelsim.library.transforms import make_transform
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.fitting import with_identity
from sorrelsim.models.rewards import RewardTransform
from sorrelsim.observations.actions import KINDS
from sorrelsim.outside.make import is_outside, make_outside


@dataclass(frozen=True)
class Place:
    """A model and the slots it plays.

    Attributes:
        name: Its name in metrics and file names.
        slots: The slots.
        config: What the config says of it.
        seed: The model's seed.
        device: Where its networks live; None leaves it to its settings.
    """

    name: str
    slots: tuple[int, ...]
    config: SeatConfig
    seed: int
    device: str | None = None


def seating(config: ExperimentConfig, n_agents: int) -> list[Place]:
    """Returns who sits where.

    Raises:
        ConfigError: If a slot does not exist, is taken twice, or is left empty.
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
        name = seat.name or bare(seat.model)
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
    places = []
    for k, ((_, slots, seat), unique) in enumerate(zip(groups, _file_names(groups), strict=True)):
        seed = int(np.random.SeedSequence([config.seed, k]).generate_state(1)[0])
        places.append(Place(unique, slots, seat, seed, config.device))
    return places


def _file_names(groups: Sequence[tuple[str, tuple[int, ...], SeatConfig]]) -> list[str]:
    """Returns a name for each place that no other has, in whatever case: where several have one, their slots join it.

    File systems that do not tell cases apart would keep two such models in one file.
    """
    names = [name for name, _, _ in groups]
    folded = [name.casefold() for name in names]
    alone = {name for name in folded if folded.count(name) == 1}
    taken = set(alone)
    for k, (name, slots, _) in enumerate(groups):
        if folded[k] in alone:
            continue
        wanted = numbered = f"{name}_{'_'.join(map(str, slots))}"
        number = 2
        while numbered.casefold() in taken:  # another seat was given that name
            numbered = f"{wanted}_{number}"
            number += 1
        taken.add(numbered.casefold())
        names[k] = numbered
    return names


def world_settings(config: ExperimentConfig, n_worlds: int, classes: Classes | None = None) -> dict[str, Any]:
    """Returns the settings of a config's world, its name among them, for some number of copies.

    Raises:
        ValueError: If there is no such world.
    """
    if n_worlds == config.n_worlds or is_outside(config.world["name"]):
        return dict(config.world)
    return deal((classes or Classes()).world(config.world["name"]).params, config.world, n_worlds)


def make_world(
    config: ExperimentConfig, n_worlds: int | None = None, seed: int | None = None, classes: Classes | None = None
) -> Gridworld:
    """Makes the world of a config.

    Args:
        config: The config.
        n_worlds: Number of copies, if not the config's. Where a param has one value per copy, they are dealt out again
            from the first.
        seed: Seed, if not the config's.
        classes: Where the world's class comes from, if it is imported already.

    Raises:
        ConfigError: If the world does not exist or does not take a setting.
    """
    n = config.n_worlds if n_worlds is None else n_worlds
    classes = classes or Classes()
    try:
        settings, seed = world_settings(config, n, classes), config.seed if seed is None else seed
        if given := {"n_worlds", "seed"} & set(settings):
            key = min(given)
            raise ValueError(f"{key} is a key of the config, beside world and not in it: {key}={settings[key]}")
        if is_outside(name := settings.pop("name")):  # it answers all that experiments ask of a Gridworld
            return cast(Gridworld, make_outside(name, n, seed, **settings))
        return make_of(classes.world(name), n, seed, **settings)
    except (ValueError, TypeError, ImportError) as error:
        raise ConfigError(f"world: {error}") from error


def make_model(
    place: Place, world: Gridworld, classes: Classes | None = None, learn: bool = True, start: bool = True
) -> BaseModel:
    """Builds the model of a place, for as many streams as the world's copies make.

    Args:
        place: Where it sits.
        world: The world that it is to play.
        classes: Where the classes come from; by default they are looked up anew.
        learn: False for one that only plays: it is built without a memory, as one that its config lets not learn is.
        start: Whether it starts from the networks of the saved model that its config names, if it names one.

    Raises:
        ConfigError: If there is no such model, it does not take a setting, or not actions of such a kind.
    """
    observations = world.observations
    if place.config.identity:
        observations = with_identity(observations, len(place.slots))
    n_streams = world.n_worlds * len(place.slots)
    try:
        cls = (classes or Classes()).model(place.config.model)
        check_actions(cls, world)
        build = cls.from_config if learn and place.config.learn else cls.to_play
        settings = _on_device(place, cls, learn)
        model = build(observations, world.action_names or world.action_spec, n_streams, settings, place.seed)
        if start and place.config.load:
            model.load_weights(place.config.load)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        raise ConfigError(f"seat {place.name}: {error}") from error
    return model


def _on_device(place: Place, cls: type[BaseModel], learn: bool) -> dict[str, Any]:
    """Returns a model's settings; whoever only looks at a run need not have the device that it was made on."""
    settings = dict(place.config.config)
    if place.device is not None and any(field.name == "device" for field in dataclasses.fields(cls.Config)):
        settings["device"] = place.device
    if not learn and settings.get("device", "cpu") != "cpu":
        settings["device"] = "auto"
    return settings


def check_actions(cls: type[BaseModel], world: Gridworld) -> None:
    """Checks that a model can act in a world.

    Raises:
        ValueError: If it takes actions of another kind; the library's learners that can act there are named.
    """
    kind = world.action_spec.kind
    if kind in cls.acts:
        return
    able = [name for name, path in shipped("agents").items() if path.parent.name == "learners"]
    able = [name for name in able if kind in find_class(LIBRARY + name, "agents", BaseModel).acts]
    further = "" if kind == "discrete" else "; or 'bins: 5' in world: makes 5 values of each number to choose among"
    raise ValueError(
        f"{cls.__name__} acts by {' or '.join(KINDS[each] for each in cls.acts)}, and actions of {world.name} are "
        f"{KINDS[kind]}; learners that can act there: {', '.join(able) or 'none'}{further}"
    )


def transform_of(seat: SeatConfig, classes: Classes | None = None) -> RewardTransform | None:
    """Returns a seat's reward transform; None where rewards stay as they are.

    Args:
        seat: What the config says of the seat.
        classes: Where the transform's class comes from, if it is imported already.

    Raises:
        ValueError: If there is no such transform or setting.
    """
    settings = {"name": seat.reward} if isinstance(seat.reward, str) else dict(seat.reward)
    if "name" not in settings:
        raise ConfigError("reward: give its name: {name: inequity_aversion, ...}")
    name = settings.pop("name")
    if name == "individual" and not settings:
        return None
    return make_transform(name, settings, (classes or Classes()).transform(name))


def rewards_of(config: ExperimentConfig) -> list[tuple[str, str]]:
    """Returns the names of a config's reward transforms, each with the folder that it is looked up in."""
    rewards = [seat.reward if isinstance(seat.reward, str) else seat.reward.get("name", "") for seat in config.seats]
    return [(str(name), "rewards") for name in rewards]


def seat_agents(
    places: Sequence[Place],
    models: Sequence[BaseModel],
    world: Gridworld,
    learn: bool = True,
    explore: bool | None = None,
    classes: Classes | None = None,
) -> list[Agent]:
    """Seats the models in a world.

    Args:
        places: Who sits where.
        models: A model per place.
        world: The world.
        learn: Whether those learn that the config lets learn.
        explore: Whether they explore; None leaves it to the config while they learn, else to what the models are.
        classes: Where the classes of reward transforms come from; by default they are looked up anew.
    """
    agents = []
    for place, model in zip(places, models, strict=True):
        learns = learn and place.config.learn
        try:
            # In every seat, so that a player is told the same everywhere.
            transform = transform_of(place.config, classes)
        except ValueError as error:
            raise ConfigError(f"seat {place.name}: {error}") from error
        wanted = place.config.explore if explore is None and learn else explore
        agents.append(Agent(world, place.slots, model, transform, learns, wanted))
    return agents
