"""Random draws from a copy's own stream.

The generator is SplitMix64 with a gamma per stream (Steele, Lea and Flood 2014, "Fast splittable pseudorandom
number generators"): ``w.rng`` holds the state and the odd gamma. Streams with different gammas do not overlap, and
the integer arithmetic is the same in Python and in compiled code, so trajectories are the same too.
"""

from __future__ import annotations

import numpy as np

from sorrelsim.rules.rule import rule

MASK = 0xFFFFFFFFFFFFFFFF
TO_UNIT = 2.0**-53


def bits(w) -> int:
    """Draws 64 random bits. Compiled code uses :func:`bits_compiled` in its place."""
    state = (int(w.rng[0]) + int(w.rng[1])) & MASK
    w.rng[0] = state
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def bits_compiled(w):
    """What :func:`bits` becomes in compiled code, where ``uint64`` wraps by itself."""
    state = w.rng[0] + w.rng[1]
    w.rng[0] = state
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def high(word: int, n: int) -> int:
    """Scales 64 random bits to 0..n-1 by their upper half. Compiled code uses :func:`high_compiled`."""
    return ((word >> 32) * n) >> 32


def high_compiled(word, n):
    """What :func:`high` becomes in compiled code."""
    return np.int64(((word >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


def unit(word: int) -> float:
    """Turns 64 random bits into a float in [0, 1). Compiled code uses :func:`unit_compiled`."""
    return (word >> 11) * TO_UNIT


def unit_compiled(word):
    """What :func:`unit` becomes in compiled code."""
    return np.float64(np.int64(word >> np.uint64(11))) * TO_UNIT


@rule
def uniform(w):
    """Returns a float drawn uniformly from [0, 1), on a lattice of 2**-53."""
    return unit(bits(w))


@rule
def chance(w, p):
    """Returns True with probability ``p``."""
    return unit(bits(w)) < p


@rule
def below(w, n):
    """Returns an integer drawn uniformly from 0..n-1, for n up to 2**31 (bias below n / 2**32)."""
    return high(bits(w), n)


@rule
def weighted(w, weights):
    """Returns an index into ``weights``, drawn in proportion to them; the first if all are 0."""
    total = 0.0
    for k in range(weights.shape[0]):
        total += weights[k]
    left = total * uniform(w)
    for k in range(weights.shape[0]):
        left -= weights[k]
        if left < 0.0:
            return k
    return 0


@rule
def agent_order(w):
    """Puts the slots in a fresh uniformly random order into ``w.order`` (Fisher and Yates) and returns it."""
    for k in range(w.n_agents):
        w.order[k] = k
    for k in range(w.n_agents - 1, 0, -1):
        other = high(bits(w), k + 1)
        held = w.order[k]
        w.order[k] = w.order[other]
        w.order[other] = held
    return w.order


@rule
def binomial(w, n, p):
    """Returns how many of ``n`` independent trials with probability ``p`` succeed; mostly one draw, however large n is.

    Inversion of the distribution function (Devroye 1986, "Non-uniform random variate generation", X.4.3), in lots of
    at most 256 trials so that no term underflows. It costs about n * p + n / 256 steps.
    """
    if p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    rare = p if p <= 0.5 else 1.0 - p
    found = 0
    left = n
    while left > 0:
        lot = left if left < 256 else 256
        left -= lot
        term = power(1.0 - rare, lot)
        ratio = rare / (1.0 - rare)
        u = uniform(w)
        k = 0
        while u >= term and k < lot:
            u -= term
            term *= ratio * (lot - k) / (k + 1)
            k += 1
        found += k
    return found if p <= 0.5 else n - found


@rule
def power(base, n):
    """Returns ``base`` to a whole power, by multiplications alone, which round alike on every machine."""
    result = 1.0
    square = base
    while n > 0:
        if n & 1:
            result *= square
        square *= square
        n >>= 1
    return result


@rule
def fresh(w, stamps):
    """Returns an index into ``stamps`` drawn uniformly from those not yet drawn in this step, and stamps it.

    With :func:`binomial` it picks which of many trials succeeded, without a draw for each: draw the number of
    successes, then that many fresh indices. ``stamps`` is state of the world's own, ``int[n]``; at most n draws per
    step.
    """
    k = below(w, stamps.shape[0])
    while stamps[k] == w.turn:
        k = below(w, stamps.shape[0])
    stamps[k] = w.turn
    return k


def streams(seed: int, n: int) -> np.ndarray:
    """Returns the starting ``w.rng`` of copies 0..n-1 under one seed: ``uint64[n, 2]``, state and odd gamma.

    A copy's stream depends on (seed, copy) alone, so copy 17 of 4096 is copy 17 of 18.
    """
    with np.errstate(over="ignore"):
        word = np.array([seed & MASK, (seed >> 64) & MASK], np.uint64)
        base = _mix(_mix(word[:1] + np.uint64(0x9E3779B97F4A7C15)) ^ word[1:])
        copy = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        state = _mix(base ^ _mix(copy))
        gamma = _mix(state + np.uint64(0xD1B54A32D192ED03)) | np.uint64(1)
        # Gammas with too few bit changes mix badly; the same repair as in Java's SplittableRandom.
        flips = gamma ^ (gamma >> np.uint64(1))
        few = np.array([int(word).bit_count() < 24 for word in flips])
        gamma = np.where(few, gamma ^ np.uint64(0xAAAAAAAAAAAAAAAA), gamma)
    return np.stack([state, gamma], axis=1)


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
