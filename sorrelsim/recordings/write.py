"""Writing a session: one line per turn, key or note, appended as it happens; see the package for the format.

A session of ``play`` calls it; ``read`` reads what it wrote.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.recordings.chain import Chain
from sorrelsim.recordings.spec import FORMAT, VERSION, RecordingError, WorldSpec, state_hash, world_hash

HASH_EVERY = 16
"""Turns between two state hashes."""


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
        study: What a study knows of the session, as :data:`sorrelsim.recordings.lines.STUDY` has it.
        partners: Who exactly plays each slot: a bot, or a run with the hash of its weights; empty for people.

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
        study: Mapping[str, Any] | None = None,
        partners: Sequence[str] = (),
    ) -> None:
        self.path = Path(path)
        self.problem = ""
        self.turns = 0
        self._pending = b""
        self._chain = Chain()
        self._rng = world.rng[0].tolist()
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
            **({"study": dict(study)} if study else {}), **({"partners": list(partners)} if partners else {}),
        })  # fmt: skip

    def turn(
        self, world: Gridworld, actions: Sequence[int], ms: float, pressed: Mapping[int, float], ended: bool,
        seen: float | None = None, held: Collection[int] = (),
    ) -> None:  # fmt: skip
        """Records a turn that the world has just taken.

        Args:
            world: The world after it.
            actions: Every slot's action.
            ms: Its time, in milliseconds since the session began.
            pressed: When the key went down that chose a slot's action.
            ended: Whether it ended the episode.
            seen: When the picture that people acted on reached the screen.
            held: The slots whose key was held down from an earlier turn.
        """
        self.turns += 1
        line: dict[str, Any] = {
            "t": self.turns, "ms": round(ms, 2), "a": [int(a) for a in actions], "r": world.reward[0].tolist(),
        }  # fmt: skip
        if pressed:
            line["k"] = {str(slot): round(at, 2) for slot, at in pressed.items()}
        if seen is not None:
            line["s"] = round(seen, 2)
        if held:
            line["held"] = sorted(held)
        if ended:
            line["end"] = True
        if ended or self.turns % HASH_EVERY == 0:
            line["h"] = state_hash(world)
        self._rng = world.rng[0].tolist()
        self._write(line)

    def key(self, name: str, down: bool, ms: float, slot: int | None = None, action: str | None = None) -> None:
        """Records a key that went down or up, and what it stands for if it chooses an action."""
        line: dict[str, Any] = {"key": name, "down": down, "ms": round(ms, 2)}
        if slot is not None:
            line |= {"slot": slot, "action": action}
        self._write(line)

    def reset(self, ms: float, world: Gridworld | None = None) -> None:
        """Records that the episode was started anew by hand.

        Args:
            ms: When, in milliseconds since the session began.
            world: The world after it. With it the line says where the random stream stood before, so that a replay need
                not do every one of many restarts in a row.
        """
        line: dict[str, Any] = {"reset": True, "ms": round(ms, 2)}
        if world is not None:
            line["rng"], self._rng = self._rng, world.rng[0].tolist()
        self._write(line)

    def sit(self, person: int, slot: int, left: int, player: str, ms: float) -> None:
        """Records that a person changed to another slot.

        Args:
            person: Which of the people, from 0.
            slot: Where they play now.
            left: Where they played before.
            player: Who plays there now.
            ms: When, in milliseconds since the session began.
        """
        self._write({"person": person, "slot": slot, "left": left, "player": player, "ms": round(ms, 2)})

    def note(self, text: str, ms: float) -> None:
        """Records anything else: a pause, another view, another speed."""
        self._write({"note": text, "ms": round(ms, 2)})

    def _write(self, line: dict[str, Any]) -> None:
        self._pending += self._chain.seal(line)
        self.flush()

    def flush(self) -> bool:
        """Writes what waits; says whether nothing waits any more."""
        try:
            while self._pending:
                # A write that stops short leaves half a line in the file; the next one continues it.
                self._pending = self._pending[os.write(self._file, self._pending) :]
            self.problem = ""
        except OSError as error:
            self.problem = f"cannot write {self.path}: {error.strerror}"
        return not self._pending

    def close(self) -> None:
        """Writes the last line, which holds turns and a hash of all before it, and closes the file.

        If there is no room for the last lines, the whole goes to the folder of temporary files.

        Raises:
            RecordingError: If there is no room there either.
        """
        if self._file < 0:
            return
        self._write({"closed": True, "turns": self.turns, "hash": self._chain.hash})
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
