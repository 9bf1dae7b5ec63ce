"""Hidden Agenda's worker: brings gems to the grate, and votes for the one whom it saw before a shot."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View

SLOTS = 5  # for whom one can vote


class HiddenAgendaWorker(Bot):
    """Walks to the nearest gem, and with it to the grate.

    If somebody has been frozen when it is called to a vote, and it saw just one free agent before, it votes for that
    one; else it abstains.
    """

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, whom it saw last, how many were out then, and for whom it votes."""
        return super().new_carry(n_streams) | {
            "seen": np.zeros((n_streams, SLOTS), np.bool_),
            "n_out": np.zeros(n_streams, np.int64),
            "ballot": np.full(n_streams, self.action("abstain")),
        }

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        seated = view.here(view.shows("seat"))
        carry = seat.carry if seat is not None else self.new_carry(len(view.grid))
        self._remember(view, seated, carry)
        return np.where(seated, carry["ballot"], bring_gems(self, view, seat))

    def _remember(self, view: View, seated: np.ndarray, carry: dict[str, np.ndarray]) -> None:
        """Between votes: who is in sight and who is out. In a vote: whom all that speaks against."""
        free = free_slots(view)
        suspects = carry["seen"] & free
        called = seated & (SLOTS - free.sum(axis=1) > carry["n_out"]) & (suspects.sum(axis=1) == 1)
        carry["ballot"][called] = self.action("vote_1") + suspects[called].argmax(axis=1)
        carry["ballot"][~seated] = self.action("abstain")
        carry["n_out"][~seated] = SLOTS - free[~seated].sum(axis=1)
        frozen = view.shows("frozen")
        for slot in range(SLOTS):
            if f"agent {slot}" in self.codes.names:
                shown = (view.shows(f"agent {slot}") & ~frozen).any(axis=(1, 2))
                carry["seen"][~seated, slot] = shown[~seated]


def bring_gems(bot: Bot, view: View, seat: Seat | None) -> np.ndarray:
    """Returns actions that lead to the nearest gem, and with one in hand to the grate."""
    holds = view.parts["inventory"][:, 0] > 0
    to_gem, _ = view.toward(view.shows("gem"))
    to_grate, _ = view.toward(view.shows("grate"))
    return bot.walk(view, np.where(holds, to_grate, to_gem), otherwise=bot.wander(view, seat))


def free_slots(view: View) -> np.ndarray:
    """Returns which slots are still in the game, ``bool[n, slot]``."""
    ballots = view.parts["voting"].reshape(len(view.grid), SLOTS, -1)
    return ballots.any(axis=2) & (ballots[..., -1] == 0)
