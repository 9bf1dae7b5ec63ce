"""Players by what a user writes for them: a bot with settings, a file of one's own, a run, one seat of it, an epoch.

What is written, and who is meant::

    harvest_defector                       a model of the library or of ./agents
    matrix_collector:resource=2,hoard=3    the same with settings
    my_bot.py:greed=0.5                    a file
    runs/harvest_ppo-001                   the trained agents of a run, each slot's own
    runs/harvest_ppo-001:ppo_3             one seat of it, wherever it sits
    runs/harvest_ppo-001@10                as they were after epoch 10, if the run kept snapshots
    runs/harvest_ppo-001@best              the best, if the run kept them
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import ConfigError, unknown
from sorrelsim.experiments.cast import Seated
from sorrelsim.experiments.evaluation import can_learn
from sorrelsim.experiments.run import Run, load_run
from sorrelsim.experiments.run_folder import tidy
from sorrelsim.experiments.seating import Place, make_model, seating
from sorrelsim.library.find import LIBRARY, NotFound, bare, locate
from sorrelsim.library.make import find_model
from sorrelsim.models.checkpoint import SUFFIX, saved_file
from sorrelsim.models.threads import set_network_threads
from sorrelsim.settings import apply_changes


class Player(Protocol):
    """Who can be seated in a slot.

    Attributes:
        label: Its name in tables.
    """

    @property
    def label(self) -> str: ...

    def seat(self, world: Gridworld, slot: int, seed: int) -> Seated:
        """Builds its model for a slot of a world, only to play.

        Raises:
            ConfigError: If it cannot play there; what differs is told.
        """


@dataclass(frozen=True)
class Scripted:
    """A model by name or file, as it is when nobody has trained it.

    Attributes:
        name: Its name or file.
        settings: Its settings.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name, and its settings if it has any."""
        said = ",".join(f"{key}={value}" for key, value in self.settings.items())
        return bare(self.name) + (f":{said}" if said else "")

    def seat(self, world: Gridworld, slot: int, seed: int) -> Seated:
        """Builds it; see :class:`Player`."""
        cls = find_model(self.name)
        if can_learn(cls):
            raise ConfigError(f"{self.name} is a learner, which plays nothing sensible untrained; give a run of it")
        try:
            return Seated(
                cls.to_play(world.observations, world.action_names or world.action_spec, 1, self.settings, seed)
            )
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{self.label} cannot play {world.name}: {error}") from error


class Trained:
    """The trained agents of a run: in a slot where one of its learners sat that one, in others its learners by turns.

    Args:
        run: The run.
        seat: The name of the one seat that is meant; None means those of the slots.
        snapshot: The epoch whose models are meant, or ``best``; None means the models as the run left them.
        everybody: Whether those of the run who do not learn, such as bots, keep their slots.
        explore: True plays as in training, False the best action always, None each as it is meant to be.

    Raises:
        ConfigError: If the run has no such seat or snapshot.
    """

    def __init__(
        self,
        run: Run,
        seat: str | None = None,
        snapshot: str | None = None,
        explore: bool | None = None,
        everybody: bool = False,
    ) -> None:
        self.run, self.explore = run, explore
        self._label = run.folder.name + (f":{seat}" if seat else "") + (f"@{snapshot}" if snapshot else "")
        self.world_name = bare(run.config.world["name"])
        self._models = run.folder / "models"
        if snapshot is not None:
            self._models /= f"epoch_{int(snapshot):04d}" if snapshot.isdigit() else snapshot
            if not self._models.is_dir():
                folders = [path.name for path in run.folder.glob("models/*") if path.is_dir()]
                kept = [name.removeprefix("epoch_").lstrip("0") for name in folders]
                raise ConfigError(f"{run.folder}: {unknown('snapshot', snapshot, kept)}")
        n_agents = int(run.config.world.get("n_agents") or run.world(1).n_agents)
        places = seating(run.config, n_agents)
        if seat is not None:
            places = [place for place in places if place.name == seat]
            if not places:
                names = [place.name for place in seating(run.config, n_agents)]
                raise ConfigError(f"{run.folder}: {unknown('seat', seat, names)}")
        classes = run.classes
        learners = [
            each for each in places if everybody or (each.config.learn and can_learn(classes.model(each.config.model)))
        ]
        self._sat: dict[int, tuple[Place, int]] = {
            slot: (place, k) for place in learners or places for k, slot in enumerate(place.slots)
        }

    @property
    def label(self) -> str:
        """The run's name, with the seat and the epoch that are meant."""
        return self._label

    def seat(self, world: Gridworld, slot: int, seed: int) -> Seated:
        """Loads the model of a slot; see :class:`Player`."""
        if self.world_name != bare(world.name):
            raise ConfigError(f"{self.run.folder} was trained in {self.world_name!r}, and this is {world.name!r}")
        set_network_threads(self.run.config.torch_threads)
        tidy(self.run.folder)
        slots = sorted(self._sat)
        place, k = self._sat[slot if slot in self._sat else slots[slot % len(slots)]]
        try:
            model = make_model(place, world, self.run.classes, learn=False, start=False)
            model.load(saved_file(self._models / f"{place.name}{SUFFIX}"))
        except (ValueError, OSError, RuntimeError) as error:
            raise ConfigError(f"{self.run.folder}: the model of seat {place.name} cannot play here: {error}") from error
        return Seated(model, (k, len(place.slots)) if place.config.identity else None, self.explore)


def player_of(text: str, trust: bool = False, explore: bool | None = None) -> Player:
    """Returns who is meant by a text, as the head of this module lists them.

    Args:
        text: The text.
        trust: Whether Python files may be run that a run folder brings or points to.
        explore: How a run's agents play, as in :class:`Trained`.

    Raises:
        ConfigError: If a setting is none, or the run has no such seat or snapshot.
        NotFound: If there is no such model or run, with the nearest match.
    """
    if Path(text).is_dir():
        return Trained(load_run(text, trust), explore=explore)
    written = re.fullmatch(r"(?P<folder>.+?)(:(?P<seat>[^@:]+))?(@(?P<snapshot>\w+))?", text)
    if written is not None and Path(written["folder"]).is_dir():
        return Trained(load_run(written["folder"], trust), written["seat"], written["snapshot"], explore)
    prefix = LIBRARY if text.startswith(LIBRARY) else ""
    name, _, said = text.removeprefix(prefix).partition(":")
    settings = apply_changes({}, filter(None, said.split(",")), f"the settings of {name}", "hoard=3")
    try:
        locate(prefix + name, "agents")
    except NotFound as error:
        raise NotFound(f"{error}; nor is there a folder of a run at {name}") from None
    return Scripted(prefix + name, settings)
