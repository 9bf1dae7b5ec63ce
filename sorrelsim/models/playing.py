"""Playing a step: the one statement of how agents and a world take turns, and how agents of several worlds choose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sorrelsim.models.seat import Seat
from sorrelsim.observations.parts import as_parts, as_public

if TYPE_CHECKING:
    from sorrelsim.models.agent import Agent
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


def choose_together(places: Iterable[tuple[Agent, Playable]]) -> None:
    """Lets agents choose, each in a world: those that share a model are asked in one call of it.

    Each goes on with its own carry and mask. A model that draws from chance draws for all of them in one go, so what it
    draws for one depends on who else was asked. An agent that learns is asked alone.

    Args:
        places: The agents and their worlds, which may all be different.
    """
    groups: dict[tuple, list[tuple[Agent, Playable]]] = {}
    for agent, world in places:
        together = (id(agent.model), agent.seat.explore, world.action_mask is None)
        groups.setdefault((*together, id(agent)) if agent.learn else together, []).append((agent, world))
    for group in groups.values():
        if len(group) == 1:
            group[0][0].transition(group[0][1])
        else:
            _choose_in_one_call(group)


def _choose_in_one_call(group: Sequence[tuple[Agent, Playable]]) -> None:
    model, seats = group[0][0].model, [agent.seat for agent, _ in group]
    states = [as_parts(agent.observe(world)) for agent, world in group]
    edges = np.cumsum([0, *(seat.n_streams for seat in seats)])
    masks = [seat.mask for seat in seats if seat.mask is not None]
    seat = Seat(int(edges[-1]), model.new_carry(int(edges[-1])), np.concatenate(masks) if masks else None)
    seat.explore = seats[0].explore
    carries = [model.save_carry(each.carry) for each in seats]
    model.load_carry(seat.carry, {name: np.concatenate([each[name] for each in carries]) for name in carries[0]})
    joined = {name: np.concatenate([parts[name] for parts in states]) for name in states[0]}
    actions, moved = model.take_actions(as_public(joined), seat), model.save_carry(seat.carry)
    for (agent, world), first, last in zip(group, edges, edges[1:], strict=False):
        model.load_carry(agent.seat.carry, {name: rows[first:last] for name, rows in moved.items()})
        agent.act(world, actions[first:last])
