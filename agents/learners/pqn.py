"""PQN: Q-learning from parallel streams, without a memory or a target network (Gallici et al. 2024).

All streams act for ``n_steps`` steps by one network, epsilon-greedily. Then each value is drawn to its lambda return

    R_t = r_t + gamma (lambda R_{t+1} + (1 - lambda) max_a Q(s_{t+1}, a)),

with the values as they were when acting (algorithm 1), in several passes of minibatches down (Q(s_t, a_t) - R_t)^2 / 2.
Nothing follows a terminated step; a truncated one is followed by its true last state. What keeps it sound without a
target network is the layer normalisation of the network, and the many streams, whose steps are as mixed as a memory's.

Departures from the paper: Adam in place of its variant RAdam. With a recurrent core, sequences start from the state
that it had when acting, where the paper's code replays some steps before. Convolutions are normalised over channels and
cells together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.explanation import Explanation, explained_values
from sorrelsim.models.memory.rollout import Column
from sorrelsim.models.ranges import BatchSize, Discount, Length, Passes, Probability, Rate, Steps
from sorrelsim.models.schedules import linear
from sorrelsim.models.torch.distributions import Chance, uniform
from sorrelsim.models.torch.encoders import NetworkConfig
from sorrelsim.models.torch.losses import mask_values
from sorrelsim.models.torch.on_policy_model import OnPolicyConfig, OnPolicyModel
from sorrelsim.models.torch.policies import Choice, Policy
from sorrelsim.models.torch.recurrent import Carry, Kind, Trunk, named
from sorrelsim.models.torch.signatures import Reading, check_network, read_network, split_extras

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class PQNConfig(OnPolicyConfig):
    """Settings of PQN."""

    learning_rate: Rate = 5e-4
    """Step size of Adam."""
    n_steps: Length = 32
    """Steps of each stream between two updates, whatever an epoch's length."""
    n_epochs: Passes = 2
    """Passes over a rollout."""
    n_minibatches: BatchSize = 8
    """Gradient steps per pass."""
    gae_lambda: Discount = 0.65
    """Weight of longer returns in what values are drawn to (lambda)."""
    epsilon_start: Probability = 1.0
    """Chance of a random action at the start."""
    epsilon_end: Probability = 0.05
    """Chance of a random action from ``epsilon_steps`` on."""
    epsilon_steps: Steps = 200_000
    """Agent-steps over which epsilon falls, linearly."""
    layer_norm: bool = True
    """Normalise the layers of the default network."""


class QNet(Trunk):
    """The default network: normalised layers, an optional recurrent core and a linear head."""

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        n_actions: int,
        network: NetworkConfig,
        recurrent: Kind = "none",
        size: int = 128,
        layer_norm: bool = True,
    ) -> None:
        super().__init__(observations, n_frames, network, recurrent, size, layer_norm)
        self.head = nn.Linear(self.n_features, n_actions)

    def forward(self, **parts: Tensor) -> Tensor:
        """Turns parts of states to values, [batch, actions], without the recurrent core."""
        return self.head(self.encoder(parts))


