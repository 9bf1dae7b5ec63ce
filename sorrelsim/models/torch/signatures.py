"""Networks of a user's own: whether one fits a learner, and what it returns beyond what the learner asks for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def check_network(
    net: nn.Module,
    inputs: Mapping[str, Tensor | None],
    signature: str,
    expected: Sequence[tuple[int, ...]],
    owner: str,
    optional: Sequence[str] = (),
) -> Any:
    """Runs a network once on a zero batch and says plainly what does not fit.

    Args:
        net: The network.
        inputs: Arguments by name.
        signature: How the network is to be called, for errors.
        expected: Shapes of its first results; what it returns beyond them is its own affair.
        owner: The model, for errors.
        optional: Inputs that the network need not take.

    Returns:
        The network's result.

    Raises:
        TypeError: If its arguments have other names.
        ValueError: If it fails on the batch, or its results have other shapes.
    """
    found = inspect.signature(net.forward)
    kind = type(net).__name__
    taken = {n: v for n, v in inputs.items() if n not in optional or n in found.parameters}
    try:
        found.bind(**taken)
    except TypeError as error:
        raise TypeError(
            f"{owner}: {kind} does not take the observation's parts: {error}\n"
            f"  expected  {signature}\n  found     forward{found}"
        ) from None
    shown = ", ".join(
        f"{n}{list(v.shape)} {str(v.dtype).removeprefix('torch.')}" for n, v in taken.items() if v is not None
    )
    was_training = net.training
    net.eval()  # a check must not move the statistics of a batch norm
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            result = net(**taken)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ValueError(
            f"{owner}: {kind} failed on a zero batch of {shown}: {error}\n  expected  {signature}"
        ) from error
    finally:
        net.train(was_training)
    results = result if isinstance(result, tuple) else (result,)
    shapes = [tuple(r.shape) if isinstance(r, Tensor) else type(r).__name__ for r in results[: len(expected)]]
    if shapes != list(expected):
        raise ValueError(
            f"{owner}: {kind} returns the wrong shape for a zero batch of {shown}\n"
            f"  expected  {signature}, here {', '.join(str(list(s)) for s in expected)}\n"
            f"  found     {', '.join(str(list(s)) if isinstance(s, tuple) else s for s in shapes)}"
        )
    return result


def split_extras(result: Any, n: int) -> tuple[Any, Any]:
    """Tells a network's listed results from what it returned beyond them.

    Args:
        result: What the network returned.
        n: Number of results listed in its signature.

    Returns:
        The listed results (one as it is, several as a tuple), and the extra ones: None, one as it is, or a tuple.
    """
    if not isinstance(result, tuple):
        return result, None
    listed, extras = result[:n], result[n:]
    return (listed if n > 1 else listed[0]), (None if not extras else extras[0] if len(extras) == 1 else extras)
