"""Territory's cooperator: claims walls that nobody owns, and leaves those of others and others themselves alone."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot

WALLS = ("resource", "paying", "cracked", "cracked_paying")


class TerritoryCooperator(Bot):
    """Walks to the nearest unclaimed wall and claims it by looking at it; never fires, and goes round what is owned."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        free = view.shows(*WALLS) & view.shows("unclaimed")
        owned = view.shows(*WALLS) & ~free
        to_free, _ = view.toward(free)
        about = self.wander(view, seat)
        # To look at a wall is to claim it, so where the next step would face what is owned it turns away instead.
        about = np.where(view.in_beam(owned, 2, 0) & (about == self.action("forward")), self.action("turn_left"), about)
        return self.turn_and_walk(view, to_free, otherwise=about)
