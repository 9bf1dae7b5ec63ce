"""What a stepping world brings, as rows; here one an event. ``events`` writes them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.engine.notes import Notes
from sorrelsim.errors import tell
from sorrelsim.rules.events import EPISODE, NOBODY, TURNS

NOT_NOTED = "not_noted"
"""The event of a row that says for how many there was no room."""


class Rows(Protocol):
    """Collects the rows of a world's steps.

    Attributes:
        enough: So many rows are worth a row group of Parquet, or a part.
        n: Rows that wait to be taken, as far as they were looked at.
    """

    enough: int

    @property
    def n(self) -> int: ...

    def step(self, world: Gridworld) -> None:
        """Takes in one step."""

    def take(self, world: Gridworld) -> Any:
        """Returns what was collected since the last time: a ``pyarrow.Table``, or a ``RowGroup`` of ``parquet``."""


class EventRows:
    """One row an event, in order of turn, then copy.

    Args:
        world: The world, which begins to note what happens.
        episodes: How many episodes of each copy are kept; None means all.
    """

    enough = 2**17

    def __init__(self, world: Gridworld, episodes: int | None) -> None:
        world.note_events()
        self.episodes = episodes
        self.n = 0
        self._taken: list[dict[str, np.ndarray]] = []

    def step(self, world: Gridworld) -> None:
        """Takes in one step, mostly at the cost of a look at how many notes there are."""
        notes = world.copies.notes
        if 2 * notes.most > notes.room:
            self._empty(notes)

    def _empty(self, notes: Notes) -> None:
        columns, lost = notes.take()
        if lost.any():
            columns = self._told(columns, lost, notes)
        if self.episodes is not None:
            kept = columns["episode"] <= self.episodes
            columns = {name: column[kept] for name, column in columns.items()}
        self._taken.append(columns)
        self.n += len(columns["copy"])

    def _told(self, columns: dict[str, np.ndarray], lost: np.ndarray, notes: Notes) -> dict[str, np.ndarray]:
        """Adds a row for each copy in which there was no room."""
        copies = np.flatnonzero(lost)
        tell(f"{lost.sum()} events found no room in a single step; rows named {NOT_NOTED} say how many and where")
        known = {
            "copy": copies, "episode": notes.noted[copies, EPISODE], "turn": notes.noted[copies, TURNS],
            "step": np.zeros(len(copies)), "what": np.full(len(copies), len(notes.names)), "amount": lost[copies],
        }  # fmt: skip
        more = {name: known.get(name, np.full(len(copies), NOBODY)) for name in columns}
        more |= {name: np.full(len(copies), np.nan) for name in notes.details}
        return {name: np.concatenate([column, more[name].astype(column.dtype)]) for name, column in columns.items()}

    def take(self, world: Gridworld) -> Any:
        """Returns what was collected; see :class:`Rows`."""
        import pyarrow

        notes = world.copies.notes
        self._empty(notes)
        columns = {name: np.concatenate([each[name] for each in self._taken]) for name in self._taken[0]}
        self._taken, self.n = [], 0
        names = pyarrow.array([*notes.names, NOT_NOTED])
        arrays = {name: pyarrow.array(column) for name, column in columns.items()}
        arrays["what"] = pyarrow.DictionaryArray.from_arrays(arrays["what"], names)
        return pyarrow.table(arrays)
