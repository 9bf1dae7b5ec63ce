"""Predator and Prey: prey that keep together cannot be eaten, and whoever keeps together finds less to eat.

Dilemma and source
    Prey: safe together, or first at the food. Predators compete. Rules as in Melting Pot 2 (``predator_prey``);
    Leibo et al. 2021, "Scalable evaluation of multi-agent reinforcement learning with Melting Pot".
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, interact. With ``interact`` a predator bites
    what stands ahead of it, a prey begins to eat the acorn that it carries. To do anything tires, and who is tired must
    stand still after each. Grass keeps predators out; their bite reaches its edge.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``stamina`` in [0, 1]. On agents: fur or the colour of a
    prey, raised arms or a meal, the acorn in a hand, a bar of stamina once that is less than 13.
Rewards
    Prey: +1 for an apple, +18 in three bites for an acorn, a meal of 26 steps. Predators: +1 for a prey. A prey is
    safe if within 3 cells more prey than predators are ready, itself included: not exhausted, and not at a meal.
    Predators eat one another for nothing, and tire of it. The eaten are out for 200 steps.
Ends when
    1000 steps have passed (a truncation).
Parameters
    See ``Params``. The first ``n_predators`` slots are predators. Bands of stamina: exhausted, low, middle, rested.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_cell, per_site, probability, rule, sprites
from sorrelsim.rules import beams, draw, episode, events, grid, movement, stamina

ACTIONS = (*movement.EGOCENTRIC, "interact")
NOOP, INTERACT = map(ACTIONS.index, ("noop", "interact"))
COLOURS = 16  # prey of slots sixteen apart look alike
BARS = 12  # stamina from which on no bar shows, less one


def marks(glyphs, layer):
    """What rules lay over agents, one kind for each glyph."""
    return [kind(glyph, layer=layer, on_maps=False) for glyph in glyphs]


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    APPLE = kind("a", sprite=sprites.APPLE)
    ACORN = kind("A")
    EDGE_GRASS = kind("g", layer="ground")  # where a bite reaches
    INNER_GRASS = kind("G", layer="ground")
    BAR_0, BAR_1, BAR_2, BAR_3, BAR_4, BAR_5, BAR_6 = marks("tuvwxyz", "bar")
    BAR_7, BAR_8, BAR_9, BAR_10, BAR_11, BAR_12 = marks("TUVRYZ", "bar")
    HELD_ACORN = kind("h", layer="hand", on_maps=False)
    PREDATOR = kind("X", layer="coat", on_maps=False)
    PREY_0, PREY_1, PREY_2, PREY_3, PREY_4, PREY_5, PREY_6, PREY_7 = marks("01234567", "coat")
    PREY_8, PREY_9, PREY_10, PREY_11, PREY_12, PREY_13, PREY_14, PREY_15 = marks("89BCDEFH", "coat")
    ARMS = kind("!", layer="pose", on_maps=False)
    SITTING, BITE_1, BITE_2, BITE_3 = marks("s:;.", "pose")


@dataclass(frozen=True)
class Params:
    n_predators: int = param(3, low=0)
    apple_value: float = 1.0
    bite_value: float = 6.0  # each of the bites of an acorn
    prey_value: float = 1.0
    apple_regrowth: float = probability(0.007)  # per step
    acorn_regrowth: float = probability(0.01)
    thicket_probability: float = probability(1 / 3)  # of an M to be grass, and of a Q to bear acorns
    most_stamina: int = param(18, low=1, high=10**6)
    bands: tuple = param((1, 7, 13), low=0)  # stamina from which on it is low, middle, rested
    prey_locks: tuple = param((4, 2, 1, 1), low=0)  # steps to stand still after one that tires, by band
    predator_locks: tuple = param((6, 1, 0, 0), low=0)
    group_radius: int = param(3, low=0, high=100)  # Euclidean; prey and predators within it count when a prey is bitten
    feast_steps: int = param(4, low=0)  # after a catch, in which the predator bites on and stands still
    fight_cost: int = param(4, low=0, high=10**6)  # stamina, for eating a predator
    arms_steps: int = param(5, low=0)  # that prey show that they were safe; they begin no meal meanwhile
    interact_cooldown: int = param(5, low=0)  # of prey
    bites: tuple = param((11, 16, 21), low=1)  # steps of a meal that pay
    meal_steps: int = param(26, low=1)
    respawn_steps: int = param(200, low=1)
    max_steps: int = param(1000, low=1)


STATE = {
    "stamina": per_agent(low=0, high="most_stamina"),
    "efforts": per_agent(low=0),  # see sorrelsim.rules.stamina, as for the next two
    "strained": per_agent(low=0, high=1),
    "locked": per_agent(low=0),
    "acorn": per_agent(low=0, high=1),  # 1 for who carries one
    "meal": per_agent(low=0, high="turn"),  # step in which its meal began, 0 without one
    "raised": per_agent(low=0, high="turn"),  # step in which it raised its arms last, 0 never
    "wait": per_agent(low=0),  # steps until a prey can interact again
    "feast": per_agent(low=0),  # steps for which a predator bites on
    "bitten": per_agent(low=0, high=1),  # 1 for who was eaten in this step
    "bears": per_cell(low=0, high=1),  # 1 where food grows in this episode
    "apple_drawn": per_site("apples", low=0, high="turn"),  # step in which the cell was drawn last, by draw.fresh
    "acorn_drawn": per_site("acorns", low=0, high="turn"),
    "emptied": per_cell(low=0, high="turn"),  # step in which the food there was taken
}


class Event(Events):
    APPLE_CONSUMED = auto()
    ACORN_COLLECTED = auto()
    ACORN_CONSUMED = auto()  # at the end of the meal
    ACORN_CONSUMED_SAFELY = auto()  # then on inner grass
    PREY_CONSUMED = auto()
    PREDATOR_CONSUMED = auto()
    EATEN = events.pair("prey", says="ate")  # who ate whom, and whether that was a prey
    REPELLED = events.pair("prey", "predators", says="bit in vain")  # and how many of both counted


@rule
def is_predator(w, i):
    return i < w.p.n_predators


@rule
def grow_forest(w):
    grid.sprinkle(w, w.thickets, Kind.INNER_GRASS, 1, w.p.thicket_probability)
    grid.sprinkle(w, w.oaks, Kind.ACORN, 1, w.p.thicket_probability)
    for row in range(w.height):
        for col in range(w.width):
            w.bears[row, col] = w.grid[row, col, w.layer[Kind.APPLE]] > Kind.WALL


@rule
def place_agents(w):
    for i in range(w.n_agents):
        if not movement.spawn_at(w, i, home(w, i)):
            movement.spawn_at(w, i, w.spawns)
        stamina.fill(w, i, w.p.most_stamina)


@rule
def home(w, i):
    """Returns the spawn cells of the role of agent ``i``, or all on a map that has none for it."""
    cells = w.predator_spawns if is_predator(w, i) else w.prey_spawns
    return cells if cells.shape[0] > 0 else w.spawns


@rule
def sit_down(w):
    """Prey begin meals; by the stamina and the pose that they had at the end of the last step."""
    for i in range(w.p.n_predators, w.n_agents):
        if beams.fires(w, i, w.wait, INTERACT, w.p.interact_cooldown):
            upright = w.meal[i] == 0 and (w.raised[i] == 0 or w.turn - w.raised[i] > w.p.arms_steps)
            if w.acorn[i] and upright and w.stamina[i] >= w.p.bands[2]:
                w.acorn[i] = 0
                w.meal[i] = w.turn


@rule
def dine(w):
    for i in range(w.n_agents):
        if w.meal[i] > 0:
            step, bites = w.turn - w.meal[i], w.p.bites
            if step == bites[0] or step == bites[1] or step == bites[2]:
                w.reward[i] += w.p.bite_value
            if step >= w.p.meal_steps:
                w.meal[i] = 0
                w.events[i, Event.ACORN_CONSUMED] += 1
                w.events[i, Event.ACORN_CONSUMED_SAFELY] += grid.has(w, w.pos[i, 0], w.pos[i, 1], Kind.INNER_GRASS)


@rule
def tire(w):
    """Locks go by the stamina after the last step; this step's is spent before anybody bites."""
    for i in range(w.n_agents):
        if w.out[i] == 0:
            now = stamina.band(w, i, w.p.bands[0], w.p.bands[1], w.p.bands[2])
            stamina.lock(w, i, w.p.predator_locks[now] if is_predator(w, i) else w.p.prey_locks[now])
            stamina.spend(w, i, w.action[i] != NOOP, True, 1, w.p.most_stamina)


