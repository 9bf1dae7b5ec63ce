"""Networks that act by numbers, and the range that these lie in: an actor, and critics that value what it does."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder
from sorrelsim.observations.actions import ActionSpec

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


class ActionRange:
    """Where actions lie: within a box, or, where they have names, vectors of probabilities, one number per name.

    Args:
        spec: What can be done.
        device: Where actions live.

    Attributes:
        shape: Shape of an action.
        size: Numbers that it has.
        middle, half: Of the range of each number, [*shape]; 0 and 1 for probabilities.

    Raises:
        ValueError: If a number has no limits, or no range.
    """

    def __init__(self, spec: ActionSpec, device: torch.device) -> None:
        self.of_probabilities = bool(spec.names)
        self.shape, self.size = (spec.size,) if spec.names else spec.shape, spec.size
        limits = (spec.low, spec.high) if spec.low else ((-1.0,) * spec.size, (1.0,) * spec.size)
        low, high = (torch.tensor(limit, device=device).view(self.shape) for limit in limits)
        if not spec.bounded or not (high > low).all():
            raise ValueError(f"every number of an action needs a least and a most, unlike {spec.told()}")
        self.middle, self.half = (high + low) / 2, (high - low) / 2

    def reached(self, raw: Tensor) -> Tensor:
        """Turns numbers of any size, [batch, n], to actions: by tanh into the box, or by a softmax.

        What a softmax gets is bent into -5 to 5, or an actor that went for one action early would have no gradient
        that leads back.
        """
        if self.of_probabilities:
            return (raw / (1 + raw.abs() / 5)).softmax(1)
        return self.middle + self.half * raw.view(-1, *self.shape).tanh()

    def within(self, actions: Tensor, masks: Tensor | None = None) -> Tensor:
        """Returns the actions in range that noise led out of it: at the end of it, or again probabilities.

        Args:
            actions: [batch, *shape].
            masks: Allowed actions, bool [batch, n], of those that have names; None allows all.
        """
        if self.of_probabilities:
            return allowed(actions.clamp(min=0), masks)
        return torch.minimum(torch.maximum(actions, self.middle - self.half), self.middle + self.half)

    def anything(self, n: int, generator: torch.Generator) -> Tensor:
        """Returns n actions drawn evenly from the range, [n, *shape]."""
        drawn = torch.rand(n, *self.shape, generator=generator, device=self.half.device)
        if not self.of_probabilities:
            return self.middle + self.half * (2 * drawn - 1)
        waits = -torch.log1p(-drawn)  # exponential draws, divided by their sum, lie evenly among all probabilities
        return allowed(waits, None)

    def scaled(self, actions: Tensor) -> Tensor:
        """Returns actions as networks take them best: [batch, n], from -1 to 1; probabilities as they are."""
        return ((actions - self.middle) / self.half).flatten(1)


def allowed(probabilities: Tensor, masks: Tensor | None) -> Tensor:
    """Returns probabilities of the allowed actions alone, adding up to 1; equal ones if none of them had any.

    Args:
        probabilities: Not below 0, [batch, n].
        masks: bool [batch, n]; None allows all.
    """
    left = probabilities + 1e-9
    left = left if masks is None else left * masks
    return left / left.sum(1, keepdim=True)


class DeterministicActor(nn.Module):
    """The default actor: an encoder, and a linear layer whose results are brought into the range."""

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        network: NetworkConfig,
        actions: ActionRange,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, n_frames, network, layer_norm)
        self.head = nn.Linear(self.encoder.n_features, actions.size)
        self.actions = actions

    def forward(self, **parts: Tensor) -> Tensor:
        """Turns parts of states to actions, [batch, *shape]."""
        return self.actions.reached(self.head(self.encoder(parts)))


class ActionCritic(nn.Module):
    """The default critic: the action joins the state's features at the second layer (Lillicrap et al. 2016, 7)."""

    def __init__(
        self, observations: ObservationSpec, n_frames: int, network: NetworkConfig, actions: ActionRange
    ) -> None:
        super().__init__()
        first = dataclasses.replace(network, hidden=network.hidden[:1])
        self.encoder = build_encoder(observations, n_frames, first)
        self.actions = actions
        layers: list[nn.Module] = []
        width = self.encoder.n_features + actions.size
        for wide in network.hidden[1:] or network.hidden:
            layers += [nn.Linear(width, wide), nn.ReLU() if network.activation == "relu" else nn.Tanh()]
            width = wide
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, action: Tensor, **parts: Tensor) -> Tensor:
        """Turns actions [batch, *shape] and parts of states to values, [batch, 1]."""
        return self.layers(torch.cat([self.encoder(parts), self.actions.scaled(action)], 1))
