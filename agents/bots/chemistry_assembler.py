"""Chemistry's assembler: lays the molecules of a cycle side by side at energy, where they go round and make food."""

from __future__ import annotations

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import View, around


class ChemistryAssembler(Bot):
    """Carries molecules a, b and c of a cycle to others of it that lie at energy, or else to energy itself.

    When there is nothing to carry it eats: it takes food, and waits with it until it reacts.
    """

    families = ("x", "y", "z")

    def set_up(self) -> None:
        """Finds the ids of what can be in a hand."""
        super().set_up()
        self.hand = self.codes.layers.index("hand")
        self.waits = [self.codes.names.index(f"held_{name}") for name in ("food1", "food2", "food3", "white")]
        self.held = [[self.codes.names.index(f"held_{a}{x}") for a in "abc"] for x in self.families]

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        hands = view.grid[np.arange(len(view.grid)), view.row, view.col, self.hand]
        carries = np.isin(hands, self.held)
        loose, places = self._loose_and_places(view, hands)
        fetched = np.where(_any(loose), loose, view.shows("food1", "food2", "food3"))
        direction, distance = view.toward(np.where(carries[:, None, None], places, fetched))
        walk = self.walk(view, direction, otherwise=self.wander(view, seat))
        swaps = (distance == 0) | ((hands > 0) & ~carries)
        return np.where(np.isin(hands, self.waits), self.stay, np.where(swaps, self.action("io"), walk))

    def _loose_and_places(self, view: View, hands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns where molecules are out of place and where what is carried belongs, bool [n, rows, cols]."""
        energy, bare = view.shows("energy"), view.grid[..., 0] == 0
        loose, places = np.zeros_like(energy), np.zeros_like(energy)
        for x, held in zip(self.families, self.held, strict=True):
            cycle = view.shows(*(f"{a}{x}" for a in "abc"))
            core = cycle & around(energy)
            loose |= cycle & ~core & ~around(core)
            beside = bare & around(core)
            places |= np.where(_any(beside), beside, bare & around(energy)) & np.isin(hands, held)[:, None, None]
        return loose, places


def _any(cells: np.ndarray) -> np.ndarray:
    return cells.any(axis=(1, 2), keepdims=True)
