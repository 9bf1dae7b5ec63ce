"""Pictures that worlds share: things, and shapes in any colour.

World files import this module as ``from sorrelsim import shapes``. ``shapes.coloured(shapes.STAR, (64, 196, 190))`` is
a sprite, and ``shapes.in_hand`` makes of one what an agent carries.
"""

from __future__ import annotations

import numpy as np

from sorrelsim.authoring.sprites import PALETTE, Sprite, pixels

CRATES = pixels("""
    nnnnnnnn
    nNttttNn
    ntNttNtn
    nttNNttn
    nttNNttn
    ntNttNtn
    nNttttNn
    nnnnnnnn
""")

DOOR = pixels("""
    nnnnnnnn
    nttnttnN
    nttnttnN
    nttnttnN
    nttnttnN
    nttnttnN
    nttnttnN
    NNNNNNNN
""")

RUBBLE = pixels("""
    ........
    .n...N..
    ..N.....
    .....nn.
    .Nn.....
    ......N.
    ..n.N...
    ........
""")

TEAM_COLOURS = ((214, 62, 54), (48, 110, 214))
"""Red and blue, of team 0 and team 1."""

# In letters of ``PALETTE``, but a and b are given, and A and B darker ones of them.
SPLASH = """
    aa.aaaaa
    aaaaaaaA
    aaAaaaa.
    aaaaaaaa
    .aaaaaaa
    aaaaaAaa
    aAaaaaaa
    aaaaa.aa
"""

SQUARE = """
    wwwwwwww
    waaaaaaw
    waAaaaaw
    waaaaaaw
    waaaaaaw
    waaaaAaw
    waaaaaaw
    wwwwwwww
"""

LAMP = """
    dddddddd
    d.kkkk.d
    dkaaaakd
    dkaAAakd
    dkBbbBkd
    dkbbbbkd
    d.kkkk.d
    dddddddd
"""

FLAG = """
    wwwwwwwk
    waaaaawk
    wbbbbbwk
    wwwwwwwk
    ......wk
    ......wk
    ......wk
    ......wk
"""

BODY = """
    ..bbbb..
    .baaaab.
    ba....ab
    ba.aa.ab
    ba.aa.ab
    ba....ab
    .baaaab.
    ..bbbb..
"""

DISC = """
    ........
    ..aaaa..
    .awaaaa.
    .aaaaaA.
    .aaaaaA.
    .aaaaAA.
    ..aAAA..
    ........
"""

TRIANGLE = """
    ........
    ...aa...
    ...aA...
    ..aaaA..
    ..aaaA..
    .aaaaaA.
    .aAAAAA.
    ........
"""

BLOCK = """
    ........
    .aaaaaa.
    .awaaaA.
    .aaaaaA.
    .aaaaaA.
    .aaaaaA.
    .aAAAAA.
    ........
"""

STAR = """
    ...aa...
    ...aa...
    aaawaaaa
    .aaaaaA.
    ..aaaA..
    .aaAAaA.
    .aA..AA.
    aA....AA
"""

RING = """
    ........
    ..aaaa..
    .aa..aA.
    .a....A.
    .a....A.
    .aa..AA.
    ..aAAA..
    ........
"""

BOWL = """
    ...bb...
    ..b..b..
    ..aaaa..
    .awaaaA.
    aaaaaaAA
    kkkkkkkk
    .kddddk.
    ..kkkk..
"""

BOLT = """
    ....aaa.
    ...aaa..
    ..aaa...
    .aaaaaa.
    ....aaA.
    ...aaA..
    ..aaA...
    .aAA....
"""

SWIRL = """
    .aaaaaa.
    a......a
    a.bbbb.a
    a.b..b.a
    a.b.aa.a
    a.bb...a
    a......b
    .abbbbb.
"""


def coloured(
    art: str, colour: tuple[int, int, int], second: tuple[int, int, int] | None = None, opacity: int = 255
) -> Sprite:
    """Reads a sprite whose letters a and b are two colours (b as a, unless given), and A and B darker ones of them."""
    other = colour if second is None else second
    dark, darker = (tuple(int(0.62 * part) for part in each) for each in (colour, other))
    return pixels(art, opacity, a=colour, A=dark, b=other, B=darker)  # type: ignore[arg-type]


def in_hand(sprite: Sprite) -> Sprite:
    """Returns a sprite at half its size on black, in a corner of the cell: what an agent carries."""
    rgba = np.zeros_like(sprite.rgba)
    rgba[3:, 3:] = (*PALETTE["k"], 255)
    small = sprite.rgba[::2, 1::2]
    rgba[4:, 4:] = np.where(small[..., 3:] > 0, small, rgba[4:, 4:])
    return Sprite(rgba)
