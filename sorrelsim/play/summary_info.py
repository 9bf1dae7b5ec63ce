"""What closes an episode, as data: who earned what, highest first, and what to press."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from sorrelsim.play.session import EpisodeSummary


@dataclass(frozen=True)
class SummaryRow:
    """What one agent earned: its slot, who plays it, whether that is a person, and its return."""

    slot: int
    label: str
    mine: bool
    value: float


@dataclass(frozen=True)
class SummaryInfo:
    """What is shown at the end of an episode.

    Attributes:
        heading: What is over.
        total: How long it was, and what all earned together if all are shown.
        rows: Who earned what, highest first.
        foot: What to press.
    """

    heading: str
    total: str
    rows: tuple[SummaryRow, ...]
    foot: str


def summary_of(
    summary: EpisodeSummary, players: Sequence[str], people: Collection[int], words: tuple[str, str], only: int | None
) -> SummaryInfo:
    """Returns what is shown of an episode.

    Args:
        summary: The episode.
        players: A label for each slot.
        people: The slots that people play.
        words: The heading, and what to press.
        only: The slot that alone is shown; None for all.
    """
    person = "you" if len(people) == 1 else "person"
    rows = tuple(
        SummaryRow(slot, person if slot in people else players[slot], slot in people, float(summary.returns[slot]))
        for slot in np.argsort(-summary.returns, kind="stable").tolist()
        if only in (None, slot)
    )
    total = f"{summary.steps} turns"
    if only is None:
        total += f"  \u00b7  together {summary.returns.sum():g}"
    return SummaryInfo(words[0], total, rows, words[1])
