"""What happened in a world, event by event: rules note it in a log of each copy, and whoever asked takes it out.

Off by default, and then a log has room for nothing. :mod:`sorrelsim.rules.events` is what writes; here the memory lies,
and what is taken out becomes columns. Notes are no part of a world's state: trajectories are the same with and without.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from sorrelsim.rules.events import EPISODE, NOTE, PAIRS, WRITTEN


class Notes:
    """The logs of all copies.

    Attributes:
        names: What ``what`` stands for: first the counted events, then those between two agents.
        details: Names of what notes bring beside the place, each once.
        room: Notes that each copy has room for; 0 while nobody asks for them.
        follower: What is called with the world after a reset or another state, where somebody follows every step.
    """

    def __init__(self, world: Any, room: int = 0) -> None:
        """Lays out the memory.

        Args:
            world: What was declared.
            room: Notes that each copy has room for.
        """
        self.room = room
        self.follower: Callable[[Any], None] | None = None
        self.names = (*world.events, *world.pairs)
        self.details = tuple(dict.fromkeys(name for names in world.pairs.values() for name in names))
        n, most = world.n_worlds, max((len(names) for names in world.pairs.values()), default=0)
        counted = len(world.events)
        # By what, then by what a note brings: the column of details that it goes to.
        self._places = [[self.details.index(name) for name in names] for names in world.pairs.values()]
        self._counted = counted
        self.notes = np.zeros((n, room, len(NOTE)), np.int32)
        self.amounts = np.zeros((n, room, 1 + most), np.float64)
        self.noted = np.zeros((n, 3), np.int64)
        self.noted[:, EPISODE] = 1
        self.seen = np.zeros((n, world.n_agents * counted), np.float64)

    @property
    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """What a step that fails leaves as it was before."""
        return self.noted, self.seen

    @property
    def most(self) -> int:
        """Notes in the copy that has the most, those included for which there was no room."""
        return int(self.noted[:, WRITTEN].max())

    def restarted(self, world: Any, started: np.ndarray | None = None) -> None:
        """Goes on after a reset or another state.

        Args:
            world: The world, as it is now.
            started: After a reset, which copies had been played: those begin another episode.
        """
        if self.room or self.follower:
            self.seen[...] = world.event_counts.reshape(len(self.seen), -1)
            if started is not None:
                self.noted[started, EPISODE] += 1
        if self.follower:
            self.follower(world)

    def take(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Takes out all notes, in order of turn, then copy.

        Returns:
            The columns by name, and how many notes of each copy found no room.

        Raises:
            ValueError: If a rule noted an event between two agents that is not declared with ``events.pair()``.
        """
        written = self.noted[:, WRITTEN].copy()
        self.noted[:, WRITTEN] = 0
        at = np.flatnonzero(np.arange(self.room) < written[:, None])  # of all notes in a row
        turns = self.notes.reshape(-1, len(NOTE))[:, 0].take(at)
        if len(turns):
            since = turns - turns.min()
            at = at.take(np.argsort(since.astype(np.uint16) if since.max() < 2**16 else since, kind="stable"))
        rows = np.ascontiguousarray(self.notes.reshape(-1, len(NOTE)).take(at, axis=0).T)
        found = dict(zip(NOTE, rows, strict=True))
        self._check(found)
        amounts = self.amounts.reshape(-1, self.amounts.shape[2]).take(at, axis=0)
        what = found["what"]
        columns = {"copy": (at // self.room).astype(np.int32)}
        columns |= {name: found[name] for name in ("episode", "turn", "step")}
        columns["what"] = np.where(what >= PAIRS, what - PAIRS + self._counted, what).astype(np.int16)
        columns |= {name: found[name] for name in ("agent", "whom", "row", "col")}
        columns["amount"] = amounts[:, 0]
        return columns | self._details(what, amounts), np.maximum(written - self.room, 0)

    def _check(self, found: Mapping[str, np.ndarray]) -> None:
        wrong = (found["what"] < PAIRS) & (found["whom"] >= 0)
        if wrong.any():
            name = self.names[found["what"][wrong][0]]
            raise ValueError(f"a rule notes {name!r} between two agents; declare it: {name.upper()} = events.pair()")

    def _details(self, what: np.ndarray, amounts: np.ndarray) -> dict[str, np.ndarray]:
        """The further columns, not-a-number where an event has no such detail."""
        columns = {name: np.full(len(what), np.nan) for name in self.details}
        for k, places in enumerate(self._places):
            mine = what == PAIRS + k if places else ()
            for at, place in enumerate(places):
                columns[self.details[place]][mine] = amounts[mine, 1 + at]
        return columns


class Happened:
    """What happened, one row an event, in order of turn, then copy.

    Iterating gives a named tuple for each, with text in ``what``; ``happened["agent"]`` is a column.

    Attributes:
        columns: Arrays by name: ``copy``, ``episode`` and ``turn`` (both from 1 when notes began), ``step`` (of the
            episode, from 1), ``what`` (an index into ``names``), ``agent``, ``whom`` (-1 for nobody), ``row`` and
            ``col``, ``amount``, and the details that the world's events have.
        names: Names of the events.
    """

    def __init__(self, columns: dict[str, np.ndarray], names: tuple[str, ...]) -> None:
        self.columns, self.names = columns, names

    def __len__(self) -> int:
        return len(self.columns["copy"])

    def __getitem__(self, name: str) -> np.ndarray:
        column = self.columns[name]
        return np.array(self.names, object)[column] if name == "what" else column

    def __iter__(self) -> Iterator[Any]:
        event = namedtuple("event", self.columns)  # type: ignore[misc]
        for values in zip(*(self[name].tolist() for name in self.columns), strict=True):
            yield event(*values)

    def frame(self) -> Any:
        """Returns it as a pandas frame."""
        import pandas

        return pandas.DataFrame({name: self[name] for name in self.columns})

    def __repr__(self) -> str:
        return f"<{len(self)} events: {', '.join(self.names)}>"
