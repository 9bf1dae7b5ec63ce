"""The agents of a session, who choose their next actions while people look at the last turn, beside the drawing.

A :class:`~sorrelsim.play.session.Session` plays with them as with one player. What they choose depends on the turn
before alone, so it is the same however long it takes them and whenever a person presses a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from sorrelsim.models.agent import Agent
from sorrelsim.models.threads import apply_threads
from sorrelsim.observations.playable import Playable


class Others:
    """Agents that think ahead, in a thread of their own.

    Args:
        agents: The agents; together they play every slot.
    """

    def __init__(self, agents: Sequence[Agent]) -> None:
        self.agents = list(agents)
        self._thread = ThreadPoolExecutor(1, "others", initializer=apply_threads)
        self._chosen: Future[None] | None = None

    def think(self, world: Playable) -> None:
        """Lets them begin to choose from what they see now; the world must stay as it is until :meth:`wait`."""
        self.wait()
        self._chosen = self._thread.submit(self._choose, world)

    def _choose(self, world: Playable) -> None:
        for agent in self.agents:
            agent.transition(world)

    def wait(self) -> None:
        """Waits until they have chosen, if they began to; what goes wrong there is raised here."""
        if self._chosen is not None:
            self._chosen.result()

    def transition(self, world: Playable) -> None:
        """Submits what they chose, now or ahead."""
        if self._chosen is None:
            self.think(world)
        self.wait()
        self._chosen = None

    def remember(self, world: Playable) -> None:
        """Lets each take in what the step brought."""
        for agent in self.agents:
            agent.remember(world)

    def reset(self) -> None:
        """Begins anew in a world that was reset; what they chose for the turn that never came is forgotten."""
        self._chosen = None
        for agent in self.agents:
            agent.reset()

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown()
