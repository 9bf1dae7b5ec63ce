"""Compiled first layers on kind ids, for the CPU: sums of weight rows, their gradient, and one-hot channels.

An id that is out of range counts as nothing, so that no memory outside the arrays is touched. Each kernel works on
a range and releases the interpreter lock, so that the caller can share it among threads. Numba's own parallel loops
are not used: they share a pool with torch and leave it set to their number of threads, whatever torch was told,
and that makes every small operation of torch many times slower on a busy machine.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from sorrelsim.machine_code.kept import kept


@njit(fastmath=True, nogil=True)
def _sum_sample(ids, weight, n_codes, o):
    """Sums one sample: ids [cell, layer], o [n_out], written."""
    n_cells, n_layers = ids.shape
    n_out = weight.shape[1]
    rows = np.empty(n_cells * n_layers, np.uintp)
    n = 0
    for cell in range(n_cells):
        for layer in range(n_layers):
            code = ids[cell, layer]
            if code != 0 and code < n_codes:
                rows[n] = np.uintp(cell * n_codes) + np.uintp(code)
                n += 1
    for h in range(n_out):
        o[h] = 0.0
    k = 0
    while k + 4 <= n:  # four rows at a time: a quarter of the loads and stores of the sum
        w0, w1, w2, w3 = weight[rows[k]], weight[rows[k + 1]], weight[rows[k + 2]], weight[rows[k + 3]]
        for h in range(n_out):
            o[h] += w0[h] + w1[h] + w2[h] + w3[h]
        k += 4
    while k < n:
        w0 = weight[rows[k]]
        for h in range(n_out):
            o[h] += w0[h]
        k += 1


@kept
def sum_rows(ids, weight, n_codes, into, start, stop):
    """Writes into[b], the sum of weight[cell * n_codes + id] over the ids of sample b that are not 0.

    b goes from start to stop; ids is uint8 [batch, cell, layer], weight float32 [cell * n_codes, n_out], into float32
    [batch, n_out].
    """
    for b in range(start, stop):
        _sum_sample(ids[b], weight, n_codes, into[b])


@njit(fastmath=True, nogil=True)
def _gradient_cell(ids, gradient, cell, n_codes, into):
    """Writes the rows of one cell; a counting sort brings each row's samples together."""
    n_batch, _, n_layers = ids.shape
    n_out = gradient.shape[1]
    start = np.zeros(n_codes + 1, np.int64)
    for b in range(n_batch):
        for layer in range(n_layers):
            code = ids[b, cell, layer]
            if code != 0 and code < n_codes:
                start[code + 1] += 1
    for code in range(n_codes):
        start[code + 1] += start[code]
    samples = np.empty(n_batch * n_layers, np.uintp)
    place = start.copy()
    for b in range(n_batch):
        for layer in range(n_layers):
            code = ids[b, cell, layer]
            if code != 0 and code < n_codes:
                samples[place[code]] = np.uintp(b)
                place[code] += 1
    for code in range(n_codes):
        o = into[np.uintp(cell * n_codes + code)]
        for h in range(n_out):
            o[h] = 0.0
        k, stop = start[code], start[code + 1]
        while k + 4 <= stop:
            g0, g1 = gradient[samples[k]], gradient[samples[k + 1]]
            g2, g3 = gradient[samples[k + 2]], gradient[samples[k + 3]]
            for h in range(n_out):
                o[h] += g0[h] + g1[h] + g2[h] + g3[h]
            k += 4
        while k < stop:
            g0 = gradient[samples[k]]
            for h in range(n_out):
                o[h] += g0[h]
            k += 1


@kept
def gradient_rows(ids, gradient, n_codes, into, start, stop):
    """Writes into[cell * n_codes + id], the sum of gradient[b] over the samples with that id in that cell.

    Cells go from start to stop, so that no two threads write to one row; into is as weight.
    """
    for cell in range(start, stop):
        _gradient_cell(ids, gradient, cell, n_codes, into)


@kept
def expand(ids, into, start, stop):
    """Writes into[b, cell, id - 1] = 1 for every id that is there, all else 0; b from start to stop.

    ids as above, into float32 [batch, cell, n_codes - 1].
    """
    _, n_cells, n_layers = ids.shape
    n_channels = into.shape[2]
    for b in range(start, stop):
        for cell in range(n_cells):
            for channel in range(n_channels):
                into[b, cell, channel] = 0.0
            for layer in range(n_layers):
                code = ids[b, cell, layer]
                if code != 0 and code <= n_channels:
                    into[b, cell, code - 1] = 1.0
