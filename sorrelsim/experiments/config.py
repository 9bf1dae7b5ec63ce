"""An experiment as data: what a YAML file in ``configs/`` may say.

``settings`` checks it, so errors name file, key and the nearest match; ``seating`` and ``loop`` build from it.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from sorrelsim.errors import unknown
from sorrelsim.models.device_names import check_device_name
from sorrelsim.settings import ConfigError, Range, apply_changes, parse_config, read_yaml_file, write_yaml

RAY = "pip install 'sorrelsim[ray]'"
AtLeast0 = Annotated[int, Range(0, 10**12)]
AtLeast1 = Annotated[int, Range(1, 10**12)]
Copies = Annotated[int, Range(1, 1_000_000)]
"""Copies of a world: a stated limit, beyond any machine's memory."""
Slot = Annotated[int, Range(0, 32_767)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


def by_name(world: Any) -> Any:
    """Returns a world's settings, where only its name may be given."""
    if isinstance(world, str):
        return {"name": world}
    if isinstance(world, Mapping) and not isinstance(world.get("name"), str):
        raise ValueError("a world needs a name: 'world: cleanup' or 'world: {name: cleanup, ...}'")
    if isinstance(world, Mapping) and isinstance(world.get("window"), bool | int | float):
        reach = "{forward: 3, back: 3, left: 3, right: 3}"
        raise ValueError(f"window must say how far each way, such as {reach}, got {world['window']!r}")
    return world


def _check_file_name(name: str) -> None:
    """Raises ValueError unless a seat's name may name files in a run's ``models/`` and columns in its metrics."""
    plain = re.fullmatch(r"[\w-][\w .+=@-]*", name) and name == name.strip(" .") and len(name.encode()) <= 100
    if not plain or name.partition(".")[0].strip().upper() in _DEVICES or name.endswith("_diverged"):
        raise ValueError(
            f"{name!r} is no name for a seat, which files are named by: letters, digits, spaces and _ - . + = @, at "
            "most 100 of them; no folders, no dot or space at either end, nothing that a system keeps for itself "
            "(con, nul), and no _diverged at the end"
        )


_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{k}" for name in ("COM", "LPT") for k in range(10))}
"""Names that Windows keeps for itself."""


@dataclass(frozen=True)
class SeatConfig:
    """Who plays which slots."""

    slots: Literal["each", "all"] | list[Slot] = "each"
    """``each``: a model of its own for every slot that no other seat names; ``all``: one model, with shared parameters,
    for all of them; a list: one model for the slots listed."""
    model: Name = "random"
    """Name of a model, or path of its file."""
    config: dict[str, Any] = field(default_factory=dict)
    """The model's settings."""
    reward: str | dict[str, Any] = "individual"
    """Reward transform: its name or the path of its file, or ``{name: ..., <its settings>}``."""
    learn: bool = True
    """False for a model that only plays."""
    explore: bool | None = None
    """Whether it explores in training. By default a model that learns does, and one that only plays is played as it is
    meant to be: learners of values greedily, policies by drawing."""
    identity: bool = False
    """Whether a shared model is told which of its slots it is playing."""
    load: Annotated[str, Field(min_length=1)] | None = None
    """A saved model, ``RUN/models/SEAT.safetensors``, whose networks to start from; all else is the new run's own."""
    name: Name | None = None
    """Its name in metrics and file names; by default the model's, and the slot's with ``each``."""

    def __post_init__(self) -> None:
        if self.slots == []:
            raise ValueError("no slots; allowed: each, all, or a list of slots such as [0, 2]")
        if self.name is not None:
            _check_file_name(self.name)


@dataclass(frozen=True)
class EvaluationConfig:
    """Play on copies of their own, in which nobody learns: each model in the way that it is meant to be played."""

    every: AtLeast0 = 0
    """Epochs between evaluations; 0 means only after the last epoch."""
    n_worlds: Annotated[int, Range(1, 100_000)] = 32
    """Copies that play; each plays one episode."""
    max_turns: AtLeast1 = 10_000
    """Turns after which episodes that have not ended are left out."""
    gif_turns: Annotated[int, Range(0, 100_000)] = 200
    """Length of the animation of the trained agents; 0 makes none."""
    ways: list[Literal["greedy", "sampled"]] = field(default_factory=list)
    """Ways of playing that are reported beside the models' own: greedy (the best action always), sampled (as in
    training)."""


@dataclass(frozen=True)
class CheckpointConfig:
    """When the whole state is saved, from which a run goes on after whatever stopped it: ``train --resume RUN``."""

    minutes: Annotated[float, Range(0, 1e6)] = 10.0
    """Minutes between two savings, each at the next end of an epoch; 0 saves by ``epochs`` alone. What is stopped or
    comes to its end is saved always."""
    epochs: AtLeast0 = 0
    """Epochs between two savings, if that is sooner; 0 saves by the minutes alone."""
    newest: Annotated[int, Range(1, 1000)] = 1
    """Whole states that are kept, the newest so many. Each holds the memories of all learners."""
    finished: bool = True
    """Whether they stay when the run has come to its end, so that ``epochs`` may be raised; without them many runs with
    large memories take far less of the disk."""


@dataclass(frozen=True)
class WandbConfig:
    """Metrics at Weights & Biases."""

    project: Name | None = None
    """Project of Weights & Biases that the metrics also go to; by default none. It needs ``pip install
    'sorrelsim[wandb]'``."""
    entity: Name | None = None
    """The user or team whose project it is, if not one's own."""
    group: Name | None = None
    """Runs that are shown together."""
    tags: list[Name] = field(default_factory=list)
    """What the run is found by."""
    mode: Literal["online", "offline", "disabled"] | None = None
    """``offline`` keeps all in the run folder, for ``wandb sync``; by default what ``WANDB_MODE`` says, else online."""


@dataclass(frozen=True)
class EventsConfig:
    """A table of what happens in training, step by step, in the run's folder ``events``."""

    detail: Literal["events", "steps"] | None = None
    """``events``: one row an event, with whoever it involves; ``steps``: one row an agent and step. Null: no table."""
    format: Literal["parquet", "csv"] = "parquet"
    """Of its files."""


@dataclass(frozen=True)
class ExperimentConfig:
    """One experiment: a world, who sits in it, how long it runs. Environment steps = epochs x turns x n_worlds."""

    world: Annotated[dict[str, Any], BeforeValidator(by_name)]
    """``name``, and any setting that ``sorrelsim.make`` takes: preset, map, n_agents, window, the world's params (a
    number, or a list with one per copy). A bare name will do."""
    seats: Annotated[list[SeatConfig], Field(min_length=1)]
    """Who plays which slots."""
    name: Name | None = None
    """Name of the run folder; by default that of the config's file."""
    n_worlds: Copies = 32
    """Copies of the world that are played at once."""
    actors: Annotated[int, Range(0, 1000)] = 0
    """Processes that play the copies, dealt out among them, while this one learns. They are actors of Ray, on this
    machine or on a cluster, for the learners that many actors can serve. 0 plays and learns in one process."""
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0
    """Seed of everything."""
    epochs: AtLeast1 = 20
    """Epochs to run; each gives one row of metrics."""
    turns: AtLeast1 = 500
    """Turns per epoch; in a turn every copy makes one step."""
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    """How the trained agents are looked at."""
    save_every: AtLeast1 = 10
    """Epochs between two savings of the models."""
    snapshots: list[AtLeast1] = field(default_factory=list)
    """Epochs whose models are kept for good, in ``models/epoch_0010``, to look at how learning went."""
    best: Name | None = None
    """A column of metrics.csv: the models of the epoch in which it was highest are kept in ``models/best``."""
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    """When the whole state is saved, to go on from."""
    tensorboard: bool = True
    """Whether the metrics also go to an event file for TensorBoard, ``RUN/tensorboard/``."""
    wandb: WandbConfig = field(default_factory=WandbConfig)
    """Whether they also go to Weights & Biases."""
    events: EventsConfig = field(default_factory=EventsConfig)
    """What of every step is written down."""
    together: bool = True
    """Whether learners of one class and config, as of ``slots: each``, act and learn as one network over the weights of
    all, where that is known to give each the numbers that it would have alone."""
    threads: Annotated[int, Range(1, 1024)] | None = None
    """Threads that step the copies; all cores by default. Trajectories do not depend on it."""
    torch_threads: Annotated[int, Range(1, 1024)] = 1
    """Threads of the networks, at most the machine's cores. Small networks are slower on more than one."""
    device: str | None = None
    """Where the networks of all seats live: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``. Null leaves it to each
    seat's config."""
    halves: Annotated[int, Range(1, 1000)] | None = None
    """Shares of the copies that agents choose for one after the other: while they choose for one, the one before it is
    stepped. Null: 2 where networks live on a card, else 1. Results do not depend on it."""
    runs: Annotated[str, Field(min_length=1)] = "runs"
    """Folder in which the run folder is made."""

    def __post_init__(self) -> None:
        if self.device is not None:
            check_device_name(self.device)
        rest = [k for k, seat in enumerate(self.seats) if seat.slots in ("each", "all")]
        if len(rest) > 1:
            raise ValueError(f"seats {rest} both take all slots that are left; only one seat can be 'each' or 'all'")


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Reads a config.

    Args:
        path: The YAML file.
        overrides: Changes such as ``epochs=5``, ``world.n_agents=3`` or ``seats.0.config.n_step=1``.

    Raises:
        ConfigError: If there is no such file, it is not YAML, a key is not known (with the nearest match), or a value
            is of the wrong type.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(_no_config(path))
    raw = read_yaml_file(path)
    if not isinstance(raw, dict):
        keys = ", ".join(each.name for each in dataclasses.fields(ExperimentConfig))
        raise ConfigError(f"{path}: a config is a mapping with the keys {keys}")
    if "base" in raw and "world" not in raw:
        raise ConfigError(f"{path} is a study, not the config of a run: sorrelsim study {path}")
    if isinstance(raw.get("world"), str) and any(change.startswith("world.") for change in overrides):
        raw["world"] = {"name": raw["world"]}
    apply_changes(raw, overrides, str(path), "epochs=5 or seats.0.config.n_step=1")
    return read_config({"name": path.stem} | raw, str(path))


def _no_config(path: Path) -> str:
    """Returns what is said of a path that is no file of a config."""
    if (path / "config.yaml").is_file():
        return (
            f"{path} is the folder of a run; to go on with it: sorrelsim train --resume {path}, to begin another like "
            f"it: sorrelsim train {path / 'config.yaml'}"
        )
    near = {str(found) for folder in (path.parent, Path("configs")) for found in folder.glob("*.yaml")}
    return unknown("config", str(path), near)


def read_config(raw: Mapping[str, Any], where: str = "config") -> ExperimentConfig:
    """Checks a config given as plain data.

    Args:
        raw: The data.
        where: Where it comes from, for errors.

    Raises:
        ConfigError: As in :func:`load_config`.
    """
    config: ExperimentConfig = parse_config(ExperimentConfig, raw, f"{where}:")
    return config


def check_machine(config: ExperimentConfig) -> None:
    """Checks what a config asks of the machine that it is to run on; a run that was written elsewhere still loads.

    Raises:
        ConfigError: If ``torch_threads`` is above the machine's cores, or ``wandb`` or ``actors`` is set and what it
            needs is not installed.
    """
    if config.wandb.project is not None and importlib.util.find_spec("wandb") is None:
        raise ConfigError(
            f"wandb.project is {config.wandb.project!r}, and Weights & Biases is not installed: pip install "
            "'sorrelsim[wandb]', or leave wandb out of the config"
        )
    if config.actors and not _installed("ray"):
        raise ConfigError(
            f"actors is {config.actors}, and actors are processes of Ray, which is not installed: {RAY}, or actors=0 "
            "to play and learn in one process"
        )
    cores = os.cpu_count() or 1
    if config.torch_threads > cores:
        raise ConfigError(f"torch_threads must be 1 to {cores}, the cores of this machine, got {config.torch_threads}")


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # it was refused in this process
        return False


def dump_config(config: ExperimentConfig) -> str:
    """Returns the config as YAML, every default written out."""
    plain = TypeAdapter(ExperimentConfig).dump_python(config, mode="json")
    return write_yaml(plain)
