"""Playing a step: the one statement of how agents and a world take turns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorrelsim.models.agent import Agent
    from sorrelsim.observations.playable import Playable


def play_step(world: Playable, agents: Iterable[Agent]) -> None:
    """Lets every agent choose, the world move, and every agent take in what came of it.

    Args:
        world: The world.
        agents: Its players; together they play all slots. Gone through twice, in the same order.
    """
    agents = list(agents)
    for agent in agents:
        agent.transition(world)
    world.step()
    for agent in agents:
        agent.remember(world)
