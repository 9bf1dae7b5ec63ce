"""Gymnasium environments as worlds; skipped where that package is absent."""

import numpy as np
import pytest

from sorrelsim.interfaces.from_gymnasium import GymnasiumWorld

pytest.importorskip("gymnasium", reason="gymnasium is not installed")


def test_a_time_limit_is_a_truncation_with_its_true_last_observation():
    """CartPole falls over (terminated); MountainCar pushed left runs into its limit of 200 steps (truncated)."""
    world = GymnasiumWorld("CartPole-v1", 2, seed=0)
    assert world.obs.shape == (2, 1, 4)
    fallen = 0
    for _ in range(30):
        world.submit(np.array([0]), np.ones((2, 1), np.int64))
        world.step()
        assert not world.truncated.any()
        if world.terminated.any():
            final = world.info["final_obs"][world.terminated]
            assert (np.abs(final[:, 2]) > 0.2).all()  # the pole's angle when it fell
            assert (np.abs(world.obs[world.terminated][:, 2]) < 0.06).all()  # upright again
            fallen += 1
    assert fallen
    world.close()
    world = GymnasiumWorld("MountainCar-v0", 1, seed=0)
    for _ in range(200):
        assert not world.truncated.any()
        world.step(np.zeros((1, 1), np.int64))
    assert world.truncated.all()
    assert not world.terminated.any()
    assert not np.array_equal(world.info["final_obs"], world.obs)
    world.close()


def test_continuous_actions_are_refused():
    with pytest.raises(ValueError, match="only Discrete"):
        GymnasiumWorld("Pendulum-v1")


def test_the_same_seed_gives_the_same_episodes():
    first, second, other = (GymnasiumWorld("CartPole-v1", 3, seed=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(first.obs, second.obs)
    assert not np.array_equal(first.obs, other.obs)
    assert len(np.unique(first.obs[:, 0, 0])) == 3  # copies differ
