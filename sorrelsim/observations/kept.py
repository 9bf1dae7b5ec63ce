"""How frames are kept by whoever paints them when they are looked at: symbols, of which any form can be written again.

A picture of 11 x 11 cells is 23,232 bytes and its symbols in four layers are 484, so that a memory holds 48 times as
many of them. A kept frame is ``uint8[row * col * layer + 1]``: the ids, and a last byte that is 1. Zeros are no frame,
as before an episode's first, and become zeros in every form; ids of 0 alone are bare ground, which in a picture is not.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from sorrelsim.authoring.codes import Codebook
from sorrelsim.observations.spec import ObservationSpec, Part
from sorrelsim.pictures.forms import Form

FORMS = ("one_hot", "rgb")
"""The forms that are kept as symbols."""
_AT_ONCE, _MOST = 1 << 22, 1 << 24
"""Bytes that are read back at a time, and different cells that pictures are compared with at the most."""


class Kept:
    """Frames of one kind of observations as symbols: from windows, to the form observed, and back from it.

    Attributes:
        observations: What is observed, with a kept frame for a grid.
        shape: Rows, columns and layers of a window.
        length: Bytes of a kept frame.
        form: What is written of symbols.
        part: Shape and type of the form.
    """

    def __init__(self, observed: ObservationSpec, codes: Codebook, looks: np.ndarray) -> None:
        """Prepares it.

        Args:
            observed: What is observed, in one of ``FORMS``.
            codes: What its ids mean.
            looks: A sprite for each id.
        """
        self.form, self.part = Form(observed.form, codes, looks, observed.sprite_size), observed.parts["grid"]
        rows, cols = self.part.shape[1:] if observed.form == "one_hot" else self.part.shape[:2]
        size = 1 if observed.form == "one_hot" else observed.sprite_size
        self.shape = rows // size, cols // size, len(codes.layers)
        self.length = math.prod(self.shape) + 1
        frame = Part((self.length,), np.dtype(np.uint8))
        self.observations = dataclasses.replace(observed, parts={**observed.parts, "grid": frame})

    @classmethod
    def of(cls, observed: ObservationSpec) -> Kept | None:
        """Returns how frames of some observations are kept; None where they are kept as they are."""
        if observed.form not in FORMS or observed.codes is None or observed.looks is None:
            return None
        return cls(observed, observed.codes, observed.looks)

    def keep(self, symbolic: np.ndarray) -> np.ndarray:
        """Returns symbolic windows ``uint8[n, row, col, layer]`` as kept frames, ``uint8[n, length]``."""
        frames = np.empty((len(symbolic), self.length), np.uint8)
        frames[:, :-1].reshape(symbolic.shape)[:] = symbolic
        frames[:, -1] = 1
        return frames

    def write(self, frames: np.ndarray) -> np.ndarray:
        """Returns kept frames ``uint8[..., length]`` in the form observed, ``[..., *shape]``."""
        written = self.form.write(frames[..., :-1].reshape(*frames.shape[:-1], *self.shape))
        written[frames[..., -1] == 0] = 0
        return written

    def is_observed(self, array: Any, lead: int) -> bool:
        """Returns whether something is an array of frames in the form observed, with so many axes before theirs."""
        shape = self.part.shape
        return (
            isinstance(array, np.ndarray)
            and array.dtype == self.part.dtype
            and (array.ndim, array.shape[lead:]) == (lead + len(shape), shape)
        )

    def read(self, observed: np.ndarray) -> np.ndarray:
        """Returns frames in the form observed, ``[..., *shape]``, as kept frames that are written as they were.

        Earlier versions kept pictures. What lies hidden behind something else is not found again.

        Raises:
            ValueError: If it is not what this form is written of these ids.
        """
        flat = observed.reshape(-1, *self.part.shape)
        frames = np.zeros((len(flat), self.length), np.uint8)
        some = max(1, _AT_ONCE // max(1, self.part.size))
        for first in range(0, len(flat), some):
            now = flat[first : first + some]
            there = np.flatnonzero(now.reshape(len(now), -1).any(1))
            symbols = self._ids_of_channels if self.form.name == "one_hot" else self._ids_of_pixels
            frames[first + there] = self.keep(symbols(now[there]))
            if not np.array_equal(self.write(frames[first : first + some]), now):
                raise ValueError(f"not all of its grid is what {self.form.name} shows of the ids of this world")
        return frames.reshape(*observed.shape[: -len(self.part.shape)], self.length)

    def _ids_of_channels(self, channels: np.ndarray) -> np.ndarray:
        """Returns the ids, uint8 [n, row, col, layer], of channels [n, channel, row, col]."""
        found = np.zeros((len(channels), *self.shape), np.uint8)
        for code in range(1, self.form.codes.n_codes):
            found[channels[:, code - 1] == 1, self.form.codes.layer[code]] = code
        return found

    def _ids_of_pixels(self, pictures: np.ndarray) -> np.ndarray:
        """Returns ids, uint8 [n, row, col, layer], that pictures [n, y, x, 3] are painted of; 0 if of none."""
        (rows, cols, _), size = self.shape, self.form.size
        cells = pictures.reshape(-1, rows, size, cols, size, 3).swapaxes(2, 3).reshape(-1, size * size * 3)
        known, ids = self._painted
        marks = _marks(cells)
        place = np.searchsorted(known, marks).clip(max=len(known) - 1)
        return (ids[place] * (known[place] == marks)[:, None]).astype(np.uint8).reshape(-1, *self.shape)

    @functools.cached_property
    def _painted(self) -> tuple[np.ndarray, np.ndarray]:
        """Marks of all cells that can be painted, in order, and the ids of each, uint8 [n, layer]."""
        layer = self.form.codes.layer
        by_layer = [np.append(0, np.flatnonzero(layer[1:] == z) + 1).astype(np.uint8) for z in range(self.shape[2])]
        n = math.prod(map(len, by_layer))
        if n > _MOST:
            raise ValueError(f"its grid holds pictures, and {n} different cells are too many to compare them with")
        ids = np.stack([each.reshape(-1) for each in np.meshgrid(*by_layer)], 1)
        some = _AT_ONCE // (3 * self.form.size**2)
        parts = [self.form.write(ids[k : k + some, None, None]) for k in range(0, n, some)]
        marks = np.concatenate([_marks(part.reshape(len(part), -1)) for part in parts])
        found, first = np.unique(marks, return_index=True)
        return found, ids[first]


def _marks(cells: np.ndarray) -> np.ndarray:
    """Returns a number for each cell's pixels, uint64 [n], by which different ones are told apart."""
    weights = np.random.default_rng(0).integers(1, 1 << 63, cells.shape[1], np.uint64)
    return cells.astype(np.uint64) @ weights
