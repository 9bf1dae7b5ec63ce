"""How actions are chosen to explore, as pure functions of values and chance."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.seat import Deal, Seat
from sorrelsim.models.torch.losses import mask_values


class DealtDraws:
    """Draws a generator's numbers as it would for all streams, and deals them out to the shares that choose in turn."""

    def __init__(self, rng: np.random.Generator, deal: Deal) -> None:
        self._rng, self._deal = rng, deal

    def random(self, size: int | tuple[int, ...]) -> np.ndarray:
        """Returns numbers between 0 and 1, of this share's rows."""
        _, *rest = np.atleast_1d(size)
        return np.asarray(self._deal.part(lambda n: self._rng.random((n, *rest))))

    def integers(self, high: int, size: int) -> np.ndarray:
        """Returns whole numbers below ``high``, of this share's rows."""
        return np.asarray(self._deal.part(lambda n: self._rng.integers(high, size=n)))


def draws_in(seat: Seat | None, rng: np.random.Generator) -> np.random.Generator | DealtDraws:
    """Returns where chance comes from in a seat, or in a share of it."""
    return rng if seat is None or seat.deal is None else DealtDraws(rng, seat.deal)


def epsilon_greedy(
    values: Tensor, mask: np.ndarray | None, epsilon: float | np.ndarray, rng: np.random.Generator | DealtDraws
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
