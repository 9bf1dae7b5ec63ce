"""Tit for tat for the prisoners' dilemma of the matrix games: plays what it was met with last, and begins kindly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.agents.bots.matrix_collector import MatrixCollector, MatrixCollectorConfig
from sorrelsim.models.base import Seat, Transition
from sorrelsim.models.ranges import Payoff


@dataclass(frozen=True)
class MatrixTitForTatConfig(MatrixCollectorConfig):
    """Settings of ``MatrixTitForTat``; ``resource`` is what it begins with."""

    kind_when_kind: Payoff = 1.8
    """Payoff from which on the other is taken to have cooperated where it cooperated itself."""
    kind_when_not: Payoff = 2.8
    """The same where it defected itself."""


class MatrixTitForTat(MatrixCollector):
    """Gathers resource 1 until it is paid as one who was defected on, then 2 until it is met kindly again."""

    Config = MatrixTitForTatConfig

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns where each stream wanders to, and whether it defects."""
        return super().new_carry(n_streams) | {"defects": np.zeros(n_streams, np.int64)}

    def wanted(self, n: int, seat: Seat | None) -> np.ndarray:
        """Returns the resource that each stream gathers, int64 [n]."""
        return 1 + seat.carry["defects"] if seat is not None else np.ones(n, np.int64)

    def remember(self, transition: Transition) -> None:
        """Reads off the payoff of an interaction how it was met."""
        defects, paid = transition.seat.carry["defects"], transition.reward > 0
        kindly = transition.reward >= np.array([self.config.kind_when_kind, self.config.kind_when_not])[defects]
        defects[paid] = ~kindly[paid]
