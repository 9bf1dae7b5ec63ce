"""The base of scripted players: reading a symbolic observation, walking, wandering. Needs no torch.

A bot is a model like any other, one file in ``agents/``, written for many streams at once::

    class AppleEater(Bot):
        def take_actions(self, states, seat=None):
            view = self.see(states)
            direction, _ = view.toward(view.shows("apple"))
            return self.walk(view, direction, otherwise=self.wander(view, seat))
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sorrelsim.errors import unknown
from sorrelsim.models.base import BaseModel
from sorrelsim.models.bots.view import NOWHERE, View
from sorrelsim.models.seat import Seat
from sorrelsim.observations.parts import Observation, as_parts
from sorrelsim.rules.movement import ABSOLUTE, EGOCENTRIC


class Bot(BaseModel):
    """Base of scripted players.

    A subclass answers ``take_actions``, with the help of :meth:`see`, :meth:`walk` and :meth:`wander`. It plays any
    world that shows the things it looks for, with moves relative to its facing or to the map.

    Attributes:
        codes: What the ids of its observations mean.
        window: The window that it looks through.
        relative: Whether its moves are relative to its facing.
        stay: The action of staying.

    Raises:
        ValueError: If observations are not symbolic, or it could not tell where its moves lead: relative moves need a
            window that turns with the agent or shows facings, moves on the map one that does not turn.
    """

    turning_chance = 0.1
    """Chance per step that wandering changes direction though the way is free."""

    def set_up(self) -> None:
        """Finds out what it sees and how it moves."""
        observations = self.observations
        if observations.form != "symbolic" or observations.codes is None or observations.window is None:
            raise ValueError(f"{self.name} reads symbolic observations, not {observations.form!r}")
        self.codes, self.window = observations.codes, observations.window
        self.relative = set(EGOCENTRIC) <= set(self.action_names)
        if not self.relative and not set(ABSOLUTE) <= set(self.action_names):
            raise ValueError(
                f"{self.name} walks by the actions {EGOCENTRIC} or {ABSOLUTE}; here are {self.action_names}"
            )
        if self.relative and not self.window.rotate and not self.codes.facing:
            raise ValueError(f"{self.name} cannot tell where it looks: set show_facing, or a window that turns with it")
        if not self.relative and self.window.rotate:
            raise ValueError(f"{self.name} moves on the map, so it needs a window with rotate=False")
        self.stay = self.action_names.index("noop") if "noop" in self.action_names else 0
        steps = ("forward", "step_right", "backward", "step_left") if self.relative else ("up", "right", "down", "left")
        turns = ("forward", "turn_right", "turn_right", "turn_left")
        self._steps = np.array([self.action(name) for name in steps])
        self._turns = np.array([self.action(name) for name in turns]) if self.relative else self._steps

    def action(self, name: str) -> int:
        """Returns the index of an action.

        Raises:
            ValueError: If the world has no such action.
        """
        if name not in self.action_names:
            raise ValueError(unknown(f"action for {self.name}", name, self.action_names))
        return self.action_names.index(name)

    def take_action(self, state: Observation) -> int:
        """Returns the action for one state: a batch of one."""
        return int(self.take_actions({name: part[None] for name, part in as_parts(state).items()})[0])

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, a direction on the map."""
        return {"course": np.zeros(n_streams, np.int64)}

    def see(self, states: Observation) -> View:
        """Returns the states as something that can be asked; agents that are out see nothing."""
        parts = dict(as_parts(states))
        grid = parts.pop("grid")
        n = len(grid)
        row = np.full(n, self.window.forward, np.int64)
        col = np.full(n, self.window.left, np.int64)
        facing = np.zeros(n, np.int64)
        agents = grid[..., self.codes.agent_layer]
        if self.window.whole_map:
            own = (agents >= self.codes.self_code) & (agents < self.codes.agent_code)
            row, col = np.divmod(own.reshape(n, -1).argmax(axis=1), grid.shape[2])
        if self.relative and not self.window.rotate:
            own_code = agents[np.arange(n), row, col].astype(np.int64)
            facing = np.where(own_code > 0, own_code - self.codes.self_code, 0)
        return View(grid, self.codes, row, col, facing, parts)

    def see_one(self, state: Observation) -> View:
        """Returns one state as something that can be asked, a batch of one, to explain it."""
        return self.see({name: part[None] for name, part in as_parts(state).items()})

    def walk(self, view: View, direction: np.ndarray, otherwise: np.ndarray | None = None) -> np.ndarray:
        """Returns the actions that step in a direction, sideways and backwards too: ``int64[n]``.

        Args:
            view: What is seen.
            direction: ``int64[n]``.
            otherwise: ``int64[n]``, the actions where the direction is ``NOWHERE``; none means staying.
        """
        return self._act(view, direction, self._steps, otherwise)

    def turn_and_walk(self, view: View, direction: np.ndarray, otherwise: np.ndarray | None = None) -> np.ndarray:
        """Walks like :meth:`walk`, but an agent rotates until it looks that way before it walks, for those who aim."""
        return self._act(view, direction, self._turns, otherwise)

    def wander(self, view: View, seat: Seat | None = None, avoid: np.ndarray | None = None) -> np.ndarray:
        """Walks about without an aim, ahead while the way is free, changing direction now and then.

        Args:
            view: What is seen.
            seat: Where the model plays; keeps the course of agents that move on the map.
            avoid: ``bool[n, rows, cols]``, cells not to step on.

        Returns:
            ``int64[n]``, actions.
        """
        n = len(view.grid)
        streams = np.arange(n)
        carry = seat.carry if seat is not None else {}
        course = view.facing if self.relative else carry.get("course", self.rng.integers(4, size=n))
        free = view.free if avoid is None else view.free & ~view.beside(avoid)
        change = ~free[streams, course] | (self.rng.random(n) < self.turning_chance)
        drawn = (self.rng.random((n, 4)) * free).argmax(axis=1)
        course = np.where(change, drawn, course)
        if not self.relative and "course" in carry:
            carry["course"][:] = course
        return self._act(view, np.where(free.any(axis=1), course, NOWHERE), self._turns, None)

    def _act(self, view: View, direction: np.ndarray, actions: np.ndarray, otherwise: np.ndarray | None) -> np.ndarray:
        turned = (direction - view.facing) & 3 if self.relative else direction & 3
        return np.where(direction == NOWHERE, self.stay if otherwise is None else otherwise, actions[turned])
