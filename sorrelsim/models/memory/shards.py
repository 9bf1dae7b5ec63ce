"""Replay memory that several actors fill: what each of them sends of its steps, and the shards in which these lie.

Streams of one actor move in lockstep and those of two do not, so each actor's steps lie in a memory of their own, a
shard. A batch is drawn from all of them together, by the priorities of all (Horgan et al. 2018, algorithm 2).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sorrelsim.models import checked
from sorrelsim.models.memory.appraised import AppraisedBuffer, Appraising
from sorrelsim.models.memory.batch import Batch
from sorrelsim.observations.parts import Observation

if TYPE_CHECKING:
    from sorrelsim.models.memory.rollout import Column
    from sorrelsim.observations.spec import ObservationSpec

Steps = list[dict[str, Any]]
"""World-steps as an actor sends them: the arguments of ``Buffer.add``, and ``thought``; an empty one is a boundary."""


class MemoryPlan(NamedTuple):
    """The arguments of a memory; see ``Buffer``."""

    observations: ObservationSpec
    capacity: int
    n_streams: int
    n_frames: int
    n_step: int
    gamma: float
    priority_exponent: float
    seed: int | np.random.SeedSequence
    action: Column


class StepsToSend(Appraising):
    """What an actor remembers of steps until it sends them; for its model it takes the place of a memory.

    Args:
        n_streams: Parallel streams.
    """

    def __init__(self, n_streams: int) -> None:
        super().__init__(n_streams)
        self.n_streams = n_streams
        self._steps: Steps = []

    def __len__(self) -> int:
        return len(self._steps) * self.n_streams

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
        """Adds one step of every stream; as of ``Buffer``."""
        told = (obs, action, reward, done, truncated, final_obs, mask, final_mask)
        step = dict(zip(_ARGUMENTS, map(copied, told), strict=True))
        self._steps.append(step | {"thought": self._next.copy() if self._is_told else None})
        self._is_told = False

    def add_empty(self) -> None:
        """Adds a boundary."""
        self._steps.append({})

    def take(self) -> Steps:
        """Returns the steps since the last call."""
        taken, self._steps = self._steps, []
        return taken


_ARGUMENTS = ("obs", "action", "reward", "done", "truncated", "final_obs", "mask", "final_mask")


def copied(value: Any) -> Any:
    """Returns arrays, by part name or bare, as copies of one's own."""
    if isinstance(value, Mapping):
        return {name: np.array(part) for name, part in value.items()}
    return None if value is None else np.array(value)


