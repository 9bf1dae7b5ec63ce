"""Territory's defector: claims whatever is not its own, and zaps whoever comes into its beam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import STEPS, View
from sorrelsim.models.ranges import Length, MaybeWidth

WALLS = ("resource", "paying", "cracked", "cracked_paying")


@dataclass(frozen=True)
class TerritoryDefectorConfig:
    """Settings of the invader."""

    zap_length: Length = 2
    """Length of the zap beam."""
    zap_radius: MaybeWidth = 1
    """Radius of the zap beam."""


class TerritoryDefector(Bot):
    """Walks to the nearest wall that is not its own and claims it by looking at it; zaps agents in reach.

    It learns its own colour from the first wall that it looks at.
    """

    Config = TerritoryDefectorConfig

    def set_up(self) -> None:
        """Finds the id of the first colour, and the layer in which colours lie."""
        super().set_up()
        self.first_colour = self.codes.names.index("claim_0")
        self.paint = int(self.codes.layer[self.first_colour])

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, and the id of its colour, 0 while it does not know."""
        return super().new_carry(n_streams) | {"colour": np.zeros(n_streams, np.int64)}

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        walls, others = view.shows(*WALLS), view.shows("agent")
        own = walls & (view.grid[..., self.paint] == self._colour(view, walls, seat)[:, None, None])
        to_wall, _ = view.toward(walls & ~own)
        aims = view.in_beam(others, self.config.zap_length, self.config.zap_radius)
        aims &= view.parts["ready_to_shoot"][:, 0] >= 1
        advance = self.turn_and_walk(view, to_wall, otherwise=self.wander(view, seat))
        return np.where(aims, self.action("zap"), advance)

    def _colour(self, view: View, walls: np.ndarray, seat: Seat | None) -> np.ndarray:
        """Returns the id of each one's colour: that of the wall right ahead, which looking at it has claimed."""
        n = len(view.grid)
        known = seat.carry["colour"] if seat is not None else np.zeros(n, np.int64)
        row, col = (np.array([view.row, view.col]) + np.array(STEPS)[view.facing].T).clip(0)
        row, col = row.clip(max=view.grid.shape[1] - 1), col.clip(max=view.grid.shape[2] - 1)
        ahead = view.grid[np.arange(n), row, col, self.paint]
        learns = (known == 0) & walls[np.arange(n), row, col] & (ahead >= self.first_colour)
        known[learns] = ahead[learns]
        return known
