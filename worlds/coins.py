"""Coins: two colours of coins, and taking the other's costs them more than it brings you.

Dilemma and source
    A prisoner's dilemma drawn out in time. Lerer and Peysakhovich 2017, "Maintaining cooperation in complex
    social dilemmas using deep reinforcement learning"; rules as in Melting Pot 2 (``coins``).
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``own_colour``, (1, 0) for orange and (0, 1) for
    blue. Even slots own the orange coins, odd slots the blue ones.
Rewards
    +1 for any coin; -2 to every agent whose colour somebody of the other colour takes.
Ends when
    From step 300 on with probability 0.05 at each step 99 mod 100; truncated at step 5000.
Parameters
    See ``Params``. A map without ``_`` is a field: each episode cuts it to a random size and puts the first
    two agents in its corners. On a map with ``_`` agents start there.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_site, per_world, probability, rule, sprites
from sorrelsim.rules import draw, episode, events, grid, movement


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    ORANGE = kind("o", pays=("own_value", "other_value"))
    BLUE = kind("b", pays=("own_value", "other_value"))


@dataclass(frozen=True)
class Params:
    coin_probability: float = probability(0.0005)  # that a coin of either colour appears on an empty cell, per step
    own_value: float = 1.0  # to who takes a coin of its colour
    other_value: float = 1.0  # to who takes a coin of another's colour
    loss_value: float = -2.0  # to the agents of that colour
    min_size: int = param(10, low=3)  # of the field's width and height, without walls
    max_size: int = param(15, low=3)
    min_steps: int = param(300, low=1)
    end_probability: float = probability(0.05)
    max_steps: int = param(5000, low=1)


STATE = {
    # start cells of the first two agents on a map without its own
    "corners": per_world(int, (2, 2), low=0, high=("height - 1", "width - 1")),
    "drawn": per_site("cells", low=0, high="turn"),  # step in which the cell was drawn last, by draw.fresh
}


class Event(Events):
    OWN_COINS_TAKEN = auto()
    OTHER_COINS_TAKEN = auto()
    COINS_LOST = auto()
    COIN_TAKEN = events.pair(says="took a coin of")  # who took whose coin


@rule
def cut_field(w):
    """Draws the field's size and walls off the rest, if the map leaves the start cells open."""
    if w.starts.shape[0] == 0:
        height = draw_size(w, w.height - 2)
        width = draw_size(w, w.width - 2)
        for row in range(1, w.height - 1):
            for col in range(1, w.width - 1):
                if row > height or col > width:
                    grid.put(w, row, col, Kind.WALL)
        w.corners[0, 0], w.corners[0, 1] = 2, width
        w.corners[1, 0], w.corners[1, 1] = height - 1, 1


@rule
def draw_size(w, room):
    low, high = min(w.p.min_size, room), min(w.p.max_size, room)
    return low + draw.below(w, max(high - low, 0) + 1)


@rule
def place_agents(w):
    for i in range(w.n_agents):
        starts = w.corners if w.starts.shape[0] == 0 else w.starts
        if not movement.spawn_at(w, i, starts):
            movement.spawn_at(w, i, w.spawns)


@rule
def collect(w):
    for i in range(w.n_agents):
        coin = w.grid[w.pos[i, 0], w.pos[i, 1], w.layer[Kind.ORANGE]]
        if w.out[i] == 0 and (coin == Kind.ORANGE or coin == Kind.BLUE):
            grid.take(w, w.pos[i, 0], w.pos[i, 1], Kind.ORANGE)  # one layer holds either colour
            if coin == Kind.ORANGE + i % 2:
                w.reward[i] += w.p.own_value
                w.events[i, Event.OWN_COINS_TAKEN] += 1
            else:
                w.reward[i] += w.p.other_value
                w.events[i, Event.OTHER_COINS_TAKEN] += 1
                for j in range(1 - i % 2, w.n_agents, 2):
                    w.reward[j] += w.p.loss_value
                    w.events[j, Event.COINS_LOST] += 1
                    events.note_at(w, i, Event.COIN_TAKEN, j, w.pos[i, 0], w.pos[i, 1])


@rule
def appear(w):
    """Most steps bring no coin, so their number is drawn first and then their cells."""
    for _ in range(draw.binomial(w, w.cells.shape[0], w.p.coin_probability)):
        k = draw.fresh(w, w.drawn)
        row, col = w.cells[k, 0], w.cells[k, 1]
        colour = Kind.ORANGE + draw.below(w, 2)
        if w.grid[row, col, w.layer[Kind.ORANGE]] == 0 and not is_corner(w, row, col):
            grid.put(w, row, col, colour)


@rule
def is_corner(w, row, col):
    first = w.corners[0, 0] == row and w.corners[0, 1] == col
    return first or (w.corners[1, 0] == row and w.corners[1, 1] == col)


@rule
def see_own_colour(w, i, into):
    into[i % 2] = 1.0


FIELD = "\n".join(["W" * 17, *["W" + "C" * 15 + "W"] * 15, "W" * 17])


Kind.paint(
    ORANGE=sprites.pixels("""
        ..YYYY..
        .YooooY.
        YoowwooY
        YowooooY
        YowooooY
        YoowwooY
        .YooooY.
        ..YYYY..
    """, o=(230, 159, 0)),
    BLUE=sprites.pixels("""
        ...BB...
        ..BccB..
        .BcwwcB.
        BcwccccB
        BcccccbB
        .BccbbB.
        ..BbbB..
        ...BB...
    """, c=(86, 180, 233)),
)  # fmt: skip


class Coins(Gridworld):
    kinds, params = Kind, Params
    maps = {"field": FIELD}
    sites = {"spawns": "_C", "starts": "_", "cells": "C"}
    needs = ({"starts": 1}, {"rows": 4, "columns": 4})  # else cut_field has no room for corners
    n_agents = 2
    actions = movement.EGOCENTRIC
    scalars = {"own_colour": 2}
    observe = see_own_colour
    state = STATE
    events = Event
    start = (cut_field, place_agents)
    rules = (movement.move, collect, appear, collect, episode.stochastic_end)
    presets = {"mp": {}}
