"""The window that an agent sees through: declared by a world, changed by a config, cut out of the map by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sorrelsim.authoring.slots import spread_out
from sorrelsim.settings import ConfigError, flag, parse_config, whole

REACH = 127  # cells, in each direction
SIDES = ("forward", "back", "left", "right")


@dataclass(frozen=True)
class Window:
    """How far an agent sees, in cells, from its own.

    Attributes:
        forward, back, left, right: Reach in each direction. With ``rotate`` they rotate with the agent, and forward is
            always up in the observation; without, forward is north.
        whole_map: The whole map, north up, wherever the agent stands; reach is ignored.
    """

    forward: int = 9
    back: int = 1
    left: int = 5
    right: int = 5
    rotate: bool = True
    whole_map: bool = False

    @classmethod
    def centred(cls, radius: int) -> Window:
        """Returns a square window with the agent in its middle, north up."""
        return cls(radius, radius, radius, radius, rotate=False)

    @classmethod
    def full(cls) -> Window:
        """Returns a window of the whole map, north up."""
        return cls(0, 0, 0, 0, rotate=False, whole_map=True)

    def __post_init__(self) -> None:
        for side in SIDES:
            object.__setattr__(self, side, whole(getattr(self, side), f"{side} of a window", 0, REACH))
        for name in ("rotate", "whole_map"):
            object.__setattr__(self, name, flag(getattr(self, name), f"{name} of a window"))

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Returns rows and columns of the observation on a map of the given size."""
        if self.whole_map:
            return height, width
        return self.forward + 1 + self.back, self.left + 1 + self.right

    @property
    def padding(self) -> int:
        """Cells of padding that a map needs around it, so that no window ends beyond."""
        return max(self.forward, self.back, self.left, self.right)


Slots = Mapping[Any, Window] | Sequence[Window]
"""Windows of slots: by slot or range of slots, or one for each in order."""


def read_window(given: Any, where: str = "window") -> Window | tuple[Window, ...]:
    """Reads a window from plain data, or one for each slot.

    Args:
        given: A window, a mapping of its fields, ``"full"`` for the whole map, or a list of these for the slots.
        where: What it is, for errors.

    Raises:
        ConfigError: If it is none of these.
    """
    if isinstance(given, Window):
        return given
    if isinstance(given, str) and given == "full":
        return Window.full()
    if isinstance(given, Mapping):
        window: Window = parse_config(Window, given, where)
        return window
    if isinstance(given, list | tuple) and given:
        each = [read_window(one, f"{where}.{k}") for k, one in enumerate(given)]
        if all(isinstance(one, Window) for one in each):
            return tuple(each)  # type: ignore[arg-type]
    raise ConfigError(
        f"{where} is {given!r} ({type(given).__name__}); allowed: 'full' for the whole map, a Window or its fields "
        "(forward, back, left, right, rotate, whole_map), or a list of these, one for each slot"
    )


def by_slot(windows: Slots, other: Window, n_agents: int, world: str) -> tuple[Window, ...]:
    """Returns the window of every slot.

    Args:
        windows: As declared.
        other: The window of the slots that it does not name.
        n_agents: Number of slots.
        world: The world's name, for errors.

    Raises:
        ValueError: If it names a slot twice, or one beyond, is no window, or they do not go together.
    """
    if not isinstance(windows, Mapping):
        if len(windows) != n_agents:
            raise ValueError(f"{world}: {len(windows)} windows; allowed: one for each of the {n_agents} slots")
        windows = dict(enumerate(windows))
    found: dict[int, Window] = spread_out(windows, "windows", world)
    for slot, window in found.items():
        if not isinstance(window, Window):
            raise ValueError(f"{world}: the window of slot {slot} is {window!r}; allowed: a Window")
    each = tuple(found.get(slot, other) for slot in range(n_agents))
    if len({(window.rotate, window.whole_map) for window in each}) > 1:
        raise ValueError(f"{world}: the windows of all slots rotate or none does, and show the whole map or none does")
    return each


def hull(windows: Sequence[Window]) -> Window:
    """Returns the smallest window that reaches as far as each of some that go together; see :func:`by_slot`."""
    reach = {side: max(getattr(window, side) for window in windows) for side in SIDES}
    return replace(windows[0], **reach)
