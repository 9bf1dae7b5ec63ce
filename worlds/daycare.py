"""Daycare: a child cannot reach the fruit that it needs, and its parent cannot tell which fruit that is.

Dilemma and source
    Understanding what another wants. The child starves without bananas but cannot pick from trees; to the parent all
    fruit looks and pays the same. Rules as in Melting Pot 2 (``daycare``); Agapiou et al. 2022, "Melting Pot 2.0".
    Even slots are children, and the next slot is the parent of each.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, eat, grasp. ``eat`` eats the fruit that is
    held. ``grasp``, if it was not the action before too, takes the fruit in the cell ahead, and lets go of what is held
    where no tree stands. A parent picks from trees and shrubs, a child only from shrubs, and then with probability 0.3;
    both may take what lies or is held by another. What is held stays in the cell ahead, over everything but other
    picked fruit.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``hunger``: for a child the time left over all of it, 0
    while it is out, for a parent 1. Children see trees as shrubs, parents see bananas as apples.
Rewards
    A banana pays a child 1 and fills it up, an apple nothing. Either pays a parent 1, but nothing while no child
    is in the world. A child that has had no banana for 200 steps is out for 100, then comes back beside its parent.
Ends when
    1000 steps have passed (a truncation).
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_cell, per_site, probability, rule, sprites
from sorrelsim.rules import draw, episode, events, grasp, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "eat", "grasp")
EAT, GRASP = map(ACTIONS.index, ("eat", "grasp"))
SPECIES = 4  # of trees; a bare one plus this is one that bears fruit


class Kind(Kinds):
    WALL = kind("W", layer="ground", solid=True, opaque=False, sprite=sprites.WALL)
    APPLE_TREE = kind("T", layer="ground")
    BANANA_TREE = kind("B", layer="ground")
    APPLE_SHRUB = kind("s", layer="ground")
    BANANA_SHRUB = kind("b", layer="ground")
    APPLE_IN_TREE = kind("A", layer="ground", on_maps=False)
    BANANA_IN_TREE = kind("N", layer="ground", on_maps=False)
    APPLE_IN_SHRUB = kind("i", layer="ground", on_maps=False)
    BANANA_IN_SHRUB = kind("u", layer="ground", on_maps=False)
    APPLE = kind("a", layer="fruit", on_maps=False, sprite=sprites.APPLE)  # picked
    BANANA = kind("n", layer="fruit", on_maps=False)
    GRASP = kind("*", layer="beam", sprite=sprites.plain("t", opacity=70))
    CHILD = kind("c", layer="beam", sprite=sprites.pixels("..mmmm..\n.m....m.\n" + "........\n" * 6))


@dataclass(frozen=True)
class Params:
    trees: tuple = param((0.8, 0.15, 0.03, 0.01, 0.01), low=0)  # shares of sites: none, Kind.APPLE_TREE and the next
    child_grasp: float = probability(0.3)  # that a child picks from a shrub
    child_banana_value: float = 1.0
    child_apple_value: float = 0.0
    parent_value: float = 1.0  # of any fruit to a parent, while a child is in the world
    hunger_steps: int = param(200, low=1)  # that a child lives without a banana
    away_steps: int = param(100, low=1)  # that it is out then
    regrowth_steps: int = param(50, low=0)  # from a meal until the fruit hangs there again
    max_steps: int = param(1000, low=1)


STATE = {
    "hunger": per_agent(low=0, high="hunger_steps"),  # steps that a child has left
    "pressed": per_agent(low=0, high=1),  # whether its last action was grasp
    "reaches": per_agent(low=0, high=1),  # whether it grasps in this step, be it to hold on
    "grip": per_agent(low=0, high=4),  # these two: see rules.grasp
    "grip_at": per_agent(shape=(2,), low=0, high=("height - 1", "width - 1")),
    "held": per_agent(low=0, high="trees"),  # number of the fruit in its hand: that of its tree's site, from 1
    "lying": per_cell(low=0, high="trees"),  # number of the picked fruit that lies there, in nobody's hand
    "site_of": per_cell(low=0, high="trees"),  # number of the site there, from 1
    "species": per_site("trees", low=0, high=SPECIES),  # which kind of tree stands there, from 1; 0 none
    "eaten": per_site("trees", low=0, high="turn"),  # step in which its fruit was eaten; 0 it was not
    "dropped": per_site("trees", low=0, high="n_agents"),  # who let go of its fruit first, slot plus 1
}


class Event(Events):
    FAILED_GRASPS = auto()
    FRUIT_PICKED = auto()
    FRUIT_DROPPED = auto()  # for the first time since it was picked
    APPLES_EATEN = auto()
    BANANAS_EATEN = auto()
    HUNGER_RESETS = auto()
    TIMES_OUT = auto()
    RETURNS = auto()
    TAKEN = events.pair("is_banana", says="took fruit from")  # who took fruit out of whose hands
    FED = events.pair("is_banana", says="fed")  # who let go first of the fruit that another ate


@rule
def is_child(i):
    return i % 2 == 0


@rule
def plant(w):
    for i in range(w.n_agents):
        w.hunger[i] = w.p.hunger_steps
    for k in range(w.trees.shape[0]):
        row, col = w.trees[k, 0], w.trees[k, 1]
        w.site_of[row, col] = k + 1
        lies = w.grid[row, col, w.layer[Kind.APPLE_TREE]]  # on a map that says what stands there
        w.species[k] = lies - Kind.WALL if lies > 0 else draw.weighted(w, w.p.trees)
        if w.species[k] > 0:
            grid.put(w, row, col, Kind.WALL + w.species[k])


@rule
def starve(w):
    """Children whose time is up leave before anything else happens."""
    for i in range(w.n_agents):
        if is_child(i) and w.out[i] == 0:
            w.hunger[i] -= 1
            if w.hunger[i] <= 0:
                if w.held[i] > 0:
                    use_up(w, i)
                movement.remove(w, i, w.p.away_steps + 1)
                w.events[i, Event.TIMES_OUT] += 1


@rule
def use_up(w, i):
    """The fruit that agent ``i`` holds is gone; returns which one."""
    grid.take(w, w.grip_at[i, 0], w.grip_at[i, 1], Kind.APPLE)
    k = w.held[i] - 1
    w.grip[i] = w.held[i] = 0
    w.eaten[k] = w.turn
    return k


@rule
def is_banana(w, k):
    return w.species[k] % 2 == 0


@rule
def eat(w):
    for i in range(w.n_agents):
        if w.out[i] == 0 and w.action[i] == EAT and w.held[i] > 0:
            k = use_up(w, i)
            banana = is_banana(w, k)
            w.events[i, Event.BANANAS_EATEN if banana else Event.APPLES_EATEN] += 1
            if not is_child(i):
                w.reward[i] += w.p.parent_value if has_company(w) else 0.0
            elif banana:
                w.reward[i] += w.p.child_banana_value
                w.hunger[i] = w.p.hunger_steps
                w.events[i, Event.HUNGER_RESETS] += 1
            else:
                w.reward[i] += w.p.child_apple_value
            if w.dropped[k] > 0 and w.dropped[k] != i + 1:
                events.note(w, w.dropped[k] - 1, Event.FED, i, banana)


@rule
def has_company(w):
    """Returns whether a child was in the world when the step began; one that left in this step was."""
    children = 0
    for i in range(0, w.n_agents, 2):
        children += w.out[i] == 0 or w.out[i] > w.p.away_steps + 1
    return children > 0


@rule
def bear(w):
    """Trees are bare before the first step; fruit that was eaten hangs on its own tree again."""
    for k in range(w.trees.shape[0]):
        back = w.eaten[k] > 0 and w.turn - w.eaten[k] > w.p.regrowth_steps
        if (back or w.turn == 1) and w.species[k] > 0:
            grid.put(w, w.trees[k, 0], w.trees[k, 1], Kind.WALL + SPECIES + w.species[k])
            w.eaten[k] = w.dropped[k] = 0


@rule
def come_back(w):
    """A child returns beside its parent, or where it was itself if that is blocked, as the parent's own cell is."""
    for i in range(w.n_agents):
        if movement.is_due(w, i):
            row, col = movement.near(w, i + 1 if i + 1 < w.n_agents else max(i - 1, 0))
            if not grid.is_free(w, row, col):
                row, col = w.pos[i, 0], w.pos[i, 1]
            if grid.is_free(w, row, col):
                w.out[i] = 0
                w.facing[i] = 0
                movement.place(w, i, row, col)
                w.hunger[i] = w.p.hunger_steps
                w.events[i, Event.RETURNS] += 1


