"""Networks of a user's own: whether one fits a learner, and what it returns beyond what the learner asks for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_STATE = re.compile(r"(states?|obs|observations?|inputs?|x)_?\d*")
"""Names of arguments that mean a state, whatever its parts are called."""


@dataclass(frozen=True)
class Reading:
    """How a network takes the parts of a state: by their names, or in their order as ``state_0``, ``state_1`` and on.

    Attributes:
        names: The parts, in order.
        by_name: Whether they are passed by name.
    """

    names: tuple[str, ...]
    by_name: bool = True

    def __call__(self, net: nn.Module, parts: Mapping[str, Any], **further: Any) -> Any:
        """Returns what a network gives for states by part name, and for what else it takes."""
        if self.by_name:
            return net(**parts, **further)
        return net(*[parts[name] for name in self.names], **further)


def read_network(net: nn.Module, names: Sequence[str], further: Sequence[str], signature: str, owner: str) -> Reading:
    """Finds out how a network takes the parts of a state.

    Args:
        net: The network.
        names: The parts.
        further: What else it is given, by name.
        signature: How the network is to be called, for errors.
        owner: The model, for errors.

    Raises:
        TypeError: If its arguments have other names.
    """
    found = inspect.signature(net.forward)
    more = dict.fromkeys(further)
    try:
        found.bind(**dict.fromkeys(names), **more)
    except TypeError as error:
        told = error
    else:
        return Reading(tuple(names))
    arguments = list(found.parameters.values())
    rest = next((i for i, p in enumerate(arguments) if p.kind is p.VAR_POSITIONAL), len(arguments))
    by_position = all(
        p.kind is p.POSITIONAL_ONLY or (p.kind is p.POSITIONAL_OR_KEYWORD and _STATE.fullmatch(p.name) is not None)
        for p in arguments[: min(rest, len(names))]
    )
    try:
        if not by_position:
            raise told
        found.bind(*names, **more)
    except TypeError as error:
        raise TypeError(
            f"{owner}: {type(net).__name__} does not take the observation's parts: {error}\n"
            f"  expected  {signature}, or state, state_0, state_1 and on in place of the parts' names\n"
            f"  found     forward{found}"
        ) from None
    return Reading(tuple(names), by_name=False)


def check_network(
    net: nn.Module,
    inputs: Mapping[str, Tensor | None],
    signature: str,
    expected: Sequence[tuple[int, ...]],
    owner: str,
    further: Mapping[str, Tensor | None] | None = None,
) -> Any:
    """Runs a network once on a zero batch and says plainly what does not fit.

    Args:
        net: The network.
        inputs: The parts of states by name.
        signature: How the network is to be called, for errors.
        expected: Shapes of its first results, [batch] standing for [batch, 1] too; what it returns beyond them is its
            own affair.
        owner: The model, for errors.
        further: What else it is given, by name.

    Returns:
        The network's result.

    Raises:
        TypeError: If its arguments have other names.
        ValueError: If it fails on the batch, or its results have other shapes.
    """
    more = further or {}
    read = read_network(net, list(inputs), list(more), signature, owner)
    kind, told = type(net).__name__, f"  expected  {signature}"
    shown = ", ".join(
        f"{n}{list(v.shape)} {str(v.dtype).removeprefix('torch.')}"
        for n, v in {**inputs, **more}.items()
        if v is not None
    )
    cuda = {v.device for v in inputs.values() if v is not None and v.device.type == "cuda"}
    was_training = net.training
    net.eval()  # a check must not move the statistics of a batch norm
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=list(cuda)):
            result = read(net, inputs, **more)
    except Exception as error:  # whatever a user's network does
        raise ValueError(
            f"{owner}: {kind} failed on a zero batch of {shown}: {error}\n{told}\n"
            f"  found     forward{inspect.signature(net.forward)}"
        ) from error
    finally:
        net.train(was_training)
    results = result if isinstance(result, tuple | list) else (result,)
    shapes = [tuple(r.shape) if isinstance(r, Tensor) else type(r).__name__ for r in results[: len(expected)]]
    fits = [s == e or (len(e) == 1 and s == (*e, 1)) for s, e in zip(shapes, expected, strict=False)]
    if len(fits) < len(expected) or not all(fits):
        raise ValueError(
            f"{owner}: {kind} returns the wrong shape for a zero batch of {shown}\n"
            f"{told}, here {', '.join(str(list(s)) for s in expected)}\n"
            f"  found     forward{inspect.signature(net.forward)} -> "
            f"{', '.join(str(list(s)) if isinstance(s, tuple) else s for s in shapes)}"
        )
    return result


def column(result: Tensor) -> Tensor:
    """Returns a result of one number per sample as [batch], which networks give as [batch, 1] too."""
    return result.squeeze(-1) if result.dim() > 1 else result


def split_extras(result: Any, n: int) -> tuple[Any, Any]:
    """Tells a network's listed results from what it returned beyond them.

    Args:
        result: What the network returned.
        n: Number of results listed in its signature.

    Returns:
        The listed results (one as it is, several as a tuple), and the extra ones: None, one as it is, or a tuple.
    """
    if not isinstance(result, tuple | list):
        return result, None
    result = tuple(result)
    listed, extras = result[:n], result[n:]
    return (listed if n > 1 else listed[0]), (None if not extras else extras[0] if len(extras) == 1 else extras)
