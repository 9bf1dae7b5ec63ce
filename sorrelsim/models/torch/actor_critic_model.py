"""What learners from a replay memory share that have an actor and critics: their networks, and the steps of these.

The actor says what to do, critics what that is worth. Deterministic actors go on in ``deterministic_model``, those that
are paid for entropy too in ``soft_model``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sorrelsim.models.ranges import BatchSize, Every, Length, Rate, Weight
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.continuous import ActionRange
from sorrelsim.models.torch.replay_model import ReplayConfig, ReplayModel, Tensors
from sorrelsim.models.torch.signatures import check_network, column, read_network, split_extras


@dataclass(frozen=True)
class ActorCriticConfig(ReplayConfig):
    """Settings that learners with an actor and critics share; until ``warmup`` is over they explore by any actions."""

    learning_rate: Rate = 1e-3
    """Step size of Adam for the critics."""
    actor_learning_rate: Rate | None = None
    """The same for the actor; null takes that of the critics."""
    max_grad_norm: Weight = 0.0
    """Gradients are scaled down to this norm; 0 leaves them alone."""
    steps_between_updates: Every = 1
    """Agent-steps between two gradient steps, whatever an epoch's length."""
    batch_size: BatchSize = 256
    """Steps that a gradient step learns from."""
    n_step: Length = 1
    """Steps summed before bootstrapping."""


class ActorCriticModel(ReplayModel):
    """A learner from a replay memory with an actor and critics. A subclass acts, and gives ``gradient_step``.

    Attributes:
        range: Where actions lie.
        critics: Names of the critics among ``networks``; the target of each ends in ``_target``.
        extras: What the actor returned beyond its listed results when it acted last.
    """

    Config = ActorCriticConfig
    extras: Any = None

    def set_up(self) -> None:
        """Makes its memory, and finds out in which range it acts."""
        super().set_up()
        self.range = ActionRange(self.action_spec, self.device)
        self.critics: tuple[str, ...] = ()
        self._readings: dict[str, Any] = {}

    # Networks

    def take_actor(self, net: nn.Module, signature: str, expected: Sequence[tuple[int, ...]]) -> None:
        """Makes a network, if it fits, the actor, and Adam what moves it.

        Args:
            net: The default network, or one of one's own.
            signature: What it answers, for errors, such as ``action[B, 2]``.
            expected: Shapes of its first results on a batch of two.

        Raises:
            TypeError: If its arguments have other names.
            ValueError: If its results have other shapes, or are probabilities that do not add up to 1.
        """
        parts = list(self.observations.parts)
        told = f"forward({', '.join(parts)}) -> {signature}"
        net = net.to(self.device)
        answer, _ = split_extras(check_network(net, self.zero_states(), told, expected, self.name), len(expected))
        if self.action_names and not ((answer >= 0).all() and ((answer.sum(1) - 1).abs() < 1e-3).all()):
            raise ValueError(
                f"{self.name}: what the actor answers for a state must add up to 1, none of it below 0\n"
                f"  expected  {told}\n  found     {answer[0].tolist()}"
            )
        self._readings["actor"] = read_network(net, parts, [], told, self.name)
        self.networks["actor"] = net
        self.optimizers["actor"] = Adam(net.parameters())

    def take_critics(self, nets: Sequence[nn.Module], answer: int = 1) -> None:
        """Makes networks, if they fit, the critics, with copies that follow them, and one Adam what moves them.

        Args:
            nets: The default networks, or some of one's own.
            answer: Numbers in an answer: 1 for the value of an action that they are given, else the values of all.

        Raises:
            TypeError: If the arguments of one have other names.
            ValueError: If the result of one has another shape.
        """
        parts, zeros = list(self.observations.parts), self.zero_states()
        further = {"action": self.range.middle.expand(2, *self.range.shape)} if answer == 1 else {}
        told = f"forward({', '.join([*parts, *further])}) -> q[B, {answer}]"
        shape = (2,) if answer == 1 else (2, answer)
        self.critics = tuple(f"critic_{k + 1}" if k else "critic" for k in range(len(nets)))
        for name, net in zip(self.critics, nets, strict=True):
            check_network(net.to(self.device), zeros, told, [shape], self.name, further)
            self._readings[name] = read_network(net, parts, list(further), told, self.name)
            self.networks[name] = net
            self.follow(name)
        self.optimizers["critic"] = Adam([p for name in self.critics for p in self.networks[name].parameters()])

    def check_number(self, critics: Sequence[nn.Module] | None, n: int) -> None:
        """Raises a ValueError if critics of one's own are other than n."""
        if critics is not None and len(critics) != n:
            raise ValueError(f"{self.name} takes {n} critic{'s' * (n > 1)} of one's own, got {len(critics)}")

    def follow(self, name: str) -> None:
        """Adds a copy of a network that follows it, as ``NAME_target``."""
        self.add_copy(name, f"{name}_target")
        self.targets[f"{name}_target"] = name

    def add_copy(self, name: str, other: str) -> None:
        """Adds a copy of a network, which no optimiser moves, under another name."""
        self.networks[other] = copy.deepcopy(self.networks[name]).requires_grad_(False)
        self._readings[other] = self._readings[name]

    def ask(self, network: str, parts: Tensors, n_results: int = 1, **further: Any) -> tuple[Any, Any]:
        """Returns what a network answers for a batch of states, and what it returned beyond that."""
        return split_extras(self._readings[network](self.networks[network], parts, **further), n_results)

    def value(self, critic: str, parts: Tensors, action: Tensor) -> Tensor:
        """Returns what a critic says that actions are worth, [batch]."""
        return column(self.ask(critic, parts, action=action)[0])

    # Learning

    @property
    def actor_learning_rate(self) -> float:
        """Step size for the actor now, annealed as the critics' is."""
        c = self.config
        return self.learning_rate * (1.0 if c.actor_learning_rate is None else c.actor_learning_rate / c.learning_rate)

    def descend_critics(self, losses: Tensor, data: Mapping[str, Tensor]) -> float:
        """Moves the critics a step down the mean of their losses, [batch], and returns it."""
        return self.descend(losses, "critic", weights=data["shares"])

    def descend_actor(self, losses: Tensor, data: Mapping[str, Tensor]) -> float:
        """Moves the actor a step down the mean of its losses, [batch], and returns it."""
        return self.descend(losses, "actor", self.actor_learning_rate, data["shares"])

    @contextmanager
    def critics_held(self) -> Iterator[None]:
        """Within it gradients flow through the critics, and none is worked out for their weights."""
        held = [p for name in self.critics for p in self.parameters(name) if p.requires_grad]
        for parameter in held:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in held:
                parameter.requires_grad_(True)

    def losses(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[Tensor, Tensor]:
        """Is not asked for: actor and critics have losses and optimisers of their own, in ``gradient_step``."""
        raise NotImplementedError(f"{self.name} has several losses, which gradient_step works out")
