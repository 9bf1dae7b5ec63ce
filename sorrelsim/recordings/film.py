"""Films of a recording, GIF and MP4: its replay drawn turn by turn and handed to ``pictures``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.pictures.files import animation, enlarge
from sorrelsim.recordings.read import Recording
from sorrelsim.writing import write_beside


def frames_of(
    recording: Recording, first: int = 0, last: int | None = None, check: bool = True, trust: bool = False
) -> Iterator[np.ndarray]:
    """Yields a recording's pictures, from the state after turn ``first`` (0: before any) to that after ``last``."""
    replay = recording.replay(check, trust)
    last = len(recording) if last is None else min(last, len(recording))
    replay.go(first)
    yield replay.world.render()
    for _ in range(replay.turn, last):
        replay.forward()
        yield replay.world.render()


def save_film(
    recording: Recording, path: str | Path, fps: float = 8, first: int = 0, last: int | None = None,
    longest: int = 720, check: bool = True, trust: bool = False,
) -> None:  # fmt: skip
    """Writes a recording to a ``.gif`` file, or to an ``.mp4`` file if imageio-ffmpeg is installed.

    Raises:
        ValueError: If the name ends in neither, or imageio-ffmpeg is missing.
    """
    path = Path(path)
    if path.suffix == ".gif":
        animation(list(frames_of(recording, first, last, check, trust)), fps, longest).save(path)
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
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        with iio.get_writer(film, fps=fps, macro_block_size=2, quality=8) as writer:
            for picture in frames_of(recording, first, last, check, trust):
                writer.append_data(enlarge(picture, longest))
        write_beside(path, film.read_bytes())