@rule
def walk(w):
    """As ``movement.move``, but that grass stops predators."""
    for mark in (Kind.HELD_ACORN, Kind.BAR_0, Kind.PREDATOR, Kind.ARMS):  # one of each layer of marks
        movement.unmark(w, mark)
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] == 0 and w.frozen[i] == 0 and not (is_predator(w, i) and movement.enters(w, i, Kind.EDGE_GRASS)):
            movement.act(w, i)


@rule
def feed(w):
    """Prey take what lies where they stand: an apple, or an acorn into an empty hand."""
    for i in range(w.p.n_predators, w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        apple, acorn = grid.has(w, row, col, Kind.APPLE), grid.has(w, row, col, Kind.ACORN) and w.acorn[i] == 0
        if w.out[i] == 0 and (apple or acorn):
            grid.take(w, row, col, Kind.APPLE)  # one layer holds either
            w.emptied[row, col] = w.turn
            w.reward[i] += w.p.apple_value * apple
            w.acorn[i] += acorn
            w.events[i, Event.APPLE_CONSUMED if apple else Event.ACORN_COLLECTED] += 1


@rule
def hunt(w):
    """Bites in random order. Whoever is eaten stands, counts and bites until all have bitten."""
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] == 0 and is_predator(w, i) and (w.feast[i] > 0 or w.action[i] == INTERACT):
            w.feast[i] = max(w.feast[i] - 1, 0)
            row, col = movement.ahead(w, i, w.facing[i])
            if grid.inside(w, row, col) and w.occupant[row, col] >= 0:
                bite(w, i, w.occupant[row, col])


