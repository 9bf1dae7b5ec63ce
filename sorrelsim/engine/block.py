"""Where the state of a world lies: for each copy one piece of memory, its arrays one behind the other.

A step visits a copy once, so what belongs to one copy should be close together: a few neighbouring cache lines
instead of one in each of forty arrays, and every array a fixed distance from the start of the piece.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

LINE = 64  # bytes that a processor fetches at once


class Block:
    """Arrays with a leading copy axis, in one piece for each copy, all zero.

    Attributes:
        bytes: The memory, ``uint8[copy, bytes per copy]``, each copy's part at the start of a cache line.
        arrays: The views of it by name, ``[copy, ...]``; contiguous within a copy.
    """

    def __init__(self, n: int, arrays: Mapping[str, tuple[tuple[int, ...], np.dtype | type]]) -> None:
        """Lays the arrays out in the order given.

        Args:
            n: Number of copies.
            arrays: Name to shape, without the copy axis, and dtype.

        Raises:
            ValueError: If there is not so much memory.
        """
        at, places = 0, {}
        for name, (shape, dtype) in arrays.items():
            size = math.prod(shape) * np.dtype(dtype).itemsize
            at = _up(at, LINE if size >= 4 * LINE else 8)
            places[name] = at
            at += size
        stride = max(LINE, _up(at, LINE))
        try:
            memory = np.zeros(n * stride + LINE, np.uint8)
        except (MemoryError, ValueError):
            raise ValueError(f"n_worlds is {n}: so many copies of {stride} bytes do not fit into memory") from None
        start = -address_of(memory) % LINE
        self.bytes = memory[start : start + n * stride].reshape(n, stride)
        self.arrays = {
            name: np.ndarray((n, *shape), dtype, self.bytes, places[name], (stride, *_strides(shape, dtype)))
            for name, (shape, dtype) in arrays.items()
        }


def address_of(array: np.ndarray) -> int:
    """Where an array's memory begins."""
    return array.__array_interface__["data"][0]


def _up(size: int, step: int) -> int:
    return -(-size // step) * step


def _strides(shape: tuple[int, ...], dtype: np.dtype | type) -> tuple[int, ...]:
    return tuple(np.dtype(dtype).itemsize * math.prod(shape[k + 1 :]) for k in range(len(shape)))
