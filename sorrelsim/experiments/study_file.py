"""A study as data: one YAML file that says what is compared, and the runs that follow from it.

``settings`` checks it. ``study`` gives it a folder, and ``launch`` runs it.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from sorrelsim.errors import unknown
from sorrelsim.experiments.config import ExperimentConfig, Name, read_config
from sorrelsim.settings import ConfigError, Range, parse_config, read_change, read_yaml_file, set_key

STUDY = "study.yaml"
"""The file of a study in its folder, as it was resolved."""
OWN = ("seed", "name", "runs")
"""Keys of a config that a study decides itself, so that no condition and no sweep may."""
Seed = Annotated[int, Range(0, 2**63 - 1)]
Changes = dict[str, Any]
"""Changes to a config: values by the dotted keys of the command line."""


@dataclass(frozen=True)
class StudyConfig:
    """One comparison: a base, what is changed in it, and the seeds that each change is run with."""

    base: str | dict[str, Any]
    """A config that all runs share: its path, relative to the study's file, or written out here."""
    conditions: dict[str, Any] = field(default_factory=dict)
    """What is compared: by name, changes to the base by the dotted keys of the command line. Without any, the base is
    the one condition."""
    sweep: dict[str, Any] = field(default_factory=dict)
    """A grid that is crossed with the conditions: a list of values by dotted key."""
    seeds: Annotated[int, Range(1, 100_000)] | list[Seed] = 1
    """A number, of seeds that are counted from the base's ``seed``; or a list of them."""
    seeds_at_once: Annotated[int, Range(1, 1000)] = 1
    """Seeds of a condition and place in the grid that are trained in one process, where learners of all are asked as
    one; for small networks."""
    name: Name | None = None
    """Name of the study folder; by default that of the study's file."""
    runs: Annotated[str, Field(min_length=1)] = "runs"
    """Folder in which the study folder is made."""

    def __post_init__(self) -> None:
        for condition, changes in self.conditions.items():
            if not isinstance(changes, Mapping):
                raise ValueError(f"conditions.{condition} must be changes such as {{epochs: 5}}, got {changes!r}")
            _check_keys(f"conditions.{condition}", changes)
        _check_keys("sweep", self.sweep)
        for key, values in self.sweep.items():
            if not isinstance(values, list) or not values:
                raise ValueError(f"sweep.{key} must be a list of values such as [0.1, 0.2], got {values!r}")
            _check_once(f"sweep.{key}", values)
            both = next((name for name, changes in self.conditions.items() if key in changes), None)
            if both is not None:
                raise ValueError(f"{key} is changed by the condition {both} and swept as well")
        if isinstance(self.seeds, list):
            if not self.seeds:
                raise ValueError("seeds must be a number, or a list such as [0, 1, 2], got []")
            _check_once("seeds", self.seeds)
        if self.name is not None and not re.fullmatch(r"[\w-][\w .+=@-]*", self.name):
            raise ValueError(f"name {self.name!r} is no name of a folder: letters, digits, spaces and _ - . + = @")


def _check_keys(where: str, keys: Mapping[Any, Any]) -> None:
    for key in keys:
        if not isinstance(key, str) or not all(key.split(".")):
            raise ValueError(f"{where} has the key {key!r}; write dotted keys such as seats.0.reward")
        if key in OWN:
            instead = "seeds" if key == "seed" else f"{key} of the study"
            raise ValueError(f"{where} has the key {key!r}, which a study decides itself: see {instead}")


def _check_once(where: str, values: Sequence[Any]) -> None:
    twice = [value for k, value in enumerate(values) if value in values[:k]]
    if twice:
        raise ValueError(f"{where} has {twice[0]!r} twice")


