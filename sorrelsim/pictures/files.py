"""Pictures and animations as files, without a screen: PNG, GIF, and how notebooks show them.

All that is written goes through here: worlds hand over what they render, runs and recordings their films.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sorrelsim.writing import write_beside


def enlarge(picture: np.ndarray, longest: int = 640) -> np.ndarray:
    """Makes every pixel a square of pixels, so that the longer side has about ``longest``: ``uint8[row, col, 3]``."""
    scale = max(1, longest // max(picture.shape[:2]))
    return picture.repeat(scale, 0).repeat(scale, 1)


def to_png(picture: np.ndarray, longest: int = 640) -> bytes:
    """Returns a picture ``uint8[row, col, 3]`` as a PNG file, enlarged."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(enlarge(picture, longest)).save(file, "PNG")
    return file.getvalue()


class Animation:
    """A film that a notebook shows by itself.

    Attributes:
        gif: The file.
    """

    def __init__(self, gif: bytes) -> None:
        self.gif = gif

    def save(self, path: str | Path) -> None:
        """Writes it to a ``.gif`` file."""
        write_beside(path, self.gif)

    def _repr_html_(self) -> str:
        text = base64.b64encode(self.gif).decode()
        return f'<img alt="animation" style="image-rendering: pixelated" src="data:image/gif;base64,{text}">'


def animation(pictures: Sequence[np.ndarray], fps: float = 8, longest: int = 480) -> Animation:
    """Makes an animation that repeats for ever.

    Args:
        pictures: ``uint8[row, col, 3]``, such as ``world.render()`` gives, at least one.
        fps: Pictures per second.
        longest: Longer side of the animation, in pixels.

    Raises:
        ValueError: If there is no picture.
    """
    from PIL import Image

    if not len(pictures):
        raise ValueError("an animation needs at least one picture")
    # One palette for all pictures keeps colours from flickering; pixel art has few, so it usually holds them all.
    packed = np.unique(np.concatenate([np.unique(picture @ (1 << 16, 1 << 8, 1)) for picture in pictures]))
    colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)
    palette = Image.fromarray(colours[None]).quantize(256, dither=Image.Dither.NONE)
    frames = [
        Image.fromarray(enlarge(picture, longest)).quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in pictures
    ]
    file = io.BytesIO()
    frames[0].save(
        file, "GIF", save_all=True, append_images=frames[1:], duration=round(1000 / fps), loop=0, optimize=False
    )
    return Animation(file.getvalue())
