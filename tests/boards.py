"""Storyboards for worlds: agents set down where a test wants them, steps by the names of actions."""

from __future__ import annotations

import math

import numpy as np


def seat(world, *places):
    """Set the agents of every copy down anew: ``(row, col, "N")`` each; None is out for good."""
    codes = world.codes
    for copy in range(world.n_worlds):
        world.occupant[copy] = -1
        world.grid[copy, ..., codes.agent_layer] = 0
        for i, place in enumerate(places):
            world.out[copy, i] = -1 if place is None else 0
            if place is not None:
                row, col, facing = place
                world.pos[copy, i] = row, col
                world.facing[copy, i] = "NESW".index(facing)
                world.occupant[copy, row, col] = i
                world.grid[copy, row, col, codes.agent_layer] = codes.agent_code + i * codes.slot_stride
    return world


def act(world, *names):
    """One step of every copy, the same action names in each; returns the rewards of copy 0 as a list."""
    actions = [world.action_names.index(name) for name in names]
    world.step(np.tile(np.array(actions), (world.n_worlds, 1)))
    return world.reward[0].tolist()


def share_ok(count, n, p, sigmas=5.0):
    """Whether ``count`` of ``n`` is what probability ``p`` gives, within so many binomial standard errors."""
    return abs(count / n - p) <= sigmas * math.sqrt(p * (1 - p) / n)
