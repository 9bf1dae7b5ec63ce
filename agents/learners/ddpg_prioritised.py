"""DDPG that learns most from the steps that it values worst (Schaul et al. 2016).

Steps are drawn by their TD error; importance weights correct both the critic's loss and the actor's. Where several
gradient steps fall due at once, batches for up to four of them are drawn in one go. All else is DDPG's.
"""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.agents.learners.ddpg import DDPG, DDPGConfig


@dataclass(frozen=True)
class DDPGPrioritisedConfig(DDPGConfig):
    """Settings of prioritised DDPG."""

    prioritised: bool = True
    """Sample steps by their TD error."""


class DDPGPrioritised(DDPG):
    """DDPG with other defaults."""

    Config = DDPGPrioritisedConfig
