"""Draws the card before a game, which is its legend too, as large as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pygame

from sorrelsim.play import theme
from sorrelsim.play.card_info import CardInfo
from sorrelsim.play.key_rows import columns_of, draw_row, key_rows
from sorrelsim.play.panel_info import ActionRow

SHARES = (1.0, 0.86, 0.72)
"""Of the size of letters, where there is little room."""

Blocks = list[pygame.Surface]


def draw_card(screen: pygame.Surface, letters: theme.Letters, info: CardInfo) -> None:
    """Draws the card over a window.

    Where there is little room, who plays goes first, which the panel tells too; then letters get smaller; then pictures
    go, what the keys do, what it brings, and what it is about. Of the keys as many are left as there is room for.
    """
    shade = pygame.Surface(screen.get_size(), pygame.SRCALPHA)
    shade.fill((*theme.BACKGROUND, 215))
    screen.blit(shade, (0, 0))
    letters, blocks = _that_fit(letters, info, screen.get_size())
    px, gap = letters.px, letters.px(20)
    foot = letters.draw(info.foot, 18, theme.ACCENT, "bold")
    rect = pygame.Rect(0, 0, _width(letters, screen.get_width()), _height(blocks, gap) + foot.get_height() + px(66))
    rect.center = screen.get_rect().center
    theme.box(screen, theme.PANEL, rect, px(14), theme.LINE)
    y = rect.top + px(26)
    for block in blocks:
        screen.blit(block, (rect.left + px(32), y))
        y += block.get_height() + gap
    screen.blit(foot, foot.get_rect(midbottom=(rect.centerx, rect.bottom - px(20))))


def _that_fit(letters: theme.Letters, info: CardInfo, size: tuple[int, int]) -> tuple[theme.Letters, Blocks]:
    """Returns the letters and blocks with which as much is said as there is room for in a window."""
    sizes = [letters.smaller(share) for share in SHARES]
    ways = [_ways(each, info, _width(each, size[0]) - each.px(64)) for each in sizes]
    for group in ((0, 1), *((k,) for k in range(2, len(ways[0])))):
        for each, way in zip(sizes, ways, strict=True):
            room = size[1] - each.px(100)  # without frame and foot
            found = next((way[k] for k in group if _height(way[k], each.px(20)) <= room), None)
            if found is not None:
                return each, found
    title, keys = ways[-1][-1]
    head, step = keys.get_height() % each.px(32), each.px(32)
    rows = (room - title.get_height() - 2 * each.px(20) - head) // step
    return each, [title, keys.subsurface((0, 0, keys.get_width(), head + rows * step))] if rows > 0 else [title]


def _width(letters: theme.Letters, window: int) -> int:
    return min(letters.px(860), window - letters.px(24))


def _ways(letters: theme.Letters, info: CardInfo, inner: int) -> list[Blocks]:
    """Returns what may stand on a card, the most of it first."""
    half = (inner - letters.px(40)) // 2
    title, about = _text(letters, info.title, 30, inner, "bold"), _text(letters, info.about, 17, inner)
    things = _titled(letters, "What there is", half, lambda w: _pictures(letters, info.things, w))
    brings = _titled(letters, "What it brings", half, lambda w: _text(letters, info.rewards, 15, w))
    keys = _titled(letters, "Your keys", inner, lambda w: _keys(letters, info.keys, w))
    players = _titled(letters, "Who plays", inner, lambda w: _players(letters, info.players, w))
    both = _beside(things, brings, letters.px(40)) if info.rewards else things
    does = [_text(letters, info.does, 15, inner)] if info.does else []
    said = [brings] if info.rewards else []
    return [
        [title, about, both, keys, *does, players], [title, about, both, keys, *does],
        [title, about, *said, keys, *does], [title, about, *said, keys], [title, about, keys], [title, keys],
    ]  # fmt: skip


def _height(blocks: Sequence[pygame.Surface], gap: int) -> int:
    return sum(block.get_height() + gap for block in blocks)


def _blank(width: int, height: int) -> pygame.Surface:
    surface = pygame.Surface((max(1, width), max(1, height)))
    surface.fill(theme.PANEL)
    return surface


def _text(letters: theme.Letters, text: str, size: float, width: int, style: str = "") -> pygame.Surface:
    """Returns a text in lines."""
    lines, step = letters.wrapped(text, size, width, style), letters.px(size * 1.4)
    surface = _blank(width, len(lines) * step)
    for k, line in enumerate(lines):
        surface.blit(letters.draw(line, size, theme.TEXT, style), (0, k * step))
    return surface


def _titled(letters: theme.Letters, title: str, width: int, content: Callable[[int], pygame.Surface]) -> pygame.Surface:
    head, body, gap = letters.draw(title, 14, theme.MUTED, "bold"), content(width), letters.px(8)
    surface = _blank(width, head.get_height() + gap + body.get_height())
    surface.blit(head, (0, 0))
    surface.blit(body, (0, head.get_height() + gap))
    return surface


def _beside(left: pygame.Surface, right: pygame.Surface, gap: int) -> pygame.Surface:
    surface = _blank(left.get_width() + gap + right.get_width(), max(left.get_height(), right.get_height()))
    surface.blit(left, (0, 0))
    surface.blit(right, (left.get_width() + gap, 0))
    return surface


def _pictures(letters: theme.Letters, things: Sequence[tuple[str, np.ndarray]], width: int) -> pygame.Surface:
    size = max(16, letters.px(28) // 8 * 8)
    cells = []
    for name, picture in things:
        image = pygame.transform.scale(theme.surface_of(picture), (size, size))
        room = width // 2 - size - letters.px(14)
        small = 15 if letters.font(15).size(name)[0] <= room else 12.5
        cells.append((image, letters.fit(name, small, room, theme.TEXT)))
    return _grid(letters, cells, width, 2, size + letters.px(8))


def _players(letters: theme.Letters, players: Sequence[tuple[int, str, bool]], width: int) -> pygame.Surface:
    size = max(16, letters.px(24) // 8 * 8)
    widest = max((letters.font(15, "bold").size(f"{slot}  {name}")[0] for slot, name, _ in players), default=0)
    columns = min(4, max(2, width // (widest + size + letters.px(14))))
    cells, several = [], sum(mine for _, _, mine in players) > 1
    for slot, name, mine in players:
        colour = theme.MUTED if not mine else theme.ink(slot) if several else theme.TEXT
        room = width // columns - size - letters.px(14)
        cells.append((theme.face(slot, size), letters.fit(f"{slot}  {name}", 15, room, colour, "bold" if mine else "")))
    return _grid(letters, cells, width, columns, size + letters.px(6))


def _keys(letters: theme.Letters, actions: Sequence[ActionRow], width: int) -> pygame.Surface:
    rows = key_rows(actions)
    columns = columns_of(letters, rows, width, 3)
    step, each = letters.px(32), width // columns
    surface = _blank(width, -(-len(rows) // columns) * step)
    for k, row in enumerate(rows):
        draw_row(surface, letters, row, k % columns * each, k // columns * step, each)
    return surface


def _grid(
    letters: theme.Letters, cells: Sequence[tuple[pygame.Surface, pygame.Surface]], width: int, columns: int, step: int
) -> pygame.Surface:
    """Returns pictures with their names, in columns."""
    surface = _blank(width, -(-len(cells) // columns) * step)
    for k, (image, name) in enumerate(cells):
        x, y = k % columns * (width // columns), k // columns * step
        surface.blit(image, (x, y))
        surface.blit(name, name.get_rect(midleft=(x + image.get_width() + letters.px(10), y + image.get_height() // 2)))
    return surface
