"""Gift Refinements' cooperator: gives its tokens away, and consumes what has been refined as far as it goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Length


@dataclass(frozen=True)
class GiftCooperatorConfig:
    """Settings of the giver."""

    beam_length: Length = 5
    """Length of the gift beam."""


class GiftCooperator(Bot):
    """Takes tokens and gives them to whoever is near; consumes only what giving would refine no further."""

    Config = GiftCooperatorConfig

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        held = view.parts["inventory"]
        others = view.shows("agent")
        refined = held[:, -1] > 0
        gives = (held[:, :-1] > 0).any(1)
        to_other, _ = view.toward(others)
        to_token, _ = view.toward(view.shows("token"))
        aims = gives & view.in_beam(others, self.config.beam_length, 0) & (view.parts["ready_to_shoot"][:, 0] >= 1)
        about = self.wander(view, seat)
        seek = self.walk(view, to_token, otherwise=about)
        visit = self.turn_and_walk(view, to_other, otherwise=seek)
        actions = np.where(aims, self.action("gift"), np.where(gives, visit, seek))
        return np.where(refined, self.action("consume"), actions)
