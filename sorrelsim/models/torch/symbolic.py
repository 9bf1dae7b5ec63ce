"""First layers on kind ids, expanded on the device: one-hot channels, and a linear layer that skips them.

On the CPU both run compiled (``symbolic_kernels``), shared among threads where there is work enough.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sorrelsim.models.torch.on_cpu import compiles, in_threads


def one_hot(ids: Tensor, n_codes: int) -> Tensor:
    """Expands kind ids to channels; id 0, nothing, is all zeros.

    Args:
        ids: uint8 [batch, row, col, layer]; ids of different layers never coincide.
        n_codes: Ids lie in 0..n_codes-1; one that does not counts as nothing.

    Returns:
        float32 [batch, n_codes - 1, row, col], the channels innermost in memory.
    """
    batch, rows, cols, layers = ids.shape
    if _compiled(ids):
        into = torch.empty(batch, rows * cols, n_codes - 1)
        given = ids.reshape(batch, rows * cols, layers).contiguous().numpy()
        in_threads(_kernels().expand, batch, into.numel(), given, into.numpy())
        return into.view(batch, rows, cols, n_codes - 1).permute(0, 3, 1, 2)
    wide = torch.zeros(batch, rows, cols, n_codes, device=ids.device)
    return wide.scatter_(3, known(ids, n_codes).long(), 1.0)[..., 1:].permute(0, 3, 1, 2)


def known(ids: Tensor, n_codes: int) -> Tensor:
    """Returns ids with 0, nothing, in place of those that are out of range, as the compiled kernels take them."""
    if ids.dtype == torch.uint8:
        return ids if n_codes > 255 else torch.where(ids < n_codes, ids, 0)
    return torch.where((ids >= 0) & (ids < n_codes), ids, 0)


class SymbolicLinear(nn.Module):
    """A linear layer on one-hot ids that never builds them: it sums the rows of the weights that the ids name.

    Equals flattening ``one_hot`` and multiplying, at a fraction of the cost on a CPU.

    Args:
        n_cells: Cells in a state, frames included.
        n_layers: Ids per cell.
        n_codes: Ids lie in 0..n_codes-1.
        n_out: Length of the result.

    Attributes:
        twice: Whether it must have second derivatives, which torch's own sum of rows lacks. The compiled one has them.
    """

    twice = False

    def __init__(self, n_cells: int, n_layers: int, n_codes: int, n_out: int) -> None:
        super().__init__()
        self.n_cells, self.n_layers, self.n_codes = n_cells, n_layers, n_codes
        self.weight = nn.Parameter(torch.empty(n_cells * n_codes, n_out))
        # About one id per cell is there: that is the fan-in, not the number of possible inputs.
        bound = math.sqrt(1.0 / n_cells)
        nn.init.uniform_(self.weight, -bound, bound)

    def orthogonal(self) -> None:
        """Makes the weights orthogonal, scaled for about one id per cell."""
        nn.init.orthogonal_(self.weight)
        with torch.no_grad():
            self.weight.mul_(math.sqrt(2 * self.weight.shape[0] / self.n_cells))

    def forward(self, ids: Tensor) -> Tensor:
        """Turns ids, uint8 [batch, ..., layer] of n_cells * n_layers, to float32 [batch, n_out]."""
        ids = ids.reshape(-1, self.n_cells, self.n_layers)
        compiled = _compiled(ids) and self.weight.dtype == torch.float32
        if compiled or self.twice:
            return _SumRows.apply(ids.contiguous(), self.weight, self.n_codes, compiled)
        return _bag(ids, self.weight, self.n_codes)


def _bag(ids: Tensor, weight: Tensor, n_codes: int) -> Tensor:
    """Returns the sums of weight rows by torch's own means."""
    ids = known(ids, n_codes)
    cells = torch.arange(ids.shape[1], device=ids.device).unsqueeze(1) * n_codes
    present = (ids != 0).to(weight.dtype)
    return F.embedding_bag((ids + cells).flatten(1), weight, mode="sum", per_sample_weights=present.flatten(1))


