"""IQN: implicit quantile networks (Dabney et al. 2018), with double, dueling and noisy variants and n-step returns.

The network maps a state and quantile fractions tau to quantiles of the return; actions follow their mean.
``ReplayModel`` acts, remembers and draws; here are the settings, the default network and the loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import Draws, Positive, Width
from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder
from sorrelsim.models.torch.losses import mask_values, weighted_mean
from sorrelsim.models.torch.modes import in_learning
from sorrelsim.models.torch.noisy import NoisyLinear, set_noise
from sorrelsim.models.torch.replay_model import ReplayConfig, ReplayModel

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class IQNConfig(ReplayConfig):
    """Settings of IQN."""

    n_cosines: Width = 64
    """Cosines that embed a quantile fraction."""
    n_taus: Draws = 8
    """Fractions drawn for the online network in the loss (N)."""
    n_target_taus: Draws = 8
    """Fractions drawn for the target (N')."""
    n_acting_taus: Draws = 32
    """Fractions averaged to choose an action (K)."""
    kappa: Positive = 1.0
    """Width of the Huber loss's quadratic part."""
    double: bool = True
    """The online network chooses the target's action."""
    dueling: bool = False
    """Separate streams for the state's value and the actions' advantages."""
    noisy: bool = False
    """Learned noise on the head's weights explores instead of epsilon; set both epsilons to 0 with it."""


class QuantileNet(nn.Module):
    """The default network: encoder features times a cosine embedding of tau (eq. 4), a hidden layer and the head."""

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        n_actions: int,
        network: NetworkConfig,
        n_cosines: int = 64,
        dueling: bool = False,
        noisy: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, n_frames, network)
        width = self.encoder.n_features
        linear = NoisyLinear if noisy else nn.Linear
        self.tau_layer = nn.Linear(n_cosines, width)
        self.register_buffer("frequencies", math.pi * torch.arange(1, n_cosines + 1), persistent=False)
        self.frequencies: Tensor
        self.hidden = linear(width, width)
        self.advantage = linear(width, n_actions)
        self.value = linear(width, 1) if dueling else None

    def forward(self, taus: Tensor, **parts: Tensor) -> Tensor:
        """Turns taus [batch, n] and the parts of states to quantiles, [batch, n, actions]."""
        features = self.encoder(parts)
        if taus.stride(0) == 0:
            taus = taus[:1]  # the same fractions for every state, as in acting: embed them once
        embedded = torch.relu(self.tau_layer(torch.cos(taus.unsqueeze(-1) * self.frequencies)))
        hidden = torch.relu(self.hidden(features.unsqueeze(1) * embedded))
        advantage = self.advantage(hidden)
        if self.value is None:
            return advantage
        return self.value(hidden) + advantage - advantage.mean(-1, keepdim=True)


def quantile_huber_loss(quantiles: Tensor, taus: Tensor, targets: Tensor, kappa: float = 1.0) -> Tensor:
    """Returns the quantile Huber loss of each sample (Dabney et al. 2018, eq. 3): a mean over targets, a sum over taus.

    Args:
        quantiles: Predicted, [batch, n].
        taus: Their fractions, [batch or 1, n].
        targets: Sampled returns, [batch, m].
        kappa: Width of the quadratic part.

    Returns:
        [batch].
    """
    delta = targets.unsqueeze(1) - quantiles.unsqueeze(2)  # [batch, n, m]
    size = delta.abs()
    huber = torch.where(size <= kappa, 0.5 * delta * delta, kappa * (size - 0.5 * kappa)) / kappa
    return ((taus.unsqueeze(2) - (delta < 0).float()).abs() * huber).mean(2).sum(1)


class IQN(ReplayModel):
    """An IQN learner; the arguments not listed are those of every model.

    Args:
        network: A network of one's own, ``forward(<part>=[batch, ...], ..., taus[batch, n]) -> [batch, n, actions]``,
            or with ``state``, ``state_0`` and on in place of the parts' names.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape.
    """

    Config = IQNConfig
    config: IQNConfig

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: IQNConfig | None = None,
        seed: int = 0,
        network: nn.Module | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c, n_actions = self.config, self.action_space
        with self.seeded_init():
            net = network or QuantileNet(
                observations, c.n_frames, n_actions, c.network, c.n_cosines, c.dueling, c.noisy
            )
        signature = f"forward({', '.join(observations.parts)}, taus[B, n]) -> quantiles[B, n, {n_actions}]"
        taus = torch.full((2, 3), 0.5, device=self.device)
        self.take_network(net, signature, (2, 3, n_actions), {"taus": taus})

    def action_values(self, parts: dict[str, Tensor]) -> tuple[Tensor, Any]:
        """Returns mean quantiles at random fractions, the same for every state, [batch, actions]."""
        batch = next(iter(parts.values())).shape[0]
        taus = torch.rand(1, self.config.n_acting_taus, generator=self.generator, device=self.device)
        quantiles, extras = self.ask("online", parts, taus=taus.expand(batch, -1))
        return quantiles.mean(1), extras

    def before_acting(self, exploring: bool, n_rows: int) -> None:
        """Draws new noise on the weights, for each stream its own, or silences it."""
        if self.config.noisy:
            set_noise(self.networks["online"], self.generator if exploring else None, n_rows)

    @in_learning
    def train_step(self) -> dict[str, float]:
        """Takes one gradient step on a sampled batch."""
        c = self.config
        states, next_states, data = self.next_batch()
        if c.noisy:
            set_noise(self.networks["online"], self.generator)
            set_noise(self.networks["target"], self.generator)
        with torch.no_grad():
            following, _ = self._quantiles("target", next_states, c.n_target_taus)  # [batch, n', actions]
            chooser = self._quantiles("online", next_states, c.n_target_taus)[0] if c.double else following
            best = mask_values(chooser.mean(1), data.get("next_masks")).argmax(1)
            targets = data["rewards"].unsqueeze(1) + data["discounts"].unsqueeze(1) * _of_action(following, best)
        quantiles, taus = self._quantiles("online", states, c.n_taus)
        losses = quantile_huber_loss(_of_action(quantiles, data["actions"]), taus, targets, c.kappa)
        loss = weighted_mean(losses, data["valid"], data["weights"])
        value = self.descend(loss, "adam")
        self.after_gradient_step()
        return {"loss": value}

    def _quantiles(self, network: str, parts: dict[str, Tensor], n_taus: int) -> tuple[Tensor, Tensor]:
        """Returns quantiles at fresh fractions, [batch, n_taus, actions], and the fractions."""
        batch = next(iter(parts.values())).shape[0]
        taus = torch.rand(batch, n_taus, generator=self.generator, device=self.device)
        return self.ask(network, parts, taus=taus)[0], taus


def _of_action(quantiles: Tensor, actions: Tensor) -> Tensor:
    """Returns the quantiles of one action per sample: [batch, n, actions] and int64 [batch] to [batch, n]."""
    index = actions.view(-1, 1, 1).expand(-1, quantiles.shape[1], 1)
    return quantiles.gather(2, index).squeeze(2)
