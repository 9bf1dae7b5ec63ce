"""Factory of the Commons' cooperator: brings cubes to machines that keep them, one at a time, and eats what comes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View, around


class FactoryCommonsCooperator(Bot):
    """Walks to the nearest cube and pushes it over the mouth of a machine that keeps cubes, while no other works.

    It wrestles beside machines that are jammed, which starts them, and rests now and then.
    """

    belt = "keep_belt"
    """The kind by which it knows the machines that it works with."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        at_work = view.shows("sinking_cube", "sunken_cube", "half_mouth", "shut_mouth").any((1, 2))
        jammed = view.shows("mouth") & around(view.shows("dark_lamp"))
        cubes = view.shows("cube") & ~view.shows("hand")
        to_jam, far = view.toward(jammed & ~at_work[:, None, None])
        to_apple, _ = view.toward(view.shows("apple"))
        to_cube, _ = view.toward(cubes)
        about = self.wander(view, seat)
        fetch = self.turn_and_walk(view, to_cube, otherwise=about)
        fetch = np.where(view.in_beam(cubes, 1, 0), self.action("grasp"), fetch)
        fetch = np.where(far == 0, self.action("hold"), self.walk(view, to_jam, otherwise=fetch))
        fetch = self.walk(view, to_apple, otherwise=fetch)
        holds = view.in_beam(view.shows("hand") & view.shows("cube"), 1, 0)
        actions = np.where(holds, self.push(view, at_work, seat), fetch)
        tired = (view.parts["stamina"][:, 0] < 12 / 18) & (self.rng.random(len(about)) < 0.5)
        return np.where(tired, self.stay, actions)

    def push(self, view: View, at_work: np.ndarray, seat: Seat | None) -> np.ndarray:
        """Returns the actions of those who hold a cube ahead and look for an open mouth."""
        streams = np.arange(len(view.grid))
        grid = view.grid.copy()
        grid[streams, np.maximum(view.row - 1, 0), view.col, self.codes.layer[self.codes.names.index("cube")]] = 0
        free = replace(view, grid=grid)  # where it could go with the cube: that is in nobody's way
        tight = from_above(free.blocked, beyond=True)
        mouths = view.shows("mouth")
        ours = mouths & around(view.shows(self.belt)) & ~around(view.shows("dark_lamp"))
        avoid = tight | from_above(mouths & ~ours, beyond=False)
        to_mouth, far = free.toward(from_above(ours, beyond=False) & ~tight, avoid=avoid)
        stroll = self.wander(free, seat, avoid=avoid)
        return np.where((far == 0) | at_work, self.stay, self.walk(view, to_mouth, otherwise=stroll))


def from_above(cells: np.ndarray, beyond: bool) -> np.ndarray:
    """Returns for each cell what holds in the one above it, ``bool[n, rows, cols]``; ``beyond`` in the first row."""
    return np.pad(cells, ((0, 0), (1, 0), (0, 0)), constant_values=beyond)[:, :-1]
