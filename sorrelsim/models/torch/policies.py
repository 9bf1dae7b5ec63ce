"""What acts and is learned from on policy: the default network or a user's own actor and critic, behind one face.

An on-policy learner asks a ``Policy`` for choices and values while it acts, and for its terms of a minibatch while it
learns, not which of the two it has. Only a loss may tell ``Logits`` from ``Terms``, to be quicker with the first.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sorrelsim.models.memory.rollout import Column
from sorrelsim.models.torch.encoders import NetworkConfig
from sorrelsim.models.torch.losses import mask_logits
from sorrelsim.models.torch.recurrent import Carry, Kind, Trunk, named
from sorrelsim.models.torch.signatures import check_network, column, read_network, split_extras

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


class Choice(NamedTuple):
    """What a policy does in a batch of states, and what it knows of it.

    Attributes:
        actions: int64 [batch].
        values: Estimates for the states, [batch], or None if they were not asked for.
        known: What else it knows of its choice and wants to find again when it learns, by name; see
            ``Policy.columns``. Empty if values were not asked for.
        extras: What the network returned beyond its listed results.
    """

    actions: Tensor
    values: Tensor | None = None
    known: Mapping[str, Tensor] = {}
    extras: Any = None


class Logits(NamedTuple):
    """What a policy that gives logits says of a minibatch: [..., actions] and [...]."""

    logits: Tensor
    values: Tensor


class Terms(NamedTuple):
    """What any policy says of the actions of a minibatch, each [...]."""

    log_probs: Tensor
    entropy: Tensor
    values: Tensor


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

    def new_carry(self, n: int) -> Carry:
        """Returns the state that it starts from, one row per stream; none by default."""
        return {}

    @abstractmethod
    def act(
        self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None, draw: torch.Generator | None, valued: bool
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

    @abstractmethod
    def terms(self, batch: dict[str, Tensor]) -> Any:
        """Returns what it says, with gradients, of a minibatch as ``OnPolicyModel.loss`` gets it.

        Policies of actors and critics return ``Logits`` or ``Terms``.
        """


class ActorCritic(Trunk):
    """The default network: one encoder, an optional recurrent core, and heads for policy and value."""

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        n_actions: int,
        network: NetworkConfig,
        recurrent: Kind,
        size: int,
    ) -> None:
        super().__init__(observations, n_frames, network, recurrent, size)
        # Policy and value in one product; the two parts are initialised apart.
        self.heads = nn.Linear(self.n_features, n_actions + 1)
        self.encoder.orthogonal()
        with torch.no_grad():
            nn.init.orthogonal_(self.heads.weight[:-1], 0.01)
            nn.init.orthogonal_(self.heads.weight[-1:], 1.0)
            self.heads.bias.zero_()
            if self.cell is not None:
                for name, parameter in self.cell.named_parameters():
                    nn.init.zeros_(parameter) if "bias" in name else nn.init.orthogonal_(parameter)

    def forward(self, parts: Mapping[str, Tensor]) -> Logits:
        """Turns states to logits [batch, actions] and values [batch], without the recurrent core."""
        return self.split(self.encoder(parts))

    def split(self, features: Tensor) -> Logits:
        """Turns features to logits and values."""
        both = self.heads(features)
        return Logits(both[..., :-1], both[..., -1])


class DefaultPolicy(Policy):
    """An ``ActorCritic``: actions are drawn from the softmax of its logits."""

    columns: ClassVar[dict[str, Column]] = OF_ACTIONS

    def __init__(self, net: ActorCritic) -> None:
        self.net = net
        self.networks = {"net": net}

    def new_carry(self, n: int) -> Carry:
        """Returns the recurrent core's state, zeros; empty if there is none."""
        return self.net.new_carry(n)

    def act(
        self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None, draw: torch.Generator | None, valued: bool
    ) -> Choice:
        """Draws actions from the softmax of the logits, or takes the largest."""
        logits, values = self.net.split(self.net.step(parts, carry))
        log_p = F.log_softmax(mask_logits(logits, mask), 1)
        actions = log_p.argmax(1) if draw is None else draw_actions(log_p, draw)
        if not valued:
            return Choice(actions)
        return Choice(actions, values, {"log_probs": log_p.gather(1, actions.unsqueeze(1)).squeeze(1)})

    def values(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Tensor:
        """Returns the value head's estimates."""
        return self.net.split(self.net.step(parts, carry)).values

    def terms(self, batch: dict[str, Tensor]) -> Logits:
        """Returns logits and values; steps come as [length, sequences, ...] where there is a recurrent core."""
        return self.net.split(self.net.features(batch))


class OwnPolicy(Policy):
    """A user's actor and critic, whose calls and results are checked once.

    Args:
        actor: ``forward(<part>=[batch, ...], ..., action=None) -> action, log_prob[batch], entropy[batch]``, each
            [batch] or [batch, 1]; a given action is [batch], or [batch, 1] if the actor cannot take that.
        critic: ``forward(<part>=[batch, ...], ...) -> value[batch, 1]`` or [batch].
        zeros: A batch of two all-zero states.
        owner: The model, for errors.

    Raises:
        TypeError: If arguments have other names.
        ValueError: If results have other shapes, or a given action is not returned as it is.
    """

    columns: ClassVar[dict[str, Column]] = OF_ACTIONS

    def __init__(self, actor: nn.Module, critic: nn.Module, zeros: dict[str, Tensor], owner: str) -> None:
        self.networks = {"actor": actor, "critic": critic}
        self._takes = {"action_mask", "greedy"} & set(inspect.signature(actor.forward).parameters)
        parts = ", ".join(zeros)
        self._signature = f"forward({parts}, action=None"
        signature = f"{self._signature}) -> action, log_prob[B], entropy[B]"
        of_critic = f"forward({parts}) -> value[B, 1]"
        self._read = read_network(actor, list(zeros), ["action"], signature, owner)
        self._read_critic = read_network(critic, list(zeros), [], of_critic, owner)
        self._given = _given_shape(actor, zeros, signature, owner)
        check_network(actor, zeros, signature, [(2,)] * 3, owner, {"action": None})
        check_network(critic, zeros, of_critic, [(2,)], owner)

    def act(
        self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None, draw: torch.Generator | None, valued: bool
    ) -> Choice:
        """Asks the actor for actions, and the critic for values where they are asked for."""
        (actions, log_probs, _), extras = self._ask(parts, None, mask, draw is None)
        if not valued:
            return Choice(column(actions), extras=extras)
        return Choice(column(actions), self.values(parts, carry, mask), {"log_probs": column(log_probs)}, extras)

    def values(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Tensor:
        """Returns the critic's estimates."""
        return column(split_extras(self._read_critic(self.networks["critic"], parts), 1)[0])

    def terms(self, batch: dict[str, Tensor]) -> Terms:
        """Returns what the actor says of the actions taken, and the critic of the states."""
        parts = named(batch, "part ")
        actions = batch["actions"].unflatten(0, self._given)
        (_, log_probs, entropy), _ = self._ask(parts, actions, batch.get("masks"), False)
        return Terms(column(log_probs), column(entropy), self.values(parts, {}, None))

    def _ask(self, parts: dict[str, Tensor], action: Tensor | None, mask: Tensor | None, greedy: bool) -> Any:
        if mask is not None and "action_mask" not in self._takes:
            raise ValueError(
                "the world has action masks, and the actor does not take action_mask; "
                f"expected {self._signature}, action_mask=None)"
            )
        asked = {"action_mask": mask, "greedy": greedy}
        given = {key: value for key, value in asked.items() if key in self._takes}
        return split_extras(self._read(self.networks["actor"], parts, action=action, **given), 3)


def _given_shape(actor: nn.Module, zeros: dict[str, Tensor], signature: str, owner: str) -> tuple[int, ...]:
    """Returns how an actor takes the actions of a batch: (-1,) for [batch], (-1, 1) for [batch, 1].

    Raises:
        ValueError: If it takes neither, or does not return given actions as they are.
    """
    action = torch.zeros(2, dtype=torch.int64, device=next(iter(zeros.values())).device)
    shape: tuple[int, ...] = (-1,)
    try:
        given = check_network(actor, zeros, signature, [(2,)] * 3, owner, {"action": action})[0]
    except ValueError as error:
        shape = (-1, 1)
        try:
            given = check_network(actor, zeros, signature, [(2,)] * 3, owner, {"action": action.unsqueeze(1)})[0]
        except ValueError:
            raise error from None
    if not torch.equal(column(given), action):
        raise ValueError(
            f"{owner}: the actor must return a given action as it is\n  expected  {signature}\n"
            f"  found     forward{inspect.signature(actor.forward)} -> {given.tolist()} for {action.tolist()}"
        )
    return shape


def draw_actions(log_p: Tensor, generator: torch.Generator) -> Tensor:
    """Draws actions by their log-probabilities, by inversion: one uniform number per row, int64 [batch].

    The number stays below the sum of the probabilities whatever the rounding, so that no action of probability 0 is
    ever drawn.
    """
    edges = log_p.exp().cumsum(1)
    place = torch.rand(len(edges), 1, generator=generator, device=edges.device) * (1 - 1e-6)
    return (edges <= place * edges[:, -1:]).sum(1)
