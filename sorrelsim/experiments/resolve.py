"""A config with everything that decides the result written out: the world's params, the models' settings, the map."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from sorrelsim.authoring.params import per_copy
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.config import ExperimentConfig, SeatConfig
from sorrelsim.experiments.seating import Place, transform_of
from sorrelsim.models.base import BaseModel
from sorrelsim.outside.make import is_outside
from sorrelsim.settings import ConfigError, parse_config


def resolve(
    config: ExperimentConfig, world: Gridworld, places: Sequence[Place], models: Sequence[BaseModel]
) -> ExperimentConfig:
    """Returns a config that says the same with every default written out.

    Args:
        config: As it was given.
        world: The world that was made from it.
        places: Who sits where.
        models: Their models.
    """
    seats = []
    for seat in config.seats:
        model = next((model for place, model in zip(places, models, strict=True) if place.config is seat), None)
        seats.append(seat if model is None else _seat(seat, model))
    evaluation, outside = config.evaluation, cast(Any, world)
    if is_outside(world.name) and not outside.filmed:
        evaluation = dataclasses.replace(evaluation, gif_turns=0)
    return dataclasses.replace(
        config,
        world=_world(config.world, world),
        seats=seats,
        evaluation=evaluation,
        halves=_halves(config, world, models),
    )


def _halves(config: ExperimentConfig, world: Gridworld, models: Sequence[BaseModel]) -> int:
    """Returns in how many shares the copies are played.

    Raises:
        ConfigError: If they cannot be played in as many as the config asks for.
    """
    given, n = config.halves, world.n_worlds
    outside = is_outside(world.name)
    if given is None:
        on_card = any(getattr(getattr(model, "device", None), "type", "cpu") == "cuda" for model in models)
        return min(2, n) if on_card and not outside and not config.actors else 1
    if given > n:
        raise ConfigError(f"halves is {given}, and there are {n} copies; allowed: 1 to {n} (n_worlds)")
    if given > 1 and (outside or config.actors):
        why = (
            f"actors is {config.actors}, and they play the copies" if config.actors else f"{world.name} is no Gridworld"
        )
        raise ConfigError(f"halves is {given}, but {why}; allowed: 1")
    return given


def _world(given: dict[str, Any], world: Gridworld) -> dict[str, Any]:
    """Returns the settings of a world: those that ``make`` takes, then its params, per copy where given so.

    Those of another library's environment stay as they were given.
    """
    if is_outside(given["name"]):
        return dict(given)
    settings: dict[str, Any] = {"name": given["name"]}
    if world.preset is not None:
        settings["preset"] = world.preset
    settings |= {
        "map": world.map_name if world.map_name in world.maps else _text_of_map(given),
        "n_agents": world.n_agents,
        "window": dataclasses.asdict(world.window),
        "observation": world.observations.form,
        **({"sprite_size": world.observations.sprite_size} if world.observations.form == "rgb" else {}),
        "looks": world.looks,
        "show_facing": bool(world.show_facing),
        "compiled": bool(world.compiled),
    }
    settings |= {name: value for name, value in given.items() if name not in settings and name != "preset"}
    for field in dataclasses.fields(world.params):
        values = world.copies.params[field.name]
        several = field.name in given and per_copy(given[field.name], field.default)
        settings[field.name] = (values if several else values[0]).tolist()
    return settings


def _text_of_map(given: dict[str, Any]) -> str:
    """Returns a map that is no name of the world's as text, so that no second file is needed."""
    text = str(given["map"])
    return text if "\n" in text else Path(text).read_text(encoding="utf-8")


def _seat(seat: SeatConfig, model: BaseModel) -> SeatConfig:
    """Returns a seat with its model's settings and its reward's; what is not plain data stays as it was given."""
    settings, reward = _plain(model.config), seat.reward
    if settings is not None:
        try:
            known = parse_config(type(model).Config, settings, model.name) == model.config
        except (ConfigError, TypeError):
            known = False
        settings = settings if known else None
    transform = transform_of(seat)
    if transform is not None and dataclasses.is_dataclass(transform):
        name = seat.reward if isinstance(seat.reward, str) else seat.reward["name"]
        reward = {"name": name} | (_plain(transform) or {})
    return dataclasses.replace(seat, config=dict(seat.config) if settings is None else settings, reward=reward)


def _plain(settings: Any) -> dict[str, Any] | None:
    """Returns a dataclass as plain data; None if it holds something else."""
    if not dataclasses.is_dataclass(settings):
        return None
    try:
        return {
            field.name: plain(getattr(settings, field.name)) for field in dataclasses.fields(settings) if field.init
        }
    except TypeError:
        return None


def plain(value: Any) -> Any:
    """Returns numbers, words, lists and mappings as YAML holds them.

    Raises:
        TypeError: If it is something else.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is no plain data")
