"""A study on disk: its file as it was resolved, and a folder for each of its runs.

``sorrelsim.launch`` runs what is missing; whatever looks at a study later begins with :func:`load_study`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from sorrelsim.experiments.config import dump_config
from sorrelsim.experiments.study_file import Planned, StudyConfig, make_study_config, plan, settings_of
from sorrelsim.settings import ConfigError, parse_config, read_yaml_file, write_yaml
from sorrelsim.writing import write_beside

STUDY, RUNS = "study.yaml", "runs"
"""In a study folder: the file as it was resolved, and the folder of all runs."""


@dataclass(frozen=True)
class StudyRun:
    """A run of a study.

    Attributes:
        folder: Its run folder, which is there once it has begun.
        condition: Its condition.
        sweep: Its place in the grid: values by dotted key.
        seed: Its seed.
    """

    folder: Path
    condition: str
    sweep: dict[str, Any]
    seed: int

    @property
    def name(self) -> str:
        """Its name, that of its folder."""
        return self.folder.name

    @property
    def state(self) -> str:
        """How far it got, as it lies on disk: see :func:`sorrelsim.experiments.resume.state_of`."""
        from sorrelsim.experiments.resume import state_of

        return state_of(self.folder)


@dataclass(frozen=True)
class Study:
    """A study on disk.

    Attributes:
        folder: Its folder.
        config: What is compared, the base written out.
        runs: All its runs, in the order of its file.
    """

    folder: Path
    config: StudyConfig
    runs: tuple[StudyRun, ...]

    @property
    def name(self) -> str:
        """Its name, that of its folder."""
        return self.folder.name

    def settings(self, run: StudyRun) -> str:
        """Returns the config of a run, as YAML.

        Raises:
            ConfigError: If it says something impossible.
        """
        planned = Planned(run.name, run.condition, run.sweep, run.seed)
        return dump_config(settings_of(self.config, planned, str(self.folder / STUDY)))

    def prepare(self, run: StudyRun) -> Path:
        """Makes a run's folder with its config, unless it is there already; returns the folder."""
        path = run.folder / "config.yaml"
        if not path.is_file():
            write_beside(path, self.settings(run))
        return run.folder


def open_study(config: StudyConfig, where: str) -> Study:
    """Returns a study in its folder, a new one or the one of an earlier call.

    A study may grow: with more seeds, conditions or values of the sweep, the runs that are there stay as they are.

    Args:
        config: What is compared, the base written out.
        where: Its file, for errors.

    Raises:
        ConfigError: If another study has the name, or a run's config says something impossible.
    """
    folder = Path(config.runs) / str(config.name)
    planned = plan(config)
    for run in planned:
        settings_of(config, run, where)
    if (folder / STUDY).is_file():
        _check_same(load_study(folder), config, planned, where)
    elif folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{where}: {folder} is there and is no study folder; choose another name: name=NEW")
    runs = tuple(StudyRun(folder / RUNS / run.name, run.condition, run.sweep, run.seed) for run in planned)
    study = Study(folder, config, runs)
    write_beside(folder / STUDY, _text(study))
    return study


@dataclass(frozen=True)
class _Listed:
    """A run as study.yaml lists it."""

    folder: Annotated[str, Field(pattern=r"^[\w+=-][\w.+=-]*$", max_length=255)]
    condition: str
    sweep: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class _Written:
    """What study.yaml holds."""

    name: str
    base: dict[str, Any]
    conditions: dict[str, Any]
    sweep: dict[str, Any]
    seeds: Any
    runs: list[_Listed]


def load_study(path: str | Path) -> Study:
    """Returns a study by its folder.

    Raises:
        ConfigError: If it is no study folder, or its study.yaml is damaged.
    """
    folder = Path(path)
    file = folder / STUDY
    if not file.is_file():
        hint = f"; a study's file is run with: sorrelsim study {folder}" if folder.is_file() else ""
        raise ConfigError(f"{folder} is no study folder: it has no {STUDY}{hint}")
    raw = read_yaml_file(file)
    if not isinstance(raw, dict):
        raise ConfigError(f"{file} is damaged: a mapping is expected")
    written: _Written = parse_config(_Written, raw, f"{file}:")
    said = {field.name: getattr(written, field.name) for field in dataclasses.fields(written)}
    config = make_study_config(said | {"runs": str(folder.parent)}, str(file))
    strange = [each.condition for each in written.runs if each.condition not in config.conditions]
    if strange:
        raise ConfigError(f"{file} is damaged: it lists runs of {strange[0]!r}, which is none of its conditions")
    runs = (StudyRun(folder / RUNS / run.folder, run.condition, run.sweep, run.seed) for run in written.runs)
    return Study(folder, config, tuple(runs))


def _text(study: Study) -> str:
    """Returns what study.yaml holds."""
    said = {name: getattr(study.config, name) for name in ("name", "base", "conditions", "sweep", "seeds")}
    runs = [
        {"folder": run.name, "condition": run.condition, "sweep": dict(run.sweep), "seed": run.seed}
        for run in study.runs
    ]
    return write_yaml(said | {"runs": runs})


def _check_same(there: Study, config: StudyConfig, planned: list[Planned], where: str) -> None:
    """Raises ConfigError unless every run that a study has is one of those planned, with the same config."""
    new = {run.name: run for run in planned}
    for run in there.runs:
        same = run.name in new and there.settings(run) == dump_config(settings_of(config, new[run.name], where))
        if not same:
            break
    else:
        return
    before, after = _leaves(there.config), _leaves(config)
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    lines = [f"    {key}: {before.get(key, 'nothing')} there, {after.get(key, 'nothing')} here" for key in keys]
    more = [f"    and {len(lines) - 8} more"] if len(lines) > 8 else []
    raise ConfigError(
        "\n".join(
            [
                f"{where}: the study in {there.folder} is another one:",
                *lines[:8],
                *more,
                f"Choose another name (name={config.name}-2), remove that folder, or make the file what it was; "
                f"'sorrelsim study {there.folder}' goes on with what is there.",
            ]
        )
    )


def _leaves(config: StudyConfig) -> dict[str, Any]:
    """Returns what a study says, by dotted key."""
    found: dict[str, Any] = {}

    def walk(key: str, value: Any) -> None:
        below = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
        if not below or key in ("seeds",) or key.startswith("sweep."):
            found[key] = value
        for part, each in below if key not in found else ():
            walk(f"{key}.{part}", each)

    for name in ("base", "conditions", "sweep", "seeds"):
        walk(name, getattr(config, name))
    return found
