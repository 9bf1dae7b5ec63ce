"""Pictures of a grid from plain arrays: as sprites, and as text. Needs no screen.

A world's ``render`` and ``text`` and the windows of ``play`` draw with these; observations of the form ``rgb`` are
painted by :mod:`~sorrelsim.pictures.forms`.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.authoring.codes import Codebook
from sorrelsim.authoring.kinds import Kinds
from sorrelsim.pictures.forms import Form

_WORTH_THREADS = 500_000  # bytes of pictures below which a second thread does not pay


def looks_table(codes: Codebook, kinds: Iterable[Kinds], looks: str) -> np.ndarray:
    """Returns a sprite for each id: ``uint8[n_codes, SIZE, SIZE, 4]``; ids without a sprite are see-through.

    Args:
        codes: What the ids mean.
        kinds: The world's kinds, which carry the sprites.
        looks: ``"other"`` or ``"individual"``: whether other agents wear the colours of their slots.
    """
    table = np.zeros((codes.n_codes, sprites.SIZE, sprites.SIZE, 4), np.uint8)
    for member in kinds:
        if member.spec.sprite is not None:
            table[member] = member.spec.sprite.rgba
    table[codes.outside] = sprites.plain("k").rgba
    directions = 4 if codes.facing else 1
    for code in range(codes.self_code, codes.n_codes):
        place, facing = divmod(code - codes.self_code, directions)  # place 0 is the agent itself, others follow
        if place == 0:
            colour = sprites.PALETTE["w"]
        else:
            colour = sprites.agent_colour(place - 1) if looks == "individual" else sprites.PALETTE["o"]
        table[code] = sprites.agent_sprite(colour, facing).rgba
    return table


def stack(layers: list[np.ndarray]) -> np.ndarray:
    """Lays RGBA pictures over one another, bottom first; returns RGB ``uint8``."""
    mixed: np.ndarray = layers[0][..., :3].astype(np.uint16)
    for layer in layers[1:]:
        alpha = layer[..., 3:].astype(np.uint16)
        mixed = (mixed * (255 - alpha) + layer[..., :3] * alpha + 127) // 255
    return mixed.astype(np.uint8)


def picture(
    grid: np.ndarray, codes: Codebook, looks: np.ndarray, pos: np.ndarray, facing: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """Returns a picture of one copy: RGB ``uint8[height * 8, width * 8, 3]``, each agent in its own colour.

    Args:
        grid: ``uint8[row, col, layer]``, what lies where.
        codes: What the ids mean.
        looks: A sprite for each id; see :func:`looks_table`.
        pos: ``int[agent, 2]``, row and column.
        facing: ``int[agent]``.
        out: ``int[agent]``, 0 on the grid.
    """
    return pictures(grid[None], codes, looks, pos[None], facing[None], out[None])[0]


def pictures(
    grid: np.ndarray,
    codes: Codebook,
    looks: np.ndarray,
    pos: np.ndarray,
    facing: np.ndarray,
    out: np.ndarray,
    threads: int = 1,
) -> np.ndarray:
    """Returns pictures of several copies, ``uint8[copy, height * 8, width * 8, 3]``; arguments as of :func:`picture`.

    Compiled code paints the map, and the few cells on which agents stand are painted anew; threads share the copies.
    """
    n, height, width, _ = grid.shape
    painted = np.zeros((n, height * sprites.SIZE, width * sprites.SIZE, 3), np.uint8)
    form = Form("rgb", codes, looks)
    form.kernel(np.dtype(np.uint64))  # compiled before threads ask for it
    shares = min(threads, n) if painted.size > _WORTH_THREADS else 1
    ends = [n * k // shares for k in range(shares + 1)] if n else []

    def share(first: int, last: int) -> None:
        some = slice(first, last)
        _draw(form, grid[some], pos[some], facing[some], out[some], painted[some])

    if shares <= 1:
        share(0, n)
        return painted
    with ThreadPoolExecutor(shares) as pool:
        list(pool.map(share, ends[:-1], ends[1:]))
    return painted


def _draw(form: Form, grid: np.ndarray, pos: np.ndarray, facing: np.ndarray, out: np.ndarray, into: np.ndarray) -> None:
    """Paints some copies, each agent in its own colour."""
    from sorrelsim.pictures.form_kernels import draw_bodies  # Numba is slow to import

    cells = np.array(grid, order="C")  # a copy
    cells[..., form.codes.agent_layer] = 0
    form.write(cells, into)
    where = (np.ascontiguousarray(each, np.int64) for each in (pos, facing, out))
    draw_bodies(cells, form.codes.agent_layer, form.table, _bodies(out.shape[1]), *where, into)


@cache
def _bodies(n_agents: int) -> np.ndarray:
    """Returns how agents look, ``uint8[agent, facing, SIZE, SIZE, 4]``."""
    colours = [sprites.agent_colour(slot) for slot in range(n_agents)]
    return np.stack([[sprites.agent_sprite(colour, facing).rgba for facing in range(4)] for colour in colours])


def text(grid: np.ndarray, codes: Codebook, pos: np.ndarray, facing: np.ndarray, out: np.ndarray) -> str:
    """Returns one copy as ASCII: the topmost glyph that covers each cell, agents as ``^ > v <`` by where they look."""
    top = np.full(grid.shape[:2], " ", "<U1")
    glyphs = np.array(codes.glyphs, "<U1")
    for z in range(grid.shape[2]):
        layer = grid[..., z]
        shown = (layer > 0) & (z != codes.agent_layer) & ((codes.covers[layer] > 0) | (top == " "))
        top = np.where(shown, glyphs[layer], top)
        if z == codes.agent_layer:
            for i in range(len(pos)):
                if out[i] == 0:
                    top[tuple(pos[i])] = "^>v<"[facing[i]]
    return "\n".join("".join(row) for row in top)
