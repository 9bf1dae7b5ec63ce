"""The events of a world, by name: those that it counts, and those between two agents that tables name both of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any

from sorrelsim.rules.events import PAIRS, Pair


class Events(IntEnum):
    """Base of a world's events: an ``IntEnum`` whose members count from 0, so that each is a column of ``w.events``.

    A world file declares them beside its params and counts them by name::

        class Event(Events):
            APPLES_EATEN = auto()
            ZAP = events.pair()  # who zapped whom

        w.events[i, Event.APPLES_EATEN] += 1
        events.note(w, i, Event.ZAP, hit)

    In metrics and tables they go by their names in lower case. Those of two agents, declared with
    :func:`~sorrelsim.rules.events.pair`, are no columns.

    Attributes:
        details: What a note of it brings beside the two agents, by name.
        says: What it says between the two agents, such as ``zapped``; empty where its name has to do.
    """

    details: tuple[str, ...]  # type: ignore[misc]  # no member
    says: str  # type: ignore[misc]  # no member

    def __new__(cls, value: Any) -> Events:
        details: tuple[str, ...] = ()
        says = ""
        if isinstance(value, Pair):
            details, says = tuple(value), value.says
            value = PAIRS + sum(each >= PAIRS for each in cls.__members__.values())
        member = int.__new__(cls, value)
        member._value_ = value
        member.details = details  # type: ignore[misc]
        member.says = says  # type: ignore[misc]
        return member

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[Any]) -> int:
        return sum(not isinstance(value, Pair) for value in last_values)


def event_names(events: type[Events] | Iterable[str]) -> tuple[str, ...]:
    """Returns what the columns of ``w.events`` are called, for an enumeration or for plain names."""
    return names_of(event for event in events if not _is_pair(event))


def names_of(events: Iterable[Any]) -> tuple[str, ...]:
    """Returns what events are called, given as members of an enumeration or by their names."""
    return tuple(event.name.lower() if isinstance(event, Events) else event for event in events)


def pairs_of(events: type[Events] | Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Returns the events between two agents, by name in their order, with the names of their details."""
    return {event.name.lower(): event.details for event in events if isinstance(event, Events) and _is_pair(event)}


def words_of(events: type[Events] | Sequence[str]) -> dict[str, str]:
    """Returns what every event is called in words, by name: ``zapped`` for two agents, ``apples eaten`` for a count."""
    plain = {name: name.replace("_", " ") for name in (*event_names(events), *pairs_of(events))}
    return plain | {event.name.lower(): event.says for event in events if isinstance(event, Events) and event.says}


def _is_pair(event: Any) -> bool:
    return isinstance(event, Events) and event >= PAIRS
