"""What acts and is learned from on policy, behind one face: default networks here, a user's own in ``own_policy``.

An on-policy learner asks a ``Policy`` for choices and values while it acts, and for its terms of a minibatch while it
learns, not which of them it has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.explanation import Explanation
from sorrelsim.models.memory.rollout import Column
from sorrelsim.models.torch.distributions import Chance, Gaussian, Logits, Spread, choose, explained
from sorrelsim.models.torch.distributions import draw_actions as draw_actions
from sorrelsim.models.torch.encoders import NetworkConfig
from sorrelsim.models.torch.graphs import Graphs
from sorrelsim.models.torch.recurrent import Carry, Kind, Trunk, named

if TYPE_CHECKING:
    from sorrelsim.observations.actions import ActionSpec
    from sorrelsim.observations.spec import ObservationSpec


class Choice(NamedTuple):
    """What a policy does in a batch of states, and what it knows of it.

    Attributes:
        actions: int64 [batch], or float32 [batch, numbers] where they are continuous.
        values: Estimates for the states, [batch], or None if they were not asked for.
        known: What else it knows of its choice and wants to find again when it learns, by name; see
            ``Policy.columns``. Empty if values were not asked for.
        extras: What the network returned beyond its listed results.
    """

    actions: Tensor
    values: Tensor | None = None
    known: Mapping[str, Tensor] = {}
    extras: Any = None


OF_ACTIONS: dict[str, Column] = {"log_probs": ((), np.float32)}
"""What a policy that draws from probabilities notes of its choices: the log-probabilities of the actions taken."""


class Policy(ABC):
    """What acts and is learned from on policy.

    Attributes:
        columns: (class) Shape and dtype of what it notes of its choices, by name.
        networks: What has parameters, by the name under which a checkpoint holds it.
    """

    columns: ClassVar[dict[str, Column]] = {}
    networks: dict[str, nn.Module]
    graphs: Graphs | None = None

    def new_carry(self, n: int) -> Carry:
        """Returns the state that it starts from, one row per stream; none by default."""
        return {}

    @abstractmethod
    def act(
        self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None, draw: Chance | None, valued: bool
    ) -> Choice:
        """Chooses actions for a batch of states, moving the carry on in place.

        Args:
            parts: The states.
            carry: From ``new_carry``.
            mask: Allowed actions, bool [batch, actions], or None.
            draw: Where chance comes from; None takes the likeliest actions.
            valued: Whether values are asked for.
        """

    @abstractmethod
    def values(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Tensor:
        """Returns estimates for a batch of states, [batch]; arguments as of ``act``."""

    def explain(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Explanation:
        """Returns what it makes of one state, a batch of one; by default its worth. Arguments as of ``act``."""
        return Explanation(value=self.values(parts, carry, mask).item())

    @abstractmethod
    def terms(self, batch: dict[str, Tensor]) -> Any:
        """Returns what it says, with gradients, of a minibatch as ``OnPolicyModel.loss`` gets it.

        Policies of actors and critics say it in one of the forms of ``distributions``.
        """


class ActorCritic(Trunk):
    """The default network: one encoder, an optional recurrent core, and heads for policy and value."""

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        actions: ActionSpec,
        network: NetworkConfig,
        recurrent: Kind,
        size: int,
    ) -> None:
        super().__init__(observations, n_frames, network, recurrent, size)
        # Policy and value in one product; the two parts are initialised apart.
        self.heads = nn.Linear(self.n_features, actions.size + 1)
        self.spread = None if actions.names else Spread(actions)
        self.encoder.orthogonal()
        with torch.no_grad():
            nn.init.orthogonal_(self.heads.weight[:-1], 0.01)
            nn.init.orthogonal_(self.heads.weight[-1:], 1.0)
            self.heads.bias.zero_()
        self.core_orthogonal()

    def forward(self, parts: Mapping[str, Tensor]) -> Logits | Gaussian:
        """Turns states to what is said of their actions and values, without the recurrent core."""
        return self.split(self.encoder(parts))

    def split(self, features: Tensor) -> Logits | Gaussian:
        """Turns features to logits [..., actions] and values [...], or to a Gaussian where actions are continuous."""
        both = self.heads(features)
        of_actions, values = both[..., :-1], both[..., -1]
        return Logits(of_actions, values) if self.spread is None else self.spread(of_actions, values)


class DefaultPolicy(Policy):
    """An ``ActorCritic``: actions are drawn from the softmax of its logits, or from its Gaussian.

    Attributes:
        said: Its terms of the next minibatch, where it was asked for them together with others; else None.
    """

    columns: ClassVar[dict[str, Column]] = OF_ACTIONS

    def __init__(self, net: ActorCritic) -> None:
        self.net = net
        self.networks = {"net": net}
        self.said: Logits | Gaussian | None = None

    def new_carry(self, n: int) -> Carry:
        """Returns the recurrent core's state, zeros; empty if there is none."""
        return self.net.new_carry(n)

    def act(
        self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None, draw: Chance | None, valued: bool
    ) -> Choice:
        """Draws actions from what the network says, or takes the likeliest."""
        said = self._said(parts, carry)
        actions, log_probs = choose(said, mask, draw)
        return Choice(actions, said.values, {"log_probs": log_probs}) if valued else Choice(actions)

    def _said(self, parts: dict[str, Tensor], carry: Carry) -> Logits | Gaussian:
        if self.graphs is None or carry:
            return self.net.split(self.net.step(parts, carry))
        said = self.graphs("acting", lambda seen: self.net(seen), parts, list(self.net.parameters()))
        return Logits(*said) if self.net.spread is None else Gaussian(*said)

    def explain(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Explanation:
        """Returns the chances of its actions and the value head's estimate."""
        return explained(self.net.split(self.net.step(parts, carry)), mask)

    def values(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Tensor:
        """Returns the value head's estimates."""
        return self.net.split(self.net.step(parts, carry)).values

    def terms(self, batch: dict[str, Tensor]) -> Logits | Gaussian:
        """Returns what the network says; steps come as [length, sequences, ...] where there is a recurrent core."""
        return self.net.split(self.net.features(batch)) if self.said is None else self.said


class Headed(Trunk):
    """A network of its own for the policy, or for values: a trunk and one linear head.

    The arguments not listed are a trunk's.

    Args:
        actions: What is decided on by a policy; None for values.
        gain: Scale of the head's orthogonal weights.
    """

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        actions: ActionSpec | None,
        network: NetworkConfig,
        recurrent: Kind,
        size: int,
        gain: float,
    ) -> None:
        super().__init__(observations, n_frames, network, recurrent, size)
        self.head = nn.Linear(self.n_features, 1 if actions is None else actions.size)
        self.spread = None if actions is None or actions.names else Spread(actions)
        self.encoder.orthogonal()
        self.core_orthogonal()
        nn.init.orthogonal_(self.head.weight, gain)
        nn.init.zeros_(self.head.bias)


class SeparatePolicy(Policy):
    """An actor and a critic that share nothing, so that one can be moved and the other stays where it is."""

    columns: ClassVar[dict[str, Column]] = OF_ACTIONS

    def __init__(self, actor: Headed, critic: Headed) -> None:
        self.actor, self.critic = actor, critic
        self.networks = {"actor": actor, "critic": critic}

    def new_carry(self, n: int) -> Carry:
        """Returns the state of both recurrent cores, zeros, under names that begin with the network's."""
        nets = {"actor": self.actor, "critic": self.critic}
        return {f"{name} {key}": kept for name, net in nets.items() for key, kept in net.new_carry(n).items()}

    def act(
        self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None, draw: Chance | None, valued: bool
    ) -> Choice:
        """Draws actions from what the actor says, or takes the likeliest."""
        values = self.values(parts, carry, mask)  # also where they are not asked for, the critic's core goes on
        said = self._said(self.actor.head(self.actor.step(parts, named(carry, "actor "))), values)
        actions, log_probs = choose(said, mask, draw)
        return Choice(actions, values, {"log_probs": log_probs}) if valued else Choice(actions)

    def explain(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Explanation:
        """Returns the chances of the actor's actions and the critic's estimate."""
        values = self.values(parts, carry, mask)
        return explained(self._said(self.actor.head(self.actor.step(parts, named(carry, "actor "))), values), mask)

    def values(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Tensor:
        """Returns the critic's estimates, moving its part of the carry on."""
        return self.critic.head(self.critic.step(parts, named(carry, "critic "))).squeeze(-1)

    def terms(self, batch: dict[str, Tensor]) -> Logits | Gaussian:
        """Returns what the actor says, and the critic's estimates."""
        return self.choices(batch)._replace(values=self.estimates(batch))

    def choices(self, batch: dict[str, Tensor]) -> Logits | Gaussian:
        """Returns what the actor says, with values as they were when acting."""
        return self._said(self.actor.head(self.actor.features(batch, "carry actor ")), batch["values"])

    def estimates(self, batch: dict[str, Tensor]) -> Tensor:
        """Returns the critic's estimates of a minibatch, with gradients, [...]."""
        return self.critic.head(self.critic.features(batch, "carry critic ")).squeeze(-1)

    def _said(self, results: Tensor, values: Tensor) -> Logits | Gaussian:
        return Logits(results, values) if self.actor.spread is None else self.actor.spread(results, values)
