"""Compiled losses for the CPU, and their slopes: where batches are small, a dozen calls of torch cost more than work.

Every number is what the functions of ``losses`` make of it, to the last bit but for sums, so all constants are float32.
Callers check everything; these read, and write where they are told.
"""

from __future__ import annotations

import numpy as np
from numba import njit

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
def huber_of_action(values, actions, targets, losses, errors, slopes):
    """Writes Huber losses of width 1, TD errors and slopes of the chosen actions' values; see ``losses.td_loss``.

    Returns whether all actions are in range.
    """
    for b in range(values.shape[0]):
        if not 0 <= actions[b] < values.shape[1]:
            return False
        error = targets[b] - values[b, actions[b]]
        size = min(max(error, -ONE), ONE)
        losses[b], errors[b] = size * (error - HALF * size), error
        for a in range(values.shape[1]):
            slopes[b, a] = 0.0
        slopes[b, actions[b]] = -size
    return True


@kept
def q_learning(values, actions, rewards, discounts, following, chooser, targets, losses, errors, slopes):
    """Writes what ``q_targets`` and then ``huber_of_action`` do, in one call; see ``losses.q_learning``."""
    q_targets(rewards, discounts, following, chooser, targets)
    return huber_of_action(values, actions, targets, losses, errors, slopes)


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


@njit(fastmath={"reassoc", "contract", "nsz"}, nogil=True)  # what is not finite must stay so
def _quantile_sample(quantiles, taus, targets, width, slopes):
    """Writes the slopes of one sample, [n], and returns its loss; quantiles are the inner loop, which vectorises."""
    n, m = quantiles.shape[0], targets.shape[0]
    loss = np.float32(0)
    for i in range(n):
        slopes[i] = 0.0
    for j in range(m):
        target = targets[j]
        for i in range(n):
            u = target - quantiles[i]
            size = min(max(u, -width), width)
            size *= taus[i] if u >= 0 else ONE - taus[i]
            slopes[i] -= size
            # Within the quadratic part size is u, and size (u - size / 2) its half square; beyond it the straight line.
            loss += size * (u - HALF * min(max(u, -width), width))
    scale = ONE / (width * np.float32(m))
    for i in range(n):
        slopes[i] *= scale
    return loss * scale


@kept
def quantile_regression(quantiles, taus, targets, kappa, losses, slopes):
    """Writes quantile Huber losses, [batch], and their slopes, [batch, n]; see ``losses.quantile_regression``."""
    for b in range(quantiles.shape[0]):
        losses[b] = _quantile_sample(quantiles[b], taus, targets[b], np.float32(kappa), slopes[b])


@kept
def categorical(probabilities, actions, rewards, discounts, following, best, atoms, target, losses, slopes):
    """Writes cross entropies, [batch], and their slopes, zeros before; see ``categorical.categorical_loss``.

    ``target`` is written over, [atoms]. Returns whether all actions are in range.
    """
    n, low, high = atoms.shape[0], atoms[0], atoms[-1]
    per_unit, least = np.float32((n - 1) / (high - low)), np.float32(1e-30)
    for b in range(probabilities.shape[0]):
        if not 0 <= actions[b] < probabilities.shape[1]:
            return False
        target[:] = 0.0
        for i in range(n):
            landed = rewards[b] + discounts[b] * atoms[i]
            landed = low if landed < low else (high if landed > high else landed)  # NaN stays NaN
            place = (landed - low) * per_unit
            left = min(int(place), n - 2) if place > 0 else 0  # the last atom lies to the right of the one before it
            mass = following[b, best[b], i]
            to_right = (place - np.float32(left)) * mass
            target[left] += mass - to_right
            target[left + 1] += to_right
        loss = np.float32(0)
        for i in range(n):
            p = probabilities[b, actions[b], i]
            loss -= target[i] * np.log(least if p < least else p)
            slopes[b, actions[b], i] = 0.0 if p < least else -target[i] / p
        losses[b] = loss
    return True


@kept
def v_trace(log_ratios, rewards, values, beyond, cut, gamma, lam, rho_max, c_max, targets, weights):
    """Writes V-trace targets and the policy's weights, [length, sequences]; see ``policy_losses.v_trace``."""
    last = rewards.shape[0] - 1
    for s in range(rewards.shape[1]):
        correction = 0.0  # v - V of the step behind
        for t in range(last, -1, -1):
            ratio = np.exp(log_ratios[t, s])
            rho, c = rho_max if ratio > rho_max else ratio, c_max if ratio > c_max else ratio  # NaN stays NaN
            if cut[t, s] or t == last:
                value, target, correction = beyond[t, s], beyond[t, s], 0.0
            else:
                value, target = values[t + 1, s], targets[t + 1, s]
            error = rho * (rewards[t, s] + gamma * value - values[t, s])
            correction = error + gamma * lam * c * correction
            targets[t, s] = values[t, s] + correction
            weights[t, s] = rho * (rewards[t, s] + gamma * target - values[t, s])


@njit(nogil=True)
def _normaliser(logits):
    """Returns the largest of a state's logits, [actions], and log sum exp(logit - largest); their sum would round."""
    top, total = logits[0], np.float32(0)
    for a in range(1, logits.shape[0]):
        top = max(top, logits[a])
    for a in range(logits.shape[0]):
        total += np.exp(logits[a] - top)
    return top, np.log(total)


@kept
def log_probs(logits, actions, into):
    """Writes log-probabilities of actions, [steps], by logits [steps, actions]; returns whether all are in range."""
    for b in range(logits.shape[0]):
        if not 0 <= actions[b] < logits.shape[1]:
            return False
        top, rest = _normaliser(logits[b])
        into[b] = logits[b, actions[b]] - top - rest
    return True


@kept
def actor_critic(logits, actions, weights, values, targets, of_value, of_entropy, to_logits, to_values, shown):
    """Writes slopes of the loss of an actor and a critic: to logits, [steps, actions], and to values, [steps].

    ``shown`` is written too: mean policy loss, value loss and entropy, of which ``of_value`` and ``of_entropy`` weigh
    the last two; see ``policy_losses.actor_critic_loss``. Returns whether all actions are in range.
    """
    n, n_actions = logits.shape
    share, bonus = ONE / np.float32(n), np.float32(of_entropy)
    of_policy, of_squares, of_bonus = 0.0, 0.0, 0.0
    for b in range(n):
        if not 0 <= actions[b] < n_actions:
            return False
        (top, rest), entropy = _normaliser(logits[b]), np.float32(0)
        for a in range(n_actions):
            log_p = logits[b, a] - top - rest
            p = np.exp(log_p)
            entropy -= p * log_p
            to_logits[b, a] = p
        for a in range(n_actions):
            to_logits[b, a] *= share * (bonus * (logits[b, a] - top - rest + entropy) + weights[b])
        to_logits[b, actions[b]] -= share * weights[b]
        error = values[b] - targets[b]
        to_values[b] = share * np.float32(of_value) * error
        of_policy -= (logits[b, actions[b]] - top - rest) * weights[b]
        of_squares += HALF * error * error
        of_bonus += float(entropy)
    shown[0], shown[1], shown[2] = of_policy / n, of_squares / n, of_bonus / n
    return True
