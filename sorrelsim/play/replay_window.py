"""The window in which a recording is watched: a timeline to scrub, turn by turn or at any speed, both ways.

A :class:`~sorrelsim.recordings.replay.Replay` takes the world to the turn asked for; the stage and panel show it as
they show a game.
"""

from __future__ import annotations

import pygame

from sorrelsim.play import scene as scenes
from sorrelsim.play import theme
from sorrelsim.play.base_window import BaseWindow
from sorrelsim.play.keys import MEANINGS, shown, uses_of
from sorrelsim.play.pace import Pace
from sorrelsim.play.panel_info import ActionRow, PanelInfo, gauges_of, player_rows, title_of
from sorrelsim.play.session import LogEntry, Positions
from sorrelsim.recordings import Recording, RecordingError

REPLAY_KEYS = {
    "play": ("space", "p"), "next": ("right", "."), "back": ("left", ","), "10 on": ("page down",),
    "10 back": ("page up",), "start": ("home",), "end": ("end",), "faster": ("up", "]"), "slower": ("down", "["),
    "as recorded": ("r",), "view": ("tab",), "slot": ("f6", "s"), "zoom in": ("=",), "zoom out": ("-",),
    "labels": ("f7",), "screenshot": ("f9",), "full screen": ("f11",), "help": ("f1",), "quit": ("escape",),
}  # fmt: skip
"""What the window listens to, in the order of its help."""
LONGEST_PAUSE = 3.0
"""Seconds for which playing back at the pace of the game waits at most for a turn."""

REPLAY_MEANINGS = MEANINGS | {
    "play": "play and stop", "next": "one turn on", "back": "one turn back", "10 on": "ten turns on",
    "10 back": "ten turns back", "start": "to the start", "end": "to the end", "slot": "look at another agent",
    "as recorded": "at the pace of the game", "zoom in": "zoom in",
}  # fmt: skip


