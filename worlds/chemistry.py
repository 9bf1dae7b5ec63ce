"""Chemistry: molecules react beside one another; food feeds one, and the energy that brings it more takes many hands.

Dilemma and source
    Eat what there is, or carry by-products together for the energy that every cycle needs. Rules as in Melting
    Pot 2 (``chemistry``, two and three metabolic cycles, with and without distractors); Agapiou et al. 2022,
    "Melting Pot 2.0".
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, io. ``io`` swaps what the agent carries, one
    molecule or nothing, with what lies in its cell.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing. On an agent one sees what it carries. The event ``reactions``
    counts all, in equal shares for all agents; those named as a reaction count what an agent carried into it.
Rewards
    For who carries a molecule that reacts, two steps later: +1 for metabolizing food 1 or 2, +10 for food 3, +10 for
    turning x and y into energy, +0.1 for a distractor that reacts by itself.
Ends when
    1000 steps have passed (a truncation).
Parameters
    See ``Params``. Presets are the maps. Reactions are a text, a line each as in ``REACTIONS``: a file of one's own
    plays by others with ``class Mine(Chemistry): presets = {"mine": graph(TEXT)}``.
Versions
    1: first.
"""

from dataclasses import dataclass
from pathlib import Path

from sorrelsim import Gridworld, Kinds, kind, param, per_agent, per_cell, per_site, per_world, rule, shapes, sprites
from sorrelsim.rules import beams, draw, episode, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "io")
IO = ACTIONS.index("io")
MOLECULES = (
    "empty", "ax", "bx", "cx", "ay", "by", "cy", "az", "bz", "cz", "x", "y", "ix", "iy", "food1", "food2", "food3",
    "energy", "distractor",
)  # fmt: skip
ROWS, SIDE = 32, 4  # the most reactions, and the most molecules on a side of one
NONE = -1

REACTIONS = """
    r1x: ax bx empty > bx cx food1
    r2x: bx cx energy > cx ax energy
    r3x: cx ax empty empty > ax bx x iy
    r1y: ay by empty > by cy food2
    r2y: by cy energy > cy ay energy
    r3y: cy ay empty empty > ay by y ix
    r1z: az bz empty > bz cz food3
    r2z: bz cz energy > cz az empty
    r3z: cz az empty empty > az bz food1 food2
    decay_x: x ix > empty empty
    decay_y: y iy > empty empty
    decay_ix: ix ix > empty empty
    decay_iy: iy iy > empty empty
    decay_energy: energy > empty
    food1_appears: empty > food1
    food2_appears: empty > food2
    metabolize_food1: food1 > empty pays 1
    metabolize_food2: food2 > empty pays 1
    metabolize_food3: food3 > empty pays 10
    metabolize_xy: x y > energy energy pays 10
    holding: distractor > distractor pays 0.1
"""


def graph(text):
    """Settings of a world that plays by the reactions of a text, each a line: its name, what becomes what, its pay.

    Raises:
        ValueError: If a line is no reaction, names what is no molecule, or sides differ in length.
    """
    names, sides, pays = [], [], []
    for line in map(str.strip, text.strip().splitlines()):
        name, _, rest = line.partition(":")
        what, _, pay = rest.partition("pays")
        before, _, after = (side.split() for side in what.partition(">"))
        strangers = sorted({*before, *after} - {*MOLECULES})
        if strangers:
            raise ValueError(f"{line!r}: no molecules are {strangers}; allowed: {', '.join(MOLECULES)}")
        if len(before) != len(after) or not 1 <= len(before) <= SIDE or not name.isidentifier() or name in names:
            raise ValueError(f"{line!r}: write NAME: A B > C D pays 1, with 1 to {SIDE} molecules on each side")
        names.append(name)
        pays.append(float(pay or 0))
        numbers = [[MOLECULES.index(each) for each in side] for side in (before, after)]
        sides.append([(*side, *(NONE,) * (SIDE - len(side))) for side in numbers])
    if len(names) > ROWS:
        raise ValueError(f"{len(names)} reactions; allowed: at most {ROWS}")
    rest = ROWS - len(names)
    reactants, products = ((*(row[k] for row in sides), *((NONE,) * SIDE,) * rest) for k in range(2))
    pays += [0.0] * rest
    return {"reactants": reactants, "products": products, "pays": tuple(pays), "events": ("reactions", *names)}


