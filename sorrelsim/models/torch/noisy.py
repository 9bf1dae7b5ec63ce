"""Noise on weights that a network learns to turn down: exploration without chance of random actions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NoisyLinear(nn.Module):
    """A linear layer with learned, factorised Gaussian noise on its weights (Fortunato et al. 2018, eq. 9 to 11).

    The noise stays the same until ``set_noise`` draws anew; ``quiet`` switches it off. One draw serves a whole batch in
    learning, as in the paper; in acting every row gets its own, or all streams would explore alike.

    Args:
        n_in: Length of the input.
        n_out: Length of the result.
        sigma: Initial noise, divided by the square root of n_in.
    """

    def __init__(self, n_in: int, n_out: int, sigma: float = 0.5) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        self.weight = nn.Parameter(torch.empty(n_out, n_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound))
        self.weight_sigma = nn.Parameter(torch.full((n_out, n_in), sigma * bound))
        self.bias_sigma = nn.Parameter(torch.full((n_out,), sigma * bound))
        self.register_buffer("noise_in", torch.zeros(n_in))
        self.register_buffer("noise_out", torch.zeros(n_out))
        self.noise_in: Tensor
        self.noise_out: Tensor
        self._by_row: tuple[Tensor, Tensor] | None = None

    def take(self, noise_in: Tensor, noise_out: Tensor) -> None:
        """Takes noise for every row of the batch to come, [n_rows, n_in] and [n_rows, n_out]; for any batch, [n]."""
        if noise_in.dim() > 1:
            self._by_row = noise_in, noise_out
        else:
            self._by_row = None
            torch._foreach_copy_([self.noise_in, self.noise_out], [noise_in, noise_out])

    def quiet(self) -> None:
        """Sets the noise to zero."""
        self._by_row = None
        self.noise_in.zero_()
        self.noise_out.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Turns [batch, ..., n_in] to [batch, ..., n_out]."""
        if self._by_row is not None:
            between = (1,) * (x.dim() - 2)
            noise_in, noise_out = (noise.view(len(noise), *between, -1) for noise in self._by_row)
            noisy = (F.linear(x * noise_in, self.weight_sigma) + self.bias_sigma) * noise_out
            return F.linear(x, self.weight, self.bias) + noisy
        weight = self.weight + self.weight_sigma * torch.outer(self.noise_out, self.noise_in)
        return F.linear(x, weight, self.bias + self.bias_sigma * self.noise_out)


def noisy_or_plain(noisy: bool, sigma: float = 0.5) -> Callable[[int, int], nn.Module]:
    """Returns what makes a layer of (n_in, n_out): with noise of an initial size, or an ``nn.Linear``."""
    return functools.partial(NoisyLinear, sigma=sigma) if noisy else nn.Linear


def set_noise(net: nn.Module, generator: torch.Generator | None, n_rows: int = 0) -> None:
    """Draws new noise for all noisy layers of a network in one go, or silences them without a generator.

    Args:
        net: The network.
        generator: Where the noise comes from; None means no noise.
        n_rows: Rows of the batch to come, each with noise of its own; 0 means one noise for any batch.
    """
    layers = [layer for layer in net.modules() if isinstance(layer, NoisyLinear)]
    if generator is None:
        for layer in layers:
            layer.quiet()
        return
    shape, sizes = (n_rows, -1) if n_rows else (-1,), [n for layer in layers for n in layer.weight.shape[::-1]]
    drawn = _factors(sum(sizes) * max(1, n_rows), generator).split([n * max(1, n_rows) for n in sizes])
    for layer, noise_in, noise_out in zip(layers, drawn[::2], drawn[1::2], strict=True):
        layer.take(noise_in.view(shape), noise_out.view(shape))


def _factors(n: int, generator: torch.Generator) -> Tensor:
    """Draws sign(x) sqrt(|x|) of normal numbers x, [n]."""
    noise = torch.empty(n, device=generator.device).normal_(generator=generator)
    if noise.is_cpu:  # the same by fewer and quicker calls
        drawn = noise.numpy()
        np.copysign(np.sqrt(np.abs(drawn)), drawn, out=drawn)
        return noise
    return torch.copysign(noise.abs().sqrt_(), noise)