class _SumRows(torch.autograd.Function):
    """The sum of weight rows, whose gradient can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, ids: Tensor, weight: Tensor, n_codes: int, compiled: bool) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.n_codes, ctx.shape, ctx.compiled = n_codes, weight.shape, compiled
        if not compiled:
            return _bag(ids, weight, n_codes)
        into = torch.empty(ids.shape[0], weight.shape[1])
        work = ids.numel() * weight.shape[1]
        given, rows = ids.numpy(), weight.detach().contiguous().numpy()
        in_threads(_kernels().sum_rows, len(ids), work, given, rows, n_codes, into.numpy())
        return into

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None, None]:
        (ids,) = ctx.saved_tensors
        return None, _SpreadRows.apply(ids, gradients[0], ctx.n_codes, ctx.shape, ctx.compiled), None, None


class _SpreadRows(torch.autograd.Function):
    """The gradient of the sum: each sample's row added to the weight rows that it had summed. Its own is that sum."""

    @staticmethod
    def forward(
        ctx: Any, ids: Tensor, gradient: Tensor, n_codes: int, shape: tuple[int, int], compiled: bool
    ) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.n_codes, ctx.compiled = n_codes, compiled
        if not compiled:
            with torch.enable_grad():
                weight = torch.empty(shape, dtype=gradient.dtype, device=gradient.device, requires_grad=True)
                return torch.autograd.grad(_bag(ids, weight, n_codes), weight, gradient)[0]
        into = torch.empty(shape)
        work, given = ids.numel() * shape[1], gradient.contiguous().numpy()
        in_threads(_kernels().gradient_rows, ids.shape[1], work, ids.numpy(), given, n_codes, into.numpy())
        return into

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None, None, None]:
        (ids,) = ctx.saved_tensors
        return None, _SumRows.apply(ids, gradients[0], ctx.n_codes, ctx.compiled), None, None, None


def sums_of_many(ids: Tensor, weights: Tensor, n_codes: int) -> Tensor:
    """Returns what several ``SymbolicLinear`` make of a batch each.

    Args:
        ids: [n, batch, cell, layer].
        weights: Theirs, [n, cells * n_codes, outputs].
        n_codes: As of the layers.

    Returns:
        float32 [n, batch, outputs].
    """
    if _compiled(ids) and weights.dtype == torch.float32:
        return _SumRowsOfMany.apply(ids, weights, n_codes)
    # The weights of all below each other: the ids of the k-th look k x cells further down.
    n, batch, n_cells = ids.shape[:3]
    cells = torch.arange(n * n_cells, device=ids.device).view(n, 1, n_cells, 1) * n_codes
    ids = known(ids, n_codes)
    present = (ids != 0).to(weights.dtype).view(n * batch, -1)
    rows = (ids + cells).view(n * batch, -1)
    return F.embedding_bag(rows, weights.flatten(0, 1), mode="sum", per_sample_weights=present).view(n, batch, -1)


class _SumRowsOfMany(torch.autograd.Function):
    """The sums of weight rows of several layers, their samples shared among threads."""

    @staticmethod
    def forward(ctx: Any, ids: Tensor, weights: Tensor, n_codes: int) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.n_codes, ctx.shape = n_codes, weights.shape
        into = torch.empty(*ids.shape[:2], weights.shape[2])
        given = ids.numpy(), weights.detach().numpy(), into.numpy()

        def sums(start: int, stop: int) -> None:
            for k, first, last in _shares(start, stop, ids.shape[1]):
                _kernels().sum_rows(given[0][k], given[1][k], n_codes, given[2][k], first, last)

        in_threads(sums, ids.shape[0] * ids.shape[1], ids.numel() * weights.shape[2])
        return into

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        (ids,) = ctx.saved_tensors
        into, n_cells = torch.empty(ctx.shape), ids.shape[2]
        given = ids.numpy(), gradients[0].contiguous().numpy(), into.numpy()

        def spread(start: int, stop: int) -> None:
            for k, first, last in _shares(start, stop, n_cells):
                _kernels().gradient_rows(given[0][k], given[1][k], ctx.n_codes, given[2][k], first, last)

        in_threads(spread, ids.shape[0] * n_cells, ids.numel() * ctx.shape[2])
        return None, into, None


def _shares(start: int, stop: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Yields which parts of a size a range covers, and each part's own range."""
    for k in range(start // size, -(-stop // size)):
        yield k, max(start - k * size, 0), min(stop - k * size, size)


@functools.cache
def _kernels() -> Any:
    """Returns the compiled kernels; imported when first needed, since numba takes a while."""
    from sorrelsim.models.torch import symbolic_kernels

    return symbolic_kernels


def _compiled(ids: Tensor) -> bool:
    """Returns whether compiled kernels can take these ids."""
    return compiles(ids, dtype=torch.uint8)
