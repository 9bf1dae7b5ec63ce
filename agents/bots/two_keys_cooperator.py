"""Two keys' cooperator: goes to a key that nobody stands on, and turns it when it sees another agent on one."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class TwoKeysCooperator(Bot):
    """Walks to the nearest free key and waits there; about where it sees none."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        keys, others = view.shows("key"), view.shows("agent")
        to_key, _ = view.toward(keys & ~others)
        walk = self.walk(view, to_key, otherwise=self.wander(view, seat))
        partner = (keys & others).any(axis=(1, 2))
        return np.where(view.here(keys), np.where(partner, self.action("turn"), self.stay), walk)
