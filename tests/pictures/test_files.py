"""Pictures as files: enlarged, crisp, and of one palette throughout an animation."""

import io

import numpy as np
import pytest
from PIL import Image

from sorrelsim.pictures.files import animation, enlarge, to_png


def test_pixels_become_squares():
    picture = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    large = enlarge(picture, 10)
    assert large.shape == (6, 9, 3)
    assert (large.reshape(2, 3, 3, 3, 3) == picture[:, None, :, None]).all()
    with Image.open(io.BytesIO(to_png(picture, 10))) as read:
        np.testing.assert_array_equal(np.asarray(read), large)


def test_colours_of_an_animation_do_not_flicker():
    """A colour that only the last picture has does not change how the others look."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (40, 3)).astype(np.uint8)
    pictures = [colours[rng.integers(0, 30, (5, 7))] for _ in range(5)] + [colours[rng.integers(30, 40, (5, 7))]]
    with Image.open(io.BytesIO(animation(pictures, fps=5, longest=21).gif)) as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"], gif.info["loop"]) == (6, (21, 15), 200, 0)
        for frame, picture in enumerate(pictures):
            gif.seek(frame)
            shown = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(shown - enlarge(picture, 21)).max() <= 8  # palettes are looked up in steps of a few levels


def test_an_animation_of_nothing():
    with pytest.raises(ValueError, match="at least one"):
        animation([])
