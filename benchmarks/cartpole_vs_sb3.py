"""PPO and DDQN on CartPole-v1 beside stable-baselines3, on the same budget of steps.

    python benchmarks/cartpole_vs_sb3.py [--seeds 0 1 2] [--learners ppo ddqn] [--alone]

Each learner trains for its budget and is evaluated every tenth of it on 20 episodes, greedily; "reached" is
the first
of these evaluations with a mean of 475 or more. Wall-clock is the training's alone, on one thread. Settings
of
stable-baselines3 are those of its own RL Zoo for CartPole where it has them. Without that package (it is no
dependency
of this project), or with --alone, only our own learners run.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable

import numpy as np
import torch

from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.outside.make import make_outside

BUDGET = {"ppo": 150_000, "ddqn": 100_000}
SOLVED = 475.0
CONFIGS = {
    "ppo": {
        "n_steps": 64,
        "n_epochs": 10,
        "n_minibatches": 8,
        "learning_rate": 1e-3,
        "anneal_steps": 150_000,
        "gae_lambda": 0.95,
        "value_coefficient": 0.05,  # returns of 100 would drown the policy's gradient in a network that both share
        "entropy": 0.0,
        "gamma": 0.99,
        "network": {"hidden": [64, 64], "activation": "tanh"},
    },
    "ddqn": {
        "steps_between_updates": 2,
        "batch_size": 64,
        "learning_rate": 2.3e-3,
        "anneal_steps": 100_000,
        "memory_size": 100_000,
        "warmup": 1_000,
        "epsilon_steps": 16_000,
        "epsilon_end": 0.04,
        "target_every": 128,
        "n_step": 3,
        "gamma": 0.99,
        "network": {"hidden": [256, 256]},
    },
}
COPIES = {"ppo": 16, "ddqn": 8}


def evaluate(model: BaseModel, episodes: int = 20) -> float:
    """Mean return of greedy episodes, all played side by side."""
    world = make_outside("gym:CartPole-v1", episodes, seed=1000)
    agent = Agent(world, [0], model, learn=False, explore=False)
    returns, running = np.zeros(episodes), np.ones(episodes, bool)
    while running.any():
        agent.transition(world)
        world.step()
        returns += world.reward[:, 0] * running
        running &= ~(world.terminated | world.truncated)[:, 0]
        agent.remember(world)
    return float(returns.mean())


def ours(learner: str, seed: int) -> tuple[float, list[float]]:
    """Trains one of our learners; returns seconds of training and the evaluations."""
    world = make_outside("gym:CartPole-v1", COPIES[learner], seed=seed)
    kind = {"ppo": PPO, "ddqn": DDQN}[learner]
    model = kind.from_config(world.observations, world.action_names, world.n_worlds, CONFIGS[learner], seed)
    agent = Agent(world, [0], model)
    seconds, scores = 0.0, []
    for part in range(10):
        start = time.perf_counter()
        while model.agent_steps < BUDGET[learner] * (part + 1) // 10:
            agent.transition(world)
            world.step()
            agent.remember(world)
        seconds += time.perf_counter() - start
        scores.append(evaluate(model))
    return seconds, scores


def theirs(learner: str, seed: int) -> tuple[float, list[float]]:
    """Trains the learner of stable-baselines3; returns seconds of training and the evaluations."""
    import gymnasium
    from stable_baselines3 import DQN as TheirDQN
    from stable_baselines3 import PPO as TheirPPO
    from stable_baselines3.common.env_util import make_vec_env

    if learner == "ppo":
        env = make_vec_env("CartPole-v1", n_envs=8, seed=seed)
        model = TheirPPO(
            "MlpPolicy",
            env,
            n_steps=32,
            batch_size=256,
            gae_lambda=0.8,
            gamma=0.98,
            n_epochs=20,
            ent_coef=0.0,
            learning_rate=lambda left: 1e-3 * left,
            clip_range=lambda left: 0.2 * left,
            seed=seed,
            device="cpu",
        )
    else:
        env = make_vec_env("CartPole-v1", n_envs=1, seed=seed)
        model = TheirDQN(
            "MlpPolicy",
            env,
            learning_rate=2.3e-3,
            batch_size=64,
            buffer_size=100_000,
            learning_starts=1_000,
            gamma=0.99,
            target_update_interval=10,
            train_freq=256,
            gradient_steps=128,
            exploration_fraction=0.16,
            exploration_final_eps=0.04,
            policy_kwargs={"net_arch": [256, 256]},
            seed=seed,
            device="cpu",
        )
    seconds, scores = 0.0, []
    done = [False]

    def score() -> float:
        envs = gymnasium.make("CartPole-v1")
        returns = []
        for episode in range(20):
            obs, _ = envs.reset(seed=1000 + episode)
            total, over = 0.0, False
            while not over:
                action, _ = model.predict(obs, deterministic=True)
                obs, reward, terminated, truncated, _ = envs.step(int(action))
                total, over = total + float(reward), terminated or truncated
            returns.append(total)
        return float(np.mean(returns))

    # One call, so that its schedules run over the whole budget; a callback stops the clock for evaluations.
    from stable_baselines3.common.callbacks import BaseCallback

    class Clock(BaseCallback):
        def _on_step(self) -> bool:
            nonlocal seconds, start
            if self.num_timesteps >= BUDGET[learner] * (len(scores) + 1) // 10:
                seconds += time.perf_counter() - start
                scores.append(score())
                start = time.perf_counter()
            return True

    start = time.perf_counter()
    model.learn(BUDGET[learner], callback=Clock())
    del done
    return seconds, scores


def report(name: str, train: Callable[[str, int], tuple[float, list[float]]], learner: str, seeds: list[int]) -> float:
    """Trains from every seed and prints a line each; returns the mean seconds."""
    all_seconds = []
    for seed in seeds:
        seconds, scores = train(learner, seed)
        all_seconds.append(seconds)
        solved = [i for i, score in enumerate(scores) if score >= SOLVED]
        reached = f"{BUDGET[learner] * (solved[0] + 1) // 10:>7}" if solved else "  never"
        shown = " ".join(f"{score:3.0f}" for score in scores)
        print(
            f"{name:6} {learner:5} seed {seed}  best {max(scores):5.1f}  last {scores[-1]:5.1f}  "
            f"reached at {reached}  ({shown})",
            flush=True,
        )
    return float(np.mean(all_seconds))


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--learners", nargs="+", default=["ppo", "ddqn"], choices=["ppo", "ddqn"])
    parser.add_argument("--alone", action="store_true", help="leave stable-baselines3 out")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    compare = not asked.alone and importlib.util.find_spec("stable_baselines3") is not None
    for learner in asked.learners:
        seconds = report("ours", ours, learner, asked.seeds)
        if compare:
            others = report("sb3", theirs, learner, asked.seeds)
            ratio = others / seconds
            print(f"{learner}: stable-baselines3 took {ratio:.2f} times our wall-clock for {BUDGET[learner]} steps")
        else:
            print(f"{learner}: {seconds:.1f} s for {BUDGET[learner]} steps (stable-baselines3 not run)")


if __name__ == "__main__":
    main()
