"""What one agent sees: the window it looks through, and the form in which it is handed over.

The engine writes symbolic windows, ``uint8[row, col, layer]`` of ids, because they are small and fast; every other
form is written from them: one-hot channels, pictures, text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.authoring.codes import Codebook
from sorrelsim.authoring.window import Window
from sorrelsim.errors import unknown
from sorrelsim.observations.parts import Observation, Parts, as_public
from sorrelsim.observations.signature import differences
from sorrelsim.pictures.forms import Form

FORMS = ("symbolic", "one_hot", "rgb", "ascii")
SPRITE_SIZES = (1, 2, 4, 8)
"""Pixels along the side of a cell that pictures may have."""


class Observed(Protocol):
    """What is asked of a world to look at it: copies, slots, and their latest observations [copy, agent, ...]."""

    n_worlds: int
    n_agents: int

    @property
    def parts(self) -> Parts: ...


@dataclass(frozen=True)
class Part:
    """One array of an observation.

    Attributes:
        shape: Its shape for one agent.
        dtype: Its type.
        n_codes: For symbolic grids, the number of ids, 0 (nothing) included; 0 for everything else. An id lives in one
            layer only, so a one-hot form has ``n_codes - 1`` channels and no cell sums above 1 in a channel.
        layers: For symbolic grids, the number of layers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    n_codes: int = 0
    layers: int = 0

    @property
    def size(self) -> int:
        """Flat length, symbolic grids expanded to one-hot."""
        if self.n_codes:
            return self.shape[0] * self.shape[1] * (self.n_codes - 1)
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class ObservationSpec:
    """What one agent sees: named parts, of which the first is the grid, and how they are made.

    Attributes:
        parts: Name to :class:`Part`, in order. One part alone is observed as a bare array, several as a dict.
        form: One of ``symbolic``, ``one_hot``, ``rgb``, ``ascii``: the form of the part ``grid``.
        window: The window; None where observations do not come from a grid.
        codes: What the ids mean; None where observations do not come from a grid.
        sprite_size: Of ``rgb``: pixels along the side of a cell; see :class:`~sorrelsim.pictures.forms.Form`.
        looks: A sprite for each id, ``uint8[n_codes, SIZE, SIZE, 4]``, by which pictures are painted; None where
            observations do not come from a grid.
    """

    parts: dict[str, Part]
    form: str = "symbolic"
    window: Window | None = None
    codes: Codebook | None = field(default=None, repr=False)
    sprite_size: int = sprites.SIZE
    looks: np.ndarray | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_grid(
        cls,
        codes: Codebook,
        window: Window,
        height: int,
        width: int,
        form: str,
        sprite_size: int | None,
        scalars: dict[str, int],
    ) -> ObservationSpec:
        """The spec of a world's agents.

        Raises:
            ValueError: If there is no such form or size of sprites, or a size where nothing is painted.
        """
        if form not in FORMS:
            raise ValueError(unknown("form of observation", form, FORMS))
        size = _sprite_size(form, sprite_size)
        rows, cols = window.size(height, width)
        layers = len(codes.layers)
        grid = {
            "symbolic": Part((rows, cols, layers), np.dtype(np.uint8), codes.n_codes, layers),
            "one_hot": Part((codes.n_codes - 1, rows, cols), np.dtype(np.uint8)),
            "rgb": Part((rows * size, cols * size, 3), np.dtype(np.uint8)),
            "ascii": Part((rows,), np.dtype(f"<U{cols}")),
        }[form]
        parts = {"grid": grid} | {name: Part((size,), np.dtype(np.float32)) for name, size in scalars.items()}
        return cls(parts, form, window, codes, size)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first part."""
        return next(iter(self.parts.values())).shape

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of the window, in cells whatever the form; of what is no window, its first two axes."""
        shape = (*self.shape, 1, 1)
        if self.form == "one_hot":
            return shape[1], shape[2]
        if self.form == "ascii":
            return shape[0], self.dtype.itemsize // np.dtype("<U1").itemsize
        side = self.sprite_size if self.form == "rgb" else 1
        return shape[0] // side, shape[1] // side

    @property
    def dtype(self) -> np.dtype:
        """Type of the first part."""
        return next(iter(self.parts.values())).dtype

    @property
    def input_size(self) -> int:
        """Flat length of all parts of one frame, symbolic grids expanded to one-hot."""
        return sum(part.size for part in self.parts.values())

    def signature(self) -> dict[str, Any]:
        """Returns what decides the meaning of its numbers, as plain data: what a checkpoint keeps of it.

        ``ids`` and ``window``, among others, are None where observations do not come from a grid.
        """
        codes, window = self.codes, self.window
        return {
            "form": self.form,
            "parts": {
                name: {"shape": list(part.shape), "dtype": part.dtype.str.lstrip("<>=|"), "n_codes": part.n_codes}
                for name, part in self.parts.items()
            },
            "ids": list(codes.names) if codes else None,
            "layers": list(codes.layers) if codes else None,
            "looks": ("individual" if codes.slot_stride else "other") if codes else None,
            "show_facing": bool(codes.facing) if codes else None,
            "sprite_size": self.sprite_size if self.form == "rgb" else None,
            "window": dataclasses.asdict(window) if window else None,
        }

    def differences(
        self, other: ObservationSpec | Mapping[str, Any], there: str = "there", here: str = "here"
    ) -> list[str]:
        """Returns what tells another spec from this one, an item each; nothing if they mean the same.

        Args:
            other: The other spec, or its signature.
            there: Where the other is met, for the texts, such as ``in the checkpoint``.
            here: Where this one is.
        """
        given = other.signature() if isinstance(other, ObservationSpec) else other
        return differences(given, self.signature(), there, here)

    def observe(self, world: Observed, slot: int = 0, copy: int = 0) -> Observation:
        """Returns what one slot of one copy of a world observes now: an array, or arrays by part name; a copy.

        Args:
            world: The world that this is the spec of, ``world.observations``.
            slot: The slot.
            copy: The copy.

        Raises:
            ValueError: If the world has no such slot or copy, or its observations are others.
        """
        for what, all_of_them, given, n in (
            ("slot", "slots", slot, world.n_agents),
            ("copy", "copies", copy, world.n_worlds),
        ):
            if not 0 <= given < n:
                raise ValueError(f"no {what} {given}; this world has {all_of_them} 0 to {n - 1}")
        found = {name: part[copy, slot].copy() for name, part in world.parts.items()}
        ours = {name: part.shape for name, part in self.parts.items()}
        theirs = {name: part.shape for name, part in found.items()}
        if ours != theirs:
            raise ValueError(f"this world is observed as {theirs}; this spec says {ours}")
        return as_public(found)

    def form_of(self, looks: np.ndarray) -> Form | None:
        """Returns what is written of symbolic windows; None where they are handed over as they are.

        Args:
            looks: ``uint8[n_codes, SIZE, SIZE, 4]``, a sprite for each id; used by the form ``rgb``.
        """
        return (
            None
            if self.codes is None or self.form == "symbolic"
            else Form(self.form, self.codes, looks, self.sprite_size)
        )

    def convert(self, symbolic: np.ndarray, looks: np.ndarray) -> np.ndarray:
        """Turns symbolic windows ``[..., row, col, layer]`` into this spec's form of the grid.

        Args:
            symbolic: The windows.
            looks: ``uint8[n_codes, SIZE, SIZE, 4]``, a sprite for each id; used by the form ``rgb``.

        Raises:
            ValueError: If there are ids or layers that the world has not.
        """
        form = self.form_of(looks)
        return symbolic if form is None else form.write(symbolic)


def _sprite_size(form: str, given: int | None) -> int:
    """The size of sprites that was asked for, or the usual one."""
    if given is None:
        return sprites.SIZE
    if form != "rgb":
        raise ValueError(f"sprite_size is {given!r}, but observations are {form}; it goes with observation: rgb alone")
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given not in SPRITE_SIZES:
        raise ValueError(f"sprite_size is {given!r}; allowed: {', '.join(map(str, SPRITE_SIZES))}, pixels to a cell")
    return int(given)
