"""The window of people who sit in a training run: it shows what their agent observes, and waits for a key.

``agents/human.py`` asks here for every action; nothing of the world but the observation comes in.
"""

from __future__ import annotations

import numpy as np
import pygame

from sorrelsim.authoring import sprites
from sorrelsim.authoring.codes import Codebook
from sorrelsim.authoring.kinds import Kinds
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.observations.parts import Parts
from sorrelsim.pictures.painting import looks_table
from sorrelsim.play.base_window import BaseWindow
from sorrelsim.play.inputs import Inputs
from sorrelsim.play.keys import MEANINGS, WINDOW_KEYS, uses_of
from sorrelsim.play.panel_info import PanelInfo, PlayerRow, action_rows, gauges_of
from sorrelsim.play.person import Person
from sorrelsim.play.scene import Scene, eyes_scene

PERSON_KEYS = {use: WINDOW_KEYS[use] for use in ("zoom in", "zoom out", "screenshot", "full screen", "help", "quit")}
"""What the window listens to beside the person's own keys."""


class PersonWindow(BaseWindow):
    """Asks one person at a time for an action. All people of a process share one window.

    Args:
        size: Of the window, or None for most of the screen.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.person: Person | None = None
        self.inputs = Inputs([{}], None)
        self.mask: np.ndarray | None = None
        self.answer: int | None = None
        self._parts: Parts = {}
        self._looks: dict[int, np.ndarray] = {}
        super().__init__("sorrelsim - your turn", uses_of(PERSON_KEYS), size)

    def ask(self, person: Person, parts: Parts, mask: np.ndarray | None = None) -> int:
        """Shows a person their observation and waits for an action.

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
        if id(person.codes) not in self._looks:
            self._looks[id(person.codes)] = looks_of(person.codes)
        self._scene = eyes_scene(parts["grid"], self._looks[id(person.codes)])
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
        elif not self.inputs.down(name, 1000 * now) and name in self.uses:
            self.use(self.uses[name], now)

    def advance(self, now: float) -> None:
        while self.answer is None and self.person is not None and not self.inputs.waiting_for():
            action = self.inputs.take()[0].action
            if self.mask is None or self.mask[action]:
                self.answer = action
            else:
                self.say(f"{self.person.actions[action]} is not allowed now")

    def scene(self) -> Scene:
        return self._scene

    def draw(self, now: float) -> None:
        area, side = self.areas()
        self.stage.draw(self.screen, area, self._scene, 1.0, now)
        self.panel.draw(self.screen, side, self.info())

    def info(self) -> PanelInfo:
        person = self.person
        assert person is not None
        return PanelInfo(
            title=person.name,
            subtitle="in a training run: it waits for you",
            turn=person.turn,
            status="your turn",
            tone="wait",
            players=(PlayerRow(0, "you", round(person.score, 3), round(person.reward, 3), "", True, True),),
            gauges=gauges_of(self._parts),
            events=tuple(person.log),
            keys=action_rows(person.actions, person.keys, self.inputs.holding(0), self.mask, self.printed),
            foot=(("F1", "all keys"), ("Esc", "leave")),
        )

    def help_lines(self) -> list[tuple[str, str]]:
        person = self.person
        assert person is not None
        actions = self.help_of_actions(action_rows(person.actions, person.keys, printed=self.printed))
        return [("", "Actions"), *actions, ("", "Window"), *self.help_of_uses(MEANINGS | {"quit": "end the run"})]


def looks_of(codes: Codebook) -> np.ndarray:
    """Returns sprites for a codebook's ids, those of the world whose kinds they are: ``uint8[id, SIZE, SIZE, 4]``."""
    kinds = _kinds_of(codes)
    table = looks_table(codes, kinds or Kinds, "individual" if codes.slot_stride else "other")
    if kinds is None:
        for k in range(1, codes.outside):
            table[k] = sprites.plain(sprites.agent_colour(k + 16)).rgba
    return table


def _kinds_of(codes: Codebook) -> type[Kinds] | None:
    """Returns the kinds of a loaded world that a codebook numbers; the codebook itself knows only names and glyphs."""
    wanted = list(zip(codes.names[1 : codes.outside], codes.glyphs[1 : codes.outside], strict=True))
    worlds = list(Gridworld.__subclasses__())
    while worlds:
        world = worlds.pop()
        worlds += world.__subclasses__()
        kinds = world.__dict__.get("kinds")
        if kinds is not None and [(kind.name.lower(), kind.spec.glyph) for kind in kinds] == wanted:
            return kinds
    return None


_window: PersonWindow | None = None


def person_window() -> PersonWindow:
    """Returns the window that all people of this process share, opened when first asked for.

    Raises:
        NoDisplay: If there is no screen.
    """
    global _window
    if _window is None or _window.done or not pygame.display.get_init():
        _window = PersonWindow()
    return _window
