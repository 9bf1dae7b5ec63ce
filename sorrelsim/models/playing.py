"""Playing a step: the one statement of how agents and a world take turns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sorrelsim.observations.playable import Playable


class Player(Protocol):
    """Who takes part in a step: an :class:`~sorrelsim.models.agent.Agent`, or people whose actions come otherwise."""

    def transition(self, world: Playable) -> None:
        """Submits actions for its slots."""

    def remember(self, world: Playable) -> None:
        """Takes in what the step brought."""


def play_step(world: Playable, agents: Iterable[Player]) -> None:
    """Lets every agent choose, the world move, and every agent take in what came of it.

    Args:
        world: The world.
        agents: Its players; together they play all slots. Gone through twice, in the same order: what a later one
            submits for a slot overrules an earlier one.
    """
    agents = list(agents)
    for agent in agents:
        agent.transition(world)
    world.step()
    for agent in agents:
        agent.remember(world)
