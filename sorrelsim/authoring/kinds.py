"""What can lie in a cell: the kinds of a world, their glyphs, layers and looks.

A world file declares its kinds as one enumeration::

    class Kind(Kinds):
        WALL = kind("W", layer="object", solid=True, sprite=...)
        APPLE = kind("A", layer="object", sprite=...)

Members count from 1, because 0 means "nothing in this layer". Numba compiles ``Kind.APPLE`` to a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorrelsim.authoring.sprites import Sprite

EMPTY = 0
"""The id of nothing: an empty layer of a cell."""


@dataclass(frozen=True)
class KindSpec:
    """Everything the engine knows of one kind; made by :func:`kind`."""

    glyph: str
    layer: str
    solid: bool
    opaque: bool
    stops: tuple[str, ...]
    stopped_by_agents: bool
    sprite: Sprite | None


def kind(
    glyph: str,
    *,
    layer: str = "object",
    solid: bool = False,
    opaque: bool | None = None,
    stops: tuple[str, ...] = (),
    stopped_by_agents: bool = True,
    sprite: Sprite | None = None,
) -> KindSpec:
    """Declare one kind.

    Args:
        glyph: The single character that stands for it in maps and in ``world.text()``.
        layer: The layer of a cell that it occupies; a layer of a cell holds at most one kind.
        solid: Whether agents cannot enter its cell.
        opaque: Whether it stops every beam without being hit, as walls do. Defaults to ``solid``.
        stops: Names of the beam kinds that it stops by being hit, as dirt stops a cleaning beam.
        stopped_by_agents: For a beam kind: whether an agent that it hits stops it.
        sprite: Its look, an 8x8 picture from :mod:`sorrelsim.authoring.sprites`.
    """
    if len(glyph) != 1:
        raise ValueError(f"a glyph is one character, not {glyph!r}")
    opaque = solid if opaque is None else opaque
    return KindSpec(glyph, layer, solid, opaque, tuple(stops), stopped_by_agents, sprite)


class Kinds(IntEnum):
    """Base of a world's kinds: an ``IntEnum`` whose members count from 1 and carry a :class:`KindSpec`."""

    spec: KindSpec

    def __new__(cls, spec: KindSpec) -> Kinds:
        value = len(cls.__members__) + 1
        member = int.__new__(cls, value)
        member._value_ = value
        member.spec = spec
        return member
