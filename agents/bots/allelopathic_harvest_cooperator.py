"""Allelopathic Harvest's cooperator: plants one colour everywhere, as the convention says, and eats by the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Length, MaybeWidth


@dataclass(frozen=True)
class AllelopathicHarvestCooperatorConfig:
    """Settings of the planter."""

    colour: Literal["red", "green", "blue"] = "red"
    """The convention."""
    beam_length: Length = 3
    """Length of the plant beam."""
    detour: MaybeWidth = 3
    """Steps that it goes for a ripe berry while there is something to plant."""


class AllelopathicHarvestCooperator(Bot):
    """Walks to the nearest unripe berry of another colour and plants its own over it; eats ripe ones that are near."""

    Config = AllelopathicHarvestCooperatorConfig

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        colours = [colour for colour in ("red", "green", "blue") if colour != self.config.colour]
        wrong = view.shows(*(f"unripe_{colour}" for colour in colours))
        right = view.shows(f"unripe_{self.config.colour}", "ripe_red", "ripe_green", "ripe_blue")
        to_ripe, far = view.toward(view.shows("ripe_red", "ripe_green", "ripe_blue"))
        to_wrong, _ = view.toward(wrong)
        length = self.config.beam_length
        aims = view.in_beam(wrong, length, 0) & ~view.in_beam(right, length, 0)
        aims |= view.in_beam(wrong, 1, 0)  # the beam ends at the first berry
        eats = (to_ripe >= 0) & ((far <= self.config.detour) | ~wrong.any(axis=(1, 2)))
        about = self.wander(view, seat)
        seek = self.turn_and_walk(view, to_wrong, otherwise=self.walk(view, to_ripe, otherwise=about))
        actions = np.where(eats, self.walk(view, to_ripe, otherwise=about), seek)
        return np.where(aims & ~eats, self.action(f"plant_{self.config.colour}"), actions)
