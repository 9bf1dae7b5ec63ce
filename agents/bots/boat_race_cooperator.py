"""Boat race's cooperator: finds a seat, rows in time with whoever sits beside it, and eats on the other bank."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class BoatRaceCooperator(Bot):
    """Rows in the first step in which both sit, then in every fifth; on land it eats, then waits at the barrier.

    So two of its kind keep time whatever they did in the races before. If they rowed as soon as they could, one whose
    last stroke was longer ago would be ahead of the other for good.
    """

    stroke, every = "row", 5
    """What it does in a boat, and every how many steps."""

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, and for how many steps it has sat beside its partner."""
        return super().new_carry(n_streams) | {"seated": np.zeros(n_streams, np.int64)}

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
        paired = view.here(seats) & view.beside(taken).any(1)
        seated = seat.carry["seated"] if seat is not None else np.zeros(len(paired), np.int64)
        afloat = np.where(paired & (seated % self.every == 0), self.action(self.stroke), self.stay)
        seated[:] = np.where(paired, seated + 1, 0)
        return np.where(view.here(seats), afloat, ashore)
