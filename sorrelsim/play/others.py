"""The agents of a session, who choose their next actions while people look at the last turn, beside the drawing.

A :class:`~sorrelsim.play.session.Session` plays with them as with one player. What they choose depends on the turn
before alone, so it is the same however long it takes them and whenever a person presses a key. Agents of several
sessions may think in one thread, where those that share a model are asked in one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from sorrelsim.models.agent import Agent
from sorrelsim.models.explanation import Explanation
from sorrelsim.models.playing import choose_together
from sorrelsim.models.threads import apply_threads
from sorrelsim.observations.playable import Playable


class Thinking:
    """A thread in which agents choose, of one session or of several."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "others", initializer=apply_threads)
        self._asked: list[tuple[Sequence[Agent], Playable, Future[None]]] = []
        self._gathering = False

    def ask(self, agents: Sequence[Agent], world: Playable) -> Future[None]:
        """Asks agents to choose from what they see now; the world must stay as it is until they have."""
        answer: Future[None] = Future()
        self._asked.append((agents, world, answer))
        if not self._gathering:
            self.begin()
        return answer

    def begin(self) -> None:
        """Lets all who were asked begin."""
        asked, self._asked = self._asked, []
        if asked:
            self._thread.submit(_choose, asked)

    def wait_for(self, answer: Future[None]) -> None:
        """Waits until those have chosen whose answer it is; what goes wrong there is raised here."""
        if any(answer is waiting for _, _, waiting in self._asked):  # it can wait no longer for the others
            self.begin()
        answer.result()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within it, agents who are asked wait for each other; at its end all begin, so one model is asked once."""
        self._gathering = True
        try:
            yield
        finally:
            self._gathering = False
            self.begin()

    def explain(self, agent: Agent, world: Playable, slot: int) -> Future[Explanation | None]:
        """Asks an agent what it makes of what it sees, in the thread in which it chooses."""
        return self._thread.submit(agent.explain, world, slot)

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown()


def _choose(asked: Sequence[tuple[Sequence[Agent], Playable, Future[None]]]) -> None:
    try:
        choose_together((agent, world) for agents, world, _ in asked for agent in agents)
    except BaseException as error:  # raised again where somebody waits for the answer
        for _, _, answer in asked:
            answer.set_exception(error)
    else:
        for _, _, answer in asked:
            answer.set_result(None)


class Others:
    """Agents that think ahead.

    Args:
        agents: The agents; together they play every slot.
        thinking: Where they think; by default in a thread of their own.
    """

    def __init__(self, agents: Sequence[Agent], thinking: Thinking | None = None) -> None:
        self.agents = list(agents)
        for agent in self.agents:
            agent.explainable = True  # they choose ahead, and may be asked afterwards
        self._own = thinking is None
        self._thinking = Thinking() if thinking is None else thinking
        self._chosen: Future[None] | None = None
        self._told: Future[Explanation | None] | None = None

    def think(self, world: Playable) -> None:
        """Lets them begin to choose from what they see now; the world must stay as it is until :meth:`wait`."""
        self.wait()
        self._chosen = self._thinking.ask(self.agents, world)

    def wait(self) -> None:
        """Waits until they have chosen, if they began to; what goes wrong there is raised here."""
        if self._chosen is not None:
            self._thinking.wait_for(self._chosen)
        if self._told is not None:
            wait([self._told])  # what goes wrong there concerns those who asked

    def explain(self, world: Playable, slot: int) -> Future[Explanation | None]:
        """Asks the agent of a slot what it makes of what it sees now; the next turn waits until it has told."""
        agent = next(each for each in self.agents if slot in each.slots)
        self._told = self._thinking.explain(agent, world, slot)
        return self._told

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
        """Ends their thread, if it is theirs."""
        if self._own:
            self._thinking.close()
