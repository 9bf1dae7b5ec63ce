"""Plays a world harder than by chance, until no new line of its rules is reached: as plain Python, then compiled."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.engine.bounds import OutOfBounds
from sorrelsim.engine.explain import RuleError
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.rules.rule import RULES
from sorrelsim.testing.failures import Broken
from sorrelsim.testing.players import PLAYERS
from sorrelsim.testing.reach import Reach, rules_of
from sorrelsim.testing.trials import Trial, trials

COPIES = 64  # of the compiled world
SEEKING = 4  # copies whose agents walk to things, which is worked out in Python
ROUNDS = 3  # every way is tried so often, by one player after another, before a search of 10 seconds or more may end


@dataclass
class Played:
    """What was done.

    Attributes:
        reach: The lines that have run.
        ways: Trials made.
        steps: Steps of single copies, as plain Python.
        seconds: Time that it took.
    """

    reach: Reach
    ways: int = 0
    steps: int = 0
    seconds: float = 0.0

    def told(self) -> str:
        """What was done, and which lines have not run."""
        left = self.reach.told()
        never = f"; lines never reached: {left}" if left else "; every line of the rules was reached"
        return f"{self.ways} ways to play, {self.steps:,} steps in {self.seconds:.0f} s, every index in bounds{never}"


def plays_hard(cls: type[Gridworld], steps: int, seconds: float) -> Played:
    """Plays as plain Python in every way there is, and on until no new line is reached or the time is over.

    Args:
        cls: The world's class.
        steps: Steps of each trial.
        seconds: The most time to spend.

    Raises:
        Broken: If an index is out of bounds, or a rule fails otherwise.
    """
    played, began = Played(Reach(rules_of(cls, RULES))), time.monotonic()
    names = list(PLAYERS)
    for seed in range(100):
        left = played.reach.n_left
        for k, trial in enumerate(trials(cls, np.random.default_rng(seed))):
            for player in names if k == 0 else [names[(k + seed) % len(names)]]:
                _play(cls, trial, player, steps, seed, played, began + seconds)
                played.seconds = time.monotonic() - began
                if played.seconds > seconds:
                    return played
        if seed + 1 >= (ROUNDS if seconds >= 10 else 1) and played.reach.n_left in (0, left):
            break
    return played


def _play(
    cls: type[Gridworld], trial: Trial, player: str, steps: int, seed: int, played: Played, deadline: float
) -> None:
    """One trial: a world of one copy, from its start."""
    rng = np.random.default_rng(seed)
    with played.reach:
        world = _world(cls, trial, 1, seed, compiled=False)
        if world is None:
            return
        played.ways += 1
        act = PLAYERS[player](rng)
        for turn in range(steps):
            _step(world, act(world, turn), trial, player)
            played.steps += 1
            if time.monotonic() > deadline:
                return


def _world(cls: type[Gridworld], trial: Trial, n: int, seed: int, **more: Any) -> Gridworld | None:
    try:
        return cls(n, seed, bounds=True, **more, **trial.settings)
    except ValueError:
        return None  # a map, a number of agents or a value that the world does not take, as it says
    except (OutOfBounds, RuleError) as error:
        if more["compiled"] and "does not compile" in str(error):
            raise Broken(f"it runs interpreted but does not compile: {error}") from error
        raise Broken(f"{error}{_with(trial)}") from error


def _step(world: Gridworld, actions: np.ndarray, trial: Trial, player: str) -> None:
    try:
        world.step(actions)
    except (OutOfBounds, RuleError) as error:
        raise Broken(f"{error}{_with(trial)}; found by {player}") from error


def _with(trial: Trial) -> str:
    return f"; with {trial.title}" if trial.settings else ""


def plays_compiled(cls: type[Gridworld], seconds: float, played: Played | None = None) -> str:
    """Plays many copies compiled with bounds, in every way there is.

    Args:
        cls: The world's class.
        seconds: The most time to spend, less the compiling.
        played: What was played before; late states are continued as plain Python, for lines that it has not reached.

    Raises:
        Broken: If an index is out of bounds.
    """
    rng = np.random.default_rng(0)
    ways = list(trials(cls, rng))
    world = _world(cls, ways[0], COPIES, 0, compiled=True)
    began, steps = time.monotonic(), 0
    for k, trial in enumerate(ways):
        world = world if k == 0 else _world(cls, trial, COPIES, k, compiled=True)
        if world is None:
            continue
        share = (seconds - (time.monotonic() - began)) / (len(ways) - k) * (6 if k == 0 else 1)
        steps += _stretch(world, trial, rng, min(share, seconds / 2))
        if played is not None and played.reach.n_left and k < 4:
            _continue(cls, trial, world, played, rng)
        if time.monotonic() - began > seconds:
            break
    return f"{steps:,} steps compiled with bounds: no index out of bounds"


def _stretch(world: Gridworld, trial: Trial, rng: np.random.Generator, seconds: float) -> int:
    """Plays one world for a while, its copies by different players; returns the steps of single copies."""
    players = [make(rng) for name, make in PLAYERS.items() if name != "agents that walk to things"]
    which = rng.integers(len(players), size=world.n_worlds)
    until, turn = time.monotonic() + seconds, 0
    while turn < 8 or time.monotonic() < until:
        choices = np.stack([act(world, turn) for act in players])
        actions = choices[which, np.arange(world.n_worlds)]
        _step(world, actions, trial, "many copies")
        turn += 1
    return turn * world.n_worlds


def _continue(cls: type[Gridworld], trial: Trial, world: Gridworld, played: Played, rng: np.random.Generator) -> None:
    """Goes on from two late states as plain Python."""
    state = world.get_state()
    for copy in rng.integers(world.n_worlds, size=2):
        with played.reach:
            alone = _world(cls, trial, 1, 0, compiled=False)
            if alone is None:
                return
            alone.set_state({name: array[copy : copy + 1] for name, array in state.items()})
            act = PLAYERS["agents that walk to things"](rng)
            for turn in range(30):
                _step(alone, act(alone, turn), trial, "agents that walk to things")
