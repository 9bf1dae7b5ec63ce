"""The window in which people play, or watch agents play live: it draws a game and hands it keys and time.

All that happens happens in the :class:`~sorrelsim.play.game.Game`; here is only what a screen needs.
"""

from __future__ import annotations

import pygame

from sorrelsim.play import game_info, scene
from sorrelsim.play.base_window import BaseWindow
from sorrelsim.play.card import draw_card
from sorrelsim.play.game import Game
from sorrelsim.play.keys import MEANINGS, shown
from sorrelsim.play.options import PlayOptions as PlayOptions
from sorrelsim.play.overlays import draw_banner
from sorrelsim.play.panel_info import PanelInfo, title_of
from sorrelsim.play.practice import Practice
from sorrelsim.play.practice_page import practice_page
from sorrelsim.play.session import Session
from sorrelsim.play.sounds import Sounds
from sorrelsim.play.summary import draw_summary


class PlayWindow(BaseWindow):
    """A game in a window.

    Args:
        session: The session; it is closed with the window.
        options: How it is played.
        practice: What is practised before it.

    Attributes:
        game: What is played now.
        session: Its session.
        practice: What is practised before the game; None once that has begun.
    """

    def __init__(self, session: Session, options: PlayOptions, practice: Practice | None = None) -> None:
        self._real = Game(session, options)
        self.practice = practice
        self.game = practice.game if practice else self._real
        self.session = self.game.session
        self._told: tuple[tuple, PanelInfo] | None = None  # what the panel shows, and of what
        self._shown = (-1, 0)  # the game's changes and turns that were taken in last
        title = f"{title_of(session.world.name)} - sorrelsim"
        super().__init__(title, self.game.uses, options.size, options.full_screen)
        self.sounds = Sounds() if options.sound else None
        if self.sounds and self.sounds.problem:
            self.say(self.sounds.problem, 5)

    # ----------------------------------------------------------------------------------------------- keys and time

    def due(self, now: float) -> float | None:
        return (self.practice or self.game).due(now)

    def advance(self, now: float) -> None:
        (self.practice or self.game).advance(now)
        self._follow(now)

    def key(self, name: str, down: bool, now: float) -> None:
        use = (self.practice or self.game).key(name, down, now)
        if use is not None:
            self.use(use, now)
        if self.practice and self.practice.finished:
            self._play(self.practice)
        self._follow(now)

    def mouse(self, event: pygame.event.Event, now: float) -> None:
        super().mouse(event, now)
        if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1 and (spot := self.panel.at(event.pos)):
            self.game.point(*spot)
            self._follow(now)

    def _play(self, practice: Practice) -> None:
        """Lets the game itself begin after the practice."""
        practice.close()
        self.practice, self.game, self.session = None, self._real, self._real.session
        self._shown = (-1, 0)
        self.stage.pop_ups.clear()
        self.session.note(practice.told())
        self.game.begin()

    def _follow(self, now: float) -> None:
        """Takes in what happened in the game."""
        game = self.game
        while game.notices:
            self.say(*game.notices.pop(0))
        changes, turns = self._shown
        self._shown = game.changes, game.session.turns
        if game.session.turns > turns:
            self.stage.pop_up(game.session.reward, now)
            session = game.session
            done = ((each.slot, each.whom) for each in session.latest if session.tells(each, game.watched))
            self.stage.hit((pair for pair in done if min(pair) >= 0 and pair[0] != pair[1]), now)
            if self.sounds:
                self.sounds.play(game.session)
        elif game.changes > changes and game.session.turn == 0 and not game.over:
            self.stage.pop_ups.clear()  # it was started anew
        self.dirty |= game.changes > changes
        self.done |= game.done

    def lost_focus(self, now: float) -> None:
        self.game.lost_focus()

    def gained_focus(self, now: float) -> None:
        self.game.gained_focus()

    def flipped(self, now: float) -> None:
        self.game.seen()

    def close(self) -> None:
        if self.practice:
            self.practice.close()
        if self.sounds:
            self.sounds.close()
        self._real.close()

    # ----------------------------------------------------------------------------------------------------- drawing

    def animating(self, now: float) -> bool:
        return self.stage.moving or (self.session.turns > 0 and self.game.pace.walking(now))

    def scene(self) -> scene.Scene:
        return self.game.scene()

    def info(self) -> PanelInfo:
        now = (self.game, self.game.changes, self.printed)
        if self._told is None or self._told[0] != now:
            self._told = now, game_info.panel_of(self.game, self.printed)
        return self._told[1]

    def draw(self, now: float) -> None:
        area, side = self.areas()
        page = None if self.practice is None or self.game.card else self._page(self.practice, area.size)
        if page is not None:
            area.height -= page.get_height()
            self.screen.blit(page, area.bottomleft)
        self.stage.draw(self.screen, area, self.scene(), self.game.pace.progress(now), now)
        self.panel.draw(self.screen, side, self.info())
        if self.game.card:
            foot = "Space begins the practice" if self.practice else "Space begins"
            draw_card(self.screen, self.letters, game_info.card_of_game(self._real, foot, self.printed))
        elif summary := game_info.summary_of_game(self.game):
            draw_summary(self.screen, area, self.letters, summary)
        elif banner := game_info.banner_of(self.game):
            draw_banner(self.screen, area, self.letters, banner)

    def _page(self, practice: Practice, size: tuple[int, int]) -> pygame.Surface:
        tasks = practice.tasks(self.printed)
        return practice_page(self.letters, size, practice, tasks, shown(practice.skip_key, self.printed))

    def draw_legend(self) -> None:
        info = game_info.card_of_game(self.game, "any key closes this", self.printed)
        draw_card(self.screen, self.letters, info)

    def help_lines(self) -> list[tuple[str, str]]:
        rows = game_info.actions_of(self.game, self.printed)
        lines = [("", "Actions"), *self.help_of_actions(rows)] if self.session.humans else []
        return [*lines, ("", "Window"), *self.help_of_uses(MEANINGS)]
