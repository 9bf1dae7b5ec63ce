"""Networks of one shape as one: a batch in equal parts, each part through the weights of its own network.

The stacked network is a copy of the first in which every layer has the weights of all, [networks, ...], and multiplies
all parts in one call; what lies between layers runs as it is. Nothing is learned twice: each network's own parameters
become views of the stacked ones, so that whatever reads, writes, saves or loads them goes on as if it were alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sorrelsim.models.torch.encoders import MLPEncoder
from sorrelsim.models.torch.symbolic import SymbolicLinear, sums_of_many

Made = TypeVar("Made")


class CannotStack(ValueError):
    """Networks cannot be asked as one; says why."""


class OwnNetwork(CannotStack):
    """They cannot, and they are a user's own."""


def as_one(kind: Callable[[Any], Made], models: Any) -> Made | None:
    """Returns what acts and learns for several models, None where their default networks cannot be asked as one.

    Raises:
        OwnNetwork: If networks of one's own cannot.
    """
    try:
        return kind(models)
    except OwnNetwork:
        raise
    except CannotStack:
        return None


class Fold:
    """How the rows of a batch belong to networks, and the stacked parameters.

    Attributes:
        n: Number of networks.
        per_step: None where the batch is one part after the other. In sequences of steps, [length, n * per_step, ...],
            every step is such a batch: the rows of each network at a step.
        shared: Each stacked parameter with the networks' own, which are views of it.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.per_step: int | None = None
        self.shared: list[tuple[nn.Parameter, list[nn.Parameter]]] = []
        self._places: dict[int, tuple[nn.Parameter, int]] = {}

    def stacked(self, own: Sequence[Any]) -> nn.Parameter:
        """Returns a parameter of the networks' own ones, [n, ...], of which they are views from now on."""
        whole = nn.Parameter(torch.stack([each.detach() for each in own]), requires_grad=own[0].requires_grad)
        self.shared.append((whole, list(own)))
        self._lay(whole, own)
        return whole

    def _lay(self, whole: nn.Parameter, own: Sequence[nn.Parameter]) -> None:
        """Makes parameters views of a stacked one, and notes where they lie."""
        for each, part in zip(own, whole.detach(), strict=True):
            each.data = part
            self._places[id(each)] = each, each.data_ptr()

    def hold(self) -> None:
        """Takes in anew what has been given other storage since, as ``parameter.data = ...`` does."""
        if all(each.data_ptr() == place for each, place in self._places.values()):
            return
        for whole, own in self.shared:
            with torch.no_grad():
                whole.copy_(torch.stack([each.detach() for each in own]))
            self._lay(whole, own)

    def apart(self, rows: Tensor) -> Tensor:
        """Turns a batch, [rows, ...], to the parts of the networks, [n, rows / n, ...]."""
        if self.per_step is None:
            return rows.unflatten(0, (self.n, -1))
        return rows.unflatten(0, (-1, self.n, self.per_step)).transpose(0, 1).flatten(1, 2)

    def joined(self, parts: Tensor) -> Tensor:
        """Turns parts back to a batch."""
        if self.per_step is None:
            return parts.flatten(0, 1)
        return parts.unflatten(1, (-1, self.per_step)).transpose(0, 1).flatten(0, 2)

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Returns x W^T + b of every network for its part: x [..., inputs], W [n, outputs, inputs], b [n, outputs]."""
        result = _Products.apply(self.apart(x.flatten(0, -2) if x.dim() > 2 else x), weight, bias)
        rows = self.joined(result)
        return rows.unflatten(0, x.shape[:-1]) if x.dim() > 2 else rows


class _Products(torch.autograd.Function):
    """x W^T + b of every network: x [n, rows, inputs], W [n, outputs, inputs], b [n, outputs] or None.

    Its gradients are those of ``nn.Linear`` in order of their sums too, so that on one thread they are the same to the
    last bit; those of ``baddbmm`` are not.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.shifted = bias is not None
        across = weight.transpose(1, 2)
        return torch.bmm(x, across) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, across)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        x, weight = ctx.saved_tensors
        slopes = gradients[0].to(weight.dtype)  # the product may have been of another precision
        to_x = torch.bmm(slopes, weight).to(x.dtype) if ctx.needs_input_grad[0] else None
        to_weight = torch.bmm(slopes.transpose(1, 2), x.to(weight.dtype))
        return to_x, to_weight, slopes.sum(1) if ctx.shifted else None


