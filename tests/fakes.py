"""A world small enough to reason about, for tests of agents and models."""

from __future__ import annotations

import numpy as np
import torch

from sorrelsim.models.playing import play_step
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.parts import as_parts
from sorrelsim.observations.spec import ObservationSpec, Part

torch.set_num_threads(1)
ROWS, COLS, LAYERS = 2, 3, 2


class CodeWorld:
    """Each agent is shown a code and is paid 1 for naming it; episodes of copy b are cut short after length + b steps.

    Observations count their steps in cell (1, 2), so that tests can tell every frame apart.
    """

    def __init__(self, n_worlds=4, n_agents=2, n_actions=3, length=5, seed=0, terminates=False, masked=False):
        self.n_worlds, self.n_agents, self.n_actions = n_worlds, n_agents, n_actions
        self.lengths, self.terminates, self.masked = length + np.arange(n_worlds), terminates, masked
        self.action_names = tuple(f"name {i}" for i in range(n_actions))
        self.observations = ObservationSpec({"grid": Part((ROWS, COLS, LAYERS), np.dtype(np.uint8), 64, LAYERS)})
        self.rng = np.random.default_rng(seed)
        self.turn = np.zeros(n_worlds, np.int64)
        self.action_mask = None
        self._submitted = np.zeros((n_worlds, n_agents), np.int64)
        self.info = {}
        self.obs = self._observe()

    @property
    def action_spec(self):
        return ActionSpec(self.action_names)

    @property
    def parts(self):
        return as_parts(self.obs)

    @property
    def final_parts(self):
        return as_parts(self.info["final_obs"]) if self.info else None

    def _observe(self):
        self.code = self.rng.integers(0, self.n_actions, (self.n_worlds, self.n_agents))
        obs = np.zeros((self.n_worlds, self.n_agents, ROWS, COLS, LAYERS), np.uint8)
        obs[:, :, 0, 1, 0] = self.code + 1
        obs[:, :, 1, 2, 1] = 20 + self.turn[:, None] % 20
        if self.masked:  # the action after the right one is forbidden
            self.action_mask = np.ones((self.n_worlds, self.n_agents, self.n_actions), bool)
            np.put_along_axis(self.action_mask, ((self.code + 1) % self.n_actions)[..., None], False, 2)
        return obs

    def submit(self, slots, actions):
        self._submitted[:, slots] = actions

    def step(self):
        if self.masked:
            assert np.take_along_axis(self.action_mask, self._submitted[..., None], 2).all(), "a forbidden action"
        self.reward = (self._submitted == self.code).astype(np.float64)
        self.turn += 1
        ended = self.turn >= self.lengths
        shown = np.repeat(ended[:, None], self.n_agents, 1)
        self.terminated, self.truncated = shown & self.terminates, shown & (not self.terminates)
        self.info = {}
        if ended.any():
            self.info["final_obs"] = self._observe()
        self.turn[ended] = 0
        self.obs = self._observe()
        return self.obs, self.reward, self.terminated, self.truncated, self.info


def play(agents, world, n_steps):
    """The loop of an experiment; returns the mean reward of every step and slot, [n_steps, n_agents]."""
    rewards = []
    for _ in range(n_steps):
        play_step(world, agents)
        rewards.append(world.reward.mean(0))
    return np.array(rewards)