@rule
def move(w):
    """Moves of a child that is out shift the place where it will be, through everything."""
    for i in range(w.n_agents):
        if w.out[i] > 0:
            direction = movement.course(w, i)
            movement.rotate(w, i)
            if direction >= 0:
                row, col = movement.ahead(w, i, direction)
                if grid.inside(w, row, col):
                    w.pos[i, 0], w.pos[i, 1] = row, col
    grasp.move(w, Kind.GRASP)


@rule
def reach_out(w):
    """First some let go; then the others reach out, in random order, those who hold something to hold on to it."""
    for i in range(w.n_agents):
        anew = w.action[i] == GRASP and w.pressed[i] == 0
        holds = w.held[i] > 0
        if holds and anew:
            let_go(w, i)
        w.reaches[i] = w.out[i] == 0 and holds != anew
        w.pressed[i] = w.action[i] == GRASP
    draw.agent_order(w)
    for n in range(w.n_agents):
        i = w.order[n]
        row, col = movement.ahead(w, i, w.facing[i])
        if w.reaches[i] > 0 and grid.inside(w, row, col):
            grid.put(w, row, col, Kind.GRASP)
            if w.held[i] == 0:
                take(w, i, row, col)


@rule
def show_children(w):
    for i in range(w.n_agents):
        if is_child(i) and w.out[i] == 0:
            grid.put(w, w.pos[i, 0], w.pos[i, 1], Kind.CHILD)


