"""Replay memory for many parallel streams, with frame stacks, n-step returns and priorities.

A frame is stored once, in its own dtype; stacks and next states are gathered when sampled. Termination and
truncation
are told apart, and the true last frame of every episode is kept, so a time limit bootstraps from what was
really seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.models.base import Arrays
from sorrelsim.models.checkpoint import load_tree, save_tree

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec

_MASK = "action mask"  # stored beside the parts of an observation; the blank keeps it from clashing with one


@dataclass(frozen=True)
class Batch:
    """Sampled steps. Unpacks as `states, actions, rewards, next_states, dones, valid = batch`.

    Attributes:
        states: [batch, *shape], or [batch, n_frames, *shape] if frames are stacked; dicts of these by part
            name.
        actions: [batch].
        rewards: n-step returns, float32 [batch].
        next_states: states n steps later, or the episode's true last one if it ended sooner; same shape as
            states.
        dones: float32 [batch], 1 where the window ended by termination: there nothing follows.
        valid: float32 [batch], 0 where a stack or a window would cross the write head or an unknown boundary.
        discounts: float32 [batch], gamma to the power of the steps in the window; multiplies the next state's
            value.
        weights: float32 [batch], importance weights; 1 without priorities.
        index: int64 [batch], for `update_priorities`.
        masks: allowed actions in states, bool [batch, n_actions], or None.
        next_masks: the same in next_states; all true at an episode's end.
    """

    states: Arrays
    actions: np.ndarray
    rewards: np.ndarray
    next_states: Arrays
    dones: np.ndarray
    valid: np.ndarray
    discounts: np.ndarray
    weights: np.ndarray
    index: np.ndarray
    masks: np.ndarray | None = None
    next_masks: np.ndarray | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.states, self.actions, self.rewards, self.next_states, self.dones, self.valid))


class Buffer:
    """A ring of steps, `capacity // n_streams` rows long; all streams are written in lockstep.

    Args:
        observations: what one slot observes.
        capacity: frames held, over all streams.
        n_streams: parallel streams.
        n_frames: frames stacked into a state; 1 gives states without a frame axis.
        n_step: steps summed into a reward.
        gamma: discount a step, used for the n-step sum.
        priority_exponent: alpha of prioritised replay (Schaul et al. 2016); 0 samples uniformly.
        seed: seed of the sampling.

    Raises:
        ValueError: too small to hold one window and stack a stream.
    """

    def __init__(
        self,
        observations: ObservationSpec,
        capacity: int,
        n_streams: int = 1,
        n_frames: int = 1,
        n_step: int = 1,
        gamma: float = 0.99,
        priority_exponent: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.n_rows = capacity // n_streams
        if self.n_rows < n_step + n_frames + 1:
            raise ValueError(
                f"a memory of {capacity} frames for {n_streams} streams has {self.n_rows} rows; {n_frames} frames and "
                f"{n_step} steps need at least {n_step + n_frames + 1} rows: "
                f"{(n_step + n_frames + 1) * n_streams} frames"
            )
        self.n_streams, self.n_frames, self.n_step, self.gamma = n_streams, n_frames, n_step, gamma
        self.capacity = self.n_rows * n_streams
        self._is_dict = tuple(observations.parts) != ("grid",)
        self._parts = {name: (tuple(p.shape), np.dtype(p.dtype)) for name, p in observations.parts.items()}
        self._has_mask = False
        rows = (self.n_rows, n_streams)
        self._frames = {name: np.zeros(rows + shape, dtype) for name, (shape, dtype) in self._parts.items()}
        self._bytes = {name: _as_bytes(array, 2) for name, array in self._frames.items()}
        self._actions = np.zeros(rows, np.int32)
        self._rewards = np.zeros(rows, np.float32)
        self._kind = np.zeros(rows, np.uint8)  # see _gather.py: 0 goes on, 1 terminated, 2 truncated, 3 empty
        # True last frames of episodes lie in a table aside, so that streams stay in lockstep.
        self._final_index = np.full(rows, -1, np.int32)
        self._final = {name: np.zeros((0, *shape), dtype) for name, (shape, dtype) in self._parts.items()}
        self._free = np.zeros(0, np.int32)
        self._n_free = 0
        self.rng = np.random.default_rng(seed)
        self.priority_exponent = priority_exponent
        self._tree = np.zeros(2 << max(0, self.capacity - 1).bit_length()) if priority_exponent > 0 else None
        self._top_priority = 1.0
        self.head = 0
        self.size = 0
        # Compiled on first use; imported here so that numba loads only where there is a memory.
        from sorrelsim.models.memory import replay_kernels as _gather

        self._kernels = _gather

    def __len__(self) -> int:
        return self.size * self.n_streams

    def add(
        self,
        obs: Arrays,
        action: Any,
        reward: Any,
        done: Any,
        truncated: Any = None,
        final_obs: Arrays | None = None,
        mask: np.ndarray | None = None,
    ) -> None:
        """Adds one step of every stream. With one stream, the stream axis may be left out.

        Args:
            obs: the frame acted on, [n_streams, *shape] (or by part name).
            action: [n_streams].
            reward: [n_streams].
            done: bool [n_streams], terminated.
            truncated: bool [n_streams], ended by a limit: its value goes on beyond. None means none.
            final_obs: last frames of the streams that ended, in order of stream, [n_ended, *shape].
            mask: allowed actions at obs, bool [n_streams, n_actions]; None means all.

        Raises:
            ValueError: a stream was truncated and final_obs is missing.
        """
        row, n = self.head, self.n_streams
        for name, value in self._named(obs).items():
            self._frames[name][row] = np.reshape(value, (n, *self._parts[name][0]))
        if mask is not None and not self._has_mask:
            self._keep_masks(np.shape(mask)[-1])
        if self._has_mask:
            self._frames[_MASK][row] = True if mask is None else mask
        self._actions[row] = action
        self._rewards[row] = reward
        kind = self._kind[row]
        kind[:] = np.reshape(done, -1)
        if truncated is not None:
            kind[(kind == 0) & np.reshape(truncated, -1)] = 2
        self._release_finals(row)
        ended = np.flatnonzero(kind)
        if ended.size:
            if final_obs is not None:
                self._store_finals(row, ended, self._named(final_obs))
            elif (kind == 2).any():
                raise ValueError("a truncated step needs final_obs: without it the next state is lost")
        self._advance()

    def add_empty(self) -> None:
        """Adds an all-zero frame to every stream: a boundary that no stack and no n-step window crosses."""
        row = self.head
        for array in self._frames.values():
            array[row] = 0
        self._actions[row], self._rewards[row], self._kind[row] = 0, 0.0, self._kernels.EMPTY
        self._release_finals(row)
        self._advance()

    def current_state(self, obs: Arrays | None = None) -> Arrays:
        """The newest state of every stream, [n_streams, (n_frames,) *shape].

        Args:
            obs: the frame just observed and not yet added; None ends the stack at the last frame added.
        """
        if self.size == 0 and obs is None:
            raise ValueError("the memory is empty: there is no current state")
        n, depth = self.n_streams, self.n_frames
        given = {} if obs is None else self._named(obs)
        older = depth - 1 if given else depth
        row, whole = (self.head - 1) % self.n_rows, np.ones(n, np.float32)
        result: dict[str, np.ndarray] = {}
        for name in self._part_names():
            shape, dtype = self._parts[name]
            out = np.zeros((n, depth, *shape), dtype)
            if older and self.size:
                rows = np.full(n, row, np.int64)
                gathered = self._gather(name, rows, np.arange(n), older, whole)
                # A frame that follows an end begins a new episode, and nothing lies behind an empty frame.
                gathered[self._kind[row] != 0 if given else self._kind[row] == self._kernels.EMPTY] = 0
                out[:, :older] = gathered
            if given:
                out[:, -1] = np.reshape(given[name], (n, *shape))
            result[name] = out[:, 0] if depth == 1 else out
        return result if self._is_dict else result["grid"]

    def sample(self, batch_size: int, priority_correction: float = 1.0) -> Batch:
        """Draws steps with replacement.

        Args:
            batch_size: steps to draw.
            priority_correction: beta of the importance weights; matters with priorities only.

        Raises:
            ValueError: more steps asked for than the memory holds.
        """
        if batch_size > len(self):
            raise ValueError(
                f"cannot sample a batch of {batch_size}: the memory holds {len(self)} steps (capacity {self.capacity})"
            )
        index, weights = self._draw(batch_size, priority_correction)
        out_return, out_discount, dones, valid = (np.empty(batch_size, np.float32) for _ in range(4))
        following = np.empty(batch_size, np.int64)
        self._kernels.transitions(
            index,
            self.head,
            self.size,
            self.n_step,
            self.gamma,
            self._kind,
            self._rewards,
            out_return,
            out_discount,
            dones,
            valid,
            following,
        )
        rows, streams = np.divmod(index, self.n_streams)
        states = {name: self._states(name, rows, streams, valid) for name in self._part_names()}
        untouched = np.ones(batch_size, np.float32)  # a state that is whole has a next state that is
        next_states = {name: self._states(name, following, streams, untouched) for name in self._part_names()}
        masks = next_masks = None
        if self._has_mask:
            masks = self._gather(_MASK, rows, streams, 1, untouched)[:, 0]
            next_masks = self._gather(_MASK, following, streams, 1, untouched)[:, 0]
            next_masks[following < 0] = True
        return Batch(
            states if self._is_dict else states["grid"],
            self._actions[rows, streams].astype(np.int64),
            out_return,
            next_states if self._is_dict else next_states["grid"],
            dones,
            valid,
            out_discount,
            weights,
            index,
            masks,
            next_masks,
        )

    def update_priorities(self, index: np.ndarray, errors: np.ndarray) -> None:
        """Sets the priorities of sampled steps to (|error| + 1e-6) ** priority_exponent.

        Args:
            index: `Batch.index`.
            errors: TD errors, [batch].
        """
        if self._tree is None:
            raise ValueError("this memory has no priorities: build it with priority_exponent above 0")
        values = (np.abs(errors.astype(np.float64)) + 1e-6) ** self.priority_exponent
        self._top_priority = max(self._top_priority, float(values.max()))
        self._kernels.tree_set(self._tree, index, values)

    def clear(self) -> None:
        """Forgets everything."""
        self.head = self.size = 0
        self._kind[:] = 0
        self._final_index[:] = -1
        self._free = np.arange(len(self._free), dtype=np.int32)
        self._n_free = len(self._free)
        self._top_priority = 1.0
        if self._tree is not None:
            self._tree[:] = 0

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """Everything, as arrays and plain data; rows never written are left out."""
        n = self.size
        return {
            "shape": [self.n_rows, self.n_streams],
            "frames": {name: array[:n].copy() for name, array in self._frames.items()},
            "actions": self._actions[:n].copy(),
            "rewards": self._rewards[:n].copy(),
            "kind": self._kind[:n].copy(),
            "final_index": self._final_index[:n].copy(),
            "final": {name: array.copy() for name, array in self._final.items()},
            "free": self._free.copy(),
            "n_free": self._n_free,
            "rng": self.rng.bit_generator.state,
            "tree": None if self._tree is None else self._tree.copy(),
            "top_priority": self._top_priority,
            "head": self.head,
            "size": n,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` gave.

        Raises:
            ValueError: the state is of a memory of another shape.
        """
        if _MASK in state["frames"] and not self._has_mask:
            self._keep_masks(np.shape(state["frames"][_MASK])[-1])
        if list(state["shape"]) != [self.n_rows, self.n_streams] or set(state["frames"]) != set(self._frames):
            raise ValueError(
                f"the saved memory has {state['shape'][0]} rows x {state['shape'][1]} streams of "
                f"{sorted(state['frames'])}; this one {self.n_rows} x {self.n_streams} of {sorted(self._frames)}"
            )
        self.clear()
        n = self.size = int(state["size"])
        self.head = int(state["head"])
        for name, array in self._frames.items():
            array[:n] = np.asarray(state["frames"][name])
            self._final[name] = np.array(state["final"][name])
        self._actions[:n], self._rewards[:n] = np.asarray(state["actions"]), np.asarray(state["rewards"])
        self._kind[:n], self._final_index[:n] = np.asarray(state["kind"]), np.asarray(state["final_index"])
        self._free, self._n_free = np.array(state["free"]), int(state["n_free"])
        self.rng.bit_generator.state = state["rng"]
        self._top_priority = float(state["top_priority"])
        if self._tree is not None and state["tree"] is not None:
            self._tree[:] = np.asarray(state["tree"])

    def save(self, path: str | Path) -> None:
        """Writes the memory to a file, whole or not at all."""
        save_tree(path, self.state_dict())

    def load(self, path: str | Path) -> None:
        """Restores a saved memory. Never executes code from the file."""
        self.load_state_dict(load_tree(path))

    # Inside

    def _part_names(self) -> list[str]:
        return [name for name in self._parts if name != _MASK]

    def _named(self, obs: Arrays) -> dict[str, np.ndarray]:
        return obs if isinstance(obs, dict) else {"grid": obs}

    def _keep_masks(self, n_actions: int) -> None:
        """Makes room for action masks, once a world shows that it has them; steps before allowed everything."""
        self._has_mask = True
        self._parts[_MASK] = ((n_actions,), np.dtype(bool))
        self._frames[_MASK] = np.ones((self.n_rows, self.n_streams, n_actions), bool)
        self._bytes[_MASK] = _as_bytes(self._frames[_MASK], 2)
        self._final[_MASK] = np.ones((len(self._free), n_actions), bool)

    def _advance(self) -> None:
        row, n = self.head, self.n_streams
        if self._tree is not None:
            if self.size == self.n_rows:  # stacks of the oldest rows now cross the write head
                for k in range(self.n_frames):
                    start = (row + k) % self.n_rows * n
                    self._kernels.tree_fill(self._tree, start, start + n, 0.0)
            if self.size >= self.n_step:  # a step can be drawn once its window is complete
                start = (row - self.n_step) % self.n_rows * n
                self._kernels.tree_fill(self._tree, start, start + n, self._top_priority)
        self.head = (row + 1) % self.n_rows
        self.size = min(self.size + 1, self.n_rows)

    def _draw(self, batch_size: int, correction: float) -> tuple[np.ndarray, np.ndarray]:
        """Steps to sample, int64 [batch], and their weights, float32 [batch]."""
        if self._tree is not None and self._tree[1] > 0:
            index, share = np.empty(batch_size, np.int64), np.empty(batch_size)
            self._kernels.tree_find(self._tree, self.rng.random(batch_size), index, share)
            weights = (len(self) * share) ** -correction
            return index, (weights / weights.max()).astype(np.float32)
        # Leave out what is known to be incomplete: the newest windows, and the oldest stacks once the ring is
        # full.
        first = self.n_frames - 1 if self.size == self.n_rows else 0
        last = self.size - self.n_step if self.size - self.n_step > first else self.size
        age, stream = np.divmod(
            self.rng.integers(first * self.n_streams, last * self.n_streams, batch_size), self.n_streams
        )
        return (self.head - self.size + age) % self.n_rows * self.n_streams + stream, np.ones(batch_size, np.float32)

    def _states(self, name: str, rows: np.ndarray, streams: np.ndarray, whole: np.ndarray) -> np.ndarray:
        out = self._gather(name, rows, streams, self.n_frames, whole)
        return out[:, 0] if self.n_frames == 1 else out

    def _gather(self, name: str, rows: np.ndarray, streams: np.ndarray, depth: int, whole: np.ndarray) -> np.ndarray:
        """Stacks of one part, [len(rows), depth, *shape]; clears `whole` where one is not all there."""
        shape, dtype = self._parts[name]
        source = self._bytes[name]
        out = np.empty((len(rows), depth, source.shape[2]), np.uint8)
        self._kernels.stacks(
            rows,
            streams,
            self.head,
            self.size,
            self._kind,
            source,
            _as_bytes(self._final[name], 1),
            self._final_index,
            out,
            whole,
        )
        return out.view(dtype).reshape(len(rows), depth, *shape)

    def _release_finals(self, row: int) -> None:
        """Frees the table entries of a row about to be overwritten."""
        old = self._final_index[row]
        used = old[old >= 0]
        if used.size:
            self._free[self._n_free : self._n_free + used.size] = used
            self._n_free += used.size
            old[:] = -1

    def _store_finals(self, row: int, ended: np.ndarray, final: Mapping[str, np.ndarray]) -> None:
        """Keeps the last frames of the streams that ended, in free table entries; the table doubles when
        full.
        """
        if self._n_free < ended.size:
            before = len(self._free)
            extra = max(before, ended.size, 64)
            self._free = np.concatenate([self._free, np.zeros(extra, np.int32)])
            self._free[self._n_free : self._n_free + extra] = np.arange(before, before + extra)
            self._n_free += extra
            for name, table in self._final.items():
                grown = np.zeros((before + extra, *table.shape[1:]), table.dtype)
                grown[:before] = table
                self._final[name] = grown
        self._n_free -= ended.size
        entries = self._free[self._n_free : self._n_free + ended.size]
        for name, value in final.items():
            self._final[name][entries] = np.reshape(value, (ended.size, *self._parts[name][0]))
        self._final_index[row, ended] = entries


def _as_bytes(array: np.ndarray, n_leading: int) -> np.ndarray:
    """The same memory as uint8 [*leading, bytes of one frame]."""
    leading = array.shape[:n_leading]
    frame_bytes = int(np.prod(array.shape[n_leading:], dtype=np.int64)) * array.dtype.itemsize
    return array.reshape(-1).view(np.uint8).reshape(*leading, frame_bytes)
