"""Collaborative Cooking: three tomatoes make a soup, and a narrow kitchen makes getting in each other's way easy.

Dilemma and source
    None: all are paid alike, and what is hard is to share out the work. Carroll et al. 2019, "On the utility of
    learning about humans for human-AI coordination"; Strouse et al. 2021, "Collaborating with humans without
    human data"; rules as in Melting Pot 2 (``collaborative_cooking``). A preset is one of its seven kitchens.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, interact. ``interact``, at most every second
    step, is with the cell ahead: a counter takes one item or gives it back, a dispenser fills an empty hand; each
    serves only the first of a step. A pot takes three tomatoes, cooks, and then fills a dish; a delivery takes the
    soup.
Observation
    5 x 5 cells, 3 ahead, rotated to the agent's facing. Items are seen on counters and in hands, in a pot its
    tomatoes, and over a full one how far it is: at ``cooked`` a dish can be filled.
Rewards
    +20 to every agent for a soup delivered.
Ends when
    1000 steps have passed (a truncation).
Parameters
    See ``Params``. ``tomato_value`` and ``soup_value``, 0 unless set, go to whoever drops a tomato into a pot, and
    takes a soup out of it.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, per_agent, per_cell, rule, sprites
from sorrelsim.rules import beams, draw, episode, events, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "interact")
INTERACT = ACTIONS.index("interact")
EMPTY, TOMATO, DISH, SOUP = range(4)  # what a hand holds, in the order of the kinds


def bars(glyphs):
    """The looks of a full pot, by tenths of its cooking."""
    return [kind(glyph, layer="item", on_maps=False) for glyph in glyphs]


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    COUNTER = kind("=", solid=True)
    TOMATOES = kind("O", solid=True)  # dispensers
    DISHES = kind("D", solid=True)
    POT = kind("C", solid=True)
    DELIVERY = kind("T", solid=True)
    TOMATO = kind("t", layer="item", on_maps=False)  # items lie on counters and in the cells of those who carry them
    DISH = kind("d", layer="item", on_maps=False)
    SOUP = kind("s", layer="item", on_maps=False)
    FILLED_1 = kind(".", layer="item", on_maps=False)  # what is in a pot
    FILLED_2 = kind(":", layer="item", on_maps=False)
    COOKING_0, COOKING_1, COOKING_2, COOKING_3, COOKING_4 = bars("01234")
    COOKING_5, COOKING_6, COOKING_7, COOKING_8, COOKING_9 = bars("56789")
    COOKED = kind("!", layer="item", on_maps=False)


@dataclass(frozen=True)
class Params:
    delivery_value: float = 20.0  # to every agent, for a soup delivered
    tomato_value: float = 0.0  # to who drops a tomato into a pot; Carroll et al. shape with 3
    soup_value: float = 0.0  # to who takes a soup out of a pot; Carroll et al. shape with 5
    pot_size: int = param(3, low=1, high=3)  # tomatoes to a soup
    cooking_steps: int = param(20, low=1, high=10**6)
    cooldown: int = param(1, low=0)  # steps between two interacts
    max_steps: int = param(1000, low=1)


STATE = {
    "held": per_agent(low=EMPTY, high=SOUP),
    "wait": per_agent(low=0),  # steps until the agent can interact again
    "served": per_cell(low=0, high="turn"),  # step in which the counter or dispenser there served last
    "laid_by": per_cell(low=0, high="n_agents"),  # the slot that laid the item on the counter there, plus 1
    "tomatoes": per_cell(low=0, high="pot_size"),  # in the pot there
    "filled": per_cell(low=0, high="turn"),  # step in which its last tomato came
}


class Event(Events):
    ITEM_DROPPED_INTO_POT = auto()
    COOKED_FOOD_COLLECTED_FROM_POT = auto()
    RECEIVER_ACCEPTED_ITEM = auto()
    HANDED_OVER = events.pair("item", says="handed something to")  # over a counter: 1 tomato, 2 dish, 3 soup


@rule
def walk(w):
    """What agents carry lies in their cells between steps only."""
    movement.unmark(w, Kind.TOMATO)
    movement.move(w)


@rule
def interact(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if beams.fires(w, i, w.wait, INTERACT, w.p.cooldown):
            row, col = movement.ahead(w, i, w.facing[i])
            if grid.inside(w, row, col):
                use(w, i, row, col, w.grid[row, col, w.layer[Kind.COUNTER]])


@rule
def use(w, i, row, col, thing):
    if thing == Kind.POT:
        cook(w, i, row, col)
    elif thing == Kind.DELIVERY:
        deliver(w, i)
    elif w.served[row, col] != w.turn:
        w.served[row, col] = w.turn  # even if nothing comes of it
        if thing == Kind.COUNTER:
            lay_or_take(w, i, row, col)
        elif thing == Kind.TOMATOES and w.held[i] == EMPTY:
            w.held[i] = TOMATO
        elif thing == Kind.DISHES and w.held[i] == EMPTY:
            w.held[i] = DISH


@rule
def lay_or_take(w, i, row, col):
    """An item goes from a full hand to an empty counter, or the other way."""
    lies = w.grid[row, col, w.layer[Kind.TOMATO]]
    if w.held[i] != EMPTY and lies == 0:
        grid.put(w, row, col, item(w.held[i]))
        w.held[i] = EMPTY
        w.laid_by[row, col] = i + 1
    elif w.held[i] == EMPTY and lies >= Kind.TOMATO and lies <= Kind.SOUP:
        grid.take(w, row, col, lies)
        w.held[i] = TOMATO + lies - Kind.TOMATO
        giver = w.laid_by[row, col] - 1
        if giver >= 0 and giver != i:
            events.note_at(w, giver, Event.HANDED_OVER, i, row, col, w.held[i])


@rule
def item(held):
    """The kind of what is held."""
    return Kind.TOMATO + held - TOMATO


@rule
def cook(w, i, row, col):
    full = w.tomatoes[row, col] >= w.p.pot_size
    if w.held[i] == TOMATO and not full:
        w.held[i] = EMPTY
        w.tomatoes[row, col] += 1
        w.filled[row, col] = w.turn
        w.reward[i] += w.p.tomato_value
        w.events[i, Event.ITEM_DROPPED_INTO_POT] += 1
    elif w.held[i] == DISH and full and w.turn - w.filled[row, col] > w.p.cooking_steps:
        w.held[i] = SOUP
        w.tomatoes[row, col] = 0  # at once: others can add to it in this very step
        w.reward[i] += w.p.soup_value
        w.events[i, Event.COOKED_FOOD_COLLECTED_FROM_POT] += 1


@rule
def deliver(w, i):
    if w.held[i] == SOUP:
        w.held[i] = EMPTY
        w.events[i, Event.RECEIVER_ACCEPTED_ITEM] += 1
        for j in range(w.n_agents):
            w.reward[j] += w.p.delivery_value


@rule
def show(w):
    """Lays what agents carry over them, and over each pot what is in it."""
    for i in range(w.n_agents):
        if w.out[i] == 0 and w.held[i] != EMPTY:
            grid.put(w, w.pos[i, 0], w.pos[i, 1], item(w.held[i]))
    for k in range(w.pots.shape[0]):
        row, col = w.pots[k, 0], w.pots[k, 1]
        tomatoes, look = w.tomatoes[row, col], 0
        if tomatoes >= w.p.pot_size:
            look = Kind.COOKING_0 + min(10 * (w.turn - w.filled[row, col]) // w.p.cooking_steps, 10)
        elif tomatoes > 0:
            look = Kind.FILLED_1 + tomatoes - 1
        w.grid[row, col, w.layer[Kind.FILLED_1]] = look


KITCHENS = {"cramped": 2, "asymmetric": 2, "circuit": 2, "forced": 2, "ring": 2, "crowded": 9, "figure_eight": 6}
FOLDER = Path(__file__).with_name("maps") / "collaborative_cooking"
MAPS = {name: FOLDER.joinpath(f"{name}.txt").read_text() for name in KITCHENS}

FULL = """
........
..rrrr..
.rrrorr.
.rorrrr.
.rrrrrr.
..rrro..
........
"""


def cooking(tenths):
    """A full pot, and below it a bar of five, each worth two tenths; green once it is cooked."""
    done = "l" * 5 if tenths == 10 else "y" * (tenths // 2) + "t" * (tenths % 2)
    return sprites.pixels(f"{FULL}.{done.ljust(5, 'w')}..")


Kind.paint(
    COUNTER=sprites.pixels("""
        nnnnnnnN
        nttttttN
        nttttttN
        nttttttN
        nttttttN
        nttttttN
        nttttttN
        NNNNNNNN
    """, t=(178, 132, 84)),
    TOMATOES=sprites.pixels("""
        dddddddd
        ddGddGdd
        drrrdrrr
        drorGror
        drrrrrrr
        dddrordd
        dddrrrdd
        dddddddd
    """),
    DISHES=sprites.pixels("""
        dddddddd
        ddwwwwdd
        dwsssswd
        dwsggswd
        dwsggswd
        dwsssswd
        ddwwwwdd
        dddddddd
    """),
    POT=sprites.pixels("""
        nnnnnnnN
        nnssssnN
        nskkkksN
        skkkkkks
        skkkkkks
        nskkkksN
        nnssssnN
        NNNNNNNN
    """),
    DELIVERY=sprites.pixels("""
        FFFFFFFF
        FFFllFFF
        FFllllFF
        FllllllF
        FFFllFFF
        FFFllFFF
        FFFllFFF
        FFFFFFFF
    """),
    TOMATO=sprites.pixels("""
        ........
        ........
        ........
        ....GG..
        ...rrrr.
        ...rwrrR
        ...rrrrR
        ....rRR.
    """),
    DISH=sprites.pixels("""
        ........
        ........
        ........
        ........
        ..wwwww.
        .wwssswg
        ..wwwwg.
        ...ggg..
    """),
    SOUP=sprites.pixels("""
        ........
        ........
        ...w.w..
        ..w.w...
        ..wwwww.
        .wrrorwg
        ..wwwwg.
        ...ggg..
    """),
    FILLED_1=sprites.pixels("""
        ........
        ........
        ...rr...
        ..rrrr..
        ...rr...
        ........
        ........
        ........
    """),
    FILLED_2=sprites.pixels("""
        ........
        ........
        ..rrr...
        ..rrrrr.
        ..rrrrr.
        ....rr..
        ........
        ........
    """),
    **{kind.name: cooking(kind - Kind.COOKING_0) for kind in Kind if kind >= Kind.COOKING_0},
)  # fmt: skip


class CollaborativeCooking(Gridworld):
    kinds, params = Kind, Params
    maps = MAPS
    sites = {"spawns": "P", "pots": "C"}
    legend = {"#": (Kind.COUNTER,)}
    layers = ("object", "agent", "item")
    n_agents = 2
    actions = ACTIONS
    window = Window(3, 1, 2, 2)
    state = STATE
    events = Event
    start = (movement.scatter,)
    rules = (walk, interact, show, episode.time_limit)
    presets = {name: {"map": name, "n_agents": n} for name, n in KITCHENS.items()}
