"""DDPG: deep deterministic policy gradient (Lillicrap et al. 2016), for continuous actions and for named ones.

A critic learns what actions are worth, an actor to do what the critic values most. With mu' and Q' networks that
follow softly:

- critic: the mean of (r + gamma^n Q'(s', mu'(s')) - Q(s, a))^2 (eq. 4);
- actor: the mean of -Q(s, mu(s)) over the whole batch, of which only mu learns (eq. 6).

It explores by noise on its actions, or on the actor's weights (Plappert et al. 2018). Where actions have names, mu
gives the probabilities of all, the world's action is drawn from them, and the critic values the vector: the draw is
part of the world.

Departures: neither batch normalisation nor weight decay, targets that move by .005, not .001, normal noise by default,
and any actions until the warm-up is over. Noise on weights is drawn anew every ``noise.every`` gradient steps and
serves all streams, whose episodes do not begin together; the actor then has layer normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sorrelsim.models.ranges import BatchSize
from sorrelsim.models.torch.deterministic_model import DeterministicConfig, DeterministicModel, Tensors
from sorrelsim.models.torch.losses import td_targets


@dataclass(frozen=True)
class DDPGConfig(DeterministicConfig):
    """Settings of DDPG."""

    batch_size: BatchSize = 64
    """Steps that a gradient step learns from."""


class DDPG(DeterministicModel):
    """A DDPG learner; see ``DeterministicModel`` for its arguments, an actor and a critic of one's own among them."""

    Config = DDPGConfig

    def gradient_step(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[dict[str, float], Tensor]:
        """Moves the critic a step towards what followed, and then the actor towards what the critic values."""
        with torch.no_grad():
            action = self.policy("actor_target", following, data.get("next_masks"))
            targets = td_targets(data["rewards"], data["discounts"], self.value("critic_target", following, action))
        errors = targets - self.value("critic", states, data["actions"])
        critic_loss = self.descend_critics(self.critic_losses(errors), data)
        with self.critics_held():
            action = self.policy("actor", states, data.get("masks"))
            actor_loss = self.descend_actor(-self.value("critic", states, action), data)
        return {"loss": critic_loss, "actor_loss": actor_loss}, errors.detach()

    def critic_losses(self, errors: Tensor) -> Tensor:
        """Returns the losses of TD errors, of the same shape."""
        return errors**2
