"""The card before a game: what it is about, what there is, what it brings, which keys do what, and who plays.

Made of what the world says of itself, so that every world has one: its page, its kinds and their pictures.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pygame

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.catalogue import read_entry
from sorrelsim.pictures.painting import stack
from sorrelsim.play import theme
from sorrelsim.play.panel_info import ActionRow, title_of

MOST_THINGS = 14


@dataclass(frozen=True, eq=False)
class CardInfo:
    """What the card says.

    Attributes:
        title: The world.
        about: What it is about, in a sentence.
        things: What lies in it: names and pictures ``uint8[SIZE, SIZE, 3]``.
        rewards: What is rewarded, in words.
        keys: The person's actions and keys.
        players: Slot, name, and whether it is a person, of everybody.
        foot: What to press.
    """

    title: str
    about: str
    things: tuple[tuple[str, np.ndarray], ...]
    rewards: str
    keys: tuple[ActionRow, ...]
    players: tuple[tuple[int, str, bool], ...]
    foot: str


def card_of(
    world: Gridworld, keys: tuple[ActionRow, ...], players: Sequence[str], people: Sequence[int], foot: str
) -> CardInfo:
    """Returns the card of a world.

    Args:
        world: The world.
        keys: The person's actions and keys.
        players: A label for each slot.
        people: The slots that people play.
        foot: What to press.
    """
    about, rewards = _page(type(world).__module__)
    named = tuple(
        (slot, "you" if slot in people and len(people) == 1 else "person" if slot in people else label, slot in people)
        for slot, label in enumerate(players)
    )
    return CardInfo(title_of(world.name), about, _things(world), rewards, keys, named, foot)


@cache
def _page(module: str) -> tuple[str, str]:
    """Returns what a world's file says that it is about, and what it rewards; read once, not for every frame."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return "", ""
    entry = read_entry(Path(file))
    return _plain(entry.summary), _plain(entry.sections.get("Rewards", ""))


def _plain(text: str) -> str:
    """Returns a page's text without its marks for code, as one line."""
    return " ".join(text.replace("``", "").split())


def _things(world: Gridworld) -> tuple[tuple[str, np.ndarray], ...]:
    """Returns what can lie in a cell, as it looks there; of several that only a number tells apart, the first."""
    looks, shown = world.looks_table(), dict[str, np.ndarray]()
    ground = theme.GROUND
    for code, kind in enumerate(world.kinds, 1):
        name = re.sub(r"_\d+$", "", kind.name).lower().replace("_", " ")
        if looks[code, ..., 3].any():
            shown.setdefault(name, stack([ground, looks[code]]))
    return tuple(shown.items())[:MOST_THINGS]


def draw_card(screen: pygame.Surface, letters: theme.Letters, info: CardInfo) -> None:
    """Draws the card over a window. Where there is little room, who plays goes first, then pictures, then words."""
    px, draw = letters.px, letters.draw
    shade = pygame.Surface(screen.get_size(), pygame.SRCALPHA)
    shade.fill((*theme.BACKGROUND, 215))
    screen.blit(shade, (0, 0))
    width = min(px(860), screen.get_width() - px(24))
    inner, gap = width - px(64), px(20)
    half = (inner - px(40)) // 2
    title, about = _text(letters, info.title, 30, inner, "bold"), _text(letters, info.about, 17, inner)
    things = _titled(letters, "What there is", half, lambda w: _pictures(letters, info.things, w))
    brings = _titled(letters, "What it brings", half, lambda w: _text(letters, info.rewards, 15, w))
    keys = _titled(letters, "Your keys", inner, lambda w: _keys(letters, info.keys, w))
    players = _titled(letters, "Who plays", inner, lambda w: _players(letters, info.players, w))
    foot = draw(info.foot, 18, theme.ACCENT, "bold")
    room = screen.get_height() - px(24) - foot.get_height() - px(64)
    both = _beside(things, brings, px(40)) if info.things and info.rewards else brings if info.rewards else things
    ways = (
        [title, about, both, keys, players], [title, about, both, keys], [title, about, brings, keys],
        [title, about, keys], [title, keys], [title],
    )  # fmt: skip
    blocks = next((way for way in ways if _height(way, gap) <= room), ways[-1])
    rect = pygame.Rect(0, 0, width, _height(blocks, gap) + foot.get_height() + px(72))
    rect.center = screen.get_rect().center
    theme.box(screen, theme.PANEL, rect, px(14), theme.LINE)
    y = rect.top + px(26)
    for block in blocks:
        screen.blit(block, (rect.left + px(32), y))
        y += block.get_height() + gap
    screen.blit(foot, foot.get_rect(midbottom=(rect.centerx, rect.bottom - px(20))))


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
        cells.append((image, letters.fit(name, 15, width // 2 - size - letters.px(14), theme.TEXT)))
    return _grid(letters, cells, width, 2, size + letters.px(8))


def _players(letters: theme.Letters, players: Sequence[tuple[int, str, bool]], width: int) -> pygame.Surface:
    size, columns = max(16, letters.px(24) // 8 * 8), 4
    cells = []
    for slot, name, mine in players:
        colour = theme.TEXT if mine else theme.MUTED
        room = width // columns - size - letters.px(14)
        cells.append((theme.face(slot, size), letters.fit(f"{slot}  {name}", 15, room, colour, "bold" if mine else "")))
    return _grid(letters, cells, width, columns, size + letters.px(6))


def _keys(letters: theme.Letters, rows: Sequence[ActionRow], width: int) -> pygame.Surface:
    columns = 3 if width >= letters.px(560) else 2
    step, each = letters.px(32), width // columns
    surface = _blank(width, -(-len(rows) // columns) * step)
    for k, row in enumerate(rows):
        x, y = k % columns * each, k // columns * step
        for key in row.keys[:2]:
            x += theme.key_cap(surface, letters, x, y, key, 12) + letters.px(4)
        room = (k % columns + 1) * each - x - letters.px(8)
        text = letters.fit(row.action, 15, room, theme.TEXT)
        if text.get_width() <= room:
            surface.blit(text, (x + letters.px(4), y + letters.px(1)))
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
