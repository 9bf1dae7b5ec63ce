"""Two keys: a door opens when two agents turn a key each in the same step, and nobody earns anything alone.

Dilemma and source
    None: a test of cooperation. In the preset ``costly`` only staying away is safe, as in Claus and Boutilier 1998,
    "The dynamics of reinforcement learning in cooperative multiagent systems".
Actions
    up, down, left, right, noop, turn. Walking goes one cell on the map; ``turn`` turns the key on which one stands.
Observation
    Five by five cells around the agent, north up.
Rewards
    +1 to everybody when two or more turn a key in the same step, and all start anew from random cells; -0.1 for walking
    into a wall. ``costly``: -0.2 to who turns one alone.
Ends when
    50 steps have passed (a truncation).
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, rule, sprites
from sorrelsim.rules import episode, grid, movement

ACTIONS = (*movement.ABSOLUTE, "noop", "turn")
TURN = ACTIONS.index("turn")


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    KEY = kind("K", sprite=sprites.KEY)


@dataclass(frozen=True)
class Params:
    open_value: float = 1.0  # to everybody, when the door opens
    alone_value: float = 0.0  # to who turns a key that nobody else helps to turn
    bump_value: float = -0.1  # for walking into a wall
    max_steps: int = param(50, low=1)


class Event(Events):
    OPENED = auto()
    TURNED_ALONE = auto()


@rule
def turns(w, i):
    return w.action[i] == TURN and grid.has(w, w.pos[i, 0], w.pos[i, 1], Kind.KEY)


@rule
def turn_keys(w):
    turning = 0
    for i in range(w.n_agents):
        turning += turns(w, i)
    for i in range(w.n_agents):
        if turning == 1 and turns(w, i):
            w.reward[i] += w.p.alone_value
            w.events[i, Event.TURNED_ALONE] += 1
        elif turning > 1:
            w.reward[i] += w.p.open_value
            w.events[i, Event.OPENED] += turns(w, i)
    if turning > 1:
        for i in range(w.n_agents):
            movement.resite(w, i, w.spawns)


class TwoKeys(Gridworld):
    kinds, params = Kind, Params
    maps = {"room": "WWWWWWW\nWPPPPPW\nWP   PW\nWPK KPW\nWP   PW\nWPPPPPW\nWWWWWWW"}
    sites = {"spawns": "P"}
    n_agents = 2
    actions = ACTIONS
    window = Window.centred(2)
    events = Event
    start = (movement.scatter,)
    rules = (movement.walk_all, turn_keys, episode.time_limit)
    presets = {"costly": {"alone_value": -0.2}}
