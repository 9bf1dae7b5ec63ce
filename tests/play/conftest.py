"""Windows without a screen: SDL's dummy driver, for every test but those of a real window."""

import os

import pytest


@pytest.fixture
def dummy(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    import pygame

    pygame.display.quit()
    assert os.environ["SDL_VIDEODRIVER"] == "dummy"
