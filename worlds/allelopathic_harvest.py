"""Allelopathic Harvest: berries ripen faster the more of their colour there are, but tastes differ.

Dilemma and source
    A start-up and free-rider problem: all gain from one colour everywhere, they disagree on which, and
    planting costs the time in which others eat. Koster et al. 2020, "Model-free conventions in multi-agent
    reinforcement learning with heterogeneous preferences"; rules as in Melting Pot 2
    (``allelopathic_harvest__open``).
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, zap, plant_red, plant_green,
    plant_blue. A plant beam recolours the first berry that it meets, unless it is ripe.
Observation
    11 x 11 cells, 9 ahead, turned to the agent's facing, on a torus; ``ready_to_shoot`` in [0, 1]. A sash
    shows the colour that an agent planted last; eating takes it off with the probability that a berry is not
    of the commonest colour.
Rewards
    A ripe berry +2 to an agent who prefers its colour, else +1. Agents prefer red and green by turns. The
    first zap of an agent freezes it for 25 steps; a second one within 50 costs it 10 and takes it out for 25.
Ends when
    2000 steps have passed (a truncation).
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass

from sorrelsim import Gridworld, Kinds, kind, param, per_agent, per_cell, per_site, per_world, rule
from sorrelsim.authoring.sprites import MARK, WALL, pixels, plain
from sorrelsim.rules import beams, draw, episode, grid, movement, sanctions

ZAP, PLANT = 7, 8  # and PLANT + 1, PLANT + 2: red, green, blue
PLANTING = ("PLANT_RED", "PLANT_GREEN", "PLANT_BLUE")


def sash(letter):
    """What an agent wears over its body: the colour that it last planted."""
    return pixels(
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


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=WALL)
    UNRIPE_RED = kind("1", stops=PLANTING, sprite=pixels("""
        ........
        ........
        ...rr...
        ..rrrr..
        ..rrrr..
        ...rr...
        ........
        ........
    """))  # fmt: skip
    UNRIPE_GREEN = kind("2", stops=PLANTING, sprite=pixels("""
        ........
        ........
        ...ll...
        ...ll...
        ..llll..
        ..llll..
        ........
        ........
    """))  # fmt: skip
    UNRIPE_BLUE = kind("3", stops=PLANTING, sprite=pixels("""
        ........
        ........
        ..bbbb..
        ..b..b..
        ..b..b..
        ..bbbb..
        ........
        ........
    """))  # fmt: skip
    RIPE_RED = kind("r", stops=PLANTING, sprite=pixels("""
        ....n...
        ..rrrr..
        .rrwwrr.
        rrwwrrrr
        rrrrrrrr
        rrrrrrrr
        .rrrrrr.
        ..rrrr..
    """))  # fmt: skip
    RIPE_GREEN = kind("g", stops=PLANTING, sprite=pixels("""
        ...ll...
        ...ll...
        ..lwll..
        ..lwll..
        .llllll.
        .llllll.
        llllllll
        llllllll
    """))  # fmt: skip
    RIPE_BLUE = kind("b", stops=PLANTING, sprite=pixels("""
        bbbbbbbb
        bccccccb
        bcwwbbcb
        bcwbbbcb
        bcbbbbcb
        bcbbbbcb
        bccccccb
        bbbbbbbb
    """))  # fmt: skip
    ZAP_BEAM = kind("*", layer="beam", sprite=plain("w", opacity=150))
    PLANT_RED = kind("!", layer="beam", sprite=plain("r", opacity=130))
    PLANT_GREEN = kind("&", layer="beam", sprite=plain("l", opacity=130))
    PLANT_BLUE = kind("+", layer="beam", sprite=plain("b", opacity=130))
    MARK = kind("x", layer="beam", sprite=MARK)
    SASH_RED = kind("R", layer="sash", sprite=sash("r"))
    SASH_GREEN = kind("G", layer="sash", sprite=sash("l"))
    SASH_BLUE = kind("B", layer="sash", sprite=sash("b"))


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


@dataclass(frozen=True)
class Params:
    ripening_rate: float = param(5e-6, low=0.0, high=1.0)  # times the berries of a colour: its probability a step
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
    zap_timeout: int = param(25, low=1)  # steps that an agent is out
    max_steps: int = param(2000, low=1)


@rule
def count_berries(w):
    """The berries of each colour are counted once; planting keeps the counts."""
    for k in range(w.orchard.shape[0]):
        w.berries[colour(w.grid[w.orchard[k, 0], w.orchard[k, 1], w.layer[Kind.UNRIPE_RED]])] += 1


@rule
def colour(kind):
    """0 red, 1 green, 2 blue; ripe kinds follow the unripe ones."""
    return (kind - Kind.UNRIPE_RED) % 3


@rule
def monoculture(w):
    """The share of the commonest colour."""
    return max(w.berries[0], w.berries[1], w.berries[2]) / w.orchard.shape[0]


@rule
def hide_sashes(w):
    movement.unmark(w, Kind.SASH_RED)


@rule
def show_sashes(w):
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
        w.events[i, c] += 1
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
            w.events[i, 4] += 1
            for h in range(beams.cast(w, i, Kind.ZAP_BEAM, w.p.zap_length, w.p.zap_radius)):
                hit = w.occupant[w.hits[h, 0], w.hits[h, 1]]
                if hit >= 0 and hit != i:
                    w.zapped[hit] += 1
                    w.events[hit, 5] += 1


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
    """Plant colour ``c``; a berry that is ripe, or was eaten or planted in this step, stays as it is."""
    kind = w.grid[row, col, w.layer[Kind.UNRIPE_RED]]
    unripe = kind >= Kind.UNRIPE_RED and kind <= Kind.UNRIPE_BLUE
    if unripe and colour(kind) != c and w.changed[row, col] != w.turn:
        w.berries[colour(kind)] -= 1
        w.berries[c] += 1
        grid.put(w, row, col, Kind.UNRIPE_RED + c)
        w.changed[row, col] = w.turn
        w.planter[i] = c + 1
        w.events[i, 3] += 1


@rule
def sanction(w):
    for i in range(w.n_agents):
        if sanctions.strike(w, i, w.p.freeze_steps, w.p.mark_steps, w.p.zap_cooldown):
            w.reward[i] += w.p.zap_penalty
            w.planter[i] = 0
            movement.remove(w, i, w.p.zap_timeout)
            w.events[i, 6] += 1


@rule
def ripen(w):
    """Each unripe berry ripens with its colour's probability.

    Berries are drawn with the probability of the commonest colour, and then kept in proportion to their own:
    one draw a step in place of hundreds.
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


