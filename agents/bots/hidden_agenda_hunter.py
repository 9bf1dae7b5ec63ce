"""Hidden Agenda's hunter, for the impostor: freezes whoever is alone with it, and gathers gems in company."""

from __future__ import annotations

import numpy as np

from sorrelsim.agents.bots.hidden_agenda_worker import bring_gems, free_slots
from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot

BEAM = 2, 2  # length and radius of its shot


class HiddenAgendaHunter(Bot):
    """Follows the only agent in sight once its beam is ready, and shoots when that is in reach.

    Else it does as a worker does. It votes for the lowest slot that is still in the game.
    """

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        prey = view.shows("agent") & ~view.shows("frozen")
        alone = (prey.sum(axis=(1, 2)) == 1) & (view.parts["ready_to_shoot"][:, 0] >= 1)
        to_prey, _ = view.toward(prey)
        works = bring_gems(self, view, seat)
        actions = np.where(alone, self.turn_and_walk(view, to_prey, otherwise=works), works)
        actions = np.where(alone & view.in_beam(prey, *BEAM), self.action("tag"), actions)
        votes = self.action("vote_1") + free_slots(view).argmax(axis=1)
        return np.where(view.here(view.shows("seat")), votes, actions)
