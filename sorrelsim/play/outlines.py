"""Lines around what lies on a map, so that it stands out from whatever lies under it; for the window alone.

Observations and ``render`` show the world's sprites as they are. Here a thing that covers part of its cell gets a line
that is light on dark floors, dark on light ones, and both where a floor has dark and light spots; blocks that fill
their cells get both lines on the sides from which somebody may come. A line's contrast with the floor is 3 to 1 at
least: what WCAG 2.1 (criterion 1.4.11) asks of graphics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.pictures.painting import stack
from sorrelsim.play import theme

LEAST_CONTRAST = 3.0
MARGIN = 1.1
"""More than that is asked of a single line, since floors look darker or lighter to who lacks a kind of cones."""
FLOOR = 0.85
"""The share of its cell from which on something that does not block is a floor, or paint on it, and gets no line."""
NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8
"""Bits of the sides of a block that are open."""


def lines_on(floor: np.ndarray) -> list[theme.Colour]:
    """Returns the colours of lines that stand out from every colour of a floor ``[..., 3]``, the inner line first."""
    dark, light = (float(theme.luminance(np.array(line))) + 0.05 for line in (theme.OUTLINE, theme.HALO))
    shades = theme.luminance(floor) + 0.05
    contrasts = {theme.HALO: light / shades.max(), theme.OUTLINE: shades.min() / dark}
    best = max(contrasts, key=lambda line: contrasts[line])
    return [best] if contrasts[best] >= MARGIN * LEAST_CONTRAST else [theme.OUTLINE, theme.HALO]


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """Returns a shape ``bool[row, col]`` with all that lies within ``by`` steps up, down, left or right of it."""
    for _ in range(by):
        wider = mask.copy()
        wider[1:] |= mask[:-1]
        wider[:-1] |= mask[1:]
        wider[:, 1:] |= mask[:, :-1]
        wider[:, :-1] |= mask[:, 1:]
        mask = wider
    return mask


def cell_picture(
    looks: Sequence[np.ndarray], solid: Sequence[bool], scale: int, line: int, sides: int = 0
) -> np.ndarray:
    """Returns the picture of a cell, ``uint8[scale * SIZE, scale * SIZE, 3]``, with lines around what lies there.

    Args:
        looks: The sprites of what lies there, bottom first.
        solid: Which of them block the way.
        scale: Screen pixels to a pixel of a sprite.
        line: Width of a line in screen pixels; 0 for none.
        sides: Bits of the sides that are open, if a block fills the cell.
    """
    below = [sprites.GROUND.rgba]
    painted = _scaled(below[0], scale)[..., :3]
    for look, blocks in zip(looks, solid, strict=True):
        opacity = look[..., 3]
        painted = stack([painted, _scaled(look, scale)])
        if line and opacity.any():
            share = float((opacity > 0).mean())
            if share == 1.0:
                painted = _sides(painted, line, sides) if blocks else painted
            elif blocks or share < FLOOR:
                painted = _around(painted, _scaled(opacity > 0, scale), lines_on(stack(below)), line)
        below.append(look)
    return painted


def is_beam(look: np.ndarray) -> bool:
    """Returns whether a sprite fills its cell and can be seen through, as beams do and marks do not."""
    opacity = look[..., 3]
    return bool((opacity > 0).all() and (opacity < 255).any())


def beam_picture(look: np.ndarray) -> np.ndarray:
    """Returns a beam's sprite with brighter streaks across it, which tells it from a floor of the same colour."""
    row, col = np.indices(look.shape[:2])
    bright = look.astype(int)
    bright[..., :3] = (bright[..., :3] + 255) // 2
    bright[..., 3] = (bright[..., 3] + 255) // 2
    streak = ((row + col) % 4 == 0)[..., None]
    return np.where(streak, bright, look).astype(np.uint8)


def _scaled(picture: np.ndarray, scale: int) -> np.ndarray:
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def _around(picture: np.ndarray, body: np.ndarray, lines: Sequence[theme.Colour], width: int) -> np.ndarray:
    """Draws lines around a body; at the edge of the cell, where there is no room around it, on it."""
    edge = np.zeros_like(body)
    edge[:width], edge[-width:], edge[:, :width], edge[:, -width:] = True, True, True, True
    picture = picture.copy()
    inner = body & ~edge
    for colour in lines:
        outer = grown(inner, width)
        picture[outer & ~inner & (~body | edge)] = colour
        inner = outer
    return picture


def _sides(picture: np.ndarray, width: int, sides: int) -> np.ndarray:
    """Draws a light line on the open sides of a block and a dark one within it."""
    picture = picture.copy()
    for colour, start, end in ((theme.OUTLINE, width, 2 * width), (theme.HALO, 0, width)):
        for side, rows, cols in (
            (NORTH, slice(start, end), slice(None)), (SOUTH, slice(-end, -start or None), slice(None)),
            (WEST, slice(None), slice(start, end)), (EAST, slice(None), slice(-end, -start or None)),
        ):  # fmt: skip
            if sides & side:
                picture[rows, cols] = colour
    return picture


def open_sides(blocked: np.ndarray, wraps: bool) -> np.ndarray:
    """Returns from which sides somebody may come to each blocked cell, ``uint8[row, col]`` of bits; 0 elsewhere.

    Args:
        blocked: ``bool[row, col]``, the cells that nobody enters.
        wraps: Whether the edges join; else nobody comes from beyond them.
    """
    around = np.pad(blocked, 1, mode="wrap") if wraps else np.pad(blocked, 1, constant_values=True)
    inside = slice(1, -1)
    neighbours = {
        NORTH: around[:-2, inside], SOUTH: around[2:, inside], WEST: around[inside, :-2], EAST: around[inside, 2:],
    }  # fmt: skip
    sides = np.zeros(blocked.shape, np.uint8)
    for side, beside in neighbours.items():
        sides |= np.where(blocked & ~beside, side, 0).astype(np.uint8)
    return sides
