"""Reading a session that ``write`` has written: a :class:`Recording`, from which all else is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sorrelsim.errors import unknown
from sorrelsim.models.memory.replay import Buffer
from sorrelsim.pictures.files import to_png
from sorrelsim.recordings import lines, table
from sorrelsim.recordings.chain import Chain
from sorrelsim.recordings.columns import TABLES, codebook, columns_of
from sorrelsim.recordings.replay import Recorded, Replay
from sorrelsim.recordings.seating import Seating, first_seating, seating_after
from sorrelsim.recordings.spec import FORMAT, MARKED, VERSION, RecordingError
from sorrelsim.writing import write_beside

CHANGED = "it was changed after it was written, or what stands before it. To read it all the same: --unchecked"


class Recording(Recorded):
    """A session read from a file; made by :func:`load_recording`.

    A recording may name a world file of its own, whose code runs when the world is made. ``trust`` says that it may;
    without it only worlds of the library are made.
    """

    def __repr__(self) -> str:
        state = "" if self.closed else ", unfinished" if self.header["version"] >= MARKED else ", of format version 1"
        return f"<recording of {self.header['world']!r}: {len(self)} turns, humans {self.header['humans']}{state}>"

    def replay(self, check: bool = True, trust: bool = False) -> Replay:
        """Returns the session once more, turn by turn.

        Args:
            check: Whether to compare the world's version, and rewards, ends and every state hash on the way.
            trust: Whether a world file that is not the library's may be run.

        Raises:
            RecordingError: If the world here is of another version; the message names the hashes.
            Untrusted: If the world is not the library's, and not trusted.
        """
        return Replay(self, check, trust)

    def to_buffer(
        self, slots: Sequence[int] | None = None, n_frames: int = 1, n_step: int = 1, trust: bool = False
    ) -> Buffer:
        """Returns the session as a memory that learners sample from, one stream per slot or person.

        Args:
            slots: Which slots; by default a stream for each person, wherever they sat, or all slots if nobody played.
            n_frames: Frames stacked into a state.
            n_step: Steps summed into a reward.
            trust: As for :meth:`replay`.
        """
        return table.to_buffer(self.replay(trust=trust), slots, n_frames, n_step)

    def rows(self, check: bool = True, trust: bool = False) -> Iterator[dict[str, Any]]:
        """Yields one row per turn and slot, as the table has them: where the agent stood, what it did, what it got."""
        return table.rows(self.replay(check, trust))

    def episodes(self) -> Iterator[dict[str, Any]]:
        """Yields one row per episode and slot: how long it was, what it brought, how fast the keys were."""
        return table.episodes(self)

    def save_table(
        self, path: str | Path, check: bool = True, trust: bool = False, of: Literal["turns", "episodes"] = "turns"
    ) -> None:
        """Writes :meth:`rows` or :meth:`episodes` to a ``.csv`` or, if pyarrow is installed, ``.parquet`` file.

        What every column means is written beside it, to ``NAME.codebook.md``.

        Args:
            path: The file.
            check: As for :meth:`replay`.
            trust: As for :meth:`replay`.
            of: What a row is of.

        Raises:
            ValueError: If the name ends in neither, ``of`` is neither, or pyarrow is missing.
        """
        if of not in TABLES:
            raise ValueError(unknown("table of a recording", of, TABLES))
        columns = columns_of(of, self.header)
        table.save(self.rows(check, trust) if of == "turns" else self.episodes(), columns, path)
        write_beside(Path(path).with_suffix(".codebook.md"), codebook(of, self.header))

    def _repr_png_(self) -> bytes | None:
        try:
            replay = self.replay()
            replay.go(len(self))
        except ValueError:  # not the library's world, or it does not replay here: a notebook shows the text instead
            return None
        return to_png(replay.world.render())


def load_recording(path: str | Path, check: bool = True) -> Recording:
    """Reads a session. Never executes anything from the file.

    Args:
        path: The file.
        check: Whether to refuse a file that was changed after it was written.

    Raises:
        RecordingError: If there is no such file, or it is no recording, a damaged or a changed one; names the line.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}") from None
    texts = data.split(b"\n")
    cut = bool(texts.pop())  # what follows the last newline was not finished
    header = _header(path, texts)
    chain = Chain() if header["version"] >= MARKED else None
    header.pop("c", None)
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in lines.LINES}
    resets: list[tuple[int, list[int] | None]] = []
    seatings = [first_seating(header)]
    for number, text in enumerate(texts, 1):
        try:
            before = chain.hash if chain else ""
            holds = not chain or chain.holds(text) or not check
            if number > 1:
                _take(lines.parse(text), found, resets, seatings, header, before if check else None)
            if not holds:
                raise ValueError(CHANGED)
        except ValueError as error:
            raise RecordingError(f"{path}, line {number}: damaged ({error})") from None
    return _recording(path, header, found, resets, seatings, cut)