@rule
def see_readiness(w, i, out):
    out[0] = beams.readiness(w, i, w.zap_wait, w.p.zap_cooldown)


class AllelopathicHarvest(Gridworld):
    kinds, params = Kind, Params
    maps = {"field": FIELD}
    torus = ("field",)
    sites = {"spawns": "P", "orchard": "123"}
    layers = ("object", "agent", "sash", "beam")
    n_agents = 16
    actions = (*movement.EGOCENTRIC, "zap", "plant_red", "plant_green", "plant_blue")
    scalars = {"ready_to_shoot": 1}
    observe = see_readiness
    state = {
        "berries": per_world(shape=(3,)), "changed": per_cell(), "drawn": per_site("orchard"),
        "planter": per_agent(), "zap_wait": per_agent(), "plant_wait": per_agent(), "zapped": per_agent(),
        "mark": per_agent(),
    }  # fmt: skip
    events = (
        "red_eaten",
        "green_eaten",
        "blue_eaten",
        "berries_planted",
        "zaps_fired",
        "zaps_received",
        "removals",
    )
    start = (movement.scatter, count_berries)
    rules = (
        hide_sashes, movement.move, eat, zap, plant, sanction, movement.respawn, ripen, sanctions.recover,
        show_sashes, episode.time_limit,
    )  # fmt: skip
