"""What learners on policy share: acting and storing, advantages, minibatches; a subclass gives the loss.

The way of a step: ``take_actions`` writes what was seen and chosen into the rollout, ``remember`` what came of it. Once
the rollout is full, ``train_step`` works out advantages, goes over it in minibatches and clears it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.explanation import Explanation
from sorrelsim.models.memory.rollout import Column, Rollout, generalised_advantages
from sorrelsim.models.memory.saved import carries_in_columns
from sorrelsim.models.noted import Means
from sorrelsim.models.ranges import BatchSize, Discount, Length, Passes, Width
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.distributions import chance_in
from sorrelsim.models.torch.graphs import Results, gradients_of
from sorrelsim.models.torch.mirror import mirror_rollout, rollout_on
from sorrelsim.models.torch.own_policy import OwnPolicy
from sorrelsim.models.torch.policies import ActorCritic, DefaultPolicy, Policy
from sorrelsim.models.torch.policies_together import PoliciesTogether
from sorrelsim.models.torch.recurrent import cut
from sorrelsim.models.torch.stacked import LIBRARY, as_one
from sorrelsim.models.torch.torch_model import TorchConfig, TorchModel
from sorrelsim.observations.parts import Observation, Parts, as_parts

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


@dataclass(frozen=True)
class OnPolicyConfig(TorchConfig):
    """Settings that all learners on policy share. They learn whenever every stream has made ``n_steps`` steps."""

    n_steps: Length = 128
    """Steps of each stream between two updates, whatever an epoch's length."""
    n_epochs: Passes = 1
    """Passes over a rollout."""
    n_minibatches: BatchSize = 1
    """Gradient steps per pass."""
    gae_lambda: Discount = 0.95
    """Weight of longer returns in the advantages."""
    recurrent: Literal["none", "gru", "lstm"] = "none"
    """A recurrent layer between encoder and heads."""
    recurrent_size: Width = 128
    """Its width."""
    sequence_length: Length = 16
    """Steps that gradients flow back through; must divide n_steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recurrent != "none" and self.n_steps % self.sequence_length:
            raise ValueError(f"sequence_length {self.sequence_length} does not divide n_steps {self.n_steps}")


class OnPolicyModel(TorchModel):
    """A learner on policy. A subclass gives the ``loss`` of a minibatch, and says in ``acts`` what it can take.

    The arguments not listed are those of every model.

    Args:
        actor: A network of one's own, ``forward(<part>=[batch, ...], ..., action=None) -> action, log_prob[batch],
            entropy[batch]``; a given action is returned as it is; continuous ones are [batch, *shape]. It may also take
            ``action_mask`` (bool [batch, actions] or None) and ``greedy`` (bool). The parts may be called ``state``,
            ``state_0`` and on.
        critic: Its value network, ``forward(<part>=[batch, ...], ...) -> value[batch, 1]``.

    Attributes:
        shown: (class) Names of what ``loss`` shows, in order.
        in_sequences: (class) Whether ``loss`` wants sequences of steps without a recurrent core too.
        recurrent: Whether what acts has a recurrent core.
        policy: What acts: the default network, or the actor and the critic.
        memory: The rollout.
        extras: What an actor of one's own returned beyond its listed results when it acted last.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If such a network does not fit, or only one of the two is given.
    """

    Config = OnPolicyConfig
    shown: ClassVar[tuple[str, ...]] = ()
    in_sequences: ClassVar[bool] = False
    paints: ClassVar[bool] = True
    memory: Rollout

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: Any = None,
        seed: int = 0,
        actor: nn.Module | None = None,
        critic: nn.Module | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        self.extras: Any = None
        if (actor is None) != (critic is None):
            raise ValueError(f"{self.name} takes an actor and a critic of one's own together, or neither")
        if actor is None or critic is None:
            with self.seeded_init():
                policy = self.default_policy()
        else:
            self.refuse_recurrence()
            networks = actor.to(self.device), critic.to(self.device)
            policy = OwnPolicy(*networks, self.action_spec, self.zero_states(), self.name)
        self.take_policy(policy)

    def take_policy(self, policy: Policy) -> None:
        """Makes a policy what acts, its networks the learner's and Adam what moves them, and a rollout for it."""
        self.policy, self.networks, self._parameters = policy, policy.networks, {}
        policy.graphs = self.graphs
        self.optimizers = {"adam": self.optimizer()}
        c = self.config
        columns: dict[str, Column] = dict(policy.columns)
        for name, tensor in self.new_carry(1).items():
            columns[f"carry {name}"] = tuple(tensor.shape[1:]), np.float32
        self.recurrent = bool(self.new_carry(1))
        self.memory = (
            Rollout(self.remembered, c.n_steps, self.n_streams, c.n_frames, columns, self.action_spec.column)
            if self.n_streams
            else None  # type: ignore[assignment]
        )
        mirror_rollout(self.memory, self.device, c.memory_device)
        self._next_value = np.zeros(self.n_streams, np.float32)

    def optimizer(self) -> Adam:
        """Returns what moves the networks."""
        return Adam(self.all_parameters(), eps=1e-5)

    def all_parameters(self) -> list[Tensor]:
        """Returns the parameters of all networks."""
        return [p for name in self.networks for p in self.parameters(name)]

    def default_policy(self) -> Policy:
        """Returns the policy of the default network: one encoder, with heads for actions and value."""
        c = self.config
        net = ActorCritic(self.observations, c.n_frames, self.action_spec, c.network, c.recurrent, c.recurrent_size)
        return DefaultPolicy(net.to(self.device))

    def refuse_recurrence(self) -> None:
        """Raises a ValueError if the config asks for a recurrent core, which a network of one's own cannot be given."""
        if self.config.recurrent != "none":
            raise ValueError("recurrent is a setting of the default network; it cannot be given to one of one's own")

    @abstractmethod
    def loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the loss of a minibatch, a scalar, and what is shown of it: one number per name in ``shown``.

        Args:
            batch: By name ``actions``, ``values`` and the policy's columns (as they were when acting), ``advantages``,
                ``returns``, ``ended``, ``masks`` if the world has them, ``part ...`` and, for sequences, ``carry ...``,
                [1, sequences, size]; [batch, ...], or [length, sequences, ...] with a recurrent core.
        """

    def enough(self, losses: Mapping[str, float]) -> bool:
        """Returns whether a gradient step's losses say that the update should stop; never by default."""
        return False

    # Acting

    @property
    def acts_in_shares(self) -> bool:
        """Whether it chooses share by share as for all: networks draw nothing, and acting is what is stated here."""
        return type(self).take_actions is OnPolicyModel.take_actions and not self.networks_draw

    def before_acting(self) -> None:
        """Called before the forward pass that chooses actions; by default does nothing."""

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns the recurrent core's state, zeros; empty if there is none."""
        return self.policy.new_carry(n_streams)

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns actions drawn from the policy, or its likeliest when not exploring; one forward pass for all."""
        if seat is None:
            n = len(next(iter(as_parts(states).values())))
            seat = Seat(n, self.new_carry(n))
        mask = None if seat.mask is None else torch.from_numpy(seat.mask).to(self.device)
        self.before_acting()
        kept = self.carries(seat) if seat.learn else {}  # acting moves them on in place
        with self.acting(), torch.inference_mode():
            draw = chance_in(seat, self.generator) if self.explores(seat) else None
            sent = self.sent(states)
            chosen = self.policy.act(self.as_observed(sent), seat.carry, mask, draw, seat.learn)
            self.extras = chosen.extras
            actions = chosen.actions.cpu().numpy().reshape(-1, *self.action_spec.shape)
            if chosen.values is not None:
                kept |= {name: tensor.cpu().numpy() for name, tensor in chosen.known.items()}
                values = chosen.values.cpu().numpy()
                self.memory.add_choice(states, actions, values, seat.mask, kept, seat.rows, sent)
        return actions

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns what its policy makes of one state: chances of actions, or their values, and what it is worth."""
        parts, carry, mask = self.alone(state, seat)
        with self.acting(), torch.inference_mode():
            return self.policy.explain(parts, carry, mask)

    def carries(self, seat: Seat) -> dict[str, np.ndarray]:
        """Returns the columns of the carry, where a sequence of the rollout begins with the next row; else nothing."""
        if not self.recurrent or self.memory.size % self.config.sequence_length:
            return {}
        return {f"carry {name}": tensor.cpu().numpy().copy() for name, tensor in seat.carry.items()}

    def remember(self, transition: Transition) -> None:
        """Completes the rollout's row; at an episode cut short, estimates what would have followed.

        Raises:
            ValueError: If a stream was truncated and its final observation is missing.
        """
        t = transition
        if t.seat.learn:
            self.memory.add_outcome(t.reward, t.terminated, t.terminated | t.truncated)
            self.look_ahead(t)

    def look_ahead(self, transition: Transition) -> None:
        """Estimates what follows the row that was completed last, where that counts: behind a cut, and the last."""
        t, row = transition, self.memory.size - 1
        if t.ended.size and (cut := t.truncated[t.ended]).any():
            if t.final_states is None:
                raise ValueError("a truncated step needs final_obs: without it the next state is lost")
            last = {name: part[cut] for name, part in as_parts(t.final_states).items()}
            mask = None if t.final_mask is None else t.final_mask[cut]
            carry = {name: tensor[torch.from_numpy(t.ended[cut])] for name, tensor in t.seat.carry.items()}
            self.memory.final_values[row, t.ended[cut]] = self._values(last, carry, mask)
        if self.memory.full:
            carry = {name: tensor.clone() for name, tensor in t.seat.carry.items()}
            if t.ended.size:
                self.reset_carry(carry, t.ended)
            self._next_value = self._values(as_parts(t.next_states()), carry, t.next_mask)

    def _values(self, parts: Parts, carry: dict[str, Tensor], mask: np.ndarray | None) -> np.ndarray:
        """Returns values of states, float32 [n]; arguments as of ``Policy.values``."""
        allowed = None if mask is None else torch.from_numpy(mask).to(self.device)
        with self.acting(), torch.inference_mode():
            return self.policy.values(self.tensors(parts), carry, allowed).cpu().numpy()

    def interrupt(self) -> None:
        """Ends running episodes in the rollout; nothing is known of what would have followed, so nothing is learned."""
        self.memory.break_off(self.config.gamma)

    @classmethod
    def together(cls, models: Sequence[OnPolicyModel]) -> PoliciesTogether | None:
        """Returns several of the default network as one, where they act and learn in the way that is stated here."""
        ours = all(getattr(cls, name) is getattr(OnPolicyModel, name) for name in _STATED)
        return as_one(PoliciesTogether, models) if ours and cls.loss.__module__.startswith(LIBRARY) else None

    # Learning

    def updates_due(self, before: int, now: int) -> int:
        """Returns 1 whenever the rollout is full."""
        return int(self.memory.full)

    def train_step(self) -> dict[str, float]:
        """Goes over the rollout in minibatches, clears it and returns mean losses over the gradient steps."""
        means = Means()
        with self.learning():
            for batch in self.minibatches():
                losses = self.gradient_step(batch)
                if not means.add(losses) or self.enough(losses):
                    break
        self.memory.clear()
        return means.taken()

    def gradient_step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """Takes one step down the loss of a minibatch; returns it, and what it shows, by name."""
        if self.graphs is not None and self.recorded:
            moved = self.optimizers["adam"].parameters
            loss, shown, *gradients = self.graphs("learning", self._gradients, batch, moved)
            return self.shown_of(self.move(loss, "adam", gradients), shown)
        loss, shown = self.loss(batch)
        return self.shown_of(self.descend(loss, "adam"), shown)

    def _gradients(self, batch: dict[str, Tensor]) -> Results:
        """Returns the loss of a minibatch, what it shows, and its gradients."""
        loss, shown = self.loss(batch)
        return loss.detach(), shown, *gradients_of(loss, self.optimizers["adam"].parameters)

    def shown_of(self, loss: float, shown: Tensor) -> dict[str, float]:
        """Counts a gradient step, and returns its loss and what ``loss`` shows of it, by name."""
        self.gradient_steps += 1
        return dict(zip(("loss", *self.shown), [loss, *shown.tolist()], strict=True))

    def advantages(self) -> np.ndarray:
        """Returns the advantages of the rollout's actions, float32 [n_steps, n_streams]."""
        m, c = self.memory, self.config
        return generalised_advantages(
            m.rewards, m.values, self._next_value, m.terminated, m.ended, m.final_values, c.gamma, c.gae_lambda
        )

    def minibatches(self) -> Iterator[dict[str, Tensor]]:
        """Yields the rollout's steps, or sequences of them, in random parts, once per pass; see ``loss``."""
        c, data, axis = self.config, self.stored(), int(self.in_sequences or self.recurrent)
        n = data["actions"].shape[axis]
        for _ in range(c.n_epochs):
            order = torch.randperm(n, generator=self.generator, device=self.device)
            for index in order.tensor_split(min(c.n_minibatches, n)):
                yield self.minibatch(data, axis, index)

    def minibatch(self, data: dict[str, Tensor], axis: int, index: Tensor) -> dict[str, Tensor]:
        """Returns some of the steps of ``stored``, or of its sequences, as ``loss`` takes them."""
        return self.painted({name: tensor.index_select(axis, index) for name, tensor in data.items()}, "part grid")

    def whole(self) -> dict[str, Tensor]:
        """Returns the whole rollout as one minibatch, in order; see ``loss``."""
        return self.painted(self.stored(), "part grid")

    def stored(self) -> dict[str, Tensor]:
        """Returns the whole rollout as ``whole`` does, with frames as they are kept."""
        data = rollout_on(self.device, self.memory, self.lived())
        if self.in_sequences or self.recurrent:
            return cut(data, self.config.sequence_length)
        return {name: tensor.flatten(0, 1) for name, tensor in data.items()}

    def lived(self) -> dict[str, np.ndarray]:
        """Returns what minibatches are made of: ``states_and_choices``, and advantages and returns of each step."""
        advantages = self.advantages()
        return self.states_and_choices() | {"advantages": advantages, "returns": advantages + self.memory.values}

    def states_and_choices(self) -> dict[str, np.ndarray]:
        """Returns what the rollout holds of states and choices, by the names under which ``loss`` finds it."""
        m = self.memory
        arrays = {f"part {name}": part for name, part in m.states.items()}
        arrays |= {"actions": m.actions, "values": m.values, "ended": m.ended}
        if m.masks is not None:
            arrays["masks"] = m.masks
        for name, column in m.columns.items():
            arrays[name] = column[:: self.config.sequence_length] if name.startswith("carry ") else column
        return arrays

    # Saving

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        super().load_state_dict(carries_in_columns(state, self.config.sequence_length))


_STATED = ("before_acting", "take_actions", "remember", "learn", "count", "train_step", "gradient_step", "whole")
"""What ``PoliciesTogether`` does for several at once."""
