"""A step of a world share by share: while agents choose for some of the copies, others are stepped by another thread.

Copies know nothing of each other, each has its own random stream, and all answer into one
:class:`~sorrelsim.engine.answers.Answer`. So what comes of a step does not depend on the number of shares::

    agents    choose for share 0 | choose for share 1 |              | take in what came of it
    engine                       | steps share 0      | steps share 1|
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from sorrelsim.engine.answers import Answer
from sorrelsim.engine.compiled import Compiled
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.engine.kernel_text import STEP
from sorrelsim.settings import whole


class Halves:
    """Steps a world share by share. Interpreted rules, and those with bounds, are run for all copies at the end.

    Attributes:
        world: The world.
        shares: The copies of each share, in order.
    """

    def __init__(self, world: Gridworld, n: int) -> None:
        """Cuts the copies into ``n`` shares, as equal as can be.

        Raises:
            ValueError: If there are fewer copies.
        """
        self.world = world
        n = whole(n, "halves", 1, world.n_worlds)
        edges = [world.n_worlds * k // n for k in range(n + 1)]
        self.shares = [slice(first, last) for first, last in pairwise(edges)]
        self._chosen: dict[int, set[int]] = {}
        self._going: list[Future[int]] = []
        self._answer: Answer | None = None
        self._thread: ThreadPoolExecutor | None = None

    def submit(self, copies: slice, slots: Sequence[int] | np.ndarray, actions: np.ndarray) -> None:
        """Lays down the actions of some slots in the copies of a share, ``int[copy, len(slots)]``."""
        self.world.submitted[copies, slots] = actions
        self._chosen.setdefault(copies.start, set()).update(slots)

    def step(self, copies: slice) -> None:
        """Begins to step the copies of a share, whose actions are all submitted: to the world, or here.

        Raises:
            ValueError: If an action is missing or out of range. The share has not moved then; those before have.
        """
        world = self.world
        missing = set(range(world.n_agents)) - world._slots_chosen - self._chosen.get(copies.start, set())
        if missing:
            raise ValueError(f"{world.name}: no action was submitted for slots {sorted(missing)}")
        actions = world.submitted[copies]
        if not 0 <= actions.min() <= actions.max() < world.n_actions:
            copy, slot = np.argwhere((actions < 0) | (actions >= world.n_actions))[0]
            raise ValueError(
                f"{world.name}: action {actions[copy, slot]} of agent {slot} in copy {copies.start + copy} is out of "
                f"range; allowed: 0 to {world.n_actions - 1} ({', '.join(world.action_names)})"
            )
        if not isinstance(world._runner, Compiled):
            return
        if self._answer is None:
            self._answer = world._free_answer()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "sorrelsim-halves")
        share = copies.start, copies.stop
        self._going.append(self._thread.submit(world._runner.run, STEP, self._answer, share))

    def finish(self) -> None:
        """Waits until all shares are stepped, and has the world hand out what came of it, as its ``step`` does."""
        world, answer = self.world, self._answer
        ended = self.wait()
        world._slots_chosen.clear()
        if answer is None:
            world.step(world.submitted.copy())
        else:
            world._answer = answer
            world._take(ended)

    def wait(self) -> int:
        """Waits for what was begun, also where something went wrong; returns how many episodes ended."""
        for each in self._going:
            each.exception()  # an interrupt may fall here: they are forgotten once all are done
        going, self._going, self._answer = self._going, [], None
        self._chosen.clear()
        return sum(each.result() for each in going)
