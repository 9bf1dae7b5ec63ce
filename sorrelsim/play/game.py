"""A game as it is played: its clock, turns, keys, pauses, rounds and end.

It draws nothing and knows of no window: whoever shows it says what time it is and which keys go down and up, and asks
for the scene; :mod:`sorrelsim.play.game_info` has what is told beside it. ``PlayWindow`` draws both with pygame.
"""

from __future__ import annotations

from collections.abc import Sequence

from sorrelsim.play import scene as scenes
from sorrelsim.play.head import Head
from sorrelsim.play.inputs import Choice, Inputs
from sorrelsim.play.keys import LOCKED, idle_action, uses_of
from sorrelsim.play.log import LogFilter
from sorrelsim.play.options import PlayOptions
from sorrelsim.play.pace import Pace
from sorrelsim.play.session import LogEntry, Session

BEFORE_IT_BEGINS = ("quit", "full screen", "screenshot", "help", "zoom in", "zoom out")
"""Uses of keys that are listened to while the card is shown."""
LOOK_AGAIN = 0.02
"""Seconds after which an agent that has not told yet what goes on in it is looked at again."""


class Game:
    """A session that is played. It is told the time, in seconds, and never reads it.

    Args:
        session: The session; it is closed with the game.
        options: How it is played.

    Attributes:
        inputs: What people ask for.
        uses: Key name to what it is for, other than to choose an action.
        mode: ``realtime`` or ``turns``.
        view: How it is seen, one of :data:`sorrelsim.play.scene.VIEWS`.
        pace: Its clock.
        paused: Whether the clock was stopped.
        card: Whether it has not begun yet.
        last: Whether all episodes that were asked for are over.
        started: Whether the clock runs; it begins anew after every pause.
        watched: The slot looked at.
        done: Whether there is nothing more to come.
        changes: Grows whenever there is something else to see.
        log: What of its events is shown.
        head: What goes on in one of its agents.
        notices: What is to be told for a moment, and for how many seconds; whoever shows it takes them away.
    """

    def __init__(self, session: Session, options: PlayOptions) -> None:
        self.session, self.options = session, options
        self.inputs = Inputs(options.keys, idle_action(session.world.action_names))
        uses = {key: use for key, use in uses_of(options.window_keys).items() if self.inputs.person_of(key) is None}
        self.uses = {key: use for key, use in uses.items() if use in LOCKED or not options.locked}
        self.mode, self.view = options.mode, options.view
        if options.own and self.view == "map":
            self.view = "window"
        self.pace = Pace(options.speed)
        self.paused = self.last = self.started = self.done = False
        self.card = options.card and bool(session.humans)
        self.watched = session.humans[0] if session.humans else 0
        self.changes = 0
        self.log, self.head = LogFilter(), Head(session)
        self.notices: list[tuple[str, float]] = []
        self._scene: scenes.Scene | None = None

    # --------------------------------------------------------------------------------------------- clock and turns

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
        """Returns the seconds until :meth:`advance` is wanted; None if only a key can change anything."""
        wait = self.pace.wait(now) if self.running else None
        if self.head.waiting:
            return LOOK_AGAIN if wait is None else min(wait, LOOK_AGAIN)
        return wait

    def advance(self, now: float) -> None:
        """Takes the turn that has fallen due by ``now``, or for which everybody has chosen, if there is one."""
        if not self.card:
            self._advance(now)
            if self.head.look():
                self.changed()

    def _advance(self, now: float) -> None:
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
        self.changed()
        if session.recorder is not None and session.recorder.problem and not self.paused:
            self.pause(True)
        if session.summary is not None:
            self.inputs.release()
            self.last = bool(self.options.episodes) and session.episode > self.options.episodes
            self.done = self.last and not self.options.locked

    def changed(self) -> None:
        """Takes in that there is something else to see."""
        self._scene = None
        self.changes += 1

    def begin(self) -> None:
        """Takes the card away, and lets the game begin."""
        self.card = False
        self.session.note("begins")
        self._start()

    def go_on(self) -> None:
        """Goes on after an episode, or ends the game after the last one."""
        if self.last:
            self.done = True
            return
        self.session.summary = None
        self.session.note("goes on")
        self._start()

    def _start(self) -> None:
        """Forgets what was pressed, and starts the clock anew."""
        self.inputs.release()
        self.started = False
        self.changed()

    def pause(self, paused: bool) -> None:
        """Stops the clock, or starts it again."""
        if paused == self.paused:
            return
        self.paused = paused
        self.inputs.release()
        self.session.note("paused" if paused else "goes on")
        if not paused:
            self.started = False
        self.changed()

    def single_step(self, now: float) -> None:
        """Takes one turn now; people who press nothing do nothing."""
        if self.over:
            self.go_on()
            return
        self.pause(True)
        self.take(self.inputs.now(), now)

    def restart(self) -> None:
        """Starts the episode anew."""
        self.session.restart()
        self._start()

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
        self.changed()

    def next_view(self) -> None:
        """Goes on to the next of the whole map, the agent's own window, its eyes, and round again."""
        self.view = scenes.view_after(self.view, self.options.own)
        self.session.note(f"view {self.view}")
        self.say(f"{scenes.VIEW_NAMES[self.view].capitalize()}", 1.5)
        self.changed()

    def say(self, text: str, seconds: float = 2.5) -> None:
        """Has something told for a moment."""
        self.notices.append((text, seconds))

    # -------------------------------------------------------------------------------------------------------- keys

    def key(self, name: str, down: bool, now: float) -> str | None:
        """Takes in that a key went down or up.

        Returns:
            What the key is for, if that is up to whoever shows the game, such as zooming; else None.
        """
        use = self.uses.get(name)
        if (self.card or self.over) and name in ("space", "return"):  # no other key: it may have been meant for playing
            self.session.key(name, down)
            if down:
                (self.begin if self.card else self.go_on)()
        elif use is None or not down:
            self._action_key(name, down)
        elif not self.card or use in BEFORE_IT_BEGINS:
            self.session.key(name, down)
            return None if self.use(use, now) else use
        return None

    def _action_key(self, name: str, down: bool) -> None:
        session, place = self.session, self.inputs.person_of(name)
        slot = action = None
        if place is not None:
            slot = session.humans[place] if place < len(session.humans) else None
            action = session.world.action_names[self.inputs.keys[place][name]]
        ms = session.key(name, down, slot, action)
        self.changes += 1
        if not down:
            self.inputs.up(name)
        elif slot is not None and not self.over and not self.card:
            if self.paused and self.mode == "turns":
                self.pause(False)
            if not self.paused:
                self.inputs.down(name, ms)

    def use(self, use: str, now: float) -> bool:
        """Does what a key of the game is for; returns whether it was one."""
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
            self.changed()
        elif use == "view":
            self.next_view()
        elif use == "slot":
            self.next_slot()
        elif use == "mode":
            self._other_mode()
        elif use in ("heads", "log agent", "log kind"):
            self._look(use)
        else:
            if use in ("help", "legend") and self.running:
                self.pause(True)
            return False
        return True

    def _other_mode(self) -> None:
        if not self.session.humans:
            return
        self.mode = "turns" if self.mode == "realtime" else "realtime"
        self.session.note(f"mode {self.mode}")
        self.say("The world waits for you" if self.mode == "turns" else "Real time")
        self._start()

    def _look(self, use: str) -> None:
        """Changes what is shown beside the scene: an agent's head, or what of the log."""
        session = self.session
        if use == "log agent":
            self.log.next_slot(session.world.n_agents)
        elif use == "log kind":
            self.log.next_kind(session.kinds)
        elif self.options.own:
            self.say("What goes on in others is not to be seen here")
        else:
            self.head.shown = not self.head.shown
            session.note("heads shown" if self.head.shown else "heads hidden")
        self.changed()

    def point(self, what: str, at: object) -> None:
        """Takes in that somebody pointed at something beside the scene.

        Args:
            what: ``player``: the log, and the head that is shown, are limited to that agent or no longer; ``event``:
                the log to events of that kind; ``log``: it goes on to the next kind.
            at: The slot, or the entry of the log.
        """
        if self.options.locked or self.options.own:
            return
        if what == "player" and isinstance(at, int):
            self.log.choose(at)
            self.head.slot = at
        elif what == "event" and isinstance(at, LogEntry):
            self.log.kind = "" if self.log.kind else at.kind
        elif what == "log":
            self.log.next_kind(self.session.kinds)
        self.changed()

    def lost_focus(self) -> None:
        """Takes in that the keyboard is somebody else's, so that no key goes up any more."""
        self.inputs.release()
        self.session.note("focus lost")
        self.changed()

    def gained_focus(self) -> None:
        """Takes in that the keyboard is the game's again."""
        self.session.note("focus gained")

    def seen(self) -> None:
        """Takes in that a picture of where everything is now has reached the screen."""
        if not self.card and not self.over:
            self.session.seen()

    def close(self) -> None:
        """Closes the session."""
        self.session.close()

    def scene(self) -> scenes.Scene:
        """Returns what is to be seen of the world."""
        if self._scene is None:
            session, own = self.session, self.options.own
            people = tuple(session.humans)
            scene = scenes.scene_of(session.world, self.view, self.watched, people, session.before, own)
            if self.head.fresh and self.head.told is not None:
                scene = scenes.with_head(scene, session.world, self.view, self.watched, self.head.slot, self.head.told)
            self._scene = scene
        return self._scene
