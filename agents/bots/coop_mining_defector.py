"""Coop Mining's defector: mines iron, which pays alone, and leaves gold to others."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View

BEAM = 3  # cells that the mining beam reaches


class CoopMiningDefector(Bot):
    """Walks to the nearest iron until its beam would hit that first, and mines."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        iron = view.shows("iron")
        direction, _ = view.toward(iron)
        about = self.turn_and_walk(view, direction, otherwise=self.wander(view, seat))
        return np.where(would_hit(view, iron), self.action("mine"), about)


def would_hit(view: View, wanted: np.ndarray) -> np.ndarray:
    """Returns whether a mining beam would hit a wanted ore first, ``bool[n]``, of ``wanted[n, rows, cols]``."""
    others = view.shows("wall", "iron", "gold", "flashing_gold") & ~wanted
    found = np.zeros(len(wanted), np.bool_)
    for length in range(1, BEAM + 1):
        found |= view.in_beam(wanted, length, 0) & ~view.in_beam(others, length, 0)
    return found
