"""A2C: the advantage actor-critic (Mnih et al. 2016), all streams in step; discrete or continuous, may be recurrent.

After every ``n_steps`` steps one gradient step is taken down

    -A(s, a) log p(a | s) + value_coefficient (V(s) - R)^2 / 2 - entropy H(p(. | s)),

a mean over all streams and steps, where R = r + gamma r' + ... + gamma^k V(s_k) is the return up to the last step of
the rollout or of the episode (algorithm S3) and A = R - V(s) as it was when acting. With ``gae_lambda`` below 1 both
are those of generalised advantage estimation (Schulman et al. 2016).

Departures from the paper: one learner steps all streams at once, where many used to learn asynchronously, each from its
own. RMSprop's second moment is corrected for having begun at 0 (it is Adam without a first moment), so that the first
steps are not ten times as long as those to come; its gradients' norm is limited.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sorrelsim.models.ranges import Discount, Length, Rate, Weight
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.on_policy_model import OnPolicyConfig, OnPolicyModel
from sorrelsim.models.torch.policy_losses import actor_critic_loss, normalised


@dataclass(frozen=True)
class A2CConfig(OnPolicyConfig):
    """Settings of A2C."""

    learning_rate: Rate = 7e-4
    """Step size of RMSprop."""
    max_grad_norm: Weight = 0.5
    """Gradients are scaled down to this norm; 0 leaves them alone."""
    n_steps: Length = 5
    """Steps of each stream between two updates, whatever an epoch's length."""
    sequence_length: Length = 5
    """Steps that gradients flow back through; must divide n_steps."""
    gae_lambda: Discount = 1.0
    """Weight of longer returns in the advantages; 1 is the paper's."""
    normalise_advantages: bool = False
    """Scale advantages to mean 0 and deviation 1 in each minibatch."""
    value_coefficient: Weight = 0.5
    """Weight of the value loss."""
    entropy: Weight = 0.01
    """Weight of the entropy bonus."""


class A2C(OnPolicyModel):
    """An A2C learner; see ``OnPolicyModel`` for its arguments, an actor and a critic of one's own among them."""

    Config = A2CConfig
    acts = ("discrete", "continuous")
    config: A2CConfig
    shown = ("policy_loss", "value_loss", "entropy")

    def optimizer(self) -> Adam:
        """Returns RMSprop with a decay of 0.99: Adam whose first moment is the gradient itself."""
        return Adam(self.all_parameters(), eps=1e-5, betas=(0.0, 0.99))

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the policy gradient's loss, the weighted value loss and the entropy bonus as one, and each alone."""
        c, advantage = self.config, batch["advantages"]
        if c.normalise_advantages:
            advantage = normalised(advantage)
        said = self.policy.terms(batch)
        return actor_critic_loss(said, batch, advantage, batch["returns"], c.value_coefficient, c.entropy)