@rule
def bite(w, i, j):
    """Agent ``i`` bites agent ``j``: a predator is always eaten, a prey where it stands alone."""
    if is_predator(w, j):
        w.bitten[j] = 1
        stamina.change(w, i, -w.p.fight_cost, w.p.most_stamina)
        w.events[i, Event.PREDATOR_CONSUMED] += 1
        events.note(w, i, Event.EATEN, j, 0)
        return
    prey, predators = 0, 0
    for k in range(w.n_agents):
        if is_ready(w, k, j):
            predators += is_predator(w, k)
            prey += not is_predator(w, k)
    if prey > predators:
        events.note(w, i, Event.REPELLED, j, prey, predators)
        for k in range(w.p.n_predators, w.n_agents):
            if w.bitten[k] == 0 and is_ready(w, k, j):
                w.raised[k] = w.turn
        return
    w.bitten[j] = 1
    w.reward[i] += w.p.prey_value
    w.feast[i] = w.p.feast_steps
    w.frozen[i] = w.p.feast_steps + 1
    w.events[i, Event.PREY_CONSUMED] += 1
    events.note(w, i, Event.EATEN, j, 1)


@rule
def is_ready(w, i, j):
    """Whether agent ``i`` counts where ``j`` is bitten: near, not exhausted, and without a meal begun before."""
    rows, cols = w.pos[i, 0] - w.pos[j, 0], w.pos[i, 1] - w.pos[j, 1]
    near = w.out[i] == 0 and rows * rows + cols * cols <= w.p.group_radius * w.p.group_radius
    return near and w.stamina[i] >= w.p.bands[0] and (w.meal[i] == 0 or w.meal[i] == w.turn)


@rule
def come_back(w):
    for i in range(w.n_agents):
        if movement.is_due(w, i) and movement.spawn_at(w, i, home(w, i)):
            stamina.fill(w, i, w.p.most_stamina)


@rule
def regrow(w):
    sprout(w, w.apples, w.apple_drawn, Kind.APPLE, w.p.apple_regrowth)
    sprout(w, w.acorns, w.acorn_drawn, Kind.ACORN, w.p.acorn_regrowth)


@rule
def sprout(w, cells, drawn, kind, p):
    """Draws how many cells grow, then which; none in the step in which it was emptied, nor a bare oak's."""
    for _ in range(draw.binomial(w, cells.shape[0], p)):
        k = draw.fresh(w, drawn)
        row, col = cells[k, 0], cells[k, 1]
        if w.emptied[row, col] < w.turn and w.bears[row, col]:
            grid.put(w, row, col, kind)


