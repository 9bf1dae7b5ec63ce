"""Two keys: only two at once open the door, and everybody is paid."""

import numpy as np
import pytest
from boards import act, seat

import sorrelsim
from sorrelsim.testing import check_world

HALL = """
WWWWWWW
WK P KW
W  PPKW
WWWWWWW
"""


def make(n_agents=2, **settings):
    return sorrelsim.make("two_keys", preset="costly", map=HALL, n_agents=n_agents, compiled=False, **settings)


def test_keeps_the_contract():
    check_world("two_keys", compiled=False, steps=60)


def test_two_who_turn_in_the_same_step_open_and_start_anew():
    world = seat(make(), (1, 1, "N"), (1, 4, "N"))
    # Agent 0 turns too early and pays; then 1 is there, too.
    assert act(world, "turn", "right") == [-0.2, 0.0]
    assert world.pos[0].tolist() == [[1, 1], [1, 5]]
    assert act(world, "turn", "turn") == [1.0, 1.0]
    assert {tuple(place) for place in world.pos[0]} < {(1, 3), (2, 3), (2, 4)}
    assert world.event_counts[0].tolist() == [[1, 1], [1, 0]]


def test_alone_costs_nothing_unless_that_is_asked_for():
    world = seat(sorrelsim.make("two_keys", map=HALL, compiled=False), (1, 1, "N"), (1, 4, "N"))
    assert act(world, "turn", "up") == [0.0, -0.1]


def test_turning_nothing_and_waiting_on_a_key_do_nothing():
    world = seat(make(), (1, 1, "N"), (1, 3, "N"))
    assert act(world, "turn", "turn") == [-0.2, 0.0]
    assert act(world, "up", "turn") == [-0.1, 0.0]


@pytest.mark.parametrize("third", ["up", "turn"])
def test_of_three_those_who_only_watch_are_paid_too(third):
    # Agent 2 stands on the third key, and bumps into nothing: agent 1 is above it.
    world = seat(make(3), (1, 1, "N"), (1, 5, "N"), (2, 5, "N"))
    assert act(world, "turn", "turn", third) == [1.0, 1.0, 1.0]
    assert world.event_counts[0, :, 0].tolist() == [1, 1, float(third == "turn")]


def test_the_price_and_the_prize_are_params():
    world = seat(make(open_value=2.0, alone_value=-3.0), (1, 1, "N"), (1, 5, "N"))
    assert act(world, "turn", "left") == [-3.0, 0.0]
    seat(world, (1, 1, "N"), (2, 5, "N"))
    assert act(world, "turn", "turn") == [2.0, 2.0]


def test_the_episode_is_cut_after_fifty_steps():
    world = make()
    for turn in range(1, 51):
        *_, terminated, truncated, _ = world.step(np.zeros((1, 2), int))
        assert truncated.all() == (turn == 50)
        assert not terminated.any()


def test_from_one_key_of_the_room_the_other_is_in_view():
    world = seat(sorrelsim.make("two_keys", compiled=False), (3, 2, "N"), (3, 4, "N"))
    act(world, "turn", "up")
    keys = world.obs[0, 0, ..., world.codes.layer[world.kinds.KEY]] == world.kinds.KEY
    assert np.argwhere(keys).tolist() == [[2, 2], [2, 4]]