class QPolicy(Policy):
    """Takes the allowed action of the highest value, or with chance ``epsilon`` any that is allowed.

    Notes of each choice, as ``chosen``, the value of the action taken.

    Args:
        net: A ``QNet``, or a network of one's own.
        read: How a network of one's own takes the parts of states; None for a ``QNet``.

    Attributes:
        epsilon: Chance of a random action now; the learner sets it.
    """

    columns: ClassVar[dict[str, Column]] = {"chosen": ((), np.float32)}

    def __init__(self, net: nn.Module, read: Reading | None = None) -> None:
        self.net: Any = net
        self.networks = {"net": net}
        self.epsilon = 0.0
        self._read = read

    def new_carry(self, n: int) -> Carry:
        """Returns the recurrent core's state, zeros; empty if there is none."""
        return {} if self._read else self.net.new_carry(n)

    def act(
        self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None, draw: Chance | None, valued: bool
    ) -> Choice:
        """Chooses actions; the value of a state is that of its best allowed action."""
        if self.graphs is None or carry or self._read:
            q, extras = self._ask(parts, carry)
        else:
            ask = lambda seen: (self.net(**seen),)  # noqa: E731
            (q,), extras = self.graphs("acting", ask, parts, list(self.net.parameters())), None
        values, actions = mask_values(q, mask).max(1)
        if draw is not None:
            coins = uniform(len(q), 1, draw, q.device).squeeze(1) < self.epsilon  # one per stream
            # The largest of independent uniform draws among the allowed is a uniform choice among them.
            anything = uniform(*q.shape, draw, q.device)
            actions = torch.where(coins, mask_values(anything, mask).argmax(1), actions)
        if not valued:
            return Choice(actions, extras=extras)
        return Choice(actions, values, {"chosen": q.gather(1, actions.unsqueeze(1)).squeeze(1)}, extras)

    def explain(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Explanation:
        """Returns the values of all actions."""
        allowed = None if mask is None else mask[0].cpu().numpy()
        return explained_values(self._ask(parts, carry)[0][0].cpu().numpy(), allowed)

    def values(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Tensor:
        """Returns the value of the best allowed action; of all, where none is."""
        allowed = None if mask is None else mask | ~mask.any(1, keepdim=True)
        return mask_values(self._ask(parts, carry)[0], allowed).amax(1)

    def terms(self, batch: dict[str, Tensor]) -> Tensor:
        """Returns the values of all actions, [..., actions]."""
        if self._read:
            return self._ask(named(batch, "part "), {})[0]
        return self.net.head(self.net.features(batch))

    def _ask(self, parts: dict[str, Tensor], carry: Carry) -> tuple[Tensor, Any]:
        if self._read:
            return split_extras(self._read(self.net, parts), 1)
        return self.net.head(self.net.step(parts, carry)), None


def q_loss(values: Tensor, actions: Tensor, targets: Tensor) -> Tensor:
    """Returns half the mean squared error of the values of the actions taken, a scalar.

    Args:
        values: [..., actions].
        actions: int64 [...].
        targets: Lambda returns, [...].
    """
    return 0.5 * ((values.gather(-1, actions.unsqueeze(-1)).squeeze(-1) - targets) ** 2).mean()


class PQN(OnPolicyModel):
    """A PQN learner; the arguments not listed are those of every model.

    Args:
        network: A network of one's own, ``forward(<part>=[batch, ...], ...) -> q[batch, actions]``, or with
            ``state``, ``state_0`` and on in place of the parts' names.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape.
    """

    Config = PQNConfig
    plays: ClassVar[Literal["greedy", "sampled"]] = "greedy"
    config: PQNConfig
    policy: QPolicy
    shown = ("q",)

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: PQNConfig | None = None,
        seed: int = 0,
        network: nn.Module | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        if network is not None:
            self.refuse_recurrence()
            names = list(observations.parts)
            signature = f"forward({', '.join(names)}) -> q[B, {self.action_space}]"
            net = network.to(self.device)
            check_network(net, self.zero_states(), signature, [(2, self.action_space)], self.name)
            self.take_policy(QPolicy(net, read_network(net, names, [], signature, self.name)))

    def default_policy(self) -> QPolicy:
        """Returns the policy of the default network."""
        c = self.config
        shape = c.network, c.recurrent, c.recurrent_size, c.layer_norm
        return QPolicy(QNet(self.observations, c.n_frames, self.action_space, *shape).to(self.device))

    def scheduled_epsilon(self) -> float:
        """Returns epsilon by agent-steps."""
        c = self.config
        return linear(c.epsilon_start, c.epsilon_end, self.agent_steps, c.epsilon_steps)

    def before_acting(self) -> None:
        """Tells the policy of epsilon."""
        self.policy.epsilon = self.epsilon

    def interrupt(self) -> None:
        """Ends running episodes in the rollout; the last actions' values, as they were, are what they are drawn to."""
        self.memory.break_off(self.config.gamma, self.memory.columns["chosen"])

    @property
    def steady(self) -> bool:
        """Whether no number in its loss changes, as is so where it is PQN's own."""
        return type(self).loss is PQN.loss

    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the loss of the values of the actions taken, and the mean of these values when they were taken."""
        values = self.policy.terms(batch)
        return q_loss(values, batch["actions"], batch["returns"]), batch["chosen"].mean().unsqueeze(0)
