"""Fruit Market: everybody harvests one fruit with ease and likes the other, so whoever trades eats well.

Dilemma and source
    Trade and bargaining. A farmer's own fruit is plentiful and worth little to it, the other is worth much and hard to
    get alone; what a fruit costs in the other is settled between those who meet. Agapiou et al. 2022, "Melting Pot
    2.0"; rules as in its ``fruit_market__concentric_rivers``.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, eat_apple, eat_banana, hold, shove, pull,
    cancel_offer. ``hold``, ``shove`` and ``pull`` are of the agent within two cells ahead. Twelve more are offers of
    one to three of a fruit for one or two of the other, such as ``offer_3_apple_for_2_banana``, until ``cancel_offer``.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing. ``ready_to_shoot``, 0 while the agent cannot hold others;
    ``stamina`` in [0, 1]; ``hunger``, steps since the last meal over 50; ``inventory`` and ``my_offer``, apples and
    bananas; ``offers``, the 51 pairs of those that stand within 4 cells, in any order. An offer is negative where the
    agent gives and positive where it takes, and (0, 0) while the agent could not give that much. Under an agent lies
    the colour of its role: the first half of the slots are apple farmers (red), the others banana farmers (yellow).
    A bar over an agent shows a stamina of 12 or less.
Rewards
    +8 for a fruit of the other kind that is eaten, +1 for one of an agent's own kind.
Ends when
    1000 steps have passed (a truncation).
Parameters
    See ``Params``. On a map ``~`` and ``P`` perhaps bear a tree, drawn anew in each episode; ``A`` and ``B`` always do.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_cell, per_world, probability, rule, sprites
from sorrelsim.rules import draw, episode, events, grapple, grid, movement, stamina

FRUITS = ("apple", "banana")
OFFERS = tuple((a, b) for a in range(-3, 3) for b in range(-3, 3) if a * b < 0)  # apples and bananas, + wanted
ACTIONS = (
    *movement.EGOCENTRIC, "eat_apple", "eat_banana", *grapple.ACTIONS, "cancel_offer",
    "offer_3_apple_for_1_banana", "offer_3_apple_for_2_banana", "offer_2_apple_for_1_banana",
    "offer_2_apple_for_2_banana", "offer_1_apple_for_1_banana", "offer_1_apple_for_2_banana",
    "offer_3_banana_for_1_apple", "offer_2_banana_for_1_apple", "offer_1_banana_for_1_apple",
    "offer_3_banana_for_2_apple", "offer_2_banana_for_2_apple", "offer_1_banana_for_2_apple",
)  # fmt: skip
EAT_APPLE, HOLD, CANCEL = map(ACTIONS.index, ("eat_apple", "hold", "cancel_offer"))
SHOWN = len(sprites.STAMINA_BARS) - 1  # the most stamina of which a bar tells
SCALARS = {"ready_to_shoot": 1, "stamina": 1, "hunger": 1, "inventory": 2, "my_offer": 2, "offers": 102}
READY, STAMINA, HUNGER, INVENTORY, MY_OFFER, OTHERS, END = (
    sum(list(SCALARS.values())[:k]) for k in range(len(SCALARS) + 1)
)  # where each begins


class Kind(Kinds):
    _ignore_ = ("left",)

    WALL = kind("W", solid=True, sprite=sprites.WALL)
    WATER = kind("L")
    APPLE_TREE = kind("A")
    BANANA_TREE = kind("B")
    PICKED_APPLE_TREE = kind("a")
    PICKED_BANANA_TREE = kind("b")
    APPLE_FARMER = kind("r", layer="role", on_maps=False, sprite=sprites.plain("r"))
    BANANA_FARMER = kind("y", layer="role", on_maps=False, sprite=sprites.plain("y"))
    HOLD_BEAM = kind("*", layer="beam", sprite=sprites.plain("m", opacity=150))
    for left in range(SHOWN + 1):  # BAR_0 to BAR_12: what an agent has left, for all to see
        vars()[f"BAR_{left}"] = kind(
            "0123456789XYZ"[left], layer="beam", on_maps=False, covers=False, sprite=sprites.STAMINA_BARS[left]
        )


@dataclass(frozen=True)
class Params:
    tree_probability: tuple = probability((0.05, 0.05))  # that a cell for trees bears an apple tree, a banana tree
    own_probability: float = probability(1.0)  # of a harvest of an agent's own kind, per step on a ripe tree
    other_probability: float = probability(0.04)  # of the other kind
    harvest: int = param(2, low=0, high=1000)  # fruit from a tree
    ripening: int = param(50, low=1)  # steps after which a tree is ripe again
    own_value: float = 1.0  # of eating a fruit of the agent's own kind
    other_value: float = 8.0  # of eating the other
    hunger_delay: int = param(50, low=1)  # steps without a meal after which each step costs stamina
    hunger_cost: int = param(1, low=0)
    water_cost: int = param(1, low=0)  # of stamina, for a step begun on water
    max_stamina: int = param(18, low=1)
    moves_per_stamina: int = param(2, low=1)  # moves that cost one of stamina
    yellow_from: int = param(1, low=0)  # stamina below which an agent is in the red, and rests after a move
    green_from: int = param(7, low=0)  # below which it is in the yellow
    red_rest: int = param(6, low=0)  # steps
    yellow_rest: int = param(2, low=0)
    trade_radius: int = param(4, low=0)
    max_steps: int = param(1000, low=1)


STATE = {
    "inventory": per_agent(shape=(2,), low=0, high=10**9),  # apples and bananas held
    "offer": per_agent(shape=(2,), low=-3, high=2),  # of apples and bananas, positive where they are wanted
    "hunger": per_agent(low=0),  # steps since the last meal
    "picked": per_cell(low=0, high="turn"),  # step in which the tree was harvested
    "oldest": per_world(low=-1, high="turn"),  # the earliest of these among trees that are still bare; -1 if none is
    # of rules.stamina and rules.grapple
    **{name: per_agent(low=0) for name in ("stamina", "efforts", "strained", "locked", "stunned")},
    "held_by": per_agent(low=0, high="n_agents"),
}


class Event(Events):
    APPLES_HARVESTED = auto()
    BANANAS_HARVESTED = auto()
    APPLES_EATEN = auto()
    BANANAS_EATEN = auto()
    TRADES = auto()
    HOLDS = auto()
    TRADE = events.pair("apples", "bananas", "offered_apples", "offered_bananas", says="traded with")  # what it got
    HOLD = events.pair("push", says="holds")  # who held whom, and 1 to shove, -1 to pull


@rule
def role(w, i):
    """Returns the fruit that agent ``i`` farms: 0 apples, 1 bananas."""
    return 1 if 2 * i >= w.n_agents else 0


@rule
def prepare(w):
    for i in range(w.n_agents):
        stamina.fill(w, i, w.p.max_stamina)
    for k in range(w.soil.shape[0]):
        u = draw.uniform(w)
        if u < w.p.tree_probability[0]:
            grid.put(w, w.soil[k, 0], w.soil[k, 1], Kind.APPLE_TREE)
        elif u < w.p.tree_probability[0] + w.p.tree_probability[1]:
            grid.put(w, w.soil[k, 0], w.soil[k, 1], Kind.BANANA_TREE)
    show_agents(w)


@rule
def make_offers(w):
    for i in range(w.n_agents):
        if w.action[i] > CANCEL:
            w.offer[i, 0], w.offer[i, 1] = OFFERS[w.action[i] - CANCEL - 1]
        elif w.action[i] == CANCEL:
            w.offer[i] = 0


@rule
def eat(w):
    for i in range(w.n_agents):
        w.hunger[i] += 1
        fruit = w.action[i] - EAT_APPLE
        if (fruit == 0 or fruit == 1) and w.inventory[i, fruit] > 0:
            w.inventory[i, fruit] -= 1
            w.hunger[i] = 0
            w.reward[i] += w.p.own_value if fruit == role(w, i) else w.p.other_value
            w.events[i, Event.APPLES_EATEN + fruit] += 1


@rule
def tire(w):
    """Goes by where agents stand before they move, as harvest and trade do."""
    for i in range(w.n_agents):
        band = stamina.band(w, i, w.p.yellow_from, w.p.green_from, w.p.green_from)
        stamina.lock(w, i, (w.p.red_rest, w.p.yellow_rest, 0, 0)[band])
        if w.hunger[i] >= w.p.hunger_delay:
            stamina.change(w, i, -w.p.hunger_cost, w.p.max_stamina)
        here = w.grid[w.pos[i, 0], w.pos[i, 1], w.layer[Kind.WATER]]
        moves = w.action[i] >= movement.FORWARD and w.action[i] <= movement.STEP_RIGHT
        stamina.spend(w, i, moves, here < Kind.APPLE_TREE, w.p.moves_per_stamina, w.p.max_stamina)
        if here == Kind.WATER:
            stamina.change(w, i, -w.p.water_cost, w.p.max_stamina)


@rule
def harvest(w):
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        fruit = w.grid[row, col, w.layer[Kind.APPLE_TREE]] - Kind.APPLE_TREE
        if fruit == 0 or fruit == 1:
            p = w.p.own_probability if fruit == role(w, i) else w.p.other_probability
            if draw.chance(w, p):
                w.inventory[i, fruit] += w.p.harvest
                w.events[i, Event.APPLES_HARVESTED + fruit] += w.p.harvest
                w.picked[row, col] = w.turn
                w.oldest[0] = w.turn if w.oldest[0] < 0 else w.oldest[0]
                grid.put(w, row, col, Kind.PICKED_APPLE_TREE + fruit)


@rule
def trade(w):
    standing = 0
    for i in range(w.n_agents):
        standing += stands(w, i)
    if standing > 1:
        draw.agent_order(w)
        for k in range(w.n_agents):
            if stands(w, w.order[k]):
                find_partner(w, w.order[k])


@rule
def stands(w, i):
    """Returns whether the offer of agent ``i`` is public: it gives and takes, and the agent holds what it gives."""
    enough = w.offer[i, 0] + w.inventory[i, 0] >= 0 and w.offer[i, 1] + w.inventory[i, 1] >= 0
    return enough and w.offer[i, 0] * w.offer[i, 1] < 0


@rule
def find_partner(w, i):
    """Trades with the first whose offer is among the best for agent ``i``, if that of ``i`` is so for the other too."""
    for k in range(w.n_agents):
        j = w.order[k]
        if is_best(w, i, j) and is_best(w, j, i):
            for fruit in range(2):
                taken = max(w.offer[i, fruit], 0) - max(w.offer[j, fruit], 0)  # each gets just what it asked for
                w.inventory[i, fruit] += taken
                w.inventory[j, fruit] -= taken
            note_trade(w, i, j)
            note_trade(w, j, i)
            w.offer[i] = 0
            w.offer[j] = 0
            return


@rule
def note_trade(w, i, j):
    w.events[i, Event.TRADES] += 1
    apples = max(w.offer[i, 0], 0) - max(w.offer[j, 0], 0)
    bananas = max(w.offer[i, 1], 0) - max(w.offer[j, 1], 0)
    events.note(w, i, Event.TRADE, j, apples, bananas, w.offer[i, 0], w.offer[i, 1])


@rule
def is_best(w, i, j):
    """Returns whether agent ``i`` could trade with ``j``, and with nobody who gives more and asks no more, or less."""
    if not could_trade(w, i, j):
        return False
    for k in range(w.n_agents):
        no_worse = w.offer[k, 0] <= w.offer[j, 0] and w.offer[k, 1] <= w.offer[j, 1]
        same = w.offer[k, 0] == w.offer[j, 0] and w.offer[k, 1] == w.offer[j, 1]
        if no_worse and not same and could_trade(w, i, k):
            return False
    return True


@rule
def could_trade(w, i, j):
    """Returns whether the offer of ``j`` stands nearby, and each gives at least what the other wants."""
    if i == j or not stands(w, j) or not is_near(w, i, j):
        return False
    for fruit in range(2):
        wanted = max(w.offer[i, fruit], w.offer[j, fruit])
        if wanted > 0 and w.offer[i, fruit] + w.offer[j, fruit] > 0:
            return False
    return True


@rule
def is_near(w, i, j):
    rows, cols = w.pos[i, 0] - w.pos[j, 0], w.pos[i, 1] - w.pos[j, 1]
    return rows * rows + cols * cols <= w.p.trade_radius * w.p.trade_radius


@rule
def walk(w):
    movement.unmark(w, Kind.APPLE_FARMER)
    movement.move(w)
    grapple.grapple(w, HOLD, Kind.HOLD_BEAM, Event.HOLDS, Event.HOLD)
    movement.thaw(w)


@rule
def ripen(w):
    """Looks through the trees only when one is due."""
    if w.oldest[0] >= 0 and w.turn - w.oldest[0] >= w.p.ripening:
        w.oldest[0] = -1
        for k in range(w.trees.shape[0]):
            row, col = w.trees[k, 0], w.trees[k, 1]
            lies, picked = w.grid[row, col, w.layer[Kind.APPLE_TREE]], w.picked[row, col]
            if lies >= Kind.PICKED_APPLE_TREE and w.turn - picked >= w.p.ripening:
                grid.put(w, row, col, lies - 2)
            elif lies >= Kind.PICKED_APPLE_TREE and (w.oldest[0] < 0 or picked < w.oldest[0]):
                w.oldest[0] = picked


@rule
def show_agents(w):
    stamina.show(w, Kind.BAR_0, SHOWN)
    for i in range(w.n_agents):
        grid.put(w, w.pos[i, 0], w.pos[i, 1], Kind.APPLE_FARMER + role(w, i))


@rule
def see(w, i, into):
    into[READY] = grapple.ready(w, i)
    into[STAMINA] = stamina.see(w, i, w.p.max_stamina)
    into[HUNGER] = w.hunger[i] / w.p.hunger_delay
    for fruit in range(2):
        into[INVENTORY + fruit] = w.inventory[i, fruit]
        into[MY_OFFER + fruit] = w.offer[i, fruit] if stands(w, i) else 0
    at = OTHERS
    for j in range(w.n_agents):
        if j != i and at < END and is_near(w, i, j):
            if stands(w, j):
                into[at] = w.offer[j, 0]
                into[at + 1] = w.offer[j, 1]
            at += 2


TREE = """
    ..FGGF..
    .GGoGGF.
    GoGGGoGF
    GGGoGGGF
    FGoGGoGF
    .FFnNFF.
    ...nN...
    ..nnNN..
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
    APPLE_TREE=sprites.pixels(TREE.replace("o", "r")),
    BANANA_TREE=sprites.pixels(TREE.replace("o", "y").replace("G", "l").replace("F", "G")),
    PICKED_APPLE_TREE=sprites.pixels(TREE.replace("o", "F")),
    PICKED_BANANA_TREE=sprites.pixels(TREE.replace("o", "G").replace("G", "l").replace("F", "G")),
)


MAP = Path(__file__).with_name("maps") / "fruit_market" / "concentric_rivers.txt"


class FruitMarket(Gridworld):
    kinds, params = Kind, Params
    maps = {"concentric_rivers": MAP.read_text()}
    sites = {"spawns": "P", "soil": "P~", "trees": "P~AB"}
    legend = {"x": (), **dict.fromkeys("/_+'#`!|(-)><", (Kind.WALL,))}
    layers = ("object", "role", "agent", "beam")
    n_agents = 16
    actions = ACTIONS
    scalars, observe = SCALARS, see
    state, events = STATE, Event
    start = (movement.scatter, prepare)
    rules = (make_offers, eat, tire, harvest, trade, walk, ripen, show_agents, episode.time_limit)