class ManyLinear(nn.Module):
    """Linear layers as one."""

    def __init__(self, layers: Sequence[nn.Linear], fold: Fold) -> None:
        super().__init__()
        self.fold = fold
        self.weight = fold.stacked([each.weight for each in layers])
        self.bias = None if layers[0].bias is None else fold.stacked([each.bias for each in layers])

    def forward(self, x: Tensor) -> Tensor:
        """Turns [batch, ..., inputs] to [batch, ..., outputs]."""
        return self.fold.product(x, self.weight, self.bias)


class ManySymbolic(SymbolicLinear):
    """Linear layers on kind ids as one, with a bias that they do not have alone."""

    def __init__(self, layers: Sequence[SymbolicLinear], fold: Fold) -> None:
        nn.Module.__init__(self)
        self.fold, first = fold, layers[0]
        self.n_cells, self.n_layers, self.n_codes = first.n_cells, first.n_layers, first.n_codes
        self.weight = fold.stacked([each.weight for each in layers])
        self.bias: Tensor | None = None

    def forward(self, ids: Tensor) -> Tensor:
        """Turns ids, uint8 [batch, ..., layer], to float32 [batch, outputs]."""
        parts = self.fold.apart(ids.reshape(-1, self.n_cells, self.n_layers)).contiguous()
        sums = sums_of_many(parts, self.weight, self.n_codes)
        return self.fold.joined(sums if self.bias is None else sums.add_(self.bias.unsqueeze(1)))


class ManyConv2d(nn.Module):
    """Convolutions, a call for each network: they are large enough."""

    def __init__(self, layers: Sequence[nn.Conv2d], fold: Fold) -> None:
        super().__init__()
        self.fold, first = fold, layers[0]
        self.how: Any = first.stride, first.padding, first.dilation, first.groups
        self.weight = fold.stacked([each.weight for each in layers])
        self.bias = None if layers[0].bias is None else fold.stacked([each.bias for each in layers])

    def forward(self, x: Tensor) -> Tensor:
        """Turns [batch, channels, rows, cols] to what the convolutions make of it."""
        biases = [None] * self.fold.n if self.bias is None else self.bias
        each = zip(self.fold.apart(x), self.weight, biases, strict=True)
        return self.fold.joined(torch.stack([F.conv2d(part, weight, bias, *self.how) for part, weight, bias in each]))


class ManyEmbeddings(nn.Module):
    """Embeddings as one."""

    def __init__(self, layers: Sequence[nn.Embedding], fold: Fold) -> None:
        super().__init__()
        self.fold, self.padding = fold, layers[0].padding_idx
        self.weight = fold.stacked([each.weight for each in layers])

    def forward(self, ids: Tensor) -> Tensor:
        """Turns ids, [batch, ...], to vectors, [batch, ..., length]."""
        each = zip(self.fold.apart(ids), self.weight, strict=True)
        return self.fold.joined(torch.stack([F.embedding(part, weight, self.padding) for part, weight in each]))


class ManyGRU(nn.GRUCell):
    """Recurrent cells as one (Cho et al. 2014; torch's form of it)."""

    def __init__(self, cells: Sequence[nn.GRUCell], fold: Fold) -> None:
        nn.Module.__init__(self)
        _stack_gates(self, cells, fold)

    def forward(self, x: Tensor, hx: Tensor | None = None) -> Tensor:
        """Returns the next state, [batch, size], of features and the state before."""
        assert hx is not None
        fold: Any = self.fold
        reset, update, new = fold.product(x, self.weight_ih, self.bias_ih).chunk(3, 1)
        reset_h, update_h, new_h = fold.product(hx, self.weight_hh, self.bias_hh).chunk(3, 1)
        candidate = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
        return candidate + torch.sigmoid(update + update_h) * (hx - candidate)


