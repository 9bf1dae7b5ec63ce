"""Paintball's attacker: goes for the enemy's flag, or for squares of the hill, and fires at enemies on its way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View

SPRAY, SHOT = (3, 1), (6, 0)  # length and radius of the beams


@dataclass(frozen=True)
class Sides:
    """What is whose, for each stream by its own team: ``bool[n, rows, cols]`` each.

    Attributes:
        enemies: Where enemies stand.
        paint: The enemy's paint, which holds whoever walks onto it.
        squares: Squares of the hill that are not one's own.
        own_flag, flag: One's own and the enemy's flag, carried or not.
    """

    enemies: np.ndarray
    paint: np.ndarray
    squares: np.ndarray
    own_flag: np.ndarray
    flag: np.ndarray


def sides(view: View) -> Sides:
    """Returns what is whose; an agent's own body says of which team it is."""
    red = view.here(view.shows("red_1", "red_2", "red_3"))[:, None, None]

    def of(mine: bool, *names: str) -> np.ndarray:
        reds, blues = (view.shows(*(f"{team}_{name}" for name in names)) for team in ("red", "blue"))
        return np.where(red == mine, reds, blues)

    both = view.shows("both_flags")
    squares = view.shows("hill") | of(False, "hill")
    return Sides(
        of(False, "1", "2", "3"), of(False, "paint", "hill"), squares, of(True, "flag") | both, of(False, "flag") | both
    )


class PaintballAttacker(Bot):
    """Walks to the enemy's flag and with it to its own, or to squares of the hill, painting its way free.

    What it does not see it looks for by wandering.
    """

    def goals(self, view: View, side: Sides) -> np.ndarray:
        """Returns where each stream wants to go, bool [n, rows, cols]."""
        carries = view.here(side.flag)[:, None, None]
        return np.where(carries, side.own_flag & ~side.flag, side.flag | side.squares)

    def targets(self, view: View, side: Sides) -> np.ndarray:
        """Returns what is worth a spray, bool [n, rows, cols]."""
        return side.enemies | side.squares

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        side = sides(view)
        direction, _ = view.toward(self.goals(view, side))
        advance = self.turn_and_walk(view, direction, otherwise=self.wander(view, seat))
        ready = view.parts["ready_to_shoot"][:, 0] >= 1
        held = view.here(side.paint) | view.in_beam(side.paint, 1, 0)
        sprays = held | view.in_beam(self.targets(view, side), *SPRAY)
        fires = np.where(sprays, self.action("spray"), self.action("shoot"))
        return np.where(ready & (sprays | view.in_beam(side.enemies, *SHOT)), fires, advance)
