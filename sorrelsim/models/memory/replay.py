"""Replay memory for many parallel streams, with frame stacks, n-step returns and priorities.

Agents' steps come in by ``add``, learners draw batches of them by ``sample``. A frame is stored once, in its own dtype;
stacks and next states are gathered when sampled. Termination and truncation are told apart, and the true last frame of
every episode is kept, so a time limit bootstraps from what was really seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.models import checked
from sorrelsim.models.checkpoint import load_tree, save_tree
from sorrelsim.models.memory import replay_kernels
from sorrelsim.models.memory.batch import Batch
from sorrelsim.models.memory.joining import rows_of
from sorrelsim.models.memory.priorities import Priorities
from sorrelsim.models.memory.replay_kernels import EMPTY, GOES_ON, TERMINATED, TRUNCATED
from sorrelsim.models.memory.ring import MASK, Ring
from sorrelsim.models.memory.saved import REPLAY_ENTRIES
from sorrelsim.observations.parts import Observation, Parts, as_parts, as_public

if TYPE_CHECKING:
    from sorrelsim.models.memory.rollout import Column
    from sorrelsim.observations.spec import ObservationSpec


class Buffer:
    """A memory of steps, ``capacity // n_streams`` rows long; all streams are written in lockstep.

    Args:
        observations: What one slot observes.
        capacity: Frames held, over all streams.
        n_streams: Parallel streams.
        n_frames: Frames stacked into a state; 1 gives states without a frame axis.
        n_step: Steps summed into a reward.
        gamma: Discount per step, used for the n-step sum.
        priority_exponent: How much the TD error counts in sampling (alpha); 0 samples uniformly.
        seed: Seed of the sampling.
        action: Shape and dtype of an action.

    Attributes:
        capacity: Frames that it can hold, a multiple of the streams.
        rng: The generator of the sampling.
        ring: Where the steps lie.
        priorities: How likely each step is to be drawn, or None.

    Raises:
        ValueError: If it is too small to hold one window and stack per stream.
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
        seed: int | np.random.SeedSequence = 0,
        action: Column = ((), np.int64),
    ) -> None:
        n_rows, least = capacity // n_streams, n_step + n_frames + 1
        if n_rows < least:
            raise ValueError(
                f"a memory of {capacity} frames for {n_streams} streams has {n_rows} rows; {n_frames} frames and "
                f"{n_step} steps need at least {least} rows: {least * n_streams} frames"
            )
        self.n_streams, self.n_frames, self.n_step, self.gamma = n_streams, n_frames, n_step, gamma
        self.capacity, self.rng = n_rows * n_streams, np.random.default_rng(seed)
        self.ring = Ring(observations, n_rows, n_streams, action)
        self.priorities = Priorities(self.capacity, priority_exponent) if priority_exponent > 0 else None
        self._part_names = tuple(observations.parts)
        self._since_empty = 0  # rows written since the last empty one, or since the beginning

    def __len__(self) -> int:
        return self.ring.size * self.n_streams

    # Filling

    def add(
        self,
        obs: Observation,
        action: Any,
        reward: Any,
        done: Any,
        truncated: Any = None,
        final_obs: Observation | None = None,
        mask: np.ndarray | None = None,
        final_mask: np.ndarray | None = None,
    ) -> None:
        """Adds one step of every stream. With one stream, the stream axis may be left out.

        Args:
            obs: The frame acted on, [n_streams, *shape], or by part name.
            action: [n_streams], or [n_streams, *shape].
            reward: [n_streams].
            done: Terminated, bool [n_streams].
            truncated: Ended by a limit, bool [n_streams]: the value goes on beyond. None means none.
            final_obs: Last frames of the streams that ended, in order of stream, [n_ended, *shape].
            mask: Allowed actions at obs, bool [n_streams, n_actions]; None means all.
            final_mask: The same at final_obs, [n_ended, n_actions].

        Raises:
            ValueError: If a stream was truncated and final_obs is missing.
        """
        kind = np.where(np.broadcast_to(np.reshape(done, -1), self.n_streams), TERMINATED, GOES_ON)
        if truncated is not None:
            kind[(kind == GOES_ON) & np.reshape(truncated, -1)] = TRUNCATED
        if final_obs is None and (kind == TRUNCATED).any():
            raise ValueError("a truncated step needs final_obs: without it the next state is lost")
        parts = dict(as_parts(obs))
        if mask is not None:
            self.ring.keep_masks(np.shape(mask)[-1])
        if self.ring.has_mask:
            parts[MASK] = np.broadcast_to(True if mask is None else mask, (self.n_streams, *self.ring.parts[MASK][0]))
        finals = None if final_obs is None else dict(as_parts(final_obs))
        if finals is not None and self.ring.has_mask:
            known = True if final_mask is None else final_mask
            finals[MASK] = np.broadcast_to(known, (int(np.count_nonzero(kind)), *self.ring.parts[MASK][0]))
        self._write(parts, action, reward, kind, finals)

    def add_empty(self) -> None:
        """Adds an all-zero frame to every stream: a boundary that no stack and no n-step window crosses."""
        zeros = {name: np.zeros_like(frames[0]) for name, frames in self.ring.frames.items()}
        self._write(zeros, 0, 0.0, EMPTY, None)

    def add_from_buffer(self, other: Buffer) -> None:
        """Adds all steps of another memory of as many streams, oldest first, between two boundaries.

        Raises:
            ValueError: If the other memory holds other streams or observations, or is this one.
        """
        for row in rows_of(other, self):
            self._write(*row)

    def _write(self, parts: Parts, action: Any, reward: Any, kind: Any, finals: Parts | None) -> None:
        """Writes a row of the ring, and says which steps can be drawn now."""
        ring = self.ring
        overwritten = ring.head if ring.size == ring.n_rows else None
        ring.write(parts, action, reward, kind, finals)
        self._since_empty = 0 if np.ndim(kind) == 0 and kind == EMPTY else self._since_empty + 1
        if self.priorities is not None:
            self._prioritise(self.priorities, overwritten)

    def _prioritise(self, priorities: Priorities, overwritten: int | None) -> None:
        """Gives what can be drawn since a row was written the priority of new steps, and takes away what cannot now.

        Args:
            priorities: The memory's.
            overwritten: The row that was written, if another lay there.
        """
        ring, n = self.ring, self.n_streams
        if overwritten is not None:
            priorities.fill(overwritten * n, overwritten * n + n, 0.0)
        if ring.size == ring.n_rows:  # stacks of the oldest rows cross the write head
            for age in range(self.n_frames - 1):
                start = (ring.head + age) % ring.n_rows * n
                priorities.fill(start, start + n, 0.0)
        if ring.size > self.n_step:  # a step can be drawn once its window is complete
            start = (ring.head - 1 - self.n_step) % ring.n_rows * n
            if self._since_empty > self.n_step:
                priorities.fill(start, start + n, priorities.top)
            else:
                places = np.arange(start, start + n)
                priorities.put(places, self._whole(places) * priorities.top)

    def _whole(self, places: np.ndarray) -> np.ndarray:
        """Returns 1 for places whose window is complete and crosses no empty row, else 0: float64 [n]."""
        return self.windows(places)[0][replay_kernels.VALID].astype(np.float64)

    def windows(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns what ``transitions`` says of the steps at some places.

        Returns:
            Returns, discounts and the rest, float32 [4, n]; rows of the steps and then of what follows them, [2 n]; and
            the steps' streams, [n].
        """
        ring, n = self.ring, len(index)
        into = np.empty((4, n), np.float32), np.empty(2 * n, np.int64), np.empty(n, np.int64)
        replay_kernels.transitions(index, ring.head, ring.size, self.n_step, self.gamma, ring.kind, ring.rewards, *into)
        return into

    def clear(self) -> None:
        """Forgets everything."""
        self.ring.clear()
        self._since_empty = 0
        if self.priorities is not None:
            self.priorities.clear()

    # Drawing

    def current_state(self, obs: Observation | None = None) -> Observation:
        """Returns the newest state of every stream, [n_streams, (n_frames,) *shape].

        Args:
            obs: The frame just observed and not yet added; None ends the stack at the last frame added.

        Raises:
            ValueError: If there is no frame at all.
        """
        ring, n, depth = self.ring, self.n_streams, self.n_frames
        if ring.size == 0 and obs is None:
            raise ValueError("the memory is empty: there is no current state")
        given = {} if obs is None else as_parts(obs)
        older = depth - 1 if given else depth
        row, whole = (ring.head - 1) % ring.n_rows, np.ones(n, np.float32)
        states: Parts = {}
        for name in self._part_names:
            shape, dtype = ring.parts[name]
            state = np.zeros((n, depth, *shape), dtype)
            if older and ring.size:
                gathered = ring.gather(name, np.full(n, row, np.int64), np.arange(n), older, whole)
                # A frame that follows an end begins a new episode, and nothing lies behind an empty frame.
                gathered[ring.kind[row] != GOES_ON if given else ring.kind[row] == EMPTY] = 0
                state[:, :older] = gathered
            if given:
                state[:, -1] = np.reshape(given[name], (n, *shape))
            states[name] = state[:, 0] if depth == 1 else state
        return as_public(states)

    def sample(self, batch_size: int, priority_correction: float = 1.0, n_batches: int = 1) -> Batch:
        """Draws steps with replacement.

        Args:
            batch_size: Steps to draw.
            priority_correction: How much of the bias of priorities the weights undo (beta).
            n_batches: Batches of one size that these are, each drawn by priorities as it would be alone.

        Raises:
            ValueError: If more steps are asked for than the memory holds.
        """
        if batch_size > len(self):
            raise ValueError(
                f"cannot sample a batch of {batch_size}: the memory holds {len(self)} steps (capacity {self.capacity})"
            )
        ring = self.ring
        index, weights = self._draw(batch_size, priority_correction, n_batches)
        (returns, discounts, dones, valid), rows, streams = self.windows(index)
        # States, and then those that follow them, in one pass: a state that is whole has a next state that is.
        stacks = ring.states(self._part_names, rows, streams, self.n_frames, valid)
        if self.n_frames == 1:
            stacks = {name: stack[:, 0] for name, stack in stacks.items()}
        states = as_public({name: stack[:batch_size] for name, stack in stacks.items()})
        next_states = as_public({name: stack[batch_size:] for name, stack in stacks.items()})
        masks = next_masks = None
        if ring.has_mask:
            masks, next_masks = np.split(ring.gather(MASK, rows, streams, 1, valid)[:, 0], 2)
            next_masks[~next_masks.any(1)] = True  # where nothing follows
        actions = ring.done(index)
        return Batch(states, actions, returns, next_states, dones, valid, discounts, weights, index, masks, next_masks)

    def _draw(self, batch_size: int, correction: float, n_batches: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draws steps to sample: their places, int64 [batch], and weights, float32 [batch]."""
        if self.priorities is not None and self.priorities.tree[1] > 0:
            return self.priorities.draw(self.rng.random(batch_size), len(self), correction, n_batches)
        # Leave out what is known to be incomplete: the newest windows, and the oldest stacks once the ring is full.
        ring, n = self.ring, self.n_streams
        first = self.n_frames - 1 if ring.size == ring.n_rows else 0
        last = ring.size - self.n_step if ring.size - self.n_step > first else ring.size
        age, stream = np.divmod(self.rng.integers(first * n, last * n, batch_size), n)
        return (ring.head - ring.size + age) % ring.n_rows * n + stream, np.ones(batch_size, np.float32)

    def update_priorities(self, index: np.ndarray, errors: np.ndarray) -> None:
        """Sets the priorities of sampled steps to (|error| + 1e-6) ** priority_exponent.

        Args:
            index: ``Batch.index``.
            errors: TD errors, [batch].

        Raises:
            ValueError: If this memory has no priorities.
        """
        if self.priorities is None:
            raise ValueError("this memory has no priorities: build it with priority_exponent above 0")
        self.priorities.update(index, errors)

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """Returns everything, as arrays and plain data; rows never written are left out."""
        return self.ring.state_dict() | {
            "rng": self.rng.bit_generator.state,
            "tree": None if self.priorities is None else self.priorities.tree.copy(),
            "top_priority": 1.0 if self.priorities is None else self.priorities.top,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave.

        Raises:
            ValueError: If the state is of a memory of another shape, or not sound. Then nothing has changed.
        """
        self.check(state)
        self.ring.load_state_dict(state)
        self.rng.bit_generator.state = state["rng"]
        self._since_empty = 0
        if self.priorities is not None:
            self.priorities.clear()
            self.priorities.load(state)
            self._take_up_priorities(state["tree"] is not None)

    def _take_up_priorities(self, known: bool) -> None:
        """Gives loaded steps the priorities that they would have here.

        Those of a memory without priorities get that of new steps, and none has a window that crosses an empty row.

        Args:
            known: Whether the priorities were loaded too.
        """
        ring, priorities = self.ring, self.priorities
        assert priorities is not None
        first = self.n_frames - 1 if ring.size == ring.n_rows else 0
        ages = np.arange(first, max(first, ring.size - self.n_step))
        rows = (ring.head - ring.size + ages) % ring.n_rows
        places = (rows[:, None] * self.n_streams + np.arange(self.n_streams)).reshape(-1)
        whole = self._whole(places)
        if known:
            places = places[whole == 0]
            whole = whole[whole == 0]
        priorities.put(places, whole * priorities.top)

    def check(self, state: Mapping[str, Any]) -> None:
        """Checks that a state is sound, and of this memory; nothing is changed.

        Raises:
            ValueError: If not. The array and the value are named.
        """
        checked.names("the saved memory", state, (*REPLAY_ENTRIES, "rng", "tree", "top_priority"))
        self.ring.check(state)
        checked.random_state("the saved memory's rng", state["rng"], self.rng)
        if self.priorities is not None:
            self.priorities.check(state, state["size"] * self.n_streams)

    def save(self, path: str | Path) -> None:
        """Writes the memory to a file, whole or not at all."""
        save_tree(path, self.state_dict())

    def load(self, path: str | Path) -> None:
        """Restores a saved memory. Never executes code from the file."""
        state = load_tree(path)
        try:
            self.load_state_dict(state)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
