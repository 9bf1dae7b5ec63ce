"""What ``beside_sb3.py`` trains: a learner of ours, one of theirs, and what both are to do.

Settings of theirs are those of their RL Zoo for the task where it has them, ours the same where they mean the same.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Falling:
    """A schedule of theirs: a number that falls to 0 with the share of the budget that is left."""

    start: float

    def __call__(self, left: float) -> float:
        """Returns the number at a share that is left."""
        return self.start * left


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
LARGE_BATCHES_OF_CARTPOLE = {  # with 64 steps at every other one values of actions run away in some seeds
    "steps_between_updates": 8,
    "batch_size": 256,
    "learning_rate": 1e-3,
    "anneal_steps": 100_000,
    "n_step": 5,
    "target_tau": 0.02,
    "network": {"hidden": [64, 64]},
}
STEADY_VALUES_OF_CARTPOLE = LARGE_BATCHES_OF_CARTPOLE | {  # what their zoo has is forgotten again in some seeds
    "anneal_steps": 80_000,
    "n_step": 10,
    "memory_size": 20_000,
    "warmup": 1_000,
    "epsilon_steps": 10_000,
    "epsilon_end": 0.04,
    "target_every": None,
    "network": {"hidden": [128, 128]},
}
THEIR_VALUES_OF_CARTPOLE = {  # the same
    "train_freq": 8,
    "gradient_steps": 1,
    "batch_size": 256,
    "learning_rate": Falling(1e-3),
    "n_steps": 10,
    "buffer_size": 20_000,
    "learning_starts": 1_000,
    "exploration_fraction": 0.125,
    "exploration_final_eps": 0.04,
    "target_update_interval": 8,  # in steps of the environment, of which 8 lie between two gradient steps
    "tau": 0.02,
    "policy_kwargs": {"net_arch": [128, 128]},
}
CARTPOLE = {"env": "CartPole-v1", "solved": 475.0}
PENDULUM = {"env": "Pendulum-v1", "solved": -300.0}
SMALL_TANH = {"hidden": [64, 64], "activation": "tanh"}
TRUST_REGION = {"n_epochs": 10, "learning_rate": 1e-3, "network": SMALL_TANH}
THEIR_TRUST_REGION = {"n_critic_updates": 10, "learning_rate": 1e-3, "batch_size": 128, "cg_max_steps": 10}
ACTORS_OF_CARTPOLE = {"value_coefficient": 0.01, "entropy": 0.0, "network": SMALL_TANH}  # coefficient as for PPO
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


@dataclass(frozen=True)
class Noisy:
    """Settings of theirs with normal noise on actions, as ours have it; how much, and on what."""

    settings: Mapping[str, Any]
    deviation: float = 0.1

    def __call__(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Returns the settings for actions of a shape."""
        from stable_baselines3.common.noise import NormalActionNoise

        noise = NormalActionNoise(np.zeros(shape), np.full(shape, self.deviation))
        return {**self.settings, "action_noise": noise}


NOISY_ACTORS = Noisy(THEIR_ACTORS_OF_PENDULUM)

