"""What the engine itself does to one copy in a step: clear beams, close the episode, start the next, write views.

These are rules like those of a world file, and run interpreted and compiled like them. ``w`` is the copy that rules
see; ``e`` holds what only the engine touches: the map template, the geometry of the view, the output arrays.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from sorrelsim.rules.rule import rule


@rule
def begin(w, e):
    """Open a step: last step's beams vanish, rewards go to zero."""
    if e.beam_mask != e.full_mask:
        mask_cells(e.padded, e.pad, w.height, w.width, e.beam_mask)
    for i in range(w.n_agents):
        w.reward[i] = 0.0
        e.was_out[i] = w.out[i] != 0


def mask_cells(padded, pad, height, width, mask):
    """AND every packed cell of the map with a mask. Compiled code uses a loop for the width of a cell."""
    padded[pad : pad + height, pad : pad + width] &= padded.dtype.type(mask & 0xFFFFFFFFFFFFFFFF)


def mask_cells_32(padded, pad, height, width, mask):
    """What :func:`mask_cells` becomes for cells of up to four layers."""
    keep = np.uint32(mask)
    for row in range(pad, pad + height):
        for col in range(pad, pad + width):
            padded[row, col] &= keep


def mask_cells_64(padded, pad, height, width, mask):
    """What :func:`mask_cells` becomes for cells of five to eight layers."""
    keep = np.uint64(mask)
    for row in range(pad, pad + height):
        for col in range(pad, pad + width):
            padded[row, col] &= keep


@rule
def finish(w, e):
    """Close a step: drop rewards of agents that are out, add up the episode, report how it ended.

    An agent that left the grid in this very step keeps what the step brought it: it ate before the beam took it away.
    """
    ended = w.ended[0]
    for i in range(w.n_agents):
        if e.drop_rewards_while_out and e.was_out[i] and w.out[i] != 0:
            w.reward[i] = 0.0
        w.episode_return[i] += w.reward[i]
        if w.out[i] != 0:
            e.tallies[i, 0] += 1.0
        if w.reward[i] > 0.0:
            e.tallies[i, 1] += 1.0
            e.tallies[i, 2] += e.turn[0]
        e.reward[i] = w.reward[i]
        e.terminated[i] = ended == 1
        e.truncated[i] = ended == 2
    if ended:
        e.last_length[0] = e.turn[0]
        for i in range(w.n_agents):
            e.last_return[i] = w.episode_return[i]
            for k in range(3):
                e.last_tallies[i, k] = e.tallies[i, k]
            for k in range(w.events.shape[1]):
                e.last_events[i, k] = w.events[i, k]


@rule
def restore(w, e):
    """Bring a copy back to the bare map: no agents, no timers, turn 0."""
    copy_cells(e.padded, e.template)
    e.turn[0] = 0
    w.ended[0] = 0
    fill(w.occupant, -1)
    for i in range(w.n_agents):
        w.pos[i, 0] = 0
        w.pos[i, 1] = 0
        w.facing[i] = 0
        w.out[i] = -1
        w.frozen[i] = 0
        w.reward[i] = 0.0
        w.episode_return[i] = 0.0
        for k in range(3):
            e.tallies[i, k] = 0.0
        for k in range(w.events.shape[1]):
            w.events[i, k] = 0.0


def copy_cells(target, source):
    """Copy packed cells. Compiled code uses :func:`copy_cells_compiled`."""
    target[...] = source


def copy_cells_compiled(target, source):
    """What :func:`copy_cells` becomes in compiled code."""
    for row in range(source.shape[0]):
        for col in range(source.shape[1]):
            target[row, col] = source[row, col]


def fill(array, value):
    """Fill an array that is contiguous within a copy. Compiled code uses an intrinsic, one loop for any dimensions."""
    array[...] = value


@rule
def wrap_border(w, e):
    """On a torus: copy the far edges into the padding, so that a view needs no wrapping of its own.

    Cells are copied outwards one by one, so a padding wider than the map comes out periodic too.
    """
    pad, height, width = e.pad, w.height, w.width
    padded = e.padded
    for row in range(pad, pad + height):
        for k in range(pad):
            padded[row, pad + width + k] = padded[row, pad + k]
            padded[row, pad - 1 - k] = padded[row, pad - 1 - k + width]
    for k in range(pad):
        for col in range(padded.shape[1]):
            padded[pad + height + k, col] = padded[pad + k, col]
            padded[pad - 1 - k, col] = padded[pad - 1 - k + height, col]


