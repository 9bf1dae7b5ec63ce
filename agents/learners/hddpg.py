"""Hysteretic DDPG: critics that take good news faster than bad (Matignon et al. 2007), for several who learn at once.

Where others explore or learn, a good action is often paid badly. With delta = r + gamma^n Q'(s', mu'(s')) - Q(s, a),
the critic's loss is w delta^2, so that its step is w times DDPG's, with w = ``increase_rate`` where delta > 0 and
``decrease_rate`` elsewhere (the paper's alpha and beta; of networks: Omidshafiei et al. 2017, section 4.1). All else is
DDPG's.

Departures from the papers: what learns there is a table, or DQN; here the critics are hysteretic, and the actor follows
them as DDPG's does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sorrelsim.agents.learners.ddpg import DDPG, DDPGConfig
from sorrelsim.models.ranges import Weight


@dataclass(frozen=True)
class HDDPGConfig(DDPGConfig):
    """Settings of hysteretic DDPG."""

    increase_rate: Weight = 1.25
    """Weight of errors that raise a value."""
    decrease_rate: Weight = 0.5
    """Weight of errors that lower a value."""


def hysteretic_loss(errors: Tensor, increase: float, decrease: float) -> Tensor:
    """Returns the squares of TD errors, target minus value, weighted by which way they lead; of the same shape."""
    return torch.where(errors > 0, increase, decrease) * errors**2


class HDDPG(DDPG):
    """DDPG with a hysteretic critic."""

    Config = HDDPGConfig

    def critic_losses(self, errors: Tensor) -> Tensor:
        """Returns the hysteretic losses of TD errors."""
        return hysteretic_loss(errors, self.config.increase_rate, self.config.decrease_rate)
