"""States that no play leads to: drawn at will within what the table allows, or with one thing wrong in them.

Run as a script it plays on from such states, in a process of its own that a fault may take down::

    python tests/hostile.py cleanup none 40
"""

from __future__ import annotations

import sys

import numpy as np

from sorrelsim.authoring.state import limit
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.find import find_class

STEPS = 50
INT = np.iinfo


def make(name: str, preset: str | None, compiled: bool, n_worlds: int = 2, **settings) -> Gridworld:
    return find_class(name, "worlds", Gridworld)(n_worlds, 7, preset=preset, compiled=compiled, **settings)


def known(world: Gridworld, state: dict) -> dict:
    """What the names in limits stand for."""
    sizes = {"n_agents": world.n_agents, "height": world.height, "width": world.width}
    params = {
        name.removeprefix("params."): array
        for name, array in state.items()
        if name.startswith("params.") and array.ndim == 1
    }
    return (
        {site: len(cells) for site, cells in world.map.sites.items()} | sizes | params | {"turn": state["turn"][:, 0]}
    )


def anything(world: Gridworld, rng: np.random.Generator) -> dict:
    """A state that is drawn at will within its limits: nobody's books are in order, but nothing is out of range."""
    state = world.get_state()
    entries = [e for e in world.copies.entries if e.saved]
    entries.sort(key=lambda e: (e.name != "turn", not e.saved.startswith("params.")))  # what limits name comes first
    for entry in entries:
        array = state[entry.saved]
        if rng.random() < 0.3 and not isinstance(entry.high, str) and entry.name != "turn":
            continue
        if entry.name in ("pos", "out", "occupant", "cells"):
            continue
        if array.dtype.kind == "f":
            wide = rng.choice([1.0, 1e9, 1e300])
            low, high = -wide, wide
            if entry.low is not None:
                low, high = np.maximum(low, entry.low), np.minimum(high, entry.high)
            array[...] = low + rng.random(array.shape) * (high - low)
            continue
        if array.dtype == np.bool_:
            array[...] = rng.random(array.shape) < 0.5
            continue
        low, high = INT(array.dtype).min, INT(array.dtype).max
        if entry.name == "rng":
            array[...] = rng.integers(low, high, array.shape, array.dtype, endpoint=True) | np.uint64(1)
            continue
        names = known(world, state)
        if entry.low is not None:
            low = limit(entry.low, names, array.ndim - 1)
        if entry.high is not None:
            high = limit(entry.high, names, array.ndim - 1)
        drawn = rng.integers(low, high, array.shape, np.int64, endpoint=True)
        near = np.clip(rng.integers(-2, 12, array.shape), low, high)
        which = rng.random(array.shape)
        array[...] = np.select(
            [which < 0.2, which < 0.4, which < 0.7], [low + 0 * drawn, high + 0 * drawn, near], drawn
        )
    bodies(world, state, rng)
    return state


def bodies(world: Gridworld, state: dict, rng: np.random.Generator) -> None:
    """Agents anywhere, on the grid or off it, and any ids that the layers can hold."""
    codes, pad = world.codes, world.copies.pad
    cells = state["cells"]
    ids = cells.view(np.uint8).reshape(*cells.shape, cells.itemsize)
    inner = ids[:, pad : pad + world.height, pad : pad + world.width]
    if rng.random() < 0.7:
        for z in range(len(codes.layers)):
            allowed = [k for k in range(1, codes.outside) if codes.layer[k] == z]
            if z == codes.agent_layer:
                allowed = list(range(codes.agent_code, codes.n_codes))
            share = rng.choice([0.02, 0.3, 1.0])
            shape = inner.shape[:-1]
            inner[..., z] = np.where(rng.random(shape) < share, rng.choice([0, *allowed], shape), inner[..., z])
    for copy in range(world.n_worlds):
        state["occupant"][copy] = -1
        spots = rng.choice(
            world.height * world.width, world.n_agents, replace=world.height * world.width < world.n_agents
        )
        for i, spot in enumerate(spots):
            row, col = divmod(int(spot), world.width)
            state["pos"][copy, i] = row, col
            taken = state["occupant"][copy, row, col] >= 0
            out = rng.choice([0, 0, 0, -1, 1, 2, 2 * 10**9]) if not taken else 1
            state["out"][copy, i] = out
            if out == 0:
                state["occupant"][copy, row, col] = i


def play_on(name: str, preset: str | None, rounds: int, seed: int = 0) -> int:
    """Plays on from such states, interpreted and compiled; returns how many there were."""
    rng = np.random.default_rng(seed)
    slow, fast = make(name, preset, False), make(name, preset, True)
    for _ in range(rounds):
        slow.reset(int(rng.integers(2**63)))
        for _ in range(int(rng.integers(0, 4))):
            slow.step(rng.integers(slow.n_actions, size=slow.submitted.shape))
        state = anything(slow, rng)
        slow.set_state(state)
        fast.set_state(state)
        for _ in range(STEPS):
            actions = rng.integers(slow.n_actions, size=slow.submitted.shape)
            slow.step(actions)
            fast.step(actions)
    return rounds


if __name__ == "__main__":
    world, preset, rounds, *seed = sys.argv[1:]
    print(play_on(world, None if preset == "none" else preset, int(rounds), *map(int, seed)), "states")
