"""Noise that learners of deterministic policies explore by, by name: on actions, or on the weights that choose them.

Sizes are in units of half an action's range, so that one number means the same wherever it is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import Every, Positive, Probability, Weight
from sorrelsim.settings import check_settings


@dataclass(frozen=True)
class NoiseConfig:
    """What is added to actions while exploring."""

    kind: Literal["none", "uniform", "normal", "clipped_normal", "ornstein_uhlenbeck", "parameters"] = "normal"
    """Drawn anew each step, or with a memory (ornstein_uhlenbeck), or added to the actor's weights (parameters)."""
    size: Weight = 0.1
    """uniform: the most; normal and ornstein_uhlenbeck: deviation of a draw; parameters: by how much actions differ."""
    clip: Positive = 0.5
    """clipped_normal: the most."""
    pull: Probability = 0.15
    """ornstein_uhlenbeck: share of the noise that is lost per step (theta)."""
    every: Every = 50
    """parameters: gradient steps between two draws."""

    def __post_init__(self) -> None:
        check_settings(self)


def uniform(like: Tensor, size: float | Tensor, generator: torch.Generator) -> Tensor:
    """Returns numbers drawn evenly from -size to size, shaped as ``like``."""
    return (2 * torch.rand(like.shape, generator=generator, device=like.device) - 1) * size


def normal(like: Tensor, size: float | Tensor, generator: torch.Generator, clip: float = math.inf) -> Tensor:
    """Returns normal numbers of deviation ``size``, shaped as ``like``; what lies beyond ``clip`` ends there."""
    return (torch.randn(like.shape, generator=generator, device=like.device) * size).clamp(-clip, clip)


def ornstein_uhlenbeck(before: Tensor, size: float | Tensor, pull: float, generator: torch.Generator) -> Tensor:
    """Returns the noise that follows that of the step before, x - pull x + size N(0, 1) (Lillicrap et al. 2016, 7)."""
    return before * (1 - pull) + normal(before, size, generator)


def action_noise(
    config: NoiseConfig, size: float | Tensor, like: Tensor, before: Tensor | None, generator: torch.Generator
) -> Tensor | None:
    """Returns noise for actions; None where there is none on actions.

    Args:
        config: Its kind, and what else the kind asks for.
        size: Its size: ``config.size``, or one per stream, [n_streams, 1, ...].
        like: The actions.
        before: The noise of the step before, which that of a kind with a memory is written over; None starts at zero.
        generator: Where chance comes from.
    """
    if config.kind == "uniform":
        return uniform(like, size, generator)
    if config.kind == "normal":
        return normal(like, size, generator)
    if config.kind == "clipped_normal":
        return normal(like, size, generator, config.clip)
    if config.kind == "ornstein_uhlenbeck":
        before = torch.zeros_like(like) if before is None else before
        return before.copy_(ornstein_uhlenbeck(before, size, config.pull, generator))
    return None


def perturb(net: nn.Module, noisy: nn.Module, deviation: float, generator: torch.Generator) -> None:
    """Writes a network's parameters into another of its kind, with normal noise added (Plappert et al. 2018, eq. 3)."""
    with torch.no_grad():
        for ours, theirs in zip(net.parameters(), noisy.parameters(), strict=True):
            theirs.copy_(ours + normal(ours, deviation, generator))
        for kept, followed in zip(noisy.buffers(), net.buffers(), strict=True):
            kept.copy_(followed)


def adapted(deviation: float, distance: float, wanted: float, factor: float = 1.01) -> float:
    """Returns the deviation of noise on parameters, raised where actions differ too little by it, or lowered.

    Plappert et al. 2018, eq. 8.

    Args:
        deviation: What it was.
        distance: Root mean square difference between the actions with and without noise (eq. 9).
        wanted: What that is to be.
        factor: By which it is changed.
    """
    return deviation * factor if distance < wanted else deviation / factor
