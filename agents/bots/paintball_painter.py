"""Paintball's painter: colours the ground for its team, the hill first, and leaves flags to others."""

from __future__ import annotations

import numpy as np

from sorrelsim.agents.bots.paintball_attacker import PaintballAttacker, Sides
from sorrelsim.models.bots.view import View


class PaintballPainter(PaintballAttacker):
    """Walks to the nearest ground that is not its team's and sprays it; at enemies it fires as an attacker does."""

    def goals(self, view: View, side: Sides) -> np.ndarray:
        """Returns where each stream wants to go, bool [n, rows, cols]: squares of the hill, else all it can paint."""
        hill = side.squares.any(axis=(1, 2), keepdims=True)
        return np.where(hill, side.squares, self.to_paint(view, side))

    def targets(self, view: View, side: Sides) -> np.ndarray:
        """Returns what is worth a spray, bool [n, rows, cols]."""
        return super().targets(view, side) | self.to_paint(view, side)

    def to_paint(self, view: View, side: Sides) -> np.ndarray:
        """Returns the ground that could be its own, bool [n, rows, cols]."""
        bare = view.grid[..., self.codes.layers.index("paint")] == 0
        closed = view.shows("wall", "door", "crates") | (view.grid[..., 0] == self.codes.outside)
        return (bare & ~closed) | side.paint
