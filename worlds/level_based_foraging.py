"""Level-based foraging: food has a level, and only those who load it together and are strong enough get it.

Dilemma and source
    Alone for small food, or wait for partners. Albrecht and Ramamoorthy 2013, "A game-theoretic model and best-response
    learning method for ad hoc coordination in multiagent systems"; Christianos et al. 2020, "Shared experience
    actor-critic". Rules as in version 3 of their environment, in ``socialjax`` as in SocialJax.
Actions
    noop, up, down, left, right, load. ``load`` is of the food above, below, to the left or to the right, the first that
    there is.
Observation
    A square around the agent, north up, that shows the whole field, or in presets named ``2s-`` two cells to each
    side. Food and agents wear their levels.
Rewards
    Who loads the same food in a step gets it if their levels add up to its own, and shares by level: the share in the
    loaders' levels times the food's share in all food. ``socialjax``: the food's level counts in place of its share,
    and who loads in vain pays 0.1.
Ends when
    No food is left; truncated at step 50, in ``socialjax`` at step 100.
Parameters
    See ``Params``. The preset ``8x8-2p-2f-coop`` is a field of that size, two players, two pieces of food, each of
    which takes the three weakest players together. Digits on a map are food, which lies there beside what is drawn.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, per_agent, per_world, rule, sprites
from sorrelsim.rules import draw, episode, events, grid, movement, together

ACTIONS = ("noop", *movement.ABSOLUTE, "load")
FIRST_MOVE, LOAD = ACTIONS.index("up"), ACTIONS.index("load")
STRONGEST, LARGEST = 3, 9  # levels of agents and of food: the three weakest agents can always load it


def food(level):
    return kind(str(level), solid=True)


def badge(glyph):
    """What an agent of a level wears."""
    return kind(glyph, layer="mark", on_maps=False)


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    FOOD_1, FOOD_2, FOOD_3, FOOD_4, FOOD_5, FOOD_6, FOOD_7, FOOD_8, FOOD_9 = map(food, range(1, LARGEST + 1))
    LEVEL_1, LEVEL_2, LEVEL_3 = map(badge, "abc")


@dataclass(frozen=True)
class Params:
    max_level: int = param(2, low=1, high=STRONGEST)  # of agents, each drawn from 1 on
    max_food_level: int = param(0, low=0, high=LARGEST)  # 0: the sum of the three weakest agents' levels
    coop: bool = False  # all food has the highest level, else each is drawn from 1 on
    n_food: int = param(3, low=0, high=100)
    apart: bool = True  # no food on the border, in the 8 cells around other food, or two straight from it
    tries: int = param(1000, low=0)  # random cells that are tried for food, in all
    normalized: bool = True  # pay is divided by the levels of all food
    failed_value: float = 0.0  # to each who loads in vain
    lots: bool = False  # a cell that several head for goes to one of them, and nobody swaps; else to nobody
    max_steps: int = param(50, low=1)


STATE = {
    "level": per_agent(low=1, high=STRONGEST),
    "course": per_agent(low=together.STAY, high=3),  # the way that the agent goes in this step
    "aim": per_agent(low=together.STAY, high=3),  # where the food lies that it loads
    "left": per_world(low=0),  # pieces of food still there
    "levels": per_world(low=0),  # of all the food of the episode, together
}


class Event(Events):
    FOOD_LOADED = auto()
    FAILED_LOADS = auto()
    LOADED_WITH = events.pair("food", says="loaded food with")  # who loaded with whom, and a food of which level


@rule
def draw_levels(w):
    for i in range(w.n_agents):
        w.level[i] = 1 + draw.below(w, w.p.max_level)
    show_levels(w)


@rule
def show_levels(w):
    for i in range(w.n_agents):
        if w.out[i] == 0:
            grid.put(w, w.pos[i, 0], w.pos[i, 1], Kind.LEVEL_1 + w.level[i] - 1)


@rule
def weakest_three(w):
    """Returns the sum of the three lowest levels of agents."""
    total, found = 0, 0
    for level in range(1, STRONGEST + 1):
        for i in range(w.n_agents):
            if w.level[i] == level and found < 3:
                total += level
                found += 1
    return total


@rule
def lay_food(w):
    for k in range(w.food.shape[0]):  # what the map has
        w.left[0] += 1
        w.levels[0] += food_level(w, w.food[k, 0], w.food[k, 1])
    top = w.p.max_food_level if w.p.max_food_level > 0 else weakest_three(w)
    wanted, tries, border = w.p.n_food, w.p.tries, 1 if w.p.apart else 0
    while wanted > 0 and tries > 0:
        tries -= 1
        row = border + draw.below(w, w.height - 2 * border)
        col = border + draw.below(w, w.width - 2 * border)
        if grid.is_free(w, row, col) and not (w.p.apart and is_near_food(w, row, col)):
            level = top if w.p.coop else 1 + draw.below(w, top)
            grid.put(w, row, col, Kind.FOOD_1 + level - 1)
            w.left[0] += 1
            w.levels[0] += level
            wanted -= 1


@rule
def food_level(w, row, col):
    """Returns the level of the food in a cell, 0 or less if there is none."""
    return w.grid[row, col, w.layer[Kind.FOOD_1]] - Kind.WALL


@rule
def is_near_food(w, row, col):
    """Returns whether food lies in the 8 cells around, or two straight from there."""
    for r in range(max(row - 2, 0), min(row + 3, w.height)):
        for c in range(max(col - 2, 0), min(col + 3, w.width)):
            near = r == row or c == col or (abs(r - row) < 2 and abs(c - col) < 2)
            if near and food_level(w, r, c) > 0:
                return True
    return False


@rule
def walk(w):
    movement.unmark(w, Kind.LEVEL_1)
    for i in range(w.n_agents):
        move = w.action[i] - FIRST_MOVE
        w.course[i] = movement.heading(move) if move >= 0 and move < 4 else together.STAY
    together.walk(w, w.course, w.p.lots)
    show_levels(w)


@rule
def load(w):
    for i in range(w.n_agents):
        w.aim[i] = food_beside(w, i) if w.action[i] == LOAD and w.out[i] == 0 else together.STAY
    for i in range(w.n_agents):
        if w.aim[i] >= 0:
            row, col = movement.ahead(w, i, w.aim[i])
            strength = 0
            for j in range(w.n_agents):
                strength += w.level[j] if aims_at(w, j, row, col) else 0
            settle(w, row, col, strength)


@rule
def food_beside(w, i):
    for move in range(4):
        direction = movement.heading(move)
        row, col = movement.ahead(w, i, direction)
        if grid.inside(w, row, col) and food_level(w, row, col) > 0:
            return direction
    return together.STAY


@rule
def aims_at(w, i, row, col):
    if w.aim[i] < 0:
        return False
    there = movement.ahead(w, i, w.aim[i])
    return there[0] == row and there[1] == col


@rule
def settle(w, row, col, strength):
    """Pays all who load the food in a cell, with so many levels together, and is done with them."""
    level = food_level(w, row, col)
    loaded = strength >= level
    for i in range(w.n_agents):
        if aims_at(w, i, row, col):
            if loaded:
                w.reward[i] += w.level[i] * level / (strength * (w.levels[0] if w.p.normalized else 1))
                w.events[i, Event.FOOD_LOADED] += 1
                for j in range(w.n_agents):
                    if j != i and aims_at(w, j, row, col):
                        events.note(w, i, Event.LOADED_WITH, j, level)
            else:
                w.reward[i] += w.p.failed_value
                w.events[i, Event.FAILED_LOADS] += 1
    for i in range(w.n_agents):
        if aims_at(w, i, row, col):
            w.aim[i] = together.STAY
    if loaded:
        grid.take(w, row, col, Kind.FOOD_1)
        w.left[0] -= 1


@rule
def end(w):
    if w.left[0] == 0:
        episode.terminate(w)
    episode.time_limit(w)


SOCIALJAX = """
WWWWWWWW
W      W
W  PP  W
W      W
W  PP  W
W      W
WWWWWWWW
"""

FRUIT = sprites.pixels("""
    ....nGG.
    .rrrnrG.
    rrrrrrrr
    rrrrrrrr
    rrrrrrrr
    rrrrrrrr
    rrrrrrrR
    .rrrrRR.
