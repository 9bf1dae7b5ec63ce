"""Kept frames painted where the network is: by compiled code on the CPU, else by looking sprites up in a table there.

Both give what the world itself writes of the same windows, bit for bit; see ``sorrelsim.observations.kept``.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.torch.on_cpu import in_threads
from sorrelsim.observations.kept import Kept
from sorrelsim.pictures.orders import SLOTS

MOST_CELLS = 1 << 16
"""Different cells that a table of painted ones may hold, 12 MB of them; where there are more, the CPU paints."""


class Painter:
    """Turns kept frames to the form observed, on a device.

    Args:
        kept: How frames are kept.
        device: Where.
    """

    def __init__(self, kept: Kept, device: torch.device) -> None:
        self.kept, self.device = kept, device
        self._scratch: list[tuple[np.ndarray, ...]] = []  # of threads that are not painting

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies have scratch of their own."""
        return Painter, (self.kept, self.device)

    def __call__(self, frames: Tensor) -> Tensor:
        """Returns frames, uint8 [..., length], in the form observed, uint8 [..., *shape]; what is no frame is zeros."""
        lead = frames.shape[:-1]
        flat = frames.reshape(-1, self.kept.length)
        if self.device.type == "cpu":
            done = self.compiled(flat)
        elif self.kept.form.name == "one_hot":
            done = self.channels(flat)
        elif self.n_cells <= MOST_CELLS:
            done = self.looked_up(flat)
        else:
            done = self.compiled(flat.cpu()).to(self.device)
        return done.view(*lead, *self.kept.part.shape)

    def compiled(self, frames: Tensor) -> Tensor:
        """Returns frames in the form observed, [n, *shape], by compiled code, shared among threads."""
        form, kernels = self.kept.form, _kernels()
        given = frames.contiguous().numpy()
        made = torch.empty((len(given), *self.kept.part.shape), dtype=torch.uint8)
        into = made.numpy()
        if form.name == "one_hot":
            planes, numbers = into.reshape(*into.shape[:2], -1), (form.layers, form.codes.n_codes)
            in_threads(lambda *span: kernels.channels_of_frames(given, *numbers, planes, *span), len(given), into.size)
            return made
        rows = into.reshape(*into.shape[:2], -1).view(f"u{form.size}")

        def paint(first: int, last: int) -> None:
            try:
                mine = self._scratch.pop()
            except IndexError:
                mine = self._new_scratch()
            kernels.paint_frames(given, form.layers, form.table, *mine, rows, first, last)
            self._scratch.append(mine)

        in_threads(paint, len(given), into.size)
        return made

    def _new_scratch(self) -> tuple[np.ndarray, ...]:
        """Returns what a thread keeps sprites in, as ``paint`` takes it; none is kept yet."""
        size = self.kept.form.size
        pixels = np.zeros((SLOTS, size, size, 3), np.uint8)
        return np.zeros(SLOTS, np.uint64), pixels.reshape(SLOTS, size, -1).view(f"u{size}"), pixels

    # On any device

    def channels(self, frames: Tensor) -> Tensor:
        """Returns frames as channels, [n, channel, row, col], by torch's own means."""
        rows, cols, layers = self.kept.shape
        n_codes = self.kept.form.codes.n_codes
        ids = frames[:, :-1].view(-1, rows, cols, layers).long()
        wide = torch.zeros(len(frames), rows, cols, n_codes, dtype=torch.uint8, device=frames.device)
        wide.scatter_(3, torch.where(ids < n_codes, ids, 0), 1)
        return wide[..., 1:].permute(0, 3, 1, 2).contiguous()

    def looked_up(self, frames: Tensor) -> Tensor:
        """Returns frames as pictures, [n, y, x, 3], of cells that were painted once."""
        (rows, cols, layers), size = self.kept.shape, self.kept.form.size
        place, cells = self._table
        ids = frames[:, :-1].view(-1, rows * cols, layers).long()
        index = place[ids].sum(-1).clamp(max=len(cells) - 2)
        index = torch.where(frames[:, -1:] == 0, len(cells) - 1, index)
        painted = cells[index].view(-1, rows, cols, size, size, 3)
        return painted.transpose(2, 3).reshape(len(frames), rows * size, cols * size, 3)

    @property
    def n_cells(self) -> int:
        """How many different cells there are: one id or none in each layer."""
        return math.prod(int(n) + 1 for n in self._ids_in_layers)

    @functools.cached_property
    def _ids_in_layers(self) -> np.ndarray:
        codes = self.kept.form.codes
        return np.bincount(codes.layer[1:], minlength=len(codes.layers))

    @functools.cached_property
    def _table(self) -> tuple[Tensor, Tensor]:
        """What an id adds to the place of a cell, int64 [256], and all cells painted; the last is no frame's."""
        form, counts = self.kept.form, self._ids_in_layers + 1
        layer, n_cells = form.codes.layer, self.n_cells
        steps = np.append(np.cumprod(counts[::-1])[-2::-1], 1)  # the last layer's id moves by one cell
        place, ids = np.zeros(256, np.int64), np.zeros((n_cells, 1, 1, form.layers), np.uint8)
        for z, (count, step) in enumerate(zip(counts, steps, strict=True)):
            of_layer = np.append(0, np.flatnonzero(layer[1:] == z) + 1)
            place[of_layer[1:]] = np.arange(1, count) * step
            ids[:, 0, 0, z] = of_layer[np.arange(n_cells) // step % count]
        cells = np.concatenate([form.write(ids), np.zeros((1, form.size, form.size, 3), np.uint8)])
        with torch.inference_mode(False):  # it outlives the call, and is looked up in where gradients are worked out
            return torch.from_numpy(place).to(self.device), torch.from_numpy(cells).to(self.device)


@functools.cache
def _kernels() -> Any:
    """Returns the compiled kernels; imported when first needed, since numba takes a while."""
    from sorrelsim.pictures import form_kernels

    return form_kernels
