"""What learners from a replay memory share: schedules by steps, epsilon, batches, target networks.

A subclass takes a network, gives actions' values and takes one gradient step on ``next_batch``.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.memory.replay import Batch, Buffer
from sorrelsim.models.ranges import BatchSize, Capacity, Every, Length, Probability, Share, Steps
from sorrelsim.models.schedules import linear
from sorrelsim.models.seat import Seat
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.devices import to_device
from sorrelsim.models.torch.losses import mask_values
from sorrelsim.models.torch.signatures import check_network, read_network, split_extras
from sorrelsim.models.torch.torch_model import TorchConfig, TorchModel
from sorrelsim.observations.parts import Observation, as_parts


@dataclass(frozen=True)
class ReplayConfig(TorchConfig):
    """Settings that all learners from a replay memory share. Schedules count agent-steps: one agent acting once."""

    steps_between_updates: Every = 4
    """Agent-steps between two gradient steps, whatever an epoch's length."""
    warmup: Steps = 1_000
    """Agent-steps before the first gradient step."""
    epsilon_start: Probability = 1.0
    """Chance of a random action at the start."""
    epsilon_end: Probability = 0.05
    """Chance of a random action from ``epsilon_steps`` on."""
    epsilon_steps: Steps = 50_000
    """Agent-steps over which epsilon falls, linearly."""
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target_tau is not None and self.target_every is not None:
            raise ValueError(
                f"target_tau {self.target_tau} (soft) and target_every {self.target_every} (hard) exclude each other"
            )
        if self.batch_size > self.memory_size:
            raise ValueError(f"batch_size {self.batch_size} is larger than memory_size {self.memory_size}")