class ManyLSTM(nn.LSTMCell):
    """Recurrent cells as one (Hochreiter and Schmidhuber 1997; torch's form of it)."""

    def __init__(self, cells: Sequence[nn.LSTMCell], fold: Fold) -> None:
        nn.Module.__init__(self)
        _stack_gates(self, cells, fold)

    def forward(self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Returns the next state and cell, each [batch, size], of features and those before."""
        assert hx is not None
        fold: Any = self.fold
        seen, kept = fold.product(x, self.weight_ih, self.bias_ih), fold.product(hx[0], self.weight_hh, self.bias_hh)
        write, forget, new, show = (seen + kept).chunk(4, 1)
        cell = torch.sigmoid(forget) * hx[1] + torch.sigmoid(write) * torch.tanh(new)
        return torch.sigmoid(show) * torch.tanh(cell), cell


def _stack_gates(into: nn.Module, cells: Sequence[nn.Module], fold: Fold) -> None:
    into.fold = fold  # type: ignore[assignment]
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(into, name, fold.stacked([getattr(cell, name) for cell in cells]))


_MANY: dict[type[nn.Module], Callable[[Any, Fold], nn.Module]] = {
    nn.Linear: ManyLinear,
    SymbolicLinear: ManySymbolic,
    nn.Conv2d: ManyConv2d,
    nn.Embedding: ManyEmbeddings,
    nn.GRUCell: ManyGRU,
    nn.LSTMCell: ManyLSTM,
}
_BETWEEN = {nn.Sequential, nn.ModuleDict, nn.ReLU, nn.Tanh}
LIBRARY = "sorrelsim.agents."
"""Where the losses are that are known to be each sample's own affair."""


def stack(nets: Sequence[nn.Module]) -> tuple[nn.Module, Fold]:
    """Returns networks of one shape as one, and how its batches lie.

    Raises:
        CannotStack: If one is made of other layers than are known here. Then no network was changed.
        OwnNetwork: If one is a user's own, whose code may look across the rows of a batch.
    """
    fold, whole = Fold(len(nets)), copy.deepcopy(nets[0])
    _check(nets)
    _put_in(whole, nets, fold)
    return whole, fold


def _check(nets: Sequence[nn.Module]) -> None:
    """Raises CannotStack unless all layers are known and of the same shapes."""
    first = nets[0]
    kind = type(first)
    if any(type(each) is not kind for each in nets):
        raise CannotStack("networks are of several classes")
    if kind in _MANY:
        if any([p.shape for p in each.parameters()] != [p.shape for p in first.parameters()] for each in nets):
            raise CannotStack("networks are of several shapes")
        return
    if kind not in _BETWEEN and not kind.__module__.startswith(("sorrelsim.models.", LIBRARY)):
        raise OwnNetwork(f"{kind.__name__} is a network of one's own")
    own = {name for name, _ in first.named_parameters(recurse=False)} - ({"bias"} if kind is MLPEncoder else set())
    buffers = [list(each.buffers(recurse=False)) for each in nets]
    same = all(torch.equal(a, b) for each in buffers for a, b in zip(each, buffers[0], strict=True))
    if own or not same:
        raise CannotStack(f"{kind.__name__} has weights of its own")
    for name, _ in first.named_children():
        _check([each.get_submodule(name) for each in nets])


def _put_in(whole: nn.Module, nets: Sequence[nn.Module], fold: Fold) -> None:
    """Puts stacked layers in place of the layers of a copy of the first network."""
    for name, child in list(whole.named_children()):
        children = [each.get_submodule(name) for each in nets]
        if type(child) in _MANY:
            whole.add_module(name, _MANY[type(child)](children, fold))
        else:
            _put_in(child, children, fold)
    if isinstance(whole, MLPEncoder):  # its bias goes with its first layer; what is added to is then plain 0
        first: Any = next(iter(whole.inputs.values()))
        first.bias = fold.stacked([each.bias for each in nets])
        del whole.bias
        vars(whole)["bias"] = 0.0


class Vmapped(nn.Module):
    """Networks of one's own as one, by ``torch.func.vmap`` over the stacked weights of one of them.

    Args:
        nets: The networks, of one class.

    Raises:
        OwnNetwork: If they keep buffers, which one copy cannot hold for all.
    """

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        if any(True for each in nets for _ in each.buffers()):
            raise OwnNetwork(f"{type(nets[0]).__name__} keeps buffers beside its weights")
        self.fold, self.net = Fold(len(nets)), copy.deepcopy(nets[0])
        named = [dict(each.named_parameters()) for each in nets]
        self.weights = {name: self.fold.stacked([each[name] for each in named]) for name in named[0]}

    def forward(self, *given: Tensor, **named: Tensor) -> Any:
        """Asks every network for its part of the batch."""

        def one(weights: Any, given: Any, named: Any) -> Any:
            return torch.func.functional_call(self.net, weights, given, named)

        apart = tuple(map(self.fold.apart, given)), {name: self.fold.apart(part) for name, part in named.items()}
        results = torch.func.vmap(one)(self.weights, *apart)
        if isinstance(results, Tensor):
            return self.fold.joined(results)
        return tuple(self.fold.joined(each) for each in results)


def differentiate(losses: Sequence[Tensor], fold: Fold, slopes: Sequence[Tensor] | None = None) -> None:
    """Works out the gradients of losses that hang on stacked weights, and gives each network its own.

    Args:
        losses: Scalars; or, with slopes, what gradients begin from, as ``adam.beginnings`` says.
        fold: Where the weights are.
        slopes: Shaped as the losses.
    """
    for whole, _ in fold.shared:
        whole.grad = None
    torch.autograd.backward(list(losses), None if slopes is None else list(slopes))
    for whole, own in fold.shared:
        for k, each in enumerate(own):
            each.grad = None if whole.grad is None else whole.grad[k]
