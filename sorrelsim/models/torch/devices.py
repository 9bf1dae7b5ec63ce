"""Where a learner's tensors live: the device that a config names, and the way there in one transfer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


def choose_device(name: str) -> torch.device:
    """Returns the device that a config's ``device`` means; auto means CUDA's where there is one, else the CPU.

    Raises:
        ValueError: If this machine has no such device; those that it has are named.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = devices()
    if name not in found:
        raise ValueError(f"device: {name}, and this machine has no such device; allowed: {', '.join(found)}")
    return torch.device(name)


def devices() -> list[str]:
    """Returns the names that settings may give to this machine's devices."""
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = ["cuda", *(f"cuda:{k}" for k in range(n))] if n else []
    return ["auto", "cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def to_device(arrays: Mapping[str, np.ndarray | Tensor], device: torch.device) -> dict[str, Tensor]:
    """Returns several arrays as tensors on a device, each in its own type, in one transfer; tensors are there already.

    On the CPU they share the arrays' memory. To a card they go from pinned memory, and nobody waits for their arrival.
    """
    if device.type == "cpu":
        return {n: a if isinstance(a, Tensor) else torch.from_numpy(a) for n, a in arrays.items()}
    packed, place, offset = {}, {}, 0
    for name, array in arrays.items():
        if isinstance(array, Tensor):
            continue
        packed[name] = np.ascontiguousarray(array)
        place[name] = offset
        offset += (packed[name].nbytes + 15) // 16 * 16  # views must be aligned to their dtype
    pinned = device.type == "cuda"
    staging = torch.empty(offset, dtype=torch.uint8, pin_memory=pinned)
    view = staging.numpy()
    for name, array in packed.items():
        view[place[name] : place[name] + array.nbytes] = array.reshape(-1).view(np.uint8)
    moved = staging.to(device, non_blocking=pinned)  # torch keeps pinned memory until it has been read
    result = {name: array for name, array in arrays.items() if isinstance(array, Tensor)}
    for name, array in packed.items():
        flat = moved[place[name] : place[name] + array.nbytes].view(torch.from_numpy(array.reshape(-1)[:0]).dtype)
        result[name] = flat.view(array.shape)
    return result
