"""Matrix games: gathers resource 2 only, which is to defect in the dilemmas, then interacts."""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.agents.bots.matrix_collector import MatrixCollector, MatrixCollectorConfig
from sorrelsim.models.ranges import Width


@dataclass(frozen=True)
class MatrixDefectorConfig(MatrixCollectorConfig):
    """Settings of ``MatrixDefector``."""

    resource: Width = 2
    """To defect, to hunt the hare, to be the hawk."""


class MatrixDefector(MatrixCollector):
    """A ``MatrixCollector`` that defects."""

    Config = MatrixDefectorConfig
