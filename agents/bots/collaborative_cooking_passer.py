"""Collaborative Cooking's passer: lays tomatoes and dishes on counters that others reach from the other side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Draws


@dataclass(frozen=True)
class CollaborativeCookingPasserConfig:
    """Settings of the passer."""

    tomatoes: Draws = 2
    """Tomatoes that lie ready before it brings a dish instead."""


class CollaborativeCookingPasser(Bot):
    """Keeps some tomatoes and one dish on the counters between two floors; never cooks or delivers itself."""

    Config = CollaborativeCookingPasserConfig

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns what each stream brings next: 0 a tomato, 1 a dish, 2 nothing."""
        return super().new_carry(n_streams) | {"next": np.zeros(n_streams, np.int64)}

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        between = view.shows("counter") & _between_floors(view.grid[..., 0] == 0)
        enough = (between & view.shows("tomato")).sum((1, 2)) >= self.config.tomatoes
        brings = seat.carry["next"] if seat is not None else np.zeros(len(enough), np.int64)
        brings[:] = np.where(
            between.any((1, 2)), np.where(enough, 1 + (between & view.shows("dish")).any((1, 2)), 0), brings
        )
        brings = brings[:, None, None]
        source = np.where(brings == 0, view.shows("tomatoes"), view.shows("dishes") & (brings == 1))
        carries = view.here(view.shows("tomato", "dish", "soup"))
        wants = np.where(carries[:, None, None], between & ~view.shows("tomato", "dish", "soup"), source)
        toward, _ = view.toward(wants)
        actions = self.turn_and_walk(view, toward, otherwise=self.wander(view, seat))
        return np.where(view.in_beam(wants, 1, 0), self.action("interact"), actions)


def _between_floors(floor: np.ndarray) -> np.ndarray:
    """Returns the cells with floor on two opposite sides, ``bool[n, rows, cols]``."""
    padded = np.pad(floor, ((0, 0), (1, 1), (1, 1)))
    beside = padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
    return beside | padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1]
