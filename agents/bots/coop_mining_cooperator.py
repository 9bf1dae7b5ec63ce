"""Coop Mining's cooperator: joins whoever has struck gold, and strikes it where somebody is near to join."""

from __future__ import annotations

import numpy as np

from sorrelsim.agents.bots.coop_mining_defector import would_hit
from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class CoopMiningCooperator(Bot):
    """Goes for gold that flashes first, else for other gold while it sees an agent; leaves iron where it is."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        flashing = view.shows("flashing_gold")
        joins = flashing.any(axis=(1, 2))
        in_company = view.shows("agent").any(axis=(1, 2))
        wanted = np.where(joins[:, None, None], flashing, view.shows("gold") & in_company[:, None, None])
        direction, _ = view.toward(wanted)
        about = self.turn_and_walk(view, direction, otherwise=self.wander(view, seat))
        return np.where(would_hit(view, wanted), self.action("mine"), about)
