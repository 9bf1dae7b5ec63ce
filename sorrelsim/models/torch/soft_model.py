"""What soft actor-critics share: two critics, and a temperature that learns how much entropy is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import Positive, Rate
from sorrelsim.models.torch.actor_critic_model import ActorCriticConfig, ActorCriticModel
from sorrelsim.models.torch.adam import Adam


@dataclass(frozen=True)
class SoftConfig(ActorCriticConfig):
    """Settings that soft actor-critics share."""

    temperature: Positive = 1.0
    """Weight of the entropy at the start (alpha)."""
    temperature_learning_rate: Rate | None = None
    """Step size of Adam for the temperature; null takes that of the critics."""


class Temperature(nn.Module):
    """The weight of the entropy, alpha, which is learned as its logarithm."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.log_alpha = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self) -> Tensor:
        """Returns alpha."""
        return self.log_alpha.exp()


class SoftModel(ActorCriticModel):
    """A learner that is paid for reward and entropy alike. A subclass acts, and gives ``gradient_step``."""

    Config = SoftConfig
    config: Any

    def take_temperature(self) -> None:
        """Makes the temperature, and Adam what moves it."""
        self.networks["temperature"] = Temperature(self.config.temperature).to(self.device)
        self.optimizers["temperature"] = Adam(self.networks["temperature"].parameters())

    @property
    def temperature(self) -> Tensor:
        """Weight of the entropy now (alpha), without gradients."""
        with torch.no_grad():
            alpha: Tensor = self.networks["temperature"]()
        return alpha

    def descend_temperature(self, surplus: Tensor, data: Mapping[str, Tensor]) -> float:
        """Moves the temperature a step down log alpha * surplus: down where there is more entropy than wanted.

        Args:
            surplus: Entropy beyond the target, [batch], without gradients.
            data: With ``shares``.

        Returns:
            The loss.
        """
        c, (log_alpha,) = self.config, self.parameters("temperature")
        rate = c.learning_rate if c.temperature_learning_rate is None else c.temperature_learning_rate
        loss = log_alpha * surplus.dot(data["shares"])
        return self.descend(loss, "temperature", self.learning_rate * rate / c.learning_rate)
