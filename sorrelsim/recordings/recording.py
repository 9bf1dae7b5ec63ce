"""Sessions on disk: every action of every agent with its time, in a text file that replays bit for bit.

The format, ``sorrelsim-recording`` version 1
    UTF-8 text, one JSON object a line, each line appended as it happens and ended by a newline. The first line is the
    header: ``format``, ``version``, ``sorrelsim``, ``world`` (its name or file), ``world_version``, ``world_hash``,
    ``seed``, ``settings`` (what ``sorrelsim.make`` was given beside), ``params`` (of the copy, for the reader),
    ``actions`` (their names), ``n_agents``, ``players`` (one label a slot), ``humans`` (slots), ``started`` (wall
    clock, ISO 8601) and ``state_hash`` (of the first state). Then, told apart by their first key:

    - ``{"t": 7, "ms": 812.4, "a": [1, 0], "r": [0.0, 1.0]}``: turn 7 of the session, its time in milliseconds since
      the session began, every slot's action and reward. Where there are any: ``"k": {"0": 790.1}``, when the key that
      chose a person's action went down; ``"end": true`` if the episode ended; ``"h": "..."``, the state's hash.
    - ``{"key": "w", "down": true, "ms": 790.1, "slot": 0, "action": "forward"}``: a key went down or up.
    - ``{"reset": true, "ms": 9000.0}``: the episode was started anew by hand.
    - ``{"note": "slot 2", "ms": 400.0}``: anything else worth knowing.

    A file that was cut off holds everything up to its last whole line.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sorrelsim.engine.gridworld import Gridworld
    from sorrelsim.models.memory.replay import Buffer

FORMAT, VERSION = "sorrelsim-recording", 1
HASH_EVERY = 16
"""Turns between two state hashes."""


class RecordingError(ValueError):
    """A file that is no recording, or one that does not replay here."""


def state_hash(world: Gridworld) -> str:
    """Sixteen hexadecimal digits of everything in a copy that rules read or draw from, equal on every machine."""
    digest = hashlib.blake2b(digest_size=8)
    for name, array in sorted(world.hashed_arrays().items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def world_hash(world: Gridworld) -> str:
    """Twelve hexadecimal digits of the world's file; of its name and version where there is no file."""
    source = getattr(sys.modules.get(type(world).__module__), "__file__", None)
    text = Path(source).read_bytes() if source else f"{world.name} {world.version}".encode()
    return hashlib.blake2b(text, digest_size=6).hexdigest()


@dataclass(frozen=True)
class WorldSpec:
    """What it takes to make the same world again.

    Attributes:
        name: The world's name or file, as :func:`sorrelsim.make` takes it.
        seed: Its seed.
        settings: What else ``make`` was given: numbers, strings and lists only; a map from a file as its text.
    """

    name: str
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def make(self, **more: Any) -> Gridworld:
        """One copy of the world, interpreted unless ``compiled=True`` is given."""
        from sorrelsim.library.make import make

        given: dict[str, Any] = {"compiled": False} | dict(self.settings) | more
        if isinstance(given.get("window"), Mapping):
            from sorrelsim.authoring.window import Window

            given["window"] = Window(**given["window"])
        return make(self.name, 1, self.seed, **given)

    def plain(self) -> dict[str, Any]:
        """The settings as JSON can hold them; a map file is read, so that a recording needs no second file."""
        out = {}
        for key, value in self.settings.items():
            if key == "map" and value is not None and Path(str(value)).is_file() and "\n" not in str(value):
                value = Path(value).read_text(encoding="utf-8")
            elif key == "window" and value is not None and not isinstance(value, Mapping):
                value = {name: getattr(value, name) for name in value.__dataclass_fields__}
            elif isinstance(value, np.ndarray | np.generic):
                value = value.tolist()
            out[key] = value
        return out


# ------------------------------------------------------------------------------------------------------------ writing


