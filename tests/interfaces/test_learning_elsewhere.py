"""Learners of other libraries learn coins through the interfaces. Minutes each, so all are slow."""

import warnings

import numpy as np
import pytest
import torch

from sorrelsim.interfaces import gym_vec_env, parallel_env, sb3_vec_env

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # what other libraries warn of is theirs
sb3 = pytest.importorskip("stable_baselines3", reason="stable-baselines3 is not installed")

FIELD = {"coin_probability": 0.01, "min_size": 8, "max_size": 8, "max_steps": 300, "min_steps": 300}
SHOWN = {"observation": "one_hot", "window": {"forward": 5, "back": 5, "left": 5, "right": 5}}
SETTINGS = {
    "n_steps": 64, "batch_size": 512, "n_epochs": 4, "learning_rate": 1e-3, "gamma": 0.9, "ent_coef": 0.01, "seed": 0,
    "device": "cpu",
}  # fmt: skip


def coins_taken(predict, episodes=16):
    """Mean coins that an agent takes in an episode of 300 steps."""
    env = gym_vec_env("coins", episodes, slot="all", **FIELD, **SHOWN)
    obs, _ = env.reset(seed=99)
    while True:
        obs, *_, infos = env.step(predict(obs))
        if "final_info" in infos:
            told = infos["final_info"]
            return float((told["own_coins_taken"] + told["other_coins_taken"]).mean())


def assert_learns(model):
    """Random play takes about 38 coins; both ways below come to 70 or more after 40,000 steps."""
    rng = np.random.default_rng(0)
    by_chance = coins_taken(lambda obs: rng.integers(7, size=32))
    model.learn(100_000)
    taken = coins_taken(lambda obs: model.predict(obs)[0])
    print(f"{taken:.1f} coins, {by_chance:.1f} by chance")
    assert taken > 1.7 * by_chance


def test_ppo_of_stable_baselines3_learns_to_take_coins():
    """One policy for both slots of 8 copies: 16 environments."""
    env = sb3_vec_env(gym_vec_env("coins", 8, seed=0, slot="all", **FIELD, **SHOWN))
    assert_learns(sb3.PPO("MultiInputPolicy", env, **SETTINGS))


def test_one_learner_of_both_agents_learns_through_supersuit():
    """SuperSuit turns PettingZoo's parallel environment into one of stable-baselines3, its agents sharing a policy."""
    supersuit = pytest.importorskip("supersuit", reason="SuperSuit is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = supersuit.pettingzoo_env_to_vec_env_v1(parallel_env("coins", **FIELD, **SHOWN))
        env = supersuit.concat_vec_envs_v1(env, 8, base_class="stable_baselines3")
    torch.manual_seed(0)
    assert_learns(sb3.PPO("MultiInputPolicy", env, **SETTINGS | {"seed": None}))  # SuperSuit's batch takes no seed
