"""A study on disk: its file as it was resolved, and a folder for each of its runs.

``sorrelsim.launch`` runs what is missing; whatever looks at a study later begins with :func:`load_study`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from sorrelsim.engine.threads import get_threads, set_threads
from sorrelsim.errors import tell
from sorrelsim.experiments.at_once import why_apart
from sorrelsim.experiments.code import classes_of, named_in
from sorrelsim.experiments.comparison import Member, read_member
from sorrelsim.experiments.config import ExperimentConfig, dump_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.resume import state_of
from sorrelsim.experiments.seating import rewards_of
from sorrelsim.experiments.study_file import STUDY, Planned, StudyConfig, place_of, plan, read_study_file, settings_of
from sorrelsim.library.trust import require_library
from sorrelsim.locks import LOCK
from sorrelsim.settings import ConfigError, parse_config, read_yaml_file, write_yaml
from sorrelsim.writing import remove_litter, write_beside

if TYPE_CHECKING:
    import pandas

RUNS = "runs"
"""The folder in a study folder that holds those of its runs."""


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

    def members(self) -> list[Member]:
        """Returns its runs as they are compared, in the order of its file, with what they have of metrics."""
        return [read_member(run.folder, run.condition, run.sweep, run.seed, run.state) for run in self.runs]

    def frame(self, unfinished: bool = False) -> pandas.DataFrame:
        """Returns the metrics of its runs as one frame: a row per run and epoch, as in results.csv.

        Args:
            unfinished: Whether runs that are not finished are in it too, as far as they got; a column ``state`` then
                says which are.
        """
        from sorrelsim.experiments.tables import members_frame

        members = [member for member in self.members() if unfinished or member.state == "finished"]
        return members_frame(members, state=unfinished)

    def config_of(self, run: StudyRun) -> ExperimentConfig:
        """Returns the config of a run.

        Raises:
            ConfigError: If it says something impossible.
        """
        planned = Planned(run.name, run.condition, run.sweep, run.seed)
        return settings_of(self.config, planned, str(self.folder / STUDY))

    def prepare(self, run: StudyRun) -> Path:
        """Makes a run's folder with its config, unless it is there already; returns the folder."""
        path = run.folder / "config.yaml"
        if not path.is_file():
            write_beside(path, dump_config(self.config_of(run)))
        return run.folder


def is_study(path: str | Path) -> bool:
    """Returns whether a path is a study folder."""
    return (Path(path) / STUDY).is_file()


def study_folder(config: StudyConfig, where: str) -> Path:
    """Returns the folder of a study, whether it is there already or not.

    Args:
        config: What is compared.
        where: Its file, for errors.

    Raises:
        ConfigError: If something else lies there.
    """
    folder = Path(config.runs) / str(config.name)
    there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if (folder.exists() and not folder.is_dir()) or (STUDY not in there and set(there) - {LOCK}):
        raise ConfigError(f"{where}: {folder} is there and is no study folder; choose another name: name=NEW")
    return folder


def check_study(config: StudyConfig, where: str, trust: bool = True) -> list[str]:
    """Checks the config of every run, and builds what each condition and place in the grid plays: nothing is written.

    What is finished is not built again. What is built is compiled, so that side by side nobody needs to.

    Args:
        config: What is compared, the base written out.
        where: Its file, for errors.
        trust: Whether Python files are run that the configs name; without it the library's are, and those in
            ``./worlds`` and ``./agents``.

    Returns:
        With ``seeds_at_once``, the places, in words, whose seeds have nothing that could go together; each is told.

    Raises:
        ConfigError: If a run's config says something impossible, or another study has the name.
        Untrusted: If a config names a reward transform that is not the library's, and is not trusted.
    """
    folder = study_folder(config, where)
    runs = plan(config)
    configs = [settings_of(config, run, where) for run in runs]
    if (folder / STUDY).is_file():
        _check_same(load_study(folder), config, where)
    built: set[str] = set()
    apart: list[str] = []
    before = get_threads()
    try:
        for run, each in zip(runs, configs, strict=True):
            place = place_of(run.condition, run.sweep)
            if place not in built and state_of(folder / RUNS / run.name) != "finished":
                built.add(place)
                require_library(folder, rewards_of(each), trust, "--trust")
                experiment = Experiment(each, classes=classes_of(folder, named_in(each, {}), trust))
                if config.seeds_at_once > 1 and (why := why_apart(experiment)):
                    tell(f"{where}: {place}: seeds are trained each in a process of its own: {why}")
                    apart.append(place)
    except ConfigError as error:
        raise ConfigError(f"{where}: {place_of(run.condition, run.sweep)}: {error}") from error
    finally:
        set_threads(before)
    return apart


def open_study(config: StudyConfig, where: str) -> Study:
    """Returns a study in its folder, a new one or the one of an earlier call.

    A study may grow: with more seeds, conditions or values of the sweep, the runs that are there stay as they are.

    Args:
        config: What is compared, the base written out.
        where: Its file, for errors.

    Raises:
        ConfigError: As :func:`check_study`.
    """
    folder = study_folder(config, where)
    if (folder / STUDY).is_file():
        _check_same(load_study(folder), config, where)
    runs = [StudyRun(folder / RUNS / run.name, run.condition, run.sweep, run.seed) for run in plan(config)]
    study = Study(folder, config, tuple(runs))
    for run in runs:
        study.config_of(run)
    remove_litter(folder)
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
    seeds_at_once: int = 1


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
    config = read_study_file(folder)
    written: _Written = parse_config(_Written, read_yaml_file(file), f"{file}:")
    strange = [each.condition for each in written.runs if each.condition not in config.conditions]
    if strange:
        raise ConfigError(f"{file} is damaged: it lists runs of {strange[0]!r}, which is none of its conditions")
    runs = (StudyRun(folder / RUNS / run.folder, run.condition, run.sweep, run.seed) for run in written.runs)
    return Study(folder, config, tuple(runs))


def _text(study: Study) -> str:
    """Returns what study.yaml holds."""
    keys = ("name", "base", "conditions", "sweep", "seeds", "seeds_at_once")
    said = {name: getattr(study.config, name) for name in keys}
    runs = [
        {"folder": run.name, "condition": run.condition, "sweep": dict(run.sweep), "seed": run.seed}
        for run in study.runs
    ]
    return write_yaml(said | {"runs": runs})


def _check_same(there: Study, config: StudyConfig, where: str) -> None:
    """Raises ConfigError unless every run that a study has is one of the config's, and has the same config there."""
    new = {run.name: run for run in plan(config)}
    for run in there.runs:
        same = run.name in new and there.config_of(run) == settings_of(config, new[run.name], where)
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
