"""What is to be seen, as plain arrays: the whole map, an agent's own window with fog around, or through its eyes.

A window asks for a scene after every turn and hands it to its :class:`sorrelsim.play.stage.Stage`, which draws it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.authoring.window import Window
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.models.explanation import Explanation
from sorrelsim.play.session import Positions

VIEWS = ("map", "window", "eyes")
VIEW_NAMES = {"map": "the whole map", "window": "the agent's own window", "eyes": "through the agent's eyes"}

SOUTH = 2

Colour = tuple[int, int, int]
ALIKE: Colour = (205, 210, 218)
"""The colour of agents that an observer cannot tell apart; nobody's own."""


@dataclass(frozen=True)
class Actor:
    """An agent as drawn: where it is and was, and its look.

    Attributes:
        slot: Its slot.
        cell: (row, col).
        was: (row, col) it comes from; the same where it did not walk.
        facing: 0 north, 1 east, 2 south, 3 west.
        colour: Its colour.
        mine: Whether a person plays it, which is marked.
        frozen: Whether it cannot move.
    """

    slot: int
    cell: tuple[int, int]
    was: tuple[int, int]
    facing: int
    colour: Colour
    mine: bool = False
    frozen: bool = False


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture.

    Attributes:
        cells: ``uint8[row, col, layer]``, ids as in a world's grid. The layers up to ``under`` lie under the actors.
        under: Number of layers under the actors.
        looks: ``uint8[id, SIZE, SIZE, 4]``, a sprite for each id.
        actors: The agents, drawn between the layers.
        fog: ``bool[row, col]``, which cells are hidden.
        wraps: Whether the edges join.
        focus: The slot that the camera follows.
        goal: The cell that an agent goes for, if it is shown.
        attention: ``float64[row, col]``, how much an agent looks at each cell, 1 at most, if it is shown.
        solid: ``uint8[id]``, 1 for what nobody can enter; None where that is not known.
    """

    cells: np.ndarray
    under: int
    looks: np.ndarray
    actors: tuple[Actor, ...]
    fog: np.ndarray
    wraps: bool
    focus: int
    solid: np.ndarray | None = None
    goal: tuple[int, int] | None = None
    attention: np.ndarray | None = None


def map_scene(world: Gridworld, slot: int, mine: tuple[int, ...], before: Positions | None = None) -> Scene:
    """Returns the whole map, each agent in its own colour; to a person, things as what their agent takes them for."""
    everything = np.ones((world.height, world.width), np.bool_)
    cells = world.taken_for[slot][world.grid[0]] if slot in mine else world.grid[0].copy()
    return _map_scene(world, slot, mine, before, cells, everything, False)


def window_scene(
    world: Gridworld, slot: int, mine: tuple[int, ...], before: Positions | None = None, alike: bool = False
) -> Scene:
    """Returns what the agent in a slot sees, laid on the map, north up: fog hides the rest.

    Things look as what the agent takes them for, and everybody has the colour that the panel gives them. With
    ``alike`` others look as in the agent's observation instead: all the same unless the world tells them apart, without
    facing unless it is shown.
    """
    cells = world.taken_for[slot][world.grid[0]]
    return _map_scene(world, slot, mine, before, cells, window_cells(world, slot), alike)


def _map_scene(
    world: Gridworld, slot: int, mine: tuple[int, ...], before: Positions | None, cells: np.ndarray, seen: np.ndarray,
    alike: bool,
) -> Scene:  # fmt: skip
    """Returns the cells that are ``seen``, and the agents on them; ``alike`` as for :func:`window_scene`."""
    layer = world.codes.agent_layer
    cells[..., layer] = 0
    cells[~seen] = 0
    turns = "turn_left" in world.action_names or world.codes.facing
    headings = (
        world.facing[0] if turns else Positions.of(world, before).heading
    )  # where nobody turns, the way of walking
    walked = np.zeros((world.n_agents, 2), int) if before is None else before.walked(world)
    actors = []
    for i in range(world.n_agents):
        row, col = world.pos[0, i].tolist()
        if world.out[0, i] != 0 or not seen[row, col]:
            continue
        was, frozen = (row - int(walked[i, 0]), col - int(walked[i, 1])), bool(world.frozen[0, i] > 0)
        colour, facing = sprites.agent_colour(i), int(headings[i])
        if alike and i != slot:
            colour = colour if world.looks == "individual" else ALIKE
            facing = facing if world.codes.facing else SOUTH
        actors.append(Actor(i, (row, col), was, facing, colour, i in mine, frozen))
    return Scene(cells, layer, world.looks_table(), tuple(actors), ~seen, world.wraps, slot, world.codes.solid)


def eyes_scene(observed: np.ndarray, looks: np.ndarray) -> Scene:
    """Returns an observation as it is handed to a model: ids ``[row, col, layer]``, turned to the agent's facing."""
    fog = np.full(observed.shape[:2], not observed.any())  # out of the game nothing is seen
    return Scene(np.array(observed), observed.shape[-1], looks, (), fog, False, -1)


