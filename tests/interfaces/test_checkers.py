"""What PettingZoo and Gymnasium themselves check of an environment holds for every world, without warnings."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.interfaces import aec_env, gym_env, gym_vec_env, parallel_env
from sorrelsim.library.find import find_class, shipped

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed")
checker = pytest.importorskip("gymnasium.utils.env_checker")
pytest.importorskip("pettingzoo", reason="pettingzoo is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of PettingZoo's own, as it imports its tests
    from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
    from pettingzoo.test.state_test import test_state as check_state
    from pettingzoo.test.state_test import test_state_space as check_state_space

WORLDS = sorted(shipped("worlds"))
PRESETS = [
    (world, preset) for world in WORLDS for preset in (find_class(f"pkg:{world}", "worlds", Gridworld).presets or ())
]
MASKED = str(Path(__file__).with_name("masked_world.py"))
NO_BOX = [  # api_test's advice to anyone whose observations have several parts
    "ignore:Observation is not a NumPy array",
    "ignore:Observation space for each agent probably should be gymnasium.spaces.box",
]


def check_all(world, cycles, **settings):
    """Runs the checkers of both libraries; the ids of Gymnasium make environments that it can make again."""
    version = gym_env(world, **settings).world.version
    if world in WORLDS:
        checker.check_env(gymnasium.make(f"sorrelsim/{world}-v{version}", **settings).unwrapped)
    parallel_api_test(parallel_env(world, **settings), num_cycles=cycles)
    parallel_seed_test(lambda: parallel_env(world, **settings), num_cycles=cycles)
    api_test(aec_env(world, **settings), num_cycles=cycles)
    seed_test(lambda: aec_env(world, **settings), num_cycles=cycles)
    env = aec_env(world, **settings)
    check_state_space(env)
    check_state(env, 3)
    check_vector(gym_vec_env(world, 3, slot="all", **settings), cycles)
    check_vector(gym_vec_env(world, 3, **settings), cycles)


def check_vector(env, steps):
    """What Gymnasium's documentation says of a vector environment; it has no checker of its own for these."""
    obs, infos = env.reset(seed=3)
    again, _ = env.reset(seed=3)
    assert checker.data_equivalence(obs, again, exact=True)
    assert env.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.SAME_STEP
    env.action_space.seed(0)
    for _ in range(steps):
        assert obs in env.observation_space
        assert all(len(value) == env.num_envs for value in infos.values() if isinstance(value, np.ndarray))
        obs, reward, terminated, truncated, infos = env.step(env.action_space.sample())
        for array in (reward, terminated, truncated):
            assert array.shape == (env.num_envs,)
        assert terminated.dtype == truncated.dtype == np.bool_
        ended = terminated | truncated
        assert ended.any() == ("final_obs" in infos)
        if ended.any():
            np.testing.assert_array_equal(infos["_final_obs"], ended)
            fits = [last in env.single_observation_space for last in infos["final_obs"]]
            assert fits == ended.tolist()  # None, which fits nowhere, where no episode ended
            assert infos["final_info"]["episode_length"][ended].all()


@pytest.mark.filterwarnings(*NO_BOX)
@pytest.mark.parametrize("world", WORLDS)
def test_every_world_passes(world, dummy):
    check_all(world, 10, compiled=False)


@pytest.mark.filterwarnings(*NO_BOX, "ignore:Observation numpy array is all zeros")  # who is out sees nothing
def test_a_world_with_masks_passes_through_episodes(dummy):
    """Its episodes of 40 steps end many times, its agents are out and come back, and they may not walk into walls."""
    check_all(MASKED, 200, compiled=False)


def test_worlds_whose_observation_is_one_array_draw_no_advice(dummy):
    for world in ("iowa", "treasure_hunt"):
        api_test(aec_env(world, compiled=False), num_cycles=10)


@pytest.mark.slow
@pytest.mark.filterwarnings(*NO_BOX)
@pytest.mark.parametrize(("world", "preset"), PRESETS)
def test_every_preset_passes(world, preset, dummy):
    check_all(world, 300, preset=preset)


@pytest.mark.slow
@pytest.mark.filterwarnings(*NO_BOX)
@pytest.mark.parametrize("observation", ["one_hot", "rgb"])
@pytest.mark.parametrize("world", WORLDS)
def test_every_form_passes(world, observation, dummy):
    check_all(world, 100, observation=observation)
