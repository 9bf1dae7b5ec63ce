"""Replay memory that draws sequences of steps, with what a recurrent network remembered where they were lived.

A sequence belongs to one episode. Before it lie steps to burn in by: a network is run over them from the state that was
stored with the first, so that it begins with a state of its own (Kapturowski et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.models import checked
from sorrelsim.models.memory import replay_kernels
from sorrelsim.models.memory.priorities import Priorities
from sorrelsim.models.memory.replay import Buffer
from sorrelsim.models.memory.replay_kernels import EMPTY, GOES_ON
from sorrelsim.models.memory.ring import MASK
from sorrelsim.observations.parts import Parts

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


@dataclass(frozen=True)
class Sequences:
    """Sampled sequences: ``burn_in`` steps, ``length`` steps to learn from, and ``n_step`` more states, B of each.

    Attributes:
        states: By part name, [burn_in + length + n_step, B, (n_frames,) *shape]. Behind an episode's last step lies its
            true last state.
        begins: Whether a state is an episode's first, so that nothing is remembered there; bool, as ``states``.
        carry: What was remembered before the first of these states, by name, float32 [B, *shape].
        actions: int64 [length, B], and so the following: of the steps to learn from.
        rewards: n-step returns, float32.
        discounts: float32, gamma to the power of the steps summed; 0 where nothing follows.
        valid: float32, 0 behind the episode's end.
        later: int64, which of the states behind the burn-in the return goes on from.
        masks: Allowed actions in the states behind the burn-in, bool [length + n_step, B, n_actions], or None.
        weights: float32 [B], importance weights.
        index: int64 [B], for ``update_priorities``.
    """

    states: Parts
    begins: np.ndarray
    carry: Parts
    actions: np.ndarray
    rewards: np.ndarray
    discounts: np.ndarray
    valid: np.ndarray
    later: np.ndarray
    masks: np.ndarray | None
    weights: np.ndarray
    index: np.ndarray


class SequenceBuffer(Buffer):
    """A memory whose places are sequences: one begins with every episode, and every half length from there on.

    Args:
        observations: What one slot observes.
        capacity: Frames held, over all streams.
        n_streams: Parallel streams.
        n_frames: Frames stacked into a state.
        n_step: Steps summed into a reward.
        gamma: Discount per step.
        priority_exponent: How much the error counts in sampling.
        seed: Seed of the sampling.
        length: Steps of a sequence.
        burn_in: Steps before it.
        carry: Shapes of what a network remembers of a stream, by name.

    Attributes:
        carries: What was remembered before each step, by name, float32 [n_rows, n_streams, *shape].
        begins: Whether a step is an episode's first, bool [n_rows, n_streams].

    Raises:
        ValueError: If it is too small to hold one sequence per stream.
    """

    priorities: Priorities

    def __init__(
        self,
        observations: ObservationSpec,
        capacity: int,
        n_streams: int,
        n_frames: int,
        n_step: int,
        gamma: float,
        priority_exponent: float,
        seed: int | np.random.SeedSequence,
        *,
        length: int,
        burn_in: int,
        carry: Mapping[str, tuple[int, ...]],
    ) -> None:
        self.length, self.burn_in = length, burn_in
        self.span = length + n_step  # rows that a sequence must have behind its first
        rows, needed = capacity // n_streams, burn_in + self.span + n_frames
        if rows < needed:
            raise ValueError(
                f"a memory of {capacity} frames for {n_streams} streams has {rows} rows; sequences of {length} steps, "
                f"{burn_in} before and {n_step} behind need at least {needed} rows: {needed * n_streams} frames"
            )
        super().__init__(observations, capacity, n_streams, n_frames, n_step, gamma, priority_exponent, seed)
        self.carries = {name: np.zeros((rows, n_streams, *shape), np.float32) for name, shape in carry.items()}
        self.begins = np.zeros((rows, n_streams), bool)
        self._since = np.zeros(n_streams, np.int64)  # steps of the running episodes
        self._starts = np.zeros((rows, n_streams), bool)  # whether a sequence begins with a step
        self._has_carry = False

    def keep_carry(self, carry: Mapping[str, np.ndarray]) -> None:
        """Takes in what is remembered before the step that is added next."""
        for name, kept in self.carries.items():
            kept[self.ring.head] = carry[name]
        self._has_carry = True

    def _write(self, parts: Parts, action: Any, reward: Any, kind: Any, finals: Parts | None) -> None:
        row = self.ring.head
        if not self._has_carry:
            for kept in self.carries.values():
                kept[row] = 0
        self._has_carry = False
        empty = np.ndim(kind) == 0 and kind == EMPTY
        self.begins[row] = (self._since == 0) & ~empty
        self._starts[row] = (self._since % max(1, self.length // 2) == 0) & ~empty
        self._since = np.where(np.broadcast_to(kind, self.n_streams) == GOES_ON, self._since + 1, 0)
        super()._write(parts, action, reward, kind, finals)

    def _prioritise(self, priorities: Priorities, overwritten: int | None) -> None:
        ring, n = self.ring, self.n_streams
        if overwritten is not None:
            if overwritten == 0:  # the first sequences of all had fewer steps before them
                priorities.fill(0, (self.burn_in + 1) * n, 0.0)
            last = (overwritten + self.burn_in) % ring.n_rows * n
            priorities.fill(last, last + n, 0.0)  # its burn-in began with what was overwritten
        if ring.size >= self.span:
            row = (ring.head - self.span) % ring.n_rows
            priorities.put(np.arange(row * n, row * n + n), self._starts[row] * priorities.top)

    def _take_up_priorities(self, known: bool) -> None:
        """Leaves loaded priorities as they are: a file without them is no memory of sequences."""

    def clear(self) -> None:
        """Forgets everything."""
        super().clear()
        self._since[:] = 0

    def sample_sequences(self, batch_size: int, priority_correction: float = 1.0) -> Sequences:
        """Draws sequences with replacement.

        Args:
            batch_size: Sequences to draw.
            priority_correction: How much of the bias of priorities the weights undo (beta).

        Raises:
            ValueError: If none is complete yet.
        """
        if not self.priorities.tree[1] > 0:
            raise ValueError(f"no sequence of {self.length} steps and {self.n_step} behind is complete yet")
        ring, length = self.ring, self.length
        index, weights = self._draw(batch_size, priority_correction)
        start, streams = np.divmod(index, self.n_streams)
        rows = (start + np.arange(-self.burn_in, self.span)[:, None]) % ring.n_rows  # [steps, batch]
        begins = self.begins[rows, streams]
        first, all_streams = rows[0], np.tile(streams, (len(rows), 1))
        # The row behind the episode's last step shows its true last state, which nothing else is known to follow.
        ended = ring.kind[rows[self.burn_in :], streams] != GOES_ON
        end = np.where(ended.any(0), ended.argmax(0), self.span)
        over = np.flatnonzero(end < self.span - 1)
        behind = self.burn_in + end[over] + 1
        rows[behind, over] = -1 - rows[behind - 1, over]
        begins[behind, over] = False
        windows, following = self._windows(index, start, streams)
        offset = np.where(following >= 0, following - start, -following - start)  # -1 - row is behind that row
        valid = windows[replay_kernels.VALID] * (np.arange(length)[:, None] <= end)
        whole = np.ones(rows.size, np.float32)
        flat = rows.reshape(-1), all_streams.reshape(-1)
        states = {name: ring.gather(name, *flat, self.n_frames, whole) for name in self._part_names}
        learned = rows[self.burn_in : self.burn_in + length]
        return Sequences(
            {name: self._shaped(stack, rows.shape) for name, stack in states.items()},
            begins,
            {name: kept[first, streams] for name, kept in self.carries.items()},
            ring.actions[np.where(learned < 0, 0, learned), streams].astype(np.int64),
            windows[replay_kernels.RETURN],
            windows[replay_kernels.DISCOUNT] * (1 - windows[replay_kernels.DONE]),
            valid * whole.reshape(rows.shape)[self.burn_in : self.burn_in + length],
            np.minimum(offset % ring.n_rows, self.span - 1),
            self._masks(rows[self.burn_in :], all_streams[self.burn_in :]),
            weights,
            index,
        )

    def _windows(self, index: np.ndarray, start: np.ndarray, streams: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns what ``transitions`` says of the steps to learn from: [4, length, batch] and [length, batch]."""
        steps = (start + np.arange(self.length)[:, None]) % self.ring.n_rows * self.n_streams + streams
        windows, rows, _ = self.windows(steps.reshape(-1))
        return windows.reshape(4, *steps.shape), rows[steps.size :].reshape(steps.shape)

    def _shaped(self, stack: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
        return (stack[:, 0] if self.n_frames == 1 else stack).reshape(*lead, *stack.shape[1 + (self.n_frames == 1) :])

    def _masks(self, rows: np.ndarray, streams: np.ndarray) -> np.ndarray | None:
        if not self.ring.has_mask:
            return None
        masks = self.ring.gather(MASK, rows.reshape(-1), streams.reshape(-1), 1, np.ones(rows.size, np.float32))[:, 0]
        masks[~masks.any(1)] = True
        return masks.reshape(*rows.shape, -1)

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """Returns everything, as arrays and plain data; rows never written are left out."""
        n = self.ring.size
        return super().state_dict() | {
            "carries": {name: kept[:n].copy() for name, kept in self.carries.items()},
            "begins": self.begins[:n].copy(),
            "starts": self._starts[:n].copy(),
            "since": self._since.copy(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave.

        Raises:
            ValueError: If the state is of a memory of another shape, or not sound. Then nothing has changed.
        """
        super().load_state_dict(state)
        n = self.ring.size
        for name, kept in self.carries.items():
            kept[:n] = state["carries"][name]
        self.begins[:n], self._starts[:n], self._since[:] = state["begins"], state["starts"], state["since"]

    def check(self, state: Mapping[str, Any]) -> None:
        """Checks that a state is sound, and of this memory; nothing is changed.

        Raises:
            ValueError: If not. The array and the value are named.
        """
        own = ("carries", "begins", "starts", "since")
        checked.names("the saved memory", {name: state[name] for name in own if name in state}, own)
        super().check({name: value for name, value in state.items() if name not in own})
        if state["tree"] is None:
            raise ValueError("tree is none, but a memory of sequences is drawn from by priorities")
        rows = (state["size"], self.n_streams)
        carries = checked.names("carries", state["carries"], self.carries)
        for name, kept in self.carries.items():
            checked.array(f"carries {name}", carries[name], (rows[0], *kept.shape[1:]), np.float32)
        for name in ("begins", "starts"):
            checked.array(name, state[name], rows, bool)
        checked.array("since", state["since"], (self.n_streams,), np.int64, 0)
