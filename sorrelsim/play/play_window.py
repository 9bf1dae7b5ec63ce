"""The window in which people play, or watch agents play live.

Keys become actions in :class:`~sorrelsim.play.inputs.Inputs`, actions a turn of the
:class:`~sorrelsim.play.session.Session`, and what came of it a scene on the stage and facts in the panel.
"""

from __future__ import annotations

from collections.abc import Sequence

from sorrelsim.play import scene as scenes
from sorrelsim.play.base_window import BaseWindow
from sorrelsim.play.card import CardInfo, card_of, draw_card
from sorrelsim.play.inputs import Choice, Inputs
from sorrelsim.play.keys import LOCKED, MEANINGS, idle_action, shown, uses_of
from sorrelsim.play.options import PlayOptions as PlayOptions
from sorrelsim.play.overlays import draw_banner
from sorrelsim.play.pace import Pace
from sorrelsim.play.panel_info import ActionRow, PanelInfo, absence_of, action_rows, gauges_of, player_rows, title_of
from sorrelsim.play.session import Session
from sorrelsim.play.summary import draw_summary


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
        self.card = options.card and bool(session.humans)  # whether the game has not begun yet
        self.last = False  # whether all episodes that were asked for are over
        self.started = False  # whether the clock runs; it begins anew after every pause
        self.watched = session.humans[0] if session.humans else 0
        self._scene: scenes.Scene | None = None
        uses = uses_of(options.window_keys)
        uses = {key: use for key, use in uses.items() if self.inputs.person_of(key) is None}
        if options.locked:
            uses = {key: use for key, use in uses.items() if use in LOCKED}
        super().__init__(f"{title_of(session.world.name)} - sorrelsim", uses, options.size, options.full_screen)

    # ---------------------------------------------------------------------------------------------------- the game

    @property
    def over(self) -> bool:
        """Whether the last turn ended an episode, which is shown until a key is pressed."""
        return self.session.summary is not None

    @property
    def running(self) -> bool:
        """Whether turns are taken by the clock."""
        by_clock = self.mode == "realtime" or not self.session.humans
        return by_clock and not self.paused and not self.over and not self.card

    def due(self, now: float) -> float | None:
        return self.pace.wait(now) if self.running else None

    def advance(self, now: float) -> None:
        if self.card:
            return
        if not self.started:
            self.started, self.pace.turned = True, now
        if self.paused or self.over:
            return
        if self.running:
            if not self.pace.wait(now):
                self.take(self.inputs.now(), now)
        elif not self.inputs.waiting_for():
            self.take(self.inputs.take(), now)

    def take(self, chosen: Sequence[Choice], now: float) -> None:
        """Takes a turn with what each person chose."""
        session = self.session
        people = dict(zip(session.humans, chosen, strict=True))
        session.step(
            {slot: choice.action for slot, choice in people.items()},
            {slot: choice.ms for slot, choice in people.items() if choice.ms is not None},
            [slot for slot, choice in people.items() if choice.held],
        )
        self.pace.turn(self.pace.beat(now) if self.running else now, self.running)
        self.stage.pop_up(session.reward, now)
        self._changed()
        if session.recorder is not None and session.recorder.problem and not self.paused:
            self.pause(True)
        if session.summary is not None:
            self.inputs.release()
            self.last = bool(self.options.episodes) and session.episode > self.options.episodes
            self.done = self.last and not self.options.locked

    def _changed(self) -> None:
        self._scene = None
        self.dirty = True

    def _begin(self) -> None:
        """Forgets what was pressed, and starts the clock anew."""
        self.inputs.release()
        self.started = False
        self._changed()

    def begin(self) -> None:
        """Takes the card away, and lets the game begin."""
        self.card = False
        self.session.note("begins")
        self._begin()

    def _go_on(self) -> None:
        if self.last:
            self.done = True
            return
        self.session.summary = None
        self.session.note("goes on")
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
        waits = self.card or self.over
        if waits and name in ("space", "return"):  # and no other key, which may have been meant for the game
            self.session.key(name, down)
            if down:
                (self.begin if self.card else self._go_on)()
        elif use is None or not down:
            self._action_key(name, down)
        elif not self.card or use in ("quit", "full screen", "screenshot", "help", "zoom in", "zoom out"):
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
        elif slot is not None and not self.over and not self.card:
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
        elif use in ("help", "legend") and self.running:
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
        self.session.note("focus lost")

    def gained_focus(self, now: float) -> None:
        self.session.note("focus gained")

    def flipped(self, now: float) -> None:
        if not self.card and not self.over:
            self.session.seen()

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
        if self.card:
            draw_card(self.screen, self.letters, self.card_info("Space begins"))
        elif self.over:
            only = self.watched if self.options.own else None
            draw_summary(self.screen, area, self.letters, self.session, self._after(), only)
        elif absence := absence_of(self.session.world, self.watched):
            draw_banner(self.screen, area, self.letters, absence)

    def _after(self) -> tuple[str, str]:
        """Returns what closes an episode: its heading, and what to press."""
        rounds, played = self.options.episodes, self.session.episode - 1
        if not self.options.locked:
            return "Episode over", "Space goes on"
        if self.last:
            return "The end", "Thank you for playing. Space closes this window."
        told = f"Round {played} of {rounds} is over" if rounds else f"Round {played} is over"
        return told, "Have a break. Space begins the next round."

    def card_info(self, foot: str) -> CardInfo:
        session = self.session
        return card_of(session.world, self._action_rows(), session.players, session.humans, foot)

    def draw_legend(self) -> None:
        draw_card(self.screen, self.letters, self.card_info("any key closes this"))

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
        wanted = [("pause", "pause"), ("view", "view"), ("legend", "what is what"), ("help", "all keys")]
        return tuple((shown(first[use], self.printed), meaning) for use, meaning in wanted if use in first)

    def help_lines(self) -> list[tuple[str, str]]:
        lines = [("", "Actions"), *self.help_of_actions(self._action_rows())] if self.session.humans else []
        return [*lines, ("", "Window"), *self.help_of_uses(MEANINGS)]

    def close(self) -> None:
        self.session.close()
