"""Tensors as arrays, which is how they are saved, and networks from outside, held to the shape of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def as_arrays(node: Any) -> Any:
    """Returns a tree with arrays in place of tensors; types that NumPy lacks become float32, which holds them all."""
    if isinstance(node, Tensor):
        tensor = node.detach().cpu()
        if tensor.dtype.is_floating_point and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
            tensor = tensor.float()
        return tensor.numpy()
    if isinstance(node, Mapping):
        return {key: as_arrays(value) for key, value in node.items()}
    return [as_arrays(value) for value in node] if isinstance(node, list | tuple) else node


def as_tensors(node: Any) -> Any:
    """Returns a tree with tensors in place of arrays."""
    if isinstance(node, np.ndarray):
        return torch.from_numpy(node if node.flags.writeable else node.copy())
    if isinstance(node, Mapping):
        return {key: as_tensors(value) for key, value in node.items()}
    return [as_tensors(value) for value in node] if isinstance(node, list | tuple) else node


def check_networks(saved: Any, networks: Mapping[str, nn.Module]) -> list[str]:
    """Returns what tells saved networks from those that they are for, an item each.

    Raises:
        ValueError: If a weight is not finite; it is named.
    """
    if not isinstance(saved, Mapping):
        return ["there are none"]
    found = [f"there is no network {name!r} here" for name in saved if name not in networks]
    for name, net in networks.items():
        ours, theirs = net.state_dict(), saved.get(name)
        if not isinstance(theirs, Mapping):
            found.append(f"there is no network {name!r} in the checkpoint")
            continue
        found += [f"{name}.{key} is not here" for key in theirs if key not in ours]
        found += [f"{name}.{key} is not in the checkpoint" for key in ours if key not in theirs]
        for key in ours:
            if key in theirs and (said := unlike(theirs[key], ours[key])):
                found.append(f"{name}.{key} {said}")
    if not found:
        for name, held in saved.items():
            for key, value in held.items():
                check_finite(value, f"{name}.{key}")
    return found


def unlike(saved: Any, ours: Tensor) -> str:
    """Returns what tells a saved tensor from one of ours, or nothing."""
    if not isinstance(saved, np.ndarray | Tensor):
        return f"is a {type(saved).__name__} in the checkpoint, not numbers"
    if tuple(saved.shape) != tuple(ours.shape):
        return f"is {list(saved.shape)} in the checkpoint, {list(ours.shape)} here"
    dtype = saved.dtype if isinstance(saved, Tensor) else _torch_dtype(saved)
    both = dtype is not None and dtype.is_floating_point and ours.dtype.is_floating_point
    return "" if both or dtype == ours.dtype else f"is {saved.dtype} in the checkpoint, {ours.dtype} here"


def _torch_dtype(array: np.ndarray) -> torch.dtype | None:
    try:
        return torch.from_numpy(np.zeros(0, array.dtype)).dtype
    except TypeError:
        return None


def check_finite(saved: Any, name: str, low: float | None = None) -> None:
    """Checks that a saved tensor's numbers are finite, and none below a limit.

    Raises:
        ValueError: If not; the place and the value are named.
    """
    array = as_arrays(saved)
    if array.dtype.kind != "f" or not array.size:
        return
    bad = ~np.isfinite(array)
    if low is not None:
        bad |= array < low
    if bad.any():
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        raise ValueError(f"{name}{list(at)} is {array[at]}: a diverged or damaged model is not loaded")


def fits_generator(saved: Any, generator: torch.Generator) -> bool:
    """Returns whether a saved random state is one of this generator's; False if it is of another kind of device.

    Raises:
        ValueError: If it is of its size, but no state.
    """
    if not isinstance(saved, np.ndarray | Tensor) or str(saved.dtype).removeprefix("torch.") != "uint8":
        raise ValueError(f"generator must be bytes, not {getattr(saved, 'dtype', type(saved).__name__)}")
    state = as_tensors(saved).cpu()
    if state.dim() != 1 or len(state) < 16:
        raise ValueError(f"generator must be 16 bytes or more, not of shape {list(state.shape)}")
    if len(state) != len(generator.get_state()):
        return False
    try:
        torch.Generator(generator.device).set_state(state)
    except RuntimeError as error:
        raise ValueError(f"generator is no random state: {error}") from None
    return True