def read_study_file(path: str | Path, changes: Sequence[str] = ()) -> StudyConfig:
    """Reads a study's file, and writes its base out.

    Args:
        path: The file, or the folder of a study that was begun.
        changes: Changes such as ``seeds=3``, ``base.epochs=5`` or ``sweep.world.coin_probability=[0.01]``.

    Raises:
        ConfigError: If there is no such file or base, or it says something impossible; file and key are named.
    """
    path = Path(path)
    file = path / STUDY if path.is_dir() else path
    if not file.is_file():
        if path.is_dir():
            inside = sorted(found.parent for found in path.glob(f"*/{STUDY}"))
            holds = f"; it holds {', '.join(map(str, inside[:5]))}" if inside else ""
            raise ConfigError(f"{path} is no study folder: it has no {STUDY}{holds}")
        near = [str(each) for each in (*path.parent.glob("*.yaml"), *Path("configs/studies").glob("*.yaml"))]
        raise ConfigError(unknown("study", str(path), near))
    raw = _mapping(file, f"{file}: a study is a mapping with the keys {_keys(StudyConfig)}")
    if isinstance(raw.get("runs"), list):  # as it was resolved: the list of its runs, and its place is where it lies
        raw |= {"runs": str(file.parent.parent), "name": file.parent.resolve().name}
    raw = {"name": file.stem} | raw
    given = [read_change(change, "seeds=3 or base.epochs=5") for change in changes]
    raw |= {key: value for key, value in given if key == "base"}
    if "base" not in raw and "seats" in raw:
        raise ConfigError(
            f"{file} is the config of a run, not a study: sorrelsim train {file}, with --seeds 5 for several seeds. A "
            f"study's file says 'base: {file.name}', and what is compared"
        )
    if isinstance(raw.get("base"), str):
        raw["base"] = _base(file, raw["base"])
    if isinstance(raw.get("base"), dict):
        raw["base"] = _with_world(raw["base"])
    for key, value in given:
        if key != "base":
            _change(raw, key, value, str(file))
    return make_study_config(raw, str(file))


def make_study_config(raw: Mapping[str, Any], where: str) -> StudyConfig:
    """Returns a study that is given as plain data, its base written out.

    Args:
        raw: The data.
        where: Where it comes from, for errors.

    Raises:
        ConfigError: As :func:`read_study_file`.
    """
    raw = dict(raw)
    for section in ("conditions", "sweep"):
        if raw.get(section) is None:
            raw.pop(section, None)
        elif isinstance(raw[section], Mapping):
            raw[section] = {_name(key, f"{where}: {section}"): value for key, value in raw[section].items()}
    if isinstance(raw.get("conditions"), Mapping):
        raw["conditions"] = {key: {} if value is None else value for key, value in raw["conditions"].items()}
    config: StudyConfig = parse_config(StudyConfig, raw, f"{where}:")
    base = config.base if isinstance(config.base, dict) else {}
    if not config.conditions:
        name = base.get("name")
        config = dataclasses.replace(config, conditions={name if isinstance(name, str) and name else "base": {}})
    read_config(base, f"{where}: base")
    return config


@dataclass(frozen=True)
class Planned:
    """A run of a study, before it has a folder.

    Attributes:
        name: Its name, which no other run of the study has: ``common__coin_probability=0.01__seed3``.
        condition: Its condition.
        sweep: Its place in the grid: values by dotted key.
        seed: Its seed.
    """

    name: str
    condition: str
    sweep: dict[str, Any]
    seed: int


def plan(config: StudyConfig) -> list[Planned]:
    """Returns all runs of a study, in the order of its file: conditions, then the grid, then seeds.

    Args:
        config: The study, its base written out.
    """
    first = _base_of(config).get("seed", 0)
    seeds = config.seeds if isinstance(config.seeds, list) else range(first, first + config.seeds)
    short = dict(zip(config.sweep, _ends(list(config.sweep)), strict=True))
    runs: list[Planned] = []
    taken: set[str] = set()
    for condition, point, seed in itertools.product(config.conditions, _grid(config.sweep), seeds):
        parts = [condition, *(f"{short[key]}={_word(value)}" for key, value in point.items())]
        name = f"{'__'.join(map(_plain, parts))[:180]}__seed{seed}"
        runs.append(Planned(_free(name, taken), condition, dict(point), seed))
    return runs


