"""Mixtures of players: a world from a name, config or run, who sits where, and one episode of every copy played.

``scenarios``, ``cross`` and ``schelling`` are mixtures too: whatever they compare lies side by side in one batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from sorrelsim.authoring.params import deal
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import ConfigError
from sorrelsim.experiments.cast import Cast, Seated
from sorrelsim.experiments.config import load_config
from sorrelsim.experiments.evaluation import film, play_episodes, undisturbed
from sorrelsim.experiments.measures import Episodes
from sorrelsim.experiments.outcomes import Outcome
from sorrelsim.experiments.players import Player, Trained
from sorrelsim.experiments.run import load_run
from sorrelsim.library.find import NotFound, bare, find_class
from sorrelsim.library.make import make_of
from sorrelsim.outside.make import is_outside, make_outside
from sorrelsim.settings import apply_changes
from sorrelsim.tables.events import EventLog, log_of

HELD_OUT = 1_000_003
"""The seed of evaluations, unless another is given; trainings begin with 0."""
MAX_TURNS = 10_000
"""Turns after which episodes that have not ended are left out."""


@dataclass(frozen=True)
class Stage:
    """A world to play in, in any number of copies.

    Attributes:
        name: Its name or file.
        settings: What ``make`` takes beside it; no setting differs by copy.
        agents: Who plays the slots that are not spoken of, if the world is that of a run.
    """

    name: str
    settings: dict[str, Any]
    agents: Trained | None = None

    @property
    def title(self) -> str:
        """Its name in titles, with its preset."""
        preset = self.settings.get("preset")
        return bare(self.name) + (f", {preset}" if preset else "")

    def make(self, n_worlds: int, seed: int) -> Gridworld:
        """Makes copies of the world.

        Raises:
            ConfigError: If there is no such world, or it does not take a setting.
        """
        try:
            if is_outside(self.name):  # it answers all that players ask of a Gridworld
                return cast(Gridworld, make_outside(self.name, n_worlds, seed, **self.settings))
            return make_of(find_class(self.name, "worlds", Gridworld), n_worlds, seed, **self.settings)
        except (ValueError, TypeError, ImportError) as error:
            raise ConfigError(f"world: {error}") from error

    def lasting(self, steps: int | None, otherwise: int | None = None) -> Stage:
        """Returns the same with episodes of so many steps, if the world's params say how long they last.

        Args:
            steps: The number; 0 leaves the world's own end. None means ``otherwise``, unless the settings say how long
                episodes last or the world does not let it be set.
            otherwise: What None stands for.

        Raises:
            ConfigError: If steps are given and the world has no ``max_steps``.
        """
        wanted = otherwise if steps is None else steps
        if not wanted or (steps is None and {"min_steps", "max_steps"} & set(self.settings)):
            return self
        known = () if is_outside(self.name) else dataclasses.fields(find_class(self.name, "worlds", Gridworld).params)
        params = {field.name for field in known}
        if "max_steps" not in params:
            if steps is None:
                return self
            raise ConfigError(f"{bare(self.name)} has no max_steps to set; leave --steps out")
        ends = {name: wanted for name in ("min_steps", "max_steps") if name in params}
        return dataclasses.replace(self, settings=self.settings | ends)


def stage_of(what: str, changes: Sequence[str] = (), trust: bool = False, explore: bool | None = None) -> Stage:
    """Returns the world that is meant by a world's name or file, a config or a run folder.

    Args:
        what: The name, file or folder.
        changes: Changes of the world's settings, such as ``zap_timeout=10``.
        trust: Whether Python files may be run that a run folder brings or points to.
        explore: How a run's agents play, as in :class:`~sorrelsim.experiments.players.Trained`.

    Raises:
        ConfigError: If there is nothing of the kind, or a change is none.
    """
    agents = None
    if Path(what).is_dir():
        run = load_run(what, trust)
        settings, agents = run.settings(1), Trained(run, explore=explore, everybody=True)
    elif what.endswith((".yaml", ".yml")):
        settings = dict(load_config(what).world)
    else:
        settings = {"name": what}
    apply_changes(settings, changes, "the world's settings", "zap_timeout=10")
    return stage_with(settings, agents)


def stage_with(settings: Mapping[str, Any], agents: Trained | None = None) -> Stage:
    """Returns the world of some settings, ``name`` among them; of params that differ by copy the first."""
    rest = {key: value for key, value in settings.items() if key != "name"}
    if is_outside(settings["name"]):
        return Stage(settings["name"], rest, agents)
    try:
        params = find_class(settings["name"], "worlds", Gridworld).params
    except NotFound as error:
        raise NotFound(f"{error}; nor is there a folder of a run at {settings['name']}") from None
    return Stage(settings["name"], deal(params, rest, 1), agents)


def slots_of(text: str, n_agents: int) -> list[int]:
    """Returns slots written as ``0,2-4`` or ``all``.

    Raises:
        ConfigError: If it is neither, or the world has no such slot.
    """
    if text == "all":
        return list(range(n_agents))
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
            raise ConfigError(f"slots {text!r}: write slots as 0,2-4 or all")
        found += range(int(first), int(last or first) + 1)
    for slot in found:
        if slot >= n_agents:
            raise ConfigError(f"slots {text!r}: no slot {slot}; this world has slots 0 to {n_agents - 1}")
    return found


@dataclass(frozen=True)
class Mixture:
    """Who plays each slot of a world.

    Attributes:
        players: The players.
        who: The player of each slot, by its place in ``players``.
        focal: The slots that are looked at; the others are background.
    """

    players: tuple[Player, ...]
    who: tuple[int, ...]
    focal: tuple[int, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of who plays each slot."""
        return tuple(self.players[k].label for k in self.who)


