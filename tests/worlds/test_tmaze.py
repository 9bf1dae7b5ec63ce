"""T-maze: what the doors pay, and that nothing but memory tells them apart at the junction."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.tmaze import Kind

MAZE = """
WWWWWWW
W1   2W
WWWPWWW
WWWPWWW
WWWPWWW
WWWPWWW
WWWPWWW
WWWWWWW
"""
BLUE, RED = range(2)


def make(colour=None, map=MAZE, **settings):
    """A maze of two bare cells and one coloured one; of a colour, if one is asked for."""
    settings = {"length": 2, "compiled": False} | settings
    worlds = (sorrelsim.make("tmaze", map=map, seed=seed, **settings) for seed in range(99))
    return next(world for world in worlds if colour is None or world.copies.state["colour"][0, 0] == colour)


def test_keeps_the_contract():
    check_world("tmaze", compiled=False, steps=60)


@pytest.mark.parametrize(("colour", "rewards"), [(BLUE, (4.0, -0.1)), (RED, (-0.1, 4.0))])
def test_the_door_of_the_floor_s_colour_pays_and_either_ends_the_episode(colour, rewards):
    for turn, reward in zip(("left", "right"), rewards, strict=True):
        world = make(colour)
        floor = (Kind.BLUE_FLOOR, Kind.RED_FLOOR)[colour]
        # The third spawn cell below the junction at (1, 3); those behind it are walls.
        assert world.pos[0].tolist() == [[4, 3]]
        assert world.grid[0, 4, 3, world.codes.layer[floor]] == floor
        assert world.text().splitlines()[4:7] == ["WWW" + world.text().splitlines()[4][3] + "WWW", "WWWWWWW", "WWWWWWW"]
        assert [act(world, name) for name in ("up", "up", "up", turn)] == [[0.0]] * 4
        assert act(world, turn) == [reward]
        assert world.terminated.all()
        assert world.info["episode_events"][0].tolist() == [[float(reward == 4.0), float(reward != 4.0)]]


def test_a_wall_costs_a_tenth_and_the_end_of_time_is_a_truncation():
    world = make(max_steps=2)
    assert act(world, "left") == [-0.1]
    assert act(world, "down") == [-0.1]
    assert world.truncated.all()
    assert not world.terminated.any()


def test_away_from_the_start_both_colours_look_alike():
    """So no policy without memory turns the right way more than half of the time."""
    steps = [((4, 3), "up"), ((3, 3), "up"), ((2, 3), "up"), ((1, 3), "left"), ((1, 3), "right")]
    alike = []
    for place, name in steps:
        pair = [seat(make(colour), (*place, "N")) for colour in (BLUE, RED)]
        for world in pair:
            assert act(world, name) == [0.0]
        alike.append(np.array_equal(pair[BLUE].obs, pair[RED].obs))
    # One step from the start the floor is still in view; from two on to the junction and beyond it is not.
    assert alike == [False, True, True, True, True]


def test_the_length_is_that_of_the_params_or_else_of_the_map():
    for length, row in ((1, 3), (3, 5), (50, 6)):
        assert make(length=length).pos[0].tolist() == [[row, 3]]
    world = sorrelsim.make("tmaze", preset="long", compiled=False)
    assert world.pos[0].tolist() == [[122, 3]]
    sweep = sorrelsim.make("tmaze", n_worlds=3, length=[1, 2, 3], map=MAZE, compiled=False)
    assert sweep.pos[:, 0, 0].tolist() == [3, 4, 5]


def test_either_colour_is_as_likely_and_drawn_for_every_episode():
    n = 400
    world = sorrelsim.make("tmaze", n_worlds=n, map=MAZE, max_steps=1, compiled=False)
    before = world.copies.state["colour"][:, 0].copy()
    assert share_ok(before.sum(), n, 0.5)  # five standard errors: 0.125
    act(world, "up")
    after = world.copies.state["colour"][:, 0]
    assert share_ok((after == before).sum(), n, 0.5)


def test_several_start_behind_each_other_and_the_first_through_a_door_ends_it():
    world = make(BLUE, n_agents=2)
    assert sorted(world.pos[0].tolist()) == [[4, 3], [5, 3]]
    seat(world, (1, 2, "N"), (2, 3, "N"))
    assert act(world, "left", "up") == [4.0, 0.0]
    assert world.terminated.all()
