"""Idle play: noop, ever. What nobody's doing anything comes to, and a partner who is there and no more."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import BaseModel, Observation, Seat, as_parts


class Idle(BaseModel):
    """Does nothing in worlds that have an action for it."""

    def set_up(self) -> None:
        """Finds the action.

        Raises:
            ValueError: If the world has no noop.
        """
        if "noop" not in self.action_names:
            raise ValueError(f"{self.name} needs an action noop; here are {', '.join(self.action_names) or 'none'}")
        self.noop = self.action_names.index("noop")

    def take_action(self, state: Observation) -> int:
        """Returns noop."""
        return self.noop

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns noop for each stream, int64 [n_streams]."""
        return np.full(len(next(iter(as_parts(states).values()))), self.noop)
