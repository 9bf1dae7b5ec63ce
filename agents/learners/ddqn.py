"""DDQN: deep Q-learning (Mnih et al. 2015) with double, dueling, prioritised and n-step variants as options.

``ReplayModel`` acts, remembers and draws; here are the settings, the default network and the loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import Exponent, Length, Probability, Steps
from sorrelsim.models.schedules import linear
from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder
from sorrelsim.models.torch.losses import mask_values
from sorrelsim.models.torch.modes import in_learning
from sorrelsim.models.torch.replay_model import ReplayConfig, ReplayModel

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class DDQNConfig(ReplayConfig):
    """Settings of DDQN."""

    n_step: Length = 1
    """Steps summed before bootstrapping."""
    double: bool = True
    """The online network chooses the target's action (van Hasselt et al. 2016)."""
    dueling: bool = False
    """Separate streams for the state's value and the actions' advantages (Wang et al. 2016)."""
    prioritised: bool = False
    """Sample steps by their TD error (Schaul et al. 2016)."""
    priority_exponent: Exponent = 0.6
    """How much the TD error counts in sampling (alpha)."""
    priority_correction: Probability = 0.4
    """How much of the sampling's bias is corrected at first (beta)."""
    priority_correction_steps: Steps = 100_000
    """Agent-steps over which beta rises to 1."""


class QNet(nn.Module):
    """The default network: an encoder and a linear head."""

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        n_actions: int,
        network: NetworkConfig,
        dueling: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, n_frames, network)
        self.advantage = nn.Linear(self.encoder.n_features, n_actions)
        self.value = nn.Linear(self.encoder.n_features, 1) if dueling else None

    def forward(self, **parts: Tensor) -> Tensor:
        """Turns parts of states to values, [batch, actions]."""
        features = self.encoder(parts)
        advantage = self.advantage(features)
        if self.value is None:
            return advantage
        return self.value(features) + advantage - advantage.mean(1, keepdim=True)


def q_targets(
    rewards: Tensor, discounts: Tensor, following: Tensor, chooser: Tensor, masks: Tensor | None = None
) -> Tensor:
    """Returns the targets of double Q-learning: r + discount * Q_target(s', argmax_a Q_chooser(s', a)).

    Args:
        rewards: n-step returns, [batch].
        discounts: gamma to the n, 0 where nothing follows, [batch].
        following: The target network's values of next states, [batch, actions].
        chooser: The values that choose the action; ``following`` itself for plain Q-learning.
        masks: Allowed actions there, bool [batch, actions], or None.

    Returns:
        [batch].
    """
    best = mask_values(chooser, masks).argmax(1, keepdim=True)
    return rewards + discounts * following.gather(1, best).squeeze(1)


class _HuberOfAction(torch.autograd.Function):
    """The weighted Huber loss of one action's values; its gradient is known at once, so no graph is recorded."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, actions: Tensor, targets: Tensor, weights: Tensor) -> Any:
        index = actions.unsqueeze(1)
        errors = targets - values.gather(1, index).squeeze(1)
        slope = errors.clamp(-1.0, 1.0)
        # Within the quadratic part slope is the error, and this is its half square; beyond it |error| - 1/2.
        loss = torch.dot(slope * (errors - 0.5 * slope), weights)
        ctx.save_for_backward(torch.zeros_like(values).scatter_(1, index, (-slope * weights).unsqueeze(1)))
        ctx.mark_non_differentiable(errors)
        return loss, errors

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.saved_tensors[0] * gradients[0], None, None, None


def td_loss(values: Tensor, actions: Tensor, targets: Tensor, weights: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Works out the weighted Huber loss (width 1) of the chosen actions' values, a mean over the valid samples.

    Args:
        values: [batch, actions].
        actions: int64 [batch].
        targets: [batch].
        weights: Importance weights, 0 where not valid, [batch].
        valid: 0 or 1, [batch].

    Returns:
        The loss, a scalar, and the TD errors, targets minus values, [batch].
    """
    return _HuberOfAction.apply(values, actions, targets, weights / valid.sum().clamp(min=1))


class DDQN(ReplayModel):
    """A deep Q-learner; the arguments not listed are those of every model.

    Args:
        network: A network of one's own, ``forward(<part>=[batch, ...], ...) -> q[batch, actions]``, or with
            ``state``, ``state_0`` and on in place of the parts' names.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape.
    """

    Config = DDQNConfig
    config: DDQNConfig

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: DDQNConfig | None = None,
        seed: int = 0,
        network: nn.Module | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c, n_actions = self.config, self.action_space
        with self.seeded_init():
            net = network or QNet(observations, c.n_frames, n_actions, c.network, c.dueling)
        self.take_network(net, f"forward({', '.join(observations.parts)}) -> q[B, {n_actions}]", (2, n_actions))

    @property
    def priority_exponent(self) -> float:
        """How much the TD error counts in sampling."""
        return self.config.priority_exponent if self.config.prioritised else 0.0

    def action_values(self, parts: dict[str, Tensor]) -> tuple[Tensor, Any]:
        """Returns the values of all actions, [batch, actions], and what else the network returned."""
        return self.ask("online", parts)

    @in_learning
    def train_step(self) -> dict[str, float]:
        """Takes one gradient step on a sampled batch, and updates its priorities."""
        c = self.config
        index = None
        if c.prioritised:  # drawn one by one: each step's errors decide what the next one draws
            beta = linear(c.priority_correction, 1.0, self.agent_steps, c.priority_correction_steps)
            batch = self.memory.sample(c.batch_size, beta)
            index = batch.index
            states, next_states, data = self.batch_tensors(batch)
        else:
            states, next_states, data = self.next_batch()
        with torch.no_grad():
            following, _ = self.ask("target", next_states)
            chooser = self.action_values(next_states)[0] if c.double else following
            targets = q_targets(data["rewards"], data["discounts"], following, chooser, data.get("next_masks"))
        loss, errors = td_loss(
            self.action_values(states)[0], data["actions"], targets, data["valid"] * data["weights"], data["valid"]
        )
        value = self.descend(loss, "adam")
        if index is not None and math.isfinite(value):
            self.memory.update_priorities(index, errors.cpu().numpy())
        self.after_gradient_step()
        return {"loss": value}
