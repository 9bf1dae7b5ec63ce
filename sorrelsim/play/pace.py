"""The pace of a window that shows turns: when the next one is due, and how far everybody has walked since the last."""

from __future__ import annotations

SPEEDS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20)
"""Turns per second that the keys for faster and slower go through."""


class Pace:
    """A clock of turns. It is told the time, in seconds, and never reads it.

    Args:
        speed: Turns per second.

    Attributes:
        turned: When the last turn was taken.
    """

    def __init__(self, speed: float) -> None:
        self.speed = float(speed)
        self.turned = 0.0
        self._walk = 0.12  # seconds in which everybody walks from cell to cell

    def wait(self, now: float) -> float:
        """Returns the seconds until the next turn is due, 0 once it is."""
        return max(0.0, self.turned + 1 / self.speed - now)

    def beat(self, now: float) -> float:
        """Returns when a turn taken now was due, so that the pace does not drift; but never hurrying to catch up."""
        step = 1 / self.speed
        return self.turned + step if now - self.turned < 2 * step else now

    def turn(self, at: float, by_itself: bool) -> None:
        """Takes a turn; one that came by itself leaves no more time for walking than the next one allows."""
        self.turned = at
        self._walk = min(0.16, 1 / self.speed) if by_itself else 0.12

    def walking(self, now: float) -> bool:
        """Whether somebody may still be between two cells."""
        return now - self.turned < self._walk

    def progress(self, now: float) -> float:
        """Returns how far everybody has walked since the last turn: 0 to 1."""
        return min(1.0, max(0.0, (now - self.turned) / self._walk))

    def change(self, steps: int) -> None:
        """Goes faster, or slower, along :data:`SPEEDS`."""
        nearest = min(range(len(SPEEDS)), key=lambda k: abs(SPEEDS[k] - self.speed))
        self.speed = float(SPEEDS[min(max(nearest + steps, 0), len(SPEEDS) - 1)])
