"""Clean Up: apples grow only while somebody cleans the river, and whoever cleans eats no apples.

Dilemma and source
    A public good. Hughes et al. 2018, "Inequity aversion improves cooperation in intertemporal social dilemmas";
    rules as in Melting Pot 2 (``clean_up``).
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, zap, clean. ``zap`` takes out whom its beam
    meets, for 50 steps, and is ready again after 10; in ``classic`` it only costs. ``clean`` takes the dirt that its
    beam meets off the river, through agents: stand at the bank and face it. With 40% of the river dirty no apple grows.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``ready_to_shoot`` in [0, 1].
Rewards
    +1 for an apple. ``classic``: -1 for firing a zap, -50 for being hit.
Ends when
    From step 1000 on with probability 0.2 at each step 99 mod 100; truncated at step 5000, ``classic`` at step 1000.
Parameters
    See ``Params``.
Versions
    1: first.
    2: a time out of n steps leaves n + 1 observations empty, as in Melting Pot; before, n.
"""

from dataclasses import dataclass, replace
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, per_agent, per_world, probability, rule, sprites
from sorrelsim.rules import beams, draw, episode, events, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "zap", "clean")
ZAP, CLEAN = map(ACTIONS.index, ("zap", "clean"))


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    WATER = kind("H", layer="ground")
    DIRT = kind("F", stops=("CLEAN_BEAM",))
    APPLE = kind("A", pays="apple_value", sprite=sprites.APPLE)
    ZAP_BEAM = kind("*", layer="beam", sprite=sprites.plain("y", opacity=150))
    CLEAN_BEAM = kind("+", layer="beam", stopped_by_agents=False, sprite=sprites.plain("c", opacity=140))


@dataclass(frozen=True)
class Params:
    apple_probability: float = probability(0.05)  # that an empty apple cell regrows, per step, in a clean river
    depletion_threshold: float = param(0.4, low=1e-9, high=1.0)  # share of dirt at which no apple grows
    dirt_probability: float = probability(0.5)  # that one clean river cell turns dirty, per step
    dirt_delay: int = param(50, low=0)  # steps before dirt begins to spread
    apple_value: float = 1.0
    zap_cooldown: int = param(10, low=0)
    clean_cooldown: int = param(2, low=0)
    beam_length: int = param(3, low=1, high=20)
    beam_radius: int = param(1, low=0, high=5)
    zap_timeout: int = param(50, low=1)  # steps that a zapped agent is out, after this one
    zap_value: float = 0.0  # to the agent that fires
    hit_value: float = 0.0  # to the agent that is hit
    min_steps: int = param(1000, low=1)
    end_probability: float = probability(0.2)
    max_steps: int = param(5000, low=1)


STATE = {
    # dirty river cells, laid by the map and counted on, so that no step recounts them
    "dirt": per_world(low=0, high="river"),
    "zap_wait": per_agent(low=0),  # steps until the zap beam is ready again
    "clean_wait": per_agent(low=0),  # steps until the clean beam is ready again
    "zapped": per_agent(low=0, high=1),  # zaps taken in this step
}


class Event(Events):
    APPLES_EATEN = auto()
    CELLS_CLEANED = auto()
    ZAPS_FIRED = auto()
    ZAPS_RECEIVED = auto()
    ZAP = events.pair(says="zapped")  # who zapped whom


@rule
def count_dirt(w):
    w.dirt[0] = grid.count_at(w, w.river, Kind.DIRT)


@rule
def eat(w):
    for i in range(w.n_agents):
        if w.out[i] == 0 and grid.has(w, w.pos[i, 0], w.pos[i, 1], Kind.APPLE):
            grid.take(w, w.pos[i, 0], w.pos[i, 1], Kind.APPLE)
            w.reward[i] += w.p.apple_value
            w.events[i, Event.APPLES_EATEN] += 1


@rule
def zap(w):
    """Nobody leaves before all have fired, so the order of agents does not matter here."""
    for i in range(w.n_agents):
        if beams.fires(w, i, w.zap_wait, ZAP, w.p.zap_cooldown):
            n = beams.cast(w, i, Kind.ZAP_BEAM, w.p.beam_length, w.p.beam_radius)
            beams.zap(w, i, n, Event.ZAPS_FIRED, Event.ZAPS_RECEIVED, Event.ZAP)


