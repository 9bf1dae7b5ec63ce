"""Pictures and animations as files, without a screen: PNG, GIF, and how notebooks show them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def enlarge(picture: np.ndarray, longest: int = 640) -> np.ndarray:
    """Every pixel a square of pixels, so that the longer side has about ``longest``: ``uint8[row, col, 3]``."""
    scale = max(1, longest // max(picture.shape[:2]))
    return picture.repeat(scale, 0).repeat(scale, 1)


def to_png(picture: np.ndarray, longest: int = 640) -> bytes:
    """A picture ``uint8[row, col, 3]`` as a PNG file, enlarged."""
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
        """Write it to a ``.gif`` file."""
        Path(path).write_bytes(self.gif)

    def _repr_html_(self) -> str:
        text = base64.b64encode(self.gif).decode()
        return f'<img alt="animation" style="image-rendering: pixelated" src="data:image/gif;base64,{text}">'


def animation(pictures: Sequence[np.ndarray], fps: float = 8, longest: int = 480) -> Animation:
    """Pictures as an animation for a notebook.

    Args:
        pictures: ``uint8[row, col, 3]``, such as ``world.render()`` gives, at least one.
        fps: Pictures a second.
        longest: Longer side of the animation, in pixels.
    """
    import imageio.v3 as iio

    if not len(pictures):
        raise ValueError("an animation needs at least one picture")
    frames = [enlarge(picture, longest) for picture in pictures]
    data = iio.imwrite("<bytes>", frames, extension=".gif", plugin="pillow", duration=1000 / fps, loop=0)
    return Animation(data)


def write_png(pixels: np.ndarray, path: str | Path) -> Path:
    """Writes a picture, pixels enlarged to about 960 on the longer side."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = max(1, 960 // max(height, width))
    Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.NEAREST).save(path)
    return Path(path)


def write_gif(path: str | Path, pictures: Sequence[np.ndarray], seconds: float = 0.1) -> Path:
    """Writes an animation that repeats for ever, pixels enlarged to about 480 on the longer side.

    Args:
        path: The file.
        pictures: RGB uint8 [height, width, 3], at least one.
        seconds: How long each is shown.
    """
    from PIL import Image

    height, width = pictures[0].shape[:2]
    scale = max(1, 480 // max(height, width))
    frames = [Image.fromarray(p).resize((width * scale, height * scale), Image.Resampling.NEAREST) for p in pictures]
    # One palette for all pictures, taken from a sample of them, keeps colours from flickering.
    sample = np.concatenate(pictures[:: max(1, len(pictures) // 8)], axis=0)
    palette = Image.fromarray(sample).quantize(255, dither=Image.Dither.NONE)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=int(1000 * seconds),
        loop=0,
        optimize=False,
    )
    return Path(path)
