"""Collaborative Cooking's loader: fills pots with tomatoes, and leaves the soup to others."""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.agents.bots.collaborative_cooking_soloist import (
    CollaborativeCookingSoloist,
    CollaborativeCookingSoloistConfig,
)


@dataclass(frozen=True)
class CollaborativeCookingLoaderConfig(CollaborativeCookingSoloistConfig):
    """Settings of ``CollaborativeCookingLoader``."""

    serves: bool = False
    """That is for others."""


class CollaborativeCookingLoader(CollaborativeCookingSoloist):
    """A ``CollaborativeCookingSoloist`` that only fills pots."""

    Config = CollaborativeCookingLoaderConfig