@rule
def clean(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if beams.fires(w, i, w.clean_wait, CLEAN, w.p.clean_cooldown):
            for h in range(beams.cast(w, i, Kind.CLEAN_BEAM, w.p.beam_length, w.p.beam_radius)):
                row, col = w.hits[h, 0], w.hits[h, 1]
                if grid.has(w, row, col, Kind.DIRT):
                    grid.take(w, row, col, Kind.DIRT)
                    w.dirt[0] -= 1
                    w.events[i, Event.CELLS_CLEANED] += 1


@rule
def spread_dirt(w):
    clean_cells = w.river.shape[0] - w.dirt[0]
    if w.turn > w.p.dirt_delay and clean_cells > 0 and draw.chance(w, w.p.dirt_probability):
        soil(w)


@rule
def soil(w):
    """One uniformly random clean river cell turns dirty; there must be one."""
    chosen = draw.below(w, w.river.shape[0] - w.dirt[0])
    for k in range(w.river.shape[0]):
        if not grid.has(w, w.river[k, 0], w.river[k, 1], Kind.DIRT):
            if chosen == 0:
                grid.put(w, w.river[k, 0], w.river[k, 1], Kind.DIRT)
                w.dirt[0] += 1
                return
            chosen -= 1


@rule
def grow_apples(w):
    share = w.dirt[0] / w.river.shape[0] if w.river.shape[0] > 0 else 0.0
    threshold = w.p.depletion_threshold
    p = w.p.apple_probability * min((threshold - share) / threshold, 1.0)
    if p > 0:
        for k in range(w.orchard.shape[0]):
            row, col = w.orchard[k, 0], w.orchard[k, 1]
            if not grid.has(w, row, col, Kind.APPLE) and draw.chance(w, p):
                grid.put(w, row, col, Kind.APPLE)


@rule
def grow_classic(w):
    """Growth goes by the dirt before this step's, and never under an agent; at the threshold dirt spreads no more.

    Every clean cell is tried until one turns dirty, which in a clean river is as good as certain.
    """
    if w.river.shape[0] > 0 and w.dirt[0] < w.p.depletion_threshold * w.river.shape[0]:
        p = w.p.apple_probability * (1.0 - w.dirt[0] / w.river.shape[0] / w.p.depletion_threshold)
        for k in range(w.orchard.shape[0]):
            row, col = w.orchard[k, 0], w.orchard[k, 1]
            if not grid.has(w, row, col, Kind.APPLE) and w.occupant[row, col] < 0 and draw.chance(w, p):
                grid.put(w, row, col, Kind.APPLE)
        for _ in range(w.river.shape[0] - w.dirt[0]):
            if draw.chance(w, w.p.dirt_probability):
                soil(w)
                return


RIVER = """
WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW
WHFFFFHHHHHHHHHHHHHHHHHHHHHHHW
WFFFFFFHHHHHHHHFFFHHHHHFFHHHHW
WFFFFFFHHHHHHHFFFFHHFFFFFFHHHW
WFFFFFFFHHHHHFFFFFFFFFFFFFFHHW
WFFFFFFFHHHHHFFFFFFFFFFFFFFHHW
W~F~~~F~~~H~~~F~~~F~~~F~~~F~~W
W    SS       SS       SS    W
W    SS       SS       SS    W
W  P     P  P     P  P     P W
W     P        P        P    W
W P        P       P        PW
W    P  P      P      P  P   W
W           P                W
W                            W
WBBB BBBB BBBB  BBBB BBBB BBBW
WBBBBBBBBBBBBBBBBBBBBBBBBBBBBW
WBBBBBBBBB BBBBBBBB BBBBBBBBBW
WBBBB BBBBBBBB  BBBBBBBB BBBBW
W BBBBB BBBB BBBB BBBB BBBBB W
WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW
"""


CLASSIC = """
WWWWWWWWWWWWWWWWWW
WFFFFFF     BBBBBW
WHHHHHH  P   BBBBW
WHHHHH      BBBBBW
WFFFFF  P    BBBBW
WFFFFFF     BBBBBW
WHHHHHH   P  BBBBW
WHHHHH      BBBBBW
WFFFFF   P   BBBBW
WFFFFFF     BBBBBW
WHHHHHH  P   BBBBW
WHHHHH      BBBBBW
WSSSSSSFFFF  BBBBW
WSSSSSSFFFF BBBBBW
WHHHHHH      BBBBW
WHHHHH   P  BBBBBW
WFFFFF       BBBBW
WFFFFFF P   BBBBBW
WHHHHHH   P  BBBBW
WHHHHH      BBBBBW
WFFFFF   P   BBBBW
WFFFFFF     BBBBBW
WHHHHHH P    BBBBW
WHHHHH      BBBBBW
WWWWWWWWWWWWWWWWWW
"""


Kind.paint(
    WATER=sprites.pixels("""
        bbbbbbbb
        bbcbbbbb
        bcbcbbbb
        bbbbbbbb
        bbbbbbcb
        bbbbbcbc
        bbbbbbbb
        bbbbbbbb
    """),
    DIRT=sprites.pixels("""
        ..nN....
        .nNNNn..
        .NnNNNn.
        nNNNnNN.
        .NNNNNNn
        ..nNNnN.
        .nNNNn..
        ...nn...
    """),
)  # fmt: skip


class ClassicKind(Kinds):
    """The same kinds, but agents stop the cleaning beam."""

    WALL = Kind.WALL.spec
    WATER = Kind.WATER.spec
    DIRT = Kind.DIRT.spec
    APPLE = Kind.APPLE.spec
    ZAP_BEAM = Kind.ZAP_BEAM.spec
    CLEAN_BEAM = replace(Kind.CLEAN_BEAM.spec, stopped_by_agents=True)


class Cleanup(Gridworld):
    kinds, params = Kind, Params
    version = 2
    maps = {"river": RIVER, "classic": CLASSIC}
    sites = {"spawns": "P", "orchard": "BT", "river": "HF"}
    legend = {"F": (Kind.WATER, Kind.DIRT), "S": (Kind.WATER,), "~": (Kind.WATER,)}
    n_agents = 7
    actions = ACTIONS
    scalars = {"ready_to_shoot": 1}
    observe = beams.see_zap_readiness
    state = STATE
    events = Event
    start = (movement.scatter, count_dirt)
    rules = (
        movement.move, eat, zap, clean, movement.send_off_zapped, movement.respawn, spread_dirt, grow_apples, eat,
        episode.stochastic_end,
    )  # fmt: skip
    presets = {
        "mp": {},
        "classic": {
            "map": "classic", "kinds": ClassicKind, "n_agents": 5, "window": Window(7, 7, 7, 7),
            "zap_cooldown": 0, "clean_cooldown": 0, "beam_length": 5, "zap_value": -1.0, "hit_value": -50.0,
            "max_steps": 1000, "rules": (movement.move, eat, zap, clean, grow_classic, episode.time_limit),
        },
    }  # fmt: skip
