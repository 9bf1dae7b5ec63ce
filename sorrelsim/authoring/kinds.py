"""What can lie in a cell: the kinds of a world, their glyphs, layers and looks.

A world file declares its kinds as one enumeration::

    class Kind(Kinds):
        WALL = kind("W", solid=True, sprite=sprites.WALL)
        APPLE = kind("A")

and may paint them further down, out of the way of its rules: ``Kind.paint(APPLE=pixels(...))``. Members count from 1,
because 0 means "nothing in this layer". Numba compiles ``Kind.APPLE`` to a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from sorrelsim.authoring.sprites import Sprite
from sorrelsim.errors import unknown

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
    on_maps: bool = True
    pays: tuple[str, ...] = ()
    covers: bool = True


def kind(
    glyph: str,
    *,
    layer: str = "object",
    solid: bool = False,
    opaque: bool | None = None,
    stops: tuple[str, ...] = (),
    stopped_by_agents: bool = True,
    sprite: Sprite | None = None,
    on_maps: bool = True,
    pays: str | tuple[str, ...] = (),
    covers: bool = True,
) -> KindSpec:
    """Declares one kind.

    Args:
        glyph: The single character that stands for it in maps and in ``world.text()``.
        layer: The layer of a cell that it occupies; a layer of a cell holds at most one kind.
        solid: Whether agents cannot enter its cell.
        opaque: Whether it stops every beam without being hit, as walls do. Defaults to ``solid``.
        stops: Names of the beam kinds that it stops by being hit, as dirt stops a cleaning beam.
        stopped_by_agents: For a beam kind: whether an agent that it hits stops it.
        sprite: Its look, 8 x 8 pixels, made by ``pixels`` or ``plain``; or see :meth:`Kinds.paint`.
        on_maps: Whether its glyph may stand on a map; False for what rules alone lay, such as marks under agents.
        pays: Names of the params one of which an agent earns that goes there, such as ``apple_value`` or ``gains[0]``:
            people are told so before they play. The rules pay; nothing else depends on it.
        covers: Whether in text its glyph stands in place of what lies under it; False for what covers little of its
            cell, such as a bar over an agent.
    """
    if len(glyph) != 1:
        raise ValueError(f"a glyph is one character, not {glyph!r}")
    opaque = solid if opaque is None else opaque
    paid = (pays,) if isinstance(pays, str) else tuple(pays)
    return KindSpec(glyph, layer, solid, opaque, tuple(stops), stopped_by_agents, sprite, on_maps, paid, covers)


class Kinds(IntEnum):
    """Base of a world's kinds: an ``IntEnum`` whose members count from 1 and carry a :class:`KindSpec`."""

    spec: KindSpec

    def __new__(cls, spec: KindSpec) -> Kinds:
        value = len(cls.__members__) + 1
        member = int.__new__(cls, value)
        member._value_ = value
        member.spec = spec
        return member

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for member in cls:
            if not isinstance(member.spec, KindSpec):
                raise ValueError(
                    f"{cls.__name__}.{member.name} is {member.spec!r}, which is no kind; write "
                    f"{member.name} = kind('b')"
                )

    @classmethod
    def paint(cls, **sprites: Sprite) -> None:
        """Gives kinds their sprites, by name, in place of ``kind(..., sprite=...)``.

        Raises:
            ValueError: If a name is no kind's.
        """
        for name, sprite in sprites.items():
            if name not in cls.__members__:
                raise ValueError(unknown(f"kind in {cls.__name__}", name, cls.__members__))
            cls[name].spec = replace(cls[name].spec, sprite=sprite)


def payments(kind: Kinds, params: Mapping[str, Any]) -> tuple[float, ...]:
    """Returns what a kind pays an agent that goes there, one of these numbers; none where it declares nothing.

    Args:
        kind: The kind.
        params: The world's params: numbers or nested sequences of them, by name.

    Raises:
        ValueError: If it names no param, or a place that the param does not have.
    """
    found = []
    for text in kind.spec.pays:
        name, _, place = text.removesuffix("]").partition("[")
        what = f"param that {type(kind).__name__}.{kind.name} pays"
        if name not in params:
            raise ValueError(unknown(what, name, params))
        value, at = np.asarray(params[name], float), [int(place)] if place.isdigit() else []
        if len(at) != value.ndim or any(k >= size for k, size in zip(at, value.shape, strict=True)):
            example = f"{name}[0] to {name}[{len(value) - 1}]" if value.ndim == 1 else name
            raise ValueError(f"{text!r} is no {what}: {name} is {params[name]}; allowed: {example}")
        found.append(float(value[tuple(at)]))
    return tuple(dict.fromkeys(found))
