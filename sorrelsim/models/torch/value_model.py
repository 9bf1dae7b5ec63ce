"""What learners of actions' values share: epsilon or noise to explore, one network that acts and one that follows it.

A subclass takes a network, and gives actions' values and ``losses``.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.explanation import Explanation, explained_values
from sorrelsim.models.ranges import Probability, Steps, Weight
from sorrelsim.models.schedules import linear
from sorrelsim.models.seat import Seat
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.exploration import draws_in, epsilon_greedy
from sorrelsim.models.torch.noisy import set_noise
from sorrelsim.models.torch.replay_model import ReplayConfig, ReplayModel, Tensors
from sorrelsim.models.torch.signatures import check_network, read_network, split_extras
from sorrelsim.models.torch.stacked import LIBRARY, as_one
from sorrelsim.models.torch.values_together import ValuesTogether
from sorrelsim.observations.parts import Observation

_STATED = (
    *("take_actions", "take_network", "ask", "learn", "count", "next_batch", "train_step", "gradient_step"),
    *("complete_step", "after_gradient_step", "move_targets"),
)
"""What ``ValuesTogether`` does for several at once."""


@dataclass(frozen=True)
class ValueConfig(ReplayConfig):
    """Settings that all learners of actions' values share."""

    epsilon_start: Probability = 1.0
    """Chance of a random action at the start."""
    epsilon_end: Probability = 0.05
    """Chance of a random action from ``epsilon_steps`` on."""
    epsilon_steps: Steps = 50_000
    """Agent-steps over which epsilon falls, linearly."""
    double: bool = True
    """The online network chooses the target's action (van Hasselt et al. 2016)."""
    dueling: bool = False
    """Separate streams for the state's value and the actions' advantages (Wang et al. 2016)."""
    noisy: bool = False
    """Learned noise on the head's weights explores instead of epsilon; set both epsilons to 0 with it."""
    noise_sigma: Weight = 0.5
    """Size of that noise at the start, divided by the square root of a layer's inputs."""


class ValueModel(ReplayModel):
    """A learner of the values of discrete actions. A subclass gives ``action_values`` and ``losses``.

    Attributes:
        draws_to_act: (class) Whether ``action_values`` draws, the same for all streams.
        extras: What the network returned beyond its listed results when it acted last.
    """

    Config = ValueConfig
    draws_to_act: ClassVar[bool] = False
    extras: Any = None

    def take_network(
        self,
        net: nn.Module,
        signature: str,
        expected: Sequence[tuple[int, ...]],
        further: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Makes a network, if it fits, its network "online", a copy of it "target", and Adam what moves it.

        Args:
            net: The default network, or one of one's own.
            signature: How it is to be called, for errors.
            expected: Shapes of its listed results on a batch of two.
            further: What it is given beside the parts of states, by name: a batch of two.

        Raises:
            TypeError: If its arguments have other names.
            ValueError: If its result has another shape.
        """
        net = net.to(self.device)
        check_network(net, self.zero_states(), signature, expected, self.name, further)
        self._listed = len(expected)
        self._read = read_network(net, list(self.observations.parts), list(further or ()), signature, self.name)
        self.networks = {"online": net, "target": copy.deepcopy(net).requires_grad_(False)}
        self.targets = {"target": "online"}
        self.optimizers = {"adam": Adam(net.parameters())}

    def ask(self, network: str, parts: Tensors, **further: Tensor) -> tuple[Any, Any]:
        """Returns what a network answers for a batch of states, one result as it is, and what it returned beyond."""
        return split_extras(self._read(self.networks[network], parts, **further), self._listed)

    @classmethod
    def together(cls, models: Sequence[ValueModel]) -> ValuesTogether | None:
        """Returns several as one, where they act and learn in the way that is stated here and in ``ReplayModel``."""
        ours = all(getattr(cls, name) is getattr(ValueModel, name) for name in _STATED)
        return as_one(ValuesTogether, models) if ours and cls.losses.__module__.startswith(LIBRARY) else None

    # Acting

    @property
    def acts_in_shares(self) -> bool:
        """Whether it chooses share by share as for all: networks draw nothing, and acting is what is stated here."""
        usual = type(self).take_actions is ValueModel.take_actions and type(self).chances is ValueModel.chances
        return usual and not self.config.noisy and not self.networks_draw

    @abstractmethod
    def action_values(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Any]:
        """Returns the values of all actions, [batch, actions], and what else the network returned.

        Args:
            parts: The states.
            carry: What a recurrent network remembers of their streams, moved on in place; empty for others.
        """

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the allowed actions of the highest value, or random ones with chance epsilon; one pass for all."""
        exploring, parts = self.explores(seat), self.tensors(states)
        n = len(next(iter(parts.values())))
        carry = self.new_carry(n) if seat is None else seat.carry
        if self.config.noisy:  # new noise on the weights, for each stream its own, or none
            set_noise(self.networks["online"], self.generator if exploring else None, n)
        if self.draws_to_act and seat is not None and seat.deal is not None:  # every share is to draw the same
            self.generator.set_state(seat.deal.once(self.generator.get_state))
        with self.acting(), torch.inference_mode():
            if self.graphs is not None and self.recorded:
                act = lambda seen: self.action_values(seen, {})[:1]  # noqa: E731
                (values,) = self.graphs("acting", act, parts, self.parameters("online"))
            else:
                values, self.extras = self.action_values(parts, carry)
            mask, rng = None if seat is None else seat.mask, draws_in(seat, self.rng)
            return epsilon_greedy(values, mask, self.chances(n) if exploring else 0.0, rng)

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation:
        """Returns what all actions are worth to it, without noise, and how far returns spread where it knows that."""
        parts, carry, mask = self.alone(state, seat)
        if self.config.noisy:  # drawn anew before it acts, or learns
            set_noise(self.networks["online"], None)
        with self.acting(), torch.inference_mode():
            values, spreads = self.returns(parts, carry)
        spread = None if spreads is None else spreads[0].cpu().numpy()
        return explained_values(values[0].cpu().numpy(), None if mask is None else mask[0].cpu().numpy(), spread)

    def returns(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Tensor | None]:
        """Returns mean and standard deviation of what all actions bring, [batch, actions]; arguments as before.

        A learner of distributions says both, without chance; others know the mean alone.
        """
        return self.action_values(parts, carry)[0], None

    def chances(self, n_streams: int) -> float | np.ndarray:
        """Returns the chance of a random action now: one for all streams, or one for each, [n_streams]."""
        return self.epsilon

    def scheduled_epsilon(self) -> float:
        """Returns epsilon by agent-steps."""
        c = self.config
        return linear(c.epsilon_start, c.epsilon_end, self.agent_steps, c.epsilon_steps)

    # Learning

    def gradient_step(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[dict[str, float], Tensor]:
        """Moves the network a step down its loss, under new noise on the weights if it has any."""
        if self.config.noisy:
            for net in self.networks.values():
                set_noise(net, self.generator)
        return super().gradient_step(states, following, data)
