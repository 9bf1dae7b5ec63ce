"""Scenarios: mixtures as files, in which a trained population meets others, or is met.

``configs/scenarios/<world>/<name>.yaml`` each; a scenario is called ``<world>/<name>``. After Leibo et al. 2021,
"Scalable evaluation of multi-agent reinforcement learning with Melting Pot".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sorrelsim.errors import ConfigError, unknown
from sorrelsim.experiments.config import AtLeast1, Name, Slot, by_name
from sorrelsim.experiments.facts import read_facts
from sorrelsim.experiments.mixtures import HELD_OUT, Mixture, Stage, mix, play_mixture, stage_with
from sorrelsim.experiments.outcomes import Outcome
from sorrelsim.experiments.players import Player, Trained, player_of
from sorrelsim.experiments.run import load_run
from sorrelsim.library.catalogue import scenario_files
from sorrelsim.settings import Range, parse_config, read_yaml_file


@dataclass(frozen=True)
class Background:
    """Who plays some of the slots that are not focal: a player, or agents that a config trains."""

    slots: Annotated[list[Slot], Field(min_length=1)]
    """The slots."""
    player: Name | None = None
    """A bot, as ``eval --slots`` takes it: ``harvest_defector``, ``matrix_collector:resource=2``."""
    trained: Name | None = None
    """A config, such as ``coins_common``: the agents of the newest run of it that is finished, or those given."""

    def __post_init__(self) -> None:
        if (self.player is None) == (self.trained is None):
            raise ValueError("give either player or trained")


@dataclass(frozen=True)
class Scenario:
    """A world, the slots of those who are evaluated, and who plays the others."""

    description: Name
    """What happens, in a line."""
    tests: Name
    """What it takes to do well."""
    world: Annotated[dict[str, Any], BeforeValidator(by_name)]
    """``name``, and any setting that ``sorrelsim.make`` takes."""
    focal: Annotated[list[Slot], Field(min_length=1)]
    """Slots of those who are evaluated."""
    background: Annotated[list[Background], Field(min_length=1)]
    """Who plays the others."""
    episodes: AtLeast1 = 32
    """Episodes, side by side."""
    seed: Annotated[int, Range(0, 2**63 - 1)] = HELD_OUT
    """Seed of the copies and of what the players draw; none that training uses."""
    name: str = field(default="", init=False)
    """``<world>/<name>``, as its file is called."""

    @property
    def stage(self) -> Stage:
        """Its world."""
        return stage_with(self.world)


def load_scenario(name: str) -> Scenario:
    """Reads a scenario.

    Args:
        name: Its name, or the path of its file.

    Raises:
        ConfigError: If there is none (the nearest is named), or the file says something impossible.
    """
    files = scenario_files()
    if name not in files and not (name.endswith((".yaml", ".yml")) and Path(name).is_file()):
        raise ConfigError(unknown("scenario", name, files))
    path = files.get(name, Path(name))
    raw = read_yaml_file(path)
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{path}: a scenario is a mapping with description, tests, world, focal and background")
    scenario: Scenario = parse_config(Scenario, raw, f"{path}:")
    object.__setattr__(scenario, "name", name if name in files else path.stem)
    return scenario


class NotTrained(ConfigError):
    """A scenario needs agents that nobody has trained here yet."""


Seats = list[tuple[list[int], Player]]
"""Slots, and who plays them."""


def background_of(scenario: Scenario, trained: Mapping[str, str], trust: bool = False) -> Seats:
    """Returns who plays the background.

    Args:
        scenario: The scenario.
        trained: Run folders of trained agents, by the config that the scenario names.
        trust: Whether Python files may be run that a run folder brings or points to.

    Raises:
        NotTrained: If it needs agents that are not there; the command that trains them is told.
    """
    seats: Seats = []
    for each in scenario.background:
        if each.player is not None:
            seats.append((each.slots, player_of(each.player, trust)))
            continue
        config = Path(str(each.trained)).stem
        folder = trained.get(config) or newest_run(config)
        if folder is None:
            raise NotTrained(
                f"{scenario.name} meets agents of configs/{config}.yaml, which are not trained yet: "
                f"sorrelsim train configs/{config}.yaml, or give a run of it: --trained {config}=RUN"
            )
        seats.append((each.slots, Trained(load_run(folder, trust))))
    return seats


def newest_run(name: str) -> Path | None:
    """Returns the newest finished run of a config in ``./runs``; None if there is none."""
    folders = sorted(Path("runs").glob(f"{name}-[0-9]*"), reverse=True)
    return next((folder for folder in folders if read_facts(folder).get("end") == "finished"), None)


def misfit(scenario: Scenario, run: Trained) -> str:
    """Returns why the agents of a run cannot play a scenario; nothing if they can."""
    world = scenario.stage.make(1, 0)
    preset = run.run.config.world.get("preset")
    if world.preset and preset and world.preset != preset:
        return f"{scenario.name} is {world.preset}, and the run was trained in {preset}"
    try:
        for slot in scenario.focal:
            run.seat(world, slot, 0)
    except ConfigError as error:
        return f"{scenario.name}: {error}"
    return ""


def mixture_of(scenario: Scenario, focal: Player, background: Seats) -> Mixture:
    """Returns who plays each slot of a scenario.

    Raises:
        ConfigError: If a slot is taken twice, out of range, or left to nobody.
    """
    n_agents = scenario.stage.make(1, 0).n_agents
    try:
        return mix([(scenario.focal, focal), *background], n_agents)
    except ConfigError as error:
        raise ConfigError(f"scenario {scenario.name}: {error}") from error


def play_scenario(
    scenario: Scenario,
    focal: Player,
    trained: Mapping[str, str] | None = None,
    trust: bool = False,
    episodes: int | None = None,
    seed: int | None = None,
) -> Outcome:
    """Plays a scenario.

    Args:
        scenario: The scenario.
        focal: Who plays its focal slots.
        trained: As in :func:`background_of`.
        trust: As in :func:`background_of`.
        episodes: Number of episodes, if not the scenario's.
        seed: Seed, if not the scenario's.

    Raises:
        ConfigError: If somebody cannot play there, or is not there.
    """
    mixture = mixture_of(scenario, focal, background_of(scenario, trained or {}, trust))
    n, held_out = episodes or scenario.episodes, scenario.seed if seed is None else seed
    return play_mixture(scenario.stage, mixture, n, held_out)
