"""Rainbow: C51 with double, dueling, prioritised, n-step and noisy Q-learning in one (Hessel et al. 2018).

The network gives each action's return as probabilities of atoms between ``value_min`` and ``value_max`` (Bellemare et
al. 2017); actions follow the mean. The target is the distribution of r + gamma^n Z(s', a*), projected onto the atoms;
the loss is the cross entropy with it, as which a step is prioritised too. ``ValueModel`` acts, remembers and draws;
here are the settings, the default network and the loss.

Departures from the paper: noise is in the last layer only, which is enough to explore by; the target moves softly.
Batches for up to four gradient steps that fall due at once are drawn in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import Exponent, Payoff, Probability, Range
from sorrelsim.models.torch.categorical import categorical_loss
from sorrelsim.models.torch.encoders import build_encoder
from sorrelsim.models.torch.losses import Sloped, combined, mask_values
from sorrelsim.models.torch.noisy import noisy_or_plain
from sorrelsim.models.torch.value_model import Tensors, ValueConfig, ValueModel

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class RainbowConfig(ValueConfig):
    """Settings of Rainbow."""

    n_atoms: Annotated[int, Range(2, 65_536)] = 51
    """Atoms of each action's return."""
    value_min: Payoff = -10.0
    """The lowest return that there is an atom for; lower ones count as this."""
    value_max: Payoff = 10.0
    """The highest."""
    dueling: bool = True
    """Separate streams for the state's value and the actions' advantages."""
    noisy: bool = True
    """Learned noise on the head's weights explores instead of epsilon."""
    epsilon_start: Probability = 0.0
    """Chance of a random action at the start."""
    epsilon_end: Probability = 0.0
    """Chance of a random action from ``epsilon_steps`` on."""
    prioritised: bool = True
    """Sample steps by their loss."""
    priority_exponent: Exponent = 0.5
    """How much the loss counts in sampling (omega)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.value_min >= self.value_max:
            raise ValueError(f"value_min {self.value_min} must be below value_max {self.value_max}")


class DistQNet(nn.Module):
    """The default network: an encoder and a linear head, or two where value and advantages are apart, and a softmax."""

    def __init__(self, observations: ObservationSpec, n_actions: int, config: RainbowConfig) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, config.n_frames, config.network)
        linear, width, n = noisy_or_plain(config.noisy, config.noise_sigma), self.encoder.n_features, config.n_atoms
        self.advantage = linear(width, n_actions * n)
        self.value = linear(width, n) if config.dueling else None
        self.n_atoms = n

    def forward(self, **parts: Tensor) -> Tensor:
        """Turns parts of states to probabilities, [batch, actions, atoms]."""
        features = self.encoder(parts)
        logits = self.advantage(features).unflatten(1, (-1, self.n_atoms))
        if self.value is not None:
            logits = combined(self.value(features).unsqueeze(1), logits, 1)
        return logits.softmax(2)


class Rainbow(ValueModel):
    """A Rainbow learner; the arguments not listed are those of every model.

    Args:
        network: A network of one's own, ``forward(<part>=[batch, ...], ...) -> probabilities[batch, actions, atoms]``,
            whose last axis adds up to 1, or with ``state``, ``state_0`` and on in place of the parts' names.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape.
    """

    Config = RainbowConfig
    config: RainbowConfig

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: RainbowConfig | None = None,
        seed: int = 0,
        network: nn.Module | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c, n_actions = self.config, self.action_space
        with self.seeded_init():
            net = network or DistQNet(observations, n_actions, c)
        signature = f"forward({', '.join(observations.parts)}) -> probabilities[B, {n_actions}, {c.n_atoms}]"
        self.take_network(net, signature, [(2, n_actions, c.n_atoms)])
        self._atoms = torch.linspace(c.value_min, c.value_max, c.n_atoms, device=self.device)

    def action_values(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Any]:
        """Returns the means of the distributions, [batch, actions], and what else the network returned."""
        probabilities, extras = self.ask("online", parts)
        return probabilities @ self._atoms, extras

    def returns(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Tensor]:
        """Returns mean and standard deviation, sqrt(sum_i p_i (z_i - mean)^2), [batch, actions]."""
        probabilities, _ = self.ask("online", parts)
        means = probabilities @ self._atoms
        return means, (probabilities * (self._atoms - means.unsqueeze(2)) ** 2).sum(2).sqrt()

    def losses(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[Sloped, Tensor]:
        """Returns the cross entropy with the projected target of each sample, as which it is prioritised too."""
        with torch.no_grad():
            later, _ = self.ask("target", following)
            chooser = self.ask("online", following)[0] if self.config.double else later
            best = mask_values(chooser @ self._atoms, data.get("next_masks")).argmax(1)
        probabilities, _ = self.ask("online", states)
        lived = data["actions"], data["rewards"], data["discounts"]
        sloped = categorical_loss(probabilities, *lived, later, best, self._atoms)
        return sloped, sloped.losses
