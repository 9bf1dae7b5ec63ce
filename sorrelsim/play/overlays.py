"""What is drawn over a whole window, whatever it shows: a message for a moment, and the help."""

from __future__ import annotations

from collections.abc import Sequence

import pygame

from sorrelsim.play import theme


def draw_message(screen: pygame.Surface, area: pygame.Rect, letters: theme.Letters, message: str) -> None:
    """Draws a line of text at the bottom of ``area``."""
    px = letters.px
    text = letters.fit(message, 17, area.width - px(80), theme.TEXT)
    rect = pygame.Rect(0, 0, text.get_width() + px(36), text.get_height() + px(20))
    rect.midbottom = (area.centerx, area.bottom - px(28))
    theme.box(screen, theme.RAISED, rect, px(10), theme.LINE)
    screen.blit(text, text.get_rect(center=rect.center))


def draw_banner(screen: pygame.Surface, area: pygame.Rect, letters: theme.Letters, text: str) -> None:
    """Draws a line at the top of ``area`` that stays for as long as it holds."""
    px = letters.px
    room = area.width - px(48)
    size = next((size for size in (20, 17) if letters.font(size, "bold").size(text)[0] <= room), 14)
    label = letters.fit(text, size, room, theme.WARN, "bold")
    rect = pygame.Rect(0, 0, label.get_width() + px(40), label.get_height() + px(20))
    rect.midtop = (area.centerx, area.top + px(24))
    theme.box(screen, theme.PANEL, rect, px(10), theme.WARN)
    screen.blit(label, label.get_rect(center=rect.center))


def draw_help(screen: pygame.Surface, letters: theme.Letters, lines: Sequence[tuple[str, str]]) -> None:
    """Draws keys and what they do, in as many columns as it takes; a line without key is a heading."""
    px, draw = letters.px, letters.draw
    shade = pygame.Surface(screen.get_size(), pygame.SRCALPHA)
    shade.fill((*theme.BACKGROUND, 215))
    screen.blit(shade, (0, 0))
    step = px(33)
    columns = 1 if len(lines) * step < screen.get_height() - px(150) else 2
    per_column = -(-len(lines) // columns)
    while per_column * step > screen.get_height() - px(120) and step > 14:
        step -= 1
    width = min(px(430) * columns + px(60), screen.get_width() - px(20))
    rect = pygame.Rect(0, 0, width, per_column * step + px(96))
    rect.center = screen.get_rect().center
    theme.box(screen, theme.PANEL, rect, px(14), theme.LINE)
    for k, (key, meaning) in enumerate(lines):
        column, row = divmod(k, per_column)
        x = rect.left + px(30) + column * ((width - px(60)) // columns)
        y = rect.top + px(28) + row * step
        if not key:
            screen.blit(draw(meaning, 16, theme.ACCENT, "bold"), (x, y + px(4)))
            continue
        at = x
        for cap in key.split("  "):
            at += theme.key_cap(screen, letters, at, y, cap, 13) + px(5)
        screen.blit(draw(meaning, 15, theme.TEXT), (max(at + px(8), x + px(150)), y + px(2)))
    foot = draw("any key closes this", 14, theme.FAINT)
    screen.blit(foot, foot.get_rect(midbottom=(rect.centerx, rect.bottom - px(18))))
