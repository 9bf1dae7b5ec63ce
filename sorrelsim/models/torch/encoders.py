"""Default networks: from an observation's parts to features, by dense layers or by convolutions.

An encoder gets the compact observation by part name: ids as uint8 [batch, (frames,) row, col, layer], pixels as uint8,
numbers as floats. Kind ids are expanded here, on the device (``symbolic``), so that memories stay small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.ranges import MaybeWidth, Width
from sorrelsim.models.torch.symbolic import SymbolicLinear, known, one_hot
from sorrelsim.settings import check_settings

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a default network."""

    kind: Literal["mlp", "conv", "socialjax"] = "mlp"
    """mlp: quick on a CPU. conv: 3x3 convolutions. socialjax: 5x5, 3x3, 3x3 of 32 channels and a dense layer of 64."""
    hidden: tuple[Width, ...] = (128, 128)
    """Widths of the dense layers (for conv: after the convolutions; socialjax: fixed)."""
    channels: tuple[Width, ...] = (32, 32)
    """Channels of the 3x3 convolutions of ``conv``."""
    embedding: MaybeWidth = 0
    """Length of a learned vector per kind, for convolutions; 0 expands ids to one-hot channels."""
    activation: Literal["relu", "tanh"] = "relu"
    """What lies between layers."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the encoder's products and convolutions; bfloat16 has 3 digits and is quick on cards. Weights stay float32."""

    def __post_init__(self) -> None:
        check_settings(self)
        for name in ("hidden", "channels"):
            if not 0 < len(getattr(self, name)) <= 64:
                raise ValueError(f"network.{name} must hold 1 to 64 widths, got {len(getattr(self, name))}")


