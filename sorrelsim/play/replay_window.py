"""The window in which a recording is watched: a timeline to scrub, frame by frame or at any speed, both ways."""

from __future__ import annotations

import pygame

from sorrelsim.play import scene as scenes
from sorrelsim.play import theme
from sorrelsim.play.base_window import Shell
from sorrelsim.play.keys import shown
from sorrelsim.play.panel import KeyLine, Line, Panel, PanelInfo
from sorrelsim.play.play_window import SPEEDS, gauges_of, pretty
from sorrelsim.play.session import Before, Happening
from sorrelsim.play.stage import PopUp, Stage
from sorrelsim.recordings import Recording

KEYS = {
    "space": "play", "p": "play", "right": "next", "left": "back", ".": "next", ",": "back", "up": "faster",
    "down": "slower", "]": "faster", "[": "slower", "home": "start", "end": "end", "page up": "10 back",
    "page down": "10 on", "tab": "view", "f6": "slot", "s": "slot", "=": "zoom in", "-": "zoom out", "f7": "labels",
    "f9": "screenshot", "f11": "full screen", "f1": "help", "escape": "quit",
}  # fmt: skip


class ViewerWindow(Shell):
    """A recording in a window.

    Args:
        recording: The recording.
        check: Whether to compare version and state hashes.
        speed: Turns a second.
        size: Of the window.
        full_screen: Whether to fill the screen.

    Raises:
        RecordingError: If the world here is of another version.
    """

    def __init__(
        self, recording: Recording, check: bool = True, speed: float = 6, size: tuple[int, int] | None = None,
        full_screen: bool = False,
    ) -> None:  # fmt: skip
        self.recording = recording
        self.replay = recording.replay(check)
        world = self.replay.world
        self.speed, self.view, self.playing = float(speed), "map", False
        humans = recording.header["humans"]
        self.watched = humans[0] if humans else 0
        self.stage = Stage()
        self.before: Before | None = None
        self._scene: scenes.Scene | None = None
        self._turn_at, self._walk = 0.0, 0.12
        self._dragging = False
        self._bar = pygame.Rect(0, 0, 1, 1)
        super().__init__(f"{pretty(world.name)} - sorrelsim - {recording.path.name}", size, full_screen)
        self.panel = Panel(self.letters)

    # ---------------------------------------------------------------------------------------------------- the film

    @property
    def turn(self) -> int:
        """Turns into the recording."""
        return self.replay.turn

    def go(self, turn: int, now: float) -> None:
        """Show the state after a turn of the recording."""
        turn = max(0, min(turn, len(self.recording)))
        self.before = None
        if turn > 0:
            self.replay.go(turn - 1)
            world = self.replay.world
            if not self.recording.ends[turn - 1] and turn not in self.recording.resets:
                self.before = Before(world.pos[0].copy(), world.facing[0].copy(), world.out[0].copy())
        was = self._shown
        self.replay.go(turn)
        self._turn_at = now
        self._shown = turn
        self._walk = min(0.16, 1 / self.speed) if self.playing else 0.12
        if turn == was + 1:
            for slot, reward in enumerate(self.recording.rewards[turn - 1]):
                if reward:
                    text = f"{reward:+g}".replace("-", "\u2212")
                    self.stage.pop_ups.append(PopUp(slot, text, reward > 0, now))
        else:
            self.stage.pop_ups.clear()
        self._scene = None
        self.dirty = True

    _shown = 0

    def due(self, now: float) -> float | None:
        return max(0.0, self._turn_at + 1 / self.speed - now) if self.playing else None

    def advance(self, now: float) -> None:
        if self.playing and now >= self._turn_at + 1 / self.speed:
            if self.turn >= len(self.recording):
                self.playing, self.dirty = False, True
            else:
                self.go(self.turn + 1, now)

    def animating(self, now: float) -> bool:
        return self.stage.moving or (self.before is not None and now - self._turn_at < self._walk)

    # -------------------------------------------------------------------------------------------------------- input

    def key(self, name: str, down: bool, now: float) -> None:
        use = KEYS.get(name)
        if use is None or not down:
            return
        area, _ = self.areas()
        shape = self._now_scene().cells.shape[:2]
        jumps = {"next": 1, "back": -1, "10 on": 10, "10 back": -10}
        self.dirty = True
        if use == "play":
            self.playing = not self.playing
            if self.playing and self.turn >= len(self.recording):
                self.go(0, now)
            self._turn_at = now
        elif use in jumps:
            self.playing = False
            self.go(self.turn + jumps[use], now)
        elif use == "start":
            self.go(0, now)
        elif use == "end":
            self.go(len(self.recording), now)
        elif use in ("faster", "slower"):
            nearest = min(range(len(SPEEDS)), key=lambda k: abs(SPEEDS[k] - self.speed))
            self.speed = float(SPEEDS[min(max(nearest + (1 if use == "faster" else -1), 0), len(SPEEDS) - 1)])
            self.say(f"{self.speed:g} turns a second", 1.2)
        elif use == "view":
            self.view = scenes.VIEWS[(scenes.VIEWS.index(self.view) + 1) % len(scenes.VIEWS)]
            self._scene = None
            self.say(f"{scenes.VIEW_NAMES[self.view].capitalize()}", 1.5)
        elif use == "slot":
            self.watched = (self.watched + 1) % self.replay.world.n_agents
            self._scene = None
        elif use in ("zoom in", "zoom out"):
            self.stage.zoom_by(1 if use == "zoom in" else -1, shape, area)
        elif use == "labels":
            self.stage.labels = not self.stage.labels
        elif use == "screenshot":
            self.screenshot()
        elif use == "full screen":
            self.toggle_full_screen()
        elif use == "help":
            self.help = True
        elif use == "quit":
            self.done = True

    def mouse(self, event: pygame.event.Event, now: float) -> None:
        if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            grip = self._bar.inflate(0, self.letters.px(40))
            self._dragging = grip.collidepoint(event.pos)
            if self._dragging:
                self._scrub(event.pos[0], now)
        elif event.type == pygame.MOUSEMOTION and self._dragging:
            self._scrub(event.pos[0], now)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self._dragging = False
        elif event.type == pygame.MOUSEWHEEL and event.y:
            self.playing = False
            self.go(self.turn + (1 if event.y < 0 else -1), now)

    def _scrub(self, x: int, now: float) -> None:
        share = min(1.0, max(0.0, (x - self._bar.left) / max(1, self._bar.width)))
        self.go(round(share * len(self.recording)), now)

    # ------------------------------------------------------------------------------------------------------ drawing

    def _now_scene(self) -> scenes.Scene:
        if self._scene is None:
            humans = tuple(self.recording.header["humans"])
            self._scene = scenes.scene_of(self.replay.world, self.view, self.watched, humans, self.before)
        return self._scene

    def draw(self, now: float) -> None:
        area, side = self.areas()
        strip = pygame.Rect(area.left, area.bottom - self.letters.px(74), area.width, self.letters.px(74))
        area.height -= strip.height
        progress = min(1.0, max(0.0, (now - self._turn_at) / self._walk))
        self.stage.draw(self.screen, area, self._now_scene(), progress, now)
        self._timeline(strip)
        self.panel.draw(self.screen, side, self.info())

    def _timeline(self, strip: pygame.Rect) -> None:
        px, draw = self.letters.px, self.letters.draw
        screen, total = self.screen, max(1, len(self.recording))
        screen.fill(theme.PANEL, strip)
        bar = self._bar = pygame.Rect(strip.left + px(70), strip.centery - px(4), strip.width - px(180), px(8))
        theme.box(screen, theme.RAISED, bar, px(4))
        done = bar.copy()
        done.width = round(bar.width * self.turn / total)
        theme.box(screen, theme.ACCENT, done, px(4))
        for turn in (self.recording.ends.nonzero()[0] + 1).tolist():
            x = bar.left + round(bar.width * turn / total)
            screen.fill(theme.WARN, (x, bar.top - px(5), max(1, px(2)), bar.height + px(10)))
        own = self.recording.rewards[:, self.watched]
        for turn in (own.nonzero()[0] + 1).tolist():
            x = bar.left + round(bar.width * turn / total)
            colour = theme.GAIN if own[turn - 1] > 0 else theme.LOSS
            screen.fill(colour, (x, bar.bottom + px(8), max(1, px(2)), px(6)))
        pygame.draw.circle(screen, theme.TEXT, (done.right, bar.centery), px(9))
        centre = (strip.left + px(36), bar.centery)
        r = px(11)
        if self.playing:
            screen.fill(theme.TEXT, (centre[0] - r, centre[1] - r, px(8), 2 * r))
            screen.fill(theme.TEXT, (centre[0] + r - px(8), centre[1] - r, px(8), 2 * r))
        else:
            points = [
                (centre[0] - r + px(2), centre[1] - r),
                (centre[0] + r, centre[1]),
                (centre[0] - r + px(2), centre[1] + r),
            ]
            pygame.draw.polygon(screen, theme.TEXT, points)
        where = draw(f"{self.turn} / {len(self.recording)}", 14, theme.MUTED)
        screen.blit(where, where.get_rect(midright=(strip.right - px(12), bar.centery)))

    def info(self) -> PanelInfo:
        """What the panel shows now."""
        recording, world, turn = self.recording, self.replay.world, self.turn
        header = recording.header
        rewards = recording.rewards[turn - 1] if turn else recording.rewards[:0].sum(0)
        actions = recording.actions[turn - 1].tolist() if turn else []
        first = max([0, *[int(k) + 1 for k in recording.ends[: max(0, turn - 1)].nonzero()[0]]])
        first = max([first, *[k - 1 for k in recording.resets if k <= turn]])
        scores = recording.rewards[first:turn].sum(0)
        lines = []
        for slot in range(world.n_agents):
            out, frozen = int(world.out[0, slot]), int(world.frozen[0, slot])
            state = "out" if out < 0 else f"out {out}" if out else f"frozen {frozen}" if frozen else ""
            label = "person" if slot in header["humans"] else header["players"][slot]
            lines.append(
                Line(
                    slot,
                    label,
                    round(float(scores[slot]), 3),
                    float(rewards[slot]),
                    state,
                    False,
                    slot == self.watched,
                )
            )
        ms = recording.ms[turn - 1] / 1000 if turn else 0.0
        did = [
            Happening(turn, slot, header["actions"][action].replace("_", " ")) for slot, action in enumerate(actions)
        ]
        acted = tuple(
            KeyLine(name, (), bool(actions) and actions[self.watched] == k) for k, name in enumerate(header["actions"])
        )
        foot = (
            ("Space", "play"),
            (shown("left") + " " + shown("right"), "frame"),
            ("Tab", "view"),
            ("F1", "all keys"),
        )
        return PanelInfo(
            title=pretty(world.name), subtitle=f"recorded {header.get('started', '')[:16].replace('T', ' ')}  \u00b7  "
            f"{int(ms // 60)}:{ms % 60:04.1f}", turn=turn,
            status=f"{self.speed:g} turns/s" if self.playing else "stopped",
            tone="run" if self.playing else "pause", lines=tuple(lines), gauges=gauges_of(world, self.watched),
            events=tuple(reversed(did)), keys=acted, foot=foot,
            problem="The file was cut off; this is all up to its last whole line." if recording.cut else "",
        )  # fmt: skip

    def help_lines(self) -> list[tuple[str, str]]:
        meanings = {
            "play": "play and stop", "next": "one turn on", "back": "one turn back", "10 on": "ten turns on",
            "10 back": "ten turns back", "start": "to the start", "end": "to the end", "faster": "faster",
            "slower": "slower", "view": "map, own window, own eyes", "slot": "look at another agent",
            "zoom in": "zoom in", "zoom out": "zoom out", "labels": "numbers on the agents",
            "screenshot": "keep a picture", "full screen": "full screen", "help": "this", "quit": "leave",
        }  # fmt: skip
        lines = [("", "Watching a recording")]
        for use, meaning in meanings.items():
            lines.append(("  ".join(shown(key) for key, bound in KEYS.items() if bound == use), meaning))
        return lines

    def close(self) -> None:
        return
