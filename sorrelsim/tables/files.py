"""Tables as files: one file, whole or not at all, or a folder of parts, each of which is whole as soon as it is there.

Columns are handed over as arrays, and pyarrow writes them: Parquet in row groups, or CSV.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from sorrelsim.errors import unknown
from sorrelsim.writing import fill_beside, remove_litter, write_beside

FORMATS = ("parquet", "csv")
PART = "{stem}-{number:03d}.{format}"


class Target(Protocol):
    """What tables of one schema are written to."""

    def write(self, table: Any) -> None:
        """Appends the rows of a ``pyarrow.Table``.

        Raises:
            OSError: If they cannot be written.
        """

    def close(self, whole: bool = True) -> None:
        """Ends it; what is not whole leaves no file behind that looks as if it were."""


def target(path: str | Path, format: str = "parquet") -> Target:
    """Returns what a path stands for: ``.parquet`` or ``.csv`` one file, a name without an end a folder of parts.

    Args:
        path: The path.
        format: Of the parts of a folder.

    Raises:
        ValueError: If the name ends otherwise, or what lies there is of the other sort.
    """
    path, end = Path(path), Path(path).suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise ValueError(unknown("format of a table", format, FORMATS))
    if end and end not in FORMATS:
        raise ValueError(f"{path}: a table ends in .parquet or .csv, or in neither: a folder of parts")
    if not end and path.is_file():
        raise ValueError(f"{path} is a file; name a folder, or a file that ends in .parquet or .csv")
    if end and path.is_dir():
        raise ValueError(f"{path} is a folder; name a file, or the folder without .{end} for a table in parts")
    return OneFile(path, end) if end else Parts(path, format)


class OneFile:
    """One file. It takes its place when it is closed; until then, and where something goes wrong, there is none.

    Args:
        path: The file.
        format: ``parquet`` or ``csv``.
    """

    def __init__(self, path: Path, format: str) -> None:
        self.path, self.format = path, format
        self._place = fill_beside(path)
        self._file = self._place.__enter__()
        self._writer: Any = None

    def write(self, table: Any) -> None:
        """Appends rows; see :class:`Target`."""
        if self._writer is None:
            self._writer = _writer(self._file, table.schema, self.format)
        self._writer.write_table(table)

    def close(self, whole: bool = True) -> None:
        """Ends it; see :class:`Target`."""
        error = None if whole else NotWhole("not whole")
        try:
            if self._writer is not None:
                self._writer.close()
        except BaseException as wrong:
            error = wrong
            raise
        finally:
            self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        try:
            self._place.__exit__(type(error) if error else None, error, None)
        except NotWhole:
            pass


class NotWhole(Exception):
    """What was to be a file is given up."""


class Parts:
    """A folder of files that pandas reads as one table: ``NAME/NAME-000.parquet`` and so on, each written at once.

    A process that is killed leaves all parts up to then.

    Args:
        folder: The folder.
        format: ``parquet`` or ``csv``.

    Attributes:
        number: Parts that there are.

    Raises:
        ValueError: If there are parts already.
    """

    def __init__(self, folder: Path, format: str) -> None:
        self.folder, self.format = folder, format
        self.number = 0
        remove_litter(folder)

    def found(self) -> dict[int, Path]:
        """Returns the parts that lie in the folder, by number."""
        pattern = re.compile(re.escape(self.folder.name) + r"-(\d{3,})\.(?:parquet|csv)")
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        return {int(match[1]): path for path in sorted(paths) if (match := pattern.fullmatch(path.name))}

    def go_on(self, number: int) -> None:
        """Goes on with so many parts; later ones, written since, are removed.

        Raises:
            ValueError: If an earlier one is not there.
        """
        found = self.found()
        missing = sorted(set(range(number)) - set(found))
        if missing:
            raise ValueError(f"{self.folder}: part {missing[0]} of {number} is not there")
        for k, path in found.items():
            if k >= number:
                path.unlink()
        self.number = number

    def write(self, table: Any) -> None:
        """Writes one more part; see :class:`Target`."""
        name = PART.format(stem=self.folder.name, number=self.number, format=self.format)

        def fill(file: io.BytesIO) -> None:
            writer = _writer(file, table.schema, self.format)
            writer.write_table(table)
            writer.close()

        write_beside(self.folder / name, fill)  # type: ignore[arg-type]
        self.number += 1

    def close(self, whole: bool = True) -> None:
        """Nothing is open between two parts."""


def _writer(file: Any, schema: Any, format: str) -> Any:
    """Writes tables of a schema to an open file."""
    if format == "csv":
        import pyarrow.csv

        return pyarrow.csv.CSVWriter(file, schema)
    import pyarrow.parquet

    # Whole numbers that come in order are packed as differences, which is quicker than a dictionary and smaller.
    import pyarrow.types as kinds

    texts = [field.name for field in schema if kinds.is_dictionary(field.type)]
    packed = {field.name: "DELTA_BINARY_PACKED" for field in schema if kinds.is_integer(field.type)}
    return pyarrow.parquet.ParquetWriter(
        file, schema, use_dictionary=texts, column_encoding=packed, compression="snappy", write_statistics=texts == []
    )
