"""The window in which people play, or watch agents play live.

Keys become actions in :class:`~sorrelsim.play.inputs.Inputs`, actions a turn of the
:class:`~sorrelsim.play.session.Session`, and what came of it a scene on the stage and facts in the panel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pygame

from sorrelsim.play import scene as scenes
from sorrelsim.play import theme
from sorrelsim.play.base_window import BaseWindow
from sorrelsim.play.inputs import Inputs
from sorrelsim.play.keys import MEANINGS, WINDOW_KEYS, idle_action, shown, uses_of
from sorrelsim.play.pace import Pace
from sorrelsim.play.panel_info import ActionRow, PanelInfo, action_rows, gauges_of, player_rows, title_of
from sorrelsim.play.session import Session
from sorrelsim.play.summary import draw_summary


@dataclass(frozen=True)
class PlayOptions:
    """How a session is played.

    Attributes:
        keys: For each person, key name to action.
        window_keys: What the window does, to keys.
        mode: ``realtime``, or ``turns``: the world waits for every person.
        speed: Turns per second in real time.
        view: One of :data:`sorrelsim.play.scene.VIEWS`.
        episodes: Episodes to play before the window closes; 0 for no end.
        size: Of the window, or None for most of the screen.
        full_screen: Whether to fill the screen.
        own: Whether only what the first person's agent observes is shown: no other view, no other scores or events.
    """

    keys: Sequence[dict[str, int]] = ()
    window_keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(WINDOW_KEYS))
    mode: str = "realtime"
    speed: float = 6
    view: str = "map"
    episodes: int = 0
    size: tuple[int, int] | None = None
    full_screen: bool = False
    own: bool = False


class PlayWindow(BaseWindow):
    """A session in a window.

    Args:
        session: The session; it is closed with the window.
        options: How it is played.
    """

    def __init__(self, session: Session, options: PlayOptions) -> None:
        self.session, self.options = session, options
        self.inputs = Inputs(options.keys, idle_action(session.world.action_names))
        self.mode, self.view = options.mode, options.view
        if options.own and self.view == "map":
            self.view = "window"
        self.pace = Pace(options.speed)
        self.paused = False
        self.started = False  # whether the clock runs; it begins anew after every pause
        self.watched = session.humans[0] if session.humans else 0
        self._scene: scenes.Scene | None = None
        uses = uses_of(options.window_keys)
        uses = {key: use for key, use in uses.items() if self.inputs.person_of(key) is None}
        super().__init__(f"{title_of(session.world.name)} - sorrelsim", uses, options.size, options.full_screen)

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
        return self.pace.wait(now) if self.running else None

    def advance(self, now: float) -> None:
        if not self.started:
            self.started, self.pace.turned = True, now
        if self.paused or self.over:
            return
        if self.running:
            if not self.pace.wait(now):
                self.take(self.inputs.now(), now)
        elif not self.inputs.waiting_for():
            self.take(self.inputs.take(), now)

    def take(self, choice: Sequence[tuple[int, float | None]], now: float) -> None:
        """Takes a turn: for each person the action, and when its key went down."""
        session = self.session
        people = list(zip(session.humans, choice, strict=True))
        session.step(
            {slot: action for slot, (action, _) in people}, {slot: ms for slot, (_, ms) in people if ms is not None}
        )
        self.pace.turn(self.pace.beat(now) if self.running else now, self.running)
        self.stage.pop_up(session.reward, now)
        self._changed()
        if session.recorder is not None and session.recorder.problem and not self.paused:
            self.pause(True)
        if session.summary is not None:
            self.inputs.release()
            if self.options.episodes and session.episode > self.options.episodes:
                self.done = True

    def _changed(self) -> None:
        self._scene = None
        self.dirty = True

    def _begin(self) -> None:
        """Forgets what was pressed, and starts the clock anew."""
        self.inputs.release()
        self.started = False
        self._changed()

    def _go_on(self) -> None:
        self.session.summary = None
        self._begin()

    def pause(self, paused: bool) -> None:
        """Stops the clock, or starts it again."""
        if paused == self.paused:
            return
        self.paused = paused
        self.inputs.release()
        self.session.note("paused" if paused else "goes on")
        if not paused:
            self.started = False
        self.dirty = True

    def single_step(self, now: float) -> None:
        """Takes one turn now; people who press nothing do nothing."""
        if self.over:
            self._go_on()
            return
        self.pause(True)
        self.take(self.inputs.now(), now)

    def restart(self) -> None:
        """Starts the episode anew."""
        self.session.restart()
        self.stage.pop_ups.clear()
        self._begin()

    def next_slot(self) -> None:
        """Lets the first person change to the next slot that nobody plays; without people, watches the next agent."""
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
        self._changed()

    # -------------------------------------------------------------------------------------------------------- keys

    def key(self, name: str, down: bool, now: float) -> None:
        use = self.uses.get(name)
        if use is None or not down:
            self._action_key(name, down)
            return
        if self.over and use not in ("quit", "full screen", "screenshot", "help", "view", "restart", "step"):
            self._go_on()
        self.session.key(name, down)
        self.use(use, now)

    def _action_key(self, name: str, down: bool) -> None:
        session, place = self.session, self.inputs.person_of(name)
        slot = action = None
        if place is not None:
            slot = session.humans[place] if place < len(session.humans) else None
            action = session.world.action_names[self.inputs.keys[place][name]]
        ms = session.key(name, down, slot, action)
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

    def use(self, use: str, now: float) -> None:
        if use == "pause":
            self.pause(not self.paused)
        elif use == "step":
            self.single_step(now)
        elif use == "restart":
            self.restart()
        elif use in ("faster", "slower"):
            self.pace.change(1 if use == "faster" else -1)
            self.session.note(f"speed {self.pace.speed:g}")
            self.say(f"{self.pace.speed:g} turns a second", 1.2)
        elif use == "view":
            self.next_view()
        elif use == "slot":
            self.next_slot()
        elif use == "mode" and self.session.humans:
            self.mode = "turns" if self.mode == "realtime" else "realtime"
            self.inputs.release()
            self.session.note(f"mode {self.mode}")
            self.say("The world waits for you" if self.mode == "turns" else "Real time")
            self.started = False
        elif use == "help" and self.running:
            self.pause(True)
        super().use(use, now)

    def next_view(self) -> None:
        """Goes on to the next of the whole map, the agent's own window, its eyes, and round again."""
        self.view = scenes.view_after(self.view, self.options.own)
        self.session.note(f"view {self.view}")
        self.say(f"{scenes.VIEW_NAMES[self.view].capitalize()}", 1.5)
        self._changed()

    def lost_focus(self, now: float) -> None:
        self.inputs.release()

    # ----------------------------------------------------------------------------------------------------- drawing

    def animating(self, now: float) -> bool:
        return self.stage.moving or (self.session.turns > 0 and self.pace.walking(now))

    def scene(self) -> scenes.Scene:
        if self._scene is None:
            session = self.session
            people = tuple(session.humans)
            self._scene = scenes.scene_of(
                session.world, self.view, self.watched, people, session.before, self.options.own
            )
        return self._scene

    def draw(self, now: float) -> None:
        area, side = self.areas()
        self.stage.draw(self.screen, area, self.scene(), self.pace.progress(now), now)
        self.panel.draw(self.screen, side, self.info())
        if self.over:
            draw_summary(self.screen, area, self.letters, self.session, self.watched if self.options.own else None)
        elif self.view != "map":
            self._draw_absence(area)

    def _draw_absence(self, area: pygame.Rect) -> None:
        """An agent that is out sees nothing; the window says why it is dark."""
        out = int(self.session.world.out[0, self.watched])
        if out == 0:
            return
        text = "Out of the game" if out < 0 else f"Out: back in {out} turn{'s' if out > 1 else ''}"
        label = self.letters.draw(text, 24, theme.MUTED, "bold")
        self.screen.blit(label, label.get_rect(center=area.center))

    def info(self) -> PanelInfo:
        session, world, watched = self.session, self.session.world, self.watched
        recorder, summary = session.recorder, session.summary
        players = player_rows(
            world, session.players, session.score if summary is None else summary.returns, session.reward, watched,
            session.humans, over=summary is not None,
        )  # fmt: skip
        return PanelInfo(
            title=title_of(world.name),
            subtitle=self._subtitle(),
            turn=session.turn if summary is None else summary.steps,
            status=self._status(),
            tone="over" if self.over else "pause" if self.paused else "run" if self.running else "wait",
            players=tuple(row for row in players if row.watched or not self.options.own),
            gauges=gauges_of({name: world.parts[name][0, watched] for name in world.scalars}),
            events=tuple(e for e in session.log if e.slot in (-1, watched) or not self.options.own)[-24:],
            keys=self._action_rows(),
            foot=self._foot(),
            recording=f"{recorder.turns}" if recorder is not None else "",
            problem=f"{recorder.problem}. Nothing is lost; make room." if recorder and recorder.problem else "",
        )

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
            return f"{self.pace.speed:g} turns/s"
        waiting = [self.session.humans[place] for place in self.inputs.waiting_for()]
        return "your turn" if len(self.session.humans) == 1 else f"waiting for {', '.join(map(str, waiting))}"

    def _action_rows(self) -> tuple[ActionRow, ...]:
        session, rows = self.session, list[ActionRow]()
        for place, slot in enumerate(session.humans):
            names = session.world.action_names
            if len(session.humans) > 1:
                names = tuple(f"{slot}: {name}" for name in names)
            keys, holding = self.inputs.keys[place], self.inputs.holding(place)
            rows += action_rows(names, keys, holding, printed=self.printed)
        return tuple(rows)

    def _foot(self) -> tuple[tuple[str, str], ...]:
        first: dict[str, str] = {}
        for key, use in self.uses.items():
            first.setdefault(use, key)
        wanted = [("pause", "pause"), ("view", "view"), ("step", "one step"), ("help", "all keys")]
        return tuple((shown(first[use], self.printed), meaning) for use, meaning in wanted if use in first)

    def help_lines(self) -> list[tuple[str, str]]:
        lines = [("", "Actions"), *self.help_of_actions(self._action_rows())] if self.session.humans else []
        return [*lines, ("", "Window"), *self.help_of_uses(MEANINGS)]

    def close(self) -> None:
        self.session.close()
