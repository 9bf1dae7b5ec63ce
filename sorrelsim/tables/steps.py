"""One row an agent and step: where it stood and what it chose, and what it got and what was counted for that."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sorrelsim.engine.block import address_of
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.tables import step_kernels
from sorrelsim.tables.chunks import Chunks
from sorrelsim.tables.parquet import Chunk, RowGroup, levels, plain
from sorrelsim.tables.step_kernels import AT_OUT, COUNTS, IN_EPISODE, OUT, REWARD, ROWS

FACINGS = ("north", "east", "south", "west")
TYPES = {
    "copy": "int32", "episode": "int32", "turn": "int32", "step": "int32", "agent": "int16", "row": "int16",
    "col": "int16", "facing": "text", "out": "int32", "action": "int16", "action_name": "text", "reward": "float64",
    "episode_ended": "bool",
}  # fmt: skip
"""Types of the columns; one for everything that the world counts comes behind them."""


class Block(NamedTuple):
    """Rows that wait to be taken, in as few bytes as may be.

    Rewards and counts are mostly one of a few values: these words are numbered as they are met, and rows have their
    numbers; steps that an agent is out are from -1 up. A column with more than 256 words is written in full until the
    rows are taken.

    Attributes:
        frames: int32 [4, frame]: what is known of a copy at a turn; see :data:`~.step_kernels.IN_EPISODE`.
        places: [3, row]: row, col and facing, only of agents that stood somewhere.
        acts: [row]: what agents did.
        codes: uint8 [column, row]: which of its column's words a value is; see :data:`~.step_kernels.OUT`.
        words: int64 [column, 256]: values, or their bits; the first is 0, but of those that are out -1.
        n_words: int64 [column]: how many have been met.
        slots: int16 [column, slot]: where to find a word's number, -1 where none is.
        whole: int64 [column, row]: bits of values, of columns in full.
        in_full: bool [column]: which these are.
        filled: int64 [2]: rows, and those of them whose agent stood somewhere.
    """

    frames: np.ndarray
    places: np.ndarray
    acts: np.ndarray
    codes: np.ndarray
    words: np.ndarray
    n_words: np.ndarray
    slots: np.ndarray
    whole: np.ndarray
    in_full: np.ndarray
    filled: np.ndarray

    @staticmethod
    def of(world: Gridworld, most: int) -> Block:
        """Returns one without rows, in which so many have room, and those of one more step."""
        n, agents, events = world.event_counts.shape
        frames, columns = n * -(-most // (n * agents)), COUNTS + events
        rows = frames * agents
        block = Block(
            frames=np.zeros((4, frames), np.int32),
            places=np.zeros((3, rows), _index(max(world.height, world.width))),
            acts=np.zeros(rows, _index(world.n_actions)),
            codes=np.zeros((columns, rows), np.uint8),
            words=np.zeros((columns, step_kernels.WORDS), np.int64),
            n_words=np.ones(columns, np.int64),
            slots=np.zeros((columns, step_kernels.SLOTS), np.int16),
            whole=np.zeros((columns, rows), np.int64),
            in_full=np.zeros(columns, np.bool_),
            filled=np.zeros(2, np.int64),
        )
        block.words[OUT] = np.arange(-1, step_kernels.WORDS - 1)
        block.clear()
        return block

    def clear(self) -> None:
        """Drops all rows."""
        self.whole[self.in_full] = 0  # the memory of others is never touched
        self.n_words[:], self.slots[...], self.in_full[:], self.filled[:] = 1, -1, False, 0

    def keep(self, kept: np.ndarray) -> None:
        """Drops the rows of all frames but some: bool [frame]."""
        of_rows = np.repeat(kept, len(self.acts) // self.frames.shape[1])
        of_there = of_rows[self.there()]
        for array, mask in (
            (self.frames, kept), (self.places, of_there), (self.acts, of_rows), (self.codes, of_rows),
            *((self.whole[k], of_rows) for k in np.flatnonzero(self.in_full)),
        ):  # fmt: skip
            some = array[..., : len(mask)][..., mask]
            array[..., : some.shape[-1]] = some
        self.filled[:] = of_rows.sum(), of_there.sum()

    def there(self) -> np.ndarray:
        """Which rows' agents stood somewhere."""
        rows = self.filled[ROWS]
        return self.whole[OUT, :rows] == 0 if self.in_full[OUT] else self.codes[OUT, :rows] == 1


