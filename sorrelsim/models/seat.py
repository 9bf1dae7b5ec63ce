"""What passes between an Agent and its model: the seat that the model plays in, and what a step brought there.

The Agent fills both in and hands them over with every step: ``take_actions(states, seat)``, ``remember(transition)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sorrelsim.observations.parts import Observation

_ALL = slice(None)


class Deal:
    """What chance brings in a turn that is played share by share: drawn for all streams at once, and dealt out.

    The first share that asks has it drawn; those after it ask in the same order, so that what a stream gets depends
    neither on the number of shares nor on who is in them.

    Args:
        n_streams: Streams that chance is drawn for at once.

    Attributes:
        rows: Those of the share that chooses now; set by ``to``.
    """

    def __init__(self, n_streams: int) -> None:
        self.n_streams, self.rows = n_streams, slice(n_streams)
        self._drawn: list[Any] = []
        self._next = 0

    def to(self, rows: slice) -> None:
        """Begins with a share."""
        self.rows, self._next = rows, 0

    def once(self, draw: Callable[[], Any]) -> Any:
        """Returns what is drawn once for all streams, the same for every share."""
        if self._next == len(self._drawn):
            self._drawn.append(draw())
        self._next += 1
        return self._drawn[self._next - 1]

    def part(self, draw: Callable[[int], Any]) -> Any:
        """Returns this share's rows of what ``draw`` gives for a number of streams, a row for each."""
        return self.once(lambda: draw(self.n_streams))[self.rows]


@dataclass
class Seat:
    """What a model knows of the place where it plays; each Agent holds one.

    A model plays in several seats at a time (training and evaluation), so whatever it must remember about a stream
    between two steps lives here, never on the model.

    Attributes:
        n_streams: Number of streams, copies x slots; copy-major, so stream = copy * n_slots + slot.
        carry: Arrays by name with one row per stream (recurrent state, a bot's plan), from ``BaseModel.new_carry``. The
            Agent resets a stream's row when its episode ends.
        mask: Allowed actions now, bool [n_streams, n_actions], or None if all are.
        explore: False asks for the model's best action.
        learn: False if the model is not to learn from what happens here; it is told all the same.
        deal: Where chance comes from in a turn that is played share by share; then all of the above is of a share. None
            where all streams choose at once.
    """

    n_streams: int
    carry: dict[str, Any] = field(default_factory=dict)
    mask: np.ndarray | None = None
    explore: bool = True
    learn: bool = False
    deal: Deal | None = None

    @property
    def rows(self) -> slice:
        """Which of the streams these are."""
        return _ALL if self.deal is None else self.deal.rows


@dataclass
class Transition:
    """One step of all streams of a seat, as ``BaseModel.remember`` gets it. Arrays are only lent: copy what you keep.

    Attributes:
        obs: The frame acted on, [n_streams, *shape], or by part name.
        action: int64 [n_streams], or float32 [n_streams, *shape] where actions are continuous, as the model chose them.
        reward: float64 [n_streams], after the reward transform.
        terminated: bool [n_streams].
        truncated: bool [n_streams]; never true where terminated is.
        ended: int64 [n_ended], the streams that terminated or were truncated.
        final_obs: True last frames of those streams, [n_ended, *shape], or None if none ended.
        final_states: The same with earlier frames stacked; equals final_obs for a model of one frame.
        final_mask: What was allowed there, bool [n_ended, n_actions], or None where the world has no masks.
        next_mask: What is allowed in the states that come next, bool [n_streams, n_actions], or None likewise.
        next_states: Call it for the states that come next (an ended stream's is its new episode's first).
        seat: The seat that acted.
    """

    obs: Observation
    action: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    ended: np.ndarray
    final_obs: Observation | None
    final_states: Observation | None
    next_states: Callable[[], Observation]
    seat: Seat
    final_mask: np.ndarray | None = None
    next_mask: np.ndarray | None = None
