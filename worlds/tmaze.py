"""T-maze: a colour at the start says which of two doors pays, and the way there is too long to see both.

Dilemma and source
    None: a test of memory, without which no policy is right more than half of the time. After Bakker 2002,
    "Reinforcement learning with long short-term memory".
Actions
    up, down, left, right: one cell on the map.
Observation
    Three by three cells around the agent, north up; a window that shows the start from the junction needs no memory.
Rewards
    +4 for the door of the colour of the floor at the start, -0.1 for the other; -0.1 for walking into a wall.
Ends when
    An agent goes through a door; truncated at step 100.
Parameters
    See ``Params``. The map holds a ``length`` of up to 20 cells, that of the preset ``long`` 120.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, per_world, rule, sprites
from sorrelsim.rules import draw, episode, grid, movement


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    BLUE_DOOR = kind("1", pays=("right_value", "wrong_value"), sprite=sprites.plain("b"))
    RED_DOOR = kind("2", pays=("right_value", "wrong_value"), sprite=sprites.plain("r"))
    BLUE_FLOOR = kind("b", layer="ground", on_maps=False, sprite=sprites.plain("b", opacity=170))
    RED_FLOOR = kind("o", layer="ground", on_maps=False, sprite=sprites.plain("r", opacity=170))


@dataclass(frozen=True)
class Params:
    length: int = param(6, low=1)  # bare cells between the coloured start and the junction
    right_value: float = 4.0
    wrong_value: float = -0.1
    bump_value: float = -0.1  # for walking into a wall
    max_steps: int = param(100, low=1)


class Event(Events):
    RIGHT = auto()
    WRONG = auto()


@rule
def lay_start(w):
    """Spawn cells lead down from the junction: bare ones, a coloured one for each agent, and walls from there on."""
    w.colour[0] = draw.below(w, 2)
    start = min(w.p.length, w.spawns.shape[0] - w.n_agents)
    for k in range(start, w.spawns.shape[0]):
        coloured = k < start + w.n_agents
        grid.put(w, w.spawns[k, 0], w.spawns[k, 1], Kind.BLUE_FLOOR + w.colour[0] if coloured else Kind.WALL)
    for i in range(w.n_agents):
        movement.spawn_at(w, i, w.spawns[start:])


@rule
def choose(w):
    for i in range(w.n_agents):
        door = w.grid[w.pos[i, 0], w.pos[i, 1], w.layer[Kind.BLUE_DOOR]]
        if door != 0:
            right = door == Kind.BLUE_DOOR + w.colour[0]
            w.reward[i] += w.p.right_value if right else w.p.wrong_value
            w.events[i, Event.RIGHT if right else Event.WRONG] += 1
            episode.terminate(w)


CELLS = {"short": 21, "long": 121}  # of the corridor


class TMaze(Gridworld):
    kinds, params = Kind, Params
    maps = {name: "\n".join(["WWWWWWW", "W1   2W", *["WWWPWWW"] * n, "WWWWWWW"]) for name, n in CELLS.items()}
    sites = {"spawns": "P"}
    actions = movement.ABSOLUTE
    window = Window.centred(1)
    state = {"colour": per_world(low=0, high=1)}  # of the door that pays: 0 blue, 1 red
    events = Event
    start = (lay_start,)
    rules = (movement.walk_all, choose, episode.time_limit)
    presets = {"long": {"map": "long", "length": 120, "max_steps": 1000}}
