"""Hidden Agenda's sheep: brings gems to the grate, and votes as most others do."""

from __future__ import annotations

import numpy as np

from sorrelsim.agents.bots.hidden_agenda_worker import SLOTS, bring_gems
from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class HiddenAgendaSheep(Bot):
    """Walks to the nearest gem, and with it to the grate.

    Called to a vote, it votes for the slot that has most ballots by now, the lowest of several, and abstains until
    there is one.
    """

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        votes = view.parts["voting"].reshape(len(view.grid), SLOTS, -1)[..., :SLOTS].sum(axis=1)
        follows = np.where(votes.any(axis=1), self.action("vote_1") + votes.argmax(axis=1), self.action("abstain"))
        return np.where(view.here(view.shows("seat")), follows, bring_gems(self, view, seat))
