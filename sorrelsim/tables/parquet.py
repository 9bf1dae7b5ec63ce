"""Parquet files of columns that are encoded already, for tables that grow too fast for a writer of anything.

pyarrow's takes three to ten nanoseconds for a value, however little there is to say of it. Here columns come as
:mod:`sorrelsim.tables.chunks` made them, and what is left to write is where they are. The format is Apache Parquet's
(https://parquet.apache.org/docs/file-format, its metadata in Thrift's compact protocol), of which this is what every
reader knows: flat columns that may have nulls, one page each in a row group, plain or with a dictionary, without
compression or statistics.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

import numpy as np

MAGIC = b"PAR1"
PLAIN, RLE, DICTIONARY = 0, 3, 8
"""Encodings: of pages of values, of what is null, of indices into a page of words."""
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_OPTIONAL = 1
TYPES: dict[str, tuple[int, int | None, str]] = {
    "bool": (0, None, "?"),
    "int16": (1, 16, "<i4"),
    "int32": (1, 17, "<i4"),
    "float64": (5, None, "<f8"),
    "text": (6, 0, ""),
}
"""Types of columns: the number of the physical type, that of what it stands for, and its values in NumPy."""


class Chunk(NamedTuple):
    """A column of a row group.

    Attributes:
        levels: Which rows have a value; see :func:`levels`.
        values: The values, or with words, indices of them: the width in bits, then runs.
        words: What indices stand for, as plain values; None where values are written themselves.
        n_words: How many.
    """

    levels: bytes
    values: bytes
    words: bytes | None = None
    n_words: int = 0


class RowGroup(NamedTuple):
    """Rows that are written together.

    Attributes:
        num_rows: How many.
        types: Types of the columns by name, keys of :data:`TYPES`.
        chunks: The columns, in that order.
    """

    num_rows: int
    types: Mapping[str, str]
    chunks: tuple[Chunk, ...]

    def table(self) -> Any:
        """Returns it as a ``pyarrow.Table``."""
        import pyarrow.parquet

        with io.BytesIO() as file:
            with ParquetFile(file, self.types) as written:
                written.write_table(self)
            return pyarrow.parquet.read_table(pyarrow.BufferReader(file.getvalue()))


class ParquetFile:
    """A Parquet file that grows by row groups; it can be read once it is closed.

    Args:
        file: Where to write.
        types: Types of the columns by name.
    """

    def __init__(self, file: BinaryIO, types: Mapping[str, str]) -> None:
        self.types = types
        self._file = file
        self._at = 0
        self._rows = 0
        self._groups: list[_Thrift] = []
        self._put(MAGIC)

    def _put(self, *pieces: bytes) -> int:
        """Writes; returns how many bytes."""
        size = sum(map(len, pieces))
        self._file.writelines(pieces)
        self._at += size
        return size

    def write_table(self, group: RowGroup) -> None:
        """Writes a row group."""
        if not group.num_rows:
            return
        columns, begun = [], self._at
        for (name, type), chunk in zip(self.types.items(), group.chunks, strict=True):
            columns.append(self._chunk(name, TYPES[type][0], chunk, group.num_rows))
        sizes = {2: _long(self._at - begun), 3: _long(group.num_rows)}
        self._groups.append(_struct({1: _list(columns)} | sizes))
        self._rows += group.num_rows

    def _chunk(self, name: str, physical: int, chunk: Chunk, rows: int) -> _Thrift:
        """Writes the pages of a column; returns the ``ColumnChunk`` that says where they are."""
        begun, places, encoding = self._at, {}, PLAIN
        if chunk.words is not None:
            places, encoding = {11: _long(begun)}, DICTIONARY
            said = {7: _struct({1: _int(chunk.n_words), 2: _int(PLAIN)})}
            self._put(_page(_DICTIONARY_PAGE, len(chunk.words), said), chunk.words)
        said = {5: _struct({1: _int(rows), 2: _int(encoding), 3: _int(RLE), 4: _int(RLE)})}
        size = len(chunk.levels) + len(chunk.values)
        places[9] = _long(self._at)
        self._put(_page(_DATA_PAGE, size, said), chunk.levels, chunk.values)
        size = self._at - begun
        metadata = {
            1: _int(physical), 2: _list(map(_int, {PLAIN, RLE, encoding})), 3: _list([_text(name)]), 4: _int(0),
            5: _long(rows), 6: _long(size), 7: _long(size), **places,
        }  # fmt: skip
        return _struct({2: _long(begun), 3: _struct(metadata)})

    def close(self) -> None:
        """Writes what says where everything is."""
        schema = [_struct({4: _text("schema"), 5: _int(len(self.types))})]
        for name, type in self.types.items():
            physical, meaning, _ = TYPES[type]
            meant = {} if meaning is None else {6: _int(meaning)}
            schema.append(_struct({1: _int(physical), 3: _int(_OPTIONAL), 4: _text(name)} | meant))
        footer = _struct(
            {1: _int(2), 2: _list(schema), 3: _long(self._rows), 4: _list(self._groups), 6: _text("sorrelsim")}
        )
        self._put(footer.data, len(footer.data).to_bytes(4, "little"), MAGIC)

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def plain(values: Any, type: str) -> bytes:
    """Values as they lie in a page.

    Args:
        values: Numbers, or texts.
        type: Their type, a key of :data:`TYPES`.
    """
    if type == "text":
        texts = [text.encode() for text in values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    if type == "bool":
        return np.packbits(values, bitorder="little").tobytes()
    return np.asarray(values).astype(TYPES[type][2], copy=False).tobytes()


def levels(rows: int, there: np.ndarray | None = None) -> bytes:
    """Which of so many rows have a value: all, or where ``there`` (bool) says so."""
    if there is None or there.all():
        runs = varint(rows << 1) + b"\1"
    else:
        runs = bit_run(np.packbits(there, bitorder="little").tobytes(), rows)
    return len(runs).to_bytes(4, "little") + runs


def bit_run(bits: bytes, n: int) -> bytes:
    """A run of ``n`` values that are packed bit by bit, the last eight of them padded."""
    return varint(-(-n // 8) << 1 | 1) + bits


def varint(number: int) -> bytes:
    """A number of at least 0 in groups of seven bits, the least first; all but the last have the eighth bit."""
    if number < 128:
        return bytes((number,))
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


# --------------------------------------------------------------------- Thrift's compact protocol, as far as used


class _Thrift(NamedTuple):
    """A value: the number of its type in a field or list, and its bytes."""

    type: int
    data: bytes


@lru_cache(256)
def _int(number: int) -> _Thrift:
    return _Thrift(5, varint(number << 1))  # zigzag, of a number that is not negative


def _long(number: int) -> _Thrift:
    return _Thrift(6, varint(number << 1))


@lru_cache(256)
def _text(text: str) -> _Thrift:
    return _Thrift(8, varint(len(text.encode())) + text.encode())


def _list(values: Iterable[_Thrift]) -> _Thrift:
    found = list(values)
    type = found[0].type if found else 12
    head = bytes([len(found) << 4 | type]) if len(found) < 15 else bytes([0xF0 | type]) + varint(len(found))
    return _Thrift(9, head + b"".join(value.data for value in found))


def _struct(fields: Mapping[int, _Thrift]) -> _Thrift:
    pieces, last = [], 0
    for number, value in sorted(fields.items()):
        pieces += [bytes([(number - last) << 4 | value.type]), value.data]
        last = number
    return _Thrift(12, b"".join(pieces) + b"\0")


def _page(type: int, size: int, said: Mapping[int, _Thrift]) -> bytes:
    """A ``PageHeader``; ``said`` is what it says of that type of page."""
    return _struct({1: _int(type), 2: _int(size), 3: _int(size), **said}).data
