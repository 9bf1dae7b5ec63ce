"""The window in which people play, or watch agents play live."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pygame

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.play import scene as scenes
from sorrelsim.play import theme
from sorrelsim.play.base_window import Shell
from sorrelsim.play.inputs import Inputs
from sorrelsim.play.keys import WINDOW_KEYS, idle_action, shown
from sorrelsim.play.panel import Gauge, KeyLine, Line, Panel, PanelInfo
from sorrelsim.play.session import Session
from sorrelsim.play.stage import PopUp, Stage

SPEEDS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20)
"""Turns a second, in real time."""


@dataclass
class PlayOptions:
    """How a session is played.

    Attributes:
        keys: For each person, key name to action.
        window_keys: What the window does, to keys.
        mode: ``realtime``, or ``turns``: the world waits for every person.
        speed: Turns a second in real time.
        view: One of :data:`sorrelsim.play.scene.VIEWS`.
        episodes: Episodes to play before the window closes; 0 for no end.
        size: Of the window, or None for most of the screen.
        full_screen: Whether to fill the screen.
        own: Whether only what the first person's agent observes is shown: no other view, no other scores or events.
        title: What is written above the panel; by default the world's name.
    """

    keys: list[dict[str, int]]
    window_keys: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(WINDOW_KEYS))
    mode: str = "realtime"
    speed: float = 6
    view: str = "map"
    episodes: int = 0
    size: tuple[int, int] | None = None
    full_screen: bool = False
    own: bool = False
    title: str = ""


class PlayWindow(Shell):
    """A session in a window.

    Args:
        session: The session; it is closed with the window.
        options: How it is played.
    """

    def __init__(self, session: Session, options: PlayOptions) -> None:
        self.session, self.options = session, options
        self.inputs = Inputs(options.keys, idle_action(session.world.action_names))
        self.mode, self.speed, self.view = options.mode, float(options.speed), options.view
        if options.own and self.view == "map":
            self.view = "window"
        self.paused = False
        self.watched = session.humans[0] if session.humans else 0
        self.stage = Stage()
        self._turn_at = 0.0  # when the last turn was taken, in seconds
        self._walk = 0.12
        self._chosen: dict[int, int] = {}
        self._uses = {key: use for use, keys in options.window_keys.items() for key in keys}
        self._uses = {key: use for key, use in self._uses.items() if self.inputs.person_of(key) is None}
        self._scene: scenes.Scene | None = None
        title = options.title or pretty(session.world.name)
        super().__init__(f"{title} - sorrelsim", options.size, options.full_screen)
        self.panel = Panel(self.letters)
        self.started = False

    # ---------------------------------------------------------------------------------------------------- the game

    @property
    def over(self) -> bool:
        """Whether the last turn ended an episode, which is shown until a key is pressed."""
        return self.session.summary is not None

    @property
    def running(self) -> bool:
        """Whether turns are taken by the clock."""
        return (self.mode == "realtime" or not self.session.humans) and not self.paused and not self.over

    def due(self, now: float) -> float | None:
        if self.running:
            return max(0.0, self._turn_at + 1 / self.speed - now)
        return None

    def advance(self, now: float) -> None:
        if not self.started:
            self.started, self._turn_at = True, now
        if self.paused or self.over:
            return
        if self.running:
            if now >= self._turn_at + 1 / self.speed:
                self._take(self.inputs.now(), now)
        elif not self.inputs.waiting_for():
            self._take(self.inputs.take(), now)

    def _take(self, choice: list[tuple[int, float | None]], now: float) -> None:
        session = self.session
        people = list(zip(session.humans, choice, strict=True))
        self._chosen = {slot: action for slot, (action, _) in people}
        session.step(self._chosen, {slot: ms for slot, (_, ms) in people if ms is not None})
        # By the clock, not by when it was looked at, so that the pace does not drift; but never hurrying to catch up.
        step = 1 / self.speed
        self._turn_at = self._turn_at + step if self.running and now - self._turn_at < 2 * step else now
        self._walk = min(0.16, step) if self.running else 0.12
        for slot, reward in enumerate(session.reward):
            if reward:
                text = f"{reward:+g}".replace("-", "\u2212")
                self.stage.pop_ups.append(PopUp(slot, text, bool(reward > 0), now))
        self._changed()
        recorder = session.recorder
        if recorder is not None and recorder.problem and not self.paused:
            self.pause(True)
        if session.summary is not None:
            self.inputs.release()
            if self.options.episodes and session.episode > self.options.episodes:
                self.done = True

    def _changed(self) -> None:
        self._scene = None
        self.dirty = True

    def pause(self, paused: bool) -> None:
        """Stop the clock, or start it again."""
        if paused == self.paused:
            return
        self.paused = paused
        self.inputs.release()
        self._note("paused" if paused else "goes on")
        if not paused:
            self._restart_clock()
        self.dirty = True

    def _restart_clock(self) -> None:
        self.started = False

    def _note(self, text: str) -> None:
        if self.session.recorder is not None:
            self.session.recorder.note(text, self.session.clock())

    def single_step(self, now: float) -> None:
        """Take one turn now; people who press nothing do nothing."""
        if self.over:
            self._go_on()
            return
        if not self.paused:
            self.pause(True)
        self._take(self.inputs.now(), now)

    def restart(self) -> None:
        """Start the episode anew."""
        self.session.restart()
        self.stage.pop_ups.clear()
        self.inputs.release()
        self._chosen = {}
        self._restart_clock()
        self._changed()

    def _go_on(self) -> None:
        self.session.summary = None
        self.inputs.release()
        self._chosen = {}
        self._restart_clock()
        self._changed()

    def next_slot(self) -> None:
        """The first person changes to the next slot that nobody plays; without people, the next agent is watched."""
        session = self.session
        n = session.world.n_agents
        free = [slot for slot in range(n) if slot not in session.humans]
        if not session.humans:
            self.watched = (self.watched + 1) % n
        elif free:
            self.watched = min(free, key=lambda slot: (slot - session.humans[0]) % n)
            session.sit(0, self.watched)
        else:
            self.say("every slot is taken")
        self._chosen = {}
        self._changed()

    # -------------------------------------------------------------------------------------------------------- keys

    def key(self, name: str, down: bool, now: float) -> None:
        session = self.session
        use = self._uses.get(name)
        if use is None or not down:
            self._action_key(name, down)
            return
        if self.over and use not in ("quit", "full screen", "screenshot", "help", "view", "restart", "step"):
            self._go_on()
        if session.recorder is not None:
            session.recorder.key(name, down, session.clock())
        self._use(use, now)
        self.dirty = True

    def _action_key(self, name: str, down: bool) -> None:
        session, ms = self.session, self.session.clock()
        place = self.inputs.person_of(name)
        slot = action = None
        if place is not None:
            slot = session.humans[place] if place < len(session.humans) else None
            action = session.world.action_names[self.inputs.keys[place][name]]
        if session.recorder is not None:
            session.recorder.key(name, down, ms, slot, action)
        self.dirty = True
        if not down:
            self.inputs.up(name)
        elif self.over:
            self._go_on()
        elif slot is not None:
            if self.paused and self.mode == "turns":
                self.pause(False)
            if not self.paused:
                self.inputs.down(name, ms)

    def _use(self, use: str, now: float) -> None:
        area, _ = self.areas()
        shape = self._now_scene().cells.shape[:2]
        if use == "pause":
            self.pause(not self.paused)
        elif use == "step":
            self.single_step(now)
        elif use == "restart":
            self.restart()
        elif use in ("faster", "slower"):
            self.change_speed(1 if use == "faster" else -1)
        elif use == "view":
            self.next_view()
        elif use == "slot":
            self.next_slot()
        elif use in ("zoom in", "zoom out"):
            self.stage.zoom_by(1 if use == "zoom in" else -1, shape, area)
        elif use == "labels":
            self.stage.labels = not self.stage.labels
        elif use == "mode" and self.session.humans:
            self.mode = "turns" if self.mode == "realtime" else "realtime"
            self.inputs.release()
            self._note(f"mode {self.mode}")
            self.say("The world waits for you" if self.mode == "turns" else "Real time")
            self._restart_clock()
        elif use == "screenshot":
            self.screenshot()
        elif use == "full screen":
            self.toggle_full_screen()
        elif use == "help":
            self.help = True
            if self.running:
                self.pause(True)
        elif use == "quit":
            self.leave(now)

    def change_speed(self, steps: int) -> None:
        """Along :data:`SPEEDS`."""
        nearest = min(range(len(SPEEDS)), key=lambda k: abs(SPEEDS[k] - self.speed))
        self.speed = float(SPEEDS[min(max(nearest + steps, 0), len(SPEEDS) - 1)])
        self._note(f"speed {self.speed:g}")
        self.say(f"{self.speed:g} turns a second", 1.2)

    def next_view(self) -> None:
        """The whole map, the agent's own window, its eyes, and round again."""
        views = [view for view in scenes.VIEWS if view != "map" or not self.options.own]
        self.view = views[(views.index(self.view) + 1) % len(views)]
        self._note(f"view {self.view}")
        self.say(f"{scenes.VIEW_NAMES[self.view].capitalize()}", 1.5)
        self._changed()

    def mouse(self, event: pygame.event.Event, now: float) -> None:
        if event.type == pygame.MOUSEWHEEL and event.y:
            area, _ = self.areas()
            self.stage.zoom_by(1 if event.y > 0 else -1, self._now_scene().cells.shape[:2], area)
            self.dirty = True

    def lost_focus(self, now: float) -> None:
        self.inputs.release()

    # ----------------------------------------------------------------------------------------------------- drawing

    def animating(self, now: float) -> bool:
        return self.stage.moving or (self.session.turns > 0 and now - self._turn_at < self._walk)

    def _now_scene(self) -> scenes.Scene:
        if self._scene is None:
            session = self.session
            self._scene = scenes.scene_of(session.world, self.view, self.watched, tuple(session.humans), session.before)
        return self._scene

    def draw(self, now: float) -> None:
        area, side = self.areas()
        progress = min(1.0, max(0.0, (now - self._turn_at) / self._walk)) if self.session.turns else 1.0
        self.stage.draw(self.screen, area, self._now_scene(), progress, now)
        self.panel.draw(self.screen, side, self.info())
        if self.view != "map" and not self.over:
            self._draw_absence(area)
        if self.over:
            self._draw_summary(area)

    def _draw_absence(self, area: pygame.Rect) -> None:
        """An agent that is out sees nothing; the window says why it is dark."""
        out = int(self.session.world.out[0, self.watched])
        if out == 0:
            return
        text = "Out of the game" if out < 0 else f"Out: back in {out} turn{'s' if out > 1 else ''}"
        label = self.letters.draw(text, 24, theme.MUTED, "bold")
        self.screen.blit(label, label.get_rect(center=area.center))

    def info(self) -> PanelInfo:
        """What the panel shows now."""
        session, world = self.session, self.session.world
        recorder = session.recorder
        return PanelInfo(
            title=self.options.title or pretty(world.name),
            subtitle=self._subtitle(),
            turn=session.summary.steps if session.summary is not None else session.turn,
            status=self._status(),
            tone="over" if self.over else "pause" if self.paused else "run" if self.running else "wait",
            episode=session.episode,
            lines=tuple(line for line in player_lines(session, self.watched) if line.chosen or not self.options.own),
            gauges=gauges_of(world, self.watched),
            events=tuple(e for e in session.log if e.slot in (-1, self.watched) or not self.options.own)[-24:],
            keys=self._key_lines(),
            foot=self._foot(),
            recording=f"{recorder.turns}" if recorder is not None else "",
            problem=f"{recorder.problem}. Nothing is lost; make room." if recorder and recorder.problem else "",
        )  # fmt: skip

    def _subtitle(self) -> str:
        world, parts = self.session.world, []
        if len(world.maps) > 1 or world.map_name not in world.maps:
            parts.append(world.map_name)
        if world.preset:
            parts.append(world.preset)
        parts += [f"seed {world.seed}", f"episode {self.session.episode - self.over}"]
        if self.view != "map":
            parts.append({"window": "own window", "eyes": "own eyes"}[self.view])
        return "  \u00b7  ".join(parts)

    def _status(self) -> str:
        if self.over:
            return "over"
        if self.paused:
            return "paused"
        if self.running:
            return f"{self.speed:g} turns/s"
        waiting = [self.session.humans[place] for place in self.inputs.waiting_for()]
        return "your turn" if len(self.session.humans) == 1 else f"waiting for {', '.join(map(str, waiting))}"

    def _key_lines(self) -> tuple[KeyLine, ...]:
        session, lines = self.session, []
        for place, bound in enumerate(self.inputs.keys[: len(session.humans)]):
            slot = session.humans[place]
            held = self.inputs.holding(place)
            for action, name in enumerate(session.world.action_names):
                own = tuple(key for key, k in bound.items() if k == action)
                if own:
                    label = name if len(session.humans) == 1 else f"{slot}: {name}"
                    lines.append(KeyLine(label, _best(own), held == action, slot))
        return tuple(lines)

    def _foot(self) -> tuple[tuple[str, str], ...]:
        first: dict[str, str] = {}
        for key, use in self._uses.items():
            first.setdefault(use, key)
        wanted = [("pause", "pause"), ("view", "view"), ("step", "one step"), ("help", "all keys")]
        return tuple((shown(first[use]), meaning) for use, meaning in wanted if use in first)

    def help_lines(self) -> list[tuple[str, str]]:
        lines = [("", "Actions")] if self.session.humans else []
        lines += [
            ("  ".join(shown(key) for key in line.keys[:3]), line.action.replace("_", " "))
            for line in self._key_lines()
        ]
        meanings = {
            "pause": "pause and go on", "step": "one turn", "restart": "start the episode anew", "slower": "slower",
            "faster": "faster", "mode": "real time, or the world waits", "view": "map, own window, own eyes",
            "slot": "another slot", "zoom in": "zoom in (or the wheel)", "zoom out": "zoom out",
            "labels": "numbers on the agents", "screenshot": "keep a picture", "full screen": "full screen",
            "help": "this", "quit": "leave",
        }  # fmt: skip
        lines.append(("", "Window"))
        for use, meaning in meanings.items():
            keys = [shown(key) for key, bound in self._uses.items() if bound == use]
            if keys:
                lines.append(("  ".join(keys[:2]), meaning))
        return lines

    def _draw_summary(self, area: pygame.Rect) -> None:
        from sorrelsim.play.summary import draw_summary

        draw_summary(self.screen, area, self.letters, self.session, self.watched if self.options.own else None)

    def close(self) -> None:
        self.session.close()


def pretty(name: str) -> str:
    """A world's name as a title."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def player_lines(session: Session, watched: int) -> tuple[Line, ...]:
    """The table of players."""
    world, lines = session.world, []
    summary = session.summary
    for slot in range(world.n_agents):
        out, frozen = int(world.out[0, slot]), int(world.frozen[0, slot])
        state = "out" if out < 0 else f"out {out}" if out else f"frozen {frozen}" if frozen else ""
        score = session.score if summary is None else summary.returns
        lines.append(Line(
            slot, session.players[slot], round(float(score[slot]), 3), round(float(session.reward[slot]), 3),
            "" if summary is not None else state, slot in session.humans, slot == watched,
        ))  # fmt: skip
    return tuple(lines)


def gauges_of(world: Gridworld, slot: int) -> tuple[Gauge, ...]:
    """What the agent in a slot observes beside the grid."""
    obs: Any = world.obs
    if not isinstance(obs, dict):
        return ()
    return tuple(Gauge(name, tuple(round(float(value), 2) for value in obs[name][0, slot])) for name in world.scalars)


def _best(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of an action, letters before arrows before digits."""
    return tuple(sorted(keys, key=lambda key: (key.isdigit(), len(key) > 1 and key != "space")))
