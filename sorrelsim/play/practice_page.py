"""Draws what there is to practise, below the map: the step, everybody's keys for it, what came of it, a hint."""

from __future__ import annotations

from collections.abc import Sequence

import pygame

from sorrelsim.authoring import sprites
from sorrelsim.play import theme
from sorrelsim.play.practice import Practice, Task

MOST = 0.55
"""The share of the map's place that the page takes at most, if it can be said in less."""


def practice_page(
    letters: theme.Letters, size: tuple[int, int], practice: Practice, tasks: Sequence[Task], skip: str
) -> pygame.Surface:
    """Returns the page; where it would take too much of the map's place, with bare keys and a line of what pays.

    Args:
        letters: What it is written with.
        size: (width, height) in pixels of the place that it shares with the map.
        practice: The practice.
        tasks: What each person is to do.
        skip: The key that skips a step, as it is drawn.
    """
    page = _page(letters, size[0], practice, tasks, skip)
    if page.get_height() > size[1] * MOST:
        page = _page(letters, size[0], practice, tasks, skip, brief=True)
    return page


def _page(
    letters: theme.Letters, width: int, practice: Practice, tasks: Sequence[Task], skip: str, brief: bool = False
) -> pygame.Surface:
    px, draw = letters.px, letters.draw
    inner = width - 2 * px(28)
    rows: list[pygame.Surface] = []
    below = False  # whether the key that skips stands below, for want of room beside the title
    if practice.over:
        rows.append(draw("That was the practice", 20, theme.TEXT, "bold"))
    else:
        title = practice.step.title
        count = f"Practice {practice.at + 1} of {len(practice.steps)}:  {title}"
        wide = letters.font(20, "bold").size(count)[0]
        below = wide > inner - px(190)
        rows.append(letters.fit(count if wide <= inner else title, 20, inner, theme.TEXT, "bold"))
    room = inner - px(200) - rows[0].get_width()
    beside = len(practice.said) == 1 and letters.font(16).size(practice.said[0])[0] <= room
    rows += [] if beside else [letters.fit(said, 16, inner, theme.GAIN) for said in practice.said]
    if practice.over or practice.step.what == "earn":
        lines = [practice.rewards] if brief else letters.wrapped(practice.rewards, 15, inner)[:4]
        rows += [letters.fit(line, 15, inner, theme.TEXT) for line in lines]
    else:
        for task in tasks:
            rows += _keys(letters, task, len(tasks) > 1, inner, brief)
    if practice.over:
        rows.append(draw("Space begins the game", 18, theme.ACCENT, "bold"))
    elif practice.hint:
        size = 14 if brief else 16
        rows += [draw(line, size, theme.WARN) for line in letters.wrapped(practice.hint, size, inner)[:2]]
    height = sum(row.get_height() + px(8) for row in rows) + px(28) + below * px(30)
    height = max(px(122), height)  # so that the map seldom moves
    page = pygame.Surface((width, height))
    page.fill(theme.PANEL)
    pygame.draw.line(page, theme.LINE, (0, 0), (width, 0), max(1, px(2)))
    y = px(16)
    for row in rows:
        page.blit(row, (px(28), y))
        y += row.get_height() + px(8)
    if beside:
        page.blit(draw(practice.said[0], 16, theme.GAIN), (px(58) + rows[0].get_width(), px(19)))
    if not practice.over:
        label = draw("skip this", 14, theme.MUTED)
        at = width - px(28) - label.get_width()
        y = height - px(36) if below else px(17)
        page.blit(label, (at, y + px(1)))
        cap = letters.font(12, "bold").size(skip)[0] + px(20)
        theme.key_cap(page, letters, at - cap, y, skip, 12)
    return page


def _keys(letters: theme.Letters, task: Task, several: bool, width: int, bare: bool) -> list[pygame.Surface]:
    """Returns the keys of one person in lines, behind their face where there are several people.

    ``bare`` leaves out what they do, and all but the first key for it.
    """
    px, lines = letters.px, list[pygame.Surface]()
    line, x = None, 0
    for row in task.keys:
        colour = theme.MUTED if task.done else theme.ink(task.slot) if several else theme.TEXT
        keys, label = row.keys[: 1 if bare else 2], letters.draw("" if bare else row.action, 15, colour)
        wide = sum(letters.font(12, "bold").size(key)[0] + px(20) for key in keys) + label.get_width()
        wide += px(4 if bare else 34)
        if line is None or x + wide > width:
            line = pygame.Surface((width, px(28)))
            line.fill(theme.PANEL)
            lines.append(line)
            x = 0
            if several:
                face = theme.face(task.slot, max(8, px(24) // 8 * 8))
                line.blit(face, (0, 0))
                x = face.get_width() + px(10)
        for key in keys:
            x += theme.key_cap(line, letters, x, 0, key, 12, row.lit) + px(4)
        line.blit(label, (x + px(4), px(1)))
        x += label.get_width() + px(0 if bare else 26)
    if task.done and lines:
        colour = sprites.agent_colour(task.slot)
        pygame.draw.rect(lines[0], colour, (width - px(60), px(8), px(12), px(12)), border_radius=px(6))
        lines[0].blit(letters.draw("done", 14, theme.GAIN), (width - px(42), px(2)))
    return lines
