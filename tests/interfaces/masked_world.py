"""Masked: two agents on a field, who may not walk into walls and are sent out for two steps by stepping on a trap."""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, rule
from sorrelsim.rules import draw, episode, grid, movement


class Kind(Kinds):
    WALL = kind("W", solid=True)
    TRAP = kind("t")


@dataclass(frozen=True)
class Params:
    bump_value: float = 0.0
    away: int = 2  # steps
    max_steps: int = param(40, low=1)


class Event(Events):
    TRAPPED = auto()


@rule
def walk(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] == 0 and movement.walk(w, i) and grid.has(w, w.pos[i, 0], w.pos[i, 1], Kind.TRAP):
            w.reward[i] += 1.0
            w.events[i, Event.TRAPPED] += 1
            movement.remove(w, i, w.p.away)


@rule
def may(w, i, into):
    for action in range(4):
        if movement.faces_wall(w, i, movement.heading(action)):
            into[action] = 0


class Masked(Gridworld):
    kinds, params = Kind, Params
    maps = {"field": "WWWWWW\nWPtPPW\nWPPtPW\nWWWWWW"}
    n_agents = 2
    actions = movement.ABSOLUTE
    window = Window.centred(1)
    events = Event
    allowed = may
    start = (movement.scatter,)
    rules = (walk, movement.respawn, episode.time_limit)
