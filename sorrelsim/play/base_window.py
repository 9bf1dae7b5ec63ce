"""The window itself: opening and resizing it, its loop, overlays and messages. What it shows is a subclass's matter."""

from __future__ import annotations

import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import FrameType

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "sorrelsim")
if sys.platform.startswith("linux"):
    # Frames go to the screen by shared memory. Through OpenGL, where that is software, a 1080p frame took 46 ms, not 6.
    os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")

import pygame

from sorrelsim.play import theme

FRAMES_PER_SECOND = 60
SMALLEST = (480, 320)


class NoDisplay(OSError):
    """There is no screen to open a window on."""


def open_display() -> None:
    """Start SDL's video.

    Raises:
        NoDisplay: If there is no screen; the message names the ways out.
    """
    ways_out = (
        "no display to open a window on. Run it on a desktop, or over ssh with X forwarding (ssh -X), or under a "
        "virtual screen (xvfb-run -a sorrelsim ...); a recording also exports without one: "
        "sorrelsim watch FILE --export out.gif"
    )
    asked = os.environ.get("SDL_VIDEODRIVER", "")
    screens = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not asked and not screens:
        raise NoDisplay(ways_out)
    try:
        pygame.display.init()
    except pygame.error as error:
        raise NoDisplay(f"{ways_out} ({error})") from None
    if pygame.display.get_driver() in ("offscreen", "dummy") and asked not in ("offscreen", "dummy"):
        pygame.display.quit()
        raise NoDisplay(ways_out)
    pygame.font.init()


