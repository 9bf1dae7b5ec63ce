"""Reward transforms against numbers worked out by hand."""

import numpy as np
import pytest

from sorrelsim.library.transforms import make_transform
from sorrelsim.models.rewards import TRANSFORMS, InequityAversion

GOES_ON = np.zeros((1, 3), bool)
REWARD = np.array([[1.0, 4.0, 0.0]])


def test_individual_rewards_are_the_worlds_own():
    np.testing.assert_array_equal(make_transform("individual")(REWARD, GOES_ON), REWARD)


def test_common_reward_is_the_sum_or_the_mean_of_all():
    np.testing.assert_allclose(make_transform("common")(REWARD, GOES_ON), [[5, 5, 5]])
    np.testing.assert_allclose(make_transform("common", {"how": "mean"})(REWARD, GOES_ON), [[5 / 3] * 3])


def test_inequity_aversion_takes_away_for_having_less_and_for_having_more():
    """alpha 2, beta 1, no smoothing, N - 1 = 2.

    Agent 0 (1): behind by 3 (to agent 1), ahead by 1 (of agent 2): 1 - 2/2 * 3 - 1/2 * 1 = -2.5.
    Agent 1 (4): ahead by 3 and 4: 4 - 1/2 * 7 = 0.5.
    Agent 2 (0): behind by 1 and 4: 0 - 2/2 * 5 = -5.
    """
    transform = make_transform("inequity_aversion", {"alpha": 2, "beta": 1, "trace": 0})
    np.testing.assert_allclose(transform(REWARD, GOES_ON), [[-2.5, 0.5, -5.0]])


def test_inequity_aversion_compares_smoothed_rewards_and_starts_afresh_with_an_episode():
    """gamma * trace = 0.5, alpha 1, beta 0, two agents, one of them paid 8 once.

    Step 1: e = (8, 0), so agent 1 gets 0 - 8. Step 2, no rewards: e = (4, 0): -4. Then copy 0's episode ends:
    e = 0.
    """
    transform = make_transform("inequity_aversion", {"alpha": 1, "beta": 0, "gamma": 0.5, "trace": 1.0})
    paid, nothing = np.array([[8.0, 0.0]] * 2), np.zeros((2, 2))
    on, first_ends = np.zeros((2, 2), bool), np.array([[True, True], [False, False]])
    np.testing.assert_allclose(transform(paid, on), [[8, -8], [8, -8]])
    np.testing.assert_allclose(transform(nothing, first_ends), [[0, -4], [0, -4]])
    other = InequityAversion(1, 0, 0.5, 1.0)
    other.load_state_dict(transform.state_dict())
    for one in (transform, other):
        np.testing.assert_allclose(one(nothing, on), [[0, 0], [0, -2]])


def test_social_value_orientation_costs_the_distance_from_the_angle():
    """Two agents, rewards (1, 1): both angles are 45 degrees. Rewards (1, 0): 0 and 90 degrees."""
    transform = make_transform("social_value_orientation", {"angle": 90, "weight": 2.0})
    on = np.zeros((1, 2), bool)
    np.testing.assert_allclose(transform(np.array([[1.0, 1.0]]), on), [[1 - np.pi / 2, 1 - np.pi / 2]])
    np.testing.assert_allclose(transform(np.array([[1.0, 0.0]]), on), [[1 - np.pi, 0.0]])


SVO = [  # rewards of agent 0 and the others, target, agent 0's cost by hand in radians
    ([1.0, 0.0, 0.0], 45, np.pi / 4),  # angle 0
    ([0.0, 1.0, 1.0], 45, np.pi / 4),  # 90
    ([0.0, 0.0, 0.0], 45, np.pi / 4),  # nobody gets anything: 0
    ([-0.0, 0.0, 0.0], 45, np.pi / 4),  # whatever the sign of nothing: not 180
    ([-0.0, -0.0, -0.0], 45, np.pi / 4),
    ([-1.0, 0.0, 0.0], 45, 3 * np.pi / 4),  # 180
    ([-1.0, -0.0, 0.0], 45, 3 * np.pi / 4),  # 180, not -180
    ([-1.0, 0.1 + 0.2, -0.3], 45, 3 * np.pi / 4),  # the others have nothing but 5e-17 of rounding
    ([-1.0, 0.3, -(0.1 + 0.2)], 45, 3 * np.pi / 4),  # and -5e-17
    ([0.0, 0.1 + 0.2, -0.3], 45, np.pi / 4),  # nor does it turn nothing to 90
    ([0.1 + 0.2 - 0.3, 0.0, 0.0], 90, np.pi / 2),  # one's own rounding
    ([0.3 - (0.1 + 0.2), 0.0, 0.0], 45, np.pi / 4),
    ([0.0, -1.0, -1.0], 90, np.pi),  # -90, the other side of the circle
    ([-1.0, -1.0, -1.0], 90, 3 * np.pi / 4),  # -135: 225 from 90, which is 135 on the circle
    ([-1.0, -1e-6, -1e-6], 90, np.pi / 2 + 1e-6),  # just beyond 180
    ([1e6, 0.1 + 0.2, -0.3], 0, 0.0),
]


@pytest.mark.parametrize(("rewards", "angle", "cost"), SVO)
def test_social_value_orientation_does_not_jump(rewards, angle, cost):
    transform = make_transform("social_value_orientation", {"angle": angle, "weight": 1.0})
    found = transform(np.array([rewards]), np.zeros((1, 3), bool))[0, 0]
    assert rewards[0] - found == pytest.approx(cost, abs=1e-9)


def test_social_value_orientation_is_continuous_where_anything_is_paid():
    """Rounding of any order and sign moves no one's reward by more than itself times some."""
    rng = np.random.default_rng(0)
    transform = make_transform("social_value_orientation", {"angle": 60, "weight": 1.0})
    on = np.zeros((1000, 4), bool)
    rewards = rng.choice([-1.0, 0.0, 0.1, 0.2, -0.3, 10.0], size=(1000, 4))
    for scale in (1e-17, -1e-17, 1e-15, -1e-15):
        moved = transform(rewards + scale * rng.random(rewards.shape), on)
        np.testing.assert_allclose(moved, transform(rewards, on), atol=1e-6)


def test_reward_exchange_gives_shares_away():
    """s = 0.6: agent 0 keeps 0.6 * 1 and gets 0.4 / 2 of 4 + 0."""
    transform = make_transform("reward_exchange", {"self_interest": 0.6})
    np.testing.assert_allclose(transform(REWARD, GOES_ON), [[0.6 + 0.8, 2.4 + 0.2, 0.0 + 1.0]])
    assert transform(REWARD, GOES_ON).sum() == pytest.approx(REWARD.sum())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_an_agent_alone_keeps_a_finite_reward_and_the_worlds_array_is_left_alone(name):
    reward = np.array([[3.0]])
    assert np.isfinite(make_transform(name)(reward, np.zeros((1, 1), bool))).all()
    assert reward[0, 0] == 3.0


def test_unknown_names_and_settings_name_the_nearest():
    with pytest.raises(ValueError, match="inequity_aversion"):
        make_transform("inequality_aversion")
    with pytest.raises(ValueError, match="did you mean 'alpha'"):
        make_transform("inequity_aversion", {"alhpa": 1})
    with pytest.raises(ValueError, match="self_interest"):
        make_transform("reward_exchange", {"self_interest": 1.5})