""")
BADGE = sprites.pixels("""
    ........
    ..kkkkk.
    ..kkkkk.
    ..kkkkk.
    ..kkkkk.
    ..kkkkk.
    ..kkkkk.
    ..kkkkk.
""")
Kind.paint(
    **{f"FOOD_{k}": sprites.numbered(k, "w", FRUIT) for k in range(1, LARGEST + 1)},
    **{f"LEVEL_{k}": sprites.numbered(k, "w", BADGE) for k in range(1, STRONGEST + 1)},
)


def benchmark(size, n_agents, n_food, coop, sight):
    """Returns a benchmark's usual name, and what it sets; it shows the whole field if no sight is given."""
    name = f"{f'{sight}s-' if sight else ''}{size}x{size}-{n_agents}p-{n_food}f{'-coop' if coop else ''}"
    window = Window.centred(sight or size)
    return name, {"map": f"{size}x{size}", "n_agents": n_agents, "n_food": n_food, "coop": coop, "window": window}


BENCHMARKS = (
    (8, 2, 3, False),
    (8, 2, 2, True),
    (10, 3, 3, False),
    (15, 3, 5, False),
    (15, 4, 3, False),
    (15, 4, 5, False),
)


class LevelBasedForaging(Gridworld):
    kinds, params = Kind, Params
    maps = {f"{n}x{n}": "\n".join(["P" * n] * n) for n in (8, 10, 15)} | {"socialjax": SOCIALJAX}
    sites = {"spawns": "P", "food": "123456789"}
    needs = {"rows": 3, "columns": 3}
    layers = ("object", "agent", "mark")
    n_agents = 2
    actions = ACTIONS
    window = Window.centred(8)
    state = STATE
    events = Event
    start = (movement.scatter, draw_levels, lay_food)
    rules = (walk, load, end)
    presets = {
        **dict(benchmark(*each, sight) for sight in (0, 2) for each in BENCHMARKS),
        "socialjax": {
            "map": "socialjax", "n_agents": 4, "window": Window(4, 3, 4, 3, rotate=False), "n_food": 4, "tries": 4,
            "apart": False, "max_food_level": 3, "normalized": False, "failed_value": -0.1, "lots": True,
            "max_steps": 100,
        },
    }  # fmt: skip
