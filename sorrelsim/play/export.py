"""Pictures and films of a world or a recording, without a screen: PNG, GIF, MP4, and how notebooks show them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sorrelsim.recording import Recording


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


def frames_of(
    recording: Recording, first: int = 0, last: int | None = None, check: bool = True
) -> Iterator[np.ndarray]:
    """The pictures of a recording, from the state after turn ``first`` (0: before any) to that after ``last``."""
    replay = recording.replay(check)
    last = len(recording) if last is None else min(last, len(recording))
    replay.go(first)
    yield replay.world.render()
    for _ in range(replay.turn, last):
        replay.forward()
        yield replay.world.render()


def save_film(
    recording: Recording, path: str | Path, fps: float = 8, first: int = 0, last: int | None = None,
    longest: int = 720, check: bool = True,
) -> None:  # fmt: skip
    """Write a recording to a ``.gif`` file, or to an ``.mp4`` file if imageio-ffmpeg is installed.

    Raises:
        ValueError: If the name ends in neither, or imageio-ffmpeg is missing.
    """
    path = Path(path)
    if path.suffix == ".gif":
        animation(list(frames_of(recording, first, last, check)), fps, longest).save(path)
        return
    if path.suffix != ".mp4":
        raise ValueError(f"{path}: a film ends in .gif or .mp4")
    try:
        import imageio_ffmpeg  # noqa: F401  (imageio finds it by itself; this says early that it is missing)
    except ImportError:
        raise ValueError(
            f"{path}: MP4 needs imageio-ffmpeg (pip install 'sorrelsim[video]'); or name a .gif file"
        ) from None
    import imageio.v2 as iio

    writer: Any
    with iio.get_writer(path, fps=fps, macro_block_size=2, quality=8) as writer:
        for picture in frames_of(recording, first, last, check):
            writer.append_data(enlarge(picture, longest))
