"""Fruit Market's defector: self-sufficient, it eats what it harvests and trades with nobody."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot


class FruitMarketDefector(Bot):
    """Walks from one ripe tree of its own to the next and eats at once; rests when it is tired."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        apples = view.here(view.shows("apple_farmer"))[:, None, None]
        to_tree, _ = view.toward(np.where(apples, view.shows("apple_tree"), view.shows("banana_tree")))
        actions = self.turn_and_walk(view, to_tree, otherwise=self.wander(view, seat))
        fruitful = view.shows("apple_tree", "banana_tree", "picked_apple_tree", "picked_banana_tree", "water")
        tired = (view.parts["stamina"][:, 0] < 7 / 18) & ~view.here(fruitful)
        actions = np.where(tired, self.stay, actions)
        for fruit, name in enumerate(("eat_apple", "eat_banana")):
            actions = np.where(view.parts["inventory"][:, fruit] > 0, self.action(name), actions)
        return actions
