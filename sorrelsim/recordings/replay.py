"""Playing a session over again, turn by turn, to the same states; between what was read and what is made of it.

Going back is cheap: a snapshot of the world is kept every so many turns, and play goes on from the nearest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.authoring.window import Window
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import unknown
from sorrelsim.library.find import NotFound, find_class
from sorrelsim.library.trust import require_library
from sorrelsim.recordings.seating import Seating
from sorrelsim.recordings.spec import MARKED, RecordingError, WorldSpec, state_hash, world_hash

SNAPSHOT_EVERY = 64
"""Turns between two snapshots."""
MOST_RESTARTS = 64
"""Restarts in a row that a replay does one by one; of more it does the last, from where the random stream stood."""
INTERPRETED = 2**18
"""Cells of the map times agents up to which a session is replayed interpreted; larger ones are compiled."""
LARGEST = 2**26
"""Cells of the map, or bytes of what an agent sees, times agents: the largest that is replayed at all."""


@dataclass(eq=False)
class Recorded:
    """What stands in a file: the header, and a session's turns as arrays.

    Attributes:
        path: The file.
        header: Its first line.
        actions: ``int64[turn, slot]``.
        rewards: ``float64[turn, slot]``.
        ms: ``float64[turn]``, milliseconds since the session began.
        ends: ``bool[turn]``, whether the turn ended an episode.
        resets: Numbers of the turns before which the episode was started anew by hand, once per time.
        streams: By such a turn, where the random stream stood before the last restart; None where the file has it not.
        pressed: ``float64[turn, slot]``, when the key went down that chose the action, NaN where none did.
        seen: ``float64[turn]``, when the picture that people acted on reached the screen, NaN where none did.
        held: ``bool[turn, slot]``, whether the key that chose the action was down since an earlier turn.
        hashes: Turn number (0 the first state) to state hash after it.
        keys: Every key that went down or up, as in the file.
        notes: Everything else, as in the file.
        seatings: Who sat where, from which turn on, oldest first.
        cut: Whether the file ended in the middle of a line.
        closed: Whether its last line says that all that was written is there, unchanged.
    """

    path: Path
    header: dict[str, Any]
    actions: np.ndarray
    rewards: np.ndarray
    ms: np.ndarray
    ends: np.ndarray
    resets: list[int]
    streams: dict[int, list[int] | None]
    pressed: np.ndarray
    seen: np.ndarray
    held: np.ndarray
    hashes: dict[int, str]
    keys: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    seatings: list[Seating]
    cut: bool
    closed: bool

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def spec(self) -> WorldSpec:
        """How to make its world."""
        return WorldSpec(self.header["world"], self.header["seed"], self.header["settings"])

    def seating(self, turn: int) -> Seating:
        """Returns who sat where in a turn, numbered from 1."""
        return next(seating for seating in reversed(self.seatings) if seating.since <= max(1, turn))

    def first_of_episode(self, turn: int) -> int:
        """Returns the turn after which the episode began in which a turn lies."""
        ended = np.flatnonzero(self.ends[: max(0, turn - 1)]) + 1
        return max([0, *ended.tolist(), *(k - 1 for k in self.resets if k <= turn)])

    @property
    def remark(self) -> str:
        """What a reader should know of the file in a line; empty if it came to its end."""
        if self.closed:
            return ""
        if self.header["version"] < MARKED:
            return "Format version 1: changes after its last state hash cannot be seen."
        return f"Unfinished: it was cut off, and this is all up to its last whole line, {len(self)} turns."

    @cached_property
    def restarts(self) -> Counter[int]:
        """How often the episode was started anew by hand before a turn, by its number."""
        return Counter(self.resets)


class Replay:
    """Plays a session over again; goes to any turn, backwards too.

    Args:
        recording: What is played.
        check: Whether to compare the world's version, and rewards, ends and every state hash on the way.
        trust: Whether a world file that is not the library's may be run.
        world: The world in its first state, if it is at hand; by default it is made as the recording says.

    Raises:
        RecordingError: If the world here cannot be made as recorded, has other actions or is of another version; the
            message says what is what.
        Untrusted: If the world is not the library's, and not trusted.

    Attributes:
        recording: What is played.
        world: The world after the last turn played.
        turn: Number of turns played.
        happened: What happened in each turn that was ever played, by its number; None until :meth:`note_events`.
    """

    def __init__(
        self, recording: Recorded, check: bool = True, trust: bool = False, world: Gridworld | None = None
    ) -> None:
        self.recording, self.check = recording, check
        self.world = _world_of(recording, trust) if world is None else world
        self.happened: dict[int, list[Any]] | None = None
        self.turn = 0
        self._restarted = False
        self._snapshots = {0: self.world.get_state()}
        if check:
            _check_version(recording, self.world, trust)
            self._compare()

    def note_events(self) -> None:
        """Notes from now on what happens in every turn, in :attr:`happened`."""
        self.world.note_events()
        self.happened = {}

    def restart(self) -> None:
        """Does the restarts by hand that lie between the turn played last and the next.

        Raises:
            RecordingError: If there are more than anybody makes, and the file does not say where they led.
        """
        if self._restarted:
            return
        recording, following = self.recording, self.turn + 1
        times = recording.restarts[following]
        stream = recording.streams.get(following)
        if times > MOST_RESTARTS:  # a restart depends on the random stream alone
            if stream is None:
                raise RecordingError(
                    f"{recording.path}: {times:,} restarts in a row before turn {following}; at most {MOST_RESTARTS} "
                    "are replayed where a file does not say how the random stream stood"
                )
            self.world.rng[...] = np.array(stream, np.uint64)
            times = 1
        for _ in range(times):
            self.world.reset()
        self._restarted = True

    def forward(self) -> None:
        """Plays one turn.

        Raises:
            IndexError: At the end.
            RecordingError: If the state, a reward or an end differs from that recorded; the message names the turn.
        """
        recording = self.recording
        if self.turn >= len(recording):
            raise IndexError(f"the recording has {len(recording)} turns")
        try:
            self.restart()
            self.world.step(recording.actions[None, self.turn])
        except RecordingError:
            raise
        except Exception as error:  # whatever settings from somebody else make of a rule
            raise RecordingError(f"{recording.path}: turn {self.turn + 1} cannot be played: {error}") from error
        self.turn += 1
        self._restarted = False
        if self.happened is not None:
            self.happened.setdefault(self.turn, list(self.world.happened()))
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
        """Compares what the turn brought with what is recorded."""
        recording, world = self.recording, self.world
        if self.turn:
            then, now = recording.rewards[self.turn - 1], world.reward[0]
            for slot in np.flatnonzero((then != now) & ~(np.isnan(then) & np.isnan(now))):
                self._part(f"reward {float(then[slot])} of slot {slot}, here {float(now[slot])}")
            ended = bool(world.info["ended"][0])
            if recording.ends[self.turn - 1] != ended:
                words = ("that the episode goes on", "the episode's end")
                self._part(f"{words[not ended]}, here {words[ended]}")
        recorded = recording.hashes.get(self.turn)
        if recorded is not None and recorded != (here := state_hash(world)):
            self._part(f"state {recorded}, here {here}")

    def _part(self, what: str) -> None:
        changed = "" if self.recording.header["version"] >= MARKED else ", or the file was"
        raise RecordingError(
            f"{self.recording.path}: the replay parts from the recording at turn {self.turn}: recorded {what}. "
            f"The rules of {self.world.name} or its library have changed{changed}"
        )


def _world_of(recording: Recorded, trust: bool) -> Gridworld:
    """Makes a session's world, interpreted unless it is large; a file of somebody's own only if it is trusted."""
    header, spec, path = recording.header, recording.spec, recording.path
    require_library(path, [(spec.name, "worlds")], trust, "--trust (from Python: replay(trust=True))")
    try:
        cls: type[Gridworld] = find_class(spec.name, "worlds", Gridworld)
        maps = cls.maps
        given = spec.settings.get("map")
        if isinstance(given, str) and "\n" not in given and given not in maps:
            raise ValueError(unknown(f"map of {spec.name}", given, maps))  # a recording never names another file
        work = _work_of(cls, header, maps.get(given, given) if given else next(iter(maps.values())))
        if work > LARGEST:
            raise ValueError(f"map, agents and windows make {work:,} cells; at most {LARGEST:,} are replayed")
        world = spec.make(compiled=work > INTERPRETED)
    except NotFound as error:
        raise RecordingError(f"{path}: {error}") from None
    except Exception as error:  # whatever a file from somebody else makes of a world
        raise RecordingError(f"{path}: its world cannot be made: {error}") from error
    if world.action_names != tuple(header["actions"]):
        raise RecordingError(
            f"{path}: recorded with the actions {', '.join(header['actions'])}; "
            f"{world.name} has {', '.join(world.action_names)} here"
        )
    if world.n_agents != header["n_agents"]:
        raise RecordingError(f"{path}: recorded with {header['n_agents']} agents; {world.n_agents} are made here")
    return world


def _work_of(cls: type[Gridworld], header: Mapping[str, Any], text: Any) -> int:
    """Estimates what a world takes to make and step: the cells that its agents may start from, the bytes they see."""
    settings, cells = header["settings"], len(str(text))
    asked = settings.get("n_agents")
    agents = max(header["n_agents"], asked if type(asked) is int else 0)
    window = settings.get("window")
    reach = window if isinstance(window, Mapping) else vars(cls.window if window is None else Window())
    ahead, back, left, right = (
        value if type(value := reach.get(side, 9)) is int else 9 for side in ("forward", "back", "left", "right")
    )
    seen = cells if reach.get("whole_map") else (ahead + 1 + back) * (left + 1 + right)
    pixels = 1 if settings.get("observation", "symbolic") == "symbolic" else 48
    return agents * max(cells, 4 * pixels * seen)


def _check_version(recording: Recorded, world: Gridworld, trust: bool) -> None:
    then, now = recording.header["world_version"], world.version
    if then == now:
        return
    try:
        replay = Replay(recording, check=False, trust=trust)
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
