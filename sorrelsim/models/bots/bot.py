"""What scripted players share: reading a symbolic observation, finding the way, walking. Needs numpy only.

A bot is a model like any other, one file in ``agents/``, written for many streams at once::

    class AppleEater(Bot):
        def take_actions(self, states, seat=None):
            view = self.see(states)
            direction, _ = view.toward(view.shows("apple"))
            return self.walk(view, direction, otherwise=self.wander(view, seat))

Directions are those of the observation as it is laid out: 0 up, 1 right, 2 down, 3 left; ``NOWHERE`` is none.
In a window that turns with the agent, up is ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sorrelsim.authoring.codes import Codebook
from sorrelsim.errors import unknown
from sorrelsim.models.base import Arrays, BaseModel, Seat
from sorrelsim.observations.spec import ObservationSpec
from sorrelsim.rules.movement import ABSOLUTE, EGOCENTRIC

NOWHERE = -1
"""The direction of what cannot be reached, or is here already."""

STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Row and column change of each direction."""


@dataclass(frozen=True)
class View:
    """What a batch of agents sees, and where each of them stands in its own picture.

    Attributes:
        grid: ``uint8[n, rows, cols, layers]`` ids.
        codes: What the ids mean.
        row, col: ``int64[n]``, own cell in the picture.
        facing: ``int64[n]``, the direction in the picture in which the agent looks.
        parts: The scalar parts of the observation by name, ``float32[n, length]``.
    """

    grid: np.ndarray
    codes: Codebook
    row: np.ndarray
    col: np.ndarray
    facing: np.ndarray
    parts: dict[str, np.ndarray]

    def shows(self, *names: str) -> np.ndarray:
        """Where any of some things lie: ``bool[n, rows, cols]``.

        Args:
            names: Names of kinds in lower case; ``agent`` for every other agent, ``agent 3`` for slot 3.

        Raises:
            ValueError: If there is no such thing in this world.
        """
        found = np.zeros(self.grid.shape[:3], np.bool_)
        for name in names:
            first, last, layer = _ids(self.codes, name)
            cells = self.grid[..., layer]
            found |= (cells >= first) & (cells <= last)
        return found

    @cached_property
    def blocked(self) -> np.ndarray:
        """Cells that cannot be entered now, ``bool[n, rows, cols]``: solid, taken, or off the map."""
        closed = self.codes.solid.astype(np.bool_)
        closed[self.codes.outside] = closed[self.codes.agent_code :] = True
        blocked = closed[self.grid[..., 0]]
        for layer in range(1, self.grid.shape[3]):
            blocked |= closed[self.grid[..., layer]]
        return blocked

    @cached_property
    def free(self) -> np.ndarray:
        """Whether the next cell in each direction can be entered: ``bool[n, 4]``."""
        return ~self.beside(self.blocked, beyond=True)

    def beside(self, cells: np.ndarray, beyond: bool = False) -> np.ndarray:
        """The values of ``cells[n, rows, cols]`` in the four cells next to every agent: ``bool[n, 4]``.

        Args:
            cells: ``bool[n, rows, cols]``.
            beyond: The value beyond the picture.
        """
        return _next_to(_framed(cells, beyond), self.row, self.col)

    def here(self, cells: np.ndarray) -> np.ndarray:
        """The value of ``cells[n, rows, cols]`` at every agent's own cell, ``[n]``."""
        return cells[np.arange(len(cells)), self.row, self.col]

    def toward(self, targets: np.ndarray, avoid: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The first step of a shortest walk to the nearest target that can be reached.

        Args:
            targets: ``bool[n, rows, cols]``; a target may be a cell that cannot be entered.
            avoid: ``bool[n, rows, cols]``, further cells not to walk over.

        Returns:
            ``direction`` and ``distance``, both ``int64[n]``. On a target: ``NOWHERE`` and 0. If none is
            within reach: ``NOWHERE`` and -1. Of equally short walks one that starts ahead is taken, else one
            that starts to a side.
        """
        distance = np.where(self.here(targets), 0, -1).astype(np.int64)
        direction = np.full(len(targets), NOWHERE, np.int64)
        order = (self.facing[:, None] + np.array([0, 1, 3, 2])) & 3
        # A wave runs from the targets over free cells until it is next to each agent, or stands still.
        left = np.flatnonzero((distance < 0) & targets.any(axis=(1, 2)))
        wave = _framed(targets[left], False)
        free = _framed(~(self.blocked if avoid is None else self.blocked | avoid)[left], False)
        steps, size, before = 1, int(wave.sum()), -1
        while left.size and size > before:
            near = np.take_along_axis(_next_to(wave, self.row[left], self.col[left]), order[left], axis=1)
            found = near.any(axis=1)
            if found.any():
                direction[left[found]] = order[left, near.argmax(axis=1)][found]
                distance[left[found]] = steps
                left, wave, free = left[~found], wave[~found], free[~found]
            before = int(wave.sum())
            grown = wave.copy()
            grown[:, 1:] |= wave[:, :-1]
            grown[:, :-1] |= wave[:, 1:]
            grown[:, :, 1:] |= wave[:, :, :-1]
            grown[:, :, :-1] |= wave[:, :, 1:]
            grown &= free
            wave |= grown
            steps, size = steps + 1, int(wave.sum())
        return direction, distance

    def in_beam(self, cells: np.ndarray, length: int, radius: int) -> np.ndarray:
        """Whether any of ``cells[n, rows, cols]`` lies where a beam would fall now, walls left aside.

        Args:
            cells: ``bool[n, rows, cols]``.
            length, radius: Size of the beam, as in :func:`sorrelsim.rules.beams.cast`.

        Returns:
            ``bool[n]``.
        """
        frame = max(length, radius)
        padded = np.pad(cells, ((0, 0), (frame, frame), (frame, frame)))
        streams = np.arange(len(cells))
        steps = np.array(STEPS)
        ahead, right = steps[self.facing], steps[(self.facing + 1) & 3]
        found = np.zeros(len(cells), np.bool_)
        for side in range(-radius, radius + 1):
            column = range(1, length + 1) if side == 0 else range(length - abs(side) + 1)
            for k in column:
                row = self.row + k * ahead[:, 0] + side * right[:, 0] + frame
                col = self.col + k * ahead[:, 1] + side * right[:, 1] + frame
                found |= padded[streams, row, col]
        return found


class Bot(BaseModel):
    """Base of scripted players.

    A subclass answers ``take_actions``, with the help of :meth:`see`, :meth:`walk` and :meth:`wander`. It
    plays any world that shows the things it looks for, with moves relative to its facing or to the map.

    Raises:
        ValueError: Observations are not symbolic, or it could not tell where its moves lead: relative moves
            need a window that turns with the agent or shows facings, moves on the map one that does not turn.
    """

    turning_chance = 0.1
    """Chance a step that wandering changes direction though the way is free."""

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
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
        """Index of an action.

        Raises:
            ValueError: If the world has no such action.
        """
        if name not in self.action_names:
            raise ValueError(unknown(f"action for {self.name}", name, self.action_names))
        return self.action_names.index(name)

    def take_action(self, state: Arrays) -> int:
        """The action for one state: a batch of one."""
        states = {name: part[None] for name, part in state.items()} if isinstance(state, dict) else state[None]
        return int(self.take_actions(states)[0])

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Where each stream wanders to, a direction on the map."""
        return {"course": np.zeros(n_streams, np.int64)}

    def see(self, states: Arrays) -> View:
        """The states as something that can be asked; agents that are out see nothing."""
        parts = dict(states) if isinstance(states, dict) else {"grid": states}
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

    def walk(self, view: View, direction: np.ndarray, otherwise: np.ndarray | None = None) -> np.ndarray:
        """The actions that step in a direction, sideways and backwards too: ``int64[n]``.

        Args:
            view: What is seen.
            direction: ``int64[n]``.
            otherwise: ``int64[n]``, the actions where the direction is ``NOWHERE``; none means staying.
        """
        return self._act(view, direction, self._steps, otherwise)

    def turn_and_walk(self, view: View, direction: np.ndarray, otherwise: np.ndarray | None = None) -> np.ndarray:
        """As :meth:`walk`, but an agent turns until it looks that way before it walks, for those who aim."""
        return self._act(view, direction, self._turns, otherwise)

    def wander(self, view: View, seat: Seat | None = None, avoid: np.ndarray | None = None) -> np.ndarray:
        """Walking about without an aim, ahead while the way is free, with a turn now and then.

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


def _framed(cells: np.ndarray, value: bool) -> np.ndarray:
    """``cells[n, rows, cols]`` with one cell of ``value`` around each picture."""
    return np.pad(cells, ((0, 0), (1, 1), (1, 1)), constant_values=value)


def _next_to(framed: np.ndarray, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    """What framed pictures hold up, right, down and left of each agent: ``[n, 4]``."""
    streams = np.arange(len(framed))
    return np.stack([framed[streams, row + 1 + dr, col + 1 + dc] for dr, dc in STEPS], axis=1)


def _ids(codes: Codebook, name: str) -> tuple[int, int, int]:
    """First id, last id and layer of the things of a name."""
    if name == "agent":
        return codes.agent_code, codes.n_codes - 1, codes.agent_layer
    found = [k for k, known in enumerate(codes.names) if known == name or known.startswith(f"{name} facing ")]
    if not found or name == "nothing":
        raise ValueError(unknown("thing in this world", name, [*codes.names[1:], "agent"]))
    return found[0], found[-1], int(codes.layer[found[0]])
