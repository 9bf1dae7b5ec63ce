"""Wolfpack: wolves hunt one prey, and a catch with the others near pays each of them more than one made alone.

Dilemma and source
    A stag hunt: waiting for the pack pays best, if the pack comes. Leibo et al. 2017, "Multi-agent reinforcement
    learning in sequential social dilemmas": the paper sweeps what a catch in company pays (``team_value``) and how
    near company must be (``radius``).
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, beam. ``beam`` has no effect here.
Observation
    16 x 21 cells, 15 ahead and 10 to either side, rotated to the agent's facing.
Rewards
    A wolf that steps on the prey catches it: +5 to each wolf within the radius if there are several, the catcher
    included, else +1 to the catcher. Another prey appears on a random free cell.
Ends when
    1000 steps have passed (a truncation).
Parameters
    See ``Params``. Map, rewards, radius and a prey that walks at random are ours; the paper does not give them. Its
    measure of company, wolves per capture, is ``wolves_near`` over ``catches``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, per_world, probability, rule, sprites
from sorrelsim.rules import draw, episode, events, grid, movement


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    PREY = kind("p", on_maps=False)


@dataclass(frozen=True)
class Params:
    team_value: float = 5.0  # to each wolf near a catch, if there are two or more
    lone_value: float = 1.0  # to a wolf that catches alone
    radius: int = param(4, low=0)  # steps from the prey, rows and columns together, up to which a wolf is near
    prey_speed: float = probability(1.0)  # that the prey takes a step, in a random direction, per step
    max_steps: int = param(1000, low=1)


STATE = {"prey": per_world(int, (2,), low=0, high=("height - 1", "width - 1"))}  # where it is, or was


class Event(Events):
    CATCHES = auto()
    WOLVES_NEAR = auto()  # at its catches, itself included
    CAUGHT_WITH = events.pair(
        "distance", says="caught the prey with"
    )  # who caught in whose company, and how far from the prey that was


@rule
def is_prey_there(w):
    return grid.has(w, w.prey[0], w.prey[1], Kind.PREY)


@rule
def bring_prey(w):
    """Lays a prey on a random free cell if there is none."""
    if not is_prey_there(w):
        k = grid.pick_free(w, w.field)
        if k >= 0:
            w.prey[0], w.prey[1] = w.field[k, 0], w.field[k, 1]
            grid.put(w, w.prey[0], w.prey[1], Kind.PREY)


@rule
def distance(w, i):
    return abs(w.pos[i, 0] - w.prey[0]) + abs(w.pos[i, 1] - w.prey[1])


@rule
def catch(w):
    catcher = w.occupant[w.prey[0], w.prey[1]]
    if catcher < 0 or not is_prey_there(w):
        return
    near = 0
    for i in range(w.n_agents):
        near += distance(w, i) <= w.p.radius
    for i in range(w.n_agents):
        if distance(w, i) <= w.p.radius:
            w.reward[i] += w.p.team_value if near > 1 else w.p.lone_value
            if i != catcher:
                events.note(w, catcher, Event.CAUGHT_WITH, i, distance(w, i))
    w.events[catcher, Event.CATCHES] += 1
    w.events[catcher, Event.WOLVES_NEAR] += near
    grid.take(w, w.prey[0], w.prey[1], Kind.PREY)


@rule
def roam(w):
    """The prey takes a step in a random direction, unless something is in its way."""
    if is_prey_there(w) and draw.chance(w, w.p.prey_speed):
        row, col = movement.beside(w, w.prey[0], w.prey[1], draw.below(w, 4))
        if grid.inside(w, row, col) and grid.is_free(w, row, col):
            grid.take(w, w.prey[0], w.prey[1], Kind.PREY)
            w.prey[0], w.prey[1] = row, col
            grid.put(w, row, col, Kind.PREY)


FOREST = """
WWWWWWWWWWWWWWWWWWWW
W                  W
W P P          P P W
W    WW      W     W
W    W       W     W
W            W     W
W       WWW        W
W                  W
W  W           WW  W
W  W           W   W
W  W     W         W
W        W         W
W     WWWW     W   W
W              W   W
W   W          W   W
W   WW   W         W
W        W   WW    W
W P P          P P W
W                  W
WWWWWWWWWWWWWWWWWWWW
"""


Kind.paint(
    PREY=sprites.pixels("""
        .ww..ww.
        .wm..mw.
        .wm..mw.
        .wwwwww.
        .wkwwkw.
        .wwmmww.
        ..wwww..
        .wwwwww.
    """),
)  # fmt: skip


class Wolfpack(Gridworld):
    kinds, params = Kind, Params
    maps = {"forest": FOREST}
    sites = {"spawns": "P", "field": " P"}
    n_agents = 2
    actions = (*movement.EGOCENTRIC, "beam")
    window = Window(15, 0, 10, 10)
    state = STATE
    events = Event
    start = (movement.scatter, bring_prey)
    rules = (movement.move, catch, roam, bring_prey, episode.time_limit)