class Shards:
    """The memories of several actors' steps, drawn from as one.

    Args:
        plan: Of all of them together; each gets its part of the capacity and of the streams.
        n_shards: How many.

    Attributes:
        shards: One memory per actor.
        rng: Decides how many steps of a batch come out of each.
    """

    def __init__(self, plan: MemoryPlan, n_shards: int) -> None:
        seed = plan.seed if isinstance(plan.seed, np.random.SeedSequence) else np.random.SeedSequence(plan.seed)
        seeds = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, k)) for k in range(n_shards + 1)]
        part = plan._replace(capacity=plan.capacity // n_shards, n_streams=plan.n_streams // n_shards)
        self.plan = plan
        self.shards = [AppraisedBuffer(*part._replace(seed=each)) for each in seeds[1:]]
        self.rng = np.random.default_rng(seeds[0])

    def __len__(self) -> int:
        return sum(map(len, self.shards))

    @property
    def capacity(self) -> int:
        """Frames that they can hold."""
        return sum(shard.capacity for shard in self.shards)

    def add(self, number: int, steps: Steps) -> None:
        """Adds what an actor sent to its shard, with the priorities that follow from what it thought when acting."""
        shard = self.shards[number]
        for step in steps:
            if step:
                shard.tell(step["thought"])
                shard.add(**{name: step[name] for name in _ARGUMENTS})
            elif len(shard):
                shard.add_empty()

    def add_empty(self) -> None:
        """Adds a boundary to every shard that holds something."""
        for shard in self.shards:
            if len(shard):
                shard.add_empty()

    def sample(self, batch_size: int, priority_correction: float = 1.0) -> Batch:
        """Draws steps with replacement, each with the chance that its priority has among those of all shards.

        As long as none has a priority, for no window is complete yet, any are drawn, valid or not, as of a ``Buffer``.

        Args:
            batch_size: Steps to draw.
            priority_correction: How much of the bias of priorities the weights undo (beta).

        Raises:
            ValueError: If more steps are asked for than there are.
        """
        if batch_size > len(self):
            raise ValueError(f"cannot sample a batch of {batch_size}: the memory holds {len(self)} steps")
        edges = np.cumsum([shard.priorities.tree[1] for shard in self.shards])
        if edges[-1] <= 0:
            edges, priority_correction = np.cumsum([float(len(shard)) for shard in self.shards]), 0.0
        slices = (np.arange(batch_size) + self.rng.random(batch_size)) * (edges[-1] / batch_size)
        chosen = np.minimum(np.searchsorted(edges, slices, side="right"), np.flatnonzero(np.diff(edges, prepend=0))[-1])
        counts = np.bincount(chosen, minlength=len(self.shards)).tolist()
        drawn = [(k, batch) for k, n in enumerate(counts) for batch in _draws(self.shards[k], n)]
        chances = [_leaves(self.shards[k], batch.index) / edges[-1] for k, batch in drawn]
        weights = (len(self) * np.concatenate(chances)) ** -priority_correction
        starts = np.cumsum([0, *(shard.capacity for shard in self.shards)])
        batch = _joined([batch for _, batch in drawn])
        index = np.concatenate([batch.index + starts[k] for k, batch in drawn])
        return dataclasses.replace(batch, weights=(weights / weights.max()).astype(np.float32), index=index)

    def update_priorities(self, index: np.ndarray, errors: np.ndarray) -> None:
        """Sets the priorities of sampled steps; as of ``Buffer``."""
        start = 0
        for shard in self.shards:
            ours = (index >= start) & (index < start + shard.capacity)
            shard.update_priorities(index[ours] - start, errors[ours])
            start += shard.capacity

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """Returns everything, as arrays and plain data."""
        shards = {str(k): shard.state_dict() for k, shard in enumerate(self.shards)}
        return {"shards": shards, "rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave.

        Raises:
            ValueError: If the state is of other memories, or not sound. Then nothing has changed.
        """
        self.check(state)
        for k, shard in enumerate(self.shards):
            shard.load_state_dict(state["shards"][str(k)])
        self.rng.bit_generator.state = state["rng"]

    def check(self, state: Mapping[str, Any]) -> None:
        """Checks that a state is sound, and of these memories; nothing is changed.

        Raises:
            ValueError: If not. What is wrong is named.
        """
        checked.names("the saved memory", state, ("shards", "rng"))
        checked.names("the saved memory's shards", state["shards"], [str(k) for k in range(len(self.shards))])
        for k, shard in enumerate(self.shards):
            shard.check(state["shards"][str(k)])
        checked.random_state("the saved memory's rng", state["rng"], self.rng)


def _leaves(shard: AppraisedBuffer, index: np.ndarray) -> np.ndarray:
    """Returns the priorities of some places, float64 [n]."""
    tree = shard.priorities.tree
    return tree[len(tree) // 2 + index]


def _draws(shard: AppraisedBuffer, n: int) -> list[Batch]:
    """Draws n steps of a memory; in several batches where it holds fewer, as draws are with replacement."""
    sizes = [len(shard)] * (n // len(shard)) + [n % len(shard)] if n else []
    return [shard.sample(size) for size in sizes if size]


def _joined(batches: Sequence[Batch]) -> Batch:
    """Puts several batches behind each other."""
    names = [each.name for each in dataclasses.fields(Batch)]
    return Batch(**{name: _behind([getattr(batch, name) for batch in batches]) for name in names})


def _behind(values: Sequence[Any]) -> Any:
    """Puts arrays behind each other, by part name or bare; nothing stays nothing."""
    if values[0] is None:
        return None
    if isinstance(values[0], Mapping):
        return {name: np.concatenate([each[name] for each in values]) for name in values[0]}
    return np.concatenate(values)
