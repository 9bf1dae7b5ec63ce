"""The ring that a replay memory keeps its steps in: every frame once, in its own dtype, and stacks of them on demand.

Rows are time and columns are streams, all written in lockstep at ``head``; the oldest row gives way. A row holds what
was acted on, so the frame that an episode ended with has no row: the next row is already the new episode's first. These
true last frames lie in a table aside. Here stream 1 ended with its second step, and the ring has not gone round yet::

    row     frames              kind                final_index       final
    0       a0      b0          0       0           -1      -1        0  (free)
    1       a1      b1          0       1 or 2      -1       1 -----> 1  b2, what b1 led to
    2       a2      c0          0       0           -1      -1        2  (free)
    3  <- head: written next    size = 3

An entry of the table is freed when its row is overwritten; the table doubles when every entry is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.models.memory import replay_kernels
from sorrelsim.models.memory.saved import check_ring
from sorrelsim.observations.parts import Parts

if TYPE_CHECKING:
    from sorrelsim.models.memory.rollout import Column
    from sorrelsim.observations.spec import ObservationSpec

MASK = "action mask"
"""The name under which action masks are kept beside the parts; the blank keeps it from clashing with one."""

_SAVED = ("actions", "rewards", "kind", "final_index")


class Ring:
    """Steps of parallel streams, and the frames that their episodes ended with.

    Args:
        observations: What one slot observes.
        n_rows: Rows.
        n_streams: Columns.
        action: Shape and dtype of an action.

    Attributes:
        parts: Shape and dtype of each part's frame, the mask's too once there is one.
        frames: Frames acted on by part, [n_rows, n_streams, *shape].
        actions: int32 [n_rows, n_streams], or [n_rows, n_streams, *shape] of the shape and dtype given.
        rewards: float32 [n_rows, n_streams].
        kind: What came of each step, uint8 [n_rows, n_streams]: one of those in ``replay_kernels``.
        final_index: Where in the table the step's true last frame lies, int32 [n_rows, n_streams]; -1 if nowhere.
        final: That table by part, [entries, *shape].
        head: The row to be written next.
        size: Rows written.
        mirror: What holds frames once more on the device where it is learned from, a ``MirroredRing``; or None.
    """

    mirror: Any = None

    def __init__(
        self, observations: ObservationSpec, n_rows: int, n_streams: int, action: Column = ((), np.int64)
    ) -> None:
        self.n_rows, self.n_streams = n_rows, n_streams
        self.parts: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
        self.frames: Parts = {}
        self.final: Parts = {}
        self._free, self._n_free = np.zeros(0, np.int32), 0  # entries not taken: the first _n_free of these
        for name, part in observations.parts.items():
            self._keep(name, tuple(part.shape), np.dtype(part.dtype))
        rows = (n_rows, n_streams)
        shape, dtype = action
        self.actions = np.zeros((*rows, *shape), np.int32 if dtype == np.int64 else dtype)
        self.rewards = np.zeros(rows, np.float32)
        self.kind = np.zeros(rows, np.uint8)
        self.final_index = np.full(rows, -1, np.int32)
        self.head = self.size = 0

    @property
    def has_mask(self) -> bool:
        """Whether steps come with action masks."""
        return MASK in self.parts

    def keep_masks(self, n_actions: int) -> None:
        """Makes room for action masks once a world shows that it has them; steps before allowed everything."""
        if not self.has_mask:
            self._keep(MASK, (n_actions,), np.dtype(bool))

    def write(self, parts: Parts, action: Any, reward: Any, kind: Any, finals: Parts | None) -> None:
        """Writes the next row.

        Args:
            parts: The frames acted on, by part, the mask among them.
            action: [n_streams, ...].
            reward: [n_streams].
            kind: What came of the steps, [n_streams].
            finals: Last frames of the streams that ended, in order of stream; None keeps none.
        """
        row, n = self.head, self.n_streams
        for name, value in parts.items():
            self.frames[name][row] = np.reshape(value, (n, *self.parts[name][0]))
        self.actions[row], self.rewards[row], self.kind[row] = action, reward, kind
        self._release_finals(row)
        ended = np.flatnonzero(self.kind[row])
        if ended.size and finals is not None:
            self._store_finals(row, ended, finals)
        if self.mirror is not None:
            self.mirror.row(row)
        self.head = (row + 1) % self.n_rows
        self.size = min(self.size + 1, self.n_rows)

    def gather(self, name: str, rows: np.ndarray, streams: np.ndarray, depth: int, whole: np.ndarray) -> np.ndarray:
        """Returns stacks of one part that end at given rows, [len(rows), depth, *shape].

        Args:
            name: The part.
            rows: int64; -1 - row stands for the final frame after that row.
            streams: int64; where rows are more, they go round.
            depth: Frames in a stack.
            whole: float32, one per row, or of the first of them; set to 0 where a stack is not all there.
        """
        shape, dtype = self.parts[name]
        length = math.prod(shape)
        source = self.frames[name].reshape(self.n_rows, self.n_streams, length).view(np.uint8)
        final = self.final[name].reshape(len(self._free), length).view(np.uint8)
        into = np.empty((len(rows), depth, source.shape[2]), np.uint8)
        replay_kernels.stacks(
            rows, streams, self.head, self.size, self.kind, source, final, self.final_index, into, whole
        )
        return into.view(dtype).reshape(len(rows), depth, *shape)

    def states(
        self, names: Sequence[str], rows: np.ndarray, streams: np.ndarray, depth: int, whole: np.ndarray
    ) -> Parts:
        """Returns what ``gather`` does of some parts by name; from a mirror, as tensors on its device."""
        if self.mirror is None:
            return {name: self.gather(name, rows, streams, depth, whole) for name in names}
        frames, final = np.empty((*self.kind.shape, 0), np.uint8), np.empty((0, 0), np.uint8)
        into = np.empty((len(rows), depth, 0), np.uint8)  # no bytes: what is asked for is ``whole``
        given = rows, streams, self.head, self.size, self.kind, frames, final, self.final_index, into, whole
        replay_kernels.stacks(*given)
        stacks: Parts = self.mirror.gather(rows, streams, depth)
        return stacks

    def done(self, index: np.ndarray) -> np.ndarray:
        """Returns what was done in some steps, row * n_streams + stream: int64 [n], or as it is kept, [n, *shape]."""
        actions: np.ndarray = self.actions.reshape(-1, *self.actions.shape[2:]).take(index, 0)
        return actions.astype(np.int64) if actions.dtype == np.int32 else actions

    def clear(self) -> None:
        """Forgets everything."""
        self.head = self.size = 0
        self.kind[:] = 0
        self.final_index[:] = -1
        self._free = np.arange(len(self._free), dtype=np.int32)
        self._n_free = len(self._free)
        if self.mirror is not None:
            self.mirror.all()

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """Returns everything, as arrays and plain data; rows never written are left out."""
        n = self.size
        return {
            "shape": [self.n_rows, self.n_streams],
            "frames": {name: array[:n].copy() for name, array in self.frames.items()},
            **{name: getattr(self, name)[:n].copy() for name in _SAVED},
            "final": {name: array.copy() for name, array in self.final.items()},
            "free": self._free.copy(),
            "n_free": self._n_free,
            "head": self.head,
            "size": n,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave.

        Raises:
            ValueError: If the state is of a memory of another shape, or not sound. Then nothing has changed.
        """
        self.check(state)
        if MASK in state["frames"]:
            self.keep_masks(np.shape(state["frames"][MASK])[-1])
        self.clear()
        n = self.size = int(state["size"])
        self.head = int(state["head"])
        for name, array in self.frames.items():
            if name in state["frames"]:
                array[:n] = state["frames"][name]
                self.final[name] = np.array(state["final"][name])
            else:  # steps from before masks were kept allowed everything
                array[:] = True
                self.final[name] = np.ones((len(state["free"]), *array.shape[2:]), bool)
        for name in _SAVED:
            getattr(self, name)[:n] = np.asarray(state[name])
        self._free, self._n_free = np.array(state["free"]), int(state["n_free"])
        if self.mirror is not None:
            self.mirror.all()

    def check(self, state: Mapping[str, Any]) -> None:
        """Checks that a state is sound, and of this memory; nothing is changed.

        Raises:
            ValueError: If not. The array and the value are named.
        """
        frames = state["frames"] if isinstance(state.get("frames"), Mapping) else {}
        parts = dict(self.parts)
        if MASK in frames and MASK not in parts:
            parts[MASK] = tuple(np.shape(frames[MASK])[2:]), np.dtype(bool)
        shape = state.get("shape")
        if not isinstance(shape, list | tuple) or any(type(each) is not int for each in shape):
            raise ValueError(f"shape must be rows and streams, not {shape!r}")
        if list(shape) != [self.n_rows, self.n_streams] or frames.keys() - {MASK} != self.parts.keys() - {MASK}:
            rows, streams = shape if len(shape) == 2 else ("?", "?")
            raise ValueError(
                f"the saved memory has {rows} rows x {streams} streams of "
                f"{sorted(frames)}; this one {self.n_rows} x {self.n_streams} of {sorted(self.frames)}"
            )
        parts = {name: part for name, part in parts.items() if name != MASK or MASK in frames}
        check_ring(state, parts, self.actions)

    # Inside

    def _keep(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Makes room for a part; rows written before are zero, but allow every action."""
        make = np.ones if name == MASK else np.zeros
        self.parts[name] = shape, dtype
        self.frames[name] = make((self.n_rows, self.n_streams, *shape), dtype)
        self.final[name] = make((len(self._free), *shape), dtype)

    def _release_finals(self, row: int) -> None:
        """Frees the table's entries of a row that is overwritten."""
        old = self.final_index[row]
        used = old[old >= 0]
        if used.size:
            self._free[self._n_free : self._n_free + used.size] = used
            self._n_free += used.size
            old[:] = -1

    def _store_finals(self, row: int, ended: np.ndarray, finals: Parts) -> None:
        """Keeps the last frames of the streams that ended, in free entries of the table."""
        if self._n_free < ended.size:
            self._grow_table(ended.size)
        self._n_free -= ended.size
        entries = self._free[self._n_free : self._n_free + ended.size]
        for name, value in finals.items():
            self.final[name][entries] = np.reshape(value, (ended.size, *self.parts[name][0]))
            if self.mirror is not None:
                self.mirror.finals(name, entries)
        self.final_index[row, ended] = entries

    def _grow_table(self, n_ended: int) -> None:
        """Doubles the table, or makes it as large as needed at once."""
        before = len(self._free)
        more = max(before, n_ended, 64)
        self._free = np.concatenate([self._free, np.zeros(more, np.int32)])
        self._free[self._n_free : self._n_free + more] = np.arange(before, before + more)
        self._n_free += more
        for name, table in self.final.items():
            self.final[name] = np.concatenate([table, np.zeros((more, *table.shape[1:]), table.dtype)])
            if self.mirror is not None:
                self.mirror.finals(name)
