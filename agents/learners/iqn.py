"""IQN: implicit quantile networks (Dabney et al. 2018), with double, dueling and noisy variants and n-step returns.

The network maps a state and a fraction tau of 0 to 1 to that quantile of each action's return, Z_tau(s, a). What it
sees of a state is multiplied by phi(tau) = ReLU(sum_i cos(pi i tau) w_i + b) (eq. 4), and actions follow the mean of
``n_acting_taus`` quantiles. With fractions tau_1..N and tau'_1..N' drawn evenly, the errors

    delta_ij = r + gamma^n Z'_tau'_j(s', a*) - Z_tau_i(s, a)   of which   rho_tau(delta) = |tau - [delta < 0]| L(delta)

is the quantile Huber loss, L being Huber's over its width kappa; it is added up over i and averaged over j (eq. 3).
``ValueModel`` acts, remembers and draws; here are the settings, the default network and the loss.

Departures from the paper: the online network chooses a* (``double``), by the mean of N' quantiles; returns are of three
steps; the target moves softly; cosines begin with i = 1, for that of 0 is a constant, which b is already. Dueling
streams, noise on weights and priorities by the loss are settings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import Draws, Positive, Width
from sorrelsim.models.torch.distributions import uniform
from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder
from sorrelsim.models.torch.losses import combined, mask_values, quantile_huber_loss, quantiles_of_action
from sorrelsim.models.torch.noisy import noisy_or_plain
from sorrelsim.models.torch.value_model import Tensors, ValueConfig, ValueModel

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class IQNConfig(ValueConfig):
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
        noise_sigma: float = 0.5,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, n_frames, network)
        width = self.encoder.n_features
        linear = noisy_or_plain(noisy, noise_sigma)
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
        return combined(self.value(hidden), advantage, -1)


class IQN(ValueModel):
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
    draws_to_act = True

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
                observations, c.n_frames, n_actions, c.network, c.n_cosines, c.dueling, c.noisy, c.noise_sigma
            )
        signature = f"forward({', '.join(observations.parts)}, taus[B, n]) -> quantiles[B, n, {n_actions}]"
        taus = torch.full((2, 3), 0.5, device=self.device)
        self.take_network(net, signature, [(2, 3, n_actions)], {"taus": taus})

    def action_values(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Any]:
        """Returns mean quantiles at random fractions, the same for every state, [batch, actions]."""
        batch = next(iter(parts.values())).shape[0]
        taus = torch.rand(1, self.config.n_acting_taus, generator=self.generator, device=self.device)
        quantiles, extras = self.ask("online", parts, taus=taus.expand(batch, -1))
        return quantiles.mean(1), extras

    def returns(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Tensor]:
        """Returns mean and standard deviation over quantiles at the fractions (2i - 1) / 2K, [batch, actions]."""
        n, batch = self.config.n_acting_taus, next(iter(parts.values())).shape[0]
        taus = (torch.arange(n, device=self.device) + 0.5) / n
        quantiles, _ = self.ask("online", parts, taus=taus.expand(batch, -1))
        return quantiles.mean(1), quantiles.std(1, correction=0)

    def losses(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[Tensor, Tensor]:
        """Returns the quantile Huber loss of each sample, as which it is prioritised too."""
        c = self.config
        with torch.no_grad():
            later, _ = self._quantiles("target", following, c.n_target_taus)  # [batch, n', actions]
            chooser = self._quantiles("online", following, c.n_target_taus)[0] if c.double else later
            best = mask_values(chooser.mean(1), data.get("next_masks")).argmax(1)
            targets = data["rewards"].unsqueeze(1) + data["discounts"].unsqueeze(1) * quantiles_of_action(later, best)
        quantiles, taus = self._quantiles("online", states, c.n_taus)
        losses = quantile_huber_loss(quantiles_of_action(quantiles, data["actions"]), taus, targets, c.kappa)
        return losses, losses

    def _quantiles(self, network: str, parts: Tensors, n_taus: int) -> tuple[Tensor, Tensor]:
        """Returns quantiles at fresh fractions, [batch, n_taus, actions], and the fractions."""
        batch = next(iter(parts.values())).shape[0]
        taus = uniform(batch, n_taus, self.generator, self.device)
        return self.ask(network, parts, taus=taus)[0], taus
