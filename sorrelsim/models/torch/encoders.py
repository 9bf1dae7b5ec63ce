"""Networks: from an observation's parts to features. Kind ids are expanded here, on the device.

A network gets the compact observation by part name: ids as uint8 [batch, (frames,) row, col, layer], pixels
as uint8,
numbers as floats. `one_hot` expands ids for networks of your own.
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a default network."""

    kind: Literal["mlp", "conv", "socialjax"] = "mlp"
    """mlp: quick on a CPU. conv: two 3x3 convolutions. socialjax: 5x5, 3x3, 3x3 of 32 channels and a dense
    layer of 64.
    """
    hidden: tuple[int, ...] = (128, 128)
    """Widths of the dense layers (for conv: after the convolutions; socialjax: fixed)."""
    channels: tuple[int, ...] = (32, 32)
    """Channels of the 3x3 convolutions of `conv`."""
    embedding: int = 0
    """Length of a learned vector a kind, for convolutions; 0 expands ids to one-hot channels."""
    activation: Literal["relu", "tanh"] = "relu"
    """Between layers."""

    def __post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"network.hidden must hold at least one positive width, got {self.hidden}")


def one_hot(ids: Tensor, n_codes: int) -> Tensor:
    """Expands kind ids to channels; id 0, nothing, is all zeros.

    Args:
        ids: uint8 [batch, row, col, layer]; ids of different layers never coincide.
        n_codes: ids lie in 0..n_codes-1.

    Returns:
        float32 [batch, n_codes - 1, row, col], the channels innermost in memory.
    """
    batch, rows, cols, layers = ids.shape
    if _compiled(ids):
        out = torch.empty(batch, rows * cols, n_codes - 1)
        given = ids.reshape(batch, rows * cols, layers).contiguous().numpy()
        _in_threads(_symbolic().expand, batch, out.numel(), given, out.numpy())
        return out.view(batch, rows, cols, n_codes - 1).permute(0, 3, 1, 2)
    wide = torch.zeros(batch, rows, cols, n_codes, device=ids.device)
    return wide.scatter_(3, ids.long(), 1.0)[..., 1:].permute(0, 3, 1, 2)


class SymbolicLinear(nn.Module):
    """A linear layer on one-hot ids that never builds them: it sums the rows of the weights that the ids
    name.

    Equals flattening `one_hot` and multiplying, at a fraction of the cost on a CPU.

    Args:
        n_cells: cells in a state, frames included.
        n_layers: ids a cell.
        n_codes: ids lie in 0..n_codes-1.
        n_out: length of the result.
    """

    def __init__(self, n_cells: int, n_layers: int, n_codes: int, n_out: int) -> None:
        super().__init__()
        self.n_cells, self.n_layers, self.n_codes = n_cells, n_layers, n_codes
        self.weight = nn.Parameter(torch.empty(n_cells * n_codes, n_out))
        # About one id a cell is there: that is the fan-in, not the number of possible inputs.
        bound = math.sqrt(1.0 / n_cells)
        nn.init.uniform_(self.weight, -bound, bound)

    def orthogonal(self) -> None:
        """Orthogonal weights, scaled for about one id a cell."""
        nn.init.orthogonal_(self.weight)
        with torch.no_grad():
            self.weight.mul_(math.sqrt(2 * self.weight.shape[0] / self.n_cells))

    def forward(self, ids: Tensor) -> Tensor:
        """Ids uint8 [batch, ..., layer] of n_cells * n_layers to float32 [batch, n_out]."""
        ids = ids.reshape(-1, self.n_cells, self.n_layers)
        if _compiled(ids) and self.weight.dtype == torch.float32:
            return _SumRows.apply(ids.contiguous(), self.weight, self.n_codes)
        cells = torch.arange(self.n_cells, device=ids.device).unsqueeze(1) * self.n_codes
        present = (ids != 0).to(self.weight.dtype)
        return F.embedding_bag((ids + cells).flatten(1), self.weight, mode="sum", per_sample_weights=present.flatten(1))


_WORTH_THREADS = 4_000_000  # additions below which a second thread does not pay


