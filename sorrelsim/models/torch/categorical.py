"""The loss of distributions on fixed atoms (C51; Bellemare et al. 2017), as pure functions.

On the CPU ``categorical_loss`` runs compiled (``loss_kernels``), with the same results but for rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sorrelsim.models.torch.losses import Sloped
from sorrelsim.models.torch.on_cpu import array_of, compiles, loss_kernels


def project(rewards: Tensor, discounts: Tensor, probabilities: Tensor, atoms: Tensor) -> Tensor:
    """Returns the distribution of r + discount * Z on the atoms (Bellemare et al. 2017, algorithm 1).

    Each atom's probability goes to the two neighbours of where it lands, the more the nearer, and all of it to one that
    it lands on.

    Args:
        rewards: [batch].
        discounts: 0 where nothing follows, [batch].
        probabilities: Those of Z at its atoms, [batch, atoms].
        atoms: Evenly spaced, [atoms].

    Returns:
        [batch, atoms]; each row adds up to what ``probabilities`` does.
    """
    n, low, high = len(atoms), atoms[0], atoms[-1]
    landed = torch.addcmul(rewards.unsqueeze(1), discounts.unsqueeze(1), atoms)
    place = (landed.clamp(low, high) - low) * ((n - 1) / (high - low))
    left = place.long().clamp_(0, n - 2)  # the last atom lies wholly to the right of the one before it
    to_right = (place - left) * probabilities
    into = torch.zeros_like(probabilities).scatter_add_(1, left, probabilities - to_right)
    return into.scatter_add_(1, left + 1, to_right)


def cross_entropy(target: Tensor, probabilities: Tensor) -> Sloped:
    """Returns -sum_i target_i log p_i of each sample, and its slopes, -target_i / p_i; both [batch, atoms].

    Probabilities below 1e-30 count as that, and have no slope.
    """
    known = probabilities.detach()
    least = known.clamp_min(1e-30)
    slopes = (target / least).mul_(known >= 1e-30).neg_()
    return Sloped(torch.linalg.vecdot(target, least.log_()).neg_(), probabilities, slopes)


def categorical_loss(
    probabilities: Tensor,
    actions: Tensor,
    rewards: Tensor,
    discounts: Tensor,
    following: Tensor,
    best: Tensor,
    atoms: Tensor,
) -> Sloped:
    """Works out the cross entropy of the chosen actions' distributions with their projected targets.

    Args:
        probabilities: Of returns now, [batch, actions, atoms].
        actions: int64 [batch].
        rewards: n-step returns, [batch].
        discounts: gamma to the n, 0 where nothing follows, [batch].
        following: Of returns in next states, as the target network says, [batch, actions, atoms].
        best: The actions that follow there, int64 [batch].
        atoms: Evenly spaced, [atoms].

    Returns:
        The losses, and their slopes with respect to ``probabilities``.
    """
    known = probabilities.detach()
    if not compiles(known, rewards, discounts, following):
        chosen = _of_action(known, actions)
        losses, _, slopes = cross_entropy(project(rewards, discounts, _of_action(following, best), atoms), chosen)
        index = actions.view(-1, 1, 1).expand(-1, 1, known.shape[2])
        return Sloped(losses, probabilities, torch.zeros_like(known).scatter_(1, index, slopes.unsqueeze(1)))
    losses, target, slopes = torch.empty(len(known)), torch.empty(len(atoms)), torch.zeros(known.shape)
    given = map(array_of, (known, actions, rewards, discounts, following, best, atoms))
    if not loss_kernels().categorical(*given, target.numpy(), losses.numpy(), slopes.numpy()):
        raise IndexError(f"actions {actions.tolist()}: allowed are 0 to {known.shape[1] - 1}")
    return Sloped(losses, probabilities, slopes)


def _of_action(probabilities: Tensor, actions: Tensor) -> Tensor:
    """Returns the atoms of one action per sample: [batch, actions, atoms] and int64 [batch] to [batch, atoms]."""
    return probabilities.gather(1, actions.view(-1, 1, 1).expand(-1, 1, probabilities.shape[2])).squeeze(1)
