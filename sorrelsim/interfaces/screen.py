"""A plain window for ``render_mode="human"``: the picture, as large as it goes. People play in ``sorrelsim play``."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

SIZE = 720
"""The longer side of a picture in the window, at most."""


class Screen:
    """A window that shows one picture after another; it opens with the first, and is lost in copying and pickling.

    Args:
        title: Its title.
        fps: Pictures per second, at most.
    """

    def __init__(self, title: str, fps: int) -> None:
        self._title, self._fps = title, fps
        self._window: Any = None
        self._clock: Any = None

    def show(self, picture: np.ndarray) -> None:
        """Shows a picture, RGB ``uint8[row, col, 3]``, and waits until the next is due."""
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        times = max(1, SIZE // max(picture.shape[:2]))
        large = picture.repeat(times, 0).repeat(times, 1).swapaxes(0, 1)
        if self._window is None:
            pygame.display.init()
            pygame.display.set_caption(self._title)
            self._window = pygame.display.set_mode(large.shape[:2])
            self._clock = pygame.time.Clock()
        pygame.surfarray.blit_array(self._window, large)
        pygame.event.pump()
        pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Closes the window, if it is open."""
        if self._window is not None:
            import pygame

            pygame.display.quit()
            self._window = self._clock = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Screen, (self._title, self._fps)
