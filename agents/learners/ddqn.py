"""DDQN: DQN whose online network chooses the target's action (van Hasselt et al. 2016); the target moves softly.

The target is r + gamma^n Q_target(s', argmax_a Q(s', a)): who chooses is not who values, so that noise is not taken for
worth. All else is DQN's.

Departures from the paper: the target network follows by a share of each gradient step, where the paper's is copied at
times (``target_every``).
"""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.agents.learners.dqn import DQN, DQNConfig
from sorrelsim.agents.learners.dqn import QNet as QNet
from sorrelsim.models.ranges import Every


@dataclass(frozen=True)
class DDQNConfig(DQNConfig):
    """Settings of DDQN."""

    double: bool = True
    """The online network chooses the target's action."""
    target_every: Every | None = None
    """Hard target: gradient steps between two copies. Excludes target_tau."""


class DDQN(DQN):
    """DQN with other defaults."""

    Config = DDQNConfig
    config: DDQNConfig
