"""Factory of the Commons' waiter: stands where apples come out and eats what the work of others brings."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import NOWHERE, around


class FactoryCommonsWaiter(Bot):
    """Waits beside the far end of a machine, not on it, where it would be in the apple's way; touches no cube."""

    reach = 3
    """Steps that it goes for an apple."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        ends = view.shows("far")
        to_end, _ = view.toward(around(ends) & ~ends & ~view.shows("near", "agent"), avoid=ends)
        to_apple, far = view.toward(view.shows("apple"))
        waits = np.where(ends.any(axis=(1, 2)), self.stay, self.wander(view, seat))
        post = self.walk(view, to_end, otherwise=waits)
        return self.walk(view, np.where(far <= self.reach, to_apple, NOWHERE), otherwise=post)
