"""The side panel: turn, scores, inventory, what happened lately, the keys. Drawn from plain data, when it changes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pygame

from sorrelsim.authoring import sprites
from sorrelsim.play import theme
from sorrelsim.play.head_panel import draw_head, head_height, head_that_fits
from sorrelsim.play.key_rows import columns_of, draw_row, key_rows
from sorrelsim.play.panel_info import PanelInfo, PlayerRow, signed

_TONES = {"run": theme.ACCENT, "wait": theme.WARN, "pause": theme.WARN, "over": theme.MUTED}


@dataclass
class Panel:
    """Draws :class:`PanelInfo` on a surface of its own, again only when something changed."""

    letters: theme.Letters
    _last: tuple | None = None
    _surface: pygame.Surface | None = None
    _faces: dict[tuple[int, int], pygame.Surface] = field(default_factory=dict)
    _area: pygame.Rect = field(default_factory=lambda: pygame.Rect(0, 0, 0, 0))
    _spots: list[tuple[pygame.Rect, str, object]] = field(default_factory=list)

    def draw(self, target: pygame.Surface, area: pygame.Rect, info: PanelInfo) -> bool:
        """Puts the panel into the window; returns whether it had to be drawn anew."""
        self._area = area.copy()
        key = (info, area.size, self.letters.scale)
        fresh = key != self._last
        if fresh:
            self._last = key
            if self._surface is None or self._surface.get_size() != area.size:
                self._surface = pygame.Surface(area.size).convert()
            self._paint(self._surface, info)
        assert self._surface is not None
        target.blit(self._surface, area)
        return fresh

    def at(self, place: tuple[int, int]) -> tuple[str, object] | None:
        """Returns what was drawn at a place of the window, as :meth:`Game.point` takes it; None for nothing of that."""
        x, y = place[0] - self._area.left, place[1] - self._area.top
        return next(((what, at) for rect, what, at in self._spots if rect.collidepoint(x, y)), None)

    def _paint(self, surface: pygame.Surface, info: PanelInfo) -> None:
        px = self.letters.px
        surface.fill(theme.PANEL)
        self._spots.clear()
        pygame.draw.line(surface, theme.LINE, (0, 0), (0, surface.get_height()))
        pad = px(22)
        left, width = pad, surface.get_width() - 2 * pad
        y = self._head(surface, info, left, width, px(20))
        room = surface.get_height() - y - px(24)
        y = self._table(surface, info, left, width, y + px(16), room)
        y = self._gauges(surface, info, left, width, y)
        bottom = self._keys(surface, info, left, width, y)
        if info.head is not None and (head := head_that_fits(self.letters, info.head, bottom - y)) is not None:
            draw_head(surface, self.letters, head, left, width, y)
            y += head_height(self.letters, head)
        self._events(surface, info, left, width, y + px(6), bottom - px(10))

    def _head(self, surface: pygame.Surface, info: PanelInfo, left: int, width: int, y: int) -> int:
        draw, px = self.letters.draw, self.letters.px
        right = left + width
        if info.recording:
            label = draw(info.recording, 13, theme.MUTED)
            surface.blit(label, (right - label.get_width(), y + px(9)))
            centre = (right - label.get_width() - px(11), y + px(9) + label.get_height() // 2)
            pygame.draw.circle(surface, theme.WARN if info.problem else (226, 84, 84), centre, px(5))
            width_title = width - label.get_width() - px(30)
        else:
            width_title = width
        surface.blit(self.letters.fit(info.title, 25, width_title, theme.TEXT, "bold"), (left, y))
        y += px(36)
        surface.blit(self.letters.fit(info.subtitle, 14, width, theme.MUTED), (left, y))
        y += px(30)
        y = self._clock(surface, info, left, right, y)
        if info.problem:
            for text in self.letters.wrapped(info.problem, 13, width):
                surface.blit(draw(text, 13, theme.WARN), (left, y))
                y += px(18)
        return y

    def _clock(self, surface: pygame.Surface, info: PanelInfo, left: int, right: int, y: int) -> int:
        """Draws the turn, and beside it what time does; where there is little room, smaller. Returns where they end."""
        px, draw, font = self.letters.px, self.letters.draw, self.letters.font
        wide = font(38, "bold").size(f"{info.turn}")[0] + font(14, "bold").size(info.status)[0] + px(32)
        big, small = (38, 14) if wide <= right - left else (26, 11)
        number, word = draw(f"{info.turn}", big, theme.TEXT, "bold"), draw("turn", 15, theme.MUTED)
        room = right - left - number.get_width() - px(32)
        chip = self.letters.fit(info.status, small, room, theme.BACKGROUND, "bold")
        height = font(38, "bold").get_linesize()
        rect = pygame.Rect(0, 0, chip.get_width() + px(22), px(28))
        rect.midright = (right, y + height // 2)
        surface.blit(number, number.get_rect(midleft=(left, rect.centery)))
        if left + number.get_width() + px(18) + word.get_width() <= rect.left:
            surface.blit(word, (left + number.get_width() + px(9), y + height - px(10) - word.get_height()))
        theme.box(surface, _TONES[info.tone], rect, px(14))
        surface.blit(chip, chip.get_rect(center=rect.center))
        return y + height + px(2)

    def _table(self, surface: pygame.Surface, info: PanelInfo, left: int, width: int, y: int, room: int) -> int:
        """Draws everybody's score, in two columns where they are many or room is short; returns where it ends."""
        px = self.letters.px
        if not info.players:
            return y
        n = len(info.players)
        ways = [(1, px(38))] * (n <= 6) + [(1, px(32))] * (n <= 9) + [(2, px(29)), (2, px(24)), (3, px(24))]
        fitting = [(columns, height) for columns, height in ways if -(-n // columns) * height <= room]
        columns, row_height = fitting[0] if fitting else ways[-1]
        per_column = -(-n // columns)
        each = (width - (columns - 1) * px(10)) // columns
        best = max(abs(player.score) for player in info.players) or 1
        for k, player in enumerate(info.players):
            column, row = divmod(k, per_column)
            rect = pygame.Rect(left + column * (each + px(10)), y + row * row_height, each, row_height - px(4))
            self._player(surface, rect, player, best, columns == 1)
        return y + per_column * row_height + px(10)

    def _player(self, surface: pygame.Surface, rect: pygame.Rect, player: PlayerRow, best: float, wide: bool) -> None:
        px, draw = self.letters.px, self.letters.draw
        self._spots.append((rect, "player", player.slot))
        away = player.state.startswith("out")
        ground, edge = (theme.RAISED, theme.LINE) if player.watched else (theme.PANEL, None)
        theme.box(surface, ground, rect, px(7), edge)
        face = self._face(player.slot, max(16, (rect.height - px(8)) // 8 * 8))
        if away:
            face = face.copy()
            face.set_alpha(80)
        surface.blit(face, face.get_rect(midleft=(rect.left + px(8), rect.centery)))
        x = rect.left + px(16) + face.get_width()
        digits = draw(f"{player.score:g}" if abs(player.score) < 1e5 else f"{player.score:.2g}", 18, theme.TEXT, "bold")
        end = rect.right - px(10)
        surface.blit(digits, digits.get_rect(midright=(end, rect.centery)))
        gap = end - digits.get_width() - px(8)
        if player.reward and wide:
            colour = theme.GAIN if player.reward > 0 else theme.LOSS
            change = draw(signed(player.reward), 14, colour, "bold")
            gap -= change.get_width()
            surface.blit(change, change.get_rect(midleft=(gap, rect.centery)))
            gap -= px(6)
        who = player.label if not player.mine else "person" if player.shared else "you"
        label = f"{player.slot}  {who}" if wide else f"{player.slot}"
        own = theme.ink(player.slot) if player.mine and player.shared else theme.TEXT
        colour = theme.FAINT if away else own if player.mine or player.watched else theme.MUTED
        state = draw(player.state, 13, theme.WARN) if player.state else None
        room = gap - x - (state.get_width() + px(8) if state else 0)
        if state and room < px(30):  # the face is pale while its agent is out; the name says more than for how long
            state, room = None, gap - x
        name = self.letters.fit(label, 15, room, colour, "bold" if player.mine else "")
        if name.get_width() > room:  # no room for a single letter beside the ellipsis
            name = self.letters.fit(f"{player.slot}", 15, room, colour)
        if name.get_width() <= room:
            surface.blit(name, name.get_rect(midleft=(x, rect.centery)))
        if state:
            surface.blit(state, state.get_rect(midleft=(x + name.get_width() + px(8), rect.centery)))
        if wide and player.score:
            bar = pygame.Rect(rect.left + px(8), rect.bottom - px(2), 0, max(1, px(2)))
            bar.width = round((rect.width - px(16)) * min(1.0, abs(player.score) / best))
            surface.fill(sprites.agent_colour(player.slot) if player.score > 0 else theme.LOSS, bar)

    def _face(self, slot: int, size: int) -> pygame.Surface:
        if (slot, size) not in self._faces:
            self._faces[slot, size] = theme.face(slot, size).convert_alpha()
        return self._faces[slot, size]

    def _gauges(self, surface: pygame.Surface, info: PanelInfo, left: int, width: int, y: int) -> int:
        px = self.letters.px
        for gauge in info.gauges:
            if y + px(25) > surface.get_height():
                break
            name = self.letters.fit(gauge.name.replace("_", " "), 14, width // 2, theme.MUTED)
            surface.blit(name, (left, y))
            inner = pygame.Rect(left + width // 2, y + px(1), width - width // 2, px(16))
            if len(gauge.values) == 1 and 0 <= gauge.values[0] <= 1:
                value = gauge.values[0]
                theme.box(surface, theme.RAISED, inner, px(8))
                if value > 0:
                    filled = pygame.Rect(inner.left, inner.top, max(px(16), round(inner.width * value)), inner.height)
                    theme.box(surface, theme.ACCENT if value >= 1 else theme.FAINT, filled, px(8))
            else:
                text = ("   " if len(gauge.values) <= 8 else " ").join(f"{value:.3g}" for value in gauge.values)
                value_text = self.letters.fit(text, 15, inner.width, theme.TEXT, "bold")
                surface.blit(value_text, value_text.get_rect(topright=(left + width, y - px(1))))
            y += px(25)
        return y + px(6) if info.gauges else y

    def _events(self, surface: pygame.Surface, info: PanelInfo, left: int, width: int, top: int, bottom: int) -> None:
        px, draw = self.letters.px, self.letters.draw
        step = px(23)
        room = (bottom - top - px(26)) // step
        if room < 2:
            return
        title = self.letters.fit("Lately" + f"  \u00b7  {info.log}" * bool(info.log), 14, width, theme.FAINT, "bold")
        surface.blit(title, (left, top))
        self._spots.append((pygame.Rect(left, top, width, px(22)), "log", None))
        y = top + px(26)
        past = len(info.events) - info.ahead
        ahead = min(info.ahead, max(room // 3, room - past))  # most of the room is for what has been
        events = info.events[: past + ahead]
        for age, event in enumerate(reversed(events[-room:]), -ahead):
            colour = theme.FAINT if age < 0 or age >= 8 else theme.TEXT if age < 3 else theme.MUTED
            self._spots.append((pygame.Rect(left, y, width, step), "event", event))
            when = draw(f"{event.turn}", 13, theme.FAINT, "mono")
            surface.blit(when, (left + px(40) - when.get_width(), y + px(2)))
            x = left + px(50)
            if event.slot >= 0:
                face = self._face(event.slot, max(1, round(px(16) / 8)) * 8)
                surface.blit(face, face.get_rect(midleft=(x, y + px(10))))
                x += face.get_width() + px(8)
            other = self._face(event.whom, max(1, round(px(16) / 8)) * 8) if event.whom >= 0 else None
            room = left + width - x - (other.get_width() + px(8) if other else 0)
            text = self.letters.fit(event.text, 14, room, colour)
            surface.blit(text, (x, y))
            if other:
                surface.blit(other, other.get_rect(midleft=(x + text.get_width() + px(8), y + px(10))))
            y += step

    def _keys(self, surface: pygame.Surface, info: PanelInfo, left: int, width: int, top: int) -> int:
        """Draws the keys, at the bottom; returns where they begin."""
        px = self.letters.px
        foot_height = px(26) * -(-len(info.foot) // 2) + px(12) if info.foot else 0
        foot = info.foot if top + foot_height <= surface.get_height() else ()
        foot_height = foot_height if foot else 0
        rows = key_rows(info.keys)
        columns = max(columns_of(self.letters, rows, width, 3 if width >= px(500) else 2), 2 if len(rows) > 12 else 1)
        row = px(31)
        count = -(-len(rows) // columns)
        height = count * row + px(26) if rows else 0
        available = surface.get_height() - top - foot_height - px(12)
        if height > available:
            count = max(0, (available - px(26)) // row)
            height = count * row + px(26) if count else 0
        y = bottom = surface.get_height() - foot_height - height - px(4)
        if height:
            pygame.draw.line(surface, theme.LINE, (left, y - px(4)), (left + width, y - px(4)))
            y += px(10)
            each = width // columns
            for k, line in enumerate(rows[: count * columns]):
                column, place = divmod(k, count)
                draw_row(surface, self.letters, line, left + column * each, y + place * row, each)
        y = surface.get_height() - foot_height
        if foot:
            pygame.draw.line(surface, theme.LINE, (left, y - px(4)), (left + width, y - px(4)))
            for k, (key, meaning) in enumerate(foot):
                row_at, column = divmod(k, 2)
                x, at = left + column * (width // 2), y + px(5) + row_at * px(26)
                key_width = theme.key_cap(surface, self.letters, x, at, key, 11)
                told = self.letters.fit(meaning, 13, width // 2 - key_width - px(12), theme.FAINT)
                surface.blit(told, (x + key_width + px(8), at + px(1)))
        return bottom
