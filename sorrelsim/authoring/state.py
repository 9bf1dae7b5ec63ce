"""State that a world declares beyond what the engine keeps: per world, agent, cell or site.

A world file declares it beside its params, with a comment on what each entry means::

    STATE = {
        "zap_wait": per_agent(),  # steps until the zap beam is ready again
    }

The engine makes one array per entry, zero at the start of an episode, which rules see as ``w.zap_wait``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class StateSpec:
    """One entry of a world's state; made by :func:`per_world`, ``per_agent``, ``per_cell`` and ``per_site``.

    Attributes:
        owner: ``world``, ``agent``, ``cell``, or ``site`` and the site's name.
        dtype: int (int32), float (float64) or bool.
        shape: Its shape per owner.
    """

    owner: str
    dtype: type
    shape: tuple[int, ...]

    def extent(self, n_agents: int, height: int, width: int, sites: Mapping[str, Any]) -> tuple[int, ...]:
        """Returns its shape in one copy."""
        if self.owner == "agent":
            return n_agents, *self.shape
        if self.owner == "cell":
            return height, width
        if self.owner.startswith("site "):
            return (len(sites[self.owner[5:]]),)
        return self.shape


def per_world(dtype: type = int, shape: tuple[int, ...] = (1,)) -> StateSpec:
    """State of a copy as a whole: ``w.name[0]``. ``dtype`` is int (int32), float (float64) or bool."""
    return StateSpec("world", dtype, shape)


def per_agent(dtype: type = int, shape: tuple[int, ...] = ()) -> StateSpec:
    """State of each agent: ``w.name[i]``, or ``w.name[i, ...]`` with a shape."""
    return StateSpec("agent", dtype, shape)


def per_cell(dtype: type = int) -> StateSpec:
    """State of each cell: ``w.name[row, col]``."""
    return StateSpec("cell", dtype, ())


def per_site(site: str, dtype: type = int) -> StateSpec:
    """State of each cell of a site, in the site's order: ``w.name[k]``."""
    return StateSpec(f"site {site}", dtype, ())


DTYPES: dict[type, Any] = {int: np.int32, float: np.float64, bool: np.bool_}
