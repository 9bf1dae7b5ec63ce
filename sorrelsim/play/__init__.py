"""A window to play and to watch in: people beside trained agents, every action kept. Imports pygame only when used."""

import os
import sys

# Here, because pygame reads them when it is imported, by whichever module of this package comes first.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "sorrelsim")
if sys.platform.startswith("linux"):
    # Frames go to the screen by shared memory. Through OpenGL, where that is software, a 1080p frame took 46 ms, not 6.
    os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
