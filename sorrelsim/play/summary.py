"""The card that closes an episode: who earned what. Drawn over the map."""

from __future__ import annotations

import pygame

from sorrelsim.authoring import sprites
from sorrelsim.play import theme
from sorrelsim.play.summary_info import SummaryInfo


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
    row = px(34) if n <= 10 else px(24)
    width = min(px(560), area.width - px(40))
    rect = pygame.Rect(0, 0, width, min(n * row + px(150), area.height - px(20)))
    rect.center = area.center
    theme.box(screen, theme.PANEL, rect, px(14), theme.LINE)
    left, right, y = rect.left + px(30), rect.right - px(30), rect.top + px(24)
    screen.blit(draw(info.heading, 24, theme.TEXT, "bold"), (left, y))
    y += px(36)
    screen.blit(draw(info.total, 15, theme.MUTED), (left, y))
    y += px(36)
    several = sum(each.mine for each in info.rows) > 1
    best = max((abs(each.value) for each in info.rows), default=0.0) or 1.0
    for each in info.rows:
        if y + row > rect.bottom - px(40):
            break
        face = theme.face(each.slot, max(16, px(26) // 8 * 8))
        middle = y + row // 2
        screen.blit(face, face.get_rect(midleft=(left, middle)))
        colour, style = (theme.ink(each.slot) if several else theme.TEXT, "bold") if each.mine else (theme.MUTED, "")
        name = letters.fit(f"{each.slot}  {each.label}", 15, px(140), colour, style)
        screen.blit(name, name.get_rect(midleft=(left + px(36), middle)))
        digits = draw(f"{each.value:g}", 17, theme.TEXT, "bold")
        screen.blit(digits, digits.get_rect(midright=(right, middle)))
        start, room = left + px(190), right - left - px(270)
        bar = pygame.Rect(start, middle - px(5), max(px(3), round(room * abs(each.value) / best)), px(10))
        theme.box(screen, sprites.agent_colour(each.slot) if each.value >= 0 else theme.LOSS, bar, px(5))
        y += row
    foot = letters.fit(info.foot, 15, rect.width - px(40), theme.ACCENT, "bold")
    screen.blit(foot, foot.get_rect(midbottom=(rect.centerx, rect.bottom - px(14))))
