"""Paintball's guard: stands by its own flag, or on the hill, looks about, and fires at enemies who come near."""

from __future__ import annotations

import numpy as np

from sorrelsim.agents.bots.paintball_attacker import SHOT, SPRAY, sides
from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class PaintballGuard(Bot):
    """Walks onto its own flag, which sends home one that lies about, or onto the hill; there it turns round and round.

    It never takes the enemy's flag. What it does not see it looks for by wandering.
    """

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        side = sides(view)
        post = side.own_flag | view.shows("hill", "red_hill", "blue_hill")
        direction, distance = view.toward(post)
        advance = self.turn_and_walk(view, direction, otherwise=self.wander(view, seat))
        acts = np.where(distance == 0, self.action("turn_right"), advance)
        ready = view.parts["ready_to_shoot"][:, 0] >= 1
        sprays = view.here(side.paint) | view.in_beam(side.enemies | side.squares, *SPRAY)
        fires = np.where(sprays, self.action("spray"), self.action("shoot"))
        return np.where(ready & (sprays | view.in_beam(side.enemies, *SHOT)), fires, acts)
