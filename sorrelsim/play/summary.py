"""The card that closes an episode: who earned what. Drawn over the map."""

from __future__ import annotations

from collections.abc import Sequence

import pygame

from sorrelsim.authoring import sprites
from sorrelsim.play import theme
from sorrelsim.play.summary_info import SummaryInfo, SummaryRow


def _with_people(rows: Sequence[SummaryRow], most: int) -> list[SummaryRow]:
    """Returns as many rows as there is room for, highest first: people's in any case."""
    others = max(0, most - sum(row.mine for row in rows))
    kept = {row.slot for row in [row for row in rows if not row.mine][:others]}
    return [row for row in rows if row.mine or row.slot in kept]


def draw_summary(screen: pygame.Surface, area: pygame.Rect, letters: theme.Letters, info: SummaryInfo) -> None:
    """Draws an episode's returns as bars, highest first, over the map.

    Args:
        screen: The window.
        area: Where the map is.
        letters: What it is written with.
        info: What there is to tell.
    """
    px, draw = letters.px, letters.draw
    shade = pygame.Surface(area.size, pygame.SRCALPHA)
    shade.fill((*theme.BACKGROUND, 170))
    screen.blit(shade, area)
    n = len(info.rows)
    room = area.height - px(170)  # without frame, heading and foot
    row = next((height for height in (px(34), px(24)) if n * height <= room), px(19))
    shown = _with_people(info.rows, room // row)
    width = min(px(560), area.width - px(40))
    rect = pygame.Rect(0, 0, width, len(shown) * row + px(150))
    rect.center = area.center
    theme.box(screen, theme.PANEL, rect, px(14), theme.LINE)
    left, right, y = rect.left + px(30), rect.right - px(30), rect.top + px(24)
    screen.blit(draw(info.heading, 24, theme.TEXT, "bold"), (left, y))
    y += px(36)
    screen.blit(draw(info.total, 15, theme.MUTED), (left, y))
    y += px(36)
    words = max((letters.font(15, "bold").size(f"{row.slot}  {row.label}")[0] for row in shown), default=0)
    words = min(words, (right - left) // 2)
    several = sum(each.mine for each in info.rows) > 1
    best = max((abs(each.value) for each in info.rows), default=0.0) or 1.0
    for each in shown:
        face = theme.face(each.slot, max(8, min(px(26), row) // 8 * 8))
        middle = y + row // 2
        screen.blit(face, face.get_rect(midleft=(left, middle)))
        colour, style = (theme.ink(each.slot) if several else theme.TEXT, "bold") if each.mine else (theme.MUTED, "")
        name = letters.fit(f"{each.slot}  {each.label}", 15, words, colour, style)
        screen.blit(name, name.get_rect(midleft=(left + px(36), middle)))
        digits = draw(f"{each.value:g}", 17, theme.TEXT, "bold")
        screen.blit(digits, digits.get_rect(midright=(right, middle)))
        start = left + px(50) + words
        long = right - px(80) - start
        bar = pygame.Rect(start, middle - px(5), max(px(3), round(long * abs(each.value) / best)), px(10))
        theme.box(screen, sprites.agent_colour(each.slot) if each.value >= 0 else theme.LOSS, bar, px(5))
        y += row
    foot = letters.fit(info.foot, 15, rect.width - px(40), theme.ACCENT, "bold")
    screen.blit(foot, foot.get_rect(midbottom=(rect.centerx, rect.bottom - px(14))))
