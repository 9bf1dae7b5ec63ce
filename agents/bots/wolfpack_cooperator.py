"""Wolfpack's cooperator: stalks the prey, and waits beside it until another wolf is near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import MaybeWidth


@dataclass(frozen=True)
class WolfpackCooperatorConfig:
    """Settings of the wolf that waits."""

    radius: MaybeWidth = 4
    """Steps from the prey, rows and columns together, within which another wolf counts as near."""
    keeps: MaybeWidth = 2
    """Steps from the prey at which it waits."""


class WolfpackCooperator(Bot):
    """Walks up to the prey, stands by until it sees another wolf near it, and only then catches it."""

    Config = WolfpackCooperatorConfig

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        prey = view.shows("prey")
        to_prey, _ = view.toward(prey)
        n, rows, cols = prey.shape
        row, col = (each[:, None, None] for each in np.divmod(prey.reshape(n, -1).argmax(axis=1), cols))
        away = abs(np.arange(rows)[:, None] - row) + abs(np.arange(cols) - col)  # of each cell from the prey
        company = (view.shows("agent") & (away <= self.config.radius)).any(axis=(1, 2))
        waits = prey.any(axis=(1, 2)) & ~company & (view.here(away) <= self.config.keeps)
        return np.where(waits, self.stay, self.walk(view, to_prey, otherwise=self.wander(view, seat)))
