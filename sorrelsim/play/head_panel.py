"""Draws what goes on in an agent's head: bars of its actions, and how what it expects went."""

from __future__ import annotations

import dataclasses

import pygame

from sorrelsim.authoring import sprites
from sorrelsim.play import theme
from sorrelsim.play.head import HeadInfo, HeadRow


def head_height(letters: theme.Letters, info: HeadInfo) -> int:
    """Returns how high it is drawn, in pixels."""
    return letters.px(30 + 21 * len(info.rows) + 46 * bool(len(info.trace) > 1) + 8)


def head_that_fits(letters: theme.Letters, info: HeadInfo, room: int) -> HeadInfo | None:
    """Returns as much of it as ``room`` pixels hold: the trace goes first, then actions that it thinks little of."""
    fits = dataclasses.replace(info, trace=()) if head_height(letters, info) > room else info
    while fits.rows and head_height(letters, fits) > room:
        least = min(fits.rows, key=lambda row: (row.best, row.share))
        fits = dataclasses.replace(fits, rows=tuple(row for row in fits.rows if row is not least))
    return fits if head_height(letters, fits) <= room else None


def draw_head(surface: pygame.Surface, letters: theme.Letters, info: HeadInfo, left: int, width: int, top: int) -> None:
    """Draws it from ``top`` on, ``width`` pixels wide."""
    px, draw = letters.px, letters.draw
    face = theme.face(info.slot, max(16, px(16) // 8 * 8))
    surface.blit(face, face.get_rect(midleft=(left, top + px(10))))
    x, right = left + face.get_width() + px(8), left + width
    if info.value is not None:
        worth = draw(f"expects {info.value:.3g}", 13, theme.MUTED)
        surface.blit(worth, worth.get_rect(midright=(right, top + px(10))))
        right -= worth.get_width() + px(10)
    told = letters.fit(info.phrase or "thinks", 14, max(0, right - x), theme.TEXT, "bold")
    surface.blit(told, told.get_rect(midleft=(x, top + px(10))))
    y = top + px(30)
    for row in info.rows:
        _row(surface, letters, row, pygame.Rect(left, y, width, px(19)))
        y += px(21)
    if len(info.trace) > 1:
        _trace(surface, letters, info, pygame.Rect(left, y + px(4), width, px(36)))


def _row(surface: pygame.Surface, letters: theme.Letters, row: HeadRow, rect: pygame.Rect) -> None:
    """Draws an action, its bar with its spread, and its number."""
    px = letters.px
    colour = theme.TEXT if row.best else theme.MUTED
    name = letters.fit(row.action, 13, rect.width * 36 // 100, colour, "bold" if row.best else "")
    surface.blit(name, name.get_rect(midleft=rect.midleft))
    number = letters.fit(row.text, 13, rect.width * 26 // 100, colour)
    surface.blit(number, number.get_rect(midright=rect.midright))
    track = pygame.Rect(rect.left + rect.width * 38 // 100, rect.centery - px(4), rect.width * 34 // 100, px(8))
    theme.box(surface, theme.RAISED, track, px(4))
    filled = track.copy()
    filled.width = round(track.width * row.share)
    if filled.width:
        theme.box(surface, theme.ACCENT if row.best else theme.FAINT, filled, px(4))
    if row.low is not None and row.high is not None:
        ends = [track.left + round(track.width * end) for end in (row.low, row.high)]
        thick = max(1, px(2))
        surface.fill(theme.WARN, (ends[0], track.centery - thick // 2, max(thick, ends[1] - ends[0]), thick))
        for end in ends:
            surface.fill(theme.WARN, (end - thick // 2, track.centery - px(4), thick, px(8)))


def _trace(surface: pygame.Surface, letters: theme.Letters, info: HeadInfo, rect: pygame.Rect) -> None:
    """Draws what it expected in the turns up to now, the newest at the right."""
    low, high = min(info.trace), max(info.trace)
    room = rect.inflate(0, -letters.px(6))
    step = room.width / max(1, len(info.trace) - 1)
    span = (high - low) or 1.0
    points = [(room.left + k * step, room.bottom - room.height * (v - low) / span) for k, v in enumerate(info.trace)]
    theme.box(surface, theme.RAISED, rect, letters.px(5))
    pygame.draw.lines(surface, sprites.agent_colour(info.slot), False, points, max(2, letters.px(2)))
    for value, y in ((high, room.top), (low, room.bottom - letters.px(13))) if high > low else ():
        surface.blit(letters.draw(f"{value:.3g}", 10, theme.MUTED), (rect.left + letters.px(5), y))
