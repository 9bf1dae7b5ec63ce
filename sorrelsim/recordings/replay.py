"""Playing a session over again, turn by turn, to the same states; between what was read and what is made of it.

Going back is cheap: a snapshot of the world is kept every so many turns, and play goes on from the nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.recordings.spec import RecordingError, WorldSpec, state_hash, world_hash

SNAPSHOT_EVERY = 64
"""Turns between two snapshots."""


@dataclass(eq=False)
class Session:
    """What stands in a file: the header, and a session's turns as arrays.

    Attributes:
        path: The file.
        header: Its first line.
        actions: ``int64[turn, slot]``.
        rewards: ``float64[turn, slot]``.
        ms: ``float64[turn]``, milliseconds since the session began.
        ends: ``bool[turn]``, whether the turn ended an episode.
        resets: Numbers of the turns before which the episode was started anew by hand, once per time.
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

    @property
    def spec(self) -> WorldSpec:
        """How to make its world."""
        return WorldSpec(self.header["world"], self.header["seed"], self.header["settings"])


class Replay:
    """Plays a session over again; goes to any turn, backwards too.

    Args:
        recording: What is played.
        check: Whether to compare the world's version, and every state hash on the way.

    Raises:
        RecordingError: If the world here has other actions or is of another version; the message says what is what.

    Attributes:
        recording: What is played.
        world: The world after the last turn played.
        turn: Number of turns played.
    """

    def __init__(self, recording: Session, check: bool = True) -> None:
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

    def restart(self) -> None:
        """Does the restarts by hand that lie between the turn played last and the next."""
        if not self._restarted:
            for _ in range(self.recording.resets.count(self.turn + 1)):
                self.world.reset()
            self._restarted = True

    def forward(self) -> None:
        """Plays one turn.

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
        if self.turn % SNAPSHOT_EVERY == 0:
            self._snapshots.setdefault(self.turn, self.world.get_state())

    def go(self, turn: int) -> None:
        """Goes to the state after a turn; 0 is the first state."""
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


def _check_version(recording: Session, world: Gridworld) -> None:
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
