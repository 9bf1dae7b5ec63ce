"""The arrays that a step of a world answers into, reused from step to step while nobody holds them."""

from __future__ import annotations

from sys import getrefcount

import numpy as np

from sorrelsim.engine.declared import Declared
from sorrelsim.engine.fields import Field
from sorrelsim.engine.kernel_text import Order
from sorrelsim.observations.parts import Parts


class Answer:
    """The arrays of one step's answer. They are reused only when nobody holds them any more.

    Attributes:
        parts: The symbolic observation by part, as views of the arrays that the kernel writes.
        grid: Its part of that name.
        reward, terminated, truncated: ``[copy, agent]``.
        mask: Allowed actions, ``bool[copy, agent, action]``, or None where the world declares none.
        fields: The arrays, as the engine sees them.
        orders: For the kernel, by mode: how it is called to answer into these arrays.
    """

    def __init__(self, world: Declared, cell: np.dtype) -> None:
        """Makes the arrays.

        Args:
            world: What was declared.
            cell: Type of a packed cell.
        """
        of = (world.n_worlds, world.n_agents)
        rows, cols = world.window.size(world.height, world.width)
        cells = np.zeros((*of, rows * cols), cell)
        whole = cells.view(np.uint8).reshape(*of, rows * cols, cell.itemsize)
        self.grid = whole.reshape(*of, rows, cols, cell.itemsize)[..., : len(world.codes.layers)]
        beside = np.zeros((*of, sum(world.scalars.values())), np.float32)
        self.parts: Parts = {"grid": self.grid}
        at = 0
        for name, size in world.scalars.items():
            self.parts[name] = beside[..., at : at + size]
            at += size
        self.reward = np.zeros(of, np.float64)
        self.terminated = np.zeros(of, np.bool_)
        self.truncated = np.zeros(of, np.bool_)
        self.mask: np.ndarray | None = None
        self.orders: dict[int, Order] = {}
        self.fields = [
            Field("cells_into", cells, "given"),
            Field("bytes_into", whole, "given"),
            Field("scalars_into", beside, "given"),
            Field("reward", self.reward, "given"),
            Field("terminated", self.terminated, "given"),
            Field("truncated", self.truncated, "given"),
        ]
        if type(world).allowed is not None:
            self.mask = np.ones((*of, world.n_actions), np.bool_)
            self.fields.append(Field("mask_into", self.mask, "given"))
        # A view that a user makes refers to the array that owns the memory; what was handed out is counted itself.
        self._held = (
            cells, beside, self.parts, *self.parts.values(), self.reward, self.terminated, self.truncated,
            *([] if self.mask is None else [self.mask]),
        )  # fmt: skip
        del cells, beside  # they would count as held
        self._idle = sum(map(getrefcount, self._held))

    def clear(self) -> None:
        """Says that no step has been taken: nothing is paid, and nothing has ended."""
        self.reward[...] = 0.0
        self.terminated[...] = self.truncated[...] = False

    def is_free(self) -> bool:
        """Whether nobody outside holds an array of these, a view of one, or the parts."""
        return sum(map(getrefcount, self._held)) == self._idle
