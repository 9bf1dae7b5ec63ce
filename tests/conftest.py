"""Windows without a screen: SDL's dummy driver, for every test but those of a real window."""

import pytest


@pytest.fixture
def dummy(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    import pygame

    pygame.display.quit()