CASES: dict[str, Case] = {
    "dqn": Case(
        **CARTPOLE,
        budget=80_000,
        ours=STEADY_VALUES_OF_CARTPOLE,
        copies=8,
        theirs="stable_baselines3.DQN",
        settings=THEIR_VALUES_OF_CARTPOLE,
    ),
    "qr_dqn": Case(
        **CARTPOLE,
        budget=80_000,
        ours=STEADY_VALUES_OF_CARTPOLE | {"n_quantiles": 10, "double": False},
        copies=8,
        theirs="sb3_contrib.QRDQN",
        settings=THEIR_VALUES_OF_CARTPOLE | {"policy_kwargs": {"net_arch": [128, 128], "n_quantiles": 10}},
    ),
    "ddqn": Case(**CARTPOLE, budget=80_000, ours=STEADY_VALUES_OF_CARTPOLE, copies=8),
    "dqn_apex": Case(
        **CARTPOLE,
        budget=100_000,
        ours=LARGE_BATCHES_OF_CARTPOLE | {"epsilon_start": 1.0, "epsilon_steps": 20_000, "target_every": None},
        copies=8,
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
        budget=60_000,
        ours={
            "steps_between_updates": 8,
            "batch_size": 16,
            "sequence_length": 16,
            "n_step": 10,
            "learning_rate": 1e-3,
            "anneal_steps": 60_000,
            "epsilon_steps": 10_000,
            "epsilon_end": 0.02,
            "target_tau": 0.02,
            "memory_size": 20_000,  # in a larger one stored states are those of networks long gone
            "recurrent_size": 64,
            "network": {"hidden": [128]},
        },
        copies=8,
    ),
    "sac_discrete": Case(
        **CARTPOLE,
        budget=60_000,
        ours={
            "steps_between_updates": 8,
            "batch_size": 256,
            "learning_rate": 1e-3,
            "anneal_steps": 120_000,
            "n_step": 10,
            "memory_size": 20_000,  # what lies between acting and learning is not corrected for in n-step returns
            "prioritised": True,  # falls are few, and values end there as at a cliff
            "target_tau": 0.02,
            "target_entropy": 0.3,
            "temperature": 0.3,
            "network": {"hidden": [128, 128]},
        },
        copies=8,
    ),
    "ddpg": Case(**SWINGING, ours=ACTORS_OF_PENDULUM, theirs="stable_baselines3.DDPG", settings=NOISY_ACTORS),
    "ddpg_prioritised": Case(**SWINGING, ours=ACTORS_OF_PENDULUM),
    "ddpg_apex": Case(**SWINGING, ours=ACTORS_OF_PENDULUM),
    "hddpg": Case(**SWINGING, ours=ACTORS_OF_PENDULUM),
    "td3": Case(**SWINGING, ours=ACTORS_OF_PENDULUM, theirs="stable_baselines3.TD3", settings=NOISY_ACTORS),
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
            "network": SMALL_TANH,
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
            "learning_rate": Falling(1e-3),
            "clip_range": Falling(0.2),
        },
        envs=8,
    ),
    "ppo recurrent": Case(  # a pole needs no memory: this shows only that it learns with one, and how fast
        **CARTPOLE,
        budget=50_000,
        ours={
            "recurrent": "gru",
            "recurrent_size": 32,
            "n_steps": 128,
            "sequence_length": 16,
            "n_epochs": 10,
            "n_minibatches": 8,
            "learning_rate": 2e-3,
            "anneal_steps": 50_000,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "value_coefficient": 0.05,
            "entropy": 0.0,
            "network": {"hidden": [64], "activation": "tanh"},
        },
        copies=8,
        theirs="sb3_contrib.RecurrentPPO",
        policy="MlpLstmPolicy",
        settings={
            "n_steps": 128,
            "batch_size": 128,
            "n_epochs": 10,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "ent_coef": 0.0,
            "learning_rate": Falling(2e-3),
            "clip_range": Falling(0.2),
            "policy_kwargs": {
                "net_arch": [64],
                "lstm_hidden_size": 32,
                "enable_critic_lstm": False,
                "shared_lstm": True,
            },
        },
        envs=8,
    ),
    "a2c": Case(
        **CARTPOLE,
        budget=400_000,
        ours=ACTORS_OF_CARTPOLE
        | {"n_steps": 8, "sequence_length": 8, "gae_lambda": 0.95, "learning_rate": 3e-3, "anneal_steps": 400_000}
        | {"normalise_advantages": True},
        copies=16,
        theirs="stable_baselines3.A2C",
        settings={
            "n_steps": 8,
            "gae_lambda": 0.95,
            "ent_coef": 0.0,
            "normalize_advantage": True,
            "learning_rate": Falling(3e-3),
        },
        envs=16,
    ),
    "a3c": Case(
        **CARTPOLE,
        budget=400_000,
        ours=ACTORS_OF_CARTPOLE
        | {"n_steps": 16, "gae_lambda": 0.95, "learning_rate": 2e-3, "anneal_steps": 400_000}
        | {"normalise_advantages": True},
        copies=16,
    ),
    "impala": Case(
        **CARTPOLE,
        budget=200_000,
        ours=ACTORS_OF_CARTPOLE
        | {"n_steps": 32, "sequence_length": 32, "gae_lambda": 0.9, "gamma": 0.98, "value_coefficient": 0.05}
        | {"learning_rate": 2e-3, "anneal_steps": 200_000},
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
            "value_coefficient": 0.05,  # as for the pole: the two networks of theirs share nothing
            "entropy": 0.0,
            "network": SMALL_TANH,
        },
        copies=4,
        theirs="stable_baselines3.PPO",
        settings={"n_steps": 512, "batch_size": 64, "gamma": 0.9, "learning_rate": Falling(1e-3)},
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
            "network": SMALL_TANH,
        },
        copies=16,
        theirs="stable_baselines3.A2C",
        settings={
            "n_steps": 8,
            "gamma": 0.9,
            "gae_lambda": 0.9,
            "normalize_advantage": True,
            "learning_rate": Falling(7e-4),  # their zoo's; with ours it does not learn
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
