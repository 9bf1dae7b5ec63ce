"""PPO: proximal policy optimisation (Schulman et al. 2017), discrete or continuous, feed-forward or recurrent.

After every ``n_steps`` steps, ``n_epochs`` passes of minibatches each take a gradient step down

    -min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) + value_coefficient (V(s) - R)^2 / 2 - entropy H(p(. | s)),

a mean over the minibatch (eq. 7 and 9), with ratio = p(a | s) over what it was when acting. Advantages A are those of
generalised advantage estimation, the sum of (gamma lambda)^k delta_{t+k} with delta_t = r_t + gamma V(s_{t+1}) - V(s_t)
(eq. 11 and 12), and R = A + V(s), both as they were when acting. Nothing follows a terminated step; a truncated one is
followed by its true last state. ``OnPolicyModel`` acts, stores and hands out minibatches; here are PPO's settings and
its loss.

Departures from the paper, most of them common: the squared error is halved; advantages are brought to mean 0 and
deviation 1 in each minibatch; the gradients' norm is limited; weights begin orthogonal, and Adam divides by no less
than 1e-5; actor and critic share all but their heads. On request an update ends early (``target_kl``), a value's move
is limited (``clip_value``) and a core remembers (``recurrent``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sorrelsim.models.ranges import BatchSize, Passes, Positive, Rate, Steps, Weight
from sorrelsim.models.schedules import linear
from sorrelsim.models.torch.distributions import Logits, Terms, as_terms
from sorrelsim.models.torch.losses import mask_logits
from sorrelsim.models.torch.on_policy_model import OnPolicyConfig, OnPolicyModel
from sorrelsim.models.torch.policy_losses import normalised


@dataclass(frozen=True)
class PPOConfig(OnPolicyConfig):
    """Settings of PPO."""

    learning_rate: Rate = 2.5e-4
    """Step size of Adam."""
    max_grad_norm: Weight = 0.5
    """Gradients are scaled down to this norm; 0 leaves them alone."""
    n_epochs: Passes = 2
    """Passes over a rollout."""
    n_minibatches: BatchSize = 4
    """Gradient steps per pass."""
    clip: Positive = 0.2
    """How far the probability ratio may move before its gradient stops."""
    clip_value: Positive | None = None
    """How far a value may move in one update; None does not limit it."""
    normalise_advantages: bool = True
    """Scale advantages to mean 0 and deviation 1 in each minibatch."""
    value_coefficient: Weight = 0.5
    """Weight of the value loss."""
    entropy: Weight = 0.01
    """Weight of the entropy bonus at the start."""
    entropy_end: Weight | None = None
    """Weight from ``entropy_steps`` on; None keeps it."""
    entropy_steps: Steps = 1_000_000
    """Agent-steps over which the weight changes, linearly."""
    target_kl: Positive | None = None
    """An update stops once the policy has moved by more than 1.5 times this; None never stops it."""


def ppo_loss(log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """Returns the clipped surrogate (Schulman et al. 2017, eq. 7), negated, of each sample.

    Args:
        log_prob: Of the actions now, [batch].
        old_log_prob: Of the actions when they were taken, [batch].
        advantage: [batch].
        clip: How far the ratio may move.

    Returns:
        [batch].
    """
    ratio = (log_prob - old_log_prob).exp()
    return torch.maximum(-advantage * ratio, -advantage * ratio.clamp(1 - clip, 1 + clip))


def value_loss(value: Tensor, old_value: Tensor, target: Tensor, clip: float | None) -> Tensor:
    """Returns half the squared error of each sample; with ``clip``, the worse of it and that of the value moved so far.

    Args:
        value: Estimates now, [batch].
        old_value: Estimates when the state was met, [batch].
        target: Returns, [batch].
        clip: How far a value may move at most, or None.

    Returns:
        [batch].
    """
    loss = (value - target) ** 2
    if clip is not None:
        moved = old_value + (value - old_value).clamp(-clip, clip)
        loss = torch.maximum(loss, (moved - target) ** 2)
    return 0.5 * loss


def loss_of_terms(
    terms: Terms, batch: dict[str, Tensor], advantage: Tensor, config: PPOConfig, entropy_weight: float
) -> tuple[Tensor, Tensor]:
    """Returns PPO's loss of any policy's terms, a scalar, and its parts: policy, value, entropy and KL."""
    policy = ppo_loss(terms.log_probs, batch["log_probs"], advantage, config.clip).mean()
    value = value_loss(terms.values, batch["values"], batch["returns"], config.clip_value).mean()
    bonus = terms.entropy.mean()
    log_ratio = (terms.log_probs - batch["log_probs"]).detach()
    kl = (log_ratio.exp() - 1 - log_ratio).mean()
    loss = policy + config.value_coefficient * value - entropy_weight * bonus
    return loss, torch.stack([policy, value, bonus, kl]).detach()


class LossOfLogits(torch.autograd.Function):
    """What ``loss_of_terms`` says, of a policy's logits and values, with the gradient worked out here.

    So no graph of a dozen small steps is recorded and run backwards. With p the policy, a the action taken and H the
    entropy, d log p(a) / d logit_k = [k = a] - p_k and dH / d logit_k = -p_k (log p_k + H).
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        values: Tensor,
        batch: dict[str, Tensor],
        advantage: Tensor,
        config: PPOConfig,
        entropy_weight: float,
    ) -> Any:
        clip, clip_value, value_weight = config.clip, config.clip_value, config.value_coefficient
        n, index = advantage.numel(), batch["actions"].unsqueeze(-1)
        log_p = F.log_softmax(mask_logits(logits, batch.get("masks")), -1)
        p = log_p.exp()
        entropy = -(p * log_p).sum(-1)
        log_ratio = log_p.gather(-1, index).squeeze(-1) - batch["log_probs"]
        ratio = log_ratio.exp()
        moving = -advantage * ratio
        held = -advantage * ratio.clamp(1 - clip, 1 + clip)
        slope = torch.where(moving >= held, moving, 0.0).unsqueeze(-1)
        to_logits = p * (entropy_weight * (log_p + entropy.unsqueeze(-1)) - slope)
        to_logits.scatter_add_(-1, index, slope)
        error = values - batch["returns"]
        squared = error**2
        if clip_value is not None:
            change = values - batch["values"]
            near = batch["values"] + change.clamp(-clip_value, clip_value) - batch["returns"]
            error = torch.where(squared >= near**2, error, near * (change.abs() <= clip_value))
            squared = torch.maximum(squared, near**2)
        ctx.save_for_backward(to_logits.div_(n), error * (value_weight / n))
        policy, value = torch.maximum(moving, held).mean(), 0.5 * squared.mean()
        shown = torch.stack([policy, value, entropy.mean(), (ratio - 1 - log_ratio).mean()])
        ctx.mark_non_differentiable(shown)
        return policy + value_weight * value - entropy_weight * shown[2], shown

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        to_logits, to_values = ctx.saved_tensors
        return to_logits * gradients[0], to_values * gradients[0], None, None, None, None


