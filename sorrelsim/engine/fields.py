"""Fields: the values that rules see in ``w`` and ``w.p`` and the engine in ``e``, and where compiled code finds each.

Of a copy's arrays the table in :mod:`sorrelsim.engine.copies` says who sees them; the sizes of the world, tables and
the geometry of the window are added here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sorrelsim.authoring.window import SIDES
from sorrelsim.engine.block import Block, address_of
from sorrelsim.engine.copies import Copies
from sorrelsim.engine.declared import Declared


@dataclass(frozen=True)
class Field:
    """One value that rules or the engine see.

    Attributes:
        name: Its attribute in ``w`` or ``e``.
        array: The memory: ``[copy, ...]``, or shared by all copies where it is ``shared`` or ``constant``.
        place: Where compiled code finds it. ``copy``: in the copy's piece of the block. ``thread``: in the thread's
            piece of the scratch. ``given``: in an array for all copies, perhaps another one each step. ``shared``: in
            one array without copies. ``constant``: it is written into the code, which another value compiles anew.
        scalar: Whether a copy sees a number instead of an array (read-only).
        fixed_strides: For an array that is not contiguous: its strides in bytes for one copy, 0 where they depend on
            the size of the map.
    """

    name: str
    array: np.ndarray
    place: str
    scalar: bool = False
    fixed_strides: tuple[int, ...] = ()

    @property
    def per_copy(self) -> bool:
        """Whether the first axis is the copy."""
        return self.place not in ("shared", "constant")

    @property
    def ndim(self) -> int:
        """Dimensions, without the copy's."""
        return self.array.ndim - self.per_copy

    @property
    def contiguous(self) -> bool:
        """Whether it is contiguous within a copy."""
        one = self.array[0] if self.per_copy and len(self.array) else self.array
        return bool(one.flags.c_contiguous)

    def words(self, block: Block, scratch: Block) -> list[int]:
        """Where it lies, then its shape and, if not contiguous, strides in bytes.

        Where it lies is the distance from the start of a copy's piece, or address and bytes from copy to copy.
        """
        if self.place == "constant":
            return []
        skip = int(self.per_copy)
        found = {"copy": block, "thread": scratch}.get(self.place)
        if found:
            where = [address_of(self.array) - address_of(found.bytes)]
        else:
            where = [address_of(self.array), self.array.strides[0] if self.per_copy else 0]
        shape = list(self.array.shape[skip:])
        return where + shape + ([] if self.contiguous else list(self.array.strides[skip:]))


class Layout(NamedTuple):
    """How compiled code reaches one field, through the table of addresses.

    Attributes:
        at: Index of its first word in the table; see :meth:`Field.words`.
        place: See :attr:`Field.place`.
        value: Shape and bytes of a constant, else None.
    """

    name: str
    at: int
    place: str
    dtype: str
    ndim: int
    contiguous: bool
    scalar: bool
    fixed_strides: tuple[int, ...]
    value: tuple[tuple[int, ...], bytes] | None


def number(name: str, value: int) -> Field:
    """A number that compiled code reads anew in each call: worlds that differ in it share a kernel."""
    return Field(name, np.array([value], np.int64), "shared", scalar=True)


def constant(name: str, value: int) -> Field:
    """A number that is written into compiled code."""
    return Field(name, np.array([value], np.int64), "constant", scalar=True)


def of_table(copies: Copies, viewer: str) -> list[Field]:
    """The arrays of a copy that ``rules``, ``engine`` or ``params`` see."""
    return [
        Field(
            entry.name.rpartition(".")[2],
            copies.of[entry.name],
            "copy" if entry.place == "cells" else entry.place,
            scalar=entry.number and viewer != "engine",
            fixed_strides=(0, copies.cell.itemsize, 1) if entry.name == "grid" else (),
        )
        for entry in copies.entries
        if viewer in entry.seen
    ]


def rules_fields(world: Declared, copies: Copies) -> list[Field]:
    """The fields of ``w``.

    Raises:
        ValueError: If the world declares a site or state by a name that a copy has already.
    """
    codes = world.codes
    fields = [
        *of_table(copies, "rules"),
        *(Field(name, getattr(copies.notes, name), "given") for name in ("notes", "amounts", "noted")),
        number("n_agents", world.n_agents),
        number("height", world.height),
        number("width", world.width),
        constant("n_layers", len(codes.layers)),
        constant("wrap", world.wraps),
        *(constant(name, getattr(codes, name)) for name in ("agent_layer", "agent_code", "slot_stride")),
        constant("show_facing", codes.facing),
        *(Field(name, getattr(codes, name), "constant") for name in ("layer", "solid", "blocks")),
        *(Field(name, cells, "shared") for name, cells in world.map.sites.items()),
    ]
    names = [field.name for field in fields]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{world.name} declares a site or state named {sorted(twice)}, which a copy has already")
    return fields


def engine_fields(world: Declared, copies: Copies) -> list[Field]:
    """The fields of ``e``, but for the arrays of an answer."""
    window = world.window
    rows, cols = window.size(world.height, world.width)
    view_size = number if window.whole_map else constant
    # How far slots see less than the window does, where any does: ahead, behind, to the left and to the right.
    less = [[getattr(window, side) - getattr(own, side) for side in SIDES] for own in world.slot_windows]
    return [
        *([Field("less", np.array(less, np.int32), "shared")] if np.any(less) else []),
        *(_deceits(world) if world.seen_as else []),
        *of_table(copies, "engine"),
        Field("counts", copies.of["events"].reshape(world.n_worlds, -1), "copy"),
        Field("seen", copies.notes.seen, "given"),
        Field("template", copies.template, "shared"),
        *(constant(name, getattr(copies, name)) for name in ("beam_mask", "full_mask", "pad")),
        number("stride", copies.template.shape[1]),
        *(constant(name, getattr(window, name)) for name in ("forward", "left", "rotate", "whole_map")),
        view_size("view_rows", rows),
        view_size("view_cols", cols),
        constant("self_code", world.codes.self_code),
        constant("n_actions", world.n_actions),
        constant("drop_rewards_while_out", not world.keep_rewards_while_out),
    ]


def _deceits(world: Declared) -> list[Field]:
    """What slots take things for, ``[slot, id]``, and in which layers that differs from what is there."""
    table, layer = world.taken_for, world.codes.layer
    wrong = table != np.arange(world.codes.n_codes)
    mistakes = np.stack([wrong[:, layer == k].any(axis=1) for k in range(len(world.codes.layers))], axis=1)
    return [Field("taken_for", table, "shared"), Field("mistakes", mistakes, "shared")]
