"""Pure functions that losses of several learners are made of; what one learner alone needs stands in its file.

On the CPU some run compiled (``loss_kernels``), with the same results to the last bit.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.torch.symbolic import jit_enabled


def mask_values(values: Tensor, masks: Tensor | None) -> Tensor:
    """Lowers values of forbidden actions to minus infinity, so that no maximum takes them."""
    return values if masks is None else values.masked_fill(~masks, -torch.inf)


def mask_logits(logits: Tensor, masks: Tensor | None) -> Tensor:
    """Lowers logits of forbidden actions so far that their probability is 0; finite, to keep entropies free of NaN."""
    return logits if masks is None else logits.masked_fill(~masks, -1e9)


def combined(value: Tensor, advantage: Tensor, axis: int) -> Tensor:
    """Returns a state's value and its actions' advantages as values of actions (Wang et al. 2016, eq. 9).

    Args:
        value: Of length 1 along the axis.
        advantage: One per action along the axis.
        axis: Where the actions lie.
    """
    return value + advantage - advantage.mean(axis, keepdim=True)


def q_targets(
    rewards: Tensor, discounts: Tensor, following: Tensor, chooser: Tensor, masks: Tensor | None = None
) -> Tensor:
    """Returns the targets of Q-learning: r + discount * Q_target(s', argmax_a Q_chooser(s', a)).

    Args:
        rewards: n-step returns, [batch].
        discounts: gamma to the n, 0 where nothing follows, [batch].
        following: The target network's values of next states, [batch, actions].
        chooser: The values that choose the action: the online network's for double Q-learning (van Hasselt et al. 2016,
            eq. 4), ``following`` itself for plain Q-learning.
        masks: Allowed actions there, bool [batch, actions], or None.

    Returns:
        [batch].
    """
    chooser = mask_values(chooser, masks)
    if _compiled(rewards, discounts, following, chooser):
        into = torch.empty(rewards.shape)
        _kernels().q_targets(*map(_array, (rewards, discounts, following, chooser)), into.numpy())
        return into
    best = chooser.argmax(1, keepdim=True)
    return rewards + discounts * following.gather(1, best).squeeze(1)


class _HuberOfAction(torch.autograd.Function):
    """The Huber loss of one action's values; its gradient is known at once, so no graph is recorded."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, actions: Tensor, targets: Tensor) -> Any:
        ctx.compiled, ctx.shape = _compiled(values, targets), values.shape
        if ctx.compiled:
            losses, errors = torch.empty(targets.shape), torch.empty(targets.shape)
            given = _array(values), actions.numpy(), _array(targets)
            _kernels().huber_of_action(*given, losses.numpy(), errors.numpy())
            ctx.save_for_backward(actions, errors)
            ctx.mark_non_differentiable(errors)
            return losses, errors
        index = actions.unsqueeze(1)
        errors = targets - values.gather(1, index).squeeze(1)
        slope = errors.clamp(-1.0, 1.0)
        ctx.save_for_backward(index, slope)
        ctx.mark_non_differentiable(errors)
        # Within the quadratic part slope is the error, and this is its half square; beyond it |error| - 1/2.
        return slope * (errors - 0.5 * slope), errors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        if ctx.compiled:
            into, (actions, errors) = torch.empty(ctx.shape), ctx.saved_tensors
            _kernels().slope_of_action(actions.numpy(), errors.numpy(), _array(gradients[0]), into.numpy())
            return into, None, None
        index, slope = ctx.saved_tensors
        wide = slope.new_zeros(ctx.shape)
        return wide.scatter_(1, index, (-slope * gradients[0]).unsqueeze(1)), None, None


def td_loss(values: Tensor, actions: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Works out the Huber loss (width 1) of the chosen actions' values.

    Args:
        values: [batch, actions].
        actions: int64 [batch].
        targets: [batch].

    Returns:
        The losses and the TD errors, targets minus values, both [batch].
    """
    return _HuberOfAction.apply(values, actions, targets)


def quantile_huber_loss(quantiles: Tensor, taus: Tensor, targets: Tensor, kappa: float = 1.0) -> Tensor:
    """Returns the quantile Huber loss of each sample: a mean over targets, a sum over quantiles.

    Dabney et al. 2018: "Distributional reinforcement learning with quantile regression", eq. 10; "Implicit quantile
    networks", eq. 3.

    Args:
        quantiles: Predicted, [batch, n].
        taus: Their fractions, [batch or 1, n].
        targets: Sampled returns, [batch, m].
        kappa: Width of the quadratic part.

    Returns:
        [batch].
    """
    if _compiled(quantiles, taus, targets):
        return _QuantileHuber.apply(quantiles, taus, targets, kappa)
    delta = targets.unsqueeze(1) - quantiles.unsqueeze(2)  # [batch, n, m]
    size = delta.abs()
    huber = torch.where(size <= kappa, 0.5 * delta * delta, kappa * (size - 0.5 * kappa)) / kappa
    return ((taus.unsqueeze(2) - (delta < 0).float()).abs() * huber).mean(2).sum(1)


class _QuantileHuber(torch.autograd.Function):
    """The same, compiled, its slopes worked out here; the reductions are torch's, whose order of additions is its own.

    With u = target_j - quantile_i, d rho_tau(u) / d quantile_i = -|tau - [u < 0]| clamp(u, -kappa, kappa) / kappa.
    """

    @staticmethod
    def forward(ctx: Any, quantiles: Tensor, taus: Tensor, targets: Tensor, kappa: float) -> Tensor:
        ctx.save_for_backward(quantiles, taus, targets)
        ctx.kappa = kappa
        into = torch.empty(*quantiles.shape, targets.shape[1])
        _kernels().quantile_huber(*map(_array, (quantiles, taus, targets)), kappa, into.numpy())
        return into.mean(2).sum(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        given = ctx.saved_tensors
        into = torch.empty(*given[0].shape, given[2].shape[1])
        _kernels().quantile_huber_slopes(*map(_array, given), ctx.kappa, _array(gradients[0]), into.numpy())
        return into.sum(2), None, None, None


def quantiles_of_action(quantiles: Tensor, actions: Tensor) -> Tensor:
    """Returns the quantiles of one action per sample: [batch, n, actions] and int64 [batch] to [batch, n]."""
    index = actions.view(-1, 1, 1).expand(-1, quantiles.shape[1], 1)
    return quantiles.gather(2, index).squeeze(2)


def td_targets(rewards: Tensor, discounts: Tensor, following: Tensor) -> Tensor:
    """Returns what actions should be worth, r + discount * value of what follows, [batch].

    Args:
        rewards: n-step returns, [batch].
        discounts: gamma to the n, 0 where nothing follows, [batch].
        following: [batch].
    """
    return rewards + discounts * following


def _compiled(*given: Tensor) -> bool:
    """Returns whether compiled kernels can take these: numbers of 32 bits on the CPU, unless numba is to interpret."""
    return all(each.device.type == "cpu" and each.dtype == torch.float32 for each in given) and jit_enabled()


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@functools.cache
def _kernels() -> Any:
    """Returns the compiled kernels; imported when first needed, since numba takes a while."""
    from sorrelsim.models.torch import loss_kernels

    return loss_kernels
