"""Clean Up by the rules of 2018."""

import numpy as np
from boards import act, seat

import sorrelsim

CREEK = """
WWWWWWWW
WFFFP  W
WH B   W
W  PP  W
WWWWWWWW
"""


def make(**settings):
    settings = {"map": CREEK, "n_agents": 2, "preset": "classic", "apple_probability": 0.0} | settings
    return sorrelsim.make("cleanup", compiled=False, **settings)


def dirt(world):
    return world.copies.state["dirt"][0, 0]


def test_zaps_cost_and_remove_nobody():
    world = seat(make(), (3, 3, "E"), (3, 5, "N"))
    assert act(world, "zap", "noop") == [-1.0, -50.0]
    assert act(world, "zap", "noop") == [-1.0, -50.0]
    assert (world.out[0] == 0).all()
    assert world.obs["grid"].shape[2:4] == (15, 15)


def test_cleaning_is_free_and_stops_at_dirt_and_agents():
    world = seat(make(dirt_probability=0.0), (1, 4, "W"), (3, 5, "N"))
    assert act(world, "clean", "noop") == [0.0, 0.0]
    assert dirt(world) == 2
    act(world, "clean", "noop")
    assert dirt(world) == 1
    world = seat(make(), (1, 5, "W"), (1, 4, "N"))
    act(world, "clean", "noop")
    assert dirt(world) == 3


def test_at_the_threshold_nothing_grows_and_nothing_spreads():
    world = seat(make(apple_probability=1.0), (1, 4, "W"), (3, 5, "N"))
    act(world, "noop", "noop")
    assert dirt(world) == 3
    assert not world.text().count("A")
    act(world, "clean", "noop")
    act(world, "clean", "noop")  # one of four is dirty: below .4, so apples may grow and dirt spreads
    assert dirt(world) == 2


def test_dirt_spreads_almost_surely():
    world = make(n_worlds=200, map=CREEK.replace("FFF", "HHH"))
    seat(world, (3, 3, "N"), (3, 4, "N"))
    act(world, "noop", "noop")
    soiled = (world.copies.state["dirt"][:, 0] == 1).mean()
    assert abs(soiled - 15 / 16) < 5 * np.sqrt(15 / 256 / 200)


def test_map():
    world = sorrelsim.make("cleanup", preset="classic", compiled=False)
    assert (world.width, world.height, world.n_agents) == (18, 25, 5)
