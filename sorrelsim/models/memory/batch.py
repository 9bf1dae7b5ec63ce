"""A batch of steps as a replay memory hands it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.models.memory import replay_kernels
from sorrelsim.observations.parts import Observation


def shares(valid: np.ndarray, weights: np.ndarray, n_batches: int = 1) -> np.ndarray:
    """Returns what each sample's loss counts in its batch: its weight over the number of valid samples, 0 if it is not.

    Args:
        valid: float32 [samples], 1 or 0.
        weights: Importance weights, float32 [samples].
        n_batches: Batches of one size that the samples make up.

    Returns:
        float32 [samples].
    """
    into = np.empty_like(weights)
    replay_kernels.shares(valid, weights, n_batches, into)
    return into


@dataclass(frozen=True)
class Batch:
    """Sampled steps. Unpacks as ``states, actions, rewards, next_states, dones, valid = batch``.

    Attributes:
        states: [batch, *shape], or [batch, n_frames, *shape] if frames are stacked; dicts of these by part name.
        actions: int64 [batch], or [batch, *shape] of the memory's shape and dtype.
        rewards: n-step returns, float32 [batch].
        next_states: States n steps later, or the episode's true last one if it ended sooner; shaped as states.
        dones: float32 [batch], 1 where the window ended by termination: there nothing follows.
        valid: float32 [batch], 0 where a stack or a window would cross the write head or an unknown boundary.
        discounts: float32 [batch], gamma to the power of the steps in the window; multiplies the next state's value.
        weights: float32 [batch], importance weights; 1 without priorities.
        index: int64 [batch], for ``update_priorities``.
        masks: Allowed actions in states, bool [batch, n_actions], or None.
        next_masks: The same in next_states; all true where none follows.
    """

    states: Observation
    actions: np.ndarray
    rewards: np.ndarray
    next_states: Observation
    dones: np.ndarray
    valid: np.ndarray
    discounts: np.ndarray
    weights: np.ndarray
    index: np.ndarray
    masks: np.ndarray | None = None
    next_masks: np.ndarray | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.states, self.actions, self.rewards, self.next_states, self.dones, self.valid))