GRAPH = graph(REACTIONS)


def laid(glyphs, **more):
    return [kind(glyph, **more) for glyph in glyphs]


class Kind(Kinds):  # molecules first, so that their ids are their places in ``MOLECULES``
    AX, BX, CX, AY, BY, CY, AZ, BZ, CZ = laid("abc123456")
    X, Y, IX, IY, FOOD1, FOOD2, FOOD3, ENERGY, DISTRACTOR = laid("XYijFGHhx")
    WHITE = kind("*", on_maps=False)  # what reacts
    HELD_AX, HELD_BX, HELD_CX, HELD_AY, HELD_BY, HELD_CY = laid("ABCdef", layer="hand", on_maps=False)
    HELD_AZ, HELD_BZ, HELD_CZ, HELD_X, HELD_Y, HELD_IX, HELD_IY = laid("gklmnop", layer="hand", on_maps=False)
    HELD_FOOD1, HELD_FOOD2, HELD_FOOD3, HELD_ENERGY = laid("qrst", layer="hand", on_maps=False)
    HELD_DISTRACTOR, HELD_WHITE = laid("u+", layer="hand", on_maps=False)
    WALL = kind("W", sprite=sprites.WALL, solid=True)


LAST = len(MOLECULES) - 1
CYCLES, STAYS, RARE = ((0.9, 0.9),), ((0.001, 0.25),), ((0.005, 0.0025),)


@dataclass(frozen=True)
class Params:
    reactants: tuple = param(GRAPH["reactants"], low=NONE, high=LAST)  # [reaction][place], numbers of MOLECULES
    products: tuple = param(GRAPH["products"], low=NONE, high=LAST)  # what the reactant of each place becomes
    pays: tuple = GRAPH["pays"]  # of each reaction, to who carries a reactant of it
    # [molecule][lying, carried]: with which probability it tries to react, per step
    rates: tuple = param(
        ((1e-5, 0.0), *CYCLES * 9, *STAYS * 2, *CYCLES * 2, *STAYS * 3, *RARE, *STAYS), low=0.0, high=1.0
    )
    rest: int = param(2, low=1)  # steps from when a molecule is laid or made until it tries
    io_cooldown: int = param(2, low=0)
    io_rest: int = param(3, low=0)  # steps from a change of a cell until io works there
    max_steps: int = param(1000, low=1)


STATE = {
    "since": per_cell(low=0, high="turn"),  # step of the last change of what lies there
    "next": per_cell(low=0, high=LAST),  # what a white molecule there becomes
    "carried": per_agent(low=0, high=LAST + 1),  # the molecule that it carries, 0 none, or white
    "held_since": per_agent(low=0, high="turn"),
    "held_next": per_agent(low=0, high=LAST),
    "owed": per_agent(float, (2,)),  # what it is paid in the next step, and in the one after
    "wait": per_agent(low=0),  # steps until io is ready again
    "near": per_world(shape=(LAST + 1,), low=0),  # how many of each molecule are at hand where one tries
    # who tries in this step: k for the kth cell, -1 - i for what agent i carries
    "trying": per_site("spawns", low=-(2**15), high="spawns"),
    "drawn": per_site("spawns", low=0, high="turn"),  # step in which the cell was drawn last, by draw.fresh
}


@rule
def lying(w, row, col):
    """What lies in a cell: a molecule, or more than ``LAST`` for white and walls."""
    return w.grid[row, col, w.layer[Kind.AX]]


@rule
def put(w, row, col, molecule):
    w.grid[row, col, w.layer[Kind.AX]] = molecule
    w.since[row, col] = w.turn


@rule
def hold(w, i, molecule):
    w.carried[i] = molecule
    w.held_since[i] = w.turn


