"""How an evaluation is to be played, as the command line says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """How it is to be played, and what is to be kept; None leaves it to what is played.

    Attributes:
        episodes: Number of episodes.
        seed: Seed of the copies.
        way: ``own``, ``greedy``, ``sampled`` or ``both``.
        gif, json, csv: Files to write.
        events: Where a table of what happens is written, a file or a folder.
        detail: Of that table: ``events`` or ``steps``.
        trust: Whether Python files may be run that a run folder brings or points to.
    """

    episodes: int | None = None
    seed: int | None = None
    way: str = "own"
    gif: Path | None = None
    json: Path | None = None
    csv: Path | None = None
    events: Path | None = None
    detail: str = "events"
    trust: bool = False


def explore_of(greedy: bool, sample: bool) -> bool | None:
    """Returns whether trained agents explore; None plays each as it is meant to be.

    Raises:
        ValueError: If both ways are asked for.
    """
    if greedy and sample:
        raise ValueError("--greedy and --sample exclude each other")
    return True if sample else False if greedy else None
