"""The events that a world counts, by name: rules add to ``w.events``, metrics and tables show the sums per episode."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Events(IntEnum):
    """Base of a world's events: an ``IntEnum`` whose members count from 0, so that each is a column of ``w.events``.

    A world file declares them beside its params and counts them by name::

        class Event(Events):
            APPLES_EATEN = auto()

        w.events[i, Event.APPLES_EATEN] += 1

    In metrics and tables they go by their names in lower case.
    """

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:
        return count


def event_names(events: type[Events] | Iterable[str]) -> tuple[str, ...]:
    """Returns what the columns of ``w.events`` are called, for an enumeration or for plain names."""
    return tuple(event.name.lower() if isinstance(event, Events) else event for event in events)
