"""The compiled inner loops that write indices of a column as Parquet has them: in runs of equal ones, or bit by bit.

Callers check and allocate; these read, and write where they are told.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from sorrelsim.machine_code.kept import kept

_ONES, _BYTE = np.uint64(0x0101010101010101), np.uint64(0xFF)
_HALVES = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0x00000000FFFFFFFF)


@kept
def runs(values, low, each, width, into):
    """Writes indices that are repeated, as runs of equal ones.

    Args:
        values: int32 [n], at least ``low``, which is index 0.
        low: The least.
        each: How often each is repeated.
        width: Bytes of an index.
        into: uint8, written.

    Returns:
        Bytes written.
    """
    at = i = 0
    while i < values.shape[0]:
        begun = i
        while i < values.shape[0] and values[i] == values[begun]:
            i += 1
        at = _varint((i - begun) * each << 1, into, at)
        for k in range(width):
            into[at + k] = values[begun] - low >> 8 * k & 0xFF
        at += width
    return at


@kept
def packed(groups, n, width, into):
    """Writes indices of at most a byte: runs of equal ones as such, and all others bit by bit.

    Args:
        groups: uint64 [ceil(n / 8)], eight indices in each, a byte each.
        n: How many indices there are.
        width: Bits of an index, 1 to 8.
        into: uint8, written, with eight bytes to spare.

    Returns:
        Bytes written.
    """
    at = i = begun = 0
    full = n // 8
    while i < full:
        group = groups[i]
        if i + 2 < full and groups[i + 1] == group and groups[i + 2] == group == (group & _BYTE) * _ONES:
            same = i
            while i < full and groups[i] == group:
                i += 1
            at = _bits(groups, begun, same, width, into, at)
            at = _varint((i - same) << 4, into, at)
            into[at] = group & _BYTE
            at += 1
            begun = i
        else:
            i += 1
    return _bits(groups, begun, groups.shape[0], width, into, at)


@register_jitable
def _bits(groups, start, stop, width, into, at):
    """Writes a run of groups, each index in ``width`` bits; returns the place behind it."""
    if start == stop:
        return at
    pairs, fours, eight = np.uint64(8 - width), np.uint64(16 - 2 * width), np.uint64(32 - 4 * width)
    place = np.uint64(_varint((stop - start) << 1 | 1, into, at))  # unsigned: nobody asks whether it is negative
    for k in range(start, stop):
        x = groups[k]  # neighbours close ranks: bytes in pairs, pairs in fours, fours in eight
        x = (x & _HALVES[0]) | (x & ~_HALVES[0]) >> pairs
        x = (x & _HALVES[1]) | (x & ~_HALVES[1]) >> fours
        x = (x & _HALVES[2]) | (x & ~_HALVES[2]) >> eight
        for j in range(8):
            into[place + np.uint64(j)] = x >> np.uint64(8 * j) & _BYTE
        place += np.uint64(width)
    return np.int64(place)


@register_jitable
def _varint(number, into, at):
    """Writes a number in groups of seven bits, the least first; returns the place behind it."""
    while number > 127:
        into[at] = number & 127 | 128
        number >>= 7
        at += 1
    into[at] = number
    return at + 1
