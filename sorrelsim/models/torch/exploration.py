"""How actions are chosen to explore, as pure functions of values and chance."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.torch.losses import mask_values


def epsilon_greedy(
    values: Tensor, mask: np.ndarray | None, epsilon: float | np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Chooses the allowed action of the highest value in each stream, or with chance epsilon any that is allowed.

    Args:
        values: [n_streams, actions].
        mask: Allowed actions, bool [n_streams, actions], or None if all are.
        epsilon: One chance for all, or one per stream, [n_streams]. If it is 0 for all, nothing is drawn.
        rng: Where chance comes from.

    Returns:
        int64 [n_streams].
    """
    allowed = None if mask is None else torch.from_numpy(mask).to(values.device)
    best = mask_values(values, allowed).argmax(1).cpu().numpy()
    if not np.any(epsilon):
        return best
    n, n_actions = values.shape
    coins = rng.random(n) < epsilon  # a coin per stream, not one for all
    # The largest of independent uniform draws among the allowed is a uniform choice among them.
    anything = rng.integers(n_actions, size=n) if mask is None else np.argmax(rng.random(mask.shape) * mask, axis=1)
    return np.where(coins, anything, best)


def ladder(base: float, exponent: float, n: int, part: tuple[int, int] = (0, 1)) -> np.ndarray:
    """Returns how much each of several streams explores: base^(1 + exponent i / (n - 1)) for i = 0 to n - 1.

    Horgan et al. 2018, section 4.1. From the first stream, which explores by ``base``, to the last, which hardly does.

    Args:
        base: A chance, or a size of noise, from 0 to 1.
        exponent: How far apart the ends are (alpha).
        n: Streams; a single one gets ``base``.
        part: Which part of all streams these are, and of how many parts: those that an actor has.

    Returns:
        float64 [n], falling.
    """
    number, parts = part
    rungs = np.arange(number * n, number * n + n)
    return base ** (1 + exponent * rungs / max(1, n * parts - 1))
