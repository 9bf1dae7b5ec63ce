"""Tables as files: one file, whole or not at all, or a folder of parts, each of which is whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

from sorrelsim.errors import unknown
from sorrelsim.tables.parquet import ParquetFile, RowGroup
from sorrelsim.writing import new_file, remove_litter, write_beside

FORMATS = ("parquet", "csv")


def target_of(path: str | Path, format: str = "parquet") -> OneFile | Parts:
    """Returns what a path stands for: one file if it ends in ``.parquet`` or ``.csv``, else a folder of parts.

    Args:
        path: The path.
        format: ``parquet`` or ``csv``, of the parts in a folder.

    Raises:
        ValueError: If it ends otherwise, or what lies there is of the other sort.
    """
    path = Path(path)
    end = path.suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise ValueError(unknown("format of a table", format, FORMATS))
    if end and end not in FORMATS:
        raise ValueError(f"{path}: a table ends in .parquet or .csv; without an end it is a folder of parts")
    if end and path.is_dir():
        raise ValueError(f"{path} is a folder; name a file, or a folder without .{end} for a table in parts")
    if not end and path.is_file():
        raise ValueError(f"{path} is a file; name a folder, or a file that ends in .parquet or .csv")
    return OneFile(path, end) if end else Parts(path, format)


class OneFile:
    """One file, which takes its place when it is closed; a file that is there already stays until then.

    Args:
        path: The file.
        format: ``parquet`` or ``csv``.
    """

    def __init__(self, path: Path, format: str) -> None:
        self.path, self.format = path, format
        self._open = ExitStack()
        self._file = self._open.enter_context(new_file(path))
        self._writer: Any = None

    def write(self, tables: Sequence[Any]) -> None:
        """Appends the rows of tables, each a ``pyarrow.Table`` or a ``RowGroup``.

        Raises:
            OSError: If they cannot be written.
        """
        if self._writer is None:
            self._writer = _Writer(self._file, tables[0], self.format)
        self._writer.write(tables)

    def close(self, whole: bool = True) -> None:
        """Ends it; where it is not whole, nothing is left that looks as if it were."""
        with suppress(_GivenUp), self._open:
            if self._writer is not None:
                self._writer.close()
            if not whole:
                raise _GivenUp


class _GivenUp(Exception):
    """What was to be a file is none."""


class Parts:
    """A folder of files that pandas reads as one table, ``events/events-000.parquet`` and so on.

    Each is written at once and whole: what a killed process leaves can be read.

    Args:
        folder: The folder.
        format: ``parquet`` or ``csv``.

    Attributes:
        number: How many parts there are.
    """

    def __init__(self, folder: Path, format: str) -> None:
        self.folder, self.format = folder, format
        self.number = 0
        self._begun = False

    def go_on(self, number: int = 0) -> None:
        """Goes on behind so many parts, 0 unless this is called; what lies there behind them, from before, is removed.

        Raises:
            ValueError: If one of those is not there.
        """
        remove_litter(self.folder)
        pattern = re.compile(re.escape(self.folder.name) + r"-(\d{3,})\.(?:parquet|csv)")
        paths = sorted(self.folder.iterdir()) if self.folder.is_dir() else ()
        found = {int(match[1]): path for path in paths if (match := pattern.fullmatch(path.name))}
        missing = sorted(set(range(number)) - set(found))
        if missing:
            raise ValueError(f"{self.folder}: part {missing[0]:03d} is not there, of {number} that were written")
        for k, path in found.items():
            if k >= number:
                path.unlink()
        self.number, self._begun = number, True

    def write(self, tables: Sequence[Any]) -> None:
        """Writes the rows of tables, each a ``pyarrow.Table`` or a ``RowGroup``, as one more part.

        Raises:
            OSError: If they cannot be written.
        """

        def fill(file: Any) -> None:
            writer = _Writer(file, tables[0], self.format)
            writer.write(tables)
            writer.close()

        if not self._begun:
            self.go_on()
        path = self.folder / f"{self.folder.name}-{self.number:03d}.{self.format}"
        if self.format == "parquet" and isinstance(tables[0], RowGroup):
            with new_file(path) as file:  # of our own writer, which needs no memory between
                fill(file)
        else:
            write_beside(path, fill)
        self.number += 1

    def close(self, whole: bool = True) -> None:
        """Nothing is open between two parts."""


class _Writer:
    """Writes tables of one kind to an open file.

    Args:
        file: The file.
        like: The first of the tables.
        format: ``parquet`` or ``csv``.
    """

    def __init__(self, file: BinaryIO, like: Any, format: str) -> None:
        self._as_arrow = format == "csv"
        if format == "csv":
            import pyarrow.csv

            self._writer: Any = pyarrow.csv.CSVWriter(file, _arrow(like).schema)
        elif isinstance(like, RowGroup):
            self._writer = ParquetFile(file, like.types)
        else:
            import pyarrow.parquet

            # Without the schema of Arrow names are read as text, not as categories.
            self._writer = pyarrow.parquet.ParquetWriter(file, like.schema, store_schema=False)

    def write(self, tables: Sequence[Any]) -> None:
        """Writes their rows."""
        for table in tables:
            self._writer.write_table(_arrow(table) if self._as_arrow else table)

    def close(self) -> None:
        """Ends what was written."""
        self._writer.close()


def _arrow(table: Any) -> Any:
    return table.table() if isinstance(table, RowGroup) else table
