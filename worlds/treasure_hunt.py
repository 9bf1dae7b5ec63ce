"""Treasure hunt: gems, food and bones appear on an open field, and agents race for the good ones.

Dilemma and source
    None: the first world of Sorrel's tutorial, for learning how to collect and what to leave lying.
Actions
    up, down, left, right: one cell on the map.
Observation
    Five by five cells around the agent, north up.
Rewards
    Gem +10, food +5, bone -10 for whoever steps on it; -1 for walking into a wall.
Ends when
    100 steps have passed (a truncation).
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, probability, rule, sprites
from sorrelsim.rules import draw, episode, grid, movement


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    GEM = kind("g", pays="gem_value")
    FOOD = kind("f", pays="food_value", sprite=sprites.APPLE)
    BONE = kind("b", pays="bone_value")


@dataclass(frozen=True)
class Params:
    spawn_probability: float = probability(0.005)  # that something appears on an empty cell, per step
    gem_value: float = 10.0
    food_value: float = 5.0
    bone_value: float = -10.0
    bump_value: float = -1.0  # for walking into a wall
    max_steps: int = param(100, low=1)


class Event(Events):
    GEMS = auto()
    FOOD = auto()
    BONES = auto()


@rule
def walk_and_collect(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if not movement.walk(w, i):
            continue
        row, col = w.pos[i, 0], w.pos[i, 1]
        if grid.has(w, row, col, Kind.GEM):
            w.reward[i] += w.p.gem_value
            w.events[i, Event.GEMS] += 1
        elif grid.has(w, row, col, Kind.FOOD):
            w.reward[i] += w.p.food_value
            w.events[i, Event.FOOD] += 1
        elif grid.has(w, row, col, Kind.BONE):
            w.reward[i] += w.p.bone_value
            w.events[i, Event.BONES] += 1
        grid.take(w, row, col, Kind.GEM)  # one layer holds whichever lay there


@rule
def appear(w):
    grid.sprinkle(w, w.spawns, Kind.GEM, 3, w.p.spawn_probability)  # gem, food or bone


FIELD = "\n".join(["W" * 21, *["W" + "P" * 19 + "W"] * 19, "W" * 21])


Kind.paint(
    GEM=sprites.pixels("""
        ........
        ..cccc..
        .cwwccb.
        cwccccbb
        .cccbbb.
        ..cbbb..
        ...bb...
        ........
    """),
    BONE=sprites.pixels("""
        .....ww.
        .....www
        ....wwww
        ...www..
        ..www...
        wwww....
        www.....
        .ww.....
    """),
)  # fmt: skip


class TreasureHunt(Gridworld):
    kinds, params = Kind, Params
    maps = {"field": FIELD}
    sites = {"spawns": "P"}
    n_agents = 2
    actions = movement.ABSOLUTE
    window = Window.centred(2)
    events = Event
    start = (movement.scatter,)
    rules = (walk_and_collect, appear, episode.time_limit)
