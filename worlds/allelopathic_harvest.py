"""Allelopathic Harvest: berries ripen faster the more of their colour there are, but tastes differ.

Dilemma and source
    A start-up and free-rider problem: all gain from one colour everywhere, they disagree on which, and
    planting costs the time in which others eat. Koster et al. 2020, "Model-free conventions in multi-agent
    reinforcement learning with heterogeneous preferences"; rules as in Melting Pot 2 (``..._harvest__open``).
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, zap, plant_red, plant_green,
    plant_blue. A plant beam recolours the first berry that it meets, unless it is ripe.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``ready_to_shoot`` in [0, 1]. A sash shows what an
    agent planted last; eating takes it off with the probability that a berry is not of the commonest colour.
Rewards
    A ripe berry +2 to an agent who prefers its colour, else +1: slots 0, 2, 4 and so on prefer red, the others green.
    The first zap of an agent freezes it for 25 steps; a second one within 50 costs it 10 and takes it out for 25.
Ends when
    2000 steps have passed (a truncation).
Parameters
    See ``Params``.
Versions
    1: first.
    2: a time out of n steps leaves n + 1 observations empty, as in Melting Pot; before, n.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_cell, per_site, per_world, rule, sprites
from sorrelsim.rules import beams, draw, episode, events, grid, movement, sanctions

ACTIONS = (*movement.EGOCENTRIC, "zap", "plant_red", "plant_green", "plant_blue")
ZAP, PLANT = map(ACTIONS.index, ("zap", "plant_red"))  # and PLANT + 1 green, PLANT + 2 blue
PLANTING, BERRY = ("PLANT_RED", "PLANT_GREEN", "PLANT_BLUE"), ("preferred_value", "other_value")


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    UNRIPE_RED = kind("1", stops=PLANTING)
    UNRIPE_GREEN = kind("2", stops=PLANTING)
    UNRIPE_BLUE = kind("3", stops=PLANTING)
    RIPE_RED = kind("r", stops=PLANTING, pays=BERRY)
    RIPE_GREEN = kind("g", stops=PLANTING, pays=BERRY)
    RIPE_BLUE = kind("b", stops=PLANTING, pays=BERRY)
    ZAP_BEAM = kind("*", layer="beam", sprite=sprites.plain("w", opacity=150))
    PLANT_RED = kind("!", layer="beam", sprite=sprites.plain("r", opacity=130))
    PLANT_GREEN = kind("&", layer="beam", sprite=sprites.plain("l", opacity=130))
    PLANT_BLUE = kind("+", layer="beam", sprite=sprites.plain("b", opacity=130))
    MARK = kind("x", layer="beam", sprite=sprites.MARK)
    SASH_RED = kind("R", layer="sash")
    SASH_GREEN = kind("G", layer="sash")
    SASH_BLUE = kind("B", layer="sash")


@dataclass(frozen=True)
class Params:
    ripening_rate: float = param(5e-6, low=0.0, high=1.0)  # times the berries of a colour: its probability per step
    ripening_delay: int = param(10, low=0)  # steps from being eaten or planted until it can ripen
    tastes: tuple = param((0, 1), low=0, high=2)  # preferred colours (0 red, 1 green, 2 blue), by turns of the slots
    preferred_value: float = 2.0
    other_value: float = 1.0
    zap_cooldown: int = param(4, low=0)
    zap_length: int = param(3, low=1, high=20)
    zap_radius: int = param(1, low=0, high=5)
    plant_cooldown: int = param(2, low=0)
    plant_length: int = param(3, low=1, high=20)
    freeze_steps: int = param(25, low=0)  # after the first zap
    mark_steps: int = param(50, low=1)  # within which a second zap takes out
    zap_penalty: float = -10.0  # to who is zapped a second time
    zap_timeout: int = param(25, low=1)  # steps that an agent is out, after this one
    max_steps: int = param(2000, low=1)


STATE = {
    # berries of each colour, counted at the start and kept by planting
    "berries": per_world(shape=(3,), low=0, high="orchard"),
    "changed": per_cell(low=0, high="turn"),  # step of the berry's last meal or planting
    "drawn": per_site("orchard", low=0, high="turn"),  # step in which the cell was drawn last, by draw.fresh
    "planter": per_agent(low=0, high=3),  # 1 red, 2 green, 3 blue: the colour of the sash; 0 none
    "zap_wait": per_agent(low=0),  # steps until the zap beam is ready again
    "plant_wait": per_agent(low=0),  # steps until the plant beam is ready again
    "zapped": per_agent(low=0),  # zaps taken in this step
    "mark": per_agent(low=0),  # steps for which the next zap counts as a second one
}


class Event(Events):
    RED_EATEN = auto()
    GREEN_EATEN = auto()
    BLUE_EATEN = auto()
    BERRIES_PLANTED = auto()
    ZAPS_FIRED = auto()
    ZAPS_RECEIVED = auto()
    REMOVALS = auto()
    ZAP = events.pair("removes", says="zapped")  # who zapped whom, and whether that took the other away


@rule
def count_berries(w):
    for k in range(w.orchard.shape[0]):
        w.berries[colour(w.grid[w.orchard[k, 0], w.orchard[k, 1], w.layer[Kind.UNRIPE_RED]])] += 1


@rule
def colour(kind):
    """0 red, 1 green, 2 blue; ripe kinds follow the unripe ones."""
    return (kind - Kind.UNRIPE_RED) % 3


@rule
def monoculture(w):
    """The share of the commonest colour."""
    return max(w.berries[0], w.berries[1], w.berries[2]) / max(w.orchard.shape[0], 1)


@rule
def hide_sashes(w):
    movement.unmark(w, Kind.SASH_RED)


@rule
def show_sashes(w):
    """And over them the marks of those who were zapped once."""
    for i in range(w.n_agents):
        if w.out[i] == 0 and w.planter[i] > 0:
            grid.put(w, w.pos[i, 0], w.pos[i, 1], Kind.SASH_RED + w.planter[i] - 1)
    sanctions.show(w, Kind.MARK)


@rule
def eat(w):
    for i in range(w.n_agents):
        if w.out[i] == 0:
            eat_here(w, i, w.pos[i, 0], w.pos[i, 1])


@rule
def eat_here(w, i, row, col):
    kind = w.grid[row, col, w.layer[Kind.RIPE_RED]]
    if kind >= Kind.RIPE_RED and kind <= Kind.RIPE_BLUE:
        c = colour(kind)
        grid.put(w, row, col, Kind.UNRIPE_RED + c)
        w.changed[row, col] = w.turn
        w.events[i, Event.RED_EATEN + c] += 1
        tastes = w.p.tastes
        w.reward[i] += w.p.preferred_value if tastes[i % tastes.shape[0]] == c else w.p.other_value
        if w.planter[i] > 0 and draw.chance(w, 1.0 - monoculture(w)):
            w.planter[i] = 0


@rule
def zap(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if beams.fires(w, i, w.zap_wait, ZAP, w.p.zap_cooldown):
            n = beams.cast(w, i, Kind.ZAP_BEAM, w.p.zap_length, w.p.zap_radius)
            sanctions.zap(w, i, n, Event.ZAPS_FIRED, Event.ZAPS_RECEIVED, Event.ZAP)


@rule
def plant(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        action = w.action[i] if w.action[i] >= PLANT else -1
        if beams.fires(w, i, w.plant_wait, action, w.p.plant_cooldown):
            for h in range(beams.cast(w, i, Kind.PLANT_RED + action - PLANT, w.p.plant_length, 0)):
                recolour(w, i, action - PLANT, w.hits[h, 0], w.hits[h, 1])


@rule
def recolour(w, i, c, row, col):
    """Plants colour ``c``; a berry that is ripe, or was eaten or planted in this step, stays as it is."""
    kind = w.grid[row, col, w.layer[Kind.UNRIPE_RED]]
    unripe = kind >= Kind.UNRIPE_RED and kind <= Kind.UNRIPE_BLUE
    if unripe and colour(kind) != c and w.changed[row, col] != w.turn:
        w.berries[colour(kind)] -= 1
        w.berries[c] += 1
        grid.put(w, row, col, Kind.UNRIPE_RED + c)
        w.changed[row, col] = w.turn
        w.planter[i] = c + 1
        w.events[i, Event.BERRIES_PLANTED] += 1


@rule
def sanction(w):
    for i in range(w.n_agents):
        if sanctions.settle(w, i, w.p.zap_timeout, Event.REMOVALS):
            w.reward[i] += w.p.zap_penalty
            w.planter[i] = 0


@rule
def ripen(w):
    """Each unripe berry ripens with its colour's probability.

    Berries are drawn with the probability of the commonest colour, and then kept in proportion to their own:
    one draw per step in place of hundreds.
    """
    n = w.orchard.shape[0]
    if n == 0:
        return
    most = max(w.berries[0], w.berries[1], w.berries[2])
    p = min(w.p.ripening_rate * most, 1.0)
    for _ in range(draw.binomial(w, n, p)):
        k = draw.fresh(w, w.drawn)
        row, col = w.orchard[k, 0], w.orchard[k, 1]
        kind = w.grid[row, col, w.layer[Kind.UNRIPE_RED]]
        rested = kind <= Kind.UNRIPE_BLUE and w.turn - w.changed[row, col] >= w.p.ripening_delay
        if rested and draw.chance(w, min(w.p.ripening_rate * w.berries[colour(kind)], 1.0) / p):
            grid.put(w, row, col, kind + 3)
            if w.occupant[row, col] >= 0:
                eat_here(w, w.occupant[row, col], row, col)


FIELD = """
21PPP3PP3PPPPPP3211213232PPPP
PPPP32PPP3PPP13P3PP1PPPP2P3P1
22PP1P31P331P1P3PP1PPPPP2PPPP
P1PP3PP12PP3PPP1PPPPPPPP1PPPP
PPP331PP33PPPPPPPP2PP232P1P1P
3PPPP2PPPP1P1P3P11PPP3PPPPPPP
333PPP1PPPP21PP3332P231PP2PP2
PPP1PPPPP13PPP3P3PP33P22323P3
1PP2P122P2P23P2PPPPPPP3PP3PPP
13PPPPP1132PPP3P3PPPP1213P3PP
PPPP113PP2P3PPPPPP13PPPPP12P1
2PP3P21PP3P13PP11PP2P13P2PP2P
PPP1PP1PP1P3PPPP1PPP1131PP312
PPPPPP12PP3P312P3PPP2PP1221P2
P1PP2P322PPP33P1PPP2P122232PP
1P3PP21PP3P21P33PPPPPP3PPPP31
2P2PPP2PPPPPPPPPPPPPP3P33PPP1
33P3PP1PPPP323PPP2PP11PPP2P22
2P2P1PP2PPPPPPPPP3PP323P2PP2P
P1122PPPPPP222PPPPP3P2PPP21PP
1P232PPP2PPPPP23P311PPP23P32P
3PPPPP2PP313P1P2PPPPP2P3PPP13
PPPP22PPPP32PP211PP1PPP111PP1
2P212PPPP1PPPPPP1PPP23PPPPP21
332PP13P3P21P3PPPP3PP23PPP21P
PP32P2PP2P2PP1PPPP3PPPP3PP11P
PP311PPPPPPPPPP1P1PP2PP2PPPPP
3PPPPP3P13P233PPPP3PPPPP2P1P1
PP1P2PPP12PP3P2P2P32P121PPP1P
PP22P1PP131PP112P1PP1PP11PP23
"""


def sash(letter):
    """What an agent wears over its body: the colour that it last planted."""
    return sprites.pixels(
        f"""
        ........
        ........
        ........
        k{letter * 6}k
        k{letter * 6}k
        ........
        ........
        ........
        """
    )


Kind.paint(
    UNRIPE_RED=sprites.pixels("""
        ........
        ........
        ...rr...
        ..rrrr..
        ..rrrr..
        ...rr...
        ........
        ........
    """),
    UNRIPE_GREEN=sprites.pixels("""
        ........
        ........
        ...ll...
        ...ll...
        ..llll..
        ..llll..
        ........
        ........
    """),
    UNRIPE_BLUE=sprites.pixels("""
        ........
        ........
        ..bbbb..
        ..b..b..
        ..b..b..
        ..bbbb..
        ........
        ........
    """),
    RIPE_RED=sprites.pixels("""
        ....n...
        ..rrrr..
        .rrwwrr.
        rrwwrrrr
        rrrrrrrr
        rrrrrrrr
        .rrrrrr.
        ..rrrr..
    """),
    RIPE_GREEN=sprites.pixels("""
        ...ll...
        ...ll...
        ..lwll..
        ..lwll..
        .llllll.
        .llllll.
        llllllll
        llllllll
    """),
    RIPE_BLUE=sprites.pixels("""
        bbbbbbbb
        bccccccb
        bcwwbbcb
        bcwbbbcb
        bcbbbbcb
        bcbbbbcb
        bccccccb
        bbbbbbbb
    """),
    SASH_RED=sash("r"),
    SASH_GREEN=sash("l"),
    SASH_BLUE=sash("b"),
)  # fmt: skip


class AllelopathicHarvest(Gridworld):
    kinds, params = Kind, Params
    version = 2
    maps = {"field": FIELD}
    torus = ("field",)
    sites = {"spawns": "P", "orchard": "123rgb"}
    layers = ("object", "agent", "sash", "beam")
    n_agents = 16
    actions = ACTIONS
    scalars = {"ready_to_shoot": 1}
    observe = beams.see_zap_readiness
    state = STATE
    events = Event
    start = (movement.scatter, count_berries)
    rules = (
        hide_sashes, movement.move, eat, zap, plant, sanction, movement.respawn, ripen, sanctions.recover,
        show_sashes, episode.time_limit,
    )  # fmt: skip
