"""The last thing that a step does to a copy: writes what every agent sees, its window of the map turned to its facing.

Plain functions that run interpreted and compiled; ``w`` and ``e`` as in :mod:`sorrelsim.engine.step`. What they write
lies in an :class:`~sorrelsim.engine.answers.Answer`.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from sorrelsim.rules.rule import rule


@rule
def wrap_border(w, e):
    """On a torus: copies the far edges into the padding, so that a view needs no wrapping of its own.

    Cells are copied outwards one by one, so a padding wider than the map comes out periodic too.
    """
    pad, height, width = e.pad, w.height, w.width
    cells = e.cells
    for row in range(pad, pad + height):
        for k in range(pad):
            cells[row, pad + width + k] = cells[row, pad + k]
            cells[row, pad - 1 - k] = cells[row, pad - 1 - k + width]
    for k in range(pad):
        for col in range(cells.shape[1]):
            cells[pad + height + k, col] = cells[pad + k, col]
            cells[pad - 1 - k, col] = cells[pad - 1 - k + height, col]


# How a window turns. The map lies flat in memory, ``stride`` cells from row to row, so a window turned to a facing is
# the same copying loop with another first cell and other distances. For an agent A that sees 2 forward, 1 back, 1 left
# and 2 right, the map's cells are numbered as the observation, whose row 0 is the farthest ahead, shows them:
#
#       observation       facing 0, north    facing 1, east    facing 2, south    facing 3, west
#
#        0  1  2  3          0  1  2  3        12  8  4  0        15 14 13 12        3  7 11 15
#        4  5  6  7          4  5  6  7        13  A  5  1        11 10  A  8        2  6 10 14
#        8  A 10 11          8  A 10 11        14 10  6  2         7  6  5  4        1  5  A 13
#       12 13 14 15         12 13 14 15        15 11  7  3         3  2  1  0        0  4  8 12
#
#       first cell at       top left           top right         bottom right       bottom left
#       next row at         + stride           - 1               - stride           + 1
#       next column at      + 1                + stride          - 1                - stride
@rule
def view(w, e, cells_into, bytes_into):
    """Writes what every agent sees: its window of packed cells, itself marked as self; all zeros when it is out.

    Args:
        w: The copy.
        e: The engine's own part of it.
        cells_into: ``uint32 or uint64[n_agents, rows * cols]``, the windows as packed cells.
        bytes_into: The same memory as ``uint8[n_agents, rows * cols, bytes a cell]``.
    """
    if w.wrap:
        wrap_border(w, e)
    rows, cols = e.view_rows, e.view_cols
    for i in range(w.n_agents):
        if w.out[i] != 0:
            fill_row(cells_into, i)
            continue
        row, col, facing = w.pos[i, 0], w.pos[i, 1], w.facing[i]
        # The window's first cell in the padded map, and how far apart its rows and columns lie there.
        if e.whole_map:
            start, row_stride, col_stride = e.pad * e.stride + e.pad, e.stride, 1
        elif not e.rotate or facing == 0:
            start, row_stride, col_stride = corner(e, row - e.forward, col - e.left), e.stride, 1
        elif facing == 1:
            start, row_stride, col_stride = corner(e, row - e.left, col + e.forward), -1, e.stride
        elif facing == 2:
            start, row_stride, col_stride = corner(e, row + e.forward, col + e.left), -e.stride, -1
        else:
            start, row_stride, col_stride = corner(e, row + e.left, col - e.forward), 1, -e.stride
        copy_window(e.flat, cells_into, i, start, row_stride, col_stride, rows, cols)
        own = row * cols + col if e.whole_map else e.forward * cols + e.left
        if w.show_facing and e.rotate and facing != 0:
            for cell in range(rows * cols):
                code = bytes_into[i, cell, w.agent_layer]
                if code >= w.agent_code:
                    seen = (code - w.agent_code) & 3
                    bytes_into[i, cell, w.agent_layer] = code - seen + ((seen - facing) & 3)
        self_code = e.self_code
        if w.show_facing and not e.rotate:
            self_code += facing
        bytes_into[i, own, w.agent_layer] = self_code


@rule
def corner(e, row, col):
    """Index of a cell in the flat padded map."""
    return (row + e.pad) * e.stride + col + e.pad


@rule
def trim(w, e, cells_into):
    """Blanks what lies in the window but beyond a slot's own reach, where slots see differently far."""
    rows, cols = e.view_rows, e.view_cols
    for i in range(w.n_agents):
        top, bottom = e.less[i, 0], rows - e.less[i, 1]
        left, right = e.less[i, 2], cols - e.less[i, 3]
        for row in range(rows):
            for col in range(cols):
                if row < top or row >= bottom or col < left or col >= right:
                    cells_into[i, row * cols + col] = 0


