"""The card that closes an episode: who earned what. Drawn over the map, from the session's last episode."""

from __future__ import annotations

import numpy as np
import pygame

from sorrelsim.authoring import sprites
from sorrelsim.play import theme
from sorrelsim.play.session import Session


def draw_summary(
    screen: pygame.Surface, area: pygame.Rect, letters: theme.Letters, session: Session, words: tuple[str, str],
    only: int | None = None,
) -> None:  # fmt: skip
    """Draws an episode's returns as bars, highest first, over the map.

    Args:
        screen: The window.
        area: Where the map is.
        letters: What it is written with.
        session: The session.
        words: The heading, and what to press.
        only: The slot that alone is shown; None for all.
    """
    summary = session.summary
    assert summary is not None
    px, draw = letters.px, letters.draw
    shade = pygame.Surface(area.size, pygame.SRCALPHA)
    shade.fill((*theme.BACKGROUND, 170))
    screen.blit(shade, area)
    shown = [slot for slot in np.argsort(-summary.returns, kind="stable").tolist() if only in (None, slot)]
    n = len(shown)
    row = px(34) if n <= 10 else px(24)
    width = min(px(560), area.width - px(40))
    rect = pygame.Rect(0, 0, width, min(n * row + px(150), area.height - px(20)))
    rect.center = area.center
    theme.box(screen, theme.PANEL, rect, px(14), theme.LINE)
    left, right, y = rect.left + px(30), rect.right - px(30), rect.top + px(24)
    screen.blit(draw(words[0], 24, theme.TEXT, "bold"), (left, y))
    y += px(36)
    total = f"{summary.steps} turns"
    if only is None:
        total += f"  \u00b7  together {summary.returns.sum():g}"
    screen.blit(draw(total, 15, theme.MUTED), (left, y))
    y += px(36)
    best = float(np.abs(summary.returns).max()) or 1.0
    for slot in shown:
        if y + row > rect.bottom - px(40):
            break
        value = float(summary.returns[slot])
        face = theme.face(slot, 24)
        middle = y + row // 2
        screen.blit(face, face.get_rect(midleft=(left, middle)))
        mine = slot in session.humans
        name = letters.fit(
            f"{slot}  {'you' if mine else session.players[slot]}", 15, px(140), theme.TEXT if mine else theme.MUTED,
            "bold" if mine else "",
        )  # fmt: skip
        screen.blit(name, name.get_rect(midleft=(left + px(36), middle)))
        digits = draw(f"{value:g}", 17, theme.TEXT, "bold")
        screen.blit(digits, digits.get_rect(midright=(right, middle)))
        start, room = left + px(190), right - left - px(270)
        bar = pygame.Rect(start, middle - px(5), max(px(3), round(room * abs(value) / best)), px(10))
        theme.box(screen, sprites.agent_colour(slot) if value >= 0 else theme.LOSS, bar, px(5))
        y += row
    foot = letters.fit(words[1], 15, rect.width - px(40), theme.ACCENT, "bold")
    screen.blit(foot, foot.get_rect(midbottom=(rect.centerx, rect.bottom - px(14))))