def mix(
    seats: Sequence[tuple[Sequence[int], Player]],
    n_agents: int,
    others: Player | None = None,
    focal: Sequence[int] | None = None,
) -> Mixture:
    """Returns who plays each slot.

    Args:
        seats: Slots, and who plays them.
        n_agents: Slots of the world.
        others: Who plays the slots left; None means that none may be left.
        focal: The slots that are looked at; by default those of the first seat.

    Raises:
        ConfigError: If a slot does not exist, is taken twice, or left to nobody.
    """
    who = [-1] * n_agents
    for k, (slots, player) in enumerate(seats):
        for slot in slots:
            if slot >= n_agents:
                raise ConfigError(f"{player.label} in slot {slot}; this world has slots 0 to {n_agents - 1}")
            if who[slot] >= 0:
                first = seats[who[slot]][1].label
                raise ConfigError(f"slot {slot} is taken twice, by {first} and by {player.label}")
            who[slot] = k
    players = [player for _, player in seats]
    left = [slot for slot, k in enumerate(who) if k < 0]
    if left and others is None:
        example = ",".join(map(str, left))
        raise ConfigError(f"nobody plays slots {example}; say who does, such as --slots {example}=random")
    if left and others is not None:
        players.append(others)
        who = [len(seats) if k < 0 else k for k in who]
    if focal is None:
        focal = seats[0][0] if seats else range(n_agents)
    return Mixture(tuple(players), tuple(who), tuple(sorted(set(focal))))


def cast_of(world: Gridworld, who: np.ndarray, players: Sequence[Player]) -> Cast:
    """Seats players.

    Args:
        world: The world, freshly reset.
        who: The player of each stream by its place in ``players``, int [n_worlds, n_agents].
        players: The players.

    Raises:
        ConfigError: If one cannot play there.
    """
    seated: dict[tuple[int, int], Seated] = {}
    for slot in range(world.n_agents):
        for k in np.unique(who[:, slot]).tolist():
            seated[k, slot] = players[k].seat(world, slot, slot)
    return Cast(world, who, seated)


def play(
    world: Gridworld,
    who: np.ndarray,
    players: Sequence[Player],
    seed: int,
    max_turns: int = MAX_TURNS,
    log: EventLog | None = None,
) -> Episodes:
    """Plays one episode of every copy; those that have not ended by ``max_turns`` are left out.

    What a model draws follows from the seed and its slot, not from who sits in the others.

    Args:
        world: The world, freshly reset.
        who: As in :func:`cast_of`.
        players: The players.
        seed: Seed of what they draw.
        max_turns: The most turns that are played.
        log: What each step is handed to.
    """
    cast = cast_of(world, who, players)
    with undisturbed(cast.models, seed):
        cast.reseed(seed)
        return play_episodes(world, [cast], max_turns, log=log)


def play_mixture(
    stage: Stage,
    mixture: Mixture,
    episodes: int,
    seed: int,
    max_turns: int = MAX_TURNS,
    way: str = "own",
    events: Path | None = None,
    detail: str = "events",
) -> Outcome:
    """Plays a mixture.

    Args:
        stage: The world.
        mixture: Who sits where.
        episodes: Episodes, side by side.
        seed: Seed of the copies and of what the players draw.
        max_turns: As in :func:`play`.
        way: How trained agents play, as they were made to; only told.
        events: Where a table of what happens in these episodes is written.
        detail: Of that table; see :class:`~sorrelsim.tables.events.EventLog`.
    """
    world = stage.make(episodes, seed)
    who = np.tile(np.array(mixture.who), (episodes, 1))
    with log_of(events, world, detail, episodes=1) as log:
        found = play(world, who, mixture.players, seed, max_turns, log)
    return Outcome(stage.title, mixture.labels, mixture.focal, found, episodes, seed, way)


def film_mixture(stage: Stage, mixture: Mixture, seed: int, turns: int) -> list[np.ndarray]:
    """Films one episode of a mixture; see :func:`~sorrelsim.experiments.evaluation.film`."""
    world = stage.make(1, seed)
    cast = cast_of(world, np.array([mixture.who]), mixture.players)
    with undisturbed(cast.models, seed):
        cast.reseed(seed)
        return film(world, [cast], turns)