def _take(
    line: dict[str, Any], found: dict[str, list[dict[str, Any]]], resets: list[tuple[int, list[int] | None]],
    seatings: list[Seating], header: dict[str, Any], before: str | None,
) -> None:  # fmt: skip
    """Checks a line and puts it with those of its kind.

    Args:
        line: The line.
        found: The lines so far, by kind.
        resets: Turns before which the episode was started anew, and where the random stream stood.
        seatings: Who sat where so far, oldest first.
        header: The header.
        before: The hash of all lines before it; None if it does not matter.
    """
    if header["version"] >= MARKED:
        line.pop("c", None)  # its mark
    kind = lines.kind_of(line, header["n_agents"], len(header["actions"]))
    turns = found["t"]
    if found["closed"]:
        raise ValueError("the line before said that the session was closed")
    if kind == "t" and line["t"] != len(turns) + 1:
        raise ValueError(f"turn {len(turns) + 1} of {header['n_agents']} agents was expected")
    if kind == "closed" and line["turns"] != len(turns):
        raise ValueError(f"{line['turns']} turns were written, and {len(turns)} are here")
    if kind == "closed" and before and line["hash"] != before:
        raise ValueError(CHANGED)
    if kind == "reset":
        resets.append((len(turns) + 1, line.get("rng")))
    if kind in ("person", "note") and (changed := seating_after(line, len(turns) + 1, seatings[-1], header)):
        if changed.since == seatings[-1].since:
            seatings.pop()  # nothing was played in between
        seatings.append(changed)
    found[kind].append(line)


def _recording(
    path: Path, header: dict[str, Any], found: dict[str, list[dict[str, Any]]],
    resets: list[tuple[int, list[int] | None]], seatings: list[Seating], cut: bool,
) -> Recording:  # fmt: skip
    """Puts the lines of turns into arrays."""
    n, turns = header["n_agents"], found["t"]
    pressed = np.full((len(turns), n), np.nan)
    held = np.zeros((len(turns), n), np.bool_)
    for k, line in enumerate(turns):
        for slot, at in line.get("k", {}).items():
            pressed[k, int(slot)] = at
        held[k, line.get("held", [])] = True
    return Recording(
        path=path,
        header=header,
        actions=np.array([line["a"] for line in turns], np.int64).reshape(-1, n),
        rewards=np.array([line["r"] for line in turns], np.float64).reshape(-1, n),
        ms=np.array([line["ms"] for line in turns], np.float64),
        ends=np.array([line.get("end", False) for line in turns], np.bool_),
        resets=[turn for turn, _ in resets],
        streams=dict(resets),
        pressed=pressed,
        seen=np.array([line.get("s", np.nan) for line in turns], np.float64),
        held=held,
        hashes={0: header["state_hash"]} | {line["t"]: line["h"] for line in turns if "h" in line},
        keys=found["key"],
        notes=found["note"],
        seatings=seatings,
        cut=cut,
        closed=bool(found["closed"]) and not cut,
    )


def _header(path: Path, texts: list[bytes]) -> dict[str, Any]:
    try:
        header = lines.parse(texts[0]) if texts else {}
    except ValueError:
        header = {}
    if header.get("format") != FORMAT:
        raise RecordingError(f"{path} is not a recording of sorrelsim: its first line has no format {FORMAT!r}")
    if header.get("version") not in range(1, VERSION + 1):
        raise RecordingError(
            f"{path} is a recording of format version {header.get('version')}; this reads versions 1 to {VERSION}"
        )
    marked = {key: value for key, value in header.items() if key != "c" or header["version"] < MARKED}
    try:
        lines.check_header(marked)
    except RecordingError as error:
        raise RecordingError(f"{path}, line 1: {error}") from None
    return header
