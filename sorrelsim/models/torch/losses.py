"""Pure functions that losses of several learners are made of; what one learner alone needs stands in its file.

On the CPU some run compiled (``loss_kernels``), with the same results.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.torch.on_cpu import array_of, compiles, loss_kernels


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
    if masks is not None:
        chooser = mask_values(chooser, masks)
    if compiles(rewards, discounts, following, chooser):
        into = torch.empty(rewards.shape)
        loss_kernels().q_targets(*map(array_of, (rewards, discounts, following, chooser)), into.numpy())
        return into
    best = chooser.argmax(1, keepdim=True)
    return rewards + discounts * following.gather(1, best).squeeze(1)


class Sloped(NamedTuple):
    """Losses of samples whose slopes are known at once, so that no graph of them is recorded and run backwards.

    Attributes:
        losses: [batch].
        of: What they are losses of, with its graph, [batch, ...].
        slopes: Of each sample's loss with respect to that, [batch, ...]; whoever descends may write over it.
    """

    losses: Tensor
    of: Tensor
    slopes: Tensor


def td_loss(values: Tensor, actions: Tensor, targets: Tensor) -> tuple[Sloped, Tensor]:
    """Works out the Huber loss (width 1) of the chosen actions' values.

    Args:
        values: [batch, actions].
        actions: int64 [batch].
        targets: [batch].

    Returns:
        The losses and the TD errors, targets minus values, both [batch].
    """
    known = values.detach()
    if compiles(known, targets):
        losses, errors, slopes = torch.empty(targets.shape), torch.empty(targets.shape), torch.empty(values.shape)
        into = losses.numpy(), errors.numpy(), slopes.numpy()
        if not loss_kernels().huber_of_action(array_of(known), actions.numpy(), array_of(targets), *into):
            raise IndexError(f"actions {actions.tolist()}: allowed are 0 to {values.shape[1] - 1}")
        return Sloped(losses, values, slopes), errors
    index = actions.unsqueeze(1)
    errors = targets - known.gather(1, index).squeeze(1)
    size = errors.clamp(-1.0, 1.0)
    slopes = torch.zeros_like(known).scatter_(1, index, -size.unsqueeze(1))
    # Within the quadratic part size is the error, and this is its half square; beyond it |error| - 1/2.
    return Sloped(size * (errors - 0.5 * size), values, slopes), errors


def q_learning(
    values: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    following: Tensor,
    chooser: Tensor,
    masks: Tensor | None = None,
) -> tuple[Sloped, Tensor]:
    """Works out the Huber loss of the chosen actions' values as ``td_loss`` does, towards what ``q_targets`` says.

    Args:
        values: [batch, actions].
        actions: int64 [batch].
        rewards: As of ``q_targets``, and so the others.
        discounts: As there.
        following: As there.
        chooser: As there.
        masks: As there.

    Returns:
        The losses and the TD errors, targets minus values, both [batch].
    """
    known = values.detach()
    if masks is not None:
        chooser = mask_values(chooser, masks)
    if not compiles(known, rewards, discounts, following, chooser):
        return td_loss(values, actions, q_targets(rewards, discounts, following, chooser))
    into, slopes = np.empty((3, len(known)), np.float32), torch.empty(known.shape)
    given = map(array_of, (known, actions, rewards, discounts, following, chooser))
    if not loss_kernels().q_learning(*given, *into, slopes.numpy()):
        raise IndexError(f"actions {actions.tolist()}: allowed are 0 to {known.shape[1] - 1}")
    _, losses, errors = torch.from_numpy(into).unbind()
    return Sloped(losses, values, slopes), errors


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
    if compiles(quantiles, taus, targets):
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
        loss_kernels().quantile_huber(*map(array_of, (quantiles, taus, targets)), kappa, into.numpy())
        return into.mean(2).sum(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        given = ctx.saved_tensors
        into = torch.empty(*given[0].shape, given[2].shape[1])
        loss_kernels().quantile_huber_slopes(*map(array_of, given), ctx.kappa, array_of(gradients[0]), into.numpy())
        return into.sum(2), None, None, None


def quantile_regression(quantiles: Tensor, taus: Tensor, targets: Tensor, kappa: float = 1.0) -> Sloped:
    """Returns the quantile Huber loss of each sample as ``quantile_huber_loss`` does, but for rounding, and its slopes.

    Args:
        quantiles: Predicted, [batch, n].
        taus: Their fractions, the same for all samples, [n].
        targets: Sampled returns, [batch, m].
        kappa: Width of the quadratic part.
    """
    known = quantiles.detach()
    if compiles(known, taus, targets):
        losses, slopes = torch.empty(len(known)), torch.empty(known.shape)
        given = map(array_of, (known, taus, targets))
        loss_kernels().quantile_regression(*given, kappa, losses.numpy(), slopes.numpy())
        return Sloped(losses, quantiles, slopes)
    with torch.enable_grad():
        free = known.clone().requires_grad_()
        losses = quantile_huber_loss(free, taus.unsqueeze(0), targets, kappa)
        return Sloped(losses.detach(), quantiles, torch.autograd.grad(losses.sum(), free)[0])


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
