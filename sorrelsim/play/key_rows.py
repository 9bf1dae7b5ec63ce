"""Keys and what they do, a row for each action: two keys of one person, or one of each who shares the keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pygame

from sorrelsim.play import theme
from sorrelsim.play.panel_info import ActionRow

CAP, WORD = 12, 15
"""Sizes of what stands on a key and beside it."""


@dataclass(frozen=True)
class KeyRow:
    """An action, and its keys as they are drawn.

    Attributes:
        action: The action in words.
        caps: What stands on each key, whose it is (-1 where nobody shares the keyboard), and whether it is lit.
        lit: Whether the action is chosen by anybody.
    """

    action: str
    caps: tuple[tuple[str, int, bool], ...]
    lit: bool


def key_rows(rows: Sequence[ActionRow]) -> list[KeyRow]:
    """Returns everybody's actions, those that several people have as one row."""
    gathered: dict[str, list[ActionRow]] = {}
    for row in rows:
        gathered.setdefault(row.action, []).append(row)
    return [
        KeyRow(
            action,
            tuple((key, row.slot, row.lit) for row in of for key in row.keys[: 2 if row.slot < 0 else 1]),
            any(row.lit for row in of),
        )
        for action, of in gathered.items()
    ]


def width_of(letters: theme.Letters, row: KeyRow) -> int:
    """Returns the pixels that a row takes."""
    caps = sum(theme.cap_width(letters, text, CAP) + letters.px(4) for text, _, _ in row.caps)
    return caps + letters.font(WORD).size(row.action)[0] + letters.px(20)


def columns_of(letters: theme.Letters, rows: Sequence[KeyRow], width: int, most: int) -> int:
    """Returns in how many columns rows are to stand: as many as leave each whole, ``most`` at most."""
    widest = max((width_of(letters, row) for row in rows), default=1)
    return max(1, min(most, width // widest))


def draw_row(surface: pygame.Surface, letters: theme.Letters, row: KeyRow, x: int, y: int, width: int) -> None:
    """Draws a row; what its keys do is cut where there is no room for all of it."""
    end = x + width - letters.px(6)
    for text, slot, lit in row.caps:
        x += theme.key_cap(surface, letters, x, y, text, CAP, lit, theme.TEXT if slot < 0 else theme.ink(slot))
        x += letters.px(4)
    room = end - x - letters.px(4)
    label = letters.fit(row.action, WORD, room, theme.TEXT if row.lit or row.caps else theme.MUTED)
    if label.get_width() <= room:
        surface.blit(label, label.get_rect(midleft=(x + letters.px(4), y + letters.px(11))))
