"""What is drawn upon the map beside what lies there: whose agent it is, a reward, what an agent goes for."""

from __future__ import annotations

import numpy as np
import pygame

from sorrelsim.play import theme


def brackets(surface: pygame.Surface, x: int, y: int, cell: int, scale: int) -> None:
    """Draws four white corners around the agent that a person plays."""
    width, arm = max(1, round(scale * 0.6)), max(3, 2 * scale)
    for sx, sy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        cx, cy = x + sx * (cell - width), y + sy * (cell - width)
        hx, vy = (cx if not sx else cx - arm + width), (cy if not sy else cy - arm + width)
        surface.fill(theme.TEXT, (hx, cy, arm, width))
        surface.fill(theme.TEXT, (cx, vy, width, arm))


def outlined(letters: theme.Letters, text: str, size: float, colour: theme.Colour) -> pygame.Surface:
    """Returns a word in a colour with a dark line around it."""
    front, back = letters.draw(text, size, colour, "bold"), letters.draw(text, size, theme.BACKGROUND, "bold")
    edge = max(1, round(size / 12))
    picture = pygame.Surface((front.get_width() + 2 * edge, front.get_height() + 2 * edge), pygame.SRCALPHA)
    for dx in (0, edge, 2 * edge):
        for dy in (0, edge, 2 * edge):
            picture.blit(back, (dx, dy))
    picture.blit(front, (edge, edge))
    return picture


def draw_goal(surface: pygame.Surface, x: int, y: int, cell: int) -> None:
    """Draws a ring, light within dark, around the cell that an agent goes for."""
    middle, width = (x + cell // 2, y + cell // 2), max(2, cell // 10)
    pygame.draw.circle(surface, theme.OUTLINE, middle, cell * 2 // 3 + width // 2, 2 * width)
    pygame.draw.circle(surface, theme.WARN, middle, cell * 2 // 3, width)


def draw_attention(surface: pygame.Surface, attention: np.ndarray, left: int, top: int, cell: int) -> None:
    """Tints every cell, the more the more an agent looks at it: ``attention[row, col]`` from 0 to 1."""
    tint = pygame.Surface((cell, cell), pygame.SRCALPHA)
    for (row, col), weight in np.ndenumerate(attention):
        if weight > 0:
            tint.fill((*theme.WARN, round(150 * float(weight))))
            surface.blit(tint, (left + col * cell, top + row * cell))
