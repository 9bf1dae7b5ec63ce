"""How an episode ends: at chance, by a limit, and what is handed over then."""

import numpy as np
import pytest
from tiny_worlds import Tiny, pay_everybody, share_ok

from sorrelsim.rules import episode, movement


class Ending(Tiny):
    maps = {"m": "P"}
    sites = {"spawns": "P"}
    n_agents = 1
    start = (movement.scatter,)
    rules = (pay_everybody, episode.stochastic_end)


def lengths(world, steps):
    """Lengths and kinds of all episodes that end within some steps."""
    found, kinds = [], []
    for _ in range(steps):
        _, _, terminated, truncated, info = world.step(np.zeros((world.n_worlds, 1), int))
        if info["ended"].any():
            found += info["episode_length"][info["ended"]].tolist()
            kinds += ["terminated" if flag else "truncated" for flag in terminated[info["ended"], 0]]
            assert not (terminated & truncated).any()
    return found, kinds


def test_stochastic_ending_comes_only_at_99_mod_100_from_the_minimum_on():
    world = Ending(8, 0, compiled=False, min_steps=150, end_probability=0.5, max_steps=700)
    found, kinds = lengths(world, 700)
    assert set(found) <= {199, 299, 399, 499, 599, 699, 700}
    assert {199, 299} <= set(found)
    for length, kind in zip(found, kinds, strict=True):
        assert kind == ("truncated" if length == 700 else "terminated")


def test_the_minimum_itself_may_end_it():
    world = Ending(4, 0, compiled=False, min_steps=99, end_probability=1.0, max_steps=700)
    assert lengths(world, 99) == ([99] * 4, ["terminated"] * 4)


@pytest.mark.parametrize("p", [0.1, 0.15, 0.2])
def test_each_check_ends_it_with_its_probability(p):
    n = 400
    world = Ending(n, 1, compiled=False, min_steps=50, end_probability=p, max_steps=5000)
    state = world.get_state()
    state["turn"][:] = 98  # straight to the check
    world.set_state(state)
    found, _ = lengths(world, 1)
    assert share_ok(len(found), n, p)
    for turn in (0, 48, 97, 99, 148):  # nothing ends at the steps between
        state["turn"][:] = turn
        world.set_state(state)
        assert lengths(world, 1) == ([], [])


def test_the_maximum_truncates():
    world = Ending(3, 0, compiled=False, min_steps=1000, max_steps=7)
    assert lengths(world, 14) == ([7] * 6, ["truncated"] * 6)


def test_a_termination_at_the_maximum_stays_a_termination():
    world = Ending(2, 0, compiled=False, min_steps=1, end_probability=1.0, max_steps=99)
    assert lengths(world, 99) == ([99] * 2, ["terminated"] * 2)


def test_time_limit_truncates():
    class Limited(Ending):
        rules = (episode.time_limit,)

    world = Limited(2, 0, compiled=False, max_steps=5)
    assert lengths(world, 10) == ([5] * 4, ["truncated"] * 4)


def test_an_episode_ends_with_its_sums_and_the_next_starts_afresh():
    world = Ending(2, 0, compiled=False, max_steps=6)
    for _ in range(6):
        obs, _, _, truncated, info = world.step(np.zeros((2, 1), int))
    assert truncated.all()
    np.testing.assert_array_equal(info["episode_return"], [[6], [6]])
    np.testing.assert_array_equal(info["episode_length"], [6, 6])
    assert (world.turn == 0).all()
    assert (world.episode_return == 0).all()
    assert obs["grid"].any()
    assert info["final_obs"]["grid"].any()
