"""Columns of rows as chunks of Parquet: values that repeat, or small indices of a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sorrelsim.tables import chunk_kernels
from sorrelsim.tables.parquet import Chunk, bit_run, levels, plain


class Chunks:
    """Writes columns of at most so many rows.

    Args:
        rows: The most rows.
    """

    def __init__(self, rows: int) -> None:
        self._into = np.empty(9 * rows + 64, np.uint8)
        self._padded = np.empty(whole(rows), np.uint8)

    def repeated(self, values: np.ndarray, each: int) -> Chunk:
        """A column of type int32 in which every value stands for ``each`` rows: int32 [n]."""
        low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        if high - low <= len(values):
            words, of = np.arange(low, high + 1), values
        else:
            words, of = np.unique(values, return_inverse=True)
            of, low = of.astype(np.int32), 0
        self._into[0] = bits = _bits(len(words))
        size = chunk_kernels.runs(of, low, each, -(-bits // 8), self._into[1:])
        return Chunk(levels(len(values) * each), self._into[: 1 + size].tobytes(), plain(words, "int32"), len(words))

    def indices(self, codes: np.ndarray, levels: bytes, words: Sequence[Any] | np.ndarray, type: str) -> Chunk:
        """A column whose values are given as indices of words.

        Args:
            codes: uint8 or uint16 [n], those of rows that have a value.
            levels: Which do; see :func:`~sorrelsim.tables.parquet.levels`.
            words: What indices stand for.
            type: The column's, a key of :data:`~sorrelsim.tables.parquet.TYPES`.
        """
        if codes.dtype != np.uint8:
            runs = bytes([16]) + bit_run(np.resize(codes, whole(len(codes))).astype("<u2").tobytes(), len(codes))
            return Chunk(levels, runs, plain(words, type), len(words))
        groups = self._padded[: whole(len(codes))]
        groups[: len(codes)], groups[len(codes) :] = codes, 0
        self._into[0] = bits = _bits(len(words))
        size = chunk_kernels.packed(groups.view(np.uint64), len(codes), bits, self._into[1:])
        return Chunk(levels, self._into[: 1 + size].tobytes(), plain(words, type), len(words))


def _bits(n: int) -> int:
    """Bits of an index of so many words; no reader knows one of no bits."""
    return max(1, (n - 1).bit_length())


def whole(n: int) -> int:
    """So many, made up to groups of eight."""
    return -(-n // 8) * 8
