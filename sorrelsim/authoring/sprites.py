"""Pixel art as data: small pictures typed as text, the palette, and the agents' own look. Needs no screen.

World files import this module as ``from sorrelsim import sprites`` and hang its pictures on their kinds; ``pictures``
paints with them.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

SIZE = 8
"""Sprites are SIZE x SIZE pixels, so a cell of an RGB observation is 8 x 8 as in Melting Pot."""

PALETTE: dict[str, tuple[int, int, int]] = {
    "k": (24, 26, 31), "d": (62, 66, 77), "g": (128, 134, 146), "s": (186, 192, 202), "w": (246, 246, 242),
    "r": (204, 51, 63), "R": (138, 28, 44), "o": (230, 126, 34), "y": (245, 205, 71), "Y": (190, 146, 32),
    "l": (126, 200, 80), "G": (39, 134, 72), "F": (24, 84, 52), "c": (86, 196, 224), "b": (45, 116, 200),
    "B": (28, 68, 136), "p": (150, 96, 190), "m": (222, 128, 176), "n": (142, 98, 62), "N": (92, 62, 42),
    "t": (222, 196, 150), "e": (52, 58, 50), "f": (44, 49, 43),
}  # fmt: skip
"""One letter per colour: k black, d dark grey, g grey, s silver, w white, r red, R dark red, o orange, y yellow,
Y gold, l light green, G green, F dark green, c cyan, b blue, B dark blue, p purple, m pink, n brown, N dark brown,
t tan, e and f the two greens of bare ground."""


@dataclass(frozen=True, eq=False)
class Sprite:
    """One picture: ``uint8[SIZE, SIZE, 4]``, red, green, blue and opacity."""

    rgba: np.ndarray


def pixels(art: str, opacity: int = 255, **colours: tuple[int, int, int]) -> Sprite:
    """Reads a sprite from eight lines of eight letters; ``.`` is transparent, other letters are :data:`PALETTE`'s.

    Args:
        art: The picture. Blank lines at either end and indentation are ignored.
        opacity: 0 to 255, for beams and other see-through things.
        colours: Further letters, or other meanings of known ones.

    Raises:
        ValueError: If it is not 8 x 8, or a letter has no colour.
    """
    lines = [line.strip() for line in art.strip().splitlines()]
    if len(lines) != SIZE or any(len(line) != SIZE for line in lines):
        raise ValueError(f"a sprite is {SIZE} lines of {SIZE} letters, not {[len(line) for line in lines]}")
    known = PALETTE | colours
    rgba = np.zeros((SIZE, SIZE, 4), np.uint8)
    for row, line in enumerate(lines):
        for col, letter in enumerate(line):
            if letter == ".":
                continue
            if letter not in known:
                raise ValueError(f"no colour for {letter!r} in a sprite, line {row + 1}, column {col + 1}")
            rgba[row, col] = (*known[letter], opacity)
    return Sprite(rgba)


def plain(colour: tuple[int, int, int] | str, opacity: int = 255) -> Sprite:
    """Returns a cell of one colour, given as (red, green, blue) or a letter of :data:`PALETTE`."""
    rgb = PALETTE[colour] if isinstance(colour, str) else colour
    return Sprite(np.full((SIZE, SIZE, 4), (*rgb, opacity), np.uint8))


GROUND = pixels("""
    eeeeeeee
    eeeeefee
    eeeeeeee
    efeeeeee
    eeeeeeee
    eeeeeeef
    eefeeeee
    eeeeeeee
""")
"""What lies under an empty cell."""

WALL = pixels("""
    ssssssss
    sggggggd
    sggggggd
    sddddddd
    sssssssk
    ggdsgggk
    ggdsgggk
    dddddddk
