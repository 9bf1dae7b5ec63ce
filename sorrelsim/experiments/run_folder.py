"""The run folder: a new one each time, and metrics as CSV. ``run`` fills it."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.errors import ConfigError
from sorrelsim.library.find import bare
from sorrelsim.locks import Occupied, alone
from sorrelsim.writing import remove_litter, write_beside


def new_folder(parent: str | Path, name: str) -> Path:
    """Makes ``parent/name-001``, or the next number that is free; earlier runs are never touched.

    What killed runs of that name left half written is removed.
    """
    parent = Path(parent)
    parent.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.-]+", "_", bare(name)).lstrip(".") or "run"
    earlier = [path for path in parent.iterdir() if re.fullmatch(re.escape(stem) + r"-(\d+)", path.name)]
    for path in earlier:
        tidy(path)
    number = max((int(path.name.rpartition("-")[2]) for path in earlier), default=0)
    while True:  # another process may take the same number at the same time; making a folder is atomic
        number += 1
        folder = parent / f"{stem}-{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def snapshot_name(epoch: int) -> str:
    """Returns the name under which the models of an epoch are kept in a run's ``models/``."""
    return f"epoch_{epoch:04d}"


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Within, no other process runs in a run folder; one that dies is in it no more. Nothing where there are no locks.

    Raises:
        ConfigError: If another process runs in it.
    """
    with contextlib.ExitStack() as stack:
        if folder.is_dir():
            try:
                stack.enter_context(alone(folder))
            except Occupied:
                raise ConfigError(f"{folder}: another process is at this run; wait until it ends, or stop it") from None
        yield


def tidy(folder: Path) -> None:
    """Removes what a killed process left half written in a run folder."""
    remove_litter(folder)
    remove_litter(folder / "models")
    remove_litter(folder / "checkpoint")


class MetricsLog:
    """A CSV file that grows by rows: metrics.csv, one per epoch. A column may appear late, as losses do.

    A row is appended in one piece; where a column is new, the file is written beside and swapped. What cannot be
    written, for a full disk, is kept and written with the next row: no row that was written is ever lost.

    Args:
        path: The file; it must not exist, unless rows of an earlier log are gone on with.
        earlier: A copy of that log, from ``copy_to``, whose rows this one goes on with, in place of the
            file's.
    """

    def __init__(self, path: str | Path, earlier: Path | None = None) -> None:
        self.path = Path(path)
        self.rows: list[dict[str, Any]] = []
        self.columns: list[str] = []
        self._texts: set[str] = set()  # columns that hold words
        self._written = 0  # rows in the file
        self._header: list[str] = []  # columns in the file
        if earlier is None:
            self.path.touch(exist_ok=False)
        else:
            self._take_up(earlier)

    def _take_up(self, earlier: Path) -> None:
        """Takes the rows of an earlier log, as they are written there."""
        write_beside(self.path, earlier.read_bytes())
        columns = read_rows(self.path)
        with self.path.open(newline="", encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))
        self.columns = self._header = list(columns)
        self._texts = {name for name, column in columns.items() if column.dtype.kind == "U"}
        self._written = len(self.rows)

    def copy_to(self, path: Path) -> None:
        """Writes all rows to another file, those that are not in this one yet too."""
        write_beside(path, self._text(self.rows, header=True) if self.waiting else self.path.read_bytes())

    def add(self, *rows: Mapping[str, Any]) -> None:
        """Appends rows, and those that could not be written before.

        Raises:
            OSError: If they cannot be written; they are kept, and the file is as it was.
        """
        for row in rows:
            self.rows.append(dict(row))
            self._note(row)
        self.flush()

    def amend(self, more: Mapping[str, Any]) -> None:
        """Writes the last row again, with more in it.

        Raises:
            OSError: As :meth:`add`.
        """
        last = self.rows[-1]
        if {**last, **more} != last:
            last.update(more)
            self._note(more)
            self._header = []  # the file is written anew, whole
            self._written = min(self._written, len(self.rows) - 1)
        self.flush()

    def _note(self, row: Mapping[str, Any]) -> None:
        self.columns = [*self.columns, *(name for name in row if name not in self.columns)]
        self._texts |= {name for name, value in row.items() if isinstance(value, str)}

    @property
    def waiting(self) -> int:
        """Rows that are not in the file yet."""
        return len(self.rows) - self._written

    def flush(self) -> None:
        """Writes the rows that are not in the file yet.

        Raises:
            OSError: As :meth:`add`.
        """
        if not self.waiting:
            return
        if self._header != self.columns or not self.path.is_file():
            write_beside(self.path, self._text(self.rows, header=True))
            self._header = list(self.columns)
        else:
            append(self.path, self._text(self.rows[self._written :]).encode())
        self._written = len(self.rows)

    def _text(self, rows: Iterable[Mapping[str, Any]], header: bool = False) -> str:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        if header:
            writer.writeheader()
        for row in rows:
            missing = {name: "" if name in self._texts else "nan" for name in self.columns if name not in row}
            writer.writerow(missing | {name: shown(value) for name, value in row.items()})
        return text.getvalue()


def append(path: Path, data: bytes, new: bool = False) -> None:
    """Appends to a file in one piece; where that fails, the file is as it was.

    Args:
        path: The file.
        data: What is appended.
        new: Whether it is made if there is none.

    Raises:
        OSError: If it cannot be written.
    """
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | (os.O_CREAT if new else 0), 0o666)
    try:
        before = os.fstat(handle).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(handle, data[written:])
        except OSError as error:
            os.ftruncate(handle, before)
            error.filename = str(path)
            raise
    finally:
        os.close(handle)


def shown(value: Any) -> str:
    """Returns a value as metrics.csv has it."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"


def read_metrics(folder: str | Path) -> dict[str, np.ndarray]:
    """Returns metrics.csv of a run folder by column: float64 [epochs], or text where a column holds words.

    Raises:
        ValueError: If there is none.
    """
    path = Path(folder) / "metrics.csv"
    if not path.is_file():
        raise ValueError(f"{folder} is no run folder: it has no metrics.csv")
    return read_rows(path)


def read_rows(path: str | Path) -> dict[str, np.ndarray]:
    """Returns a CSV file of :class:`MetricsLog` by column; a last row that a kill cut short is left out.

    Raises:
        ConfigError: If it is damaged: no text, or a row that has more or fewer values than there are columns.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            text = file.read()
        whole = io.StringIO(text[: text.rfind("\n") + 1], newline="")
        names, *rows = [row for row in csv.reader(whole) if row] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is damaged: {error}") from None
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ConfigError(f"{path} is damaged: row {number} has {len(row)} values for {len(names)} columns")
    return {name: _column([row[k] for row in rows]) for k, name in enumerate(names)} if rows else {}


def _column(values: list[str]) -> np.ndarray:
    try:
        return np.array([float(value) for value in values])
    except ValueError:
        return np.array(values)
