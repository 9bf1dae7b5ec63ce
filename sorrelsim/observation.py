"""What one agent sees: the window it looks through, and the form in which it is handed over.

The engine writes symbolic windows, ``uint8[row, col, layer]`` of ids, because they are small and fast; every other
form is made from them: one-hot channels, pictures, text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sorrelsim import sprites
from sorrelsim.kinds import Codebook
from sorrelsim.names import unknown

FORMS = ("symbolic", "one_hot", "rgb", "ascii")


@dataclass(frozen=True)
class Window:
    """How far an agent sees, in cells, from its own.

    Attributes:
        forward, back, left, right: Reach in each direction. With ``rotate`` they turn with the agent, and forward is
            always up in the observation; without, forward is north.
        whole_map: The whole map, north up, wherever the agent stands; reach is ignored.
    """

    forward: int = 9
    back: int = 1
    left: int = 5
    right: int = 5
    rotate: bool = True
    whole_map: bool = False

    @classmethod
    def centred(cls, radius: int) -> Window:
        """A square window with the agent in its middle, north up."""
        return cls(radius, radius, radius, radius, rotate=False)

    @classmethod
    def full(cls) -> Window:
        """The whole map, north up."""
        return cls(0, 0, 0, 0, rotate=False, whole_map=True)

    def __post_init__(self) -> None:
        reach = (self.forward, self.back, self.left, self.right)
        if min(reach) < 0 or max(reach) > 127:
            raise ValueError(f"a window reaches 0 to 127 cells in each direction, not {reach}")

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the observation on a map of the given size."""
        if self.whole_map:
            return height, width
        return self.forward + 1 + self.back, self.left + 1 + self.right

    @property
    def padding(self) -> int:
        return max(self.forward, self.back, self.left, self.right)


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
    """

    parts: dict[str, Part]
    form: str = "symbolic"
    window: Window | None = None
    codes: Codebook | None = field(default=None, repr=False)

    @classmethod
    def of_grid(
        cls, codes: Codebook, window: Window, height: int, width: int, form: str, scalars: dict[str, int]
    ) -> ObservationSpec:
        """The spec of a world's agents.

        Raises:
            ValueError: If there is no such form.
        """
        if form not in FORMS:
            raise ValueError(unknown("form of observation", form, FORMS))
        rows, cols = window.size(height, width)
        layers = len(codes.layers)
        grid = {
            "symbolic": Part((rows, cols, layers), np.dtype(np.uint8), codes.n_codes, layers),
            "one_hot": Part((codes.n_codes - 1, rows, cols), np.dtype(np.uint8)),
            "rgb": Part((rows * sprites.SIZE, cols * sprites.SIZE, 3), np.dtype(np.uint8)),
            "ascii": Part((rows,), np.dtype(f"<U{cols}")),
        }[form]
        parts = {"grid": grid} | {name: Part((size,), np.dtype(np.float32)) for name, size in scalars.items()}
        return cls(parts, form, window, codes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first part."""
        return next(iter(self.parts.values())).shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the first part."""
        return next(iter(self.parts.values())).dtype

    @property
    def input_size(self) -> int:
        """Flat length of all parts of one frame, symbolic grids expanded to one-hot."""
        return sum(part.size for part in self.parts.values())

    def convert(self, symbolic: np.ndarray, looks: np.ndarray) -> np.ndarray:
        """Turn symbolic windows ``[..., row, col, layer]`` into this spec's form of the grid.

        Args:
            symbolic: The windows.
            looks: ``uint8[n_codes, SIZE, SIZE, 4]``, a sprite for each id; used by the form ``rgb``.
        """
        assert self.codes is not None
        if self.form == "one_hot":
            return one_hot(symbolic, self.codes.n_codes)
        if self.form == "rgb":
            return paint(symbolic, looks)
        if self.form == "ascii":
            return text(symbolic, self.codes.glyphs)
        return symbolic


def one_hot(symbolic: np.ndarray, n_codes: int) -> np.ndarray:
    """Ids ``[..., row, col, layer]`` to channels ``uint8[..., n_codes - 1, row, col]``; channel k is id k + 1."""
    *lead, rows, cols, layers = symbolic.shape
    out = np.zeros((*lead, n_codes, rows, cols), np.uint8)
    for layer in range(layers):
        np.put_along_axis(out, symbolic[..., layer].astype(np.intp)[..., None, :, :], 1, axis=-3)
    return out[..., 1:, :, :]


def paint(symbolic: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """Ids ``[..., row, col, layer]`` to a picture ``uint8[..., row * SIZE, col * SIZE, 3]``, layers bottom first."""
    *lead, rows, cols, layers = symbolic.shape
    ground = np.broadcast_to(sprites.GROUND.rgba, (*lead, rows, cols, *sprites.GROUND.rgba.shape))
    cells = sprites.stack([ground, *(looks[symbolic[..., layer]] for layer in range(layers))])
    return np.moveaxis(cells, -3, -4).reshape(*lead, rows * sprites.SIZE, cols * sprites.SIZE, 3)


def text(symbolic: np.ndarray, glyphs: tuple[str, ...]) -> np.ndarray:
    """Ids ``[..., row, col, layer]`` to lines of text ``[..., row]``: the glyph of the topmost layer that has one."""
    top = np.zeros(symbolic.shape[:-1], np.uint8)
    for layer in range(symbolic.shape[-1]):
        top = np.where(symbolic[..., layer] > 0, symbolic[..., layer], top)
    marks = np.array(glyphs, "<U1")[top]
    return np.ascontiguousarray(marks).view(f"<U{marks.shape[-1]}")[..., 0]