""")


def numbered(digit: int, colour: str = "w", under: Sprite | None = None) -> Sprite:
    """Returns a digit, 0 to 9, of a colour of :data:`PALETTE`, on a sprite or by itself."""
    rgba = np.zeros((SIZE, SIZE, 4), np.uint8) if under is None else under.rgba.copy()
    lit = np.array(list(_DIGITS[digit])).reshape(5, 3) == "#"
    rgba[2:7, 3:6][lit] = (*PALETTE[colour], 255)
    return Sprite(rgba)


MARK = pixels("""
    k......k
    .k....k.
    ..k..k..
    ...kk...
    ...kk...
    ..k..k..
    .k....k.
    k......k
""")
"""A cross over an agent that was zapped once; see :mod:`sorrelsim.rules.sanctions`."""

APPLE = pixels("""
    ....n...
    ....nlG.
    ..rrnrG.
    .rwrrrr.
    .rwrrrR.
    .rrrrrR.
    ..rrRR..
    ........
""")

ACORN = pixels("""
    ........
    ...n....
    ..NNNN..
    .NNNNNN.
    ..tnnn..
    ..tnnn..
    ...nn...
    ........
""")

_GRASS = """
    aabaaaba
    abaaacaa
    aaacaaab
    caaabaaa
    aabaaaca
    aaacabaa
    baaaaaab
    acabaaaa
"""
TALL_GRASS = pixels(_GRASS, a=PALETTE["G"], b=PALETTE["F"], c=PALETTE["l"])
SHORT_GRASS = pixels(_GRASS, a=(64, 108, 58), b=(52, 90, 50), c=(92, 140, 74))


def _bar(left: int) -> Sprite:
    """Returns six pixels above an agent: yellow for what is left of six, green for what is left beyond, else red."""
    row = "." + "G" * max(left - 6, 0) + "y" * (6 - abs(left - 6)) + "r" * max(6 - left, 0) + "."
    return pixels("\n".join([row, *["." * SIZE] * (SIZE - 1)]))


STAMINA_BARS = tuple(_bar(left) for left in range(13))
"""What :func:`sorrelsim.rules.stamina.show` lays over those who have 0 to 12 of their stamina left."""

KEY = pixels("""
    ........
    .yyy....
    yy.yy...
    y...yyyy
    yy.yyyYY
    .yyyY.yY
    ...Y..Y.
    ........
""")

_DIGITS = (  # three columns and five rows each, row by row
    "#### ## ## ####", " # ##  #  # ###", "##   # # #  ###", "##   # #   ### ", "# ## ####  #  #",
    "####  ##   ### ", " ###  #### ####", "###  #  # #  # ", "#### ##### ####", "#### ####  ### ",
)  # fmt: skip


_AGENT = """
    ...aa...
    ..aaaa..
    .awaawa.
    aakaakaa
    aaaaaaaa
    .aaaaaa.
    .aAAAAa.
    ..AAAA..
"""

# Okabe and Ito's colours, which people with any colour vision tell apart, then lighter and darker ones between them.
AGENT_COLOURS = (
    (230, 159, 0), (86, 180, 233), (240, 228, 66), (204, 121, 167), (0, 158, 115), (213, 94, 0), (0, 114, 178),
    (240, 240, 240), (152, 78, 163), (166, 216, 84), (250, 154, 153), (106, 61, 154), (178, 223, 238), (177, 89, 40),
    (255, 217, 200), (110, 110, 110),
)  # fmt: skip


def agent_colour(slot: int) -> tuple[int, int, int]:
    """Returns the colour of a slot; beyond the sixteen hand-picked ones, hues spread by the golden ratio."""
    if slot < len(AGENT_COLOURS):
        return AGENT_COLOURS[slot]
    r, g, b = colorsys.hsv_to_rgb((slot * 0.618034) % 1.0, 0.55, 0.95)
    return int(r * 255), int(g * 255), int(b * 255)


def agent_sprite(colour: tuple[int, int, int], facing: int = 0) -> Sprite:
    """Returns an agent seen from above, its eyes towards where it looks."""
    dark = tuple(int(0.62 * part) for part in colour)
    north = pixels(_AGENT, a=colour, A=dark)  # type: ignore[arg-type]
    return Sprite(np.rot90(north.rgba, -facing).copy())
