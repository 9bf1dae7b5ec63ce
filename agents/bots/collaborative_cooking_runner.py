"""Collaborative Cooking's runner: fetches dishes, takes soups out of pots and delivers them."""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.agents.bots.collaborative_cooking_soloist import (
    CollaborativeCookingSoloist,
    CollaborativeCookingSoloistConfig,
)


@dataclass(frozen=True)
class CollaborativeCookingRunnerConfig(CollaborativeCookingSoloistConfig):
    """Settings of ``CollaborativeCookingRunner``."""

    loads: bool = False
    """That is for others."""


class CollaborativeCookingRunner(CollaborativeCookingSoloist):
    """A ``CollaborativeCookingSoloist`` that only serves."""

    Config = CollaborativeCookingRunnerConfig
