"""R2D2: recurrent Q-learning from a memory of sequences, prioritised, double, n-step (Kapturowski et al. 2019).

The network remembers by a recurrent core. It learns from ``sequence_length`` steps of one episode at a time; the
``burn_in`` steps before them only bring the core from the state that was stored when they were lived to one of the
network that is now. The target is y = h(r + gamma^n h^-1(Q_target(s', a*))), with h(x) = sign(x) (sqrt(|x| + 1) - 1) +
eps x in place of clipped rewards, and the loss (y - Q)^2 / 2. A sequence is drawn by eta max |d| + (1 - eta) mean |d|
of its TD errors d. What was stored ages as the network learns (section 3): the smaller the memory beside the steps
between two updates, and the longer the burn-in, the less. ``ValueModel`` acts, ``SequenceBuffer`` remembers and draws;
here are the settings, the default network and the loss.

Departures from the paper: the burn-in lies before the steps learned from and is shorter where an episode begins, so
that every step is learned from; shorter sequences; the core does not see the last action and reward; a GRU by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.memory.batch import shares
from sorrelsim.models.memory.sequences import SequenceBuffer
from sorrelsim.models.ranges import BatchSize, Every, Exponent, Length, Positive, Probability, Range, Width
from sorrelsim.models.seat import Seat
from sorrelsim.models.torch.devices import to_device
from sorrelsim.models.torch.losses import combined, mask_values
from sorrelsim.models.torch.noisy import noisy_or_plain
from sorrelsim.models.torch.recurrent import CARRIES, Trunk, advance
from sorrelsim.models.torch.replay_model import Drawn
from sorrelsim.models.torch.value_model import Tensors, ValueConfig, ValueModel

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class R2D2Config(ValueConfig):
    """Settings of R2D2."""

    steps_between_updates: Every = 32
    """Agent-steps between two gradient steps, whatever an epoch's length."""
    batch_size: BatchSize = 32
    """Sequences that a gradient step learns from."""
    recurrent: Literal["gru", "lstm"] = "gru"
    """The recurrent layer between encoder and heads."""
    recurrent_size: Width = 128
    """Its width."""
    sequence_length: Length = 20
    """Steps of a sequence to learn from."""
    burn_in: Annotated[int, Range(0, 10**6)] = 10
    """Steps before it that only bring the recurrent state up to date."""
    rescaling: Positive = 1e-3
    """How much of a value is left linear (epsilon)."""
    dueling: bool = True
    """Separate streams for the state's value and the actions' advantages."""
    prioritised: bool = True
    """Sample sequences by their TD errors; R2D2 does so in any case."""
    priority_exponent: Exponent = 0.9
    """How much the TD errors count in sampling (alpha)."""
    priority_correction: Probability = 0.6
    """How much of the sampling's bias is corrected at first (beta)."""
    priority_correction_end: Probability = 0.6
    """The same from ``priority_correction_steps`` on; the paper keeps it."""
    priority_of_largest: Probability = 0.9
    """What the largest TD error of a sequence counts beside their mean (eta)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.prioritised:
            raise ValueError("prioritised must be true: r2d2 finds its sequences by their priorities")


def rescale(x: Tensor, epsilon: float) -> Tensor:
    """Returns h(x) = sign(x) (sqrt(|x| + 1) - 1) + epsilon x, which squeezes large values (Pohlen et al. 2018)."""
    return x.sign() * ((x.abs() + 1).sqrt() - 1) + epsilon * x


def unscale(x: Tensor, epsilon: float) -> Tensor:
    """Returns h^-1(x) = sign(x) (((sqrt(1 + 4 eps (|x| + 1 + eps)) - 1) / (2 eps))^2 - 1).

    Worked out is z / (sqrt(1 + z) + 1), which equals sqrt(1 + z) - 1 and keeps its digits where z is small.
    """
    wide = x.abs() + 1 + epsilon
    root = 2 * wide / ((1 + 4 * epsilon * wide).sqrt() + 1)
    return x.sign() * (root * root - 1)


def sequence_priorities(errors: Tensor, valid: Tensor, eta: float) -> Tensor:
    """Returns eta max |d| + (1 - eta) mean |d| of each sequence's TD errors d, [batch].

    Args:
        errors: [length, batch].
        valid: 1 for steps that count, else 0, [length, batch].
        eta: What the largest counts.
    """
    sizes = errors.abs() * valid
    return eta * sizes.amax(0) + (1 - eta) * sizes.sum(0) / valid.sum(0).clamp(min=1)


class RecurrentQNet(Trunk):
    """The default network: an encoder, a recurrent core and a linear head, or two with the value apart."""

    def __init__(self, observations: ObservationSpec, n_actions: int, config: R2D2Config) -> None:
        super().__init__(observations, config.n_frames, config.network, config.recurrent, config.recurrent_size)
        linear = noisy_or_plain(config.noisy, config.noise_sigma)
        self.advantage = linear(self.n_features, n_actions)
        self.value = linear(self.n_features, 1) if config.dueling else None
        self.carried = CARRIES[config.recurrent]

    def forward(self, **given: Tensor) -> tuple[Tensor, ...]:
        """Turns parts of states and the carry, by name, to values, [batch, actions], and the next carry."""
        carry = {name: given.pop(name) for name in self.carried}
        moved = advance(self.cell, self.encoder(given), carry)
        return self.values(moved["h"]), *moved.values()

    def values(self, features: Tensor) -> Tensor:
        """Turns what the core gives, [..., size], to values, [..., actions]."""
        advantage = self.advantage(features)
        return advantage if self.value is None else combined(self.value(features), advantage, -1)


class R2D2(ValueModel):
    """An R2D2 learner; the arguments not listed are those of every model.

    Args:
        network: A network of one's own. ``new_carry(n)`` gives what it remembers of n streams at an episode's start,
            zeros by name, such as ``{"h": [n, size]}``; ``forward(<part>=[batch, ...], ..., h=[batch, size]) ->
            q[batch, actions], h[batch, size]`` takes it and returns it moved on by a step.

    Raises:
        TypeError: If the arguments of a network of one's own have other names, or it has no ``new_carry``.
        ValueError: If its results have other shapes.
    """

    Config = R2D2Config
    config: R2D2Config
    memory: SequenceBuffer

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: R2D2Config | None = None,
        seed: int = 0,
        network: nn.Module | None = None,
    ) -> None:
        if network is not None and not callable(getattr(network, "new_carry", None)):
            raise TypeError(
                f"R2D2: {type(network).__name__} has no new_carry(n), which gives what it remembers of n streams at an "
                "episode's start, such as {'h': torch.zeros(n, 64)}"
            )
        self._own: Any = network
        super().__init__(observations, action_names, n_streams, config, seed)
        with self.seeded_init():
            net: Any = network or RecurrentQNet(observations, self.action_space, self.config)
        carry = {name: tensor.to(self.device) for name, tensor in net.new_carry(2).items()}
        results = [(2, self.action_space), *(tuple(tensor.shape) for tensor in carry.values())]
        moved = "".join(f", {name}[B, {', '.join(map(str, tensor.shape[1:]))}]" for name, tensor in carry.items())
        signature = f"forward({', '.join([*observations.parts, *carry])}) -> q[B, {self.action_space}]{moved}"
        self.take_network(net, signature, results, carry)

    def new_memory(self) -> SequenceBuffer:
        """Returns a memory of sequences, with room for what the network remembers."""
        c = self.config
        carry = dict.fromkeys(CARRIES[c.recurrent], (c.recurrent_size,))
        if self._own is not None:
            carry = {name: tuple(tensor.shape[1:]) for name, tensor in self._own.new_carry(1).items()}
        return SequenceBuffer(
            self.remembered,
            c.memory_size,
            self.n_streams,
            c.n_frames,
            c.n_step,
            c.gamma,
            c.priority_exponent,
            self.spawned(0),
            length=c.sequence_length,
            burn_in=c.burn_in,
            carry=carry,
        )

    # Acting

    def new_carry(self, n_streams: int) -> Tensors:
        """Returns what the network remembers at an episode's start, by name."""
        net: Any = self.networks["online"]
        return {name: tensor.to(self.device) for name, tensor in net.new_carry(n_streams).items()}

    def take_actions(self, states: Any, seat: Seat | None = None) -> np.ndarray:
        """Returns actions as every learner of values does; what was remembered before them is stored with the step."""
        if seat is not None and seat.learn:
            self.memory.keep_carry({name: tensor.cpu().numpy() for name, tensor in seat.carry.items()})
        return super().take_actions(states, seat)

    def action_values(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Any]:
        """Returns the values of all actions, [batch, actions], and what else the network returned."""
        (values, *moved), extras = self.ask("online", parts, **carry)
        for kept, tensor in zip(carry.values(), moved, strict=True):
            kept.copy_(tensor)
        return values, extras

    def returns(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, None]:
        """Returns what all actions bring, on the scale of rewards: h^-1 of what the network says, [batch, actions]."""
        return unscale(self.action_values(parts, carry)[0], self.config.rescaling), None

    # Learning

    def ready(self) -> bool:
        """Returns whether the memory holds enough, and a whole sequence."""
        return super().ready() and self.memory.priorities.tree[1] > 0

    def next_batch(self) -> Drawn:
        """Returns a fresh batch of sequences: all states under ``states``, what was done and paid as in ``Sequences``.

        What is said of every step comes as one row, steps outer and sequences inner.
        """
        drawn = self.memory.sample_sequences(self.config.batch_size, self.priority_correction())
        arrays = {f"part {name}": part for name, part in drawn.states.items()}
        arrays |= {f"carry {name}": kept for name, kept in drawn.carry.items()}
        arrays |= {name: getattr(drawn, name) for name in ("begins", "actions", "rewards", "discounts", "later")}
        valid, weights = drawn.valid.reshape(-1), np.tile(drawn.weights, self.config.sequence_length)
        arrays |= {"valid": valid, "weights": weights, "shares": shares(valid, weights)}
        if drawn.masks is not None:
            arrays["masks"] = drawn.masks
        data = to_device(arrays, self.device)
        states = self.painted({name: data[f"part {name}"] for name in drawn.states})
        return Drawn(states, {}, data, drawn.index)

    def losses(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[Tensor, Tensor]:
        """Returns half the squared TD error of each step, [length * batch], and the priority of each sequence."""
        c = self.config
        values = self._unrolled("online", states, data)  # [length + n, batch, actions]
        with torch.no_grad():
            later = self._unrolled("target", states, data)
            chooser = values if c.double else later
            best = mask_values(chooser, data.get("masks")).argmax(2, keepdim=True)
            worth = unscale(later.gather(2, best).squeeze(2), c.rescaling).gather(0, data["later"])
            targets = rescale(data["rewards"] + data["discounts"] * worth, c.rescaling)
        chosen = values[: c.sequence_length].gather(2, data["actions"].unsqueeze(2)).squeeze(2)
        errors = targets - chosen
        priorities = sequence_priorities(errors.detach(), data["valid"].view_as(errors), c.priority_of_largest)
        return 0.5 * errors.square().flatten(), priorities

    def _unrolled(self, name: str, states: Tensors, data: Tensors) -> Tensor:
        """Returns a network's values of the states behind the burn-in, [length + n, batch, actions]."""
        carry = {key.removeprefix("carry "): kept for key, kept in data.items() if key.startswith("carry ")}
        burn_in = self.config.burn_in
        # The state is reset behind a step if another episode begins with the next.
        ended = torch.cat([data["begins"][1:], torch.zeros_like(data["begins"][:1])])
        if burn_in:
            with torch.no_grad():
                before = {key: part[:burn_in] for key, part in states.items()}
                _, carry = self._run(name, before, carry, ended[:burn_in])
        return self._run(name, {key: part[burn_in:] for key, part in states.items()}, carry, ended[burn_in:])[0]

    def _run(self, name: str, states: Tensors, carry: Tensors, ended: Tensor) -> tuple[Tensor, Tensors]:
        """Returns a network's values of sequences of states, [steps, batch, actions], and the carry behind them."""
        net = self.networks[name]
        if isinstance(net, RecurrentQNet):
            features, carry = net.run(states, carry, ended)
            return net.values(features), carry
        values = []
        for t, over in enumerate(ended):
            (value, *moved), _ = self.ask(name, {key: part[t] for key, part in states.items()}, **carry)
            values.append(value)
            going_on = [(~over).float().view(-1, *[1] * (tensor.dim() - 1)) for tensor in moved]
            carry = {key: tensor * on for key, tensor, on in zip(carry, moved, going_on, strict=True)}
        return torch.stack(values), carry