@rule
def deceive(w, e, bytes_into):
    """Shows slots what they take things for, where a world says that they do not see what is there."""
    for i in range(w.n_agents):
        for layer in range(w.n_layers):
            if w.out[i] == 0 and e.mistakes[i, layer]:
                mistake(bytes_into, i, layer, e.taken_for)


def mistake(bytes_into, i, layer, taken_for):
    """Replaces every id in a layer of one agent's window. Compiled code uses :func:`mistake_compiled`."""
    bytes_into[i, :, layer] = np.asarray(taken_for)[i][np.asarray(bytes_into)[i, :, layer]]


def mistake_compiled(bytes_into, i, layer, taken_for):
    """What :func:`mistake` becomes in compiled code."""
    for cell in range(bytes_into.shape[1]):
        bytes_into[i, cell, layer] = taken_for[i, bytes_into[i, cell, layer]]


def fill_row(cells_into, i):
    """Blanks one agent's window. Compiled code uses :func:`fill_row_compiled`."""
    cells_into[i] = 0


def fill_row_compiled(cells_into, i):
    """What :func:`fill_row` becomes in compiled code."""
    for cell in range(cells_into.shape[1]):
        cells_into[i, cell] = 0


def copy_window(flat, cells_into, i, start, row_stride, col_stride, rows, cols):
    """Copies a strided window of a flat padded map into row ``i`` of ``cells_into``; strides turn it to a facing."""
    away = _away(rows, cols, row_stride, col_stride)
    if start + away[1] < 0:
        raise IndexError(f"index {start + away[1]} is negative: an agent stands far outside the map")
    cells_into[i] = flat[start + away[0]]


def copy_window_compiled(flat, cells_into, i, start, row_stride, col_stride, rows, cols):
    """What :func:`copy_window` becomes in compiled code: by whole rows, or by four cells or four by four.

    Where the size is no multiple of four, the last four overlap those before; they say the same.
    """
    if col_stride == 1:
        for row in range(rows):
            copy_run(cells_into, i, row * cols, flat, start + row * row_stride, cols)
    elif rows < 4 or cols < 4:
        for row in range(rows):
            for col in range(cols):
                cells_into[i, row * cols + col] = flat[start + row * row_stride + col * col_stride]
    elif col_stride == -1:
        for row in range(rows):
            for quarter in range(0, cols, 4):
                col = min(quarter, cols - 4)
                copy_reversed(cells_into, i, row * cols + col, flat, start + row * row_stride - col - 3)
    else:
        for quarter in range(0, rows, 4):
            row = min(quarter, rows - 4)
            for eighth in range(0, cols, 4):
                col = min(eighth, cols - 4)
                source = start + row * row_stride + col * col_stride
                if row_stride == 1:
                    copy_turned(cells_into, i, row * cols + col, cols, flat, source, col_stride)
                else:
                    copy_turned(cells_into, i, (row + 3) * cols + col, -cols, flat, source - 3, col_stride)


def copy_run(cells_into, i, k, flat, start, n):
    """Copies ``n`` neighbouring cells. Compiled code uses an intrinsic that says that the two do not overlap."""
    cells_into[i, k : k + n] = flat[start : start + n]


def copy_reversed(cells_into, i, k, flat, start):
    """Copies four neighbouring cells in reverse order. Compiled code uses an intrinsic."""
    cells_into[i, k : k + 4] = flat[start : start + 4][::-1]


def copy_turned(cells_into, i, k, k_stride, flat, start, stride):
    """Transposes four runs of four cells, ``stride`` apart, into runs ``k_stride`` apart. Compiled: an intrinsic."""
    for m in range(4):
        for n in range(4):
            cells_into[i, k + m * k_stride + n] = flat[start + n * stride + m]


@cache
def _away(rows, cols, row_stride, col_stride):
    """How far the cells of a window lie from its first one in a flat map, and the least of these distances."""
    row, col = np.divmod(np.arange(rows * cols), cols)
    away = row * row_stride + col * col_stride
    return away, int(away.min())
