"""Gathering: two agents eat from one bush, and who tags the other twice has it alone for a while.

Dilemma and source
    Sharing, or fighting over what is scarce. Leibo et al. 2017, "Multi-agent reinforcement learning in sequential
    social dilemmas": aggression pays where apples grow back slowly (``apple_delay``) and the tagged stay away for
    long (``tagged_steps``); the paper sweeps both. With a delay of 40 the scripted tagger earns more than the eater.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, tag. ``tag`` sends a beam straight ahead to
    the first wall or agent. The second hit that an agent takes, however late, sends it away for 25 steps, and back it
    starts unhit.
Observation
    16 x 21 cells, 15 ahead and 10 to either side, rotated to the agent's facing; a cross on who was hit once.
Rewards
    +1 for an apple. Tagging neither pays nor costs anything.
Ends when
    1000 steps have passed (a truncation).
Parameters
    See ``Params``. Map, delays and beam are ours; the paper does not give them. Its measure of aggression is
    ``beams_fired`` per step.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, per_agent, per_site, rule, sprites
from sorrelsim.rules import beams, episode, events, grid, movement, sanctions

ACTIONS = (*movement.EGOCENTRIC, "tag")
TAG = ACTIONS.index("tag")


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    APPLE = kind("A", pays="apple_value", sprite=sprites.APPLE)
    BEAM = kind("*", layer="beam", sprite=sprites.plain("y", opacity=150))
    HIT = kind("x", layer="beam", sprite=sprites.MARK)


@dataclass(frozen=True)
class Params:
    apple_value: float = 1.0
    apple_delay: int = param(10, low=1)  # steps from the bite until the apple is back
    tagged_steps: int = param(25, low=0)  # out after that of the second hit
    tag_cooldown: int = param(0, low=0)
    beam_length: int = param(40, low=1, high=100)
    max_steps: int = param(1000, low=1)


STATE = {
    "eaten": per_site("bush", low=0, high="turn"),  # step in which the apple there was eaten, 0 where it hangs
    "zap_wait": per_agent(low=0),  # steps until the beam is ready again
    "zapped": per_agent(low=0),  # hits taken in this step
    "mark": per_agent(low=0, high=1),  # 1 for who was hit once
}


class Event(Events):
    APPLES_EATEN = auto()
    BEAMS_FIRED = auto()
    HITS_TAKEN = auto()
    REMOVALS = auto()
    TAG = events.pair("removes", says="hit")  # who hit whom, and whether that took the other away


@rule
def eat(w):
    for k in range(w.bush.shape[0]):
        row, col = w.bush[k, 0], w.bush[k, 1]
        i = w.occupant[row, col]
        if i >= 0 and grid.has(w, row, col, Kind.APPLE):
            grid.take(w, row, col, Kind.APPLE)
            w.eaten[k] = w.turn
            w.reward[i] += w.p.apple_value
            w.events[i, Event.APPLES_EATEN] += 1


@rule
def tag(w):
    for i in range(w.n_agents):  # in any order, since all beams come before all removals
        if beams.fires(w, i, w.zap_wait, TAG, w.p.tag_cooldown):
            n = beams.cast(w, i, Kind.BEAM, w.p.beam_length, 0)
            sanctions.zap(w, i, n, Event.BEAMS_FIRED, Event.HITS_TAKEN, Event.TAG)
    for i in range(w.n_agents):
        if sanctions.strike(w, i, 0, 1, w.zap_wait[i]):
            movement.remove(w, i, w.p.tagged_steps + 1)
            w.events[i, Event.REMOVALS] += 1


@rule
def grow(w):
    for k in range(w.bush.shape[0]):
        if w.eaten[k] > 0 and w.turn - w.eaten[k] >= w.p.apple_delay:
            grid.put(w, w.bush[k, 0], w.bush[k, 1], Kind.APPLE)
            w.eaten[k] = 0


@rule
def show_hits(w):
    sanctions.show(w, Kind.HIT)


FIELD = """
WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW
W                               W
W                               W
W P             A             P W
W P            AAA            P W
W P           AAAAA           P W
W P            AAA            P W
W P             A             P W
W                               W
W                               W
WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW
"""


class Gathering(Gridworld):
    kinds, params = Kind, Params
    maps = {"field": FIELD}
    sites = {"spawns": "P", "bush": "A"}
    n_agents = 2
    actions = ACTIONS
    window = Window(15, 0, 10, 10)
    state = STATE
    events = Event
    start = (movement.scatter,)
    rules = (movement.move, eat, tag, movement.respawn, grow, eat, show_hits, episode.time_limit)
