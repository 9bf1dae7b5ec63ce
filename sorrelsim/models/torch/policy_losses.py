"""The loss of an actor and a critic by policy gradient, which learners weigh in their own ways; pure functions.

On the CPU they run compiled (``loss_kernels``), with the same results but for rounding.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sorrelsim.models.torch.distributions import Gaussian, Logits, Terms, as_terms
from sorrelsim.models.torch.losses import mask_logits
from sorrelsim.models.torch.on_cpu import array_of, compiles, loss_kernels


def normalised(advantages: Tensor) -> Tensor:
    """Returns advantages of mean 0 and deviation 1; a single one is left as it is."""
    if advantages.numel() == 1:
        return advantages
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)


def actor_critic_loss(
    said: Logits | Gaussian | Terms,
    batch: dict[str, Tensor],
    weights: Tensor,
    targets: Tensor,
    value_coefficient: float,
    entropy: float,
) -> tuple[Tensor, Tensor]:
    """Returns the mean of -weight log p(action) + value_coefficient (value - target)^2 / 2 - entropy H, and its parts.

    Its gradient is that of the advantage actor-critic (Mnih et al. 2016, algorithm S3) with advantages for weights.

    Args:
        said: What a policy says of the minibatch, with gradients.
        batch: Its ``actions``, and ``masks`` if there are some.
        weights: What the log-probability of each action is multiplied by; no gradient flows through them, [...].
        targets: What values are drawn to, [...].
        value_coefficient: Weight of the value loss.
        entropy: Weight of the entropy H.

    Returns:
        The loss, a scalar, and the mean policy loss, value loss and entropy, [3].
    """
    if isinstance(said, Logits):
        coefficients = value_coefficient, entropy
        return _OfLogits.apply(*said, batch["actions"], batch.get("masks"), weights, targets, coefficients)
    terms = as_terms(said, batch)
    policy = -(weights * terms.log_probs).mean()
    value = 0.5 * ((terms.values - targets) ** 2).mean()
    bonus = terms.entropy.mean()
    return policy + value_coefficient * value - entropy * bonus, torch.stack([policy, value, bonus]).detach()


class _OfLogits(torch.autograd.Function):
    """The same of logits, with the gradient worked out here, so that no graph of small steps is recorded.

    With p the policy and a the action taken, d log p(a) / d logit_k = [k = a] - p_k and dH / d logit_k = -p_k (log p_k
    + H).
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        values: Tensor,
        actions: Tensor,
        masks: Tensor | None,
        weights: Tensor,
        targets: Tensor,
        coefficients: tuple[float, float],
    ) -> Any:
        value_coefficient, entropy_weight = coefficients
        index, n = actions.unsqueeze(-1), weights.numel()
        allowed = mask_logits(logits, masks)
        if compiles(allowed, values, weights, targets):
            into = torch.empty(logits.shape), torch.empty(values.shape), torch.empty(3)
            given = map(
                array_of, (allowed.flatten(0, -2), *(each.flatten() for each in (actions, weights, values, targets)))
            )
            flat = into[0].flatten(0, -2), into[1].flatten(), into[2]
            if not loss_kernels().actor_critic(*given, *coefficients, *(each.numpy() for each in flat)):
                raise IndexError(f"actions {actions.unique().tolist()}: allowed are 0 to {logits.shape[-1] - 1}")
            return _OfLogits._finish(ctx, *into, coefficients)
        log_p = F.log_softmax(allowed, -1)
        p = log_p.exp()
        entropy = -(p * log_p).sum(-1, keepdim=True)
        wide, error = weights.unsqueeze(-1), values - targets
        to_logits = p * (entropy_weight * (log_p + entropy) + wide)
        to_logits.scatter_add_(-1, index, -wide)
        shown = torch.stack([-(log_p.gather(-1, index) * wide).mean(), 0.5 * (error**2).mean(), entropy.mean()])
        return _OfLogits._finish(ctx, to_logits.div_(n), error * (value_coefficient / n), shown, coefficients)

    @staticmethod
    def _finish(
        ctx: Any, to_logits: Tensor, to_values: Tensor, shown: Tensor, coefficients: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """Keeps the slopes, and returns the loss and its parts."""
        ctx.save_for_backward(to_logits, to_values)
        ctx.mark_non_differentiable(shown)
        return shown[0] + coefficients[0] * shown[1] - coefficients[1] * shown[2], shown

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        to_logits, to_values = ctx.saved_tensors
        return to_logits * gradients[0], to_values * gradients[0], None, None, None, None, None


def v_trace(
    log_ratios: Tensor,
    rewards: Tensor,
    values: Tensor,
    beyond: Tensor,
    cut: Tensor,
    discounts: tuple[float, float],
    limits: tuple[float, float],
) -> tuple[Tensor, Tensor]:
    """Works out V-trace targets and the policy's weights (Espeholt et al. 2018, eq. 1 and section 4.2).

    Args:
        log_ratios: Of the actions taken, log-probability now less that when acting, [length, sequences].
        rewards: [length, sequences].
        values: Estimates now, [length, sequences].
        beyond: What follows a step that is ``cut``, [length, sequences]; not looked at elsewhere.
        cut: Whether the next row does not follow: an episode ended, or it is the last; bool [length, sequences].
        discounts: gamma, and lambda.
        limits: rho_max, and c_max.

    Returns:
        The targets v and the weights rho (r + gamma v' - V), both [length, sequences].
    """
    if compiles(log_ratios, rewards, values, beyond):
        into = torch.empty(values.shape), torch.empty(values.shape)
        given = map(array_of, (log_ratios, rewards, values, beyond, cut))
        loss_kernels().v_trace(*given, *discounts, *limits, *(each.numpy() for each in into))
        return into
    (gamma, lam), (rho_max, c_max) = discounts, limits
    ratios = log_ratios.exp()
    rho, c = ratios.clamp(max=rho_max), gamma * lam * ratios.clamp(max=c_max) * ~cut
    following = torch.where(cut, beyond, torch.cat([values[1:], beyond[-1:]]))
    errors = rho * (rewards + gamma * following - values)
    corrections = torch.zeros_like(values)  # v - V
    running = corrections[0]
    for t in range(len(rewards) - 1, -1, -1):
        running = errors[t] + c[t] * running
        corrections[t] = running
    targets = values + corrections
    behind = torch.where(cut, beyond, torch.cat([targets[1:], beyond[-1:]]))
    return targets, rho * (rewards + gamma * behind - values)
