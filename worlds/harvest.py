"""Commons Harvest: apples grow back faster among apples, so greed kills the orchard.

Dilemma and source
    A common-pool resource. Janssen et al. 2010, "Lab experiments for the study of social-ecological systems";
    Perolat et al. 2017, "A multi-agent reinforcement learning model of common-pool resource appropriation".
    Rules as in Melting Pot 2 (``commons_harvest``). The results of other versions do not compare; see the
    presets.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, zap. ``zap`` takes out whom its beam meets,
    for a few steps. ``socialjax``: up, down, left, right, turn_left, turn_right, noop, zap.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``ready_to_shoot`` in [0, 1]. An apple cell without
    grass has no live apple near, and grows none. ``classic``: 15 x 15 cells, the agent in the middle.
Rewards
    +1 for an apple. ``classic``: -1 for firing, -50 for being hit.
Ends when
    From step 1000 on with probability 0.15 at each step 99 mod 100; truncated at step 5000. ``classic`` and
    ``socialjax``: truncated at step 1000.
Parameters
    See ``Params``. Presets: ``mp``, Melting Pot's open map; ``closed`` and ``partnership``, its maps with
    rooms to defend, where beams reach further, a time out lasts 100 steps and a single apple brings back the
    next more slowly; ``classic``, as Vinitsky et al. rebuilt the game of Hughes et al. 2018, "Inequity
    aversion improves cooperation in intertemporal social dilemmas": nobody is removed; ``socialjax``, as in
    SocialJax: moves on the map, and a zapped agent starts the next step at a spawn.
Versions
    1: first.
    2: a time out of n steps leaves n + 1 observations empty, as in Melting Pot; before, n.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import (
    Events,
    Gridworld,
    Kinds,
    Window,
    kind,
    param,
    per_agent,
    per_cell,
    per_site,
    probability,
    rule,
    sprites,
)
from sorrelsim.rules import beams, draw, episode, events, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "zap")
ZAP = ACTIONS.index("zap")


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    GRASS = kind(".", layer="ground")
    APPLE = kind("A", pays="apple_value", sprite=sprites.APPLE)
    ZAP_BEAM = kind("*", layer="beam", sprite=sprites.plain("y", opacity=150))


@dataclass(frozen=True)
class Params:
    regrowth: tuple = param((0.0, 0.0025, 0.005, 0.025), low=0.0, high=1.0)  # with 0, 1, 2, 3+ apples near
    reach_squared: int = param(4, low=1, high=8)  # how far near is: 4 a disc of 12 cells, 2 a square of 8
    prompt_growth: bool = False  # by what is around now, never under agents; else a step late
    apple_value: float = 1.0
    zap_value: float = 0.0  # to the agent that fires
    hit_value: float = 0.0  # to the agent that is hit
    zap_cooldown: int = param(2, low=0)
    beam_length: int = param(3, low=1, high=20)
    beam_radius: int = param(1, low=0, high=5)
    forked_beam: bool = False  # SocialJax's four cells, in place of length and radius
    zap_timeout: int = param(4, low=0)  # steps out, after that of the zap; 0: at a spawn at once
    min_steps: int = param(1000, low=1)
    end_probability: float = probability(0.15)
    max_steps: int = param(5000, low=1)


STATE = {
    "zap_wait": per_agent(low=0),  # steps until the zap beam is ready again
    "zapped": per_agent(low=0, high=1),  # 1 for who was hit and is about to go
    "around": per_cell(low=0, high=24),  # apples within reach, kept as they come and go
    # 0 while the cell has an apple, else 1 plus the apples around it, by which it regrows
    "near": per_site("orchard", low=0, high=25),
    "next_near": per_site("orchard", low=0, high=25),  # the same of this step, for growth a step late
}


class Event(Events):
    APPLES_EATEN = auto()
    ZAPS_FIRED = auto()
    ZAPS_RECEIVED = auto()
    ZAP = events.pair(says="zapped")  # who zapped whom


@rule
def place_agents(w):
    """The first two agents start inside, where the map has room for them; the others at spawns."""
    for i in range(w.n_agents):
        if i >= 2 or not movement.spawn_at(w, i, w.inner):
            movement.spawn_at(w, i, w.spawns)


@rule
def count_apples(w):
    for k in range(w.orchard.shape[0]):
        grid.spread(w, w.around, w.orchard[k, 0], w.orchard[k, 1], w.p.reach_squared, 1)


@rule
def eat(w):
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        if w.out[i] == 0 and grid.has(w, row, col, Kind.APPLE):
            grid.take(w, row, col, Kind.APPLE)
            grid.spread(w, w.around, row, col, w.p.reach_squared, -1)
            w.reward[i] += w.p.apple_value
            w.events[i, Event.APPLES_EATEN] += 1


@rule
def zap(w):
    for i in range(w.n_agents):  # in any order, since all beams come before all removals
        if beams.fires(w, i, w.zap_wait, ZAP, w.p.zap_cooldown):
            if w.p.forked_beam:
                n = beams.cast_fork(w, i, Kind.ZAP_BEAM)
            else:
                n = beams.cast(w, i, Kind.ZAP_BEAM, w.p.beam_length, w.p.beam_radius)
            beams.zap(w, i, n, Event.ZAPS_FIRED, Event.ZAPS_RECEIVED, Event.ZAP)


@rule
def regrow(w):
    for k in range(w.orchard.shape[0]):
        if w.near[k] > 0 and draw.chance(w, w.p.regrowth[min(w.near[k] - 1, 3)]):
            row, col = w.orchard[k, 0], w.orchard[k, 1]
            if not w.p.prompt_growth or w.occupant[row, col] < 0:
                grid.put(w, row, col, Kind.APPLE)
                grid.spread(w, w.around, row, col, w.p.reach_squared, 1)
                w.next_near[k] = 0


@rule
def look_around(w):
    """How many apples each bare cell has around it; grass lies where there are any, as a cell without grows none."""
    for k in range(w.orchard.shape[0]):
        row, col = w.orchard[k, 0], w.orchard[k, 1]
        now = 0 if grid.has(w, row, col, Kind.APPLE) else w.around[row, col] + 1
        w.near[k] = now if w.p.prompt_growth else w.next_near[k]
        w.next_near[k] = now
        if w.near[k] == 1:
            grid.take(w, row, col, Kind.GRASS)
        elif w.near[k] > 1:
            grid.put(w, row, col, Kind.GRASS)


NAMES = ("open", "closed", "partnership", "classic", "socialjax")
MAPS = {name: Path(__file__).with_name("maps").joinpath("harvest", f"{name}.txt").read_text() for name in NAMES}

Kind.paint(
    GRASS=sprites.pixels("""
        FFFFFFFF
        FFGFFFFF
        FGFGFFFF
        FFFFFFFF
        FFFFFGFF
        FFFFGFGF
        FFFFFFFF
        FFFFFFFF
    """),
)  # fmt: skip


ROOMS = {"zap_cooldown": 1, "beam_length": 4, "zap_timeout": 100, "regrowth": (0.0, 0.001, 0.005, 0.025)}
PROMPT = {"prompt_growth": True, "zap_cooldown": 0, "max_steps": 1000}


# fmt: off
class Harvest(Gridworld):
    kinds, params = Kind, Params
    version = 2
    maps = MAPS
    map_params = {"closed": ROOMS, "partnership": ROOMS}
    sites = {"spawns": "P", "inner": "Q", "orchard": "A"}
    legend = {"A": (Kind.GRASS, Kind.APPLE), "I": ()}  # I is floor, for maps from elsewhere
    n_agents = 7
    actions = ACTIONS
    scalars = {"ready_to_shoot": 1}
    observe = beams.see_zap_readiness
    state = STATE
    events = Event
    start = (place_agents, count_apples)
    rules = (
        movement.move, eat, zap, movement.send_off_zapped, movement.respawn, regrow, eat, look_around,
        episode.stochastic_end,
    )
    presets = {
        "mp": {},
        "closed": {"map": "closed", **ROOMS},
        "partnership": {"map": "partnership", **ROOMS},
        "classic": {
            **PROMPT, "map": "classic", "n_agents": 5, "window": Window(7, 7, 7, 7), "reach_squared": 2,
            "regrowth": (0.0, 0.005, 0.02, 0.05), "beam_length": 5, "zap_value": -1.0, "hit_value": -50.0,
            "rules": (movement.move, eat, zap, look_around, regrow, episode.time_limit),
        },
        "socialjax": {
            **PROMPT, "map": "socialjax", "show_facing": True, "forked_beam": True, "zap_timeout": 0,
            "regrowth": (0.0, 0.001, 0.005, 0.025),
            "actions": (*movement.ABSOLUTE, "turn_left", "turn_right", "noop", "zap"),
            "rules": (
                look_around, regrow, movement.send_off_zapped, movement.move_on_map, eat, zap, episode.time_limit,
            ),
        },
    }
# fmt: on