@rule
def view(w, e, cells_out, bytes_out):
    """Write what every agent sees: its window of packed cells, itself marked as self; all zeros when it is out.

    Args:
        w: The copy.
        e: The engine's own part of it.
        cells_out: ``uint32 or uint64[n_agents, rows * cols]``, the windows as packed cells.
        bytes_out: The same memory as ``uint8[n_agents, rows * cols, bytes a cell]``.
    """
    if w.wrap:
        wrap_border(w, e)
    rows, cols = e.view_rows, e.view_cols
    for i in range(w.n_agents):
        if w.out[i] != 0:
            fill_row(cells_out, i)
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
        copy_window(e.flat, cells_out, i, start, row_stride, col_stride, rows, cols)
        own = row * cols + col if e.whole_map else e.forward * cols + e.left
        if w.show_facing and e.rotate and facing != 0:
            for cell in range(rows * cols):
                code = bytes_out[i, cell, w.agent_layer]
                if code >= w.agent_code:
                    seen = (code - w.agent_code) & 3
                    bytes_out[i, cell, w.agent_layer] = code - seen + ((seen - facing) & 3)
        self_code = e.self_code
        if w.show_facing and not e.rotate:
            self_code += facing
        bytes_out[i, own, w.agent_layer] = self_code


@rule
def corner(e, row, col):
    """Index of a cell in the flat padded map."""
    return (row + e.pad) * e.stride + col + e.pad


def fill_row(cells_out, i):
    """Blank one agent's window. Compiled code uses :func:`fill_row_compiled`."""
    cells_out[i] = 0


def fill_row_compiled(cells_out, i):
    """What :func:`fill_row` becomes in compiled code."""
    for cell in range(cells_out.shape[1]):
        cells_out[i, cell] = 0


def copy_window(flat, cells_out, i, start, row_stride, col_stride, rows, cols):
    """Copy a strided window of a flat padded map into row ``i`` of ``cells_out``; strides turn it to a facing."""
    row, col = _indices(rows, cols)
    cells_out[i] = flat[start + row * row_stride + col * col_stride]


def copy_window_compiled(flat, cells_out, i, start, row_stride, col_stride, rows, cols):
    """What :func:`copy_window` becomes in compiled code: by whole rows, or by four cells or four by four.

    Where the size is no multiple of four, the last four overlap those before; they say the same.
    """
    if col_stride == 1:
        for row in range(rows):
            copy_run(cells_out, i, row * cols, flat, start + row * row_stride, cols)
    elif rows < 4 or cols < 4:
        for row in range(rows):
            for col in range(cols):
                cells_out[i, row * cols + col] = flat[start + row * row_stride + col * col_stride]
    elif col_stride == -1:
        for row in range(rows):
            for quarter in range(0, cols, 4):
                col = min(quarter, cols - 4)
                copy_reversed(cells_out, i, row * cols + col, flat, start + row * row_stride - col - 3)
    else:
        for quarter in range(0, rows, 4):
            row = min(quarter, rows - 4)
            for eighth in range(0, cols, 4):
                col = min(eighth, cols - 4)
                source = start + row * row_stride + col * col_stride
                if row_stride == 1:
                    copy_turned(cells_out, i, row * cols + col, cols, flat, source, col_stride)
                else:
                    copy_turned(cells_out, i, (row + 3) * cols + col, -cols, flat, source - 3, col_stride)


def copy_run(cells_out, i, k, flat, start, n):
    """Copy ``n`` neighbouring cells. Compiled code uses an intrinsic that says that the two do not overlap."""
    cells_out[i, k : k + n] = flat[start : start + n]


def copy_reversed(cells_out, i, k, flat, start):
    """Copy four neighbouring cells in reverse order. Compiled code uses an intrinsic."""
    cells_out[i, k : k + 4] = flat[start : start + 4][::-1]


def copy_turned(cells_out, i, k, k_stride, flat, start, stride):
    """Transpose four runs of four cells, ``stride`` apart, into runs ``k_stride`` apart. Compiled: an intrinsic."""
    for m in range(4):
        for n in range(4):
            cells_out[i, k + m * k_stride + n] = flat[start + n * stride + m]


@cache
def _indices(rows, cols):
    return np.divmod(np.arange(rows * cols), cols)
