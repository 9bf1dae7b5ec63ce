"""Who sat where in a session, and from which turn on: the header says it at first, and a line whenever it changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PERSON = "person"
"""The label of a person among players."""
UNKNOWN = "unknown"
"""The label of whoever plays a slot that a person left, in files that do not say who that is."""


@dataclass(frozen=True)
class Seating:
    """Who sat where for a while.

    Attributes:
        since: The first turn in which they did, from 1.
        people: The slot of each person.
        players: A label for each slot.
        joined: The turn in which each slot's player sat down there, from 1.
    """

    since: int
    people: tuple[int, ...]
    players: tuple[str, ...]
    joined: tuple[int, ...]


def first_seating(header: Mapping[str, Any]) -> Seating:
    """Returns who sat where in the first turn."""
    people, labels = tuple(header["humans"]), header["players"]
    players = tuple(PERSON if slot in people else label for slot, label in enumerate(labels))
    return Seating(1, people, players, (1,) * len(players))


def seating_after(line: Mapping[str, Any], turn: int, now: Seating, header: Mapping[str, Any]) -> Seating | None:
    """Returns who sits where after a line, or None if it says nothing of that.

    Args:
        line: The line, a ``person`` or a ``note``.
        turn: The turn that comes next.
        now: Who sat where before it.
        header: The header.

    Raises:
        ValueError: If there is no such person, or the slots are not theirs to leave and to take.
    """
    if "person" in line:
        person, slot, left, player = line["person"], line["slot"], line["left"], line["player"]
    else:  # what files of before version 3 said in words
        said = re.fullmatch(r"person (\d{1,5}) plays slot (\d{1,5})", line["note"]) if header["version"] < 3 else None
        if said is None:
            return None
        person, slot = int(said[1]), int(said[2])
        left, player = now.people[person] if person < len(now.people) else -1, UNKNOWN
    if person >= len(now.people):
        raise ValueError(f"person {person}, where {len(now.people)} play")
    if slot >= len(now.players) or slot in now.people:
        raise ValueError(f"person {person} cannot change to slot {slot}")
    if left != now.people[person]:
        raise ValueError(f"person {person} left slot {left}, and sat in slot {now.people[person]}")
    players, joined = list(now.players), list(now.joined)
    players[slot], players[left] = PERSON, player
    joined[slot] = joined[left] = turn
    people = tuple(slot if k == person else other for k, other in enumerate(now.people))
    return Seating(turn, people, tuple(players), tuple(joined))
