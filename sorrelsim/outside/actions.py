"""Actions of other libraries by number: what our models choose among, and what an environment is handed for each."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from sorrelsim.observations.actions import ActionSpec

MOST = 10_000
"""Numbered actions, at most."""


@dataclass(frozen=True)
class Actions:
    """The actions of one agent.

    Attributes:
        names: Their names; none where actions are continuous.
        values: What the environment takes for each.
        space: The space that they are of.
    """

    names: tuple[str, ...]
    values: tuple[Any, ...]
    space: Any

    @property
    def spec(self) -> ActionSpec:
        """What an agent can do."""
        return ActionSpec(self.names) if self.names else ActionSpec.box(self.space.low, self.space.high)

    def taken(self, chosen: np.ndarray) -> list[list[Any]]:
        """Returns what the copies take for actions ``[copy, agent, ...]``: by number, or as they are where none are."""
        if not self.values:
            whole = np.issubdtype(self.space.dtype, np.integer)
            return [list(row) for row in (np.rint(chosen) if whole else chosen).astype(self.space.dtype)]
        return [[self.values[action] for action in row] for row in chosen.tolist()]


def actions_of(space: spaces.Space[Any], bins: int | None, name: str) -> Actions:
    """Numbers the actions of a space.

    Args:
        space: The space.
        bins: For continuous actions: the values of each of their numbers that can be chosen, evenly spaced over its
            range. None leaves them continuous.
        name: The environment's name, for errors.

    Raises:
        ValueError: If a space is of another kind, has no bounds or too many actions.
    """
    if isinstance(space, spaces.Discrete):
        n, start = int(space.n), int(space.start)
        _check_number(n, name)
        return Actions(tuple(f"action {k}" for k in range(n)), tuple(range(start, start + n)), space)
    choices = _choices(space, bins, name)
    if choices is None:
        return Actions((), (), space)
    _check_number(int(np.prod([float(len(each)) for each in choices])), name)
    rows = list(itertools.product(*choices))
    values = tuple(np.array(row, space.dtype).reshape(space.shape) for row in rows)
    return Actions(tuple(" ".join(f"{number:g}" for number in row) for row in rows), values, space)


def _choices(space: spaces.Space[Any], bins: int | None, name: str) -> list[list[Any]] | None:
    """Returns what each number of an action may be; None where it is anything in a range."""
    if isinstance(space, spaces.MultiDiscrete):
        return [list(range(low, low + n)) for low, n in zip(space.start.flat, space.nvec.flat, strict=True)]
    if isinstance(space, spaces.MultiBinary):
        return [[0, 1]] * int(np.prod(space.shape))
    if not isinstance(space, spaces.Box):
        raise ValueError(f"{name} has actions {space}; allowed: Discrete, MultiDiscrete, MultiBinary and Box")
    if bins is None:
        return None
    if not space.is_bounded():
        raise ValueError(f"{name} has actions {space} without bounds, of which there can be no bins")
    return [np.linspace(low, high, bins).tolist() for low, high in zip(space.low.flat, space.high.flat, strict=True)]


def _check_number(n: int, name: str) -> None:
    if n > MOST:
        raise ValueError(f"{name} has {n} actions; allowed: up to {MOST}")
