"""Compiled code in place of torch's on the CPU: whether it can take tensors, as which arrays, in how many threads."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

_WORTH_THREADS = 4_000_000  # additions below which a second thread does not pay


def in_threads(kernel: Callable[..., None], n: int, work: int, *arrays: Any) -> None:
    """Runs a kernel over 0..n, in as many threads as torch uses if there is work enough.

    The threads draw portions, so that one that starts late or is put off holds nobody up.
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
    return ThreadPoolExecutor(n_threads - 1, "networks")


def compiles(*given: Tensor, dtype: torch.dtype = torch.float32) -> bool:
    """Returns whether compiled kernels can take tensors: of a type, on the CPU, unless numba is told to interpret."""
    for each in given:
        if not each.is_cpu or each.dtype is not dtype:
            return False
    return _jit_enabled()


@functools.cache
def _jit_enabled() -> bool:
    import numba

    return not numba.config.DISABLE_JIT  # type: ignore[attr-defined]


def array_of(tensor: Tensor) -> np.ndarray:
    """Returns a tensor as kernels take it, without its gradient and in one piece."""
    array: np.ndarray = (tensor.detach() if tensor.requires_grad else tensor).contiguous().numpy()
    return array


@functools.cache
def loss_kernels() -> Any:
    """Returns the compiled losses; imported when first needed, since numba takes a while."""
    from sorrelsim.models.torch import loss_kernels

    return loss_kernels
