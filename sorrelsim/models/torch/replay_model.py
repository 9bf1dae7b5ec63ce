"""What learners from a replay memory share: when they learn, batches, priorities, target networks, the gradient step.

A subclass makes its ``networks``, ``optimizers`` and ``targets``, and gives its ``losses``, sample by sample; one of
several optimisers writes ``gradient_step`` anew. Learners of actions' values go on in ``value_model``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.memory.batch import Batch, shares
from sorrelsim.models.memory.replay import Buffer
from sorrelsim.models.memory.rollout import Column
from sorrelsim.models.memory.shards import MemoryPlan
from sorrelsim.models.ranges import BatchSize, Capacity, Every, Exponent, Length, Probability, Share, Steps
from sorrelsim.models.schedules import linear
from sorrelsim.models.torch.adam import beginnings
from sorrelsim.models.torch.devices import to_device
from sorrelsim.models.torch.graphs import Results, gradients_of
from sorrelsim.models.torch.losses import Sloped
from sorrelsim.models.torch.mirror import mirror_replay
from sorrelsim.models.torch.modes import in_learning
from sorrelsim.models.torch.recurrent import named
from sorrelsim.models.torch.torch_model import TorchConfig, TorchModel
from sorrelsim.observations.parts import as_parts

_BY_PRIORITY = 4  # batches drawn in one go by priorities as they are before these are learned from

Tensors = dict[str, Tensor]
"""Tensors by name, [batch, ...]."""


@dataclass(frozen=True)
class ReplayConfig(TorchConfig):
    """Settings that all learners from a replay memory share. Schedules count agent-steps: one agent acting once."""

    steps_between_updates: Every = 4
    """Agent-steps between two gradient steps, whatever an epoch's length."""
    warmup: Steps = 1_000
    """Agent-steps before the first gradient step."""
    batch_size: BatchSize = 64
    """Steps that a gradient step learns from."""
    memory_size: Capacity = 100_000
    """Frames remembered, over all streams."""
    n_step: Length = 3
    """Steps summed before bootstrapping."""
    target_tau: Share | None = None
    """Soft target: share of the online network blended in after each gradient step; 0.005 if neither is set."""
    target_every: Every | None = None
    """Hard target: gradient steps between two copies. Excludes target_tau."""
    prioritised: bool = False
    """Sample steps by their TD error (Schaul et al. 2016), for up to four gradient steps due at once in one go."""
    priority_exponent: Exponent = 0.6
    """How much the TD error counts in sampling (alpha)."""
    priority_correction: Probability = 0.4
    """How much of the sampling's bias is corrected at first (beta)."""
    priority_correction_end: Probability = 1.0
    """The same from ``priority_correction_steps`` on."""
    priority_correction_steps: Steps = 100_000
    """Agent-steps over which beta goes there, linearly."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target_tau is not None and self.target_every is not None:
            raise ValueError(
                f"target_tau {self.target_tau} (soft) and target_every {self.target_every} (hard) exclude each other; "
                "set one of them to null"
            )
        if self.batch_size > self.memory_size:
            raise ValueError(f"batch_size {self.batch_size} is larger than memory_size {self.memory_size}")


class Drawn(NamedTuple):
    """A batch on the device.

    Attributes:
        states: By part name.
        following: The states n steps later, or the true last ones of episodes that ended sooner.
        data: By name: actions, rewards, valid, weights, the shares of samples in the loss that follow from these two,
            discounts (0 where nothing follows), masks and next_masks if the world has masks.
        places: Where the steps lie in the memory, for their priorities; None without them.
    """

    states: Tensors
    following: Tensors
    data: Tensors
    places: np.ndarray | None = None


def split(drawn: Drawn, n: int) -> Iterator[Drawn]:
    """Yields n batches of one size that were drawn in one go."""
    if n == 1:
        yield drawn
        return
    size = len(drawn.data["actions"]) // n
    parts = [{name: tensor.split(size) for name, tensor in named.items()} for named in drawn[:3]]
    for k in range(n):
        states, following, data = ({name: each[k] for name, each in named.items()} for named in parts)
        places = None if drawn.places is None else drawn.places[k * size : (k + 1) * size]
        yield Drawn(states, following, data, places)


class ReplayModel(TorchModel):
    """A learner from a replay memory. A subclass gives ``losses``, or all of ``gradient_step``.

    Attributes:
        memory_class: (class) What its memory is.
        memory: The replay memory.
        targets: Which network each target network follows, by their names in ``networks``.
    """

    Config = ReplayConfig
    plays: ClassVar[Literal["greedy", "sampled"]] = "greedy"
    paints: ClassVar[bool] = True
    memory_class: ClassVar[type[Buffer]] = Buffer
    config: Any
    memory: Buffer

    def set_up(self) -> None:
        """Makes its memory."""
        super().set_up()
        self.targets: dict[str, str] = {}
        if self.n_streams:  # one that only plays needs no memory
            self.memory = self.new_memory()
            mirror_replay(self.memory, self.device, self.config.memory_device)
        self._due = 0
        self._kept: dict[str, list[Tensor]] = {}
        self._drawn: list[Drawn] = []

    def new_memory(self) -> Buffer:
        """Returns the memory that it begins with."""
        return self.memory_class(*self.memory_plan())

    def memory_plan(self) -> MemoryPlan:
        """Returns the arguments of its memory."""
        c = self.config
        return MemoryPlan(
            self.remembered,
            c.memory_size,
            self.n_streams,
            c.n_frames,
            c.n_step,
            c.gamma,
            c.priority_exponent if c.prioritised else 0.0,
            seed=self.spawned(0),
            action=self.action_column,
        )

    @property
    def action_column(self) -> Column:
        """Shape and dtype of what its memory holds of an action."""
        return self.action_spec.column

    # When it learns

    def updates_due(self, before: int, now: int) -> int:
        """Returns the gradient steps that fall due as agent-steps go from before to now."""
        start, every = self.config.warmup, self.config.steps_between_updates
        return max(0, now - start) // every - max(0, before - start) // every

    def ready(self) -> bool:
        """Returns whether the memory holds a batch, and as much as the warm-up wants (or half of what it can hold)."""
        return len(self.memory) >= max(self.config.batch_size, min(self.config.warmup, self.memory.capacity // 2))

    def count(self, n_steps: int) -> int:
        """Counts agent-steps, and returns the gradient steps that fall due."""
        self._due = super().count(n_steps)
        return self._due

    def after_learning(self) -> None:
        """Forgets what is drawn: after a divergence it must not be learned from again."""
        self._due = 0
        self._drawn.clear()

    # What it learns from

    def next_batch(self) -> Drawn:
        """Returns a fresh batch.

        Many streams make several gradient steps fall due at once; their batches, up to 1024 rows, are drawn in one go
        and take one transfer. By priorities it is at most ``_BY_PRIORITY`` batches, so that the errors of a step soon
        decide what is drawn.
        """
        if not self._drawn:
            self._drawn = self._draw()[::-1]
        return self._drawn.pop()

    def _draw(self) -> list[Drawn]:
        """Draws batches for the next gradient steps that fall due, at least one."""
        c, memory, size = self.config, self.memory, self.config.batch_size
        most = 1024 // size if not c.prioritised else _BY_PRIORITY if isinstance(memory, Buffer) else 1
        n = max(1, min(self._due, most, 1024 // size, len(memory) // size))
        self._due = max(0, self._due - n)
        if not c.prioritised:
            return list(split(self.batch_tensors(memory.sample(n * size), n), n))
        if n == 1:
            batch = memory.sample(size, self.priority_correction())
        else:
            batch = memory.sample(n * size, self.priority_correction(), n)
        return list(split(self.batch_tensors(batch, n)._replace(places=batch.index), n))

    def priority_correction(self) -> float:
        """Returns how much of the bias of priorities the weights undo now (beta)."""
        c = self.config
        return linear(c.priority_correction, c.priority_correction_end, self.agent_steps, c.priority_correction_steps)

    def batch_tensors(self, batch: Batch, n_batches: int = 1) -> Drawn:
        """Brings a batch, or several of one size drawn in one go, to the device, in one transfer."""
        arrays = {f"now {name}": value for name, value in as_parts(batch.states).items()}
        arrays |= {f"next {name}": value for name, value in as_parts(batch.next_states).items()}
        arrays |= {
            "actions": batch.actions,
            "rewards": batch.rewards,
            "valid": batch.valid,
            "weights": batch.weights,
            "shares": shares(batch.valid, batch.weights, n_batches),
            "discounts": batch.discounts * (1 - batch.dones),
        }
        masks = {"masks": batch.masks, "next_masks": batch.next_masks}
        arrays |= {name: mask for name, mask in masks.items() if mask is not None}
        data = to_device(arrays, self.device)
        parts = self.observations.parts
        now, following = ({name: data[f"{when} {name}"] for name in parts} for when in ("now", "next"))
        return Drawn(self.painted(now), self.painted(following), data)

    # The gradient step

    @in_learning
    def train_step(self) -> dict[str, float]:
        """Takes one gradient step on a sampled batch, updates its priorities and moves the target networks."""
        states, following, data, places = self.next_batch()
        shown, errors = self.gradient_step(states, following, data)
        self.complete_step(shown, errors, places)
        return shown

    def complete_step(self, shown: dict[str, float], errors: Tensor, places: np.ndarray | None) -> None:
        """Does what follows a gradient step: new priorities, if there are some, and the target networks."""
        if places is not None and all(map(math.isfinite, shown.values())):
            self.memory.update_priorities(places, errors.cpu().numpy())
        self.after_gradient_step()

    def gradient_step(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[dict[str, float], Tensor]:
        """Moves the networks a step down their loss on a batch.

        By default there is one loss, the mean of ``losses`` by their importance weights, and one optimiser, "adam".
        With several, each loss has to be weighted so.

        Args:
            states: As in ``Drawn``, and so the others.
            following: What follows them.
            data: What was done and paid, and what each sample counts.

        Returns:
            What is shown of it, by name, and the errors that become priorities, [batch], without gradients.
        """
        if self.graphs is not None and self.recorded:
            moved = self.optimizers["adam"].parameters
            parts = {"now ": states, "next ": following, "data ": data}
            inputs = {f"{kind}{name}": tensor for kind, named in parts.items() for name, tensor in named.items()}
            loss, errors, *gradients = self.graphs("learning", self._gradients, inputs, moved)
            return {"loss": self.move(loss, "adam", gradients)}, errors
        losses, errors = self.losses(states, following, data)
        return {"loss": self.descend(losses, "adam", weights=data["shares"])}, errors.detach()

    def _gradients(self, inputs: Tensors) -> Results:
        """Returns the loss of a batch, the samples' errors, and its gradients."""
        data = named(inputs, "data ")
        losses, errors = self.losses(named(inputs, "now "), named(inputs, "next "), data)
        samples, begin, slopes = beginnings(losses, data["shares"])
        found = gradients_of(begin, self.optimizers["adam"].parameters, slopes)
        return samples.dot(data["shares"]), errors.detach(), *found

    @abstractmethod
    def losses(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[Tensor | Sloped, Tensor]:
        """Returns the loss and the error, as which it is prioritised, of each sample, [batch]; not weighted yet.

        Losses come with their graph, or with their slopes, which is quicker.

        Args:
            states: As in ``Drawn``, and so the others.
            following: What follows them.
            data: What was done and paid.
        """

    def after_gradient_step(self) -> None:
        """Counts the gradient step and moves the target networks."""
        self.gradient_steps += 1
        self.move_targets()

    def move_targets(self) -> None:
        """Moves every target network towards the one that it follows, or at times to where that one is."""
        every, tau = self.config.target_every, self.config.target_tau
        with torch.no_grad():
            for target, online in self.targets.items():
                if every is None:
                    share = 0.005 if tau is None else tau
                    torch._foreach_lerp_(self.parameters(target), self.parameters(online), share)
                    if self._statistics(target):
                        torch._foreach_copy_(self._statistics(target), self._statistics(online))
                elif self.gradient_steps % every == 0:
                    self.networks[target].load_state_dict(self.networks[online].state_dict())

    def _statistics(self, network: str) -> list[Tensor]:
        """Returns what a network keeps beside parameters, such as a batch norm's means; listed once."""
        if network not in self._kept:
            self._kept[network] = list(self.networks[network].buffers())
        return self._kept[network]
