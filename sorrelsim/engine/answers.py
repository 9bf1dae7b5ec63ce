"""The arrays that a step of a world answers into, reused from step to step while nobody holds them."""

from __future__ import annotations

import sys

import numpy as np

from sorrelsim.engine.compiled import Order
from sorrelsim.engine.program import Field


class Outputs:
    """The arrays of one step's answer. They are reused only when nobody holds them any more.

    Attributes:
        parts: The observation by part, as views of the arrays that the kernel writes.
        orders: For the kernel: how it is called to answer into these arrays.
    """

    def __init__(
        self, n: int, agents: int, window: tuple[int, int], layers: int, cell: np.dtype, scalars: dict
    ) -> None:
        rows, cols = window
        cells = np.zeros((n, agents, rows * cols), cell)
        whole = cells.view(np.uint8).reshape(n, agents, rows * cols, cell.itemsize)
        self.grid = whole.reshape(n, agents, rows, cols, cell.itemsize)[..., :layers]
        beside = np.zeros((n, agents, sum(scalars.values())), np.float32)
        self.parts = {"grid": self.grid}
        at = 0
        for name, size in scalars.items():
            self.parts[name] = beside[..., at : at + size]
            at += size
        self.reward = np.zeros((n, agents), np.float64)
        self.terminated = np.zeros((n, agents), np.bool_)
        self.truncated = np.zeros((n, agents), np.bool_)
        self.orders: dict[int, Order] = {}
        self.fields = [
            Field("cells_out", cells, apart=True),
            Field("bytes_out", whole, apart=True),
            Field("scalars_out", beside, apart=True),
            Field("reward", self.reward, apart=True),
            Field("terminated", self.terminated, apart=True),
            Field("truncated", self.truncated, apart=True),
        ]
        # A view that a user makes refers to the array that owns the memory; one that was handed out is counted itself.
        self._held = (cells, beside, *self.parts.values(), self.reward, self.terminated, self.truncated)
        del cells, beside  # they would count as held
        self._idle = sum(map(sys.getrefcount, self._held))

    def is_free(self) -> bool:
        """Whether nobody outside holds an array of these or a view of one."""
        return sum(map(sys.getrefcount, self._held)) == self._idle
