"""A user's own actor and critic as what acts and is learned from on policy."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from sorrelsim.models.explanation import Explanation
from sorrelsim.models.memory.rollout import Column
from sorrelsim.models.torch.distributions import Chance, Terms
from sorrelsim.models.torch.policies import OF_ACTIONS, Choice, Policy
from sorrelsim.models.torch.recurrent import Carry, named
from sorrelsim.models.torch.signatures import check_network, column, read_network, split_extras

if TYPE_CHECKING:
    from sorrelsim.observations.actions import ActionSpec


class OwnPolicy(Policy):
    """A user's actor and critic, whose calls and results are checked once.

    Args:
        actor: ``forward(<part>=[batch, ...], ..., action=None) -> action, log_prob[batch], entropy[batch]``, each
            [batch] or [batch, 1]; a given action is [batch], or [batch, 1] if the actor cannot take that. Continuous
            actions are [batch, *shape] always.
        critic: ``forward(<part>=[batch, ...], ...) -> value[batch, 1]`` or [batch].
        spec: What it can do.
        zeros: A batch of two all-zero states.
        owner: The model, for errors.

    Raises:
        TypeError: If arguments have other names.
        ValueError: If results have other shapes, or a given action is not returned as it is.
    """

    columns: ClassVar[dict[str, Column]] = OF_ACTIONS

    def __init__(
        self, actor: nn.Module, critic: nn.Module, spec: ActionSpec, zeros: dict[str, Tensor], owner: str
    ) -> None:
        self.networks = {"actor": actor, "critic": critic}
        self._takes = {"action_mask", "greedy"} & set(inspect.signature(actor.forward).parameters)
        parts = ", ".join(zeros)
        self._signature = f"forward({parts}, action=None"
        numbers = "".join(f", {n}" for n in spec.shape)
        signature = f"{self._signature}) -> action{f'[B{numbers}]' if numbers else ''}, log_prob[B], entropy[B]"
        of_critic = f"forward({parts}) -> value[B, 1]"
        self._read = read_network(actor, list(zeros), ["action"], signature, owner)
        self._read_critic = read_network(critic, list(zeros), [], of_critic, owner)
        self._lead = _lead_of_actions(actor, spec, zeros, signature, owner)
        self._n_actions = len(spec.names)
        check_network(actor, zeros, signature, [(2, *spec.shape), (2,), (2,)], owner, {"action": None})
        check_network(critic, zeros, of_critic, [(2,)], owner)

    def act(
        self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None, draw: Chance | None, valued: bool
    ) -> Choice:
        """Asks the actor for actions, and the critic for values where they are asked for."""
        (actions, log_probs, _), extras = self._ask(parts, None, mask, draw is None)
        actions = column(actions) if self._n_actions else actions
        if not valued:
            return Choice(actions, extras=extras)
        return Choice(actions, self.values(parts, carry, mask), {"log_probs": column(log_probs)}, extras)

    def explain(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Explanation:
        """Returns the critic's estimate, and the chance of every action, of which the actor is asked one by one."""
        value = self.values(parts, carry, mask).item()
        if not self._n_actions:
            return Explanation(value=value)
        n = self._n_actions
        repeated = {name: part.expand(n, *part.shape[1:]) for name, part in parts.items()}
        every = torch.arange(n, device=next(iter(parts.values())).device).unflatten(0, self._lead)
        (_, log_probs, _), _ = self._ask(repeated, every, None if mask is None else mask.expand(n, -1), False)
        chances = column(log_probs).double().exp()
        return Explanation((chances / chances.sum()).cpu().numpy(), value=value)

    def values(self, parts: dict[str, Tensor], carry: Carry, mask: Tensor | None) -> Tensor:
        """Returns the critic's estimates."""
        return column(split_extras(self._read_critic(self.networks["critic"], parts), 1)[0])

    def terms(self, batch: dict[str, Tensor]) -> Terms:
        """Returns what the actor says of the actions taken, and the critic of the states."""
        return self.choices(batch)._replace(values=self.estimates(batch))

    def choices(self, batch: dict[str, Tensor]) -> Terms:
        """Returns what the actor says of the actions taken, with values as they were when acting."""
        actions = batch["actions"].unflatten(0, self._lead)
        (_, log_probs, entropy), _ = self._ask(named(batch, "part "), actions, batch.get("masks"), False)
        return Terms(column(log_probs), column(entropy), batch["values"])

    def estimates(self, batch: dict[str, Tensor]) -> Tensor:
        """Returns the critic's estimates of a minibatch, with gradients, [batch]."""
        return self.values(named(batch, "part "), {}, None)

    def _ask(self, parts: dict[str, Tensor], action: Tensor | None, mask: Tensor | None, greedy: bool) -> Any:
        if mask is not None and "action_mask" not in self._takes:
            raise ValueError(
                "the world has action masks, and the actor does not take action_mask; "
                f"expected {self._signature}, action_mask=None)"
            )
        asked = {"action_mask": mask, "greedy": greedy}
        given = {key: value for key, value in asked.items() if key in self._takes}
        return split_extras(self._read(self.networks["actor"], parts, action=action, **given), 3)


def _lead_of_actions(
    actor: nn.Module, spec: ActionSpec, zeros: dict[str, Tensor], signature: str, owner: str
) -> tuple[int, ...]:
    """Returns how an actor takes the actions of a batch: (-1,) for [batch, *shape], (-1, 1) for [batch, 1].

    Raises:
        ValueError: If it takes neither, or does not return given actions as they are.
    """
    dtype = torch.int64 if spec.names else torch.float32
    action = torch.zeros(2, *spec.shape, dtype=dtype, device=next(iter(zeros.values())).device)
    expected: list[tuple[int, ...]] = [(2, *spec.shape), (2,), (2,)]
    lead: tuple[int, ...] = (-1,)
    try:
        given = check_network(actor, zeros, signature, expected, owner, {"action": action})[0]
    except ValueError as error:
        if not spec.names:
            raise
        lead = (-1, 1)
        try:
            given = check_network(actor, zeros, signature, expected, owner, {"action": action.unsqueeze(1)})[0]
        except ValueError:
            raise error from None
    if not torch.equal(given.reshape(action.shape), action):
        raise ValueError(
            f"{owner}: the actor must return a given action as it is\n  expected  {signature}\n"
            f"  found     forward{inspect.signature(actor.forward)} -> {given.tolist()} for {action.tolist()}"
        )
    return lead
