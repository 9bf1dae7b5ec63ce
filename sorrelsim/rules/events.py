"""Notes of what happened between agents, for tables: who did what to whom, and where. The game never sees them.

Nothing is noted unless somebody asks for it (``world.note_events()``): then every copy has room for so many notes, and
whoever asked takes them out in time. Every event that a world counts is noted as well, by the engine.
"""

from __future__ import annotations

from typing import Any

from sorrelsim.rules.rule import rule

PAIRS = 1 << 16
"""The first number of the events between two agents; those below are columns of ``w.events``."""
DETAILS = 5
"""The most numbers that a note brings beside the two agents and the place."""
NOBODY = -1
"""Whom an event concerned that has no second agent."""
WRITTEN, TURNS, EPISODE = range(3)
"""What ``w.noted`` holds: notes since they were last taken out, turns before this one, the number of the episode."""
NOTE = ("turn", "episode", "step", "what", "agent", "whom", "row", "col")
"""What the columns of ``w.notes`` hold."""


class Pair(list[str]):
    """An event between two agents as it is declared: the names of its details, and what it says."""

    says: str = ""


def pair(*details: str, says: str = "") -> Any:
    """Declares an event between two agents, which a rule notes with ``events.note(w, i, Event.ZAP, j)``.

    It is no column of ``w.events`` and changes nothing in the game: only tables of what happened have it, and windows
    in which people play say it.

    Args:
        *details: Names of further numbers that each note brings, at most five: columns of those tables.
        says: What stands between the two agents in words, such as ``zapped``; by default the event's name.

    Raises:
        ValueError: If there are more.
    """
    if len(details) > DETAILS:
        raise ValueError(f"pair({', '.join(details)}): {len(details)} details; allowed: at most {DETAILS}")
    declared = Pair(details)
    declared.says = says
    return declared


@rule
def note(w, i, what, j, a=0.0, b=0.0, c=0.0, d=0.0, e=0.0):
    """Notes that agent ``i`` did ``what``, declared with :func:`pair`, to agent ``j``, in the cell where ``j`` stands.

    ``a`` to ``e`` are the details that the event declares, in their order.
    """
    if w.notes.shape[0] > 0:
        _write(w, i, what, j, w.pos[j, 0], w.pos[j, 1], 1.0, (a + 0.0, b + 0.0, c + 0.0, d + 0.0, e + 0.0))


@rule
def note_at(w, i, what, j, row, col, a=0.0, b=0.0, c=0.0, d=0.0, e=0.0):
    """Notes that agent ``i`` did ``what`` to agent ``j`` in a cell, such as that of a thing of its own."""
    if w.notes.shape[0] > 0:
        _write(w, i, what, j, row, col, 1.0, (a + 0.0, b + 0.0, c + 0.0, d + 0.0, e + 0.0))


@rule
def _write(w, i, what, j, row, col, amount, details):
    """Writes a note; one for which there is no room is counted, so that it is told."""
    n = w.noted[WRITTEN]
    w.noted[WRITTEN] = n + 1
    if n < w.notes.shape[0]:
        w.notes[n, 0] = w.noted[TURNS] + 1
        w.notes[n, 1] = w.noted[EPISODE]
        w.notes[n, 2] = w.turn
        w.notes[n, 3] = what
        w.notes[n, 4] = i
        w.notes[n, 5] = j
        w.notes[n, 6] = row
        w.notes[n, 7] = col
        w.amounts[n, 0] = amount
        for k in range(1, w.amounts.shape[1]):
            w.amounts[n, k] = details[k - 1]


@rule
def note_counts(w, counts, seen):
    """Notes what was counted in this step, each agent where it stands now; the engine calls it at the end of a step.

    Args:
        w: The copy.
        counts: ``w.events`` in one row.
        seen: The same as it was when this was called last, which it brings up to date.
    """
    changed = 0
    for k in range(seen.shape[0]):
        changed += counts[k] != seen[k]
    if changed > 0:
        for k in range(seen.shape[0]):
            if counts[k] != seen[k]:
                i, more = k // w.events.shape[1], counts[k] - seen[k]
                what = k - i * w.events.shape[1]
                _write(w, i, what, NOBODY, w.pos[i, 0], w.pos[i, 1], more, (0.0, 0.0, 0.0, 0.0, 0.0))
                seen[k] = counts[k]
    w.noted[TURNS] += 1
    if w.ended[0]:
        w.noted[EPISODE] += 1
        for k in range(seen.shape[0]):
            seen[k] = 0.0