@rule
def finish(w):
    """Pays, and turns what was white in the last step into what it becomes; who holds such a thing stands still."""
    movement.unmark(w, Kind.HELD_AX)
    for i in range(w.n_agents):
        w.reward[i] += w.owed[i, 0]
        w.owed[i, 0], w.owed[i, 1] = w.owed[i, 1], 0.0
        w.frozen[i] = w.carried[i] == Kind.WHITE
        if w.frozen[i]:
            hold(w, i, w.held_next[i])


@rule
def react(w):
    """Who tries is drawn first, in one pass; then they try in random order."""
    n = 0
    for k in range(w.spawns.shape[0]):
        row, col = w.spawns[k, 0], w.spawns[k, 1]
        molecule = lying(w, row, col)
        if molecule == Kind.WHITE:
            put(w, row, col, w.next[row, col])
            continue
        wakes = molecule > 0 and molecule <= LAST and rested(w, w.since[row, col])
        if wakes and draw.chance(w, w.p.rates[molecule, 0]):
            w.trying[n] = k
            n += 1
    for _ in range(draw.binomial(w, w.spawns.shape[0], w.p.rates[0, 0])):
        k = draw.fresh(w, w.drawn)
        row, col = w.spawns[k, 0], w.spawns[k, 1]
        if lying(w, row, col) == 0 and rested(w, w.since[row, col]):
            w.trying[n] = k
            n += 1
    for i in range(w.n_agents):
        tries = rested(w, w.held_since[i]) and draw.chance(w, w.p.rates[w.carried[i], 1])
        if tries and n < w.trying.shape[0]:
            w.trying[n] = -1 - i
            n += 1
    for k in range(n):
        other = k + draw.below(w, n - k)
        chosen = w.trying[other]
        w.trying[other] = w.trying[k]
        if chosen < 0:
            attempt(w, w.pos[-1 - chosen, 0], w.pos[-1 - chosen, 1], held(w, -1 - chosen))
        else:
            attempt(w, w.spawns[chosen, 0], w.spawns[chosen, 1], ready(w, w.spawns[chosen, 0], w.spawns[chosen, 1]))


@rule
def rested(w, since):
    return w.turn - since >= w.p.rest


@rule
def ready(w, row, col):
    """The molecule in a cell that could react now; ``NONE`` if it was made in this step, or is white."""
    if not grid.inside(w, row, col) or w.since[row, col] == w.turn or lying(w, row, col) > LAST:
        return NONE
    return lying(w, row, col)


@rule
def held(w, i):
    """The molecule that agent ``i`` (nobody if -1) carries and that could react now, or ``NONE``."""
    return NONE if i < 0 or w.held_since[i] == w.turn else w.carried[i]


@rule
def holder(w, row, col):
    return w.occupant[row, col] if grid.inside(w, row, col) else -1


@rule
def attempt(w, row, col, molecule):
    """A molecule in a cell tries: of its reactions for which all is at hand a random one happens."""
    if molecule == NONE:  # it has reacted already
        return
    for m in range(LAST + 1):
        w.near[m] = 0
    for d in range(5):  # the four neighbours, and the cell itself
        r, c = row + movement.row_step(d), col + movement.col_step(d)
        lies, carried = ready(w, r, c), held(w, holder(w, r, c))
        if lies != NONE:
            w.near[lies] += 1
        if carried != NONE:
            w.near[carried] += 1
    found, reaction = 0, NONE
    for k in range(w.events.shape[1] - 1):  # the reactions that there are; the table has room for more
        if possible(w, k, molecule):
            found += 1
            if draw.below(w, found) == 0:
                reaction = k
    if reaction != NONE:
        for i in range(w.n_agents):
            w.events[i, 0] += 1.0 / w.n_agents
        for place in range(SIDE):
            if w.p.reactants[reaction, place] != NONE:
                use(w, row, col, reaction, w.p.reactants[reaction, place], w.p.products[reaction, place])


