"""What an agent may ask of a world. Worlds of ours and adapted environments both answer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.parts import Parts
from sorrelsim.observations.spec import ObservationSpec


class Playable(Protocol):
    """Copies of a world that agents act in, stepped together.

    Attributes:
        name: Its name.
        n_worlds: Number of copies.
        n_agents: Number of slots in each.
        action_spec: What each agent can do.
        n_actions: Number of actions; 0 where they are continuous.
        action_names: Their names, of which an action is an index; none where they are continuous.
        observations: What one slot observes.
        action_mask: Allowed actions now, ``bool[copy, agent, action]``, or None if all are.
        parts: The latest observations by part, ``[copy, agent, ...]``.
        final_parts: Where an episode ended in the latest step, the last observations of it by part; else None.
        reward: The latest step's rewards, ``float64[copy, agent]``.
        terminated: Whether that step terminated the episode, ``bool[copy, agent]``.
        truncated: Whether it cut the episode short, ``bool[copy, agent]``.
        info: What else the latest step brought; ``final_action_mask`` is what was allowed in ``final_parts``.
    """

    name: str
    n_worlds: int
    n_agents: int
    n_actions: int
    action_names: tuple[str, ...]
    observations: ObservationSpec
    action_mask: np.ndarray | None
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    info: dict[str, Any]

    @property
    def action_spec(self) -> ActionSpec: ...

    @property
    def parts(self) -> Parts: ...

    @property
    def final_parts(self) -> Parts | None: ...

    def submit(self, slots: Sequence[int] | np.ndarray, actions: np.ndarray) -> None:
        """Lays down the actions ``[copy, len(slots), *shape]`` of some slots, for the next :meth:`step`."""

    def step(self, actions: Any = None) -> Any:
        """Lets every agent of every copy act at once."""

    def reset(self, seed: int | None = None) -> Any:
        """Starts a new episode in every copy."""


class Symbolic(Playable, Protocol):
    """Copies of a world of ours, which says of what it writes the pictures or channels that are observed.

    Attributes:
        symbolic_parts: ``parts``, but its grid symbolic, ``uint8[copy, agent, row, col, layer]``.
        final_symbolic_parts: ``final_parts`` likewise.
    """

    @property
    def symbolic_parts(self) -> Parts: ...

    @property
    def final_symbolic_parts(self) -> Parts | None: ...
