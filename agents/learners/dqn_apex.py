"""Ape-X DQN: prioritised DQN of streams that explore each to its own degree (Horgan et al. 2018).

Stream i of N takes a random action with chance epsilon^(1 + alpha i / (N - 1)), so that all degrees of exploring go on
side by side (section 4.1). A step begins in memory with the TD error that was found when acting, r + gamma^n max_a
Q(s', a) - Q(s, a), for a priority (algorithm 1). Learning is that of the prioritised DQN, with double targets after
n steps and dueling streams.

With ``actors: N`` in a run's config the streams are those of N processes, each with its part of the ladder. They send
steps, with what they thought of them, to a replay memory in a process of its own, from which the learner draws.

Departures from the paper: a gradient step is taken every so many agent-steps, with actors too, so that a config learns
as much from as many steps however it is run; the paper's learner does not wait. In one process the network that acts is
the newest, not one some hundred steps old. Adam moves the network. Batches for up to four gradient steps that fall due
at once are drawn in one go; the paper's learner draws sixteen ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sorrelsim.agents.learners.dqn import DQN, DQNConfig
from sorrelsim.models.memory.appraised import AppraisedBuffer
from sorrelsim.models.ranges import Length, Probability, Weight
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.models.torch.exploration import ladder
from sorrelsim.models.torch.gathering import BySteps
from sorrelsim.models.torch.noisy import set_noise
from sorrelsim.models.torch.value_model import Tensors


@dataclass(frozen=True)
class DQNApexConfig(DQNConfig):
    """Settings of Ape-X DQN."""

    epsilon_start: Probability = 0.4
    """Chance of a random action of the first stream at the start; that of the others is a power of it."""
    epsilon_end: Probability = 0.4
    """The same from ``epsilon_steps`` on."""
    epsilon_exponent: Weight = 7.0
    """How far apart streams are in exploring (alpha); 0 gives all the same chance."""
    n_step: Length = 3
    """Steps summed before bootstrapping."""
    double: bool = True
    """The online network chooses the target's action (van Hasselt et al. 2016)."""
    dueling: bool = True
    """Separate streams for the state's value and the actions' advantages (Wang et al. 2016)."""
    prioritised: bool = True
    """Sample steps by their TD error; Ape-X does so in any case."""
    priority_correction_end: Probability = 0.4
    """The same from ``priority_correction_steps`` on; the paper keeps it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.prioritised:
            raise ValueError("prioritised must be true: dqn_apex is about priorities; without them it is ddqn")


class DQNApex(DQN):
    """DQN that explores by degrees and gives new steps their priorities when acting.

    Attributes:
        part: Which part of all streams it acts for, and of how many: an actor has its part of the ladder.
    """

    Config = DQNApexConfig
    memory_class = AppraisedBuffer
    gathering = BySteps
    part = (0, 1)
    config: DQNApexConfig
    memory: AppraisedBuffer
    _found: Tensor

    def chances(self, n_streams: int) -> np.ndarray:
        """Returns the chance of a random action of each stream, [n_streams]."""
        return ladder(self.epsilon, self.config.epsilon_exponent, n_streams, self.part)

    def action_values(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Any]:
        """Returns the values of all actions, [batch, actions], and what else the network returned."""
        self._found, extras = super().action_values(parts, carry)
        return self._found, extras

    def take_actions(self, states: Any, seat: Seat | None = None) -> np.ndarray:
        """Returns actions as every learner of values does; what they were thought to be worth goes with the step."""
        actions = super().take_actions(states, seat)
        if seat is not None and seat.learn:
            values = self._found.cpu().numpy()
            self.memory.appraise(values[np.arange(len(actions)), actions], best_of(values, seat.mask))
        return actions

    def remember(self, transition: Transition) -> None:
        """Takes in one step; at an episode cut short, values what would have followed."""
        if transition.seat.learn:
            self.memory.appraise_ends(transition, self.worth)
        super().remember(transition)

    def worth(self, states: dict[str, np.ndarray], mask: np.ndarray | None) -> np.ndarray:
        """Returns what the best allowed action is worth in some states, float32 [n]."""
        if self.config.noisy:
            set_noise(self.networks["online"], None)
        with self.acting(), torch.inference_mode():
            return best_of(self.ask("online", self.tensors(states))[0].cpu().numpy(), mask)


def best_of(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns the highest value of an allowed action, [n], of values [n, actions] and a mask of the same shape."""
    return values.max(1) if mask is None else np.where(mask, values, -np.inf).max(1)
