"""The compiled inner loops that write windows in other forms. ``forms`` prepares and allocates; these only write.

A kernel brings one copy's windows, packed cells with a byte per layer, into the form that agents see. It is called with
the address of the words of an order, the number of a copy and the lane of the calling thread, whose scratch nobody else
uses meanwhile. A step calls it where it has just written the windows; see ``sorrelsim.engine.kernel_text``. At the end
stand those that do the same with frames out of a memory, a byte per layer of a cell; see ``kept``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import carray
from numba.extending import register_jitable

from sorrelsim.authoring.sprites import SIZE
from sorrelsim.machine_code import pointers
from sorrelsim.machine_code.kept import Kernel, kept
from sorrelsim.machine_code.pointers import INTRINSICS, RUN
from sorrelsim.machine_code.undisturbed import undisturbed
from sorrelsim.pictures.orders import (
    AGENTS,
    CELLS,
    CELLS_STRIDE,
    COLS,
    INTO,
    INTO_STRIDE,
    LAYERS,
    N_TABLE,
    ROWS,
    SCRATCH,
    SLOTS,
    TABLE,
    UNCOVERING,
    WORDS,
)  # fmt: skip

copy_byte, equal, pointer = (INTRINSICS[name] for name in ("copy_byte", "equal", "pointer"))
_SPREAD = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: products with it spread ids over their highest bits
_SHIFT = 65 - SLOTS.bit_length()


@register_jitable
def one_hot(cells, size, layer, layers, planes, into):
    """Writes channels: channel k is 1 where id k + 1 lies.

    Args:
        cells: uint32 or uint64 [agents * size], one window after the other.
        size: Cells of a window.
        layer: uint8 [channel], in which layer a channel's id lies.
        layers: Layers of a cell.
        planes: uint8 [layers * size], scratch.
        into: uint8 [agents * channels * size].
    """
    channels = layer.shape[0]
    for i in range(cells.shape[0] // size):
        for z in range(layers):
            if size < RUN:
                for k in range(size):
                    planes[z * size + k] = (cells[i * size + k] >> (8 * z)) & 255
            else:
                for k in range(0, size - RUN, RUN):
                    copy_byte(cells, i * size + k, z, planes, z * size + k)
                copy_byte(cells, i * size + size - RUN, z, planes, z * size + size - RUN)
        for channel in range(channels):
            plane, to = layer[channel] * size, (i * channels + channel) * size
            if size < RUN:
                for k in range(size):
                    into[to + k] = planes[plane + k] == channel + 1
            else:  # the last run overlaps the one before; they say the same
                for k in range(0, size - RUN, RUN):
                    equal(planes, plane + k, channel + 1, into, to + k)
                equal(planes, plane + size - RUN, channel + 1, into, to + size - RUN)


@register_jitable
def text(cells, layers, glyphs, into):
    """Writes text: the glyph of the topmost layer that has one and covers what lies under it.

    Args:
        cells: uint32 or uint64 [agent, cell].
        layers: Layers of a cell.
        glyphs: uint32 [id], code points, and ``UNCOVERING`` more for what covers nothing.
        into: uint32 [agent, cell].
    """
    some = False
    for code in range(glyphs.shape[0]):
        some |= glyphs[code] >= UNCOVERING
    for i in range(cells.shape[0]):
        for k in range(cells.shape[1]):
            cell, top = cells[i, k], 0
            for z in range(layers):
                code = (cell >> (8 * z)) & 255
                top = code if code > 0 else top
            into[i, k] = glyphs[top]
        for k in range(cells.shape[1] if some else 0):  # a pass of its own, since what covers nothing is rare
            if into[i, k] >= UNCOVERING:
                into[i, k] = covering(cells[i, k], layers, glyphs)


@register_jitable
def covering(cell, layers, glyphs):
    """Returns the glyph of the topmost layer of a cell that has one that covers, or of the lowest if none does."""
    top = 0
    for z in range(layers):
        code = (cell >> (8 * z)) & 255
        top = code if code > 0 and (glyphs[code] < UNCOVERING or top == 0) else top
    return glyphs[top] & (UNCOVERING - 1)


@register_jitable
def paint(cells, layers, looks, keys, words, pixels, into):
    """Paints windows with the sprites of cells, each kept from when the same ids lay in a cell before.

    Args:
        cells: uint32 or uint64 [agent, row, col].
        layers: Layers of a cell.
        looks: uint8 [id, SIZE, SIZE, 4]; at 0 is the ground.
        keys: uint64 [slot], scratch: of which ids a sprite is kept, inverted, so that memory of zeros knows none.
        words: [slot, size, 3], the sprites that are kept. A row of ``size`` pixels, a byte for each colour, is as long
            as three whole numbers of ``size`` bytes, of which all this is made.
        pixels: uint8 [slot, size, size, 3], the same memory.
        into: [agent, row * size, col * 3], of such numbers.
    """
    agents, rows, cols = cells.shape
    size = words.shape[1]
    for i in range(agents):
        for row in range(rows):
            for col in range(cols):
                cell = np.uint64(cells[i, row, col])
                slot = (cell * np.uint64(_SPREAD)) >> np.uint64(_SHIFT)
                if keys[slot] != ~cell:
                    blend(cell, layers, looks, pixels[slot])
                    keys[slot] = ~cell
                for y in range(size):
                    for x in range(3):
                        into[i, row * size + y, col * 3 + x] = words[slot, y, x]


@register_jitable
def blend(cell, layers, looks, into):
    """Lays the sprites of a cell over one another, and takes the mean of blocks of pixels where it is to be smaller.

    Args:
        cell: The ids, a byte per layer, bottom first.
        layers: How many there are.
        looks: uint8 [id, SIZE, SIZE, 4]; at 0 is the ground.
        into: uint8 [size, size, 3].
    """
    size = into.shape[0]
    block = SIZE // size
    for row in range(size):
        for col in range(size):
            for colour in range(3):
                total = block * block // 2
                for y in range(row * block, row * block + block):
                    for x in range(col * block, col * block + block):
                        mixed = np.int64(looks[0, y, x, colour])
                        for z in range(layers):
                            code = (cell >> np.uint64(8 * z)) & np.uint64(255)
                            if code > 0:
                                alpha = np.int64(looks[code, y, x, 3])
                                mixed = (mixed * (255 - alpha) + looks[code, y, x, colour] * alpha + 127) // 255
                        total += mixed
                into[row, col, colour] = total // (block * block)


def _one_hot(cell: Any, _: int) -> Callable:
    def one_hot_copy(order, copy, lane):
        w = carray(pointer(order), (WORDS,), np.int64)
        scratch = carray(pointer(w[SCRATCH]), (2,), np.int64)
        size = w[ROWS] * w[COLS]
        one_hot(
            carray(pointer(w[CELLS] + copy * w[CELLS_STRIDE]), (w[AGENTS] * size,), cell),
            size,
            carray(pointer(w[TABLE]), (w[N_TABLE],), np.uint8),
            w[LAYERS],
            carray(pointer(scratch[0] + lane * scratch[1]), (w[LAYERS] * size,), np.uint8),
            carray(pointer(w[INTO] + copy * w[INTO_STRIDE]), (w[AGENTS] * w[N_TABLE] * size,), np.uint8),
        )

    return one_hot_copy


def _ascii(cell: Any, _: int) -> Callable:
    def text_copy(order, copy, lane):
        w = carray(pointer(order), (WORDS,), np.int64)
        size = w[ROWS] * w[COLS]
        text(
            carray(pointer(w[CELLS] + copy * w[CELLS_STRIDE]), (w[AGENTS], size), cell),
            w[LAYERS],
            carray(pointer(w[TABLE]), (w[N_TABLE],), np.uint32),
            carray(pointer(w[INTO] + copy * w[INTO_STRIDE]), (w[AGENTS], size), np.uint32),
        )

    return text_copy


def _rgb(cell: Any, size: int) -> Callable:
    word = np.dtype(f"u{size}").type

    def paint_copy(order, copy, lane):
        w = carray(pointer(order), (WORDS,), np.int64)
        scratch = carray(pointer(w[SCRATCH]), (2,), np.int64)
        mine = scratch[0] + lane * scratch[1]
        paint(
            carray(pointer(w[CELLS] + copy * w[CELLS_STRIDE]), (w[AGENTS], w[ROWS], w[COLS]), cell),
            w[LAYERS],
            carray(pointer(w[TABLE]), (w[N_TABLE], SIZE, SIZE, 4), np.uint8),
            carray(pointer(mine), (SLOTS,), np.uint64),
            carray(pointer(mine + 8 * SLOTS), (SLOTS, size, 3), word),
            carray(pointer(mine + 8 * SLOTS), (SLOTS, size, size, 3), np.uint8),
            carray(pointer(w[INTO] + copy * w[INTO_STRIDE]), (w[AGENTS], w[ROWS] * size, w[COLS] * 3), word),
        )

    return paint_copy


_KERNELS = {"one_hot": _one_hot, "ascii": _ascii, "rgb": _rgb}


@cache
def kernel(form: str, cell: str, size: int) -> Kernel:
    """Returns the machine code that writes a form: kept from before, or compiled and kept.

    Args:
        form: ``one_hot``, ``rgb`` or ``ascii``.
        cell: Type of a packed cell, ``uint32`` or ``uint64``.
        size: Pixels along the side of a cell; used by ``rgb``.
    """
    files = (Path(__file__), Path(__file__).with_name("orders.py"), Path(pointers.__file__))
    source = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:20]
    function = _KERNELS[form](np.dtype(cell).type, size)
    name = f"sorrelsim_form_{form}_{cell}_{size}_{source}"
    return undisturbed(lambda: Kernel(function, "void(int64, int64, int64)", name, nullcontext))


@kept
def channels_of_frames(frames, layers, n_codes, into, first, last):
    """Writes frames ``first`` to ``last - 1`` as channels: channel k is 1 where id k + 1 lies.

    Args:
        frames: uint8 [frame, cell * layer + 1]; the last byte is 0 where there is no frame.
        layers: Layers of a cell.
        n_codes: Ids lie in 0..n_codes-1; one that does not counts as nothing.
        into: uint8 [frame, channel, cell].
    """
    for i in range(first, last):
        into[i] = 0
        if frames[i, -1] == 0:
            continue
        for k in range(into.shape[2]):
            for z in range(layers):
                code = frames[i, k * layers + z]
                if 0 < code < n_codes:
                    into[i, code - 1, k] = 1


@kept
def paint_frames(frames, layers, looks, keys, words, pixels, into, first, last):
    """Paints frames ``first`` to ``last - 1``; what is not described here is as of ``paint``.

    Args:
        frames: uint8 [frame, row * col * layer + 1]; the last byte is 0 where there is no frame, which is black.
        layers: Layers of a cell.
        looks: Of ids that it has no sprite for, nothing is painted.
        into: [frame, row * size, col * 3], of whole numbers of ``size`` bytes.
    """
    size = words.shape[1]
    rows, cols = into.shape[1] // size, into.shape[2] // 3
    for i in range(first, last):
        if frames[i, -1] == 0:
            into[i] = 0
            continue
        at = 0
        for row in range(rows):
            for col in range(cols):
                cell = np.uint64(0)
                for z in range(layers):
                    code = frames[i, at]
                    at += 1
                    if code < looks.shape[0]:
                        cell |= np.uint64(code) << np.uint64(8 * z)
                slot = (cell * np.uint64(_SPREAD)) >> np.uint64(_SHIFT)
                if keys[slot] != ~cell:
                    blend(cell, layers, looks, pixels[slot])
                    keys[slot] = ~cell
                for y in range(size):
                    for x in range(3):
                        into[i, row * size + y, col * 3 + x] = words[slot, y, x]


@kept
def draw_bodies(cells, agent_layer, looks, bodies, pos, facing, out, into):
    """Paints the cells anew on which agents stand, with each agent's own look in place of the id in its layer.

    Args:
        cells: uint8 [copy, row, col, layer].
        agent_layer: Index of the layer in which agents lie.
        looks: uint8 [id, SIZE, SIZE, 4]; at 0 is the ground.
        bodies: uint8 [agent, facing, SIZE, SIZE, 4].
        pos: int64 [copy, agent, 2], row and column.
        facing: int64 [copy, agent].
        out: int64 [copy, agent], 0 on the grid.
        into: uint8 [copy, row * SIZE, col * SIZE, 3].
    """
    for b in range(cells.shape[0]):
        for i in range(pos.shape[1]):
            if out[b, i] != 0:
                continue
            row, col, body = pos[b, i, 0], pos[b, i, 1], bodies[i, facing[b, i]]
            for y in range(SIZE):
                for x in range(SIZE):
                    for colour in range(3):
                        mixed = np.int64(looks[0, y, x, colour])
                        for z in range(cells.shape[3]):
                            code = cells[b, row, col, z]
                            if z == agent_layer:
                                alpha, over = np.int64(body[y, x, 3]), body[y, x, colour]
                            elif code > 0:
                                alpha, over = np.int64(looks[code, y, x, 3]), looks[code, y, x, colour]
                            else:
                                continue
                            mixed = (mixed * (255 - alpha) + over * alpha + 127) // 255
                        into[b, row * SIZE + y, col * SIZE + x, colour] = mixed