class Recorder:
    """Appends a session to a file as it happens; no line is held back.

    A full disk loses nothing: what could not be written waits in memory, is tried again with every further line, and
    is put beside the other temporary files when the recorder closes and there is still no room.

    Args:
        path: The file; it must not exist.
        spec: How the world was made.
        world: The world in its first state.
        players: A label for each slot.
        humans: The slots that people play.

    Raises:
        RecordingError: If the file exists or cannot be made.

    Attributes:
        path: Where the recording is; after :meth:`close`, where it ended up.
        problem: Why lines are waiting in memory, or an empty string.
        turns: Turns recorded.
    """

    def __init__(
        self,
        path: str | Path,
        spec: WorldSpec,
        world: Gridworld,
        players: Sequence[str],
        humans: Sequence[int],
    ) -> None:
        self.path = Path(path)
        self.problem = ""
        self.turns = 0
        self._pending = b""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o666)
        except FileExistsError:
            raise RecordingError(f"{path} exists already; a recording is never written over") from None
        except OSError as error:
            raise RecordingError(f"cannot record to {path}: {error.strerror}") from None
        self._write({
            "format": FORMAT, "version": VERSION, "sorrelsim": importlib.metadata.version("sorrelsim"),
            "world": spec.name,
            "world_version": world.version, "world_hash": world_hash(world), "seed": spec.seed,
            "settings": spec.plain(),
            "params": {name: value[0].tolist() for name, value in world.copies.params.items()},
            "map": world.map_name, "actions": list(world.action_names), "n_agents": world.n_agents,
            "players": list(players), "humans": list(humans),
            "started": datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"),
            "state_hash": state_hash(world),
        })  # fmt: skip

    def turn(
        self, world: Gridworld, actions: Sequence[int], ms: float, pressed: Mapping[int, float], ended: bool
    ) -> None:
        """Record a turn that the world has just taken.

        Args:
            world: The world after it.
            actions: Every slot's action.
            ms: Its time, in milliseconds since the session began.
            pressed: When the key went down that chose a slot's action.
            ended: Whether it ended the episode.
        """
        self.turns += 1
        line: dict[str, Any] = {
            "t": self.turns, "ms": round(ms, 2), "a": [int(a) for a in actions], "r": world.reward[0].tolist(),
        }  # fmt: skip
        if pressed:
            line["k"] = {str(slot): round(at, 2) for slot, at in pressed.items()}
        if ended:
            line["end"] = True
        if ended or self.turns % HASH_EVERY == 0:
            line["h"] = state_hash(world)
        self._write(line)

    def key(self, name: str, down: bool, ms: float, slot: int | None = None, action: str | None = None) -> None:
        """Record a key that went down or up, and what it stands for if it chooses an action."""
        line: dict[str, Any] = {"key": name, "down": down, "ms": round(ms, 2)}
        if slot is not None:
            line |= {"slot": slot, "action": action}
        self._write(line)

    def reset(self, ms: float) -> None:
        """Record that the episode was started anew by hand."""
        self._write({"reset": True, "ms": round(ms, 2)})

    def note(self, text: str, ms: float) -> None:
        """Record anything else: a pause, another slot, another speed."""
        self._write({"note": text, "ms": round(ms, 2)})

    def _write(self, line: dict[str, Any]) -> None:
        self._pending += json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        self.flush()

    def flush(self) -> bool:
        """Write what waits; whether nothing waits any more."""
        try:
            while self._pending:
                # A write that stops short leaves half a line in the file; the next one continues it.
                self._pending = self._pending[os.write(self._file, self._pending) :]
            self.problem = ""
        except OSError as error:
            self.problem = f"cannot write {self.path}: {error.strerror}"
        return not self._pending

    def close(self) -> None:
        """Close the file. If there is no room for the last lines, the whole goes to the folder of temporary files.

        Raises:
            RecordingError: If there is no room there either.
        """
        if self._file < 0:
            return
        whole = self.flush()
        if whole:
            os.fsync(self._file)
        os.close(self._file)
        self._file = -1
        if not whole:
            try:
                handle, name = tempfile.mkstemp(prefix=f"{self.path.stem}-", suffix=self.path.suffix)
                with os.fdopen(handle, "wb") as file:
                    file.write(self.path.read_bytes() + self._pending)
            except OSError as error:
                raise RecordingError(
                    f"{self.problem}; nor is there room for temporary files ({error.strerror}). "
                    f"What could not be kept: {self._pending.decode()}"
                ) from None
            self.path = Path(name)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


# ------------------------------------------------------------------------------------------------------------ reading


