"""Coop Mining: iron pays whoever mines it, gold pays two who strike it together, and more.

Dilemma and source
    A stag hunt: gold is worth eight times as much, but a strike at gold that nobody joins is wasted. Rules as
    in Melting Pot 2 (``coop_mining``); Agapiou et al. 2022, "Melting Pot 2.0".
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, mine. The mining beam goes three cells
    ahead, through agents, up to the first ore or wall; agents fire before anybody moves.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``ready_to_shoot`` in [0, 1]. Gold flashes while
    somebody waits for a partner there.
Rewards
    Iron: +1 to everybody who hits it in the step in which it goes. Gold: the first hit makes it flash, and
    that of another agent in the same step or the next two pays 8 to both. Ore never blocks the way, and appears
    where nobody stands.
Ends when
    From step 1000 on with probability 0.2 at each step 99 mod 100; truncated at step 5000.
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import (
    Events,
    Gridworld,
    Kinds,
    kind,
    param,
    per_agent,
    per_cell,
    per_site,
    per_world,
    probability,
    rule,
    sprites,
)
from sorrelsim.rules import beams, draw, episode, events, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "mine")
MINE = ACTIONS.index("mine")


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    IRON = kind("i", stops=("BEAM",))
    GOLD = kind("g", stops=("BEAM",))
    FLASHING_GOLD = kind("G", on_maps=False, stops=("BEAM",))  # somebody has struck it, and waits
    BEAM = kind("*", layer="beam", stopped_by_agents=False, sprite=sprites.plain("m", opacity=130))


@dataclass(frozen=True)
class Params:
    iron_probability: float = probability(0.0002)  # that iron appears in an empty ore cell, per step
    gold_probability: float = probability(0.00008)
    iron_value: float = 1.0
    gold_value: float = 8.0  # to each of the two
    gold_window: int = param(3, low=1)  # steps, that of the first hit included, in which a second one counts
    cooldown: int = param(3, low=1)  # steps from shot to shot
    beam_length: int = param(3, low=1, high=20)
    min_steps: int = param(1000, low=1)
    end_probability: float = probability(0.2)
    max_steps: int = param(5000, low=1)


STATE = {
    "wait": per_agent(low=0),  # steps until the beam is ready again
    "target": per_agent(shape=(2,), low=0, high=("height - 1", "width - 1")),  # the ore that it hit last
    "leaves": per_agent(low=-1, high=Kind.FLASHING_GOLD),  # what this step's hit leaves there; -1 it hit none
    "miner": per_cell(low=0, high="n_agents"),  # who waits at the gold there, its slot plus 1; 0 nobody
    "struck": per_cell(low=0, high="turn"),  # step in which that agent hit it last
    "flashing": per_world(low=0),  # gold that flashes, kept so that steps without any look for none
    "drawn": per_site("ore", low=0, high="turn"),  # step in which the cell was drawn last, by draw.fresh
}


class Event(Events):
    IRON_HITS = auto()  # each is an extraction as well
    GOLD_HITS = auto()
    GOLD_EXTRACTIONS = auto()
    EXTRACTION_PAIR = events.pair(says="mined gold with")  # who was paid for gold, and with whom


@rule
def open_mine(w):
    """Every ore cell has had one trial when an episode begins."""
    for k in range(w.ore.shape[0]):
        if draw.chance(w, ore_probability(w)):
            appear(w, k)


@rule
def ore_probability(w):
    return w.p.iron_probability + (1.0 - w.p.iron_probability) * w.p.gold_probability


@rule
def appear(w, k):
    row, col = w.ore[k, 0], w.ore[k, 1]
    if w.grid[row, col, w.layer[Kind.IRON]] == 0 and w.occupant[row, col] < 0:
        is_iron = draw.uniform(w) * ore_probability(w) < w.p.iron_probability
        grid.put(w, row, col, Kind.IRON if is_iron else Kind.GOLD)


@rule
def mine(w):
    """Beams see the ore as it lay before the step, in order of slots; only then does it change."""
    forget(w)
    for i in range(w.n_agents):
        w.leaves[i] = -1
        if w.out[i] == 0 and w.wait[i] > 0:
            w.wait[i] -= 1
        if w.out[i] == 0 and w.wait[i] == 0 and w.action[i] == MINE:
            w.wait[i] = w.p.cooldown
            n = beams.cast(w, i, Kind.BEAM, w.p.beam_length, 0)
            if n > 0:
                strike(w, i, w.hits[n - 1, 0], w.hits[n - 1, 1])


@rule
def forget(w):
    """Nobody waits longer at gold than the window is open."""
    if w.flashing[0] > 0:
        for k in range(w.ore.shape[0]):
            row, col = w.ore[k, 0], w.ore[k, 1]
            if w.miner[row, col] > 0 and w.turn - w.struck[row, col] >= w.p.gold_window:
                w.miner[row, col] = 0
                w.flashing[0] -= 1
                grid.put(w, row, col, Kind.GOLD)


@rule
def strike(w, i, row, col):
    """Agent ``i`` hits the last cell of its beam."""
    lies = w.grid[row, col, w.layer[Kind.IRON]]
    if lies == Kind.IRON:
        w.reward[i] += w.p.iron_value
        w.events[i, Event.IRON_HITS] += 1
        w.leaves[i] = 0
    elif lies == Kind.GOLD or lies == Kind.FLASHING_GOLD:
        w.events[i, Event.GOLD_HITS] += 1
        partner = w.miner[row, col] - 1
        if partner >= 0 and partner != i:
            share(w, i, partner)
            share(w, partner, i)
            w.miner[row, col] = 0
            w.flashing[0] -= 1
            w.leaves[i] = 0
        else:
            w.flashing[0] += partner < 0
            w.miner[row, col] = i + 1
            w.struck[row, col] = w.turn
            w.leaves[i] = Kind.FLASHING_GOLD
    w.target[i, 0], w.target[i, 1] = row, col


@rule
def share(w, i, partner):
    w.reward[i] += w.p.gold_value
    w.events[i, Event.GOLD_EXTRACTIONS] += 1
    events.note(w, i, Event.EXTRACTION_PAIR, partner)


@rule
def grow(w):
    """Ore appears where there was none, and nobody, when the step began; agents move only now."""
    for _ in range(draw.binomial(w, w.ore.shape[0], ore_probability(w))):
        appear(w, draw.fresh(w, w.drawn))


@rule
def change_ore(w):
    """Of hits at the same ore the last one says what is left of it."""
    for i in range(w.n_agents):
        if w.leaves[i] >= 0:
            w.grid[w.target[i, 0], w.target[i, 1], w.layer[Kind.IRON]] = w.leaves[i]


@rule
def see_readiness(w, i, into):
    into[0] = beams.readiness(w, i, w.wait, w.p.cooldown)


GALLERIES = """
WWWWWWWWWWWWWWWWWWWWWWWWWWW
WOOOOOOOOOOOOOOOOOOOOOOOOOW
WOPOOOOOOOOPOOOOOOOOOOOOPOW
WOOOOOOOOOOOOOOOOOOOWWWOOOW
WOOWWWWWWOOOOWWWWWOOOOOOOOW
WOOOOOOOWOOOOOOOOOOOOOOOOOW
WOOOOPOOWOOOOOOOOOOOOOPOOOW
WOOOOOOOWOOOOOPOOOWOOOOOOOW
WOOOOOOOOOOOOOOOOOWOOOOOOOW
WOWWWOOOOWOOOOOOOOWOOOOOOOW
WOOOOOOOOWOOOOOOOOWOOOOOOOW
WOOPOOOOOWOOWWOOOOOOOOOOPOW
WOOOOWOOPWOOOOOOOOOOOOOOOOW
WOOOOWOOOWOOWWWOOWOOOWOOOOW
WOOOOOOOOOOOOOOOOWPOOWOOOOW
WOPOOOOOOOOOOWWOOWOOOOOPOOW
WOOOOOOOWOOOOOOOOWOOOOOOOOW
WOOOOOOOWOOOOOOOOWOOOOWWWOW
WOOOOOOOWOOOOOOOOOOOOOOOOOW
WOOOOOOOWOOOPOOOOOWOOOOOOOW
WOOOPOOOOOOOOOOOOOWOOPOOOOW
WOOOOOOOOOOOOOOOOOWOOOOOOOW
WOOOOOOOOWWWWWOOOOWWWWWWOOW
WOOOWWWOOOOOOOOOOOOOOOOOOOW
WOPOOOOOOOOOOOOPOOOOOOOOPOW
WOOOOOOOOOOOOOOOOOOOOOOOOOW
WWWWWWWWWWWWWWWWWWWWWWWWWWW
"""


NUGGETS = """
    ........
    ..121...
    .12321..
    .1221.1.
    ..11.121
    .1.11221
    121.1211
    .1...11.
"""
Kind.paint(
    IRON=sprites.pixels(NUGGETS, **{"1": (96, 58, 44), "2": (168, 106, 78), "3": (222, 176, 148)}),
    GOLD=sprites.pixels(NUGGETS, **{"1": (150, 104, 16), "2": (240, 190, 40), "3": (255, 240, 170)}),
    FLASHING_GOLD=sprites.pixels("""
        w......w
        .w121.w.
        .1w3w1..
        .123w.1.
        ..w1.121
        .w.1w321
        1w1.1w31
        w...11.w
    """, **{"1": (214, 150, 20), "2": (255, 214, 60), "3": (255, 250, 200)}),
)  # fmt: skip


class CoopMining(Gridworld):
    kinds, params = Kind, Params
    maps = {"galleries": GALLERIES}
    sites = {"spawns": "P", "ore": "Oig"}
    n_agents = 6
    actions = ACTIONS
    scalars = {"ready_to_shoot": 1}
    observe = see_readiness
    state = STATE
    events = Event
    start = (movement.scatter, open_mine)
    rules = (mine, grow, change_ore, movement.move, episode.stochastic_end)