class ReplayModel(TorchModel):
    """A learner from a replay memory with discrete actions. A subclass gives ``action_values`` and ``train_step``.

    Attributes:
        memory: The replay memory.
        extras: What the network returned beyond its listed results when it acted last.
    """

    Config = ReplayConfig
    plays: ClassVar[Literal["greedy", "sampled"]] = "greedy"
    config: Any
    memory: Buffer

    def set_up(self) -> None:
        """Makes its memory."""
        super().set_up()
        c = self.config
        if self.n_streams:  # one that only plays needs no memory
            self.memory = Buffer(
                self.observations,
                c.memory_size,
                self.n_streams,
                c.n_frames,
                c.n_step,
                c.gamma,
                self.priority_exponent,
                seed=self.spawned(0),
                action=self.action_spec.column,
            )
        self.extras: Any = None
        self._due = 0
        self._kept: dict[str, list[Tensor]] = {}
        self._drawn: list[tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]] = []

    def take_network(
        self, net: nn.Module, signature: str, expected: tuple[int, ...], further: Mapping[str, Tensor] | None = None
    ) -> None:
        """Makes a network, if it fits, its network "online", a copy of it "target", and Adam what moves it.

        Args:
            net: The default network, or one of one's own.
            signature: How it is to be called, for errors.
            expected: Shape of its first result on a batch of two.
            further: What it is given beside the parts of states, by name: a batch of two.

        Raises:
            TypeError: If its arguments have other names.
            ValueError: If its result has another shape.
        """
        net = net.to(self.device)
        check_network(net, self.zero_states(), signature, [expected], self.name, further)
        self._read = read_network(net, list(self.observations.parts), list(further or ()), signature, self.name)
        self.networks = {"online": net, "target": copy.deepcopy(net).requires_grad_(False)}
        self.optimizers = {"adam": Adam(net.parameters())}

    def ask(self, network: str, parts: dict[str, Tensor], **further: Tensor) -> tuple[Tensor, Any]:
        """Returns what a network answers for a batch of states, and what it returned beyond that."""
        return split_extras(self._read(self.networks[network], parts, **further), 1)

    @property
    def priority_exponent(self) -> float:
        """How much the TD error counts in sampling; 0, the default, samples uniformly."""
        return 0.0

    @abstractmethod
    def action_values(self, parts: dict[str, Tensor]) -> tuple[Tensor, Any]:
        """Returns the values of all actions, [batch, actions], and what else the network returned."""

    def before_acting(self, exploring: bool, n_rows: int) -> None:
        """Called before the forward pass that chooses actions for ``n_rows`` streams; for noise on weights."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the allowed actions of the highest value, or random ones with chance epsilon; one pass for all."""
        mask = None if seat is None else seat.mask
        exploring = self.explores(seat)
        parts = self.tensors(states)
        self.before_acting(exploring, len(next(iter(parts.values()))))
        with self.acting(), torch.inference_mode():
            values, self.extras = self.action_values(parts)
            allowed = None if mask is None else torch.from_numpy(mask).to(self.device)
            best = mask_values(values, allowed).argmax(1).cpu().numpy()
        epsilon = self.epsilon if exploring else 0.0
        if epsilon == 0:
            return best
        n = len(best)
        coins = self.rng.random(n) < epsilon  # a coin per stream, not one for all
        # The largest of independent uniform draws among the allowed is a uniform choice among them.
        anything = (
            self.rng.integers(self.action_space, size=n)
            if mask is None
            else np.argmax(self.rng.random(mask.shape) * mask, axis=1)
        )
        return np.where(coins, anything, best)

    def scheduled_epsilon(self) -> float:
        """Returns epsilon by agent-steps."""
        c = self.config
        return linear(c.epsilon_start, c.epsilon_end, self.agent_steps, c.epsilon_steps)

    def updates_due(self, before: int, now: int) -> int:
        """Returns the gradient steps that fall due as agent-steps go from before to now."""
        start, every = self.config.warmup, self.config.steps_between_updates
        return max(0, now - start) // every - max(0, before - start) // every

    def ready(self) -> bool:
        """Returns whether the memory holds a batch, and as much as the warm-up wants (or half of what it can hold)."""
        return len(self.memory) >= max(self.config.batch_size, min(self.config.warmup, self.memory.capacity // 2))

    def learn(self, n_steps: int) -> None:
        """Counts agent-steps and takes the gradient steps that fall due."""
        self._due = self.updates_due(self.agent_steps, self.agent_steps + n_steps)
        try:
            super().learn(n_steps)
        finally:  # after a divergence, what was drawn must not be learned from again
            self._due = 0
            self._drawn.clear()

    def next_batch(self) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """Returns a fresh uniform batch as ``batch_tensors`` gives it.

        Many streams make several gradient steps fall due at once; their batches, up to 1024 rows, are drawn in one go
        and take one transfer.
        """
        if not self._drawn:
            size = self.config.batch_size
            most = max(1, min(self._due, 1024 // size, len(self.memory) // size))
            self._due = max(0, self._due - most)
            states, following, data = self.batch_tensors(self.memory.sample(most * size))
            cut = [
                [dict(zip(named, rows, strict=True)) for rows in zip(*parts, strict=True)]
                for named in (states, following, data)
                for parts in [[tensor.split(size) for tensor in named.values()]]
            ]
            self._drawn = list(zip(*cut, strict=True))[::-1]
        return self._drawn.pop()

    def batch_tensors(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """Brings a batch to the device, in one transfer.

        Returns:
            States and next states by part name, and by name: actions, rewards, valid, weights, discounts (0 where
            nothing follows), next_masks if the world has masks.
        """
        arrays = {f"now {name}": value for name, value in as_parts(batch.states).items()}
        arrays |= {f"next {name}": value for name, value in as_parts(batch.next_states).items()}
        arrays |= {
            "actions": batch.actions,
            "rewards": batch.rewards,
            "valid": batch.valid,
            "weights": batch.weights,
            "discounts": batch.discounts * (1 - batch.dones),
        }
        if batch.next_masks is not None:
            arrays["next_masks"] = batch.next_masks
        data = to_device(arrays, self.device)
        parts = self.observations.parts
        return (
            {name: data[f"now {name}"] for name in parts},
            {name: data[f"next {name}"] for name in parts},
            data,
        )

    def after_gradient_step(self) -> None:
        """Counts the gradient step and moves the target network."""
        self.gradient_steps += 1
        c, online, target = self.config, self.networks["online"], self.networks["target"]
        with torch.no_grad():
            if c.target_every is None:
                tau = 0.005 if c.target_tau is None else c.target_tau
                torch._foreach_lerp_(self.parameters("target"), self.parameters("online"), tau)
                for statistic, followed in zip(self._statistics("target"), self._statistics("online"), strict=True):
                    statistic.copy_(followed)
            elif self.gradient_steps % c.target_every == 0:
                target.load_state_dict(online.state_dict())

    def _statistics(self, network: str) -> list[Tensor]:
        """Returns what a network keeps beside parameters, such as a batch norm's means; listed once."""
        if network not in self._kept:
            self._kept[network] = list(self.networks[network].buffers())
        return self._kept[network]