class ReplayWindow(BaseWindow):
    """A recording in a window.

    Args:
        recording: The recording.
        check: Whether to compare version, rewards, ends and state hashes.
        speed: Turns per second.
        size: Of the window.
        full_screen: Whether to fill the screen.
        trust: Whether a world file that is not the library's may be run.

    Raises:
        RecordingError: If the world here is of another version.
    """

    def __init__(
        self, recording: Recording, check: bool = True, speed: float = 6, size: tuple[int, int] | None = None,
        full_screen: bool = False, trust: bool = False,
    ) -> None:  # fmt: skip
        self.recording = recording
        self.replay = recording.replay(check, trust)
        self.view, self.playing = "map", False
        self.as_recorded = False  # whether it plays at the pace at which it was played
        humans = recording.header["humans"]
        self.watched = humans[0] if humans else 0
        self.pace = Pace(speed)
        self.before: Positions | None = None
        self.bar = pygame.Rect(0, 0, 1, 1)  # the timeline, where it was drawn
        self._scene: scenes.Scene | None = None
        self._dragging = False
        self._broken = ""  # why the turns behind ``_last`` cannot be shown
        self._last = len(recording)
        title = f"{title_of(self.replay.world.name)} - sorrelsim - {recording.path.name}"
        super().__init__(title, uses_of(REPLAY_KEYS), size, full_screen)

    # ---------------------------------------------------------------------------------------------------- the film

    @property
    def turn(self) -> int:
        """Turns into the recording."""
        return self.replay.turn

    def go(self, turn: int, now: float) -> None:
        """Shows the state after a turn of the recording."""
        shown_last, turn = self.turn, max(0, min(turn, self._last))
        self.before = None
        try:
            self._play_to(turn)
        except RecordingError as error:  # the file was changed, or the world: what comes before it can still be seen
            self._last = turn = max(0, self.turn - 1)
            self._broken, self.playing = str(error), False
            self._play_to(turn)
            self.say(f"Turn {turn + 1} does not replay")
        self.pace.turn(now, self.playing)
        if turn == shown_last + 1:
            self.stage.pop_up(self.recording.rewards[turn - 1], now)
        else:
            self.stage.pop_ups.clear()
        self._scene = None
        self.dirty = True

    def _play_to(self, turn: int) -> None:
        if turn > 0:
            self.replay.go(turn - 1)
            if not self.recording.ends[turn - 1] and not self.recording.restarts[turn]:
                self.before = Positions.of(self.replay.world)
        self.replay.go(turn)

    def due(self, now: float) -> float | None:
        return self._wait(now) if self.playing else None

    def _wait(self, now: float) -> float:
        """Returns the seconds until the next turn; pauses of more than :data:`LONGEST_PAUSE` are shortened."""
        if not self.as_recorded or not 0 < self.turn < self._last:
            return self.pace.wait(now)
        took = (self.recording.ms[self.turn] - self.recording.ms[self.turn - 1]) / 1000
        return float(max(0.0, self.pace.turned + min(max(took, 0.0), LONGEST_PAUSE) - now))

    def advance(self, now: float) -> None:
        if self.playing and not self._wait(now):
            if self.turn >= self._last:
                self.playing, self.dirty = False, True
            else:
                self.go(self.turn + 1, now)

    def animating(self, now: float) -> bool:
        return self.stage.moving or (self.before is not None and self.pace.walking(now))

    # -------------------------------------------------------------------------------------------------------- input

    def key(self, name: str, down: bool, now: float) -> None:
        use = self.uses.get(name)
        if use is not None and down:
            self.use(use, now)

    def use(self, use: str, now: float) -> None:
        jumps = {"next": 1, "back": -1, "10 on": 10, "10 back": -10}
        if use == "play":
            self.playing = not self.playing
            if self.playing and self.turn >= self._last:
                self.go(0, now)
            self.pace.turned = now
        elif use in jumps:
            self.playing = False
            self.go(self.turn + jumps[use], now)
        elif use in ("start", "end"):
            self.go(0 if use == "start" else len(self.recording), now)
        elif use == "as recorded":
            self.as_recorded = not self.as_recorded
            self.say("As it was played" if self.as_recorded else f"{self.pace.speed:g} turns a second", 1.5)
        elif use in ("faster", "slower"):
            self.as_recorded = False
            self.pace.change(1 if use == "faster" else -1)
            self.say(f"{self.pace.speed:g} turns a second", 1.2)
        elif use == "view":
            self.view = scenes.view_after(self.view)
            self._scene = None
            self.say(f"{scenes.VIEW_NAMES[self.view].capitalize()}", 1.5)
        elif use == "slot":
            self.watched = (self.watched + 1) % self.replay.world.n_agents
            self._scene = None
        elif use == "quit":  # at once: nothing can be lost
            self.done = True
            return
        super().use(use, now)

    def mouse(self, event: pygame.event.Event, now: float) -> None:
        if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            grip = self.bar.inflate(0, self.letters.px(40))
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
        share = min(1.0, max(0.0, (x - self.bar.left) / max(1, self.bar.width)))
        self.go(round(share * len(self.recording)), now)

    # ------------------------------------------------------------------------------------------------------ drawing

    def scene(self) -> scenes.Scene:
        if self._scene is None:
            people = self.recording.seating(self.turn).people
            self._scene = scenes.scene_of(self.replay.world, self.view, self.watched, people, self.before)
        return self._scene

    def draw(self, now: float) -> None:
        area, side = self.areas()
        strip = pygame.Rect(area.left, area.bottom - self.letters.px(74), area.width, self.letters.px(74))
        area.height -= strip.height
        self.stage.draw(self.screen, area, self.scene(), self.pace.progress(now), now)
        self._timeline(strip)
        self.panel.draw(self.screen, side, self.info())

    def _timeline(self, strip: pygame.Rect) -> None:
        px, draw = self.letters.px, self.letters.draw
        screen, total = self.screen, max(1, len(self.recording))
        screen.fill(theme.PANEL, strip)
        bar = self.bar = pygame.Rect(strip.left + px(70), strip.centery - px(4), strip.width - px(180), px(8))
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
            left, right = centre[0] - r + px(2), centre[0] + r
            pygame.draw.polygon(screen, theme.TEXT, [(left, centre[1] - r), (right, centre[1]), (left, centre[1] + r)])
        where = draw(f"{self.turn} / {len(self.recording)}", 14, theme.MUTED)
        screen.blit(where, where.get_rect(midright=(strip.right - px(12), bar.centery)))

    def _status(self) -> str:
        if not self.playing:
            return "stopped"
        return "as played" if self.as_recorded else f"{self.pace.speed:g} turns/s"

    def info(self) -> PanelInfo:
        recording, world, turn, watched = self.recording, self.replay.world, self.turn, self.watched
        header, names = recording.header, recording.header["actions"]
        labels = recording.seating(turn).players
        rewards = recording.rewards[turn - 1] if turn else recording.rewards[:0].sum(0)
        actions = recording.actions[turn - 1].tolist() if turn else []
        ended = (recording.ends[: max(0, turn - 1)].nonzero()[0] + 1).tolist()
        first = max([0, *ended, *[k - 1 for k in recording.resets if k <= turn]])  # turn after which the episode began
        scores = recording.rewards[first:turn].sum(0)
        ms = recording.ms[turn - 1] / 1000 if turn else 0.0
        started = header.get("started", "")[:16].replace("T", " ")
        did = [LogEntry(turn, slot, names[action].replace("_", " ")) for slot, action in enumerate(actions)]
        return PanelInfo(
            title=title_of(world.name),
            subtitle=f"recorded {started}  \u00b7  {int(ms // 60)}:{ms % 60:04.1f}",
            turn=turn,
            status="stopped"
            if not self.playing
            else "as played"
            if self.as_recorded
            else f"{self.pace.speed:g} turns/s",
            tone="run" if self.playing else "pause",
            players=player_rows(world, labels, scores, rewards, watched),
            gauges=gauges_of({name: world.parts[name][0, watched] for name in world.scalars}),
            events=tuple(reversed(did)),
            keys=tuple(
                ActionRow(name.replace("_", " "), (), bool(actions) and actions[watched] == k)
                for k, name in enumerate(names)
            ),
            foot=(
                ("Space", "play"),
                (f"{shown('left')} {shown('right')}", "frame"),
                ("Tab", "view"),
                ("F1", "all keys"),
            ),
            problem=self._broken or recording.remark,
        )

    def help_lines(self) -> list[tuple[str, str]]:
        meanings = {use: REPLAY_MEANINGS[use] for use in REPLAY_KEYS}
        return [("", "Watching a recording"), *self.help_of_uses(meanings)]