@rule
def let_go(w, i):
    """What is held over a tree cannot be let go."""
    row, col, k = w.grip_at[i, 0], w.grip_at[i, 1], w.held[i] - 1
    if w.grid[row, col, w.layer[Kind.APPLE_TREE]] <= Kind.WALL:
        w.lying[row, col] = w.held[i]
        w.grip[i] = w.held[i] = 0
        if w.dropped[k] == 0:
            w.dropped[k] = i + 1
            w.events[i, Event.FRUIT_DROPPED] += 1


@rule
def take(w, i, row, col):
    """Agent ``i``, whose hand is empty, takes the picked fruit in a cell, out of another's hand too, or picks one."""
    lies = w.grid[row, col, w.layer[Kind.APPLE_TREE]]
    if w.grid[row, col, w.layer[Kind.APPLE]] != 0:
        other = grasp.holder(w, Kind.APPLE, row, col)
        if other >= 0 and w.held[other] > 0:
            events.note(w, i, Event.TAKEN, other, is_banana(w, w.held[other] - 1))
            w.lying[row, col] = w.held[other]
            w.grip[other] = w.held[other] = 0
    elif lies >= Kind.APPLE_IN_TREE and w.site_of[row, col] > 0:
        if is_child(i) and (lies < Kind.APPLE_IN_SHRUB or not draw.chance(w, w.p.child_grasp)):
            w.events[i, Event.FAILED_GRASPS] += 1
            return
        w.lying[row, col] = w.site_of[row, col]
        grid.put(w, row, col, lies - SPECIES)
        grid.put(w, row, col, Kind.BANANA if is_banana(w, w.site_of[row, col] - 1) else Kind.APPLE)
        w.events[i, Event.FRUIT_PICKED] += 1
    if w.lying[row, col] > 0:
        w.held[i] = w.lying[row, col]
        w.lying[row, col] = 0
        w.grip[i] = w.layer[Kind.APPLE] + 1
        w.grip_at[i, 0], w.grip_at[i, 1] = row, col


@rule
def see_hunger(w, i, into):
    into[0] = w.hunger[i] / w.p.hunger_steps if is_child(i) else 1.0


ROW = "W" + "~" * 18 + "W"
GARDEN = "\n".join(["W" * 20, *[ROW] * 4, *["W~~~~~~~PPP~~~~~~~~W"] * 3, *[ROW] * 4, "W" * 20])

TREE = """
    ..1111..
    .121121.
    11211121
    1fg11f11
    .1gf1g1.
    ..1nn1..
    ...nn...
    ..nnnn..
"""
SHRUB = """
    ........
    ........
    ..1111..
    .1f12g1.
    11g11f12
    1211f121
    .1n2gn1.
    ..nnnn..
"""
LEAVES = {"APPLE": {"1": (30, 104, 58), "2": (56, 140, 78)}, "BANANA": {"1": (92, 150, 40), "2": (146, 196, 70)}}
RIPE = {"APPLE": {"f": (222, 52, 58), "g": (150, 28, 40)}, "BANANA": {"f": (250, 220, 70), "g": (206, 160, 30)}}


def grown(art, fruit, bears):
    leaves = LEAVES[fruit]
    return sprites.pixels(art, **leaves, **(RIPE[fruit] if bears else {"f": leaves["1"], "g": leaves["2"]}))


Kind.paint(
    **{
        f"{fruit}{joint}{name}": grown(art, fruit, bears=joint == "_IN_")
        for joint in ("_", "_IN_")
        for fruit in LEAVES
        for name, art in (("TREE", TREE), ("SHRUB", SHRUB))
    },
    BANANA=sprites.pixels("""
        .....nn.
        ......y.
        .....Yy.
        ....Yyy.
        ...Yyyy.
        YYYyyyy.
        .yyyyy..
        ...yy...
    """),
)  # fmt: skip

# To a child every tree is a shrub; to a parent every fruit is an apple.
CHILD_SEES = {each: Kind[each.name.replace("TREE", "SHRUB")] for each in Kind if "TREE" in each.name}
PARENT_SEES = {each: Kind[each.name.replace("BANANA", "APPLE")] for each in Kind if "BANANA" in each.name}


class Daycare(Gridworld):
    kinds, params = Kind, Params
    maps = {"garden": GARDEN}
    sites = {"spawns": "P", "trees": "~TBsb"}
    legend = dict.fromkeys("/_+!|()-", (Kind.WALL,))
    layers = ("ground", "fruit", "agent", "beam")
    n_agents = 2
    actions = ACTIONS
    scalars = {"hunger": 1}
    observe = see_hunger
    seen_as = {range(0, 1000, 2): CHILD_SEES, range(1, 1000, 2): PARENT_SEES}
    state = STATE
    events = Event
    start = (movement.scatter, plant, show_children)
    rules = (starve, eat, bear, come_back, move, reach_out, show_children, episode.time_limit)