class MLPEncoder(nn.Module):
    """Every part through a linear layer of its own; their sum through the dense layers.

    The layers of numbers and the bias start as torch starts one linear layer on all of them: with a bias of 0 every
    unit would bend at the origin, and values of numbers learn badly and unsteadily. Where there are ids the bias starts
    at 0: of each cell one id or another adds its weights, whatever is seen, and these bend the units apart already.
    """

    def __init__(
        self, observations: ObservationSpec, n_frames: int, config: NetworkConfig, layer_norm: bool = False
    ) -> None:
        super().__init__()
        self.inputs = nn.ModuleDict()
        width = config.hidden[0]
        for name, part in observations.parts.items():
            length = n_frames * math.prod(part.shape)
            if part.n_codes > 0:
                layers = part.shape[-1]
                self.inputs[name] = SymbolicLinear(length // layers, layers, part.n_codes, width)
            else:
                self.inputs[name] = nn.Linear(length, width, bias=False)
        self.scales = {name: input_scale(observations, name) for name in observations.parts}
        self.bias = nn.Parameter(torch.zeros(width))
        self._start_numbers(n_frames * sum(math.prod(part.shape) for part in observations.parts.values()))
        self.activation = _activation(config)
        if layer_norm:
            self.activation = nn.Sequential(nn.LayerNorm(width), self.activation)
        self.layers = _dense(width, config.hidden[1:], config, layer_norm)
        self.n_features = config.hidden[-1]
        self.precision = config.precision

    def _start_numbers(self, length: int) -> None:
        """Starts bias and weights, if all parts are numbers, as one ``nn.Linear`` of their whole length would."""
        layers = [layer for layer in self.inputs.values() if isinstance(layer, nn.Linear)]
        if len(layers) < len(self.inputs):
            return
        bound = 1 / math.sqrt(length)
        if len(layers) > 1:  # of one part alone the layer has these bounds
            for layer in layers:
                nn.init.uniform_(layer.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def orthogonal(self) -> None:
        """Initialises it orthogonally with all biases 0, as on-policy learners want it."""
        _orthogonal(self)
        nn.init.zeros_(self.bias)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Turns parts by name to features, [batch, n_features]."""
        return in_precision(self.precision, self._features, parts)

    def _features(self, parts: Mapping[str, Tensor]) -> Tensor:
        total = self.bias
        for name, layer in self.inputs.items():
            x = parts[name]
            if not isinstance(layer, SymbolicLinear):
                x = x.flatten(1).float() * self.scales[name]
            total = total + layer(x)
        return self.layers(self.activation(total))


class ConvEncoder(nn.Module):
    """Parts with rows and columns through convolutions, the rest beside them, then the dense layers."""

    def __init__(
        self, observations: ObservationSpec, n_frames: int, config: NetworkConfig, layer_norm: bool = False
    ) -> None:
        super().__init__()
        self.n_frames = n_frames
        self.parts = dict(observations.parts)
        self.scales = {name: input_scale(observations, name) for name in self.parts}
        self.first = {name: channels_first(observations, name) for name in self.parts}
        self.stacks, self.embeddings = nn.ModuleDict(), nn.ModuleDict()
        length = 0
        for name, part in self.parts.items():
            if len(part.shape) != 3:
                length += n_frames * math.prod(part.shape)
                continue
            channels, rows, cols = part.shape if self.first[name] else (part.shape[2], *part.shape[:2])
            if part.n_codes > 0:
                channels = config.embedding or part.n_codes - 1
                if config.embedding:
                    self.embeddings[name] = nn.Embedding(part.n_codes, config.embedding, padding_idx=0)
            kernels = (5, 3, 3) if config.kind == "socialjax" else (3,) * len(config.channels)
            widths = (32, 32, 32) if config.kind == "socialjax" else config.channels
            convolutions: list[nn.Module] = []
            before = channels * n_frames
            for size, width in zip(kernels, widths, strict=True):
                convolutions.append(nn.Conv2d(before, width, size, padding=size // 2))
                if layer_norm:  # one group: all channels, rows and columns of a sample together
                    convolutions.append(nn.GroupNorm(1, width))
                convolutions.append(_activation(config))
                before = width
            self.stacks[name] = nn.Sequential(*convolutions)
            length += before * rows * cols
        if not self.stacks:
            raise ValueError(
                f"network.kind {config.kind} needs a part with rows, columns and channels; the observation has "
                + ", ".join(f"{name}{list(part.shape)}" for name, part in self.parts.items())
            )
        hidden = (64,) if config.kind == "socialjax" else config.hidden
        self.layers = _dense(length, hidden, config, layer_norm)
        self.n_features = hidden[-1]
        self.precision = config.precision

    def orthogonal(self) -> None:
        """Initialises it orthogonally, as on-policy learners want it."""
        _orthogonal(self)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Turns parts by name to features, [batch, n_features]."""
        return in_precision(self.precision, self._features, parts)

    def _features(self, parts: Mapping[str, Tensor]) -> Tensor:
        flat = []
        for name, part in self.parts.items():
            x = parts[name]
            if name not in self.stacks:
                flat.append(x.flatten(1).float() * self.scales[name])
                continue
            batch = x.shape[0]
            x = x.reshape(batch * self.n_frames, *part.shape)
            if name in self.embeddings:
                x = self.embeddings[name](known(x, part.n_codes).int()).sum(3).permute(0, 3, 1, 2)
            elif part.n_codes > 0:
                x = one_hot(x, part.n_codes)
            else:
                x = x.float() * self.scales[name]
                x = x if self.first[name] else x.permute(0, 3, 1, 2)
            x = x.reshape(batch, -1, *x.shape[2:])
            flat.append(self.stacks[name](x).flatten(1))
        return self.layers(torch.cat(flat, 1) if len(flat) > 1 else flat[0])


def in_precision(
    precision: str, features: Callable[[Mapping[str, Tensor]], Tensor], parts: Mapping[str, Tensor]
) -> Tensor:
    """Returns features, float32, whose products are worked out in a precision."""
    if precision == "float32":
        return features(parts)
    device = next(iter(parts.values())).device.type
    with torch.autocast(device, torch.bfloat16):
        return features(parts).float()


def build_encoder(
    observations: ObservationSpec, n_frames: int, config: NetworkConfig, layer_norm: bool = False
) -> MLPEncoder | ConvEncoder:
    """Returns the encoder that a config asks for; its ``n_features`` is the length of its result.

    With ``layer_norm`` the result of every layer is brought to mean 0 and deviation 1 in each sample before it is
    activated (Ba et al. 2016), with a gain and a shift that are learned.
    """
    return (MLPEncoder if config.kind == "mlp" else ConvEncoder)(observations, n_frames, config, layer_norm)


def input_scale(observations: ObservationSpec, name: str) -> float:
    """Returns what a part's numbers are multiplied by: pixels are scaled to 0..1, all else is left alone."""
    part = observations.parts[name]
    pixels = (
        len(part.shape) == 3 and part.n_codes == 0 and part.dtype == np.uint8 and not channels_first(observations, name)
    )
    return 1 / 255 if pixels else 1.0


def channels_first(observations: ObservationSpec, name: str) -> bool:
    """Returns whether a part is [channel, row, col], as worlds give one-hot grids; else channels come last."""
    return observations.form == "one_hot" and name == "grid" and len(observations.parts[name].shape) == 3


def _activation(config: NetworkConfig) -> nn.Module:
    return nn.ReLU() if config.activation == "relu" else nn.Tanh()


def _dense(n_in: int, widths: tuple[int, ...], config: NetworkConfig, layer_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers.append(nn.Linear(n_in, width))
        if layer_norm:
            layers.append(nn.LayerNorm(width))
        layers.append(_activation(config))
        n_in = width
    return nn.Sequential(*layers)


def _orthogonal(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, SymbolicLinear):
            layer.orthogonal()
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(layer.weight, math.sqrt(2))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