def _in_threads(kernel: Callable[..., None], n: int, work: int, *arrays: Any) -> None:
    """Runs a kernel over 0..n, in as many threads as torch uses if there is work enough; they draw portions, so that
    one that starts late or is put off holds nobody up.
    """
    n_threads = min(torch.get_num_threads(), n) if work > _WORTH_THREADS else 1
    if n_threads == 1:
        kernel(*arrays, 0, n)
        return
    n_portions = min(n, max(2 * n_threads, work // (2 * _WORTH_THREADS)))
    portions = itertools.pairwise([n * k // n_portions for k in range(n_portions + 1)])
    drawing = threading.Lock()

    def share() -> None:
        while True:
            with drawing:
                portion = next(portions, None)
            if portion is None:
                return
            kernel(*arrays, *portion)

    others = [_pool(n_threads).submit(share) for _ in range(n_threads - 1)]
    share()
    for other in others:
        if not other.cancel():  # one that has not begun finds nothing left to do
            other.result()


@functools.cache
def _pool(n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads - 1, "first layer")


class _SumRows(torch.autograd.Function):
    """The compiled sum of weight rows, and its gradient."""

    @staticmethod
    def forward(ctx: Any, ids: Tensor, weight: Tensor, n_codes: int) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.n_codes, ctx.shape = n_codes, weight.shape
        out = torch.empty(ids.shape[0], weight.shape[1])
        work = ids.numel() * weight.shape[1]
        given, rows = ids.numpy(), weight.detach().numpy()
        _in_threads(_symbolic().sum_rows, len(ids), work, given, rows, n_codes, out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        (ids,) = ctx.saved_tensors
        out = torch.empty(ctx.shape)
        work, gradient = ids.numel() * ctx.shape[1], gradients[0].contiguous().numpy()
        kernel = _symbolic().gradient_rows
        _in_threads(kernel, ids.shape[1], work, ids.numpy(), gradient, ctx.n_codes, out.numpy())
        return None, out, None


@functools.cache
def _symbolic() -> Any:
    """The compiled kernels; imported when first needed, since numba takes a while."""
    from sorrelsim.models.torch import symbolic_kernels as kernels

    return kernels


@functools.cache
def _jit_enabled() -> bool:
    import numba

    return not numba.config.DISABLE_JIT  # type: ignore[attr-defined]


def _compiled(ids: Tensor) -> bool:
    """Whether compiled kernels can take these ids: on the CPU, unless numba is told to interpret."""
    return ids.device.type == "cpu" and ids.dtype == torch.uint8 and _jit_enabled()


class MLPEncoder(nn.Module):
    """Every part through a linear layer of its own; their sum through the dense layers."""

    def __init__(self, observations: ObservationSpec, n_frames: int, config: NetworkConfig) -> None:
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
        self.activation = _activation(config)
        self.layers = _dense(width, config.hidden[1:], config)
        self.n_features = config.hidden[-1]

    def orthogonal(self) -> None:
        """Orthogonal initialisation, as PPO wants it."""
        _orthogonal(self)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Parts by name to features, [batch, n_features]."""
        total = self.bias
        for name, layer in self.inputs.items():
            x = parts[name]
            if not isinstance(layer, SymbolicLinear):
                x = x.flatten(1).float() * self.scales[name]
            total = total + layer(x)
        return self.layers(self.activation(total))


class ConvEncoder(nn.Module):
    """Parts with rows and columns through convolutions, the rest beside them, then the dense layers."""

    def __init__(self, observations: ObservationSpec, n_frames: int, config: NetworkConfig) -> None:
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
                convolutions += [nn.Conv2d(before, width, size, padding=size // 2), _activation(config)]
                before = width
            self.stacks[name] = nn.Sequential(*convolutions)
            length += before * rows * cols
        if not self.stacks:
            raise ValueError(
                f"network.kind {config.kind} needs a part with rows, columns and channels; the observation has "
                + ", ".join(f"{name}{list(part.shape)}" for name, part in self.parts.items())
            )
        hidden = (64,) if config.kind == "socialjax" else config.hidden
        self.layers = _dense(length, hidden, config)
        self.n_features = hidden[-1]

    def orthogonal(self) -> None:
        """Orthogonal initialisation, as PPO wants it."""
        _orthogonal(self)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Parts by name to features, [batch, n_features]."""
        flat = []
        for name, part in self.parts.items():
            x = parts[name]
            if name not in self.stacks:
                flat.append(x.flatten(1).float() * self.scales[name])
                continue
            batch = x.shape[0]
            x = x.reshape(batch * self.n_frames, *part.shape)
            if name in self.embeddings:
                x = self.embeddings[name](x.int()).sum(3).permute(0, 3, 1, 2)
            elif part.n_codes > 0:
                x = one_hot(x, part.n_codes)
            else:
                x = x.float() * self.scales[name]
                x = x if self.first[name] else x.permute(0, 3, 1, 2)
            x = x.reshape(batch, -1, *x.shape[2:])
            flat.append(self.stacks[name](x).flatten(1))
        return self.layers(torch.cat(flat, 1) if len(flat) > 1 else flat[0])


def build_encoder(observations: ObservationSpec, n_frames: int, config: NetworkConfig) -> MLPEncoder | ConvEncoder:
    """The encoder that a config asks for; its `n_features` is the length of its result."""
    return (MLPEncoder if config.kind == "mlp" else ConvEncoder)(observations, n_frames, config)


class NoisyLinear(nn.Module):
    """A linear layer with learned, factorised Gaussian noise on its weights (Fortunato et al. 2018, eq. 9 to
    11).

    The noise stays the same until `resample`; `quiet` switches it off. One draw serves a whole batch in
    learning, as in the paper; in acting every row gets its own, or all streams would explore alike.

    Args:
        n_in: length of the input.
        n_out: length of the result.
        sigma: initial noise, divided by the square root of n_in.
    """

    def __init__(self, n_in: int, n_out: int, sigma: float = 0.5) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        self.weight = nn.Parameter(torch.empty(n_out, n_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound))
        self.weight_sigma = nn.Parameter(torch.full((n_out, n_in), sigma * bound))
        self.bias_sigma = nn.Parameter(torch.full((n_out,), sigma * bound))
        self.register_buffer("noise_in", torch.zeros(n_in))
        self.register_buffer("noise_out", torch.zeros(n_out))
        self.noise_in: Tensor
        self.noise_out: Tensor
        self._by_row: tuple[Tensor, Tensor] | None = None

    def resample(self, generator: torch.Generator, n_rows: int = 0) -> None:
        """Draws new noise: one for all rows of a batch, or one for each of `n_rows`."""
        lead = (n_rows,) if n_rows else ()
        fresh = [
            torch.randn(*lead, *noise.shape, generator=generator, device=noise.device)
            for noise in (self.noise_in, self.noise_out)
        ]
        first, second = (noise.sign() * noise.abs().sqrt() for noise in fresh)
        if n_rows:
            self._by_row = first, second
        else:
            self._by_row = None
            self.noise_in.copy_(first)
            self.noise_out.copy_(second)

    def quiet(self) -> None:
        """Sets the noise to zero."""
        self._by_row = None
        self.noise_in.zero_()
        self.noise_out.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """[batch, ..., n_in] to [batch, ..., n_out]."""
        if self._by_row is not None:
            between = (1,) * (x.dim() - 2)
            noise_in, noise_out = (noise.view(len(noise), *between, -1) for noise in self._by_row)
            noisy = (F.linear(x * noise_in, self.weight_sigma) + self.bias_sigma) * noise_out
            return F.linear(x, self.weight, self.bias) + noisy
        weight = self.weight + self.weight_sigma * torch.outer(self.noise_out, self.noise_in)
        return F.linear(x, weight, self.bias + self.bias_sigma * self.noise_out)


def set_noise(net: nn.Module, generator: torch.Generator | None, n_rows: int = 0) -> None:
    """Draws new noise in every noisy layer of a network, or silences them without a generator.

    Args:
        net: the network.
        generator: where the noise comes from; None means no noise.
        n_rows: rows of the batch to come, each with noise of its own; 0 means one noise for any batch.
    """
    for layer in net.modules():
        if isinstance(layer, NoisyLinear):
            if generator is None:
                layer.quiet()
            else:
                layer.resample(generator, n_rows)


def input_scale(observations: ObservationSpec, name: str) -> float:
    """What a part's numbers are multiplied by: pixels are scaled to 0..1, all else is left alone."""
    part = observations.parts[name]
    pixels = (
        len(part.shape) == 3 and part.n_codes == 0 and part.dtype == np.uint8 and not channels_first(observations, name)
    )
    return 1 / 255 if pixels else 1.0


def channels_first(observations: ObservationSpec, name: str) -> bool:
    """Whether a part is [channel, row, col], as worlds give one-hot grids; else the last axis is the
    channels.
    """
    return observations.form == "one_hot" and name == "grid" and len(observations.parts[name].shape) == 3


def _activation(config: NetworkConfig) -> nn.Module:
    return nn.ReLU() if config.activation == "relu" else nn.Tanh()


def _dense(n_in: int, widths: tuple[int, ...], config: NetworkConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(n_in, width), _activation(config)]
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