def settings_of(config: StudyConfig, run: Planned, where: str) -> ExperimentConfig:
    """Returns the config of a run, checked. It steps its copies with one thread, unless the study says otherwise.

    Args:
        config: The study, its base written out.
        run: The run.
        where: The study's file, for errors.

    Raises:
        ConfigError: If a change leads nowhere, or says something impossible; file, condition and key are named.
    """
    where = f"{where}: {place_of(run.condition, run.sweep)}"
    settings = _with_world(copy.deepcopy(_base_of(config)))
    for key, value in {**config.conditions[run.condition], **run.sweep}.items():
        set_key(settings, key, copy.deepcopy(value), where)
    read = read_config(settings | {"seed": run.seed, "name": run.name}, where)
    return dataclasses.replace(read, threads=read.threads or 1)


def place_of(condition: str, sweep: Mapping[str, Any]) -> str:
    """Returns a condition and a place in the grid, in words."""
    return ", ".join([f"condition {condition}", *(f"{key}={value}" for key, value in sweep.items())])


def _base_of(config: StudyConfig) -> dict[str, Any]:
    assert isinstance(config.base, dict), "the base is written out when a study is read"
    return config.base


def _with_world(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns a config whose world is a mapping, so that its keys can be changed."""
    return settings | {"world": {"name": settings["world"]}} if isinstance(settings.get("world"), str) else settings


def _grid(sweep: Mapping[str, Sequence[Any]]) -> Iterator[Changes]:
    for values in itertools.product(*sweep.values()):
        yield dict(zip(sweep, values, strict=True))


def _ends(keys: Sequence[str]) -> list[str]:
    """Returns the shortest ends of dotted keys that tell them apart."""
    short = []
    for key in keys:
        parts = key.split(".")
        ends = [".".join(parts[k:]) for k in reversed(range(len(parts)))]
        alone = (end for end in ends if sum(f".{other}".endswith(f".{end}") for other in keys) == 1)
        short.append(next(alone, key))
    return short


def _word(value: Any) -> str:
    """Returns a swept value as a run's name has it."""
    if isinstance(value, str):
        return Path(value).stem if value.endswith((".py", ".yaml", ".safetensors")) else value
    if isinstance(value, Mapping):
        return "_".join(f"{key}={_word(each)}" for key, each in value.items())
    if isinstance(value, list):
        return "_".join(map(_word, value))
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _plain(part: str) -> str:
    return re.sub(r"[^\w.+=-]+", "_", part).strip(".")[:60] or "_"


def _free(name: str, taken: set[str]) -> str:
    """Returns a name that no run has yet, in whatever case, and notes it."""
    found, k = name, 1
    while found.casefold() in taken:
        k += 1
        found = f"{name}_{k}"
    taken.add(found.casefold())
    return found


def _base(study: Path, given: str) -> dict[str, Any]:
    """Returns the config that a study's file names, with its name."""
    path = Path(os.path.normpath(study.parent / given))
    if not path.is_file():
        near = [each.name for each in path.parent.glob("*.yaml")]
        raise ConfigError(unknown("base", path.name, near, f"{study}: in {path.parent}"))
    raw = _mapping(path, f"{path}: a config is a mapping with the keys {_keys(ExperimentConfig)}")
    return {"name": path.stem} | raw


def _mapping(path: Path, told: str) -> dict[str, Any]:
    raw = read_yaml_file(path)
    if not isinstance(raw, dict):
        raise ConfigError(told)
    return raw


def _keys(config: type[Any]) -> str:
    return ", ".join(each.name for each in dataclasses.fields(config))


def _name(key: Any, where: str) -> str:
    if isinstance(key, bool) or key is None:
        raise ConfigError(f"{where}: the name {key!r} is a word that YAML keeps for itself; put it in quotes")
    return str(key)


def _change(raw: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Applies a change of the command line: what follows ``sweep.`` or a condition's name is one dotted key."""
    section, _, rest = key.partition(".")
    name, _, inner = rest.partition(".")
    if section == "sweep" and rest:
        set_key(raw, section, {**(raw.get(section) or {}), rest: value}, where)
    elif section == "conditions" and inner:
        conditions = raw.setdefault(section, {})
        conditions[name] = {**(conditions.get(name) or {}), inner: value}
    elif section in {each.name for each in dataclasses.fields(ExperimentConfig)} - {"name", "runs"}:
        raise ConfigError(f"{where}: {key} is a key of the base: write base.{key}")
    else:
        set_key(raw, key, value, where)
