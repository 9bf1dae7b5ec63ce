"""The window that an agent sees through: declared by a world, changed by a config, cut out of the map by the engine."""

from __future__ import annotations

from dataclasses import dataclass


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
        reach = (self.forward, self.back, self.left, self.right)
        if min(reach) < 0 or max(reach) > 127:
            raise ValueError(f"a window reaches 0 to 127 cells in each direction, not {reach}")

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Returns rows and columns of the observation on a map of the given size."""
        if self.whole_map:
            return height, width
        return self.forward + 1 + self.back, self.left + 1 + self.right

    @property
    def padding(self) -> int:
        return max(self.forward, self.back, self.left, self.right)
