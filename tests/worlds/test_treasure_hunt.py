"""Treasure hunt: what pays, what costs, and how often things appear."""

import numpy as np
import pytest
from boards import act, seat

import sorrelsim
from sorrelsim.worlds.treasure_hunt import Kind

YARD = """
WWWWWW
WPPPPW
WPPPPW
WWWWWW
"""


def make(**settings):
    settings = {"map": YARD, "spawn_probability": 0.0, "compiled": False} | settings
    return sorrelsim.make("treasure_hunt", **settings)


@pytest.mark.parametrize(("kind", "value"), [(Kind.GEM, 10.0), (Kind.FOOD, 5.0), (Kind.BONE, -10.0)])
def test_what_lies_there_is_taken_and_pays(kind, value):
    world = seat(make(), (1, 1, "N"), (2, 4, "N"))
    world.grid[0, 1, 2, 0] = kind
    assert act(world, "right", "left") == [value, 0.0]
    assert world.grid[0, 1, 2, 0] == 0
    assert world.event_counts[0, 0].tolist() == [float(kind == other) for other in (Kind.GEM, Kind.FOOD, Kind.BONE)]


def test_a_wall_costs_one_and_another_agent_nothing():
    world = seat(make(), (1, 1, "N"), (1, 2, "N"))
    assert act(world, "up", "up") == [-1.0, -1.0]
    world = seat(make(n_agents=1), (1, 1, "N"))
    assert act(world, "left") == [-1.0]
    world = seat(make(n_agents=3), (1, 1, "N"), (1, 2, "N"), (2, 1, "N"))
    assert act(world, "right", "up", "up")[0] == 0.0


def test_the_episode_is_cut_after_a_hundred_steps():
    world = make()
    for turn in range(1, 101):
        *_, terminated, truncated, info = world.step(np.zeros((1, 2), int))
        assert truncated.all() == (turn == 100)
        assert not terminated.any()
    assert info["episode_length"].tolist() == [100]


def test_things_appear_at_their_rate_and_kind_by_kind():
    n, p = 4000, 0.05
    world = sorrelsim.make("treasure_hunt", n, map=YARD, n_agents=1, spawn_probability=p)
    world.step(np.ones((n, 1), int))
    lying = world.grid[..., 0][:, 1:3, 1:5].reshape(n, -1)
    free = n * 7  # the agent's own cell stays bare
    appeared = (lying > 0).sum() / free
    assert abs(appeared - p) <= 5 * np.sqrt(p * (1 - p) / free)
    shares = np.array([(lying == kind).sum() for kind in (Kind.GEM, Kind.FOOD, Kind.BONE)]) / (lying > 0).sum()
    np.testing.assert_allclose(shares, 1 / 3, atol=5 * np.sqrt(2 / 9 / (lying > 0).sum()))


def test_the_default_field():
    world = sorrelsim.make("treasure_hunt", compiled=False)
    assert (world.height, world.width, world.n_agents) == (21, 21, 2)
    assert world.observations.shape[:2] == (5, 5)
