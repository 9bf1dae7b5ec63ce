"""Fruit Market's cooperator: a trader, who offers its own fruit for the other, one for one, and eats what it got."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Length

FRUITS = ("apple", "banana")


@dataclass(frozen=True)
class FruitMarketCooperatorConfig:
    """Settings of the trader."""

    wants: Length = 1
    """How many of the other fruit it asks for one of its own: 1 or 2."""
    stock: Length = 4
    """How many fruit of its own it holds before it goes to those who farm the other."""


class FruitMarketCooperator(Bot):
    """Harvests its own trees, offers one fruit for one or two, walks to farmers of the other, eats what they give.

    With nothing else to eat it eats its own fruit once it is hungry, and it rests when it is tired.
    """

    Config = FruitMarketCooperatorConfig

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        streams = np.arange(len(view.grid))
        own = view.here(view.shows("banana_farmer")).astype(np.int64)  # 0 apples, 1 bananas
        held = view.parts["inventory"]
        mine = own[:, None, None] == 0
        to_tree, _ = view.toward(np.where(mine, view.shows("apple_tree"), view.shows("banana_tree")))
        others = np.where(mine, view.shows("banana_farmer"), view.shows("apple_farmer"))
        to_other, _ = view.toward(others)
        about = self.wander(view, seat)
        seek = self.turn_and_walk(view, to_tree, otherwise=about)
        visit = self.turn_and_walk(view, to_other, otherwise=seek)
        actions = np.where(held[streams, own] >= self.config.stock, visit, seek)
        fruitful = view.shows("apple_tree", "banana_tree", "picked_apple_tree", "picked_banana_tree", "water")
        tired = (view.parts["stamina"][:, 0] < 7 / 18) & ~view.here(fruitful)
        actions = np.where(tired, self.stay, actions)
        offers = np.array([self.action(f"offer_1_{FRUITS[k]}_for_{self.config.wants}_{FRUITS[1 - k]}") for k in (0, 1)])
        silent = (held[streams, own] > 0) & (view.parts["my_offer"][streams, own] == 0)
        actions = np.where(silent, offers[own], actions)
        eats = np.array([self.action(f"eat_{fruit}") for fruit in FRUITS])
        actions = np.where((view.parts["hunger"][:, 0] > 0.9) & (held[streams, own] > 0), eats[own], actions)
        return np.where(held[streams, 1 - own] > 0, eats[1 - own], actions)
