"""Ways to act that reach what random actions seldom do: holding one, all alike, one agent's zaps, walking to things."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sorrelsim.engine.gridworld import Gridworld

TURNED = {"forward": 0, "step_right": 1, "backward": 2, "step_left": 3}
ON_MAP = {"up": 0, "right": 1, "down": 2, "left": 3}
COMMON = {"noop", "stay", "turn_left", "turn_right", *TURNED, *ON_MAP}

Player = Callable[[Gridworld, int], np.ndarray]
"""Gives the actions ``[copy, agent]`` of a turn."""


def _any(world: Gridworld, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(world.n_actions, size=(world.n_worlds, world.n_agents))


def randomly(rng: np.random.Generator) -> Player:
    """Every action by chance."""
    return lambda world, turn: _any(world, rng)


def holding(rng: np.random.Generator) -> Player:
    """Each agent holds an action for a long while."""
    held: list[np.ndarray] = []

    def act(world: Gridworld, turn: int) -> np.ndarray:
        fresh = _any(world, rng)
        if held:
            fresh = np.where(rng.random(fresh.shape) < 0.06, fresh, held.pop())
        held.append(fresh)
        return fresh

    return act


def alike(rng: np.random.Generator) -> Player:
    """All agents of a copy take the same action, for some turns."""
    held: list[np.ndarray] = []

    def act(world: Gridworld, turn: int) -> np.ndarray:
        fresh = np.repeat(rng.integers(world.n_actions, size=(world.n_worlds, 1)), world.n_agents, 1)
        if held and turn % 4:
            return held[0]
        held[:] = [fresh]
        return fresh

    return act


def specials(world: Gridworld) -> list[int]:
    """The actions that are no walking: zaps, gifts and what else a world has."""
    found = [k for k, name in enumerate(world.action_names) if name not in COMMON]
    return found or list(range(world.n_actions))


def insisting(rng: np.random.Generator) -> Player:
    """One agent of each copy takes special actions only, the others mostly walk."""

    def act(world: Gridworld, turn: int) -> np.ndarray:
        actions = _any(world, rng)
        actions[:, turn // 50 % world.n_agents] = rng.choice(specials(world), world.n_worlds)
        return actions

    return act


def seeking(rng: np.random.Generator) -> Player:
    """Each agent walks to the nearest thing of a kind, another now and then, or to another agent, and acts there."""
    wanted: dict[tuple[int, int], int] = {}

    def act(world: Gridworld, turn: int) -> np.ndarray:
        actions = _any(world, rng)
        agent_layer = world.codes.agent_layer
        kinds = [int(k) for k in world.kinds if not world.codes.solid[k]] + [-1]
        for copy in range(world.n_worlds):
            for i in map(int, np.flatnonzero(world.out[copy] == 0)):
                if turn % 25 == 0 or (copy, i) not in wanted:
                    wanted[copy, i] = int(rng.choice(kinds))
                if rng.random() < 0.15:
                    continue
                grid, (row, col), kind = world.grid[copy], world.pos[copy, i], wanted[copy, i]
                there = grid[..., agent_layer] != 0 if kind < 0 else (grid == kind).any(axis=-1)
                if kind < 0:
                    there[row, col] = False
                cells = np.argwhere(there)
                if not len(cells):
                    wanted.pop((copy, i))
                    continue
                away = cells - (row, col)
                dr, dc = away[np.abs(away).sum(axis=1).argmin()]
                actions[copy, i] = _step(world, int(dr), int(dc), int(world.facing[copy, i]), rng, actions[copy, i])
        return actions

    return act


def _step(world: Gridworld, dr: int, dc: int, facing: int, rng: np.random.Generator, otherwise: int) -> int:
    """The action that leads nearer; beside the thing, or on it, also a special one."""
    if abs(dr) + abs(dc) <= 2 and rng.random() < 0.5:
        return int(rng.choice(specials(world)))
    if dr == dc == 0:
        return otherwise
    down = abs(dr) > abs(dc) or (abs(dr) == abs(dc) and rng.random() < 0.5)
    direction = (2 if dr > 0 else 0) if down else (1 if dc > 0 else 3)
    for k, name in enumerate(world.action_names):
        if ON_MAP.get(name) == direction or TURNED.get(name) == (direction - facing) % 4:
            return k
    return otherwise


PLAYERS: dict[str, Callable[[np.random.Generator], Player]] = {
    "random actions": randomly,
    "actions held for long": holding,
    "all agents alike": alike,
    "one agent's special actions": insisting,
    "agents that walk to things": seeking,
}
"""All of them, by what is said of them."""
