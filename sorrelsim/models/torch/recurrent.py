"""The trunk of a network: an encoder and, if asked for, a recurrent core behind it, whose state is a carry.

One step of the core when acting, whole sequences of steps when learning. A carry is arrays by name with one row per
stream: ``h``, and ``c`` for an LSTM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec

Kind = Literal["none", "gru", "lstm"]
Carry = dict[str, Tensor]
CARRIES: dict[Kind, tuple[str, ...]] = {"none": (), "gru": ("h",), "lstm": ("h", "c")}
"""The names in a core's carry."""


def advance(cell: nn.GRUCell | nn.LSTMCell, features: Tensor, carry: Carry) -> Carry:
    """Returns the carry after one step on features, [n_streams, width]."""
    if isinstance(cell, nn.LSTMCell):
        return dict(zip(CARRIES["lstm"], cell(features, (carry["h"], carry["c"])), strict=True))
    return {"h": cell(features, carry["h"])}


def unroll(
    cell: nn.GRUCell | nn.LSTMCell, features: Tensor, carry: Carry, ended: Tensor | None = None
) -> tuple[Tensor, Carry]:
    """Runs sequences through a core as they were lived, its state reset where episodes ended.

    Args:
        cell: The core.
        features: [length, sequences, width].
        carry: What each sequence starts from.
        ended: Whether an episode ended with a step, bool [length, sequences]; None if none did.

    Returns:
        The core's results, float32 [length, sequences, size], and the carry behind the last step.
    """
    going_on = None if ended is None else (~ended).float().unsqueeze(-1)
    states = []
    for t, seen in enumerate(features):
        carry = advance(cell, seen, carry)
        states.append(carry["h"])
        if going_on is not None:
            carry = {name: tensor * going_on[t] for name, tensor in carry.items()}
    return torch.stack(states), carry


def cut(data: Mapping[str, Tensor], length: int) -> dict[str, Tensor]:
    """Cuts [n_steps, n_streams, ...] into [length, sequences, ...], with the carry that each starts from."""
    sequences = {}
    for name, tensor in data.items():
        if name.startswith("carry "):
            sequences[name] = tensor.flatten(0, 1).unsqueeze(0)
        else:
            sequences[name] = tensor.unflatten(0, (-1, length)).transpose(0, 1).flatten(1, 2)
    return sequences


class Trunk(nn.Module):
    """Turns the parts of states to features, by an encoder and an optional recurrent core. A subclass adds its heads.

    Args:
        observations: What one slot observes.
        n_frames: Frames in a state.
        network: The encoder's shape.
        recurrent: The core, if any.
        size: Its width.
        layer_norm: Whether the encoder's layers are normalised.

    Attributes:
        encoder: From parts to features.
        cell: The core, or None.
        n_features: Length of the features.
    """

    def __init__(
        self,
        observations: ObservationSpec,
        n_frames: int,
        network: NetworkConfig,
        recurrent: Kind = "none",
        size: int = 128,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = build_encoder(observations, n_frames, network, layer_norm)
        self.n_features = self.encoder.n_features
        self.cell: nn.GRUCell | nn.LSTMCell | None = None
        if recurrent != "none":
            self.cell = (nn.GRUCell if recurrent == "gru" else nn.LSTMCell)(self.n_features, size)
            self.n_features = size
        self._carried = CARRIES[recurrent]

    def core_orthogonal(self) -> None:
        """Makes the core's weights orthogonal and its biases 0, as on-policy learners want it."""
        if self.cell is not None:
            for name, parameter in self.cell.named_parameters():
                nn.init.zeros_(parameter) if "bias" in name else nn.init.orthogonal_(parameter)

    def new_carry(self, n: int) -> Carry:
        """Returns the core's state to start from, zeros [n, size]; empty without one."""
        device = next(self.parameters()).device
        return {name: torch.zeros(n, self.n_features, device=device) for name in self._carried}

    def step(self, parts: Mapping[str, Tensor], carry: Carry) -> Tensor:
        """Turns a batch of states to features, [batch, n_features], moving the carry on in place."""
        features = self.encoder(parts)
        if self.cell is None:
            return features
        moved = advance(self.cell, features, carry)
        for name, tensor in moved.items():
            carry[name].copy_(tensor)
        return moved["h"]

    def run(self, parts: Mapping[str, Tensor], carry: Carry, ended: Tensor | None = None) -> tuple[Tensor, Carry]:
        """Turns sequences of states, each part [length, sequences, ...], to features and the carry behind them.

        Arguments as of ``unroll``; the carry given is left alone.
        """
        lead = next(iter(parts.values())).shape[:2]
        features = self.encoder({name: part.flatten(0, 1) for name, part in parts.items()}).unflatten(0, lead)
        return (features, carry) if self.cell is None else unroll(self.cell, features, carry, ended)

    def features(self, batch: Mapping[str, Tensor], carry: str = "carry ") -> Tensor:
        """Returns the features of a minibatch, as ``OnPolicyModel.loss`` gets it: of sequences if there is a core.

        Args:
            batch: The minibatch.
            carry: What the names begin with under which it holds what sequences start from.
        """
        parts = named(batch, "part ")
        if self.cell is None:
            return self.encoder(parts)
        start = {name: kept[0] for name, kept in named(batch, carry).items()}
        return self.run(parts, start, batch["ended"])[0]


def named(batch: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Returns what a minibatch holds under names of a prefix, by the rest of the name."""
    return {name.removeprefix(prefix): tensor for name, tensor in batch.items() if name.startswith(prefix)}