class PPO(OnPolicyModel):
    """A PPO learner; see ``OnPolicyModel`` for its arguments, an actor and a critic of one's own among them."""

    Config = PPOConfig
    acts = ("discrete", "continuous")
    config: PPOConfig
    shown = ("policy_loss", "value_loss", "entropy", "kl")

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the clipped surrogate, the weighted value loss and the entropy bonus as one, and each alone."""
        c, advantage = self.config, batch["advantages"]
        if c.normalise_advantages:
            advantage = normalised(advantage)
        end = c.entropy if c.entropy_end is None else c.entropy_end
        weight = linear(c.entropy, end, self.agent_steps, c.entropy_steps)
        said = self.policy.terms(batch)
        if isinstance(said, Logits):
            return LossOfLogits.apply(*said, batch, advantage, c, weight)
        return loss_of_terms(as_terms(said, batch), batch, advantage, c, weight)

    @property
    def steady(self) -> bool:
        """Whether no number in its loss changes: it is PPO's own, and the weight of entropy stays."""
        return type(self).loss is PPO.loss and self.config.entropy_end in (None, self.config.entropy)

    def enough(self, losses: Mapping[str, float]) -> bool:
        """Returns whether the policy has moved too far from the one that acted."""
        return self.config.target_kl is not None and losses["kl"] > 1.5 * self.config.target_kl
