"""An experiment as data: what a YAML file in ``configs/`` may say. Errors name file, key and the nearest match."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sorrelsim.errors import unknown


class ConfigError(ValueError):
    """A config that says something impossible; the message names the file and the key."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(unknown("key", key, cls.model_fields))
        return data


class SeatConfig(_Section):
    """Who plays which slots."""

    slots: Literal["each", "all"] | list[int] = "each"
    """``each``: a model of its own for every slot that no other seat names; ``all``: one model, with shared parameters,
    for all of them; a list: one model for the slots listed."""
    model: str = "random"
    """Name of a model, or path of its file."""
    config: dict[str, Any] = {}
    """The model's settings."""
    reward: str | dict[str, Any] = "individual"
    """Reward transform: its name, or ``{name: ..., <its settings>}``."""
    learn: bool = True
    """False for a model that only plays."""
    identity: bool = False
    """Whether a shared model is told which of its slots it is playing."""
    load: str | None = None
    """A saved model, ``RUN/models/SEAT.pt``, to start from."""
    name: str | None = None
    """Its name in metrics and file names; by default the model's, and the slot's with ``each``."""

    @field_validator("slots")
    @classmethod
    def _some_slots(cls, slots: Any) -> Any:
        if slots == []:
            raise ValueError("no slots; allowed: each, all, or a list of slots such as [0, 2]")
        return slots


class EvaluationConfig(_Section):
    """Greedy play on copies of their own, in which nobody learns."""

    every: Annotated[int, Field(ge=0)] = 0
    """Epochs between evaluations; 0 means only after the last epoch."""
    n_worlds: Annotated[int, Field(ge=1)] = 32
    """Copies that play; each plays one episode."""
    max_turns: Annotated[int, Field(ge=1)] = 10_000
    """Turns after which episodes that have not ended are left out."""
    gif_turns: Annotated[int, Field(ge=0)] = 200
    """Length of the animation of the trained agents; 0 makes none."""


class ExperimentConfig(_Section):
    """One experiment: a world, who sits in it, how long it runs. Environment steps = epochs x turns x n_worlds."""

    world: dict[str, Any]
    """``name``, and any setting that ``sorrelsim.make`` takes: preset, map, n_agents, window, the world's params (a
    number, or a list with one for each copy). A bare name will do."""
    seats: Annotated[list[SeatConfig], Field(min_length=1)]
    """Who plays which slots."""
    name: str | None = None
    """Name of the run folder; by default that of the config's file."""
    n_worlds: Annotated[int, Field(ge=1)] = 32
    """Copies of the world that are played at once."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of everything."""
    epochs: Annotated[int, Field(ge=1)] = 20
    """Epochs to run; each gives one row of metrics."""
    turns: Annotated[int, Field(ge=1)] = 500
    """Turns an epoch; in a turn every copy makes one step."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """How the trained agents are looked at."""
    save_every: Annotated[int, Field(ge=1)] = 10
    """Epochs between two savings of the models."""
    threads: Annotated[int | None, Field(ge=1)] = None
    """Threads that step the copies; all cores by default. Trajectories do not depend on it."""
    torch_threads: Annotated[int, Field(ge=1)] = 1
    """Threads of the networks. Small networks are slower on more than one."""
    runs: str = "runs"
    """Folder in which the run folder is made."""

    @field_validator("world", mode="before")
    @classmethod
    def _world_by_name(cls, world: Any) -> Any:
        if isinstance(world, str):
            return {"name": world}
        if isinstance(world, Mapping) and not isinstance(world.get("name"), str):
            raise ValueError("a world needs a name: 'world: cleanup' or 'world: {name: cleanup, ...}'")
        return world

    @model_validator(mode="after")
    def _one_seat_takes_the_rest(self) -> Self:
        rest = [k for k, seat in enumerate(self.seats) if seat.slots in ("each", "all")]
        if len(rest) > 1:
            raise ValueError(f"seats {rest} both take all slots that are left; only one seat can be 'each' or 'all'")
        return self


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, as everywhere but in YAML 1.1."""


_Loader.add_implicit_resolver(  # type: ignore[no-untyped-call]
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Reads a config.

    Args:
        path: The YAML file.
        overrides: Changes such as ``epochs=5``, ``world.n_agents=3`` or ``seats.0.config.n_step=1``.

    Raises:
        ConfigError: No such file, not YAML, an unknown key (with the nearest match), or a value of the wrong type.
    """
    path = Path(path)
    if not path.is_file():
        near = sorted(str(found) for found in Path("configs").glob("*.yaml"))
        raise ConfigError(unknown("config", str(path), near))
    try:
        raw = _parse(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: a config is a mapping with the keys {', '.join(ExperimentConfig.model_fields)}")
    for change in overrides:
        _override(raw, change, str(path))
    raw.setdefault("name", path.stem)
    return read_config(raw, str(path))


def read_config(raw: Mapping[str, Any], where: str = "config") -> ExperimentConfig:
    """Checks a config given as plain data.

    Args:
        raw: The data.
        where: Where it comes from, for errors.

    Raises:
        ConfigError: As in :func:`load_config`.
    """
    try:
        return ExperimentConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_plain(found, where) for found in error.errors())) from None


def dump_config(config: ExperimentConfig) -> str:
    """The config as YAML, every default written out."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)


def _parse(text: str) -> Any:
    return yaml.load(text, _Loader)  # a SafeLoader: plain data only


def _plain(error: Any, where: str) -> str:
    """One of pydantic's errors in a line: file, key, what was given, what is allowed."""
    branches = ("literal['each','all']", "list[int]", "str", "dict[str,any]")
    key = ".".join(str(part) for part in error["loc"] if str(part) not in branches)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        message = "is missing"
    elif error["type"] != "value_error":
        message = f"{message[0].lower()}{message[1:]}, not {error['input']!r}"
    return f"{where}: {key}: {message}" if key else f"{where}: {message}"


def _override(raw: dict[str, Any], change: str, where: str) -> None:
    """Applies one ``a.b.c=value`` in place."""
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise ConfigError(f"{change!r} is no setting; write key=value, such as epochs=5 or seats.0.config.n_step=1")
    try:
        value = _parse(text)
    except yaml.YAMLError:
        raise ConfigError(f"{change!r}: the value is not YAML") from None
    if isinstance(raw.get("world"), str) and key.startswith("world."):
        raw["world"] = {"name": raw["world"]}
    *path, last = key.split(".")
    node: Any = raw
    for depth, part in enumerate(path):
        node = _child(node, part, ".".join(path[:depth]) or where, create=True)
    if isinstance(node, list):
        _child(node, last, ".".join(path), create=False)
        node[int(last)] = value
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise ConfigError(f"{where}: {'.'.join(path)} is {node!r}, which has no {last!r} to set")


def _child(node: Any, part: str, where: str, create: bool) -> Any:
    if isinstance(node, list):
        if not part.isdigit() or int(part) >= len(node):
            raise ConfigError(
                f"{where} is a list of {len(node)}: write {where}.0 to {where}.{len(node) - 1}, not {part!r}"
            )
        return node[int(part)]
    if not isinstance(node, dict):
        raise ConfigError(f"{where} is {node!r}, which has no {part!r} to set")
    if create and not isinstance(node.get(part), dict | list):
        if part in node and node[part] is not None:
            raise ConfigError(f"{where}: {part} is {node[part]!r}, which has no keys to set")
        node[part] = {}
    return node[part]