def scene_of(
    world: Gridworld, view: str, slot: int, mine: tuple[int, ...], before: Positions | None = None, alike: bool = False
) -> Scene:
    """Returns the scene of one of :data:`VIEWS`; ``alike`` as for :func:`window_scene`."""
    if view == "eyes":
        return eyes_scene(world.symbolic[0, slot], world.looks_table())
    if view == "map":
        return map_scene(world, slot, mine, before)
    return window_scene(world, slot, mine, before, alike)


def view_after(view: str, own: bool = False) -> str:
    """Returns the next of :data:`VIEWS`, round and round; without the whole map if all is seen as the agent does."""
    views = [name for name in VIEWS if name != "map" or not own]
    return views[(views.index(view) + 1) % len(views)]


def with_head(scene: Scene, world: Gridworld, view: str, watched: int, slot: int, told: Explanation) -> Scene:
    """Returns a scene with what an agent goes for and looks at; the same if nothing of it can be seen there.

    Args:
        scene: The scene.
        world: The world.
        view: Which of :data:`VIEWS` it is.
        watched: The slot through whose eyes it is seen.
        slot: The agent that tells.
        told: What it tells.
    """
    goal, attention = told.goal, None if told.attention is None else np.asarray(told.attention)
    if attention is not None and attention.max() > 0:
        attention = attention / attention.max()
    if view == "eyes":
        return dataclasses.replace(scene, goal=goal, attention=attention) if slot == watched else scene
    if world.out[0, slot] != 0:
        return scene
    lit = None
    if attention is not None:
        lit = np.zeros(scene.cells.shape[:2])
        for cell, weight in np.ndenumerate(attention):
            if (on_map := cell_on_map(world, slot, cell)) is not None:
                lit[on_map] = weight
    at = None if goal is None else cell_on_map(world, slot, goal)
    return dataclasses.replace(scene, goal=at, attention=lit)


def cell_on_map(world: Gridworld, slot: int, cell: tuple[int, int]) -> tuple[int, int] | None:
    """Returns where a cell of an agent's window lies on the map, (row, col); None beyond its edge."""
    window: Window = world.slot_windows[slot]
    if window.whole_map:
        return cell
    facing = int(world.facing[0, slot]) if window.rotate else 0
    ahead, right = window.forward - cell[0], cell[1] - window.left
    south, east = ((-ahead, right), (right, ahead), (ahead, -right), (-right, -ahead))[facing]
    row, col = int(world.pos[0, slot, 0]) + south, int(world.pos[0, slot, 1]) + east
    if world.wraps:
        return row % world.height, col % world.width
    return (row, col) if 0 <= row < world.height and 0 <= col < world.width else None


def window_cells(world: Gridworld, slot: int) -> np.ndarray:
    """Returns which cells of the map lie in an agent's window: ``bool[row, col]``; none while it is out."""
    seen = np.zeros((world.height, world.width), np.bool_)
    if world.out[0, slot] != 0:
        return seen
    window: Window = world.slot_windows[slot]
    if window.whole_map:
        seen[...] = True
        return seen
    facing = int(world.facing[0, slot]) if window.rotate else 0
    reach = (window.forward, window.right, window.back, window.left)  # ahead, then clockwise
    north, east, south, west = (reach[(side - facing) % 4] for side in range(4))
    row, col = (int(x) for x in world.pos[0, slot])
    rows, cols = np.arange(row - north, row + south + 1), np.arange(col - west, col + east + 1)
    if world.wraps:
        rows, cols = rows % world.height, cols % world.width
    else:
        rows = rows[(rows >= 0) & (rows < world.height)]
        cols = cols[(cols >= 0) & (cols < world.width)]
    seen[np.ix_(rows, cols)] = True
    return seen
