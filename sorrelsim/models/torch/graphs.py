"""Acting and updating as CUDA graphs: recorded once for each shape of what goes in, then replayed in one call.

A graph reads and writes the memory that it was recorded with. So what goes in is copied into buffers of its own, and
what comes out lies in others until the next call. On the CPU, where there are no graphs, the same buffers can be gone
through by calling the function again, which is how they are tested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from sorrelsim.errors import tell

Results = Sequence[Any]
"""Tensors, or None."""
Function = Callable[[dict[str, Tensor]], Results]
"""Of tensors by name, which it leaves alone as all else; it draws nothing and looks at no number."""
_MOST = 16  # graphs of one learner; each keeps memory
_WARM_UP = 3  # calls before recording, in which libraries choose their ways


def has_graphs(device: torch.device) -> bool:
    """Returns whether graphs are recorded on a device."""
    return device.type == "cuda"


class Graphs:
    """The graphs of one learner.

    Args:
        name: The learner's name, for what is said aside.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._recorded: dict[tuple, Recorded] = {}
        self._refused: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies record graphs of their own."""
        return Graphs, (self._name,)

    def __call__(self, what: str, function: Function, inputs: dict[str, Tensor], weights: Sequence[Tensor]) -> Results:
        """Returns what a function makes of tensors, replayed where it has been recorded for such; valid till next time.

        Args:
            what: What the function does; there is one function of each name.
            function: The function.
            inputs: What it is called with.
            weights: What it reads beside that, which may be moved to other memory, and then is recorded anew.
        """
        shapes = tuple((name, tensor.shape, tensor.dtype) for name, tensor in inputs.items())
        key = what, shapes, tuple(tensor.data_ptr() for tensor in weights)
        if key in self._recorded:
            return self._recorded[key](inputs)
        if what in self._refused or len(self._recorded) >= _MOST:
            return function(inputs)
        try:
            self._recorded[key] = Recorded(function, inputs)
        except RuntimeError as error:
            self.refuse(what, str(error).partition("\n")[0])
            return function(inputs)
        return self._recorded[key](inputs)

    def refuse(self, what: str, why: str) -> None:
        """Notes that something is not recorded, and says so once."""
        if what not in self._refused:
            self._refused.add(what)
            tell(f"{self._name}: {what} runs without a CUDA graph: {why}")


class Recorded:
    """A function of tensors with the buffers that it was recorded with.

    Args:
        function: The function.
        inputs: Tensors such as it will be called with.
    """

    def __init__(self, function: Function, inputs: Mapping[str, Tensor]) -> None:
        self._function = function
        self._inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        self._graph: torch.cuda.CUDAGraph | None = None
        device = next(iter(inputs.values())).device
        self._there: AbstractContextManager[Any] = nullcontext()
        if device.type != "cuda":
            self._outputs = [None if result is None else result.clone() for result in function(self._inputs)]
            return
        self._there = torch.cuda.device(device)  # streams and graphs are of the card that is current
        with self._there:
            self._record()

    def _record(self) -> None:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                self._function(self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = list(self._function(self._inputs))

    def __call__(self, inputs: Mapping[str, Tensor]) -> Results:
        """Copies what goes in to its place, replays, and returns where the results lie."""
        for name, tensor in inputs.items():
            self._inputs[name].copy_(tensor, non_blocking=True)
        if self._graph is not None:
            with self._there:
                self._graph.replay()
        else:
            for into, result in zip(self._outputs, self._function(self._inputs), strict=True):
                if into is not None:
                    into.copy_(result)
        return self._outputs


def gradients_of(begin: Tensor, weights: Sequence[Tensor], slopes: Tensor | None = None) -> Sequence[Tensor | None]:
    """Returns the gradients of a loss by weights, None by those that it does not hang on; arguments as of autograd."""
    return torch.autograd.grad(begin, list(weights), slopes, allow_unused=True)
