"""What worlds show and take, as spaces of Gymnasium."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.observations.spec import ObservationSpec, Part

_FAR = np.finfo(np.float32).max
"""Scalars have no declared bounds; infinite ones draw warnings from every checker."""


def observation_space(spec: ObservationSpec) -> spaces.Space[Any]:
    """Returns the space of one slot's observations: a Box where the grid is all, else a Dict of a Box per part.

    Raises:
        ValueError: If observations are text.
    """
    if spec.form == "ascii":
        raise ValueError("observation 'ascii' is text, for which there is no Box; allowed: symbolic, one_hot, rgb")
    boxes: dict[str, spaces.Space[Any]] = {name: _box(part, spec.form) for name, part in spec.parts.items()}
    return boxes["grid"] if list(boxes) == ["grid"] else spaces.Dict(boxes)


def _box(part: Part, form: str) -> spaces.Box:
    if part.dtype != np.uint8:
        return spaces.Box(-_FAR, _FAR, part.shape, np.float32)
    return spaces.Box(0, {"one_hot": 1, "rgb": 255}.get(form, part.n_codes - 1), part.shape, np.uint8)


def with_mask(space: spaces.Space[Any], n_actions: int) -> spaces.Dict:
    """Returns the space of observations with the mask of actions beside them, in the form that PettingZoo has."""
    return spaces.Dict({"observation": space, "action_mask": spaces.MultiBinary(n_actions)})


def state_space(world: Gridworld) -> spaces.Box:
    """Returns the space of what :meth:`~sorrelsim.interfaces.scene.Scene.state` tells of a world."""
    most = max(world.codes.n_codes - 1, world.n_agents, 4)
    dtype = np.uint8 if most < 256 else np.uint16
    layers = len(world.codes.layers)
    high = np.full((world.height, world.width, layers + 2), world.codes.n_codes - 1, dtype)
    high[..., layers], high[..., layers + 1] = world.n_agents, 4
    return spaces.Box(np.zeros_like(high), high, dtype=dtype)
