"""What an evaluation found, as rows for tables, JSON and CSV: means over episodes with 95% bootstrap intervals."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.experiments.measures import Episodes, efficiency, equality, peace, per_capita_return, sustainability
from sorrelsim.experiments.statistics import interval
from sorrelsim.writing import write_beside

Record = dict[str, Any]
"""One row: ``measure``, ``of``, ``slots``, ``player``, ``mean``, ``low``, ``high``, ``episodes``."""


@dataclass(frozen=True)
class Outcome:
    """Episodes, and who played them.

    Attributes:
        title: The world.
        players: The player of each slot.
        focal: The slots that were looked at; the others were background.
        episodes: What was played.
        asked: Number of episodes that were to be played; those that had not ended are left out.
        seed: Seed of the copies.
        way: How trained agents played: ``own``, ``greedy`` or ``sampled``.
    """

    title: str
    players: tuple[str, ...]
    focal: tuple[int, ...]
    episodes: Episodes
    asked: int
    seed: int
    way: str = "own"

    @property
    def background(self) -> tuple[int, ...]:
        """The slots that were not focal."""
        return tuple(slot for slot in range(len(self.players)) if slot not in self.focal)

    def groups(self) -> dict[str, tuple[int, ...]]:
        """Returns the slots of ``focal``, and of ``background`` if there are any."""
        return {"focal": self.focal} | ({"background": self.background} if self.background else {})

    def records(self) -> list[Record]:
        """Returns all that is reported, a row each."""
        return [*self._returns(), *self._measures(), *self._events()]

    def _returns(self) -> Iterator[Record]:
        returns = self.episodes.returns
        for of, slots in self.groups().items():
            yield self._record("per_capita_return", of, slots, per_capita_return(returns, slots))
        for slot in range(len(self.players)):
            yield self._record("return", "slot", (slot,), returns[:, slot])

    def _measures(self) -> Iterator[Record]:
        played, everybody = self.episodes, tuple(range(len(self.players)))
        for name, values in (
            ("efficiency", efficiency(played.returns, played.lengths)),
            ("equality", equality(played.returns)),
            ("sustainability", sustainability(played.reward_times, played.reward_counts)),
            ("peace", peace(played.steps_out, played.lengths)),
            ("per_capita_return", per_capita_return(played.returns)),
            ("episode_length", played.lengths.astype(float)),
        ):
            yield self._record(name, "all", everybody, values)

    def _events(self) -> Iterator[Record]:
        for k, name in enumerate(self.episodes.event_names):
            for of, slots in self.groups().items():
                yield self._record(name, of, slots, self.episodes.events[:, list(slots), k].mean(1))

    def _record(self, measure: str, of: str, slots: Sequence[int], values: np.ndarray) -> Record:
        known = values[~np.isnan(values)]
        low, high = interval(known)
        return {
            "measure": measure,
            "of": of,
            "slots": " ".join(map(str, slots)),
            "player": " ".join(dict.fromkeys(self.players[slot] for slot in slots)),
            "mean": float(known.mean()) if len(known) else math.nan,
            "low": low,
            "high": high,
            "episodes": len(known),
        }

    def facts(self) -> Record:
        """Returns what was played, and all that is reported, as plain data."""
        return {
            "world": self.title,
            "seed": self.seed,
            "way": self.way,
            "episodes": len(self.episodes),
            "left_out": self.asked - len(self.episodes),
            "players": list(self.players),
            "focal": list(self.focal),
            "results": self.records(),
        }


def write_json(path: str | Path, facts: Any) -> Path:
    """Writes plain data as JSON, whole or not at all; what is not a number becomes null."""
    return write_beside(path, json.dumps(_plain(facts), indent=2, allow_nan=False) + "\n")


def write_csv(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Writes rows with the same columns as CSV, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return write_beside(path, text.getvalue())


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