@rule
def possible(w, k, molecule):
    """Whether reaction ``k`` is one of ``molecule``, and all that it takes is near."""
    takes = False
    for place in range(SIDE):
        wanted, number = w.p.reactants[k, place], 0
        for other in range(place + 1):
            number += w.p.reactants[k, other] == wanted
        if wanted != NONE and w.near[wanted] < number:
            return False
        takes = takes or wanted == molecule
    return takes


@rule
def use(w, row, col, reaction, molecule, product):
    """Turns one such molecule near a cell white: a random one of those that lie there, else of those carried."""
    found, direction, carrier = 0, 0, -1
    for d in range(5):
        if ready(w, row + movement.row_step(d), col + movement.col_step(d)) == molecule:
            found += 1
            if draw.below(w, found) == 0:
                direction = d
    if found > 0:
        r, c = row + movement.row_step(direction), col + movement.col_step(direction)
        put(w, r, c, Kind.WHITE)
        w.next[r, c] = max(product, 0)
        return
    for d in range(5):
        i = holder(w, row + movement.row_step(d), col + movement.col_step(d))
        if held(w, i) == molecule:
            found += 1
            if draw.below(w, found) == 0:
                carrier = i
    hold(w, carrier, Kind.WHITE)
    w.held_next[carrier] = max(product, 0)
    w.owed[carrier, 1] += w.p.pays[reaction]
    w.events[carrier, 1 + reaction] += 1


@rule
def exchange(w):
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        if beams.fires(w, i, w.wait, IO, w.p.io_cooldown) and w.turn > 1 and not w.frozen[i]:
            lies, since = lying(w, row, col), w.since[row, col]
            settled = since == 0 or w.turn - since >= w.p.io_rest
            if settled and lies != w.carried[i] and lies <= LAST and w.carried[i] <= LAST:
                put(w, row, col, w.carried[i])
                hold(w, i, lies)


@rule
def show(w):
    for i in range(w.n_agents):
        if w.carried[i] > 0:
            grid.put(w, w.pos[i, 0], w.pos[i, 1], Kind.HELD_AX - 1 + w.carried[i])


NAMES = ("two_cycles", "three_cycles", "two_cycles_distractors", "three_cycles_distractors")
MAPS = {name: Path(__file__).with_name("maps").joinpath("chemistry", f"{name}.txt").read_text() for name in NAMES}
TEAL, ORANGE, VIOLET, WHITE = (64, 196, 190), (240, 150, 50), (180, 120, 230), (250, 250, 250)
LOOKS = {
    **{f"{a}{x}": (shape, hue) for a, shape in zip("abc", (shapes.DISC, shapes.TRIANGLE, shapes.BLOCK), strict=True)
       for x, hue in zip("xyz", (TEAL, ORANGE, VIOLET), strict=True)},
    "x": (shapes.STAR, TEAL), "y": (shapes.STAR, ORANGE), "ix": (shapes.RING, TEAL), "iy": (shapes.RING, ORANGE),
    "food1": (shapes.BOWL, (220, 70, 60)), "food2": (shapes.BOWL, (110, 200, 90)),
    "food3": (shapes.BOWL, (250, 210, 70)), "energy": (shapes.BOLT, (255, 235, 90)),
    "distractor": (shapes.SWIRL, (235, 130, 190), (250, 250, 250)), "white": (shapes.DISC.replace("w", "a"), WHITE),
}  # fmt: skip
for name, look in LOOKS.items():
    lies = shapes.coloured(*look)
    Kind.paint(**{name.upper(): lies, f"HELD_{name.upper()}": shapes.in_hand(lies)})


class Chemistry(Gridworld):
    kinds, params, maps = Kind, Params, MAPS
    sites = {"spawns": "~ abc123456XYijFGHhx"}
    layers = ("object", "agent", "hand")
    n_agents = 8
    actions = ACTIONS
    state = STATE
    events = GRAPH["events"]
    start = (movement.scatter,)
    rules = (finish, react, exchange, movement.move, show, episode.time_limit)
    presets = {name: {"map": name} for name in NAMES}
