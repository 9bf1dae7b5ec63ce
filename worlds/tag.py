"""Tag: one agent is "it" and earns nothing until it has touched another, who then is.

Dilemma and source
    Conflict without end: what one gains another loses. An example world of Sorrel.
Actions
    up, down, left, right: one cell on the map.
Observation
    Nine by nine cells around the agent, north up, a ring under whoever is it; ``it``, 1 if one is it oneself.
Rewards
    +10 per step for everyone who is not it at the step's end; -1 for walking into a wall.
Ends when
    20 steps have passed (a truncation).
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, per_world, rule, sprites
from sorrelsim.rules import draw, episode, events, grid, movement

NOBODY = -1


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    IT = kind("!")


@dataclass(frozen=True)
class Params:
    free_value: float = 10.0  # for an agent that is not it, per step
    bump_value: float = -1.0  # for walking into a wall
    tag_back: bool = True  # whether it may tag the agent that has just tagged it
    max_steps: int = param(20, low=1)


STATE = {
    "it": per_world(low=0, high="n_agents - 1"),  # the slot that is it
    "tagger": per_world(low=NOBODY, high="n_agents - 1"),  # the slot that tagged it last, or NOBODY
}


class Event(Events):
    TAGS = auto()
    TAGGED = auto()
    STEPS_FREE = auto()
    TAG = events.pair()  # who tagged whom


@rule
def choose_it(w):
    w.it[0] = draw.below(w, w.n_agents)
    w.tagger[0] = NOBODY
    mark(w)


@rule
def walk(w):
    movement.unmark(w, Kind.IT)
    movement.walk_all(w)


@rule
def tag(w):
    """It tags a uniformly random one of the agents beside it, above or below."""
    it, tagger = w.it[0], w.tagger[0]
    found, tagged = 0, NOBODY
    for direction in range(4):
        row, col = movement.ahead(w, it, direction)
        if not grid.inside(w, row, col):
            continue
        other = w.occupant[row, col]
        if other >= 0 and other != it and (w.p.tag_back or other != tagger):
            found += 1
            if draw.below(w, found) == 0:
                tagged = other
    if tagged >= 0:
        w.it[0], w.tagger[0] = tagged, it
        w.events[it, Event.TAGS] += 1
        w.events[tagged, Event.TAGGED] += 1
        events.note(w, it, Event.TAG, tagged)


@rule
def pay(w):
    for i in range(w.n_agents):
        if i != w.it[0]:
            w.reward[i] += w.p.free_value
            w.events[i, Event.STEPS_FREE] += 1
    mark(w)


@rule
def mark(w):
    grid.put(w, w.pos[w.it[0], 0], w.pos[w.it[0], 1], Kind.IT)


@rule
def see_it(w, i, into):
    into[0] = i == w.it[0]


YARD = "\n".join(["W" * 11, *["W" + "P" * 9 + "W"] * 9, "W" * 11])


Kind.paint(
    IT=sprites.pixels("""
        rrrrrrrr
        rwwwwwwr
        rwrrrrwr
        rwrrrrwr
        rwrrrrwr
        rwrrrrwr
        rwwwwwwr
        rrrrrrrr
    """),
)  # fmt: skip


class Tag(Gridworld):
    kinds, params = Kind, Params
    maps = {"yard": YARD}
    sites = {"spawns": "P"}
    n_agents = 5
    actions = movement.ABSOLUTE
    window = Window.centred(4)
    scalars = {"it": 1}
    observe = see_it
    state = STATE
    events = Event
    start = (movement.scatter, choose_it)
    rules = (walk, tag, pay, episode.time_limit)
    presets = {"no_tag_back": {"tag_back": False}}
