"""DDPG that learns most from the steps that it values worst (Schaul et al. 2016).

Steps are drawn by their TD error; importance weights correct both the critic's loss and the actor's. All else is
DDPG's.

With delta = r + gamma^n Q'(s', mu'(s')) - Q(s, a), a step is drawn with probability P ~ (|delta| + 1e-6)^alpha, and its
losses, delta^2 and -Q(s, mu(s)), are weighted by (N P)^-beta over the largest weight of the batch.

Departures from the paper, which has no actor: that both losses are weighted, so that the actor too learns from steps as
they are met; and that batches for up to four gradient steps that fall due at once are drawn in one go.
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
