"""Matrix games: gathers one resource only, then interacts with whoever is ready. A pure strategy on legs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.ranges import Width


@dataclass(frozen=True)
class MatrixCollectorConfig:
    """Settings of ``MatrixCollector``."""

    resource: Width = 1
    """Number of the resource that it gathers, the row of the matrix that it plays, from 1."""
    hoard: Width = 5
    """How many it gathers before it looks for an agent to interact with."""


class MatrixCollector(Bot):
    """Fills its hands with one resource, walking round the others, then hunts agents with the ready mark.

    In a game of roles it hunts those of the other role.

    Raises:
        ValueError: If the world has no such resource, or no action "interact".
    """

    Config = MatrixCollectorConfig

    def set_up(self) -> None:
        """Finds out which resources there are."""
        super().set_up()
        self.interact = self.action("interact")
        parts = self.observations.parts
        n_resources = parts["inventory"].shape[0] if "inventory" in parts else 0
        if not 1 <= self.config.resource <= n_resources:
            raise ValueError(f"{self.name} gathers resource {self.config.resource}; this game has 1 to {n_resources}")
        self.resources = range(1, n_resources + 1)

    def wanted(self, n: int, seat: Seat | None) -> np.ndarray:
        """Returns the resource that each stream gathers, int64 [n]."""
        return np.full(n, self.config.resource)

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        wanted = self.wanted(len(view.grid), seat)
        right, wrong = np.zeros((2, *view.grid.shape[:3]), np.bool_)
        for k in self.resources:
            shown, ours = view.shows(f"resource_{k}"), (wanted == k)[:, None, None]
            right |= shown & ours
            wrong |= shown & ~ours
        prey = view.shows("agent") & view.shows("ready")
        for role in ("row", "column"):
            same = view.shows(role)
            prey &= ~(same & view.here(same)[:, None, None])
        inventory = view.parts["inventory"]
        full = inventory[np.arange(len(wanted)), wanted - 1] > self.config.hoard
        gather, _ = view.toward(right, avoid=wrong)
        hunt, _ = view.toward(prey, avoid=wrong)
        direction = np.where(full, hunt, gather)
        stroll = self.wander(view, seat)
        spoils = view.in_beam(wrong, 1, 0) & (stroll == self.action("forward"))
        stroll = np.where(spoils, self.action("turn_left"), stroll)
        actions = self.turn_and_walk(view, direction, otherwise=stroll)
        aimed = full & view.in_beam(prey, 3, 1) & (view.parts["ready_to_shoot"][:, 0] >= 1)
        return np.where(aimed, self.interact, actions)
