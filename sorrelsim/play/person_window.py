"""The window of people who sit in a training run: it shows what their agent observes, and waits for a key."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import pygame

from sorrelsim.authoring import sprites
from sorrelsim.authoring.codes import Codebook
from sorrelsim.authoring.kinds import Kinds
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.play.base_window import Shell
from sorrelsim.play.inputs import Inputs
from sorrelsim.play.keys import WINDOW_KEYS, shown
from sorrelsim.play.panel import Gauge, KeyLine, Line, Panel, PanelInfo
from sorrelsim.play.scene import eyes_scene
from sorrelsim.play.session import Happening
from sorrelsim.play.stage import Stage


@dataclass
class Person:
    """One person at the desk: what their agent is called and has earned.

    Attributes:
        name: What the panel calls them.
        keys: Key name to action.
        actions: The actions' names.
        codes: What the ids of the observation mean.
        turn: Turns of the episode.
        score: Sum of rewards over the episode.
        reward: The last turn's.
        happened: Rewards lately.
    """

    name: str
    keys: dict[str, int]
    actions: tuple[str, ...]
    codes: Codebook
    turn: int = 0
    score: float = 0.0
    reward: float = 0.0
    happened: deque[Happening] = field(default_factory=lambda: deque(maxlen=24))

    def paid(self, reward: float, ended: bool) -> None:
        """Take in a turn's reward, and whether the episode ended with it."""
        self.turn += 1
        self.score += reward
        self.reward = reward
        if reward:
            self.happened.append(Happening(self.turn, -1, f"reward {reward:+g}"))
        if ended:
            self.happened.append(Happening(self.turn, -1, f"the episode is over: {self.score:g}"))
            self.turn, self.score, self.reward = 0, 0.0, 0.0


class Desk(Shell):
    """Asks one person at a time for an action. All people of a process share one desk."""

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.person: Person | None = None
        self.inputs = Inputs([{}], None)
        self.mask: np.ndarray | None = None
        self.answer: int | None = None
        self.stage = Stage()
        self._parts: dict[str, np.ndarray] = {}
        self._looks: dict[int, np.ndarray] = {}
        self._uses = {key: use for use, keys in WINDOW_KEYS.items() for key in keys}
        super().__init__("sorrelsim - your turn", size)
        self.panel = Panel(self.letters)

    def ask(self, person: Person, parts: dict[str, np.ndarray], mask: np.ndarray | None = None) -> int:
        """Show a person their observation and wait for an action.

        Args:
            person: Who is asked.
            parts: The observation by part, the newest frame; ``grid`` holds ids ``[row, col, layer]``.
            mask: Which actions are allowed, ``bool[action]``.

        Raises:
            KeyboardInterrupt: If the window is closed instead.
        """
        if person is not self.person:
            self.inputs = Inputs([person.keys], None)  # what another person pressed ahead is not this one's
        self.person, self.mask, self.answer = person, mask, None
        self._parts = parts
        self._scene = eyes_scene(parts["grid"], self._table(person.codes))
        self.dirty = True
        while self.answer is None and not self.done:
            self.spin()
        if self.answer is None:
            pygame.display.quit()
            raise KeyboardInterrupt("the window in which a person played was closed")
        return self.answer

    def key(self, name: str, down: bool, now: float) -> None:
        self.dirty = True
        if not down:
            self.inputs.up(name)
        elif self.inputs.down(name, 1000 * now) is None:
            use = self._uses.get(name)
            area, _ = self.areas()
            if use == "full screen":
                self.toggle_full_screen()
            elif use == "help":
                self.help = True
            elif use == "screenshot":
                self.screenshot()
            elif use in ("zoom in", "zoom out"):
                self.stage.zoom_by(1 if use == "zoom in" else -1, self._scene.cells.shape[:2], area)
            elif use == "quit":
                self.leave(now)

    def advance(self, now: float) -> None:
        while self.answer is None and self.person is not None and not self.inputs.waiting_for():
            action, _ = self.inputs.take()[0]
            if self.mask is None or self.mask[action]:
                self.answer = action
            else:
                self.say(f"{self.person.actions[action]} is not allowed now")

    def due(self, now: float) -> float | None:
        return None

    def animating(self, now: float) -> bool:
        return False

    def draw(self, now: float) -> None:
        area, side = self.areas()
        self.stage.draw(self.screen, area, self._scene, 1.0, now)
        person = self.person
        assert person is not None
        held = self.inputs.holding(0)
        keys = []
        for action, name in enumerate(person.actions):
            own = tuple(key for key, k in person.keys.items() if k == action)
            if own and (self.mask is None or self.mask[action]):
                keys.append(KeyLine(name, own, held == action))
        scalars = {name: part for name, part in self._parts.items() if name != "grid"}
        self.panel.draw(self.screen, side, PanelInfo(
            title=person.name, subtitle="in a training run: it waits for you", turn=person.turn, status="your turn",
            tone="wait", lines=(Line(0, "you", round(person.score, 3), round(person.reward, 3), "", True, True),),
            gauges=tuple(Gauge(n, tuple(np.round(p.ravel(), 2).tolist())) for n, p in scalars.items()),
            events=tuple(person.happened), keys=tuple(keys), foot=(("F1", "all keys"), ("Esc", "leave")),
        ))  # fmt: skip

    def help_lines(self) -> list[tuple[str, str]]:
        person = self.person
        lines = [("", "Actions")]
        for action, name in enumerate(person.actions if person else ()):
            keys = [shown(key) for key, k in person.keys.items() if k == action] if person else []
            lines.append(("  ".join(keys[:3]), name.replace("_", " ")))
        return [
            *lines,
            ("", "Window"),
            ("F9", "keep a picture"),
            ("F11", "full screen"),
            ("Esc", "end the run"),
        ]

    def close(self) -> None:
        return

    def _table(self, codes: Codebook) -> np.ndarray:
        if id(codes) not in self._looks:
            self._looks[id(codes)] = looks_of(codes)
        return self._looks[id(codes)]