class StepRows:
    """Rows of steps; :class:`~sorrelsim.tables.rows.Rows` says what it does.

    Args:
        world: The world.
        episodes: How many episodes of each copy are kept; None means all.
    """

    enough = 2**19

    def __init__(self, world: Gridworld, episodes: int | None) -> None:
        world.note_events(False)
        self._standing = _Standing(world)
        world.copies.notes.follower = self._standing.look
        self.episodes = episodes
        self.types = TYPES | dict.fromkeys(world.events, "float64")
        self._block = Block.of(world, self.enough)
        self._chunks = Chunks(len(self._block.acts))

    @property
    def n(self) -> int:
        """Rows that wait to be taken, those included that will not be kept."""
        return int(self._block.filled[ROWS])

    def step(self, world: Gridworld) -> None:
        """Takes in one step."""
        at = self._standing
        last = world.info.get("episode_events", at.counted).reshape(at.counted.shape)
        step_kernels.take_in(
            at.memory, at.head, at.places, at.numbers, at.counted, last,
            world.submitted.reshape(-1), world.reward.reshape(-1).view(np.int64), world.terminated, world.truncated,
            world.copies.notes.noted, *self._block,
        )  # fmt: skip

    def take(self, world: Gridworld) -> RowGroup:
        """Returns what was collected, as what Parquet is made of."""
        block, agents = self._block, world.n_agents
        steps = self.n // world.submitted.size
        copies = _copies(world.n_worlds, agents, steps)
        if self.episodes is not None:
            kept = block.frames[IN_EPISODE, : steps * world.n_worlds] <= self.episodes
            if not kept.all():
                of = np.flatnonzero(kept).astype(np.int32) % np.int32(world.n_worlds)
                copies = self._chunks.repeated(of, agents)
                block.keep(kept)
        chunks = self._columns(world, copies)
        rows = self.n
        block.clear()
        return RowGroup(rows, self.types, tuple(chunks[name] for name in self.types))

    def _columns(self, world: Gridworld, copies: Chunk) -> dict[str, Chunk]:
        """The columns by name; ``copies`` is the first of them."""
        block, write, agents = self._block, self._chunks, world.n_agents
        rows, stand = map(int, block.filled)
        episode, turn, step, ended = block.frames[:, : rows // agents]
        last = np.zeros((rows // agents, agents), np.bool_)
        last[ended != 0] = True
        of_all, of_there = levels(rows), levels(rows, block.there())
        action = write.indices(block.acts[:rows], of_all, range(world.n_actions), "int16")
        row, col, facing = block.places[:, :stand]
        return {
            "copy": copies,
            "episode": write.repeated(episode, agents),
            "turn": write.repeated(turn, agents),
            "step": write.repeated(step, agents),
            "agent": _agents(agents, rows // agents),
            "row": write.indices(row, of_there, range(world.height), "int16"),
            "col": write.indices(col, of_there, range(world.width), "int16"),
            "facing": write.indices(facing, of_there, FACINGS, "text"),
            "out": self._numbered(OUT, of_all, "int32"),
            "action": action,
            "action_name": action._replace(words=plain(world.action_names, "text")),
            "episode_ended": Chunk(of_all, plain(last, "bool")),
            "reward": self._numbered(REWARD, of_all, "float64"),
            **{name: self._numbered(COUNTS + k, of_all, "float64") for k, name in enumerate(world.events)},
        }

    def _numbered(self, column: int, of_all: bytes, type: str) -> Chunk:
        """A column of words."""
        block, codes = self._block, self._block.codes[column, : self.n]
        full = block.in_full[column]
        words = block.whole[column, : self.n] if full else block.words[column, : codes.max(initial=0) + 1]
        meant = words.view(np.float64) if type == "float64" else words
        return Chunk(of_all, plain(meant, type)) if full else self._chunks.indices(codes, of_all, meant, type)


@lru_cache(4)
def _copies(n: int, agents: int, steps: int) -> Chunk:
    """The numbers of copies, each for all its agents, again and again."""
    return Chunks(n * agents * steps).repeated(np.tile(np.arange(n, dtype=np.int32), steps), agents)


@lru_cache(4)
def _agents(agents: int, frames: int) -> Chunk:
    """The numbers of agents, again and again."""
    rows: np.ndarray = np.tile(np.arange(agents, dtype=_index(agents)), frames)
    return Chunks(len(rows)).indices(rows, levels(len(rows)), range(agents), "int16")


class _Standing:
    """How things stand in all copies, as of the last step.

    Attributes:
        memory: int32 [copy, word]: all that a copy is made of.
        numbers: float64 [copy, number]: the same.
        places: int64 [5]: where in there something is; see :data:`~.step_kernels.AT_TURN`.
        head: int32 [copy, word]: the first words of each, up to those that say who is out.
        counted: float64 [copy, agent * event]: what was counted.
    """

    def __init__(self, world: Gridworld) -> None:
        of, all = world.copies.of, world.copies.block.bytes
        self.memory, self.numbers = all.view(np.int32), all.view(np.float64)
        begun = [address_of(of[name]) - address_of(all) for name in ("turn", "pos", "facing", "out", "events")]
        self.places = np.array([*(at // 4 for at in begun[:-1]), begun[-1] // 8])
        self.head = self.memory[:, : self.places[AT_OUT] + world.n_agents].copy()
        self.counted = world.event_counts.reshape(world.n_worlds, -1).copy()

    def look(self, world: Gridworld) -> None:
        """Brings it up to date, where something else than a step has changed it."""
        self.head[...] = self.memory[:, : self.head.shape[1]]
        self.counted[...] = world.event_counts.reshape(self.counted.shape)


def _index(n: int) -> type:
    """The type of an index of so many words."""
    return np.uint8 if n <= 256 else np.uint16
