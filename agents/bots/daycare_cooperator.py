"""Daycare's cooperator: a child that reaches for bananas, or a parent that picks what the child stands at for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.models.base import Observation, Seat
from sorrelsim.models.bots.bot import Bot
from sorrelsim.models.bots.view import NOWHERE, View, around


class DaycareCooperator(Bot):
    """A child walks to the nearest banana and reaches for it until it can eat. A parent serves what children reach for.

    The parent picks the fruit next to a child, that at which a child grasps first, turns away from the tree and lets
    go; it eats nothing.
    """

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, and whether its last action was to grasp."""
        return super().new_carry(n_streams) | {"pressed": np.zeros(n_streams, np.bool_)}

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the actions for a batch of states, int64 [n_streams]."""
        view = self.see(states)
        pressed = seat.carry["pressed"] if seat is not None else self.rng.random(len(view.grid)) < 0.5
        actions = np.where(view.here(view.shows("child")), self._child(view, pressed, seat), self._parent(view, seat))
        actions = np.where(pressed & (actions == self.action("grasp")), self.stay, actions)
        if seat is not None:
            pressed[:] = actions == self.action("grasp")
        return actions

    def _child(self, view: View, pressed: np.ndarray, seat: Seat | None) -> np.ndarray:
        """Goes to bananas, those that are picked first; grasps, and eats what came of it."""
        return reach_and_eat(self, view, [("banana",), ("banana_in_shrub",)], pressed, seat)

    def _parent(self, view: View, seat: Seat | None) -> np.ndarray:
        grasped, tree = view.shows("grasp"), view.shows("apple_tree", "apple_shrub", "apple_in_tree", "apple_in_shrub")
        hanging = view.shows("apple_in_tree", "apple_in_shrub") & around(view.shows("agent"))
        pointed = hanging & grasped
        wanted = np.where(pointed.any(axis=(1, 2), keepdims=True), pointed, hanging)
        way, _ = view.toward(wanted, avoid=wanted)
        to_child, far = view.toward(view.shows("agent"))
        stroll = self.walk(view, np.where(far > 3, to_child, NOWHERE), otherwise=self.wander(view, seat))
        actions = self.turn_and_walk(view, way, otherwise=stroll)
        actions = np.where(view.in_beam(wanted, 1, 0), self.action("grasp"), actions)
        holds = view.in_beam(view.shows("apple") & grasped, 1, 0)
        blocked = view.in_beam(tree | view.shows("wall"), 1, 0)
        return np.where(holds, np.where(blocked, self.action("turn_left"), self.action("grasp")), actions)


def reach_and_eat(
    bot: Bot, view: View, wishes: list[tuple[str, ...]], pressed: np.ndarray, seat: Seat | None
) -> np.ndarray:
    """Returns actions that lead to the first of some kinds of things in sight, grasp it, and eat after each grasp."""
    wanted = np.zeros(view.grid.shape[:3], np.bool_)
    for names in reversed(wishes):
        shown = view.shows(*names)
        wanted = np.where(shown.any(axis=(1, 2), keepdims=True), shown, wanted)
    direction, _ = view.toward(wanted, avoid=wanted)
    actions = bot.turn_and_walk(view, direction, otherwise=bot.wander(view, seat))
    reaches = np.where(pressed, bot.action("eat"), bot.action("grasp"))
    return np.where(view.in_beam(wanted, 1, 0), reaches, actions)
