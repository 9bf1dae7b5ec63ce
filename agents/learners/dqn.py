"""DQN: deep Q-learning with a memory and a target network (Mnih et al. 2015).

The loss is the Huber loss of the TD error r + gamma^n max_a Q_target(s', a) - Q(s, a), after n steps. What came later
is a setting: the double variant, dueling streams, priorities, noise on weights. ``ValueModel`` acts, remembers and
draws; here are the settings, the default network and the loss.

Departures from the paper: Adam in place of RMSProp, with the gradients' norm limited; rewards are taken as they are,
not cut off at -1 and 1; an episode that a limit cuts short goes on from its true last state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import Every, Length
from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder
from sorrelsim.models.torch.losses import Sloped, combined, q_learning
from sorrelsim.models.torch.noisy import noisy_or_plain
from sorrelsim.models.torch.value_model import Tensors, ValueConfig, ValueModel

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec


@dataclass(frozen=True)
class DQNConfig(ValueConfig):
    """Settings of DQN."""

    n_step: Length = 1
    """Steps summed before bootstrapping."""
    double: bool = False
    """The online network chooses the target's action (van Hasselt et al. 2016)."""
    target_every: Every | None = 500
    """Hard target: gradient steps between two copies; null for a soft one, by target_tau."""


class QNet(nn.Module):
    """The default network: an encoder and a linear head, or two where value and advantages are apart."""

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        n_actions: int,
        network: NetworkConfig,
        dueling: bool = False,
        noisy: bool = False,
        noise_sigma: float = 0.5,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, n_frames, network)
        linear = noisy_or_plain(noisy, noise_sigma)
        self.advantage = linear(self.encoder.n_features, n_actions)
        self.value = linear(self.encoder.n_features, 1) if dueling else None

    def forward(self, **parts: Tensor) -> Tensor:
        """Turns parts of states to values, [batch, actions]."""
        features = self.encoder(parts)
        advantage = self.advantage(features)
        return advantage if self.value is None else combined(self.value(features), advantage, 1)


class DQN(ValueModel):
    """A deep Q-learner; the arguments not listed are those of every model.

    Args:
        network: A network of one's own, ``forward(<part>=[batch, ...], ...) -> q[batch, actions]``, or with
            ``state``, ``state_0`` and on in place of the parts' names.

    Raises:
        TypeError: If the arguments of a network of one's own have other names.
        ValueError: If its result has another shape.
    """

    Config = DQNConfig
    config: DQNConfig

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: DQNConfig | None = None,
        seed: int = 0,
        network: nn.Module | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        c, n_actions = self.config, self.action_space
        with self.seeded_init():
            net = network or QNet(observations, c.n_frames, n_actions, c.network, c.dueling, c.noisy, c.noise_sigma)
        self.take_network(net, f"forward({', '.join(observations.parts)}) -> q[B, {n_actions}]", [(2, n_actions)])

    @property
    def steady(self) -> bool:
        """Whether its losses draw nothing: its own, without noise."""
        return type(self).losses is DQN.losses and not self.config.noisy

    def action_values(self, parts: Tensors, carry: Tensors) -> tuple[Tensor, Any]:
        """Returns the values of all actions, [batch, actions], and what else the network returned."""
        return self.ask("online", parts)

    def losses(self, states: Tensors, following: Tensors, data: Tensors) -> tuple[Sloped, Tensor]:
        """Returns the Huber loss and the TD error of each sample."""
        with torch.no_grad():
            later, _ = self.ask("target", following)
            chooser = self.ask("online", following)[0] if self.config.double else later
        told = data["actions"], data["rewards"], data["discounts"]
        return q_learning(self.ask("online", states)[0], *told, later, chooser, data.get("next_masks"))
