"""Factory of the Commons: a cube buys two apples and is gone, or one apple and comes back.

Dilemma and source
    A common-pool resource made of things: burning cubes pays at once and leaves none to work with, and whoever loads a
    machine while another works jams it. Agapiou et al. 2022, "Melting Pot 2.0"; rules as in its
    ``factory_commons__either_or``.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, pickup, grasp, hold, shove, pull. ``grasp``
    takes or drops a cube or ripe apple ahead; ``hold``, ``shove``, ``pull`` who is near; ``pickup`` is void.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing. ``ready_to_shoot``, 0 while the agent cannot hold others;
    ``stamina`` in [0, 1]. A hand lies over what somebody grasps, a bar over an agent shows a stamina of 12 or less, and
    a machine's lamp is out while it works and while it is jammed.
Rewards
    +1 for an apple.
Ends when
    From step 1000 on with probability 0.1 at each step 99 mod 100; truncated at step 5000.
Parameters
    See ``Params``. A machine is ``l`` over its mouth ``O``, and to the right of these ``s`` over ``j`` if it keeps
    cubes, ``t`` over ``#`` if it burns them; below the belt lie ``z`` and ``x``, where things come out.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import (
    Events,
    Gridworld,
    Kinds,
    kind,
    param,
    per_agent,
    per_cell,
    per_site,
    per_world,
    probability,
    rule,
    sprites,
)
from sorrelsim.rules import draw, episode, events, grapple, grasp, grid, movement, stamina

ACTIONS = (*movement.EGOCENTRIC, "pickup", "grasp", *grapple.ACTIONS)
GRASP, HOLD = map(ACTIONS.index, ("grasp", "hold"))
SHOWN = len(sprites.STAMINA_BARS) - 1  # the most stamina of which a bar tells
KEEP, BURN = 1, 2  # what a machine does with a cube
BACK, FIRST, NEAR, FAR = range(4)  # outputs: the cube and the apple of machines that keep, the two of those that burn
WORKS, CLOSING, HAND_OVER, DARK = 17, 14, 3, 8  # steps: of work; left as the mouth closes; of claims; without a lamp


class Kind(Kinds):
    _ignore_ = ("left",)

    WALL = kind("W", solid=True, sprite=sprites.WALL)
    LAMP = kind("l", solid=True)
    DARK_LAMP = kind("L", solid=True)
    KEEPER = kind("s", solid=True)
    BURNER = kind("t", solid=True)
    CUBE = kind("C", solid=True, opaque=False)  # cubes come last of their layer
    NEW_CUBE = kind("n", solid=True, opaque=False, on_maps=False)
    SINKING_CUBE = kind("k", solid=True, opaque=False, on_maps=False)
    SUNKEN_CUBE = kind("u", solid=True, opaque=False, on_maps=False)
    MOUTH = kind("O", layer="ground")
    HALF_MOUTH = kind("o", layer="ground", on_maps=False)
    SHUT_MOUTH = kind("=", layer="ground", on_maps=False)
    KEEP_BELT = kind("j", layer="ground")
    BURN_BELT = kind("#", layer="ground")
    NEAR = kind("z", layer="ground", sprite=sprites.plain("g", opacity=130))
    FAR = kind("x", layer="ground", sprite=sprites.plain("g", opacity=70))
    NEW_APPLE = kind("p", layer="apple", on_maps=False)
    APPLE = kind("a", layer="apple", pays="apple_value", sprite=sprites.APPLE)
    HOLD_BEAM = kind("*", layer="beam", sprite=sprites.plain("m", opacity=150))
    HAND = kind("h", layer="beam", on_maps=False)
    for left in range(SHOWN + 1):  # BAR_0 to BAR_12: what an agent has left, for all to see
        vars()[f"BAR_{left}"] = kind(
            "0123456789XYZ"[left], layer="beam", on_maps=False, covers=False, sprite=sprites.STAMINA_BARS[left]
        )


@dataclass(frozen=True)
class Params:
    cube_probability: float = probability(0.5)  # that a cell marked ``c`` has a cube
    apple_value: float = 1.0
    near_delay: int = param(10, low=4)  # steps from the load of a machine until something lies below its belt
    far_delay: int = param(13, low=4)  # until the apple of one that keeps cubes does
    max_stamina: int = param(18, low=1)
    yellow_from: int = param(1, low=0)  # stamina below which an agent is in the red, and rests after a move
    green_from: int = param(7, low=0)  # below which it is in the yellow
    red_rest: int = param(6, low=0)  # steps
    yellow_rest: int = param(2, low=0)
    min_steps: int = param(1000, low=1)
    end_probability: float = probability(0.1)
    max_steps: int = param(5000, low=1)


LAYERS = ("ground", "object", "apple", "agent", "beam")
STATE = {
    "has_cube": per_site("mouths", low=0, high=1),  # 1 from its load until the machine has worked off the cube
    "made": per_site("mouths", low=0, high=BURN),  # what the machine does, 0 if parts of it are missing
    "left": per_site("mouths", low=0, high=WORKS),  # steps for which it still works
    "dark": per_site("mouths", low=0, high=DARK),  # steps for which its lamp is out
    "loader": per_site("mouths", low=0, high="n_agents"),  # slot + 1 of whose cube it took
    "holder": per_site("mouths", low=0, high="n_agents"),  # slot + 1 of who holds the cube over it, before the moves
    "falling": per_site("mouths", low=0, high=3),  # steps for which a cube sinks, and where
    "fall_row": per_site("mouths", low=0, high="height - 1"),
    "fall_col": per_site("mouths", low=0, high="width - 1"),
    "left_by": per_cell(low=0, high="n_agents"),  # slot + 1 of who last let go of a thing there
    "working": per_world(low=0, high=1),  # 1 while any machine works
    "source": per_world(shape=(4,), low=0, high="mouths"),  # of each output the machine + 1 that owes it
    "claimed": per_world(shape=(4,), low=0, high="turn"),  # step in which it was claimed last
    "grappling": per_agent(low=0, high=1),  # 1 for who tried to hold somebody, or was held, in the last step
    # of rules.grasp, rules.grapple and rules.stamina
    "grip": per_agent(low=0, high=len(LAYERS)),
    "grip_at": per_agent(shape=(2,), low=0, high=("height - 1", "width - 1")),
    "held_by": per_agent(low=0, high="n_agents"),
    **{name: per_agent(low=0) for name in ("stunned", "stamina", "efforts", "strained", "locked")},
}


class Event(Events):
    APPLES_EATEN = auto()
    CUBES_KEPT = auto()
    CUBES_BURNT = auto()
    JAMS = auto()
    HOLDS = auto()
    HOLD = events.pair("push", says="holds")  # who held whom, and 1 to shove, -1 to pull
    FED = events.pair(says="fed")  # whose apple somebody ate out of its hand


@rule
def prepare(w):
    for i in range(w.n_agents):
        stamina.fill(w, i, w.p.max_stamina)
    for k in range(w.perhaps.shape[0]):
        if draw.chance(w, w.p.cube_probability):
            grid.put(w, w.perhaps[k, 0], w.perhaps[k, 1], Kind.CUBE)
    for k in range(w.mouths.shape[0]):
        row, col = w.mouths[k, 0], w.mouths[k, 1]
        if row > 0 and row + 2 < w.height and col + 1 < w.width and grid.has(w, row - 1, col, Kind.LAMP):
            keeps, burns = grid.has(w, row, col + 1, Kind.KEEP_BELT), grid.has(w, row, col + 1, Kind.BURN_BELT)
            if (keeps or burns) and not is_wall(w, row + 1, col + 1) and not is_wall(w, row + 2, col + 1):
                w.made[k] = KEEP if keeps else BURN


@rule
def is_wall(w, row, col):
    lies = w.grid[row, col, w.layer[Kind.WALL]]
    return lies > 0 and lies < Kind.CUBE


@rule
def run_machines(w):
    """One works at a time; a second one that takes a cube is jammed, until somebody wrestles beside it."""
    for k in range(w.mouths.shape[0]):
        if w.made[k] > 0:
            if w.left[k] > 0:
                w.left[k] -= 1
                if w.left[k] == CLOSING:
                    w.has_cube[k] = 0
                elif w.left[k] == 0:
                    w.working[0] = 0
            if w.has_cube[k] > 0 and w.working[0] == 0 and (w.dark[k] == 0 or is_helped(w, k)):
                w.working[0] = 1
                w.left[k] = WORKS
            elif w.has_cube[k] > 0 and (w.dark[k] == 0 or w.left[k] == CLOSING - 1) and w.loader[k] > 0:
                w.events[w.loader[k] - 1, Event.JAMS] += 1
            w.dark[k] = DARK if w.has_cube[k] > 0 else max(w.dark[k] - 1, 0)
            if w.falling[k] > 0:
                sink(w, k)


@rule
def is_helped(w, k):
    for i in range(w.n_agents):
        away = abs(w.pos[i, 0] - w.mouths[k, 0]) + abs(w.pos[i, 1] - w.mouths[k, 1])
        if w.out[i] == 0 and w.grappling[i] > 0 and away <= 1:
            return True
    return False


@rule
def sink(w, k):
    """A cube that was taken leaves the hand, wherever that took it meanwhile, and is gone in the third step."""
    if w.falling[k] == 3:
        row, col = w.mouths[k, 0], w.mouths[k, 1]
        i = w.holder[k] - 1
        if i >= 0 and w.grip[i] == w.layer[Kind.CUBE] + 1:
            row, col = w.grip_at[i, 0], w.grip_at[i, 1]
            w.grip[i] = 0
        w.fall_row[k], w.fall_col[k] = row, col
    row, col, layer = w.fall_row[k], w.fall_col[k], w.layer[Kind.CUBE]
    w.falling[k] -= 1
    if w.grid[row, col, layer] >= Kind.CUBE:
        w.grid[row, col, layer] = Kind.SUNKEN_CUBE + 1 - w.falling[k] if w.falling[k] > 0 else 0


@rule
def show_machine(w, k):
    row, col, left = w.mouths[k, 0], w.mouths[k, 1], w.left[k]
    grid.put(w, max(row - 1, 0), col, Kind.DARK_LAMP if w.dark[k] > 0 or left > 0 else Kind.LAMP)
    if left == CLOSING or left == 1:
        grid.put(w, row, col, Kind.HALF_MOUTH)
    else:
        grid.put(w, row, col, Kind.MOUTH if left == 0 or left > CLOSING else Kind.SHUT_MOUTH)


@rule
def deliver(w):
    """What is due comes out below the belt, or waits while its cell is taken, and is ripe one step later."""
    for k in range(w.mouths.shape[0]):
        for o in range(max(2 * w.made[k] - 2, 0), 2 * w.made[k]):
            row = min(w.mouths[k, 0] + 1 + o % 2, w.height - 1)  # FIRST and FAR come out one row further down
            col = min(w.mouths[k, 1] + 1, w.width - 1)
            ripe, new = (Kind.CUBE, Kind.NEW_CUBE) if o == BACK else (Kind.APPLE, Kind.NEW_APPLE)
            if grid.has(w, row, col, new):
                grid.put(w, row, col, ripe)
            taken = w.grid[row, col, w.layer[ripe]] != 0 or (o == BACK and w.occupant[row, col] >= 0)
            late = w.turn - w.claimed[o] - (w.p.far_delay if o == FIRST else w.p.near_delay) + HAND_OVER
            if w.source[o] == k + 1 and late >= 0 and not taken:
                grid.put(w, row, col, ripe if late > 0 or o == FIRST else new)
                w.source[o] = 0


@rule
def load(w):
    """Machines with a cube claim what their kind puts out, anew in each step; open ones take the cubes over them."""
    for k in range(w.mouths.shape[0]):
        if w.has_cube[k] > 0:
            for o in range(max(2 * w.made[k] - 2, 0), 2 * w.made[k]):
                w.source[o] = k + 1
                w.claimed[o] = w.turn
    for k in range(w.mouths.shape[0]):
        row, col = w.mouths[k, 0], w.mouths[k, 1]
        is_open = w.made[k] > 0 and grid.has(w, row, col, Kind.MOUTH)  # at the end of the last step
        if is_open and w.falling[k] == 0 and grid.has(w, row, col, Kind.CUBE):
            w.has_cube[k] = 1
            w.falling[k] = 3
            holder = grasp.holder(w, Kind.CUBE, row, col)
            w.loader[k] = holder + 1 if holder >= 0 else w.left_by[row, col]
            if w.loader[k] > 0:
                w.events[w.loader[k] - 1, Event.CUBES_KEPT + w.made[k] - KEEP] += 1
        if w.made[k] > 0:
            show_machine(w, k)


@rule
def eat(w):
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        if w.out[i] == 0 and grid.has(w, row, col, Kind.APPLE):
            holder = grasp.holder(w, Kind.APPLE, row, col)
            grid.take(w, row, col, Kind.APPLE)
            w.reward[i] += w.p.apple_value
            w.events[i, Event.APPLES_EATEN] += 1
            if holder >= 0:
                w.grip[holder] = 0
                if holder != i:
                    events.note(w, holder, Event.FED, i)


@rule
def use_hands(w):
    """By what lay ahead at the end of the last step, like all that comes before the moves."""
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.action[i] == GRASP and w.out[i] == 0:
            if w.grip[i] > 0:
                w.left_by[w.grip_at[i, 0], w.grip_at[i, 1]] = i + 1
                w.grip[i] = 0
            elif not grasp.reach(w, i, Kind.APPLE):
                grasp.reach(w, i, Kind.CUBE)
    for k in range(w.mouths.shape[0]):
        w.holder[k] = grasp.holder(w, Kind.CUBE, w.mouths[k, 0], w.mouths[k, 1]) + 1


@rule
def walk(w):
    for i in range(w.n_agents):
        band = stamina.band(w, i, w.p.yellow_from, w.p.green_from, w.p.green_from)
        stamina.lock(w, i, (w.p.red_rest, w.p.yellow_rest, 0, 0)[band])
    grasp.move(w, Kind.HAND)


@rule
def wrestle(w):
    if grapple.hold(w, HOLD, Kind.HOLD_BEAM, Event.HOLDS, Event.HOLD) > 0:
        draw.agent_order(w)
        for k in range(w.n_agents):
            j, way = grapple.shoved(w, w.order[k], HOLD, Kind.HOLD_BEAM)
            if j >= 0:
                grasp.carry(w, j, way, Kind.HAND)
    for i in range(w.n_agents):
        w.grappling[i] = 1 if grapple.tries(w, i, HOLD) or grapple.ready(w, i) == 0.0 else 0


@rule
def tire_and_show(w):
    for i in range(w.n_agents):
        stamina.spend(w, i, movement.course(w, i) >= 0, True, 1, w.p.max_stamina)
    movement.thaw(w)
    grasp.show(w, Kind.HAND)
    stamina.show(w, Kind.BAR_0, SHOWN)


@rule
def see(w, i, into):
    into[0] = grapple.ready(w, i)
    into[1] = stamina.see(w, i, w.p.max_stamina)


BOX = ("BBBBBBBB", "BccccccB", "BcbbbbcB", "BcbwbbcB", "BcbbbbcB", "BcbbbbcB", "BccccccB", "BBBBBBBB")
LAMP = ("ssssssss", "sggggggs", "sgg11ggs", "sg1221gs", "sg1221gs", "sgg11ggs", "sggggggs", "dddddddd")
PIT = ("dddddddd", "d111111d", "d122221d", "d122221d", "d122221d", "d122221d", "d111111d", "dddddddd")
BELT = ("gkkkkkkg", "g1kkkk1g", "g11kk11g", "gk1111kg", "gkk11kkg", "g1kkkk1g", "g11kk11g", "gk1111kg")
KEEPS = ("ssssssss", "swwwwwws", "swwwwwws", "sbbbwrwr", "sbbbrrrr", "sbbbwrrw", "swwwwwws", "dddddddd")
BURNS = ("ssssssss", "swwwwwws", "swwwwwws", "rwrwwrwr", "rrrrrrrr", "wrrwwrrw", "swwwwwws", "dddddddd")
PALM = ("........", "........", "........", "........", "........", ".w....w.", ".ww..ww.", "..wwww..")


def paint(art, one="", two="", opacity=255):
    return sprites.pixels("\n".join(art).replace("1", one).replace("2", two), opacity)


Kind.paint(
    LAMP=paint(LAMP, "Y", "y"), DARK_LAMP=paint(LAMP, "d", "k"), KEEPER=paint(KEEPS), BURNER=paint(BURNS),
    CUBE=paint(BOX), NEW_CUBE=paint(BOX, opacity=150),
    SINKING_CUBE=paint(["d" * 8, *BOX[:7]]), SUNKEN_CUBE=paint([*["d" * 8] * 3, *BOX[:5]]),
    MOUTH=paint(PIT, "y", "k"), HALF_MOUTH=paint(PIT, "Y", "d"), SHUT_MOUTH=paint(PIT, "d", "g"),
    KEEP_BELT=paint(BELT, "b"), BURN_BELT=paint(BELT, "r"),
    NEW_APPLE=sprites.Sprite(sprites.APPLE.rgba // sprites.plain((1, 1, 1), 2).rgba), HAND=paint(PALM),
)  # fmt: skip
MAP = Path(__file__).with_name("maps") / "factory_commons" / "either_or.txt"


class FactoryCommons(Gridworld):
    kinds, params = Kind, Params
    maps = {"either_or": MAP.read_text()}
    sites = {"spawns": " ", "mouths": "O", "perhaps": "c"}
    legend = dict.fromkeys(";_,!|Ti", (Kind.WALL,)) | {"~": ()}
    layers = LAYERS
    n_agents = 3
    looks = "individual"
    actions = ACTIONS
    scalars, observe = {"ready_to_shoot": 1, "stamina": 1}, see
    state, events = STATE, Event
    start = (movement.scatter, prepare)
    rules = (run_machines, deliver, eat, load, use_hands, walk, wrestle, eat, tire_and_show, episode.stochastic_end)
