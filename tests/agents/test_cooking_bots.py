"""The cooks: each does its part of the work, and no other's."""

import fakes
import numpy as np
import pytest

import sorrelsim
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model

WORLD = "collaborative_cooking"
ROLES = ("soloist", "loader", "runner", "passer")
DROPPED, TAKEN, DELIVERED = range(3)


def cooked(kitchen, *roles, steps=300, seed=0):
    """Event counts [agent, event] of cooks in the order of the columns that they start in."""
    world = sorrelsim.make(WORLD, preset=kitchen, seed=seed, compiled=False)
    agents = []
    for slot, role in zip(np.argsort(world.pos[0, :, 1], kind="stable"), roles, strict=True):
        cook = find_class("idle" if role == "idle" else f"{WORLD}_{role}", "agents", BaseModel)
        agents.append(Agent(world, [int(slot)], cook.to_play(world.observations, world.action_names), learn=False))
    fakes.play(agents, world, steps)
    return np.stack([world.event_counts[0, agent.slots[0]] for agent in agents])


@pytest.mark.parametrize("role", ROLES)
def test_keeps_the_contract(role):
    check_model(f"{WORLD}_{role}", WORLD, steps=12)


def test_a_soloist_needs_nobody():
    soloist, idle = cooked("cramped", "soloist", "idle")
    assert soloist[DELIVERED] >= 3
    assert soloist[DROPPED] >= 3 * soloist[TAKEN] >= 3 * soloist[DELIVERED]
    assert not idle.any()


def test_loader_and_runner_share_the_work():
    loader, runner = cooked("cramped", "loader", "runner")
    assert (loader[DROPPED], loader[TAKEN], loader[DELIVERED]) == (max(loader[DROPPED], 9), 0, 0)
    assert runner[DROPPED] == 0
    assert runner[DELIVERED] >= 3


def test_a_passer_feeds_the_cook_behind_the_counter():
    passer, cook = cooked("forced", "passer", "soloist")
    assert not passer.any()  # it reaches neither pot nor delivery
    assert cook[DROPPED] >= 9
    assert cook[DELIVERED] >= 2