def looks_of(codes: Codebook) -> np.ndarray:
    """Sprites for the ids of a codebook: ``uint8[id, SIZE, SIZE, 4]``, those of the world whose kinds these are."""
    table = np.zeros((codes.n_codes, sprites.SIZE, sprites.SIZE, 4), np.uint8)
    kinds = _kinds_of(codes)
    for k in range(1, codes.outside):
        sprite = list(kinds)[k - 1].spec.sprite if kinds is not None else sprites.plain(sprites.agent_colour(k + 16))
        if sprite is not None:
            table[k] = sprite.rgba
    table[codes.outside] = sprites.plain("k").rgba
    directions = 4 if codes.facing else 1
    for k in range(codes.self_code, codes.n_codes):
        place, facing = divmod(k - codes.self_code, directions)
        colour = sprites.PALETTE["w"] if place == 0 else sprites.PALETTE["o"]
        if place and codes.slot_stride:
            colour = sprites.agent_colour(place - 1)
        table[k] = sprites.agent_sprite(colour, facing).rgba
    return table


def _kinds_of(codes: Codebook) -> type[Kinds] | None:
    """The kinds of a loaded world that a codebook numbers; a codebook itself knows only names and glyphs."""
    wanted = list(zip(codes.names[1 : codes.outside], codes.glyphs[1 : codes.outside], strict=True))
    worlds = list(Gridworld.__subclasses__())
    while worlds:
        world = worlds.pop()
        worlds += world.__subclasses__()
        kinds = world.__dict__.get("kinds")
        if kinds is not None and [(kind.name.lower(), kind.spec.glyph) for kind in kinds] == wanted:
            return kinds
    return None


_desk: Desk | None = None


def desk() -> Desk:
    """The desk of this process, opened when first asked for.

    Raises:
        NoDisplay: If there is no screen.
    """
    global _desk
    if _desk is None or _desk.done or not pygame.display.get_init():
        _desk = Desk()
    return _desk
