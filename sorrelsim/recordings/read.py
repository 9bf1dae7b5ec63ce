"""Reading a session that ``write`` has written: a :class:`Recording`, from which all else is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.models.memory.replay import Buffer
from sorrelsim.pictures.files import to_png
from sorrelsim.recordings import table
from sorrelsim.recordings.replay import Replay, Session
from sorrelsim.recordings.spec import FORMAT, VERSION, RecordingError

NEEDED = {
    "world", "world_version", "world_hash", "seed", "settings", "actions", "n_agents", "players", "humans",
    "state_hash",
}  # fmt: skip
"""What a header must hold."""


class Recording(Session):
    """A session read from a file; made by :func:`load_recording`."""

    def __repr__(self) -> str:
        return f"<recording of {self.header['world']!r}: {len(self)} turns, humans {self.header['humans']}>"

    def replay(self, check: bool = True) -> Replay:
        """Returns the session once more, turn by turn.

        Args:
            check: Whether to compare the world's version, and every state hash on the way.

        Raises:
            RecordingError: If the world here is of another version; the message names the hashes.
        """
        return Replay(self, check)

    def to_buffer(self, slots: Sequence[int] | None = None, n_frames: int = 1, n_step: int = 1) -> Buffer:
        """Returns the session as a memory that learners sample from, one stream per slot.

        Args:
            slots: Which slots; by default those that people played, or all if nobody did.
            n_frames: Frames stacked into a state.
            n_step: Steps summed into a reward.
        """
        return table.to_buffer(self.replay(), slots, n_frames, n_step)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields one row per turn and slot, as the table has them: where the agent stood, what it did, what it got."""
        return table.rows(self.replay())

    def save_table(self, path: str | Path) -> None:
        """Writes :meth:`rows` to a ``.csv`` file, or to a ``.parquet`` file if pyarrow is installed.

        Raises:
            ValueError: If the name ends in neither, or pyarrow is missing.
        """
        table.save(self.rows(), path)

    def _repr_png_(self) -> bytes:
        replay = self.replay()
        replay.go(len(self))
        return to_png(replay.world.render())


def load_recording(path: str | Path) -> Recording:
    """Reads a session. Never executes anything from the file.

    Raises:
        RecordingError: If there is no such file, or it is no recording or a damaged one; names the line.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}") from None
    lines = data.split(b"\n")
    cut = bool(lines.pop())  # what follows the last newline was not finished
    header = _header(path, lines)
    n = header["n_agents"]
    turns: list[dict[str, Any]] = []
    resets: list[int] = []
    keys: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for number, text in enumerate(lines[1:], 2):
        try:
            line = json.loads(text)
            if "t" in line:
                if line["t"] != len(turns) + 1 or len(line["a"]) != n or len(line["r"]) != n:
                    raise ValueError(f"turn {len(turns) + 1} of {n} agents was expected")
                if not all(isinstance(a, int) and 0 <= a < len(header["actions"]) for a in line["a"]):
                    raise ValueError("an action that the world does not have")
                turns.append(line)
            elif "reset" in line:
                resets.append(len(turns) + 1)
            else:
                (keys if "key" in line else notes).append(line)
        except (ValueError, KeyError, TypeError) as error:
            raise RecordingError(f"{path}, line {number}: damaged ({error})") from None
    return _recording(path, header, turns, resets, keys, notes, cut)


def _recording(
    path: Path, header: dict[str, Any], turns: list[dict[str, Any]], resets: list[int],
    keys: list[dict[str, Any]], notes: list[dict[str, Any]], cut: bool,
) -> Recording:  # fmt: skip
    """Puts the lines of turns into arrays."""
    n = header["n_agents"]
    pressed = np.full((len(turns), n), np.nan)
    for k, line in enumerate(turns):
        for slot, at in line.get("k", {}).items():
            pressed[k, int(slot)] = at
    return Recording(
        path=path,
        header=header,
        actions=np.array([line["a"] for line in turns], np.int64).reshape(-1, n),
        rewards=np.array([line["r"] for line in turns], np.float64).reshape(-1, n),
        ms=np.array([line["ms"] for line in turns], np.float64),
        ends=np.array([line.get("end", False) for line in turns], np.bool_),
        resets=resets,
        pressed=pressed,
        hashes={0: header["state_hash"]} | {line["t"]: line["h"] for line in turns if "h" in line},
        keys=keys,
        notes=notes,
        cut=cut,
    )


def _header(path: Path, lines: list[bytes]) -> dict[str, Any]:
    try:
        header = json.loads(lines[0]) if lines else {}
    except ValueError:
        header = {}
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise RecordingError(f"{path} is not a recording of sorrelsim: its first line has no format {FORMAT!r}")
    if header["version"] != VERSION:
        raise RecordingError(
            f"{path} is a recording of format version {header['version']}; this reads version {VERSION}"
        )
    missing = sorted(NEEDED - set(header))
    if missing:
        raise RecordingError(f"{path}, line 1: the header lacks {', '.join(missing)}")
    return header
