"""Films of a recording, GIF and MP4: its replay drawn turn by turn and handed to ``pictures``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
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
    below: Callable[[int, int], np.ndarray] | None = None,
) -> None:  # fmt: skip
    """Writes a recording to a ``.gif`` file, or to an ``.mp4`` file if imageio-ffmpeg is installed.

    Args:
        recording: The recording.
        path: The file.
        fps: Pictures per second.
        first: The turn after which it begins.
        last: The turn with which it ends; None for the last.
        longest: Longer side of the pictures, in pixels.
        check: Whether to compare rewards, ends and state hashes on the way.
        trust: Whether a world file that is not the library's may be run.
        below: Called with a turn and the width of a picture, gives what is shown below it, ``uint8[row, col, 3]``.

    Raises:
        ValueError: If the name ends in neither, or imageio-ffmpeg is missing.
    """

    def large() -> Iterator[np.ndarray]:
        for turn, picture in enumerate(small, min(first, len(recording))):
            picture = enlarge(picture, longest)
            yield picture if below is None else np.vstack([picture, below(turn, picture.shape[1])])

    path, small = Path(path), frames_of(recording, first, last, check, trust)
    if path.suffix == ".gif":
        made = animation(list(small), fps, longest) if below is None else animation(list(large()), fps, 1)
        made.save(path)
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
            for picture in large():
                writer.append_data(picture)
        write_beside(path, film.read_bytes())
