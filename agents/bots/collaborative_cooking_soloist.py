"""Collaborative Cooking's soloist: does whatever the kitchen needs next, as if nobody else were there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot

FULL = (*(f"cooking_{tenth}" for tenth in range(10)), "cooked")
ITEMS = ("tomato", "dish", "soup")


@dataclass(frozen=True)
class CollaborativeCookingSoloistConfig:
    """Settings of the soloist."""

    loads: bool = True
    """Whether it brings tomatoes to pots."""
    serves: bool = True
    """Whether it fetches dishes, takes soups out and delivers them."""


class CollaborativeCookingSoloist(Bot):
    """Fills pots with tomatoes; where it sees a full one it fetches a dish, waits for the soup and delivers it.

    It takes items from dispensers and from counters, lays on a counter what is of no use now, and looks about for what
    it does not see.
    """

    Config = CollaborativeCookingSoloistConfig

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns whether the pot that each stream saw last was full."""
        return super().new_carry(n_streams) | {"full": np.zeros(n_streams, np.bool_)}

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        counter, full = view.shows("counter"), view.shows(*FULL)
        tomato, dish, soup = (view.here(view.shows(item)) for item in ITEMS)
        opened = view.shows("pot") & ~full
        ready = self._full_pots(full.any((1, 2)), opened.any((1, 2)), seat)
        serves = np.full(len(ready), not self.config.loads) | (ready & self.config.serves)
        source = np.where(
            serves[:, None, None],
            view.shows("dishes") | counter & view.shows("dish"),
            view.shows("tomatoes") | counter & view.shows("tomato"),
        )
        source |= counter & view.shows("soup") & self.config.serves
        spare = tomato & ~opened.any((1, 2)) & ready & self.config.serves | dish & ~serves
        wants = source
        for held, goal in ((tomato, opened), (dish, full), (soup, view.shows("delivery"))):
            wants = np.where(held[:, None, None], goal, wants)
        wants = np.where(spare[:, None, None], counter & ~view.shows(*ITEMS), wants)
        toward, _ = view.toward(wants)
        actions = self.turn_and_walk(view, toward, otherwise=self.wander(view, seat))
        waits = dish & ~spare & ~view.in_beam(view.shows("cooked"), 1, 0)  # until the soup before it is done
        use = np.where(waits, self.stay, self.action("interact"))
        return np.where(view.in_beam(wants, 1, 0), use, actions)

    def _full_pots(self, full: np.ndarray, opened: np.ndarray, seat: Seat | None) -> np.ndarray:
        """Returns whether there is a full pot, as far as each stream sees or, where it sees none, remembers."""
        known = seat.carry["full"] if seat is not None else np.zeros_like(full)
        known[:] = full | (known & ~opened)
        return known
