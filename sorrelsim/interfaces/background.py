"""Who plays the slots that an environment does not hand out: the players of ``sorrelsim play --others``."""

from __future__ import annotations

import copy
from typing import Protocol

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.play.opponents import seat_opponents


class Background(Protocol):
    """The players of all slots but one. From one seed they play the same again."""

    def reset(self, seed: int | None) -> None:
        """Begins an episode; a seed starts their chance anew, and all that they keep."""

    def choose(self) -> None:
        """Submits their actions."""

    def take_in(self) -> None:
        """Lets them know what the step brought."""


def background(world: Gridworld, slot: int, others: str, seed: int, trust: bool) -> Background:
    """Seats players in all slots but one.

    Args:
        world: The world.
        slot: The slot that they leave; what a shared model of a run does there is overruled.
        others: As :func:`~sorrelsim.interfaces.gym_env` takes it.
        seed: Seed of their own chance.
        trust: Whether Python files may be run that a run folder brings or points to.

    Raises:
        ValueError: If there is no such slot or player.
    """
    if not 0 <= slot < world.n_agents:
        raise ValueError(f"no slot {slot} in {world.name}; allowed: 0 to {world.n_agents - 1}")
    return Dice(world, slot, seed) if others == "random" else Seated(world, slot, others, seed, trust)


class Dice:
    """Random actions, drawn for all copies and slots at once: no observation is looked at."""

    def __init__(self, world: Gridworld, slot: int, seed: int) -> None:
        self._world = world
        self._slots = [other for other in range(world.n_agents) if other != slot]
        self._rng = np.random.default_rng(seed)

    def reset(self, seed: int | None) -> None:
        """Begins an episode."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)

    def choose(self) -> None:
        """Submits any allowed action of each slot."""
        world, shape = self._world, (self._world.n_worlds, len(self._slots))
        if world.action_mask is None:
            drawn = self._rng.integers(world.n_actions, size=shape)
        else:  # the largest of independent uniform draws among the allowed is a uniform choice among them
            drawn = (self._rng.random((*shape, world.n_actions)) * world.action_mask[:, self._slots]).argmax(2)
        world.submit(self._slots, drawn)

    def take_in(self) -> None:
        """Looks at nothing."""


class Seated:
    """Models, each seated as an Agent that learns nothing."""

    def __init__(self, world: Gridworld, slot: int, others: str, seed: int, trust: bool) -> None:
        self._world = world
        seated, _ = seat_opponents(world, others, seed, [slot], trust)
        self._agents = [agent for agent in seated if agent.slots.tolist() != [slot]]
        self._fresh = [copy.deepcopy(agent.model.state_dict()) for agent in self._agents]

    def reset(self, seed: int | None) -> None:
        """Begins an episode."""
        for agent in self._agents:
            agent.reset()
        if seed is not None:
            seeds = np.random.SeedSequence(seed).generate_state(len(self._agents)).tolist()
            for agent, fresh, own in zip(self._agents, self._fresh, seeds, strict=True):
                agent.model.load_state_dict(copy.deepcopy(fresh))
                agent.model.reseed(own)

    def choose(self) -> None:
        """Submits what the models choose."""
        for agent in self._agents:
            agent.transition(self._world)

    def take_in(self) -> None:
        """Tells the models."""
        for agent in self._agents:
            agent.remember(self._world)
