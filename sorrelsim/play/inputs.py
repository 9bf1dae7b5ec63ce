"""From keys that go down and up to one action per turn for every person. Knows nothing of windows.

A window hands over its key events; when a turn is taken, what is asked for here goes to
:meth:`sorrelsim.play.session.Session.step`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Choice(NamedTuple):
    """What a person does in a turn.

    Attributes:
        action: The action.
        ms: When the key for it went down; None where none did.
        held: Whether that key was held down from an earlier turn.
    """

    action: int
    ms: float | None
    held: bool = False


class Inputs:
    """What the people at the keyboard ask for.

    In real time an action is what was pressed last since the turn before, else what is held down, else nothing; a quick
    tap between two turns is never lost. In turns, an action is the key pressed first, and keys pressed ahead wait.

    Args:
        keys: For each person, key name to action.
        idle: The action of doing nothing, or None if the world has none: then the last action goes on.
    """

    def __init__(self, keys: Sequence[dict[str, int]], idle: int | None) -> None:
        self.keys = [dict(person) for person in keys]
        self.idle = idle
        self.held: dict[str, float] = {}
        self._used: set[str] = set()  # keys that were down already at the turn before
        self._tapped: list[list[Choice]] = [[] for _ in keys]
        self._last = [0 if idle is None else idle for _ in keys]

    def person_of(self, key: str) -> int | None:
        """Returns whose key it is."""
        return next((place for place, bound in enumerate(self.keys) if key in bound), None)

    def down(self, key: str, ms: float) -> bool:
        """Takes in that a key went down; returns whether it is for anybody."""
        place = self.person_of(key)
        if place is None:
            return False
        self.held[key] = ms
        self._tapped[place].append(Choice(self.keys[place][key], ms))
        return True

    def up(self, key: str) -> None:
        """Takes in that a key went up."""
        self.held.pop(key, None)

    def release(self) -> None:
        """Forgets all: the window lost the keyboard, or the game was paused."""
        self.held.clear()
        for waiting in self._tapped:
            waiting.clear()

    def _newest(self, place: int) -> str | None:
        """Returns the key that a person pressed last of those held down."""
        return max((key for key in self.held if key in self.keys[place]), key=self.held.__getitem__, default=None)

    def holding(self, place: int) -> int | None:
        """Returns the action of the key that a person pressed last of those held down."""
        key = self._newest(place)
        return None if key is None else self.keys[place][key]

    def now(self) -> list[Choice]:
        """Returns everybody's action for a turn in real time, and when its key went down."""
        chosen: list[Choice] = []
        for place, waiting in enumerate(self._tapped):
            key = self._newest(place)
            if waiting:
                chosen.append(waiting[-1])
                waiting.clear()
            elif key is not None:
                chosen.append(Choice(self.keys[place][key], self.held[key], key in self._used))
            else:
                chosen.append(Choice(self._last[place] if self.idle is None else self.idle, None))
        self._used = set(self.held)
        return self._keep(chosen)

    def waiting_for(self) -> list[int]:
        """Returns the people who have not chosen yet, in turns."""
        return [place for place, waiting in enumerate(self._tapped) if not waiting]

    def take(self) -> list[Choice]:
        """Returns everybody's choice in turns, when :meth:`waiting_for` is empty."""
        return self._keep([waiting.pop(0) for waiting in self._tapped])

    def _keep(self, chosen: list[Choice]) -> list[Choice]:
        self._last = [choice.action for choice in chosen]
        return chosen