@dataclass(eq=False)
class Recording:
    """A session read from a file; made by :func:`load_recording`.

    Attributes:
        path: The file.
        header: Its first line.
        actions: ``int64[turn, slot]``.
        rewards: ``float64[turn, slot]``.
        ms: ``float64[turn]``, milliseconds since the session began.
        ends: ``bool[turn]``, whether the turn ended an episode.
        resets: Numbers of the turns before which the episode was started anew by hand, once for each time.
        pressed: ``float64[turn, slot]``, when the key went down that chose the action, NaN where none did.
        hashes: Turn number (0 the first state) to state hash after it.
        keys: Every key that went down or up, as in the file.
        notes: Everything else, as in the file.
        cut: Whether the file ended in the middle of a line.
    """

    path: Path
    header: dict[str, Any]
    actions: np.ndarray
    rewards: np.ndarray
    ms: np.ndarray
    ends: np.ndarray
    resets: list[int]
    pressed: np.ndarray
    hashes: dict[int, str]
    keys: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    cut: bool

    def __len__(self) -> int:
        return len(self.actions)

    def __repr__(self) -> str:
        return f"<recording of {self.header['world']!r}: {len(self)} turns, humans {self.header['humans']}>"

    @property
    def spec(self) -> WorldSpec:
        """How to make its world."""
        return WorldSpec(self.header["world"], self.header["seed"], self.header["settings"])

    def replay(self, check: bool = True) -> Replay:
        """The session once more, turn by turn.

        Args:
            check: Compare the world's version and every state hash on the way.

        Raises:
            RecordingError: If the world here is of another version; the message names the hashes.
        """
        return Replay(self, check)

    def to_buffer(self, slots: Sequence[int] | None = None, n_frames: int = 1, n_step: int = 1) -> Buffer:
        """The session as a memory that learners sample from, one stream a slot.

        Args:
            slots: Which slots; by default those that people played, or all if nobody did.
            n_frames: Frames stacked into a state.
            n_step: Steps summed into a reward.
        """
        from sorrelsim.models.memory.replay import Buffer

        chosen = list(slots if slots is not None else self.header["humans"] or range(self.header["n_agents"]))
        replay = self.replay()
        rows = max(len(self) + len(self.resets), n_step + n_frames + 1)
        buffer = Buffer(replay.world.observations, rows * len(chosen), len(chosen), n_frames, n_step)

        def pick(obs: Any, own: Any) -> Any:
            return {name: part[own] for name, part in obs.items()} if isinstance(obs, dict) else obs[own]

        for turn in range(len(self)):
            if turn + 1 in self.resets and turn:
                buffer.add_empty()  # a boundary: the episode before was left unfinished
            obs = pick(replay.world.obs if turn + 1 not in self.resets else replay.restart(), (0, chosen))
            replay.forward()
            world = replay.world
            final = pick(world.info["final_obs"], (0, chosen)) if "final_obs" in world.info else None
            buffer.add(
                obs, self.actions[turn, chosen], self.rewards[turn, chosen], world.terminated[0, chosen],
                world.truncated[0, chosen] & ~world.terminated[0, chosen], final,
            )  # fmt: skip
        return buffer

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row a turn and slot, as the table has them: where the agent stood, what it did, what it got."""
        replay, names, humans = self.replay(), self.header["actions"], set(self.header["humans"])
        episode = step = 1
        for turn in range(len(self)):
            world = replay.world
            if turn + 1 in self.resets:
                replay.restart()
                episode, step = episode + (step > 1), 1
            before = (world.pos[0].copy(), world.facing[0].copy(), world.out[0].copy())
            replay.forward()
            for slot in range(world.n_agents):
                here = before[2][slot] == 0
                yield {
                    "turn": turn + 1, "episode": episode, "step": step, "ms": float(self.ms[turn]), "slot": slot,
                    "player": self.header["players"][slot], "human": slot in humans,
                    "action": int(self.actions[turn, slot]), "action_name": names[self.actions[turn, slot]],
                    "key_ms": None if np.isnan(self.pressed[turn, slot]) else float(self.pressed[turn, slot]),
                    "reward": float(self.rewards[turn, slot]),
                    "row": int(before[0][slot, 0]) if here else None,
                    "col": int(before[0][slot, 1]) if here else None,
                    "facing": ("north", "east", "south", "west")[before[1][slot]] if here else None,
                    "out": int(before[2][slot]), "episode_ended": bool(self.ends[turn]),
                }  # fmt: skip
            step += 1
            if self.ends[turn]:
                episode, step = episode + 1, 1

    def save_table(self, path: str | Path) -> None:
        """Write :meth:`rows` to a ``.csv`` file, or to a ``.parquet`` file if pyarrow is installed.

        Raises:
            ValueError: If the name ends in neither, or pyarrow is missing.
        """
        path = Path(path)
        if path.suffix == ".csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = None
                for row in self.rows():
                    if writer is None:
                        writer = csv.DictWriter(file, row)
                        writer.writeheader()
                    writer.writerow(row)
        elif path.suffix == ".parquet":
            try:
                import pyarrow
                import pyarrow.parquet
            except ImportError:
                raise ValueError(f"{path}: Parquet needs pyarrow (pip install pyarrow); or name a .csv file") from None
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(self.rows())), path)
        else:
            raise ValueError(f"{path}: a table ends in .csv or .parquet")

    def _repr_png_(self) -> bytes:
        from sorrelsim.pictures.files import to_png

        replay = self.replay()
        replay.go(len(self))
        return to_png(replay.world.render())


class Replay:
    """Plays a recording over again; goes to any turn, backwards too.

    Attributes:
        recording: What is played.
        world: The world after the last turn played.
        turn: Number of turns played.
    """

    SNAPSHOT_EVERY = 64

    def __init__(self, recording: Recording, check: bool = True) -> None:
        self.recording, self.check = recording, check
        self.world = recording.spec.make()
        if self.world.action_names != tuple(recording.header["actions"]):
            raise RecordingError(
                f"{recording.path}: recorded with the actions {', '.join(recording.header['actions'])}; "
                f"{self.world.name} has {', '.join(self.world.action_names)} here"
            )
        self.turn = 0
        self._restarted = False
        self._snapshots = {0: self.world.get_state()}
        if check:
            _check_version(recording, self.world)
            self._compare()

    def restart(self) -> Any:
        """Do the restarts by hand that lie between the turn played last and the next; returns the observations."""
        if not self._restarted:
            for _ in range(self.recording.resets.count(self.turn + 1)):
                self.world.reset()
            self._restarted = True
        return self.world.obs

    def forward(self) -> None:
        """Play one turn.

        Raises:
            IndexError: At the end.
            RecordingError: If the state differs from the one recorded; the message names turn and hashes.
        """
        recording = self.recording
        if self.turn >= len(recording):
            raise IndexError(f"the recording has {len(recording)} turns")
        if self.turn + 1 in recording.resets:
            self.restart()
        self.world.step(recording.actions[None, self.turn])
        self.turn += 1
        self._restarted = False
        if self.check:
            self._compare()
        if self.turn % self.SNAPSHOT_EVERY == 0:
            self._snapshots.setdefault(self.turn, self.world.get_state())

    def go(self, turn: int) -> None:
        """Go to the state after a turn; 0 is the first state."""
        turn = max(0, min(int(turn), len(self.recording)))
        known = max(k for k in self._snapshots if k <= turn)
        if turn < self.turn or known > self.turn:
            self.world.set_state(self._snapshots[known])
            self.turn, self._restarted = known, False
        while self.turn < turn:
            self.forward()

    def _compare(self) -> None:
        recorded = self.recording.hashes.get(self.turn)
        if recorded is not None and recorded != (here := state_hash(self.world)):
            raise RecordingError(
                f"{self.recording.path}: the replay parts from the recording at turn {self.turn}: recorded state "
                f"{recorded}, here {here}. The rules of {self.world.name} or its library have changed"
            )


def _check_version(recording: Recording, world: Gridworld) -> None:
    then, now = recording.header["world_version"], world.version
    if then == now:
        return
    try:
        replay = Replay(recording, check=False)
        replay.check = True
        replay._compare()
        replay.go(len(recording))
        verdict = f"all {len(recording.hashes)} state hashes agree all the same"
    except (RecordingError, ValueError) as error:
        verdict = str(error).partition(": ")[2]
    raise RecordingError(
        f"{recording.path}: recorded with {world.name} version {then} (file {recording.header['world_hash']}), but "
        f"here it is version {now} (file {world_hash(world)}): {verdict}. Install the version that recorded it, or "
        "replay without checks (--unchecked)"
    )


def load_recording(path: str | Path) -> Recording:
    """Read a session. Never executes anything from the file.

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
    needed = {
        "world",
        "world_version",
        "world_hash",
        "seed",
        "settings",
        "actions",
        "n_agents",
        "players",
        "humans",
    }
    missing = sorted((needed | {"state_hash"}) - set(header))
    if missing:
        raise RecordingError(f"{path}, line 1: the header lacks {', '.join(missing)}")
    return header
