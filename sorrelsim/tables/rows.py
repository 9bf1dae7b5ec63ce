"""What a stepping world brings, as rows: one an event, or one an agent and step. ``events`` writes them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.engine.notes import Notes
from sorrelsim.errors import tell
from sorrelsim.rules.events import EPISODE, NOBODY, TURNS

FACINGS = ("north", "east", "south", "west")
NOT_NOTED = "not_noted"
"""The event of a row that says for how many there was no room."""


class Rows(Protocol):
    """Collects the rows of a world's steps.

    Attributes:
        n: Rows that wait to be taken, as far as they were looked at.
    """

    n: int

    def step(self, world: Gridworld) -> None:
        """Takes in one step."""

    def take(self, world: Gridworld) -> Any:
        """Returns what was collected since the last time, as a ``pyarrow.Table``."""


class EventRows:
    """One row an event, in order of turn, then copy.

    Args:
        world: The world, which begins to note what happens.
        episodes: How many episodes of each copy are kept; None means all.
    """

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


class StepRows:
    """One row an agent and step: where it stood and what it chose, and what it got and what was counted for that.

    Args:
        world: The world.
        episodes: How many episodes of each copy are kept; None means all.
    """

    def __init__(self, world: Gridworld, episodes: int | None) -> None:
        world.note_events(False)
        notes = world.copies.notes
        notes.following = True
        notes.look(world)
        self.episodes = episodes
        self.n = 0
        self._steps: list[tuple[np.ndarray, ...]] = []

    def step(self, world: Gridworld) -> None:
        """Takes in one step."""
        notes, ended = world.copies.notes, world.info["ended"]
        notes.noted[:, TURNS] += 1
        self._steps.append(self._row(world))
        notes.noted[ended, EPISODE] += 1
        notes.look(world)
        self.n += world.n_worlds * world.n_agents

    def _row(self, world: Gridworld) -> tuple[np.ndarray, ...]:
        """One step of all copies, as arrays that nobody writes to any more."""
        notes, info = world.copies.notes, world.info
        pos, facing, out, turn, counts = notes.before
        after = world.event_counts
        if "episode_events" in info:
            after = np.where(info["ended"][:, None, None], info["episode_events"], after)
        return (
            notes.noted.copy(), turn[:, 0] + 1, pos, facing, out, world.submitted.copy(), world.reward.copy(),
            info["ended"].copy(), after - counts,
        )  # fmt: skip

    def take(self, world: Gridworld) -> Any:
        """Returns what was collected; see :class:`Rows`."""
        import pyarrow

        rows = self._steps or [self._row(world)]  # a table without rows has columns all the same
        arrays_of = (np.stack(each)[: len(self._steps)] for each in zip(*rows, strict=True))
        noted, turn, pos, facing, out, action, reward, ended, counts = arrays_of
        self._steps, self.n = [], 0
        shape = action.shape  # [turn, copy, agent]

        def spread(values: Any, dtype: type) -> np.ndarray:
            return np.broadcast_to(np.asarray(values, dtype), shape).reshape(-1)

        there = (out == 0).reshape(-1)
        plain = {
            "copy": spread(np.arange(world.n_worlds)[:, None], np.int32),
            "episode": spread(noted[:, :, EPISODE, None], np.int32),
            "turn": spread(noted[:, :, TURNS, None], np.int32),
            "step": spread(turn[:, :, None], np.int32),
            "agent": spread(np.arange(world.n_agents), np.int16),
        }
        arrays = {name: pyarrow.array(column) for name, column in plain.items()}
        for name, values in (("row", pos[..., 0]), ("col", pos[..., 1])):
            arrays[name] = pyarrow.array(spread(values, np.int16), mask=~there)
        arrays["facing"] = _named(spread(facing, np.int8), FACINGS, ~there)
        arrays["out"] = pyarrow.array(spread(out, np.int32))
        arrays["action"] = pyarrow.array(spread(action, np.int16))
        arrays["action_name"] = _named(spread(action, np.int16), world.action_names)
        arrays["reward"] = pyarrow.array(spread(reward, np.float64))
        arrays["episode_ended"] = pyarrow.array(spread(ended[:, :, None], np.bool_))
        for k, name in enumerate(world.events):
            arrays[name] = pyarrow.array(spread(counts[..., k], np.float64))
        table = pyarrow.table(arrays)
        return table if self.episodes is None else table.filter(pyarrow.array(plain["episode"] <= self.episodes))


def _named(numbers: np.ndarray, names: tuple[str, ...], none: np.ndarray | None = None) -> Any:
    """Numbers as the names that they stand for; ``none`` says where there is nothing."""
    import pyarrow

    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(numbers, mask=none), pyarrow.array(names))
