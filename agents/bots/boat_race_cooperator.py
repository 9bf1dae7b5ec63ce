"""Boat race's cooperator: finds a seat, rows in time with whoever sits beside it, and eats on the other bank."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class BoatRaceCooperator(Bot):
    """Rows from the first step in which both sit, as often as it can; on land it eats, then waits at the barrier."""

    stroke = "row"
    """What it does in a boat."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        agents, seats = view.shows("agent"), view.shows("seat")
        taken = seats & agents
        barred = view.shows("closed_seat", "channel", "water")
        to_seat, _ = view.toward(seats & ~agents, avoid=barred)
        to_gate, near = view.toward(view.shows("barrier"))
        to_apple, _ = view.toward(view.shows("apple"), avoid=seats | barred)
        about = self.wander(view, seat)
        wait = np.where(near == 1, self.stay, self.walk(view, to_gate, otherwise=about))
        ashore = self.walk(view, to_apple, otherwise=self.walk(view, to_seat, otherwise=wait))
        partner = view.beside(taken).any(1)
        afloat = np.where(partner, self.action(self.stroke), self.stay)
        return np.where(view.here(seats), afloat, ashore)
