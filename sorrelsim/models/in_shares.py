"""Playing a step share by share: agents choose for some copies while the engine steps those chosen for before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sorrelsim.models.seat import Deal, Seat
from sorrelsim.observations.parts import Parts, as_parts, as_public

if TYPE_CHECKING:
    from sorrelsim.models.agent import Agent
    from sorrelsim.models.playing import Player
    from sorrelsim.observations.playable import Playable


class InShares(Protocol):
    """What steps a world share by share: the engine's ``Halves``."""

    world: Any
    shares: list[slice]

    def submit(self, copies: slice, slots: Sequence[int] | np.ndarray, actions: np.ndarray) -> None: ...

    def step(self, copies: slice) -> None: ...

    def finish(self) -> None: ...

    def wait(self) -> int: ...


def play_in_shares(halves: InShares, choosers: Sequence[Chooser]) -> None:
    """Plays a step as ``play_step`` does; see ``Halves`` for what runs beside what.

    Args:
        halves: The world.
        choosers: Its players.
    """
    try:
        for each in choosers:
            each.begin(halves.world)
        for copies in halves.shares:
            for each in choosers:
                each.choose(halves, copies)
            halves.step(copies)
        halves.finish()
    except BaseException:
        halves.wait()
        raise
    for each in choosers:
        each.remember(halves.world)


class Chooser:
    """A player whose model chooses for one share of the copies after another, if it can.

    Args:
        player: Who takes in what came of a step.
        agent: Its Agent, which observes and submits.
    """

    def __init__(self, player: Player, agent: Agent) -> None:
        self._player, self._agent = player, agent
        self._states: Parts | None = None

    def begin(self, world: Playable) -> None:
        """Observes; a model that does not choose in shares chooses for all copies at once."""
        agent = self._agent
        states = agent.observe(world)
        n_streams = agent.n_worlds * agent._n_slots  # of each member
        if not agent.model.acts_in_shares:
            agent.act(world, agent.model.take_actions(states, agent.seat))
            self._states = None
            return
        self._states, self._deal = as_parts(states), Deal(n_streams)
        self._members = agent.seat.n_streams // n_streams

    def choose(self, halves: InShares, copies: slice) -> None:
        """Chooses and submits the actions of a share."""
        if self._states is None:
            return
        agent, whole, n = self._agent, self._agent.seat, self._agent._n_slots
        self._deal.to(slice(copies.start * n, copies.stop * n))
        states = {name: self._share(part) for name, part in self._states.items()}
        carry = {name: self._share(rows) for name, rows in whole.carry.items()}
        mask = None if whole.mask is None else self._share(whole.mask)
        seat = Seat(len(next(iter(states.values()))), carry, mask, whole.explore, whole.learn, self._deal)
        actions = agent.model.take_actions(as_public(states), seat)
        if self._members > 1:  # of one alone they are views
            for name, rows in whole.carry.items():
                self._lay(rows, carry[name])
        if agent._actions is None:
            agent._actions = np.empty((whole.n_streams, *actions.shape[1:]), actions.dtype)
        self._lay(agent._actions, actions)
        halves.submit(copies, agent.slots, agent._by_copy(actions, copies.stop - copies.start))

    def remember(self, world: Playable) -> None:
        """Takes in what the step brought."""
        self._player.remember(world)

    def _share(self, rows: Any) -> Any:
        """Returns a share's rows of an array or a tensor, [n_streams, ...]: of each member, one after the other."""
        if self._members == 1:
            return rows[self._deal.rows]
        share = rows.reshape(self._members, -1, *rows.shape[1:])[:, self._deal.rows]
        return share.reshape(-1, *rows.shape[1:])

    def _lay(self, rows: Any, share: Any) -> None:
        """Writes a share's rows into an array or a tensor of all."""
        whole = rows.reshape(self._members, -1, *rows.shape[1:])
        whole[:, self._deal.rows] = share.reshape(self._members, -1, *rows.shape[1:])
