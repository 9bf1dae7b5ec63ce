"""State that a world declares beyond what the engine keeps: per world, agent, cell or site.

A world file declares it beside its params, with a comment on what each entry means::

    STATE = {
        "zap_wait": per_agent(low=0),  # steps until the zap beam is ready again
        "it": per_world(low=0, high="n_agents - 1"),  # the slot that is it
    }

The engine makes one array per entry, zero at the start of an episode, which rules see as ``w.zap_wait``. A state that
comes from outside (``set_state``) is held to ``low`` and ``high``, so what a rule takes for an index has both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.errors import unknown

MANY = 2 * 10**9
"""The size of a number of which only the other limit is declared: rules count on from it in an int32."""

Bound = float | str | tuple
"""A limit: a number; ``"n_agents"``, ``"height"``, ``"width"``, ``"turn"``, the name of a param, or of a site for its
number of cells, each perhaps with `` - 1`` or `` + 1`` behind; or a tuple of these along the last axis."""


@dataclass(frozen=True)
class StateSpec:
    """One entry of a world's state; made by :func:`per_world`, ``per_agent``, ``per_cell`` and ``per_site``.

    Attributes:
        owner: ``world``, ``agent``, ``cell``, or ``site`` and the site's name.
        dtype: int (int32), float (float64) or bool.
        shape: Its shape per owner.
        low, high: The least and the greatest value of a state from outside; None where the type alone limits it.
    """

    owner: str
    dtype: type
    shape: tuple[int, ...]
    low: Bound | None = None
    high: Bound | None = None

    def extent(self, n_agents: int, height: int, width: int, sites: Mapping[str, Any]) -> tuple[int, ...]:
        """Returns its shape in one copy."""
        if self.owner == "agent":
            return n_agents, *self.shape
        if self.owner == "cell":
            return height, width
        if self.owner.startswith("site "):
            return (len(sites[self.owner[5:]]),)
        return self.shape


def per_world(
    dtype: type = int, shape: tuple[int, ...] = (1,), *, low: Bound | None = None, high: Bound | None = None
) -> StateSpec:
    """State of a copy as a whole: ``w.name[0]``. ``dtype`` is int (int32), float (float64) or bool."""
    return StateSpec("world", dtype, shape, *_limits(low, high))


def per_agent(
    dtype: type = int, shape: tuple[int, ...] = (), *, low: Bound | None = None, high: Bound | None = None
) -> StateSpec:
    """State of each agent: ``w.name[i]``, or ``w.name[i, ...]`` with a shape."""
    return StateSpec("agent", dtype, shape, *_limits(low, high))


def per_cell(dtype: type = int, *, low: Bound | None = None, high: Bound | None = None) -> StateSpec:
    """State of each cell: ``w.name[row, col]``."""
    return StateSpec("cell", dtype, (), *_limits(low, high))


def per_site(site: str, dtype: type = int, *, low: Bound | None = None, high: Bound | None = None) -> StateSpec:
    """State of each cell of a site, in the site's order: ``w.name[k]``."""
    return StateSpec(f"site {site}", dtype, (), *_limits(low, high))


def _limits(low: Bound | None, high: Bound | None) -> tuple[Bound | None, Bound | None]:
    if low is None and high is None:
        return None, None
    return -MANY if low is None else low, MANY if high is None else high


def limit(bound: Bound, known: Mapping[str, Any], ndim: int) -> np.ndarray:
    """Returns a limit as numbers, to be held against ``[copy, ...]``.

    Args:
        bound: As declared.
        known: What names stand for: a number, or one for each copy.
        ndim: Dimensions of the state in one copy.

    Raises:
        ValueError: If a name is not known.
    """
    if isinstance(bound, tuple):
        parts = [limit(each, known, ndim - 1) for each in bound]
        return np.stack(np.broadcast_arrays(*parts), axis=-1)
    if isinstance(bound, str):
        name, sign, more = bound.partition(" - ") if " - " in bound else bound.partition(" + ")
        if name not in known or (sign and not more.isdigit()):
            raise ValueError(unknown("limit of a state", bound, known))
        number = np.asarray(known[name]) + (int(more) * (-1 if "-" in sign else 1) if sign else 0)
        return number.reshape(-1, *(1,) * ndim) if number.ndim else number
    return np.asarray(bound)


DTYPES: dict[type, Any] = {int: np.int32, float: np.float64, bool: np.bool_}
