"""Compiled losses for the CPU, and their slopes: where batches are small, a dozen calls of torch cost more than work.

Every number is what the functions of ``losses`` make of it, to the last bit, so all constants are float32. Callers
check everything; these read, and write where they are told.
"""

from __future__ import annotations

import numpy as np

from sorrelsim.machine_code.kept import kept

ONE, HALF = np.float32(1), np.float32(0.5)


@kept
def q_targets(rewards, discounts, following, chooser, into):
    """Writes r + discount * following[argmax chooser] of each sample; all as in ``losses.q_targets``, [batch]."""
    for b in range(chooser.shape[0]):
        best = 0
        for a in range(1, chooser.shape[1]):
            if chooser[b, a] > chooser[b, best]:
                best = a
        into[b] = rewards[b] + discounts[b] * following[b, best]


@kept
def huber_of_action(values, actions, targets, losses, errors):
    """Writes Huber losses of width 1, and TD errors, of the chosen actions' values; see ``losses.td_loss``."""
    for b in range(values.shape[0]):
        error = targets[b] - values[b, actions[b]]
        slope = min(max(error, -ONE), ONE)
        losses[b], errors[b] = slope * (error - HALF * slope), error


@kept
def slope_of_action(actions, errors, weights, into):
    """Writes the slopes of the sum of these losses by their weights with respect to all values, [batch, actions]."""
    for b in range(into.shape[0]):
        for a in range(into.shape[1]):
            into[b, a] = 0.0
        into[b, actions[b]] = -min(max(errors[b], -ONE), ONE) * weights[b]


@kept
def quantile_huber(quantiles, taus, targets, kappa, into):
    """Writes |tau - [u < 0]| L(u) / kappa, u = target - quantile, [batch, n, m]; see ``losses.quantile_huber_loss``."""
    width, half_width = np.float32(kappa), np.float32(0.5 * kappa)
    for b in range(into.shape[0]):
        for i in range(into.shape[1]):
            quantile, tau = quantiles[b, i], taus[b % taus.shape[0], i]
            above, below = abs(tau), abs(tau - ONE)
            for j in range(into.shape[2]):
                u = targets[b, j] - quantile
                size = abs(u)
                loss = HALF * u * u if size <= width else width * (size - half_width)
                into[b, i, j] = (below if u < 0 else above) * (loss / width)


@kept
def quantile_huber_slopes(quantiles, taus, targets, kappa, weights, into):
    """Writes what each of these adds to the slopes of quantiles, [batch, n, m], of their mean over m by weights."""
    width, m = np.float32(kappa), np.float32(into.shape[2])
    for b in range(into.shape[0]):
        weight = weights[b] / m
        for i in range(into.shape[1]):
            quantile, tau = quantiles[b, i], taus[b % taus.shape[0], i]
            above, below = abs(tau) * weight / width, abs(tau - ONE) * weight / width
            for j in range(into.shape[2]):
                u = targets[b, j] - quantile
                scale = below if u < 0 else above
                into[b, i, j] = -scale * u if abs(u) <= width else (scale * width if u < 0 else -scale * width)
