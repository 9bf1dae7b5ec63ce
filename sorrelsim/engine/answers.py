"""The arrays that a step of a world answers into, reused from step to step while nobody holds them."""

from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from sorrelsim.engine.block import address_of
from sorrelsim.engine.declared import Declared
from sorrelsim.engine.fields import Field
from sorrelsim.engine.kernel_text import Order
from sorrelsim.observations.parts import Parts
from sorrelsim.pictures.forms import Form, Scratch


class Answer:
    """The arrays of one step's answer. They are reused only when nobody holds them any more.

    Attributes:
        parts: The observation by part, as views of the arrays that the kernel writes.
        grid: The symbolic windows, which are its part of that name unless another form is written of them.
        symbolic_parts: The same parts with these for a grid.
        reward, terminated, truncated: ``[copy, agent]``.
        scratch: What threads need to write another form; None where none is written.
        mask: Allowed actions, ``bool[copy, agent, action]``, or None where the world declares none.
        fields: The arrays, as the engine sees them.
        orders: For the kernel, by mode and copies: how it is called to answer into these arrays.
    """

    def __init__(self, world: Declared, cell: np.dtype, form: Form | None, scratch: Scratch | None) -> None:
        """Makes the arrays.

        Args:
            world: What was declared.
            cell: Type of a packed cell.
            form: What is written of symbolic windows, if anything.
            scratch: What threads need for it.
        """
        of = (world.n_worlds, world.n_agents)
        rows, cols = world.window.size(world.height, world.width)
        cells = np.zeros((*of, rows * cols), cell)
        whole = cells.view(np.uint8).reshape(*of, rows * cols, cell.itemsize)
        self.grid = whole.reshape(*of, rows, cols, cell.itemsize)[..., : len(world.codes.layers)]
        beside = np.zeros((*of, sum(world.scalars.values())), np.float32)
        self.parts: Parts = {"grid": self.grid}
        self.scratch, self._order = scratch, np.zeros(0, np.int64)
        if form is not None and scratch is not None:
            shape, dtype = form.part(rows, cols)
            self.parts["grid"] = np.zeros((*of, *shape), dtype)
            self._order = form.order(cells, rows, cols, self.parts["grid"], scratch)
        order = np.full((of[0], 1), 0 if form is None else address_of(self._order), np.int64)
        at = 0
        for name, size in world.scalars.items():
            self.parts[name] = beside[..., at : at + size]
            at += size
        self.symbolic_parts = {**self.parts, "grid": self.grid}
        self.reward = np.zeros(of, np.float64)
        self.terminated = np.zeros(of, np.bool_)
        self.truncated = np.zeros(of, np.bool_)
        self.mask: np.ndarray | None = None
        self.orders: dict[Any, Order] = {}
        self.fields = [
            Field("cells_into", cells, "given"),
            Field("bytes_into", whole, "given"),
            Field("form_into", order, "given"),
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
            cells, beside, self.grid, self.parts, *self.parts.values(), self.reward, self.terminated, self.truncated,
            *([] if self.mask is None else [self.mask]),
        )  # fmt: skip
        del cells, beside  # they would count as held
        self._idle = sum(map(getrefcount, self._held))

    def clear(self) -> None:
        """Says that no step has been taken: nothing is paid, and nothing has ended."""
        self.reward[...] = 0.0
        self.terminated[...] = self.truncated[...] = False

    def last(self, over: np.ndarray) -> Parts:
        """Returns copies of the parts; of other forms than symbolic, large as they may be, those of some copies alone.

        Args:
            over: ``bool[copy]``, of which.
        """
        found = {name: part.copy() for name, part in self.parts.items() if name != "grid" or self.scratch is None}
        if self.scratch is None:
            return found
        grid = np.zeros_like(self.parts["grid"])
        grid[over] = self.parts["grid"][over]
        return {"grid": grid, **found}

    def is_free(self) -> bool:
        """Whether nobody outside holds an array of these, a view of one, or the parts."""
        return sum(map(getrefcount, self._held)) == self._idle
