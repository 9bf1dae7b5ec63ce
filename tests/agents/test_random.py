"""Random play."""

import numpy as np
from fakes import CodeWorld, play

from sorrelsim.agents.random import Random
from sorrelsim.models.agent import Agent


def test_random_play_takes_every_action_as_often_and_learns_nothing():
    world = CodeWorld(n_worlds=50, masked=True)
    model = Random(world.observations, world.action_names, 100)
    rewards = play([Agent(world, [0, 1], model)], world, 40)
    assert abs(rewards.mean() - 1 / 2) < 0.05  # one of the two allowed actions is right
    assert model.take_losses() == {}
    assert model.take_action(np.zeros((2, 3, 2))) in range(3)
