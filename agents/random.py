"""Random play: every allowed action with equal chance. The floor that learners are measured against."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import BaseModel, Observation, Seat, as_parts


class Random(BaseModel):
    """Chooses uniformly among the allowed actions."""

    def take_action(self, state: Observation) -> int:
        """Returns any action."""
        return int(self.rng.integers(self.action_space))

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns any allowed action for each stream, int64 [n_streams]."""
        if seat is None or seat.mask is None:
            return self.rng.integers(self.action_space, size=len(next(iter(as_parts(states).values()))))
        # The largest of independent uniform draws among the allowed is a uniform choice among them.
        return np.argmax(self.rng.random(seat.mask.shape) * seat.mask, axis=1)
