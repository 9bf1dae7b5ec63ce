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
    """Draws a text at the top of ``area`` that stays for as long as it holds.

    What it says of several people lies three spaces apart, and stands on a line each where one has no room for all.
    """
    px = letters.px
    room = area.width - px(48)
    size = next((size for size in (20, 17, 14) if letters.font(size, "bold").size(text)[0] <= room), 0)
    labels = [
        letters.fit(line, size or 11, room, theme.WARN, "bold") for line in ([text] if size else text.split("   "))
    ]
    step = labels[0].get_height()
    rect = pygame.Rect(0, 0, max(label.get_width() for label in labels) + px(40), step * len(labels) + px(20))
    rect.midtop = (area.centerx, area.top + px(24 if size else 8))
    theme.box(screen, theme.PANEL, rect, px(10), theme.WARN)
    for k, label in enumerate(labels):
        screen.blit(label, label.get_rect(midtop=(rect.centerx, rect.top + px(10) + k * step)))


Lines = Sequence[tuple[str, str]]


def draw_help(screen: pygame.Surface, letters: theme.Letters, lines: Lines) -> None:
    """Draws keys and what they do, in as many columns as it takes; a line without key is a heading.

    Where there is little room, rows come closer and letters get smaller, and at last only the first lines are drawn.
    """
    shade = pygame.Surface(screen.get_size(), pygame.SRCALPHA)
    shade.fill((*theme.BACKGROUND, 215))
    screen.blit(shade, (0, 0))
    letters, columns, step, per_column = _layout(screen.get_size(), letters, lines)
    px, room = letters.px, len(lines) <= columns * per_column
    width = min(px(430) * columns + px(60), screen.get_width() - px(20))
    rect = pygame.Rect(0, 0, width, per_column * step + px(76))
    rect.center = screen.get_rect().center
    theme.box(screen, theme.PANEL, rect, px(14), theme.LINE)
    each = (width - px(60)) // columns
    for column in range(columns):
        part = lines[column * per_column : (column + 1) * per_column]
        caps = _caps(letters, part)
        for row, (keys, meaning) in enumerate(part):
            x, y = rect.left + px(30) + column * each, rect.top + px(20) + row * step
            if not keys:
                screen.blit(letters.draw(meaning, 16, theme.ACCENT, "bold"), (x, y))
                continue
            at = x
            for cap in keys.split("  "):
                at += theme.key_cap(screen, letters, at, y, cap, 13) + px(5)
            screen.blit(letters.fit(meaning, 15, each - caps - px(16), theme.TEXT), (x + caps + px(8), y + px(1)))
    told = "any key closes this" if room else "there is more in a larger window; any key closes this"
    foot = letters.draw(told, 14, theme.FAINT)
    screen.blit(foot, foot.get_rect(midbottom=(rect.centerx, rect.bottom - px(16))))


def _caps(letters: theme.Letters, lines: Lines) -> int:
    """Returns the pixels that the keys of some lines take at most."""
    return max(sum(theme.cap_width(letters, cap, 13) + letters.px(5) for cap in keys.split("  ")) for keys, _ in lines)


def _layout(size: tuple[int, int], letters: theme.Letters, lines: Lines) -> tuple[theme.Letters, int, int, int]:
    """Returns letters, columns, pixels from row to row and rows of a column; for all lines if there is any way."""
    for share in (1.0, 0.86, 0.72):
        each = letters.smaller(share)
        for units in (33, 26):
            for columns in (1, 2, 3):
                per_column, step = -(-len(lines) // columns), each.px(units)
                words = max(each.font(15).size(meaning)[0] for _, meaning in lines)
                needed = columns * (_caps(each, lines) + words + each.px(24)) + each.px(80)
                if per_column * step + each.px(96) <= size[1] and needed <= size[0]:
                    return each, columns, step, per_column
    columns, step = max(1, min(3, size[0] // each.px(330))), each.px(25)
    return each, columns, step, min(-(-len(lines) // columns), max(1, (size[1] - each.px(96)) // step))
