"""Dueling DQN: double Q-learning on a network with separate streams for value and advantages (Wang et al. 2016).

Q(s, a) = V(s) + A(s, a) - mean_a' A(s, a') (eq. 9): what all actions share is learned once. All else is DDQN's.

Departures from the paper: each stream is one linear layer on shared features, where the paper's has a layer of its own
before that; the streams' gradients are not scaled by the root of a half.
"""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.agents.learners.ddqn import DDQNConfig
from sorrelsim.agents.learners.dqn import DQN


@dataclass(frozen=True)
class DuelingConfig(DDQNConfig):
    """Settings of the dueling DQN."""

    dueling: bool = True
    """Separate streams for the state's value and the actions' advantages."""


class Dueling(DQN):
    """DQN with other defaults."""

    Config = DuelingConfig
    config: DuelingConfig
