"""Externality Mushrooms: a meal pays the eater, everybody, or the others, and decides what grows next.

Dilemma and source
    A social dilemma without delay: the best mushrooms for all are those that do not pay the one who eats
    them, and digesting them takes longest. Rules as in Melting Pot 2 (``externality_mushrooms__dense``);
    Leibo et al. 2021, "Scalable evaluation of multi-agent reinforcement learning with Melting Pot".
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, zap. ``zap`` destroys a mushroom. It freezes
    an agent for 25 steps; a second one within 50 takes it out for 50.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``ready_to_shoot`` in [0, 1].
Rewards
    Red: +1 to the eater. Green: +2 shared by all. Blue: +3 shared by the others. Orange: -1 shared by all, and each red
    mushroom dies with probability 0.25. Eating frees spores that grow elsewhere; digesting freezes the eater; mushrooms
    spoil.
Ends when
    From step 1000 on with probability 0.2 at each step 99 mod 100; truncated at step 5000.
Parameters
    See ``Params``; four numbers stand for red, green, blue, orange.
Versions
    1: first.
    2: a time out of n steps leaves n + 1 observations empty, as in Melting Pot; before, n.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_site, probability, rule, sprites
from sorrelsim.rules import beams, draw, episode, events, grid, movement, sanctions

ACTIONS = (*movement.EGOCENTRIC, "zap")
ZAP = ACTIONS.index("zap")
RED, GREEN, BLUE, ORANGE = range(4)  # colours, in the order of the params and of the kinds


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    RED = kind("R", pays="value[0]")
    GREEN = kind("G")
    BLUE = kind("B")
    ORANGE = kind("O")
    ZAP_BEAM = kind("*", layer="beam", sprite=sprites.plain("y", opacity=150))
    MARK = kind("x", layer="beam", sprite=sprites.MARK)


@dataclass(frozen=True)
class Params:
    value: tuple = (1.0, 2.0, 3.0, -1.0)  # in all, to whom it goes
    spores: tuple = param((3, 3, 3, 1), low=0, high=20)  # freed by eating one
    # [eaten][grown]: probability that a spore of the eaten one becomes the grown one
    sprout: tuple = probability(
        ((0.25, 0.0, 0.0, 0.0), (0.25, 0.4, 0.0, 0.0), (0.25, 0.4, 0.6, 0.0), (0.0, 0.0, 0.0, 1.0))
    )
    digestion: tuple = param((0, 10, 15, 15), low=0)  # steps frozen, that of eating included
    spoils: tuple = param((200, 100, 75, 10_000_000), low=1)  # steps that it lasts
    blight_probability: float = probability(0.25)  # that a red one dies when an orange one is eaten
    zap_cooldown: int = param(3, low=0)
    beam_length: int = param(3, low=1, high=20)
    beam_radius: int = param(1, low=0, high=5)
    freeze_steps: int = param(25, low=0)  # after the first zap
    mark_steps: int = param(50, low=1)  # within which a second zap takes out
    zap_timeout: int = param(50, low=1)  # steps that an agent is out, after this one
    min_steps: int = param(1000, low=1)
    end_probability: float = probability(0.2)
    max_steps: int = param(5000, low=1)


STATE = {
    "sprouted": per_site("soil", low=0, high="turn"),  # step in which the mushroom there grew
    "zap_wait": per_agent(low=0),  # steps until the zap beam is ready again
    "zapped": per_agent(low=0),  # zaps taken in this step
    "mark": per_agent(low=0),  # steps for which the next zap counts as a second one
}


class Event(Events):
    RED_EATEN = auto()
    GREEN_EATEN = auto()
    BLUE_EATEN = auto()
    ORANGE_EATEN = auto()
    MUSHROOMS_DESTROYED = auto()
    ZAPS_FIRED = auto()
    ZAPS_RECEIVED = auto()
    REMOVALS = auto()
    ZAP = events.pair("removes", says="zapped")  # who zapped whom, and whether that took the other away


@rule
def eat(w):
    for i in range(w.n_agents):
        if w.out[i] == 0:
            row, col = w.pos[i, 0], w.pos[i, 1]
            kind = w.grid[row, col, w.layer[Kind.RED]]
            if kind >= Kind.RED and kind <= Kind.ORANGE:
                c = kind - Kind.RED
                w.events[i, Event.RED_EATEN + c] += 1
                share(w, i, c)
                for _ in range(w.p.spores[c]):
                    release(w, c)
                if c == ORANGE:
                    blight(w)
                grid.take(w, row, col, kind)  # only now, so that no spore falls on the very cell
                if w.p.digestion[c] > w.frozen[i]:
                    w.frozen[i] = w.p.digestion[c]


@rule
def share(w, i, c):
    """Pays for a mushroom of colour ``c`` that agent ``i`` ate; the share of one who is out goes to nobody."""
    if c == RED:
        w.reward[i] += w.p.value[RED]
        return
    sharers = w.n_agents - 1 if c == BLUE else w.n_agents
    for j in range(w.n_agents):
        if w.out[j] == 0 and (c != BLUE or j != i):
            w.reward[j] += w.p.value[c] / sharers


@rule
def release(w, c):
    """One spore of an eaten mushroom: each colour has its chance, in vain where an agent stands."""
    for grown in range(4):
        if draw.chance(w, w.p.sprout[c, grown]):
            k = grid.pick_empty(w, w.soil, Kind.RED)
            if k >= 0 and w.occupant[w.soil[k, 0], w.soil[k, 1]] < 0:
                grid.put(w, w.soil[k, 0], w.soil[k, 1], Kind.RED + grown)
                w.sprouted[k] = w.turn


@rule
def blight(w):
    """After an orange meal each red mushroom may die, save one that somebody is about to eat."""
    for k in range(w.soil.shape[0]):
        row, col = w.soil[k, 0], w.soil[k, 1]
        exposed = grid.has(w, row, col, Kind.RED) and w.occupant[row, col] < 0
        if exposed and draw.chance(w, w.p.blight_probability):
            grid.take(w, row, col, Kind.RED)


@rule
def zap(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if beams.fires(w, i, w.zap_wait, ZAP, w.p.zap_cooldown):
            n = beams.cast(w, i, Kind.ZAP_BEAM, w.p.beam_length, w.p.beam_radius)
            sanctions.zap(w, i, n, Event.ZAPS_FIRED, Event.ZAPS_RECEIVED, Event.ZAP)
            for h in range(n):
                row, col = w.hits[h, 0], w.hits[h, 1]
                if w.grid[row, col, w.layer[Kind.RED]] != 0:
                    grid.take(w, row, col, Kind.RED)  # one layer holds whichever grew there
                    w.events[i, Event.MUSHROOMS_DESTROYED] += 1


@rule
def sanction(w):
    for i in range(w.n_agents):
        sanctions.settle(w, i, w.p.zap_timeout, Event.REMOVALS)


@rule
def spoil(w):
    for k in range(w.soil.shape[0]):
        kind = w.grid[w.soil[k, 0], w.soil[k, 1], w.layer[Kind.RED]]
        if kind >= Kind.RED and w.turn - w.sprouted[k] >= w.p.spoils[kind - Kind.RED]:
            grid.take(w, w.soil[k, 0], w.soil[k, 1], kind)


@rule
def show_marks(w):
    sanctions.show(w, Kind.MARK)


MEADOW = """
WWWWWWWWWWWWWWWWWWWWWWW
W                     W
W   R                 W
W          G          W
W      B          R   W
W                     W
W       ,,,,,,,       W
W,,,,,,,       ,,,,,,,W
W             B       W
W  G       O          W
W                  G  W
W   B    R            W
W                     W
WWWWWWWWWWWWWWWWWWWWWWW
"""


Kind.paint(
    RED=sprites.pixels("""
        ........
        ..rrrr..
        .rwrrwr.
        rrrrrrrr
        rrwrrwrr
        ...tt...
        ...tt...
        ..tttt..
    """),
    GREEN=sprites.pixels("""
        ...G....
        ..GlG...
        ..GlG.G.
        .GlllGlG
        ..ttGlll
        ..tt.ttl
        ..tt.tt.
        .tttttt.
    """),
    BLUE=sprites.pixels("""
        ..cccc..
        .cbbbbc.
        cbbbbbbc
        cbbccbbc
        bb.ww.bb
        ...ww...
        ...ww...
        ...ww...
    """),
    ORANGE=sprites.pixels("""
        o......o
        oo.oo.oo
        .oyooyo.
        .okookoo
        oooooooo
        ..yyyy..
        ...yy...
        ..yyyy..
    """),
)  # fmt: skip


class Mushrooms(Gridworld):
    kinds, params = Kind, Params
    version = 2
    maps = {"meadow": MEADOW}
    sites = {"spawns": " ", "soil": " RGBO"}
    legend = {",": (), **dict.fromkeys("/_+'#`!|(-)><", (Kind.WALL,))}
    n_agents = 5
    actions = ACTIONS
    scalars = {"ready_to_shoot": 1}
    observe = beams.see_zap_readiness
    state = STATE
    events = Event
    start = (movement.scatter,)
    rules = (
        movement.move, eat, zap, sanction, movement.respawn, eat, spoil, sanctions.recover, show_marks,
        episode.stochastic_end,
    )  # fmt: skip
