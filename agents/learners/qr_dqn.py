"""QR-DQN: distributional Q-learning by quantile regression (Dabney et al. 2018, AAAI).

The network gives n quantiles of each action's return, at the fixed fractions (2i - 1) / 2n; actions follow their mean.
The loss is the quantile Huber loss (eq. 10) against the target r + gamma^n theta_j(s', a*). ``ValueModel`` acts,
remembers and draws; here are the settings, the default network and the loss.

Departures from the paper: 32 quantiles, not 200, which costs a tenth on a CPU and loses little on small worlds; the
online network chooses a* (``double``); the target moves softly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import Draws, Length, Positive
from sorrelsim.models.torch.encoders import build_encoder
from sorrelsim.models.torch.losses import Sloped, combined, mask_values, quantile_regression, quantiles_of_action
from sorrelsim.models.torch.noisy import noisy_or_plain
from sorrelsim.models.torch.value_model import Tensors, ValueConfig, ValueModel

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class QRDQNConfig(ValueConfig):
    """Settings of QR-DQN."""

    n_step: Length = 1
    """Steps summed before bootstrapping."""
    n_quantiles: Draws = 32
    """Quantiles of each action's return (N)."""
    kappa: Positive = 1.0
    """Width of the Huber loss's quadratic part."""


class QuantilesNet(nn.Module):
    """The default network: an encoder and a linear head, or two where value and advantages are apart."""

    def __init__(self, observations: ObservationSpec, n_actions: int, config: QRDQNConfig) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, config.n_frames, config.network)
        linear, width, n = noisy_or_plain(config.noisy, config.noise_sigma), self.encoder.n_features, config.n_quantiles
        self.advantage = linear(width, n * n_actions)
        self.value = linear(width, n) if config.dueling else None
        self.n_quantiles = n

    def forward(self, **parts: Tensor) -> Tensor:
        """Turns parts of states to quantiles, [batch, n, actions]."""
        features = self.encoder(parts)
        advantage = self.advantage(features).unflatten(1, (self.n_quantiles, -1))
        return advantage if self.value is None else combined(self.value(features).unsqueeze(2), advantage, 2)


class QRDQN(ValueModel):
    """A QR-DQN learner; the arguments not listed are those of every model.

    Args:
        network: A network of one's own, ``forward(<part>=[batch, ...], ...) -> quantiles[batch, n, actions]``, with n
            the config's ``n_quantiles``, or with ``state``, ``state_0`` and on in place of the parts' names.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape.
    """

    Config = QRDQNConfig
    config: QRDQNConfig

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: QRDQNConfig | None = None,
        seed: int = 0,
        network: nn.Module | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c, n_actions = self.config, self.action_space
        with self.seeded_init():
            net = network or QuantilesNet(observations, n_actions, c)
        shape = c.n_quantiles, n_actions
        self.take_network(
            net, f"forward({', '.join(observations.parts)}) -> quantiles[B, {shape[0]}, {shape[1]}]", [(2, *shape)]
        )
        self._taus = (torch.arange(c.n_quantiles, device=self.device) + 0.5) / c.n_quantiles

    def action_values(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Any]:
        """Returns mean quantiles, [batch, actions], and what else the network returned."""
        quantiles, extras = self.ask("online", parts)
        return quantiles.mean(1), extras

    def returns(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Tensor]:
        """Returns mean and standard deviation over the quantiles, [batch, actions]."""
        quantiles, _ = self.ask("online", parts)
        return quantiles.mean(1), quantiles.std(1, correction=0)

    def losses(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[Sloped, Tensor]:
        """Returns the quantile Huber loss of each sample, as which it is prioritised too."""
        c = self.config
        with torch.no_grad():
            later, _ = self.ask("target", following)
            chooser = self.ask("online", following)[0] if c.double else later
            best = mask_values(chooser.mean(1), data.get("next_masks")).argmax(1)
            targets = data["rewards"].unsqueeze(1) + data["discounts"].unsqueeze(1) * quantiles_of_action(later, best)
        quantiles = quantiles_of_action(self.ask("online", states)[0], data["actions"])
        sloped = quantile_regression(quantiles, self._taus, targets, c.kappa)
        return sloped, sloped.losses
