"""Observations of other libraries as parts: boxes as they are, all else made flat by Gymnasium."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from sorrelsim.observations.parts import Parts
from sorrelsim.observations.spec import ObservationSpec, Part


class Reader:
    """Reads observations of a space; ``spec`` says what comes out.

    Args:
        space: The space: a Box, what Gymnasium can make flat (Discrete becomes one-hot), or a Dict of these.
        name: The environment's name, for errors.

    Raises:
        ValueError: If the space is of another kind.
    """

    def __init__(self, space: spaces.Space[Any], name: str) -> None:
        self._named = isinstance(space, spaces.Dict)
        inside = dict(space.spaces) if isinstance(space, spaces.Dict) else {"grid": space}
        self._reads: dict[str, Callable[[Any], Any]] = {}
        parts = {}
        for key, own in inside.items():
            if not own.is_np_flattenable:
                raise ValueError(f"{name} observes {own}; allowed: numbers, such as Box, Discrete, or a Dict of those")
            box = own if isinstance(own, spaces.Box) else spaces.flatten_space(own)
            dtype = np.dtype(np.uint8 if box.dtype == np.uint8 and box is own else np.float32)
            parts[key] = Part(tuple(box.shape or ()), dtype)
            self._reads[key] = np.asarray if box is own else _flattener(own)
        self.spec = ObservationSpec(parts)

    def stack(self, observed: Sequence[Sequence[Any]]) -> Parts:
        """Returns the observations of all copies and agents by part, ``[copy, agent, ...]``; None reads as zeros."""
        of, found = (len(observed), len(observed[0])), {}
        flat = [one for copy in observed for one in copy]
        for key, part in self.spec.parts.items():
            read, nothing = self._reads[key], np.zeros(part.shape, part.dtype)
            rows = [nothing if one is None else read(one[key] if self._named else one) for one in flat]
            found[key] = np.asarray(rows, part.dtype).reshape(*of, *part.shape)
        return found


def _flattener(space: spaces.Space[Any]) -> Callable[[Any], Any]:
    return lambda observed: spaces.flatten(space, observed)


def masked(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """Returns what is observed beside a mask, where PettingZoo's form has both: ``observation``, ``action_mask``."""
    if isinstance(space, spaces.Dict) and set(space.spaces) == {"observation", "action_mask"}:
        return space["observation"]
    return space


def split(observed: Any, has_mask: bool) -> tuple[Any, Any]:
    """Returns an observation in that form as the observation and the mask."""
    if has_mask and isinstance(observed, Mapping):
        return observed["observation"], observed["action_mask"]
    return observed, None
