"""Colours, letters and the simple shapes of the window: a calm dark theme that scales with the screen.

All that the windows draw with, wherever it goes: the stage, the panel, the overlays.
"""

from __future__ import annotations

import importlib.util
from bisect import bisect_right
from collections import OrderedDict
from functools import cache
from pathlib import Path

import numpy as np
import pygame

from sorrelsim.authoring import sprites

Colour = tuple[int, int, int]

BACKGROUND: Colour = (19, 21, 26)
PANEL: Colour = (27, 30, 37)
RAISED: Colour = (38, 42, 51)
LINE: Colour = (51, 56, 67)
TEXT: Colour = (233, 235, 239)
MUTED: Colour = (154, 161, 173)
FAINT: Colour = (140, 147, 160)
ACCENT: Colour = (86, 180, 233)
GAIN: Colour = (120, 200, 245)
"""Blue for gains and orange for losses: told apart with any colour vision, and a sign says it too."""
LOSS: Colour = (250, 160, 80)
WARN: Colour = (245, 205, 71)
FOG: Colour = (13, 14, 18)
GROUND: np.ndarray = sprites.GROUND.rgba
"""What lies under an empty cell."""
OUTLINE: Colour = (8, 9, 12)
HALO: Colour = (236, 238, 242)
"""The lines around agents and marks, dark within light: whatever lies under them, one of the two stands out."""


class Letters:
    """Draws text, and keeps what it drew.

    Args:
        scale: Pixels for one unit of the layout: 1 on a screen 1080 pixels high.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._fonts: dict[tuple[int, str], pygame.font.Font] = {}
        self._drawn: OrderedDict[tuple, pygame.Surface] = OrderedDict()
        self._smaller: dict[float, Letters] = {}

    def smaller(self, share: float) -> Letters:
        """Returns letters of a share of this size, that of 11 pixels for running text at least."""
        scale = min(self.scale, max(self.scale * share, 0.72))
        if scale == self.scale:
            return self
        return self._smaller.setdefault(scale, Letters(scale))

    def px(self, units: float) -> int:
        """Returns units of the layout in whole pixels."""
        return round(units * self.scale)

    def font(self, size: float, style: str = "") -> pygame.font.Font:
        """Returns DejaVu Sans, which comes with matplotlib; ``style`` is "", "bold" or "mono"."""
        pixels = max(8, round(size * self.scale))
        if (pixels, style) not in self._fonts:
            self._fonts[pixels, style] = pygame.font.Font(_font_file(style), pixels)
        return self._fonts[pixels, style]

    def draw(self, text: str, size: float, colour: Colour = TEXT, style: str = "") -> pygame.Surface:
        """Returns a line of text on nothing."""
        key = (text, size, colour, style)
        if key in self._drawn:
            self._drawn.move_to_end(key)
            return self._drawn[key]
        picture = self.font(size, style).render(text, True, colour)
        self._drawn[key] = picture
        if len(self._drawn) > 1500:
            self._drawn.popitem(last=False)
        return picture

    def fit(self, text: str, size: float, width: int, colour: Colour = TEXT, style: str = "") -> pygame.Surface:
        """Returns a line of text that is cut with an ellipsis where it is wider than ``width`` pixels."""
        font = self.font(size, style)
        if font.size(text)[0] > width:
            fitting = bisect_right(range(1, len(text)), width, key=lambda n: font.size(text[:n] + "\u2026")[0])
            text = text[:fitting].rstrip() + "\u2026"
        return self.draw(text, size, colour, style)

    def wrapped(self, text: str, size: float, width: int, style: str = "") -> list[str]:
        """Returns a text in lines of at most ``width`` pixels, broken between words."""
        font, lines, line = self.font(size, style), list[str](), ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if line and font.size(longer)[0] > width:
                lines.append(line)
                longer = word
            line = longer
        return [*lines, line] if line else lines


def _font_file(style: str) -> str | None:
    name = {"": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf", "mono": "DejaVuSansMono.ttf"}[style]
    found = importlib.util.find_spec("matplotlib")  # only its folder is wanted; importing it would take a second
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "mpl-data" / "fonts" / "ttf" / name
        if path.is_file():
            return str(path)
    return None  # pygame's own


@cache
def ink(slot: int) -> Colour:
    """Returns the colour of a slot for letters, lightened until it can be read on panels: a contrast of 4.5 to 1."""
    red, green, blue = sprites.agent_colour(slot)
    while luminance(np.array((red, green, blue))) + 0.05 < 4.5 * (luminance(np.array(RAISED)) + 0.05):
        red, green, blue = red + (255 - red) // 10, green + (255 - green) // 10, blue + (255 - blue) // 10
    return red, green, blue


def luminance(colour: np.ndarray) -> np.ndarray:
    """Returns the relative luminance of sRGB colours ``[..., 3]`` of 0 to 255 (WCAG 2.1)."""
    part = np.asarray(colour, float) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def surface_of(picture: np.ndarray) -> pygame.Surface:
    """Returns a picture ``uint8[row, col, 3 or 4]`` as a surface."""
    rows, cols, channels = picture.shape
    return pygame.image.frombytes(
        np.ascontiguousarray(picture).tobytes(), (cols, rows), "RGBA" if channels == 4 else "RGB"
    )


def face(slot: int, size: int) -> pygame.Surface:
    """Returns the agent of a slot in its own colour, ``size`` pixels wide."""
    picture = surface_of(sprites.agent_sprite(sprites.agent_colour(slot)).rgba)
    return pygame.transform.scale(picture, (size, size))


def box(
    surface: pygame.Surface, colour: Colour, rect: pygame.Rect, radius: int = 0, line: Colour | None = None
) -> None:
    """Draws a filled box with round corners, and a line around it if asked."""
    pygame.draw.rect(surface, colour, rect, border_radius=radius)
    if line is not None:
        pygame.draw.rect(surface, line, rect, width=1, border_radius=radius)


def cap_width(letters: Letters, text: str, size: float) -> int:
    """Returns the width in pixels of a key as :func:`key_cap` draws it."""
    return max(letters.px(size * 1.75), letters.font(size, "bold").size(text)[0] + letters.px(size * 0.8))


def key_cap(
    surface: pygame.Surface, letters: Letters, x: int, y: int, text: str, size: float, lit: bool = False,
    colour: Colour = TEXT,
) -> int:  # fmt: skip
    """Draws a key as it looks on a keyboard, with its mark in a colour; returns its width in pixels."""
    label = letters.draw(text, size, BACKGROUND if lit else colour, "bold")
    width = cap_width(letters, text, size)
    rect = pygame.Rect(x, y, width, letters.px(size * 1.75))
    edge = max(1, letters.px(2))
    box(surface, (64, 132, 174) if lit else (16, 18, 22), rect.move(0, edge), letters.px(5))
    box(surface, ACCENT if lit else (58, 63, 75), rect, letters.px(5))
    surface.blit(label, label.get_rect(center=rect.center))
    return width
