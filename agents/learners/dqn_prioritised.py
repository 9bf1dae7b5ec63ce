"""Prioritised DQN: DQN that replays what surprised it more often (Schaul et al. 2016, proportional variant).

A step with TD error d is drawn with probability P ~ (|d| + 1e-6)^alpha, and its loss weighted by (N P)^-beta over the
largest weight of the batch, to undo what bias that makes. New steps get the highest priority so far. All else is DQN's.

Departures from the paper: the default is plain Q-learning, where the paper's is double (``double``); the step size is
DQN's, where the paper takes a quarter of it; and where many streams make several gradient steps fall due at once,
batches for up to four of them are drawn in one go, by priorities from before the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.agents.learners.dqn import DQN, DQNConfig


@dataclass(frozen=True)
class DQNPrioritisedConfig(DQNConfig):
    """Settings of the prioritised DQN."""

    prioritised: bool = True
    """Sample steps by their TD error."""


class DQNPrioritised(DQN):
    """DQN with other defaults."""

    Config = DQNPrioritisedConfig
    config: DQNPrioritisedConfig
