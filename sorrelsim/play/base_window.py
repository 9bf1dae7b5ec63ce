"""The window itself: opening and resizing it, its loop, and what all windows do alike: a stage, a panel, zoom, help.

What is on the stage and in the panel is a subclass's matter: people who play, a recording, or people in a training run.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

import pygame

from sorrelsim.play import keyboard, overlays, theme
from sorrelsim.play.key_rows import key_rows
from sorrelsim.play.keys import shown
from sorrelsim.play.panel import Panel
from sorrelsim.play.panel_info import ActionRow, PanelInfo
from sorrelsim.play.scene import Scene
from sorrelsim.play.stage import Stage

FRAMES_PER_SECOND = 60
SMALLEST = (480, 320)


class NoDisplay(OSError):
    """There is no screen to open a window on."""


def open_display() -> None:
    """Starts SDL's video.

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


class BaseWindow(ABC):
    """A window. A subclass says what it shows, what keys do, and when something happens by itself.

    Args:
        title: The window's title.
        uses: Key name to the use that the window has for it.
        size: (width, height), or None for most of the screen.
        full_screen: Whether to fill the screen.

    Attributes:
        screen: The window's surface.
        stage: Draws the scene.
        panel: Draws the facts beside it.
        printed: What is printed on keys, where it is not their name.
        dirty: Whether it must be drawn again.
        done: Whether it is to close.
        message: What is shown in it for a moment.
        frames: Frames drawn.
    """

    def __init__(
        self, title: str, uses: Mapping[str, str], size: tuple[int, int] | None = None, full_screen: bool = False
    ) -> None:
        open_display()
        pygame.display.set_caption(title)
        if size is None:
            screens = pygame.display.get_desktop_sizes()
            width, height = screens[0] if screens else (1280, 800)
            size = (max(SMALLEST[0], int(width * 0.9)), max(SMALLEST[1], int(height * 0.85)))
        self._windowed = size
        self.full_screen = full_screen
        self.screen = self._open()
        pygame.key.set_repeat()
        self.uses = dict(uses)
        self.printed = keyboard.printed()
        self.letters = theme.Letters()
        self.stage, self.panel = Stage(), Panel(self.letters)
        self.dirty = True
        self.done = False
        self.help = self.legend = False
        self.message, self._message_until = "", 0.0
        self.frames = 0
        self._leaving_until = 0.0
        self._next_frame = 0.0
        self._moving = False
        self._rescale()

    # ------------------------------------------------------------------------------------------- for the subclass

    @abstractmethod
    def key(self, name: str, down: bool, now: float) -> None:
        """Takes in that a key went down or up, other than to leave or to close the help."""

    @abstractmethod
    def advance(self, now: float) -> None:
        """Does what has fallen due by ``now`` (seconds); sets ``dirty`` if there is something to see."""

    @abstractmethod
    def draw(self, now: float) -> None:
        """Draws everything but overlays into ``screen``."""

    @abstractmethod
    def scene(self) -> Scene:
        """Returns what is on the stage."""

    @abstractmethod
    def info(self) -> PanelInfo:
        """Returns what the panel shows."""

    @abstractmethod
    def help_lines(self) -> list[tuple[str, str]]:
        """Returns keys and what they do, for the help; a line without key is a heading."""

    def due(self, now: float) -> float | None:
        """Returns the seconds until :meth:`advance` is wanted; None, as here, if only input can change anything."""
        return None

    def animating(self, now: float) -> bool:
        """Whether the next frame differs by itself."""
        return False

    def draw_legend(self) -> None:  # noqa: B027 - windows that have none do not listen to its key
        """Draws what everything is, over the window."""

    def lost_focus(self, now: float) -> None:  # noqa: B027 - most need not know
        """Takes in that another window took the keyboard, so that no key goes up any more."""

    def gained_focus(self, now: float) -> None:  # noqa: B027 - likewise
        """Takes in that the keyboard is this window's again."""

    def flipped(self, now: float) -> None:  # noqa: B027 - likewise
        """Takes in that what was drawn has reached the screen."""

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Called once, however the window closes."""

    # ------------------------------------------------------------------------------------- what all windows do alike

    def use(self, use: str, now: float) -> None:
        """Does what a key of the window is for; subclasses add uses of their own."""
        if use in ("zoom in", "zoom out"):
            self.zoom(1 if use == "zoom in" else -1)
        elif use == "labels":
            self.stage.labels = not self.stage.labels
        elif use == "screenshot":
            self.screenshot()
        elif use == "full screen":
            self.toggle_full_screen()
        elif use in ("help", "legend"):
            self.help, self.legend = use == "help", use == "legend"
        elif use == "quit":
            self.leave(now)
        self.dirty = True

    def mouse(self, event: pygame.event.Event, now: float) -> None:
        """Takes in a mouse event: the wheel zooms."""
        if event.type == pygame.MOUSEWHEEL and event.y:
            self.zoom(1 if event.y > 0 else -1)

    def zoom(self, steps: int) -> None:
        """Zooms in or out by whole steps."""
        area, _ = self.areas()
        self.stage.zoom_by(steps, self.scene().cells.shape[:2], area)
        self.dirty = True

    def help_of_actions(self, rows: Sequence[ActionRow]) -> list[tuple[str, str]]:
        """Returns the help lines of actions; a key of each where several people share the keyboard."""
        return [("  ".join(text for text, _, _ in row.caps), row.action) for row in key_rows(rows)]

    def help_of_uses(self, meanings: Mapping[str, str]) -> list[tuple[str, str]]:
        """Returns the help lines of the window's own keys, as far as they have any, in the order of ``meanings``."""
        lines = []
        for use, meaning in meanings.items():
            keys = [shown(key, self.printed) for key, bound in self.uses.items() if bound == use]
            if keys:
                lines.append(("  ".join(keys[:2]), meaning))
        return lines

    # ------------------------------------------------------------------------------------------------------- loop

    def run(self) -> None:
        """Shows the window until it is closed. Whatever ends it, :meth:`close` is called."""

        def leave(number: int, frame: FrameType | None) -> None:
            self.done = True

        before = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                before[number] = signal.signal(number, leave)
            except ValueError:  # not in the main thread: then nobody can press Ctrl-C here either
                break
        switching = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)  # agents that think beside the window leave it time for keys
        try:
            while not self.done:
                self.spin()
        finally:
            sys.setswitchinterval(switching)
            for number, handler in before.items():
                signal.signal(number, handler)
            try:
                self.close()
            finally:
                pygame.display.quit()

    def spin(self) -> None:
        """Goes once round the loop: input, what is due, and a frame if there is something new to see."""
        # Sleep in the system until there is input, which is taken in at once, or something is due: also between the
        # frames of what moves, for a key's time is when it is taken in.
        wait = 0.0 if self.dirty else self._idle(time.perf_counter())
        first = pygame.event.wait(round(1000 * wait)) if wait > 0.0005 else pygame.event.poll()
        events = [first, *pygame.event.get()] if first.type != pygame.NOEVENT else []
        now = time.perf_counter()
        for event in events:
            self._handle(event, now)
        self.advance(now)
        if self.message and now > self._message_until:
            self.message, self.dirty = "", True
        moving = self.animating(now)
        arrived, self._moving = self._moving and not moving, moving
        if self.dirty or arrived or (moving and now >= self._next_frame):
            self.dirty = False
            self._next_frame = max(self._next_frame, now - 1 / FRAMES_PER_SECOND) + 1 / FRAMES_PER_SECOND
            self.show(now)

    def _idle(self, now: float) -> float:
        """Returns the seconds for which nothing is to be done unless there is input, at most a quarter of one."""
        due = self.due(now)
        waits = [0.25] if due is None else [0.25, due]
        if self.message:
            waits.append(self._message_until - now)
        if self.animating(now):
            waits.append(self._next_frame - now)
        return max(0.0, min(waits))

    def show(self, now: float) -> None:
        """Draws a frame and puts it on the screen."""
        self.draw(now)
        self.draw_overlays()
        pygame.display.flip()
        self.flipped(time.perf_counter())
        self.frames += 1

    def say(self, text: str, seconds: float = 2.5) -> None:
        """Shows a message for a moment."""
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
            if event.type == pygame.WINDOWFOCUSGAINED:
                self.gained_focus(now)
        elif event.type == pygame.WINDOWFOCUSLOST:
            self.lost_focus(now)
        elif event.type == pygame.KEYMAPCHANGED:
            self.printed, self.dirty = keyboard.printed(), True
        elif event.type in (pygame.KEYDOWN, pygame.KEYUP):
            self._key(keyboard.name_of(event), event.type == pygame.KEYDOWN, event.mod, now)
        elif event.type in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP, pygame.MOUSEMOTION, pygame.MOUSEWHEEL):
            self.mouse(event, now)

    def _key(self, name: str, down: bool, modifiers: int, now: float) -> None:
        if down and name == "q" and modifiers & pygame.KMOD_CTRL:
            self.done = True
        elif down and (self.help or self.legend):
            self.help, self.legend, self.dirty = False, False, True
        else:
            self.key(name, down, now)

    def leave(self, now: float) -> None:
        """Leaves when asked for the second time within two seconds."""
        if now < self._leaving_until:
            self.done = True
        self._leaving_until = now + 2
        self.say("Press Esc again to leave", 2)

    def toggle_full_screen(self) -> None:
        """Goes to the whole screen and back."""
        if not self.full_screen:
            self._windowed = self.screen.get_size()
        self.full_screen = not self.full_screen
        self.screen = self._open()
        self._rescale()

    def _open(self) -> pygame.Surface:
        if self.full_screen:
            return pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        return pygame.display.set_mode(self._windowed, pygame.RESIZABLE)

    def screenshot(self, folder: str | Path = ".") -> Path:
        """Keeps a picture of the window; returns where."""
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
        """Returns where the map goes, and the panel: beside it, or below it in an upright window."""
        width, height = self.screen.get_size()
        if height > 1.2 * width:
            panel = min(self.letters.px(640), int(height * 0.55))
            return pygame.Rect(0, 0, width, height - panel), pygame.Rect(0, height - panel, width, panel)
        panel = min(self.letters.px(400), int(width * 0.42))
        return pygame.Rect(0, 0, width - panel, height), pygame.Rect(width - panel, 0, panel, height)

    def draw_overlays(self) -> None:
        """Draws what lies over everything: the message of the moment, and the help."""
        if self.message:
            overlays.draw_message(self.screen, self.areas()[0], self.letters, self.message)
        if self.help:
            overlays.draw_help(self.screen, self.letters, self.help_lines())
        if self.legend:
            self.draw_legend()