class Shell(ABC):
    """A window. A subclass says what it shows, what keys do, and when something happens by itself.

    Args:
        title: The window's title.
        size: (width, height), or None for most of the screen.
        full_screen: Whether to fill the screen.

    Attributes:
        screen: The window's surface.
        dirty: Whether it must be drawn again.
        done: Whether it is to close.
        message: What is shown in it for a moment.
        frames: Frames drawn.
    """

    def __init__(self, title: str, size: tuple[int, int] | None = None, full_screen: bool = False) -> None:
        open_display()
        pygame.display.set_caption(title)
        if size is None:
            screens = pygame.display.get_desktop_sizes()
            width, height = screens[0] if screens else (1280, 800)
            size = (max(SMALLEST[0], int(width * 0.9)), max(SMALLEST[1], int(height * 0.85)))
        self._windowed = size
        self.screen = pygame.display.set_mode(
            (0, 0) if full_screen else size, pygame.FULLSCREEN if full_screen else pygame.RESIZABLE
        )
        self.full_screen = full_screen
        pygame.key.set_repeat()
        self.letters = theme.Letters()
        self.dirty = True
        self.done = False
        self.help = False
        self.message, self._message_until = "", 0.0
        self.frames = 0
        self._leaving_until = 0.0
        self._clock = pygame.time.Clock()
        self._rescale()

    # ------------------------------------------------------------------------------------------- for the subclass

    @abstractmethod
    def key(self, name: str, down: bool, now: float) -> None:
        """A key that the shell has no use for went down or up."""

    @abstractmethod
    def advance(self, now: float) -> None:
        """Do what has fallen due by ``now`` (seconds); sets ``dirty`` if there is something to see."""

    @abstractmethod
    def due(self, now: float) -> float | None:
        """Seconds until :meth:`advance` is wanted; None if only input can change anything."""

    @abstractmethod
    def animating(self, now: float) -> bool:
        """Whether the next frame differs by itself."""

    @abstractmethod
    def draw(self, now: float) -> None:
        """Draw everything but overlays into ``screen``."""

    @abstractmethod
    def help_lines(self) -> list[tuple[str, str]]:
        """Keys and what they do, for the help overlay; a line without key is a heading."""

    @abstractmethod
    def close(self) -> None:
        """Called once, however the window closes."""

    def mouse(self, event: pygame.event.Event, now: float) -> None:
        """A mouse event; the subclasses that listen to the mouse override this."""
        return

    # ------------------------------------------------------------------------------------------------------- loop

    def run(self) -> None:
        """Show the window until it is closed. Whatever ends it, :meth:`close` is called."""

        def leave(number: int, frame: FrameType | None) -> None:
            self.done = True

        before = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                before[number] = signal.signal(number, leave)
            except ValueError:  # not in the main thread: then nobody can press Ctrl-C here either
                break
        try:
            while not self.done:
                self.spin()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            try:
                self.close()
            finally:
                pygame.display.quit()

    def spin(self) -> None:
        """Go once round the loop: input, what is due, and a frame if there is something new to see."""
        now = time.perf_counter()
        moving = self.animating(now)
        if moving or self.dirty:
            events = pygame.event.get()
        else:
            # Nothing moves: sleep in the system until there is input or something is due.
            wait = self.due(now)
            if self.message:
                wait = min(wait if wait is not None else 1.0, max(0.0, self._message_until - now))
            first = pygame.event.wait(max(1, min(round(1000 * (1.0 if wait is None else wait)), 250)))
            events = [first, *pygame.event.get()] if first.type != pygame.NOEVENT else []
        now = time.perf_counter()
        for event in events:
            self._handle(event, now)
        self.advance(now)
        if self.message and now > self._message_until:
            self.message, self.dirty = "", True
        moving = self.animating(now)
        if self.dirty or moving:
            self.dirty = False
            self.show(now)
        if moving:
            self._clock.tick(FRAMES_PER_SECOND)

    def show(self, now: float) -> None:
        """Draw a frame and put it on the screen."""
        self.draw(now)
        self._overlays()
        pygame.display.flip()
        self.frames += 1

    def say(self, text: str, seconds: float = 2.5) -> None:
        """Show a message for a moment."""
        self.message, self._message_until = text, time.perf_counter() + seconds
        self.dirty = True

    def _handle(self, event: pygame.event.Event, now: float) -> None:
        if event.type == pygame.QUIT:
            self.done = True
        elif event.type in (pygame.VIDEORESIZE, pygame.WINDOWSIZECHANGED):
            self.screen = pygame.display.get_surface() or self.screen
            self._rescale()
        elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWFOCUSGAINED):
            self.dirty = True
        elif event.type == pygame.WINDOWFOCUSLOST:
            self.lost_focus(now)
        elif event.type in (pygame.KEYDOWN, pygame.KEYUP):
            self._key(pygame.key.name(event.key).lower(), event.type == pygame.KEYDOWN, event.mod, now)
        elif event.type in (
            pygame.MOUSEBUTTONDOWN,
            pygame.MOUSEBUTTONUP,
            pygame.MOUSEMOTION,
            pygame.MOUSEWHEEL,
        ):
            self.mouse(event, now)

    def _key(self, name: str, down: bool, modifiers: int, now: float) -> None:
        if down and name == "q" and modifiers & pygame.KMOD_CTRL:
            self.done = True
        elif down and self.help:
            self.help, self.dirty = False, True
        else:
            self.key(name, down, now)

    def lost_focus(self, now: float) -> None:
        """Another window took the keyboard, so no key goes up any more."""
        return

    def leave(self, now: float) -> None:
        """Asked to quit by key: the second time within two seconds does it."""
        if now < self._leaving_until:
            self.done = True
        self._leaving_until = now + 2
        self.say("Press Esc again to leave", 2)

    def toggle_full_screen(self) -> None:
        """To the whole screen and back."""
        if not self.full_screen:
            self._windowed = self.screen.get_size()
        self.full_screen = not self.full_screen
        size = (0, 0) if self.full_screen else self._windowed
        flags = pygame.FULLSCREEN if self.full_screen else pygame.RESIZABLE
        self.screen = pygame.display.set_mode(size, flags)
        self._rescale()

    def screenshot(self, folder: str | Path = ".") -> Path:
        """Keep a picture of the window."""
        path = Path(folder) / time.strftime("sorrelsim-%Y%m%d-%H%M%S.png")
        pygame.image.save(self.screen, str(path))
        self.say(f"kept as {path}")
        return path

    # ---------------------------------------------------------------------------------------------------- layout

    def _rescale(self) -> None:
        width, height = self.screen.get_size()
        self.letters.scale = max(0.85, min(height / 900, width / 1550))
        self.dirty = True

    def areas(self) -> tuple[pygame.Rect, pygame.Rect]:
        """Where the map goes, and the panel."""
        width, height = self.screen.get_size()
        panel = min(self.letters.px(400), int(width * 0.42))
        return pygame.Rect(0, 0, width - panel, height), pygame.Rect(width - panel, 0, panel, height)

    def _overlays(self) -> None:
        px = self.letters.px
        if self.message:
            area, _ = self.areas()
            text = self.letters.fit(self.message, 17, area.width - px(80), theme.TEXT)
            rect = pygame.Rect(0, 0, text.get_width() + px(36), text.get_height() + px(20))
            rect.midbottom = (area.centerx, area.bottom - px(28))
            theme.box(self.screen, theme.RAISED, rect, px(10), theme.LINE)
            self.screen.blit(text, text.get_rect(center=rect.center))
        if self.help:
            self._draw_help()

    def _draw_help(self) -> None:
        px, draw = self.letters.px, self.letters.draw
        shade = pygame.Surface(self.screen.get_size(), pygame.SRCALPHA)
        shade.fill((*theme.BACKGROUND, 215))
        self.screen.blit(shade, (0, 0))
        lines = self.help_lines()
        step = px(33)
        columns = 1 if len(lines) * step < self.screen.get_height() - px(150) else 2
        per_column = -(-len(lines) // columns)
        while per_column * step > self.screen.get_height() - px(120) and step > 14:
            step -= 1
        width = min(px(430) * columns + px(60), self.screen.get_width() - px(20))
        rect = pygame.Rect(0, 0, width, per_column * step + px(96))
        rect.center = self.screen.get_rect().center
        theme.box(self.screen, theme.PANEL, rect, px(14), theme.LINE)
        for k, (key, meaning) in enumerate(lines):
            column, row = divmod(k, per_column)
            x = rect.left + px(30) + column * ((width - px(60)) // columns)
            y = rect.top + px(28) + row * step
            if not key:
                self.screen.blit(draw(meaning, 16, theme.ACCENT, "bold"), (x, y + px(4)))
                continue
            at = x
            for cap in key.split("  "):
                at += theme.key_cap(self.screen, self.letters, at, y, cap, 13) + px(5)
            self.screen.blit(draw(meaning, 15, theme.TEXT), (max(at + px(8), x + px(150)), y + px(2)))
        foot = draw("any key closes this", 14, theme.FAINT)
        self.screen.blit(foot, foot.get_rect(midbottom=(rect.centerx, rect.bottom - px(18))))
