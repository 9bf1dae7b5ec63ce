"""Matrix games: gathers resource 1 only, which is to cooperate in the dilemmas, then interacts."""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.agents.bots.matrix_collector import MatrixCollector, MatrixCollectorConfig
from sorrelsim.models.ranges import Width


@dataclass(frozen=True)
class MatrixCooperatorConfig(MatrixCollectorConfig):
    """Settings of ``MatrixCooperator``."""

    resource: Width = 1
    """To cooperate, to hunt the stag, to be the dove."""


class MatrixCooperator(MatrixCollector):
    """A ``MatrixCollector`` that cooperates."""

    Config = MatrixCooperatorConfig
