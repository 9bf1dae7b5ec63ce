"""The window in which a recording is watched: a timeline to scrub, turn by turn or at any speed, both ways.

A :class:`~sorrelsim.recordings.replay.Replay` takes the world to the turn asked for; the stage and panel show it as
they show a game. Agents that play live are watched in the same way: what they have done so far is a recording.
"""

from __future__ import annotations

import pygame

from sorrelsim.play import scene as scenes
from sorrelsim.play.base_window import BaseWindow
from sorrelsim.play.card import draw_card
from sorrelsim.play.card_info import card_of
from sorrelsim.play.keys import MEANINGS, shown, uses_of
from sorrelsim.play.live import Live
from sorrelsim.play.pace import Pace
from sorrelsim.play.panel_info import ActionRow, PanelInfo, gauges_of, in_words, player_rows, title_of
from sorrelsim.play.replay_head import ReplayHead
from sorrelsim.play.replay_log import ReplayLog
from sorrelsim.play.session import LogEntry, Positions
from sorrelsim.play.timeline import draw_timeline
from sorrelsim.recordings import Recording, RecordingError

REPLAY_KEYS = {
    "play": ("space", "p"), "next": ("right", "."), "back": ("left", ","), "10 on": ("page down",),
    "10 back": ("page up",), "start": ("home",), "end": ("end",), "faster": ("up", "]"), "slower": ("down", "["),
    "as recorded": ("r",), "view": ("tab",), "slot": ("f6", "s"), "zoom in": ("=",), "zoom out": ("-",),
    "labels": ("f7",), "screenshot": ("f9",), "full screen": ("f11",), "legend": ("f10",), "heads": ("f12", "h"),
    "log agent": ("a",), "log kind": ("k",), "help": ("f1",), "quit": ("escape",),
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
        recording: The recording, or what agents do live.
        check: Whether to compare version, rewards, ends and state hashes.
        speed: Turns per second.
        size: Of the window.
        full_screen: Whether to fill the screen.
        trust: Whether a world file that is not the library's may be run.

    Raises:
        RecordingError: If the world here is of another version.
    """

    def __init__(
        self, recording: Recording | Live, check: bool = True, speed: float = 6, size: tuple[int, int] | None = None,
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
        self._broken = ""  # why the turns behind ``_sound`` cannot be shown
        self._sound: int | None = None  # the last turn that can be shown, if others behind it cannot
        self.live = recording if isinstance(recording, Live) else None
        self.playing = self.live is not None
        self.log = ReplayLog(self.replay)
        self.head = ReplayHead(recording, trust)
        self.head.slot = self.watched
        title = f"{title_of(self.replay.world.name)} - sorrelsim - {recording.path.name}"
        super().__init__(title, uses_of(REPLAY_KEYS), size, full_screen)

    # ---------------------------------------------------------------------------------------------------- the film

    @property
    def turn(self) -> int:
        """Turns into the recording."""
        return self.replay.turn

    @property
    def last(self) -> int:
        """The last turn that can be shown now."""
        return len(self.recording) if self._sound is None else self._sound

    def go(self, turn: int, now: float) -> None:
        """Shows the state after a turn of the recording; agents who play live play on to it."""
        if self.live is not None:
            self.live.grow(turn)
        shown_last, turn = self.turn, max(0, min(turn, self.last))
        self.before = None
        try:
            self._play_to(turn)
        except RecordingError as error:  # the file was changed, or the world: what comes before it can still be seen
            self._sound = turn = max(0, self.turn - 1)
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
        if not self.as_recorded or not 0 < self.turn < self.last:
            return self.pace.wait(now)
        took = (self.recording.ms[self.turn] - self.recording.ms[self.turn - 1]) / 1000
        return float(max(0.0, self.pace.turned + min(max(took, 0.0), LONGEST_PAUSE) - now))

    def advance(self, now: float) -> None:
        if self.playing and not self._wait(now):
            newest = self.turn >= self.last
            if newest and self.live is None:
                self.playing, self.dirty = False, True
                return
            self.go(self.turn + 1, now)
            if newest and self.recording.ends[-1]:  # seen for the first time
                self.playing = False
                self.say("The episode is over: Space goes on")

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
            if self.playing and self.turn >= self.last and self.live is None:
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
            self.watched = self.head.slot = (self.watched + 1) % self.replay.world.n_agents
            self._scene = None
        elif use == "heads":
            self.head.shown, self._scene = not self.head.shown, None
        elif use == "log agent":
            self.log.next_slot(self.replay.world.n_agents)
        elif use == "log kind":
            self.log.next_kind(self.log.kinds)
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
            elif spot := self.panel.at(event.pos):
                self._point(*spot, now)
        elif event.type == pygame.MOUSEMOTION and self._dragging:
            self._scrub(event.pos[0], now)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self._dragging = False
        elif event.type == pygame.MOUSEWHEEL and event.y:
            self.playing = False
            self.go(self.turn + (1 if event.y < 0 else -1), now)

    def _point(self, what: str, at: object, now: float) -> None:
        """Takes in a click into the panel: a name limits the log to it and shows its head, an event is gone to."""
        if what == "player" and isinstance(at, int):
            self.log.choose(at)
            self.head.slot, self._scene = at, None
        elif what == "event" and isinstance(at, LogEntry):
            self.playing = False
            self.go(at.turn, now)
        elif what == "log":
            self.log.next_kind(self.log.kinds)
        self.dirty = True

    def _scrub(self, x: int, now: float) -> None:
        share = min(1.0, max(0.0, (x - self.bar.left) / max(1, self.bar.width)))
        self.go(round(share * len(self.recording)), now)

    # ------------------------------------------------------------------------------------------------------ drawing

    def scene(self) -> scenes.Scene:
        if self._scene is None:
            people = self.recording.seating(self.turn).people
            world, view, watched = self.replay.world, self.view, self.watched
            scene = scenes.scene_of(world, view, watched, people, self.before)
            told = self.head.told(self.turn)
            self._scene = scene if told is None else scenes.with_head(scene, world, view, watched, self.head.slot, told)
        return self._scene

    def draw(self, now: float) -> None:
        area, side = self.areas()
        strip = pygame.Rect(area.left, area.bottom - self.letters.px(74), area.width, self.letters.px(74))
        area.height -= strip.height
        self.stage.draw(self.screen, area, self.scene(), self.pace.progress(now), now)
        self.bar = draw_timeline(
            self.screen, self.letters, strip, self.recording, self.turn, self.watched, self.playing
        )
        self.panel.draw(self.screen, side, self.info())

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
        first = recording.first_of_episode(turn)
        scores = recording.rewards[first:turn].sum(0)
        ms = recording.ms[turn - 1] / 1000 if turn else 0.0
        started = f"recorded {header.get('started', '')[:16].replace('T', ' ')}" if self.live is None else "live"
        events, ahead = self.log.shown()
        recorder = None if self.live is None else self.live.session.recorder
        return PanelInfo(
            title=title_of(world.name),
            subtitle=f"{started}  \u00b7  {int(ms // 60)}:{ms % 60:04.1f}",
            turn=turn,
            status=self._status(),
            tone="run" if self.playing else "pause",
            players=player_rows(world, labels, scores, rewards, watched),
            gauges=gauges_of({name: world.parts[name][0, watched] for name in world.scalars}),
            events=events,
            ahead=ahead,
            log=self.log.told,
            head=self.head.info(turn, names, first),
            keys=tuple(
                ActionRow(in_words(name), (), bool(actions) and actions[watched] == k) for k, name in enumerate(names)
            ),
            foot=(
                ("Space", "play"),
                (f"{shown('left')} {shown('right')}", "frame"),
                ("Tab", "view"),
                ("H", "an agent's head"),
                ("K", "kinds of events"),
                ("F1", "all keys"),
            ),
            recording=f"{recorder.turns}" if recorder is not None else "",
            problem=self._broken or (recorder.problem if recorder is not None else recording.remark),
        )

    def draw_legend(self) -> None:
        recording, seating = self.recording, self.recording.seating(self.turn)
        rows = tuple(ActionRow(in_words(name), ()) for name in recording.header["actions"])
        info = card_of(self.replay.world, rows, seating.players, seating.people, "any key closes this")
        draw_card(self.screen, self.letters, info)

    def close(self) -> None:
        if self.live is not None:
            self.live.session.close()

    def help_lines(self) -> list[tuple[str, str]]:
        meanings = {use: REPLAY_MEANINGS[use] for use in REPLAY_KEYS}
        return [("", "Watching a recording"), *self.help_of_uses(meanings)]
