"""Our learners beside those of stable-baselines3 and sb3-contrib: one task, one budget of steps, seeds of each.

    python benchmarks/beside_sb3.py [--cases dqn qr_dqn ...] [--seeds 0 1 2] [--alone] [--table FILE]

A learner trains for its budget and is evaluated at every tenth of it on 20 episodes, playing its best action always;
"reached" is the first evaluation that solves the task. The clock counts training alone, on one thread.
Settings of theirs are those of their RL Zoo for the task where it has them, ours the same where they mean the same.
Without the other packages, which are no dependencies of this project, or with --alone, only ours run. ``CASES`` is the
list: a learner of the library by name, or two of one by a name with a blank and what tells them apart.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.outside.make import make_outside

PARTS, EPISODES = 10, 20


@dataclass(frozen=True)
class Case:
    """A learner of ours, one of theirs, and what they are to do.

    Attributes:
        env: The environment, as Gymnasium calls it.
        budget: Steps of training.
        solved: The mean return from which the task counts as solved.
        ours: Settings of ours.
        copies: Copies of the environment that ours steps side by side.
        theirs: Module and class of theirs; empty if there is none.
        settings: Arguments of theirs; a function takes the shape of the actions, for noise.
        envs: Environments that theirs steps side by side.
        policy: The policy of theirs.
    """

    env: str
    budget: int
    solved: float
    ours: Mapping[str, Any]
    copies: int
    theirs: str = ""
    settings: Mapping[str, Any] | Callable[[tuple[int, ...]], Mapping[str, Any]] = field(default_factory=dict)
    envs: int = 1
    policy: str = "MlpPolicy"

    @property
    def installed(self) -> bool:
        """Whether there is one of theirs here."""
        return bool(self.theirs) and importlib.util.find_spec(self.theirs.partition(".")[0]) is not None


VALUES_OF_CARTPOLE = {
    "steps_between_updates": 2,
    "batch_size": 64,
    "learning_rate": 1e-3,
    "anneal_steps": 50_000,
    "memory_size": 50_000,
    "warmup": 1_000,
    "epsilon_steps": 8_000,
    "epsilon_end": 0.04,
    "target_every": 128,
    "network": {"hidden": [64, 64]},
}
THEIR_VALUES_OF_CARTPOLE = {  # not their zoo's, with which DQN and QR-DQN forget what they have learned again and again
    "train_freq": 2,
    "gradient_steps": 1,
    "batch_size": 64,
    "learning_rate": lambda left: 1e-3 * left,
    "buffer_size": 50_000,
    "learning_starts": 1_000,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    "target_update_interval": 256,  # in steps of the environment
    "policy_kwargs": {"net_arch": [64, 64]},
}
CARTPOLE = {"env": "CartPole-v1", "solved": 475.0}
PENDULUM = {"env": "Pendulum-v1", "solved": -300.0}
TRUST_REGION = {"n_epochs": 10, "learning_rate": 1e-3, "network": {"hidden": [64, 64], "activation": "tanh"}}
THEIR_TRUST_REGION = {"n_critic_updates": 10, "learning_rate": 1e-3, "batch_size": 128, "cg_max_steps": 10}
SWINGING = PENDULUM | {"solved": -200.0, "budget": 10_000, "copies": 4}  # of learners with a replay memory
ACTORS_OF_PENDULUM = {"gamma": 0.98, "batch_size": 256, "learning_rate": 1e-3, "warmup": 1_000, "memory_size": 10_000}
THEIR_ACTORS_OF_PENDULUM = {  # their zoo's, but for networks and batches as small as ours, and a tenth of the warm-up
    "gamma": 0.98,
    "batch_size": 256,
    "learning_rate": 1e-3,
    "learning_starts": 1_000,
    "buffer_size": 10_000,
    "train_freq": 1,
    "gradient_steps": 1,
    "policy_kwargs": {"net_arch": [128, 128]},
}


def with_noise(shape: tuple[int, ...]) -> dict[str, Any]:
    """Returns their settings with normal noise of .1 on actions of a shape, as ours have it."""
    from stable_baselines3.common.noise import NormalActionNoise

    return THEIR_ACTORS_OF_PENDULUM | {"action_noise": NormalActionNoise(np.zeros(shape), np.full(shape, 0.1))}


CASES: dict[str, Case] = {
    "dqn": Case(
        **CARTPOLE,
        budget=50_000,
        ours=VALUES_OF_CARTPOLE,
        copies=8,
        theirs="stable_baselines3.DQN",
        settings=THEIR_VALUES_OF_CARTPOLE,
    ),
    "qr_dqn": Case(
        **CARTPOLE,
        budget=50_000,
        ours=VALUES_OF_CARTPOLE | {"n_quantiles": 10, "double": False},
        copies=8,
        theirs="sb3_contrib.QRDQN",
        settings=THEIR_VALUES_OF_CARTPOLE | {"policy_kwargs": {"net_arch": [64, 64], "n_quantiles": 10}},
    ),
    "ddqn": Case(
        **CARTPOLE,
        budget=50_000,
        ours=VALUES_OF_CARTPOLE | {"n_step": 3},
        copies=8,
        theirs="stable_baselines3.DQN",
        settings=THEIR_VALUES_OF_CARTPOLE | {"n_steps": 3},
    ),
    "dqn_apex": Case(
        **CARTPOLE, budget=50_000, ours=VALUES_OF_CARTPOLE | {"epsilon_start": 0.4, "epsilon_end": 0.4}, copies=8
    ),
    "rainbow": Case(
        **CARTPOLE,
        budget=100_000,
        ours=VALUES_OF_CARTPOLE
        | {"epsilon_start": 0.0, "epsilon_end": 0.0, "steps_between_updates": 4, "anneal_steps": 100_000}
        | {"target_every": None, "target_tau": 0.01, "gamma": 0.98, "value_min": 0, "value_max": 50},
        copies=8,
    ),
    "r2d2": Case(  # a pole needs no memory: this shows only that it learns
        **CARTPOLE,
        budget=100_000,
        ours={
            "steps_between_updates": 16,
            "batch_size": 16,
            "learning_rate": 1e-3,
            "anneal_steps": 100_000,
            "epsilon_steps": 8_000,
            "epsilon_end": 0.02,
            "target_tau": 0.01,
            "gamma": 0.98,
            "recurrent_size": 32,
            "network": {"hidden": [64]},
        },
        copies=8,
    ),
    "sac_discrete": Case(
        **CARTPOLE,
        budget=50_000,
        ours={
            "steps_between_updates": 2,
            "batch_size": 64,
            "learning_rate": 1e-3,
            "anneal_steps": 50_000,
            "memory_size": 50_000,
            "target_entropy": 0.2,
            "n_step": 3,
            "network": {"hidden": [64, 64]},
        },
        copies=8,
    ),
    "ddpg": Case(**SWINGING, ours=ACTORS_OF_PENDULUM, theirs="stable_baselines3.DDPG", settings=with_noise),
    "ddpg_prioritised": Case(**SWINGING, ours=ACTORS_OF_PENDULUM),
    "ddpg_apex": Case(**SWINGING, ours=ACTORS_OF_PENDULUM),
    "hddpg": Case(**SWINGING, ours=ACTORS_OF_PENDULUM),
    "td3": Case(**SWINGING, ours=ACTORS_OF_PENDULUM, theirs="stable_baselines3.TD3", settings=with_noise),
    "sac": Case(**SWINGING, ours=ACTORS_OF_PENDULUM, theirs="stable_baselines3.SAC", settings=THEIR_ACTORS_OF_PENDULUM),
    "ppo": Case(
        **CARTPOLE,
        budget=150_000,
        ours={
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
        copies=16,
        theirs="stable_baselines3.PPO",
        settings={
            "n_steps": 32,
            "batch_size": 256,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "n_epochs": 20,
            "ent_coef": 0.0,
            "learning_rate": lambda left: 1e-3 * left,
            "clip_range": lambda left: 0.2 * left,
        },
        envs=8,
    ),
    "a2c": Case(
        **CARTPOLE,
        budget=400_000,
        ours={
            "n_steps": 8,
            "sequence_length": 8,
            "gae_lambda": 0.95,
            "learning_rate": 3e-3,
            "anneal_steps": 400_000,
            "value_coefficient": 0.01,  # as for PPO
            "entropy": 0.0,
            "normalise_advantages": True,
            "network": {"hidden": [64, 64], "activation": "tanh"},
        },
        copies=16,
        theirs="stable_baselines3.A2C",
        settings={
            "n_steps": 8,
            "gae_lambda": 0.95,
            "ent_coef": 0.0,
            "normalize_advantage": True,
            "learning_rate": lambda left: 3e-3 * left,
        },
        envs=16,
    ),
    "a3c": Case(
        **CARTPOLE,
        budget=400_000,
        ours={
            "n_steps": 16,
            "gae_lambda": 0.95,
            "learning_rate": 2e-3,
            "anneal_steps": 400_000,
            "value_coefficient": 0.01,  # as for PPO
            "entropy": 0.0,
            "normalise_advantages": True,
            "network": {"hidden": [64, 64], "activation": "tanh"},
        },
        copies=16,
    ),
    "impala": Case(
        **CARTPOLE,
        budget=200_000,
        ours={
            "learning_rate": 2e-3,
            "anneal_steps": 200_000,
            "value_coefficient": 0.01,  # as for PPO
            "entropy": 0.0,
            "network": {"hidden": [64, 64], "activation": "tanh"},
        },
        copies=16,
    ),
    "trpo": Case(
        **CARTPOLE,
        budget=100_000,
        ours=TRUST_REGION | {"n_steps": 128, "n_minibatches": 8},
        copies=8,
        theirs="sb3_contrib.TRPO",
        settings=THEIR_TRUST_REGION | {"n_steps": 128},
        envs=8,
    ),
    "pqn": Case(
        **CARTPOLE,
        budget=100_000,
        ours={
            "n_epochs": 4,
            "gae_lambda": 0.95,
            "learning_rate": 1e-3,
            "anneal_steps": 100_000,
            "epsilon_steps": 25_000,
            "network": {"hidden": [128, 128]},
        },
        copies=32,
    ),
    "ppo pendulum": Case(
        **PENDULUM,
        budget=100_000,
        ours={
            "n_steps": 512,
            "n_epochs": 10,
            "n_minibatches": 32,
            "gamma": 0.9,
            "learning_rate": 1e-3,
            "anneal_steps": 100_000,
            "entropy": 0.0,
            "network": {"hidden": [64, 64], "activation": "tanh"},
        },
        copies=4,
        theirs="stable_baselines3.PPO",
        settings={"n_steps": 512, "batch_size": 64, "gamma": 0.9, "learning_rate": lambda left: 1e-3 * left},
        envs=4,
    ),
    "a2c pendulum": Case(
        **PENDULUM,
        budget=400_000,
        ours={
            "n_steps": 8,
            "sequence_length": 8,
            "gamma": 0.9,
            "gae_lambda": 0.9,
            "learning_rate": 3e-3,
            "anneal_steps": 400_000,
            "value_coefficient": 0.05,
            "entropy": 0.0,
            "normalise_advantages": True,
            "network": {"hidden": [64, 64], "activation": "tanh"},
        },
        copies=16,
        theirs="stable_baselines3.A2C",
        settings={
            "n_steps": 8,
            "gamma": 0.9,
            "gae_lambda": 0.9,
            "normalize_advantage": True,
            "learning_rate": lambda left: 7e-4 * left,  # their zoo's; with ours it does not learn
        },
        envs=16,
    ),
    "trpo pendulum": Case(
        **PENDULUM,
        budget=100_000,
        ours=TRUST_REGION | {"n_steps": 256, "n_minibatches": 16, "gamma": 0.9, "max_kl": 0.02},
        copies=4,
        theirs="sb3_contrib.TRPO",
        settings=THEIR_TRUST_REGION | {"n_steps": 256, "gamma": 0.9, "target_kl": 0.02, "batch_size": 64},
        envs=4,
    ),
}

Result = tuple[float, list[float]]
"""Seconds of training, and the evaluations."""


def evaluate(model: BaseModel, env: str) -> float:
    """Returns the mean return of episodes, all played side by side, in which nothing is learned."""
    world = make_outside(f"gym:{env}", EPISODES, seed=1000)
    agent = Agent(world, [0], model, learn=False, explore=False)
    returns, running = np.zeros(EPISODES), np.ones(EPISODES, bool)
    while running.any():
        agent.transition(world)
        world.step()
        returns += world.reward[:, 0] * running
        running &= ~(world.terminated | world.truncated)[:, 0]
        agent.remember(world)
    return float(returns.mean())


def ours(name: str, seed: int) -> Result:
    """Trains our learner of a case."""
    case = CASES[name]
    world = make_outside(f"gym:{case.env}", case.copies, seed=seed)
    kind = find_class(f"pkg:{name.partition(' ')[0]}", "agents", BaseModel)
    model = kind.from_config(world.observations, world.action_spec, case.copies, case.ours, seed)
    agent = Agent(world, [0], model)
    seconds, scores = 0.0, []
    for part in range(PARTS):
        start = time.perf_counter()
        while model.agent_steps < case.budget * (part + 1) // PARTS:
            agent.transition(world)
            world.step()
            agent.remember(world)
        seconds += time.perf_counter() - start
        scores.append(evaluate(model, case.env))
    return seconds, scores


def theirs(name: str, seed: int) -> Result:
    """Trains their learner of a case, by one call, so that its schedules run over the whole budget."""
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    case = CASES[name]
    module, _, kind = case.theirs.rpartition(".")
    envs, judged = make_vec_env(case.env, n_envs=case.envs, seed=seed), make_vec_env(case.env, n_envs=1, seed=1000)
    settings = case.settings(envs.action_space.shape) if callable(case.settings) else case.settings
    model = getattr(importlib.import_module(module), kind)(case.policy, envs, seed=seed, device="cpu", **settings)
    seconds, scores = 0.0, []

    class Clock(BaseCallback):
        """Stops the clock for evaluations."""

        def _on_step(self) -> bool:
            nonlocal seconds, start
            if self.num_timesteps >= case.budget * (len(scores) + 1) // PARTS:
                seconds += time.perf_counter() - start
                scores.append(float(evaluate_policy(self.model, judged, EPISODES, deterministic=True)[0]))
                start = time.perf_counter()
            return True

    start = time.perf_counter()
    model.learn(case.budget, callback=Clock())
    return seconds, scores


def report(who: str, name: str, train: Callable[[str, int], Result], seeds: list[int]) -> list[Result]:
    """Trains from every seed, printing a line each."""
    case, results = CASES[name], []
    for seed in seeds:
        seconds, scores = train(name, seed)
        results.append((seconds, scores))
        solved = [i for i, score in enumerate(scores) if score >= case.solved]
        reached = f"{case.budget * (solved[0] + 1) // PARTS:>7}" if solved else "  never"
        print(
            f"{who:6} {name:10} seed {seed}  last {scores[-1]:6.1f}  reached at {reached}  {seconds:5.1f} s  "
            f"({' '.join(f'{score:.0f}' for score in scores)})",
            flush=True,
        )
    return results


def row(name: str, our: list[Result], their: list[Result]) -> str:
    """Returns a case's line of the table: last evaluations, and the ratio of the clocks."""
    case = CASES[name]

    def shown(results: list[Result]) -> str:
        last = [scores[-1] for _, scores in results]
        return f"{np.mean(last):.0f} ({', '.join(f'{score:.0f}' for score in last)})" if last else ""

    clock = f"{np.mean([s for s, _ in their]) / np.mean([s for s, _ in our]):.2f}" if their else ""
    beside = f"`{case.theirs}`" if case.theirs else ""
    return f"| `{name}` | {beside} | {case.env} | {case.budget:,} | {shown(our)} | {shown(their)} | {clock} |"


HEAD = """| learner | beside | task | steps | ours: last returns | theirs | their clock over ours |
|---|---|---|---|---|---|---|"""


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--alone", action="store_true", help="leave their learners out")
    parser.add_argument("--table", type=Path, help="a Markdown file to write the table to")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in asked.cases:
        our = report("ours", name, ours, asked.seeds)
        their = report("theirs", name, theirs, asked.seeds) if CASES[name].installed and not asked.alone else []
        rows.append(row(name, our, their))
        print(rows[-1], flush=True)
    if asked.table is not None:
        asked.table.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
