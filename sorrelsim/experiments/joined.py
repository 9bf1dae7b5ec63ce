"""Worlds side by side as one: what an agent that plays in all of them asks of a world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.parts import Parts
from sorrelsim.observations.playable import Playable


class Joined:
    """Worlds of one kind and number of copies, whose slots are those of one world after the other.

    Copy k has the agents of copy k of each. Nothing is shared: each world keeps its seed and is stepped by itself.

    Args:
        worlds: The worlds.
        stepped: Lets a world take its step, given its number; by default as it is.
    """

    def __init__(self, worlds: Sequence[Any], stepped: Callable[[int], object] | None = None) -> None:
        self.worlds, first = list(worlds), worlds[0]
        self.name, self.n_worlds, self.observations = first.name, first.n_worlds, first.observations
        self.n_actions, self.action_names = first.n_actions, first.action_names
        self.n_agents = len(self.worlds) * first.n_agents
        self._width = first.n_agents
        self._stepped = stepped or (lambda k: self.worlds[k].step())
        self._dealt: dict[bytes, list[tuple[Playable, np.ndarray, np.ndarray]]] = {}

    @property
    def action_spec(self) -> ActionSpec:
        """What each agent can do."""
        spec: ActionSpec = self.worlds[0].action_spec
        return spec

    @property
    def parts(self) -> Parts:
        """The latest observations of all."""
        return _beside([world.parts for world in self.worlds])

    @property
    def symbolic_parts(self) -> Parts:
        """The same, but the grid symbolic."""
        return _beside([world.symbolic_parts for world in self.worlds])

    @property
    def final_parts(self) -> Parts | None:
        """The last observations where an episode ended, if one did in any world; elsewhere they say nothing."""
        found = [world.final_parts for world in self.worlds]
        return self._last(found, lambda world: world.parts)

    @property
    def final_symbolic_parts(self) -> Parts | None:
        """The same, but the grid symbolic."""
        found = [world.final_symbolic_parts for world in self.worlds]
        return self._last(found, lambda world: world.symbolic_parts)

    def _last(self, found: list[Parts | None], latest: Callable[[Any], Parts]) -> Parts | None:
        if all(parts is None for parts in found):
            return None
        return _beside([latest(w) if parts is None else parts for w, parts in zip(self.worlds, found, strict=True)])

    @property
    def action_mask(self) -> np.ndarray | None:
        """Allowed actions of all, bool [copy, agent, action], or None if all are."""
        return self._masks([world.action_mask for world in self.worlds])

    @property
    def info(self) -> dict[str, Any]:
        """What else the step brought that agents ask for: ``final_action_mask``, where there is one."""
        found = [world.info.get("final_action_mask") for world in self.worlds]
        if all(mask is None for mask in found):
            return {}
        return {"final_action_mask": self._masks(found)}

    def _masks(self, found: list[np.ndarray | None]) -> np.ndarray | None:
        if all(mask is None for mask in found):
            return None
        every = np.ones((self.n_worlds, self._width, self.n_actions), bool)
        return _slots([every if mask is None else mask for mask in found])

    @property
    def reward(self) -> np.ndarray:
        """The latest step's rewards of all, float64 [copy, agent]."""
        return _slots([world.reward for world in self.worlds])

    @property
    def terminated(self) -> np.ndarray:
        """Whether it terminated the episode, bool [copy, agent]."""
        return _slots([world.terminated for world in self.worlds])

    @property
    def truncated(self) -> np.ndarray:
        """Whether it cut the episode short, bool [copy, agent]."""
        return _slots([world.truncated for world in self.worlds])

    def submit(self, slots: Sequence[int] | np.ndarray, actions: np.ndarray) -> None:
        """Lays down the actions of some slots, [copy, len(slots), ...], each in its own world."""
        slots = np.asarray(slots)
        key = slots.tobytes()
        if key not in self._dealt:
            of = slots // self._width
            shares = ((self.worlds[k], np.flatnonzero(of == k)) for k in np.unique(of))
            self._dealt[key] = [(world, columns, slots[columns] % self._width) for world, columns in shares]
        for world, columns, own in self._dealt[key]:
            world.submit(own, actions[:, columns])

    def step(self) -> None:
        """Lets every agent of every world act at once."""
        for k in range(len(self.worlds)):
            self._stepped(k)


def _beside(found: Sequence[Parts]) -> Parts:
    return {name: _slots([parts[name] for parts in found]) for name in found[0]}


def _slots(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Puts arrays [copy, slot, ...] side by side, laid out slot by slot, as those ask for them who play some slots."""
    return np.concatenate([array.swapaxes(0, 1) for array in arrays]).swapaxes(0, 1)
