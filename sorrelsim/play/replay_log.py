"""The log of a recording: what happened around the turn looked at, as far as it was ever played. Knows no windows."""

from __future__ import annotations

from sorrelsim.authoring.events import words_of
from sorrelsim.play.log import LogFilter
from sorrelsim.play.session import LogEntry, entries_of
from sorrelsim.recordings import Replay

ACTIONS = "actions of this turn"
"""The kind under which stands what everybody did in the turn looked at."""
MOST = 40
"""Entries that are looked for before the turn, and a quarter of it behind it."""


class ReplayLog(LogFilter):
    """What of a recording's events is shown.

    Args:
        replay: The recording that is played over; from now on it notes what happens.

    Attributes:
        kinds: Kinds of events that it may be limited to.
    """

    def __init__(self, replay: Replay) -> None:
        super().__init__()
        replay.note_events()
        self._replay = replay
        self._words = words_of(type(replay.world).events)
        self.kinds = (*dict.fromkeys(self._words.values()), ACTIONS)
        self.kind = "" if self._words else ACTIONS
        self._entries: dict[int, list[LogEntry]] = {}
        self._known: tuple = ()
        self._shown: tuple[tuple[LogEntry, ...], int] = ((), 0)

    def shown(self) -> tuple[tuple[LogEntry, ...], int]:
        """Returns what is shown, oldest first, and how many of it, the last ones, are yet to come."""
        happened = self._replay.happened or {}
        known = (self._replay.turn, self.slot, self.kind, len(happened))
        if known != self._known:
            self._known = known
            self._shown = self._actions() if self.kind == ACTIONS else self._around(self._replay.turn, len(happened))
        return self._shown

    def _around(self, turn: int, furthest: int) -> tuple[tuple[LogEntry, ...], int]:
        before: list[LogEntry] = []
        after: list[LogEntry] = []
        for k in range(turn, 0, -1):
            before[:0] = filter(self.passes, self._of(k))
            if len(before) >= MOST:
                break
        for k in range(turn + 1, furthest + 1):
            after += filter(self.passes, self._of(k))
            if len(after) >= MOST // 4:
                break
        return (*before[-MOST:], *after[: MOST // 4]), len(after[: MOST // 4])

    def _of(self, turn: int) -> list[LogEntry]:
        if turn not in self._entries and self._replay.happened is not None:
            self._entries[turn] = entries_of(self._replay.happened.get(turn, ()), turn, self._words)
        return self._entries.get(turn, [])

    def _actions(self) -> tuple[tuple[LogEntry, ...], int]:
        turn, recording = self._replay.turn, self._replay.recording
        names = recording.header["actions"]
        did = recording.actions[turn - 1].tolist() if turn else []
        entries = [LogEntry(turn, slot, names[k].replace("_", " "), kind=ACTIONS) for slot, k in enumerate(did)]
        return tuple(entry for entry in reversed(entries) if self.passes(entry)), 0
