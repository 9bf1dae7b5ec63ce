"""What a bot reads off a window: where things lie, which cells are free, the way to the nearest of them.

Everything is asked for a batch of agents at once, in directions of the picture as it is laid out: 0 up, 1 right,
2 down, 3 left; ``NOWHERE`` is none. In a window that turns with the agent, up is ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sorrelsim.authoring.codes import Codebook
from sorrelsim.errors import unknown
from sorrelsim.models.bots.view_kernels import first_steps

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
        """Returns where any of some things lie: ``bool[n, rows, cols]``.

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
        """Returns the values of ``cells[n, rows, cols]`` in the four cells next to every agent: ``bool[n, 4]``.

        Args:
            cells: ``bool[n, rows, cols]``.
            beyond: The value beyond the picture.
        """
        return _next_to(_framed(cells, beyond), self.row, self.col)

    def here(self, cells: np.ndarray) -> np.ndarray:
        """Returns the value of ``cells[n, rows, cols]`` at every agent's own cell, ``[n]``."""
        return cells[np.arange(len(cells)), self.row, self.col]

    def toward(self, targets: np.ndarray, avoid: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Finds the first step of a shortest walk to the nearest target that can be reached.

        Args:
            targets: ``bool[n, rows, cols]``; a target may be a cell that cannot be entered.
            avoid: ``bool[n, rows, cols]``, further cells not to walk over.

        Returns:
            ``direction`` and ``distance``, both ``int64[n]``. On a target: ``NOWHERE`` and 0. If none is within reach:
            ``NOWHERE`` and -1. Of equally short walks one that starts ahead is taken, else one that starts to a side.
        """
        direction = np.full(len(targets), NOWHERE, np.int64)
        distance = np.full(len(targets), -1, np.int64)
        order = (self.facing[:, None] + np.array([0, 1, 3, 2])) & 3
        free = ~(self.blocked if avoid is None else self.blocked | avoid)
        far = np.empty(targets.shape[1:], np.int64)
        queue = np.empty(far.size, np.int64)
        first_steps(targets, free, self.row, self.col, order, queue, far, direction, distance)
        return direction, distance

    def goal(self, targets: np.ndarray, avoid: np.ndarray | None = None) -> tuple[int, int] | None:
        """Returns where :meth:`toward` leads the first agent: the target itself, (row, col); None if none is in reach.

        Args:
            targets: As for :meth:`toward`.
            avoid: Likewise.
        """
        direction, distance = (found[0] for found in self.toward(targets, avoid))
        apart = np.abs(np.argwhere(targets[0]) - (self.row[0], self.col[0])).sum(1)
        for row, col in np.argwhere(targets[0])[np.argsort(apart, kind="stable")].tolist():
            alone = np.zeros_like(targets)
            alone[0, row, col] = True
            if distance >= 0 and [found[0] for found in self.toward(alone, avoid)] == [direction, distance]:
                return row, col
        return None

    def in_beam(self, cells: np.ndarray, length: int, radius: int) -> np.ndarray:
        """Returns whether any of ``cells[n, rows, cols]`` lies where a beam would fall now, walls left aside.

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


def around(cells: np.ndarray) -> np.ndarray:
    """Returns the cells above, below, left and right of any of ``cells``, both ``bool[n, rows, cols]``."""
    frame = _framed(cells, False)
    return frame[:, :-2, 1:-1] | frame[:, 2:, 1:-1] | frame[:, 1:-1, :-2] | frame[:, 1:-1, 2:]


def _framed(cells: np.ndarray, value: bool) -> np.ndarray:
    """Returns ``cells[n, rows, cols]`` with one cell of ``value`` around each picture."""
    return np.pad(cells, ((0, 0), (1, 1), (1, 1)), constant_values=value)


def _next_to(framed: np.ndarray, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    """Returns what framed pictures hold up, right, down and left of each agent: ``[n, 4]``."""
    streams = np.arange(len(framed))
    return np.stack([framed[streams, row + 1 + dr, col + 1 + dc] for dr, dc in STEPS], axis=1)


def _ids(codes: Codebook, name: str) -> tuple[int, int, int]:
    """Returns first id, last id and layer of the things of a name."""
    if name == "agent":
        return codes.agent_code, codes.n_codes - 1, codes.agent_layer
    found = [k for k, known in enumerate(codes.names) if known == name or known.startswith(f"{name} facing ")]
    if not found or name == "nothing":
        raise ValueError(unknown("thing in this world", name, [*codes.names[1:], "agent"]))
    return found[0], found[-1], int(codes.layer[found[0]])
