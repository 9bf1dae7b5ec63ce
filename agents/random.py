"""Random play: every allowed action with equal chance. The floor that learners are measured against.

Continuous actions are drawn evenly within their range, those without limits from a normal distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.models.base import BaseModel, Observation, Seat, as_parts


class Random(BaseModel):
    """Chooses uniformly among the allowed actions."""

    acts = ("discrete", "continuous")

    def take_action(self, state: Observation) -> Any:
        """Returns any action."""
        return self._within(1)[0] if not self.action_names else int(self.rng.integers(self.action_space))

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns any allowed action for each stream, int64 [n_streams]; or float32 [n_streams, *shape]."""
        if not self.action_names:
            return self._within(len(next(iter(as_parts(states).values()))))
        if seat is None or seat.mask is None:
            return self.rng.integers(self.action_space, size=len(next(iter(as_parts(states).values()))))
        # The largest of independent uniform draws among the allowed is a uniform choice among them.
        return np.argmax(self.rng.random(seat.mask.shape) * seat.mask, axis=1)

    def _within(self, n: int) -> np.ndarray:
        """Returns n continuous actions, float32 [n, *shape]."""
        spec = self.action_spec
        low, high = np.array(spec.low), np.array(spec.high)
        bounded = np.isfinite(low) & np.isfinite(high)
        even = self.rng.uniform(np.where(bounded, low, 0), np.where(bounded, high, 0), (n, len(low)))
        drawn = np.where(bounded, even, self.rng.standard_normal(even.shape))
        return spec.clip(drawn.reshape(n, *spec.shape).astype(np.float32))