@rule
def leave(w):
    for i in range(w.n_agents):
        if w.bitten[i]:
            w.bitten[i] = w.acorn[i] = w.meal[i] = w.raised[i] = w.feast[i] = 0
            movement.remove(w, i, w.p.respawn_steps)


@rule
def show(w):
    stamina.show(w, Kind.BAR_0, BARS)
    for i in range(w.n_agents):
        if w.out[i] == 0:
            row, col = w.pos[i, 0], w.pos[i, 1]
            grid.put(w, row, col, Kind.PREDATOR if is_predator(w, i) else Kind.PREY_0 + i % COLOURS)
            if w.acorn[i]:
                grid.put(w, row, col, Kind.HELD_ACORN)
            if w.raised[i] > 0 and w.turn - w.raised[i] < w.p.arms_steps:
                grid.put(w, row, col, Kind.ARMS)
            elif w.meal[i] > 0:
                step, bites = w.turn - w.meal[i], w.p.bites
                grid.put(w, row, col, Kind.SITTING + (step >= bites[0]) + (step >= bites[1]) + (step >= bites[2]))


@rule
def see_self(w, i, into):
    into[0] = stamina.see(w, i, w.p.most_stamina)


NAMES = ("open", "alley_hunt", "orchard", "random_forest")
MAPS = {name: Path(__file__).with_name("maps").joinpath("predator_prey", f"{name}.txt").read_text() for name in NAMES}

BLANK = "." * 8
COAT = (*[BLANK] * 3, *["..cccc.."] * 2, *[BLANK] * 3)  # the colour of a slot, amid an agent
FUR = ("R.R..R.R", ".RrRRrR.", "Rr....rR", ".R....R.")


def art(*rows, **colours):
    return sprites.pixels("\n".join(rows), **colours)


def meal(bites):
    """A brown seat, and what is left of an acorn."""
    return art(*[BLANK] * 4, *["..nnn"[: 5 - bites].ljust(8, ".")] * 2, "N......N", "NNNNNNNN")


Kind.paint(
    ACORN=sprites.ACORN, EDGE_GRASS=sprites.SHORT_GRASS, INNER_GRASS=sprites.TALL_GRASS,
    HELD_ACORN=art(*[BLANK] * 5, ".....NNN", "......tn", "......nn"),
    PREDATOR=art(*FUR, *FUR[::-1]),
    ARMS=art("w......w", "ww....ww", ".w....w.", *[BLANK] * 5),
    **{name: meal(bites) for bites, name in enumerate(("SITTING", "BITE_1", "BITE_2", "BITE_3"))},
    **{f"BAR_{left}": bar for left, bar in enumerate(sprites.STAMINA_BARS)},
    **{f"PREY_{slot}": art(*COAT, c=sprites.agent_colour(slot)) for slot in range(COLOURS)},
)  # fmt: skip


class PredatorPrey(Gridworld):
    kinds, params = Kind, Params
    maps = MAPS
    map_params = {name: {"n_predators": 5} for name in NAMES[1:]}
    sites = {
        "spawns": "P@*&X", "prey_spawns": "P@*&", "predator_spawns": "X", "apples": "a&", "acorns": "AQ", "oaks": "Q",
        "thickets": "M",
    }  # fmt: skip
    legend = {
        "&": (Kind.APPLE,), "'": (), **dict.fromkeys("*#", (Kind.INNER_GRASS,)),
        **dict.fromkeys("<^>vljzr", (Kind.EDGE_GRASS,)), **dict.fromkeys(";,JL_|~!=+][/", (Kind.WALL,)),
    }  # fmt: skip
    layers = ("ground", "object", "bar", "hand", "agent", "coat", "pose")
    n_agents, actions = 13, ACTIONS
    scalars, observe = {"stamina": 1}, see_self
    state, events = STATE, Event
    start = (grow_forest, place_agents, show)
    rules = (
        sit_down, dine, tire, walk, feed, hunt, come_back, regrow, feed, leave, movement.thaw, show, episode.time_limit,
    )  # fmt: skip
    presets = {name: {"map": name} for name in NAMES}
