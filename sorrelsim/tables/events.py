"""A table of what happens in a world as it is stepped: one row an event, or one row an agent and step.

In a loop of one's own::

    with EventLog("events.parquet", world) as log:
        for _ in range(1000):
            world.step(actions)
            log.step(world)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import tell, unknown
from sorrelsim.tables.files import Parts, target_of
from sorrelsim.tables.rows import EventRows, Rows
from sorrelsim.tables.steps import StepRows

DETAILS: dict[str, Callable[[Gridworld, int | None], Rows]] = {"events": EventRows, "steps": StepRows}
MOST = 2**23
"""Rows that are kept while they cannot be written, for a full disk."""


class EventLog:
    """Writes what happens in a world, step by step, to a table.

    A path that ends in ``.parquet`` or ``.csv`` is one file, which is there when the log is closed. Any other is a
    folder of parts, each whole and readable as soon as it is written, which is what a kill leaves. A world has one log
    at a time.

    Args:
        path: The file or folder; a table that is there already is replaced.
        world: The world. Turns and episodes are counted from 1 from now on.
        detail: ``events``: one row an event. ``steps``: one row an agent and step.
        format: Of parts, ``parquet`` or ``csv``.
        episodes: How many episodes of each copy are written; None means all.

    Raises:
        ValueError: If the path or a name is none, or the world is no gridworld of ours.
        OSError: If the file cannot be opened.
    """

    def __init__(
        self,
        path: str | Path,
        world: Gridworld,
        detail: str = "events",
        format: str = "parquet",
        episodes: int | None = None,
    ) -> None:
        if detail not in DETAILS:
            raise ValueError(unknown("detail of a table of events", detail, DETAILS))
        if not isinstance(world, Gridworld):
            raise ValueError(f"only gridworlds say what happens in them; got {type(world).__name__}")
        self.path, self.world = Path(path), world
        self._target = target_of(path, format)
        self._rows: Rows = DETAILS[detail](world, episodes)
        self._waiting: list[Any] = []  # tables or row groups that could not be written
        self._enough = self._rows.enough
        self._empty = True

    def step(self, world: Gridworld) -> None:
        """Takes in one step; call it after ``world.step``.

        Raises:
            ValueError: If the world is another one.
            OSError: If rows cannot be written. Of a folder they are kept for a while, and tried again.
        """
        if world is not self.world:
            raise ValueError(f"{self.path} is the log of another world; make one for each")
        if self._rows.n >= self._enough:  # before the step, so that it has room whatever an interrupt cut short
            self._write_or_keep()
        self._rows.step(world)

    def _write_or_keep(self) -> None:
        try:
            self.flush()
        except OSError as error:
            kept = sum(table.num_rows for table in self._waiting)
            if not isinstance(self._target, Parts) or kept >= MOST:
                raise
            if len(self._waiting) == 1:
                tell(f"{self.path} could not be written: {error}; its rows are kept and tried again")

    def flush(self) -> None:
        """Writes all rows up to now.

        Raises:
            OSError: If they cannot be written; those of a folder are kept.
        """
        table = self._rows.take(self.world)
        if table.num_rows or self._empty:
            self._waiting.append(table)
        if self._waiting:
            self._target.write(self._waiting)
            self._waiting, self._empty = [], False

    def close(self, whole: bool = True) -> None:
        """Writes what is left and ends the table.

        Args:
            whole: Whether that is all there was to be; else there will be no file. A folder has all parts up to now.

        Raises:
            OSError: If it cannot be written.
        """
        done = False
        try:
            if whole or isinstance(self._target, Parts):
                self.flush()
            done = whole
        finally:
            self.world.note_events(False)
            self._target.close(done)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(whole=error is None)

    def state_dict(self) -> dict[str, Any]:
        """Returns, between two steps, what a log in parts goes on from; all rows up to now are written first.

        Raises:
            OSError: If they cannot be written.
            ValueError: If it is one file, which cannot be gone on with.
        """
        if not isinstance(self._target, Parts):
            raise ValueError(f"{self.path}: a table in one file cannot be gone on with later; name a folder")
        self.flush()
        return {"noted": self.world.copies.notes.noted.copy(), "parts": self._target.number}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what ``state_dict`` gave, in a world that is where it was then; later parts are removed.

        Raises:
            ValueError: If it is one file, or an earlier part is not there.
        """
        if not isinstance(self._target, Parts):
            raise ValueError(f"{self.path}: a table in one file cannot be gone on with; name a folder")
        self._target.go_on(int(state["parts"]))
        self.world.copies.notes.noted[...] = state["noted"]
        self._empty = self._target.number == 0


def log_of(
    path: str | Path | None, world: Gridworld, detail: str = "events", episodes: int | None = None
) -> AbstractContextManager[EventLog | None]:
    """Returns a log, for ``with``; where there is no path, a stand-in that gives None."""
    return nullcontext() if path is None else EventLog(path, world, detail, episodes=episodes)
