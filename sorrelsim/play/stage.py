"""Draws a scene into a part of the window: crisp pixels at whole multiples, and only what changed.

The still part of a scene is kept as one picture in which single cells are replaced; agents, what lies over them and
rising rewards are drawn on top of it in every frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pygame

from sorrelsim.authoring import sprites
from sorrelsim.play import theme
from sorrelsim.play.marks import brackets, draw_attention, draw_goal, outlined
from sorrelsim.play.outlines import beam_picture, cell_picture, is_beam, open_sides
from sorrelsim.play.panel_info import signed
from sorrelsim.play.scene import Actor, Scene

MAX_PIXELS = 24_000_000
"""Largest picture of a map that is kept, in pixels; zooming in stops there."""

_FOG = 255


@dataclass
class PopUp:
    """A reward that rises from an agent for a moment."""

    slot: int
    text: str
    gain: bool
    born: float


@dataclass(frozen=True)
class _Frame:
    """Where the map's corner lies in the window, screen pixels per pixel of a sprite, and how far everybody walked."""

    left: int
    top: int
    scale: int
    progress: float

    @property
    def cell(self) -> int:
        return self.scale * sprites.SIZE


class Stage:
    """The map in the window.

    Attributes:
        zoom: Screen pixels for a pixel of a sprite, or None for as many as fit.
        labels: Whether slot numbers are drawn on the agents.
    """

    POP_UP_TIME, RING_TIME = 1.1, 0.45

    def __init__(self) -> None:
        self.zoom: int | None = None
        self.labels = False
        self.pop_ups: list[PopUp] = []
        self._rings: list[tuple[int, theme.Colour, float]] = []  # around whom, in which colour, since when
        self._scale = 0
        self._looks: np.ndarray | None = None
        self._solid: np.ndarray | None = None
        self._base: pygame.Surface | None = None
        self._drawn: np.ndarray | None = None
        self._tiles: dict[tuple, pygame.Surface] = {}
        self._beams: list[tuple[int, int, pygame.Surface]] = []  # and whatever else lies above, but on no agent
        self._marks: list[tuple[int, int, pygame.Surface]] = []
        self._scene: Scene | None = None

    def fit(self, shape: tuple[int, int], area: pygame.Rect) -> int:
        """Returns the largest whole scale at which a map of ``shape`` cells fits, at least 1."""
        rows, cols = shape
        return max(1, min(area.width // (cols * sprites.SIZE), area.height // (rows * sprites.SIZE)))

    def scale(self, shape: tuple[int, int], area: pygame.Rect) -> int:
        """Returns the scale in use: what was zoomed to, or what fits."""
        rows, cols = shape
        most = max(1, int((MAX_PIXELS / (rows * cols * sprites.SIZE**2)) ** 0.5))
        return min(most, self.zoom or self.fit(shape, area))

    def zoom_by(self, steps: int, shape: tuple[int, int], area: pygame.Rect) -> None:
        """Zooms in or out by whole steps; at what fits, follows the window's size again."""
        fitting = self.fit(shape, area)
        wanted = max(1, min(self.scale(shape, area) + steps, 16))
        self.zoom = None if wanted == fitting else wanted

    def pop_up(self, rewards: Iterable[float], now: float) -> None:
        """Lets everybody's reward of a turn rise, ``rewards[slot]``."""
        for slot, reward in enumerate(rewards):
            if reward:
                self.pop_ups.append(PopUp(slot, signed(reward), bool(reward > 0), now))

    def draw(self, surface: pygame.Surface, area: pygame.Rect, scene: Scene, progress: float, now: float) -> None:
        """Draws a scene.

        Args:
            surface: The window.
            area: Where in it.
            scene: What.
            progress: How far everybody has walked from where they were: 0 to 1.
            now: Seconds, for the pop-ups.
        """
        rows, cols = scene.cells.shape[:2]
        scale = self.scale((rows, cols), area)
        self._prepare(scene, scale)
        frame = _Frame(*self._corner(area, scene, scale * sprites.SIZE, progress), scale, progress)
        left, top, cell = frame.left, frame.top, frame.cell
        surface.set_clip(area)
        surface.fill(theme.BACKGROUND, area)
        assert self._base is not None
        surface.blit(self._base, (left, top))
        surface.set_clip(pygame.Rect(left, top, cols * cell, rows * cell).clip(area))
        if scene.attention is not None:
            draw_attention(surface, scene.attention, left, top, cell)
        for row, col, tile in self._beams:  # under the agents, whose colours they would change
            surface.blit(tile, (left + col * cell, top + row * cell))
        for actor in sorted(scene.actors, key=lambda a: a.mine):
            self._draw_actor(surface, actor, scene, frame)
        for row, col, tile in self._marks:
            surface.blit(tile, (left + col * cell - 2 * self._line, top + row * cell - 2 * self._line))
        if scene.goal is not None:
            draw_goal(surface, left + scene.goal[1] * cell, top + scene.goal[0] * cell, cell)
        self._draw_rings(surface, scene, frame, now)
        self._draw_pop_ups(surface, scene, frame, now)
        surface.set_clip(None)

    # ------------------------------------------------------------------------------------------------ the still part

    def _prepare(self, scene: Scene, scale: int) -> None:
        rows, cols, layers = scene.cells.shape
        cell = scale * sprites.SIZE
        if scale != self._scale or scene.looks is not self._looks:
            self._tiles.clear()
            self._scale, self._looks, self._solid, self._drawn = scale, scene.looks, scene.solid, None
        if self._base is None or self._base.get_size() != (cols * cell, rows * cell):
            self._base = pygame.Surface((cols * cell, rows * cell))
            if pygame.display.get_surface() is not None:
                self._base = self._base.convert()
            self._drawn = None
        if scene is self._scene and self._drawn is not None:
            return
        self._scene = scene
        lying = np.dstack([scene.cells[..., : scene.under], open_sides(self._blocked(scene), scene.wraps)])
        lying[scene.fog] = _FOG
        changed = np.ones((rows, cols), np.bool_) if self._drawn is None else (lying != self._drawn).any(axis=-1)
        for row, col in np.argwhere(changed).tolist():
            ids = None if scene.fog[row, col] else tuple(lying[row, col].tolist())
            self._base.blit(self._tile(ids), (col * cell, row * cell))
        self._drawn = lying
        over = [
            (row, col, int(scene.cells[row, col, layer]))
            for layer in range(scene.under, layers)
            for row, col in np.argwhere((scene.cells[..., layer] > 0) & ~scene.fog).tolist()
        ]
        stood_on = {actor.cell for actor in scene.actors}
        self._beams, self._marks = [], []
        for row, col, code in over:
            mark = (row, col) in stood_on and not is_beam(scene.looks[code])  # what lies over an agent is a mark of it
            (self._marks if mark else self._beams).append((row, col, self._over(code, mark)))

    def _blocked(self, scene: Scene) -> np.ndarray:
        """Returns the cells that something fills which nobody can enter, ``bool[row, col]``."""
        if scene.solid is None:
            return np.zeros(scene.fog.shape, np.bool_)
        fills = (scene.looks[..., 3] > 0).all(axis=(1, 2)) & (scene.solid > 0)
        found: np.ndarray = fills[scene.cells[..., : scene.under]].any(axis=-1) | scene.fog
        return found

    def _tile(self, ids: tuple[int, ...] | None) -> pygame.Surface:
        """Returns a cell's layers flattened onto the ground, scaled, with lines around what lies there; fog for None.

        ``ids`` ends with the bits of the sides that are open.
        """
        key = ("cell", ids)
        if key not in self._tiles:
            assert self._looks is not None
            if ids is None:
                picture = np.broadcast_to(np.array(theme.FOG, np.uint8), (sprites.SIZE, sprites.SIZE, 3))
            else:
                lying = [k for k in ids[:-1] if k]
                blocks = [self._solid is not None and bool(self._solid[k]) for k in lying]
                picture = cell_picture([self._looks[k] for k in lying], blocks, self._scale, self._line, ids[-1])
            self._tiles[key] = self._scaled(theme.surface_of(picture))
        return self._tiles[key]

    def _over(self, code: int, mark: bool) -> pygame.Surface:
        """Returns what lies above the layer of agents: a mark with lines around it, all else as it is."""
        key = ("mark" if mark else "over", code)
        if key not in self._tiles:
            assert self._looks is not None
            look = self._looks[code]
            if self._line and is_beam(look):
                look = beam_picture(look)
            self._tiles[key] = self._outlined_sprite(look) if mark else self._scaled(theme.surface_of(look))
        return self._tiles[key]

    def _agent(self, colour: tuple[int, int, int], facing: int) -> pygame.Surface:
        key = ("agent", colour, facing)
        if key not in self._tiles:
            self._tiles[key] = self._outlined_sprite(sprites.agent_sprite(colour, facing).rgba)
        return self._tiles[key]

    def _outlined_sprite(self, picture: np.ndarray) -> pygame.Surface:
        """Returns a sprite in the scale in use, with a dark line around it and a light one around that.

        One of the two has a contrast of 3 to 1 at least with whatever lies under it. The surface is larger than a cell
        by ``edge`` on every side.
        """
        sprite = self._scaled(theme.surface_of(picture))
        mask, line, edge = pygame.mask.from_surface(sprite), self._line, 2 * self._line
        size = sprite.get_width() + 2 * edge
        outlined = pygame.Surface((size, size), pygame.SRCALPHA)
        for width, colour in ((2 * line, theme.HALO), (line, theme.OUTLINE)):
            shape = mask.to_surface(setcolor=colour, unsetcolor=(0, 0, 0, 0))
            for dx in range(-width, width + 1):
                for dy in range(-width, width + 1):
                    if abs(dx) + abs(dy) <= width + line // 2:
                        outlined.blit(shape, (edge + dx, edge + dy))
        outlined.blit(sprite, (edge, edge))
        return outlined if pygame.display.get_surface() is None else outlined.convert_alpha()

    @property
    def _line(self) -> int:
        """Width of each of the two lines around what stands out, in screen pixels; none where cells are tiny."""
        return max(1, round(self._scale / 4)) if self._scale > 1 else 0

    def _scaled(self, picture: pygame.Surface) -> pygame.Surface:
        cell = self._scale * sprites.SIZE
        scaled = pygame.transform.scale(picture, (cell, cell))
        if pygame.display.get_surface() is None:
            return scaled
        return scaled.convert_alpha() if scaled.get_flags() & pygame.SRCALPHA else scaled.convert()

    # --------------------------------------------------------------------------------------------- the moving part

    def _corner(self, area: pygame.Rect, scene: Scene, cell: int, progress: float) -> tuple[int, int]:
        """Returns where the map's corner lies: in the middle if the map fits, else so that the focus is in sight."""
        rows, cols = scene.cells.shape[:2]
        focus = (rows / 2, cols / 2)
        for actor in scene.actors:
            if actor.slot == scene.focus:
                row, col = _between(actor, progress)
                focus = (row + 0.5, col + 0.5)
        corner = []
        for start, size, whole, at in (
            (area.left, area.width, cols * cell, focus[1] * cell),
            (area.top, area.height, rows * cell, focus[0] * cell),
        ):
            if whole <= size:
                corner.append(start + (size - whole) // 2)
            else:
                corner.append(start - round(min(max(at - size / 2, 0), whole - size)))
        return corner[0], corner[1]

    def _draw_actor(self, surface: pygame.Surface, actor: Actor, scene: Scene, frame: _Frame) -> None:
        rows, cols = scene.cells.shape[:2]
        cell, scale = frame.cell, frame.scale
        row, col = _between(actor, frame.progress)
        picture = self._agent(actor.colour, actor.facing)
        # On a torus someone who walks over an edge is seen on both sides.
        places = [(row, col)]
        if scene.wraps:
            places = [(row + r, col + c) for r in (-rows, 0, rows) for c in (-cols, 0, cols)]
        for at_row, at_col in places:
            if not (-1 < at_row < rows and -1 < at_col < cols):
                continue
            x, y = frame.left + round(at_col * cell), frame.top + round(at_row * cell)
            surface.blit(picture, (x - 2 * self._line, y - 2 * self._line))
            if actor.frozen:
                pygame.draw.rect(surface, theme.ACCENT, (x, y, cell, cell), max(1, scale // 2))
            if actor.mine:
                edge = 2 * self._line
                brackets(surface, x - edge, y - edge, cell + 2 * edge, scale)
            if self.labels and cell >= 16:
                self._label(surface, actor.slot, x, y, cell)

    def _label(self, surface: pygame.Surface, slot: int, x: int, y: int, cell: int) -> None:
        key = ("label", slot, cell)
        if key not in self._tiles:
            letters = theme.Letters(1.0)
            number = letters.draw(str(slot), max(10, cell * 0.36), theme.TEXT, "bold")
            badge = pygame.Surface((number.get_width() + 4, number.get_height()), pygame.SRCALPHA)
            badge.fill((*theme.BACKGROUND, 200))
            badge.blit(number, (2, 0))
            self._tiles[key] = badge
        badge = self._tiles[key]
        surface.blit(badge, (x + cell - badge.get_width(), y + cell - badge.get_height()))

    def _draw_pop_ups(self, surface: pygame.Surface, scene: Scene, frame: _Frame, now: float) -> None:
        cell = frame.cell
        self.pop_ups = [pop for pop in self.pop_ups if now - pop.born < self.POP_UP_TIME]
        letters = theme.Letters(1.0)
        stacked: dict[int, int] = {}
        for pop in reversed(self.pop_ups):
            actor = next((a for a in scene.actors if a.slot == pop.slot), None)
            if actor is None:
                continue
            height = stacked.get(pop.slot, 0)
            stacked[pop.slot] = height + 1
            key = ("pop", pop.text, pop.gain, cell)
            if key not in self._tiles:
                size = min(max(13, cell * 0.5), 64)
                self._tiles[key] = outlined(letters, pop.text, size, theme.GAIN if pop.gain else theme.LOSS)
            picture = self._tiles[key]
            age = (now - pop.born) / self.POP_UP_TIME
            row, col = _between(actor, frame.progress)
            picture.set_alpha(255 if age < 0.6 else round(255 * (1 - age) / 0.4))
            middle = frame.left + (col + 0.5) * cell
            rise = frame.top + row * cell - cell * (0.2 + 0.7 * age) - height * picture.get_height() * 0.9
            surface.blit(picture, picture.get_rect(center=(round(middle), round(rise))))

    def hit(self, by: Iterable[tuple[int, int]], now: float) -> None:
        """Lets a ring in the colour of who did something spread from whom it was done to: pairs of slots."""
        self._rings += [(whom, sprites.agent_colour(who), now) for who, whom in by]

    def _draw_rings(self, surface: pygame.Surface, scene: Scene, frame: _Frame, now: float) -> None:
        self._rings = [ring for ring in self._rings if now - ring[2] < self.RING_TIME]
        places = {actor.slot: _between(actor, frame.progress) for actor in scene.actors}
        for whom, colour, born in self._rings:
            if whom in places:
                row, col = places[whom]
                middle = (frame.left + round((col + 0.5) * frame.cell), frame.top + round((row + 0.5) * frame.cell))
                radius = round(frame.cell * (0.5 + 0.6 * (now - born) / self.RING_TIME))
                pygame.draw.circle(surface, theme.OUTLINE, middle, radius + frame.scale, 2 * frame.scale)
                pygame.draw.circle(surface, colour, middle, radius, max(1, frame.scale))

    @property
    def moving(self) -> bool:
        """Whether something is left to be animated beside the walking."""
        return bool(self.pop_ups or self._rings)


def _between(actor: Actor, progress: float) -> tuple[float, float]:
    """Returns row and column on the way to the cell, slower towards its end."""
    smooth = 1 - (1 - progress) ** 2
    row = actor.was[0] + (actor.cell[0] - actor.was[0]) * smooth
    col = actor.was[1] + (actor.cell[1] - actor.was[1]) * smooth
    return row, col
