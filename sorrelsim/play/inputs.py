"""From keys that go down and up to one action a turn for every person. Knows nothing of windows."""

from __future__ import annotations

from collections.abc import Sequence


class Inputs:
    """What the people at the keyboard ask for.

    In real time an action is what was pressed last since the turn before, else what is held down, else nothing. A
    quick tap between two turns is never lost. In turns, an action is
    the key pressed first, and keys pressed ahead wait.

    Args:
        keys: For each person, key name to action.
        idle: The action of doing nothing, or None if the world has none: then the last action goes on.
    """

    def __init__(self, keys: Sequence[dict[str, int]], idle: int | None) -> None:
        self.keys = [dict(person) for person in keys]
        self.idle = idle
        self.held: dict[str, float] = {}
        self._tapped: list[list[tuple[int, float]]] = [[] for _ in keys]
        self._last = [0 if idle is None else idle for _ in keys]

    def person_of(self, key: str) -> int | None:
        """Whose key it is."""
        return next((place for place, bound in enumerate(self.keys) if key in bound), None)

    def down(self, key: str, ms: float) -> tuple[int, int] | None:
        """A key went down; the person and the action, if it is for one."""
        place = self.person_of(key)
        if place is None:
            return None
        action = self.keys[place][key]
        self.held[key] = ms
        self._tapped[place].append((action, ms))
        return place, action

    def up(self, key: str) -> None:
        """A key went up."""
        self.held.pop(key, None)

    def release(self) -> None:
        """All keys went up and nothing waits: the window lost the keyboard, or the game was paused."""
        self.held.clear()
        for waiting in self._tapped:
            waiting.clear()

    def holding(self, place: int) -> int | None:
        """The action of the key that a person pressed last of those held down."""
        own = [key for key in self.held if key in self.keys[place]]
        return self.keys[place][max(own, key=self.held.__getitem__)] if own else None

    def now(self) -> list[tuple[int, float | None]]:
        """Everybody's action for a turn in real time, and when its key went down."""
        out: list[tuple[int, float | None]] = []
        for place, waiting in enumerate(self._tapped):
            held = [key for key in self.held if key in self.keys[place]]
            if waiting:
                action, ms = waiting[-1]
                waiting.clear()
                out.append((action, ms))
            elif held:
                newest = max(held, key=self.held.__getitem__)
                out.append((self.keys[place][newest], self.held[newest]))
            else:
                out.append((self._last[place] if self.idle is None else self.idle, None))
            self._last[place] = out[-1][0]
        return out

    def waiting_for(self) -> list[int]:
        """The people who have not chosen yet, in turns."""
        return [place for place, waiting in enumerate(self._tapped) if not waiting]

    def take(self) -> list[tuple[int, float | None]]:
        """Everybody's choice in turns, when :meth:`waiting_for` is empty."""
        out: list[tuple[int, float | None]] = []
        for place, waiting in enumerate(self._tapped):
            out.append(waiting.pop(0))
            self._last[place] = out[-1][0]
        return out
