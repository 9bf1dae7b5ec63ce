"""Symbolic windows written in other forms, by compiled code: one-hot channels, pictures, text.

A step writes a form itself, copy by copy, in the thread that has just written the windows; :meth:`Form.write` does the
same for windows at hand.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.authoring.codes import Codebook
from sorrelsim.pictures.orders import SLOTS, UNCOVERING

_LINE = 64  # bytes that a processor fetches at once


class Scratch:
    """What each thread that writes a form has for itself.

    Attributes:
        lanes: Threads that have some.
        words: ``int64[2]``, address and bytes of the lanes, as orders lead to them.
    """

    def __init__(self, size: int) -> None:
        """Begins with none.

        Args:
            size: Bytes that a thread needs.
        """
        self.stride = -(-max(size, 1) // _LINE) * _LINE
        self.lanes, self.words = 0, np.zeros(2, np.int64)
        self._memory: list[np.ndarray] = []

    def reserve(self, lanes: int) -> None:
        """Sees to it that so many threads have scratch; nobody may be writing meanwhile."""
        if lanes > self.lanes:
            self._memory.append(np.zeros(lanes * self.stride + _LINE, np.uint8))  # that of before stays: interrupts
            first = address_of(self._memory[-1])
            self.words[:] = first + -first % _LINE, self.stride
            self.lanes = lanes


class Form:
    """What is written of symbolic windows: ``one_hot``, ``rgb`` or ``ascii``.

    A picture of smaller sprites is the picture of 8 x 8 pixels a cell, in which each block of pixels becomes one, its
    mean, with halves rounded up: of ``n`` values ``(sum + n // 2) // n``, each colour by itself.

    Attributes:
        name: Which form.
        size: Pixels along the side of a cell, of ``rgb``.
        codes: What ids mean.
        layers: Layers of a cell.
        table: What an id becomes: layers of channels, sprites with the ground in place of nothing, or code points.
    """

    def __init__(self, name: str, codes: Codebook, looks: np.ndarray, size: int = sprites.SIZE) -> None:
        """Prepares the table.

        Args:
            name: Which form.
            codes: What ids mean.
            looks: ``uint8[n_codes, SIZE, SIZE, 4]``, a sprite for each id; used by ``rgb``.
            size: Pixels along the side of a cell, of ``rgb``: 1, 2, 4 or 8.
        """
        self.name, self.size, self.codes, self.layers = name, size, codes, len(codes.layers)
        if name == "one_hot":
            self.table = codes.layer[1:].copy()
        elif name == "rgb":
            self.table = looks.copy()
            self.table[0] = sprites.GROUND.rgba
        else:
            uncovering = np.where(codes.covers > 0, 0, UNCOVERING).astype(np.uint32)
            self.table = np.array(codes.glyphs, "<U1").view(np.uint32) | uncovering

    def part(self, rows: int, cols: int) -> tuple[tuple[int, ...], np.dtype]:
        """Returns shape and dtype of one window of so many cells."""
        if self.name == "one_hot":
            return (self.codes.n_codes - 1, rows, cols), np.dtype(np.uint8)
        if self.name == "rgb":
            return (rows * self.size, cols * self.size, 3), np.dtype(np.uint8)
        return (rows,), np.dtype(f"<U{cols}")

    def scratch(self, rows: int, cols: int) -> Scratch:
        """Returns what threads need to write windows of so many cells, for none yet."""
        sizes = {"one_hot": self.layers * rows * cols, "rgb": SLOTS * (8 + 3 * self.size**2)}
        return Scratch(sizes.get(self.name, 0))

    def order(self, cells: np.ndarray, rows: int, cols: int, into: np.ndarray, scratch: Scratch) -> np.ndarray:
        """Returns the words by which a kernel writes windows, ``int64[word]``; see ``orders``.

        They hold addresses: whatever is given is to live as long as they may be followed.

        Args:
            cells: ``uint32 or uint64[copy, agent, row * col]``, a byte per layer, contiguous.
            rows, cols: Size of a window.
            into: ``[copy, agent, ...]`` of :meth:`part`, contiguous.
            scratch: Of the threads that write.
        """
        words = (
            self.kernel(cells.dtype).address, address_of(cells), cells.strides[0], address_of(into), into.strides[0],
            cells.shape[1], rows, cols, self.layers, address_of(self.table), len(self.table),
            address_of(scratch.words),
        )  # fmt: skip
        return np.array(words, np.int64)

    def kernel(self, cell: np.dtype) -> Any:
        """Returns the machine code for packed cells of a type."""
        from sorrelsim.pictures.form_kernels import kernel  # Numba is slow to import, and symbolic windows need none

        return kernel(self.name, cell.name, self.size)

    def write(self, symbolic: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        """Returns symbolic windows ``uint8[..., row, col, layer]`` in this form.

        Args:
            symbolic: The windows.
            into: Where it is written, ``[..., *shape]`` of :meth:`part`, contiguous; None makes an array for it.

        Raises:
            ValueError: If there are ids or layers that the world has not.
        """
        *lead, rows, cols, layers = symbolic.shape
        most, n = int(symbolic.max(initial=0)), math.prod(lead)
        if layers != self.layers or most >= self.codes.n_codes:
            raise ValueError(
                f"symbolic windows have ids up to {most} in {layers} layers; allowed: ids up to "
                f"{self.codes.n_codes - 1} in {self.layers} layers"
            )
        packed = np.zeros((1, n, rows * cols, 8), np.uint8)
        packed[..., :layers] = symbolic.reshape(1, n, rows * cols, layers)
        cells = packed.view(np.uint64)[..., 0]
        shape, dtype = self.part(rows, cols)
        made, scratch = np.zeros((*lead, *shape), dtype) if into is None else into, self.scratch(rows, cols)
        scratch.reserve(1)
        order = self.order(cells, rows, cols, made.reshape(1, n, *shape), scratch)
        follow(address_of(order), 0, 0)
        return made


_called = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


def follow(order: int, copy: int, lane: int) -> None:
    """Writes one copy's windows as an order says; what compiled steps do by themselves.

    Args:
        order: Address of its words.
        copy: Number of the copy.
        lane: Of the scratch, which nobody else uses meanwhile.
    """
    _called(ctypes.c_int64.from_address(order).value)(order, copy, lane)


def address_of(array: np.ndarray) -> int:
    """Returns where an array's memory begins."""
    address: int = array.__array_interface__["data"][0]
    return address
