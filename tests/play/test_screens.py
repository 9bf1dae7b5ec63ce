"""Windows of every world at three sizes: what is drawn is there, and large enough."""

import numpy as np
import pytest
from screens import KINDS, SIZES, play_at_random, shoot

from sorrelsim.library.find import shipped

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("dummy")]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", sorted(shipped("worlds")))
def test_every_page_of_every_world_is_drawn(name, size, tmp_path):
    import pygame

    paths = shoot(name, size, tmp_path)
    pages = {kind: pygame.surfarray.array3d(pygame.image.load(str(path))) for kind, path in paths.items()}
    assert set(pages) == set(KINDS)
    for kind, page in pages.items():
        assert page.shape == (*size, 3)
        assert all(other == kind or (page != pages[other]).any() for other in KINDS)
    # The map fills at least 60% of its part of the window in one direction.
    board = pages["play"][: int(size[0] * 0.72)].astype(int)
    drawn = np.argwhere(np.abs(board - (19, 21, 26)).sum(axis=-1) > 6)  # other than the background
    extent = (np.ptp(drawn[:, 0]) / board.shape[0], np.ptp(drawn[:, 1]) / board.shape[1])
    assert max(extent) > 0.6, extent


@pytest.mark.parametrize("name", sorted(shipped("worlds")))
def test_two_minutes_of_keys_at_random(name):
    frames = play_at_random(name, 720)  # two minutes at 6 turns a second
    assert len(frames) >= 720
    assert np.percentile(frames, 95) < 1 / 15  # 15 to 30 ms with all cores busy; a turn has 167
