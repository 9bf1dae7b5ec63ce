"""Measures against numbers worked out by hand."""

import numpy as np
import pytest

import sorrelsim
from sorrelsim.experiments import measures
from sorrelsim.experiments.measures import EpisodeCollector, Episodes


def test_efficiency_is_the_reward_of_all_a_step():
    # (6 + 2 + 4) / 6 = 2, and (0 - 3 + 0) / 10 = -0.3
    returns = np.array([[6.0, 2.0, 4.0], [0.0, -3.0, 0.0]])
    assert measures.efficiency(returns, np.array([6, 10])) == pytest.approx([2.0, -0.3])


def test_equality_is_one_minus_the_gini_coefficient():
    # returns 1, 2, 5: gaps |1-2| + |1-5| + |2-5| = 8, each counted twice = 16; 2 N sum = 2 * 3 * 8 = 48; 1 - 1/3.
    # All the same: 1. One has all: gaps 2 * (6 + 6) = 24 over 2 * 3 * 6 = 36; 1 - 2/3 = 1/3 = 1/N.
    found = measures.equality(np.array([[1.0, 2.0, 5.0], [4.0, 4.0, 4.0], [0.0, 6.0, 0.0]]))
    assert found == pytest.approx([2 / 3, 1.0, 1 / 3])


def test_equality_is_undefined_for_debts_and_for_nothing():
    assert np.isnan(measures.equality(np.array([[-1.0, 5.0], [0.0, 0.0]]))).all()


def test_sustainability_is_the_mean_of_the_agents_mean_reward_times():
    # Agent 0 was paid in steps 2 and 4 (mean 3), agent 1 in step 9, agent 2 never: (3 + 9) / 2 = 6. Nobody paid: nan.
    found = measures.sustainability(np.array([[6, 9, 0], [0, 0, 0]]), np.array([[2, 1, 0], [0, 0, 0]]))
    assert found[0] == pytest.approx(6.0)
    assert np.isnan(found[1])


def test_peace_is_the_share_of_agent_steps_in_the_game():
    # 3 agents, 10 steps, 5 + 0 + 4 of the 30 agent-steps spent out: 21 / 30.
    assert measures.peace(np.array([[5, 0, 4]]), np.array([10])) == pytest.approx([0.7])


def test_per_capita_return_of_all_and_of_some_slots():
    returns = np.array([[1.0, 2.0, 6.0]])
    assert measures.per_capita_return(returns) == pytest.approx([3.0])
    assert measures.per_capita_return(returns, [0, 2]) == pytest.approx([3.5])


def test_nanmean_ignores_nan_and_says_nan_of_nothing_without_a_warning():
    found = measures.nanmean(np.array([[1.0, np.nan], [3.0, np.nan]]))
    assert found[0] == 2.0
    assert np.isnan(found[1])


def episodes(returns, lengths):
    zeros = np.zeros((len(lengths), len(returns[0])), np.int64)
    return Episodes(np.array(returns), np.array(lengths), zeros, zeros, zeros, np.zeros((*zeros.shape, 1)), ("apples",))


def test_joining_and_choosing_episodes():
    both = Episodes.join([episodes([[1.0, 3.0]], [5]), episodes([[2.0, 2.0]], [7])])
    assert both.lengths.tolist() == [5, 7]
    assert both.where(np.array([False, True])).returns.tolist() == [[2.0, 2.0]]


def test_no_episodes_have_nan_measures_and_raise_nothing():
    none = episodes([[1.0, 3.0]], [5]).where(np.array([False]))
    assert all(np.isnan(value) for value in none.measures().values())
    assert np.isnan(none.event_means()["apples"])


def test_recorder_follows_a_world_step_by_step():
    """Two copies of treasure hunt of three steps; returns, reward times and counts against a plain loop."""
    world = sorrelsim.make(
        "treasure_hunt", 2, 3, max_steps=3, spawn_probability=1.0, gem_value=4.0, bone_value=0.5, compiled=False
    )
    recorder = EpisodeCollector(world)
    rng = np.random.default_rng(0)
    times, counts, returns = (np.zeros((2, 2)) for _ in range(3))
    for turn in range(1, 4):
        _, reward, *_ = world.step(rng.integers(4, size=(2, 2)))
        recorder.observe(world)
        returns += reward
        times += turn * (reward > 0)
        counts += reward > 0
    found = recorder.take()
    assert counts.sum() > 0
    assert found.lengths.tolist() == [3, 3]
    np.testing.assert_array_equal(found.returns, returns)
    np.testing.assert_array_equal(found.reward_times, times)
    np.testing.assert_array_equal(found.reward_counts, counts)
    assert found.events.sum() == counts.sum()
    assert len(recorder.take()) == 0


def test_recorder_counts_steps_spent_out():
    """Who is zapped in Clean Up is out for as long as ``zap_timeout`` says; peace is what is left."""
    row = "W" * 6
    world = sorrelsim.make(
        "cleanup", 1, 0, map=f"{row}\nWPPPPW\nWHHBBW\n{row}", n_agents=3, zap_timeout=3, zap_cooldown=0,
        min_steps=50, max_steps=40, compiled=False,
    )  # fmt: skip
    recorder = EpisodeCollector(world)
    rng = np.random.default_rng(1)
    out = np.zeros(3)
    zap = world.action_names.index("zap")
    for turn in range(40):
        actions = rng.choice([1, 5, zap], size=(1, 3))
        world.step(actions if turn < 30 else np.zeros((1, 3), np.int64))  # everybody is back before the end
        recorder.observe(world)
        out += world.out[0] != 0
    found = recorder.take()
    assert out.sum() > 0
    np.testing.assert_array_equal(found.steps_out[0], out)
    assert measures.peace(found.steps_out, found.lengths)[0] == pytest.approx(1 - out.sum() / 120)
