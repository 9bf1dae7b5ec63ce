r"""Boat race: rowing is twice as fast as flailing, but only with a partner who rows; one who flails makes it cost.

Dilemma and source
    A stag hunt afloat, with the choice of a partner: pairs race across a river to the apples of the other bank. Agapiou
    et al. 2022, "Melting Pot 2.0"; rules as in its ``boat_race__eight_races``.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, row, flail. Who takes the seat of a boat
    stays until it has crossed. ``row`` moves it if both do, every fifth step at most; ``flail`` one time in ten.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; every agent looks different. Lights and barriers show how far
    the race is, and oars are raised beside a boat in the step of a stroke.
Rewards
    +1 for an apple; -0.5 for rowing in a step in which only the partner flails.
Ends when
    All are out at a step 0 mod 100; truncated at step 2400.
Parameters
    See ``Params``. A boat lies at its seats ``;:`` on a channel of ``{`` and ``A`` (an apple) up to its goals ``gg``.
    Who crosses lands three cells on. ``R``, ``O`` are orchards, ``%``, ``-`` barriers, of the north and the south.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_site, per_world, probability, rule, sprites
from sorrelsim.rules import draw, episode, events, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "row", "flail")
ROW, FLAIL = map(ACTIONS.index, ("row", "flail"))
LANDING = 3  # cells from the goal to where who crossed the river comes ashore


class Kind(Kinds):
    WALL = kind("W", solid=True, layer="ground", sprite=sprites.WALL)
    WATER = kind("~", solid=True, layer="ground")
    CHANNEL = kind("{", solid=True, layer="ground")
    SEAT = kind(";", layer="ground", sprite=sprites.plain("n"))
    CLOSED_SEAT = kind("!", solid=True, layer="ground", on_maps=False, sprite=sprites.plain("N"))
    RED_LIGHT = kind("S", solid=True, layer="ground")
    YELLOW_LIGHT = kind("y", solid=True, layer="ground", on_maps=False)
    GREEN_LIGHT = kind("G", solid=True, layer="ground", on_maps=False)
    BARRIER = kind("-", solid=True, layer="ground")
    OPEN_BARRIER = kind("%", layer="ground")
    BOW_LEFT = kind("/", layer="hull", on_maps=False)
    BOW_RIGHT = kind("\\", layer="hull", on_maps=False)
    STERN_LEFT = kind("L", layer="hull", on_maps=False)
    STERN_RIGHT = kind("J", layer="hull", on_maps=False)
    APPLE = kind("a", layer="apple", pays="apple_value", sprite=sprites.APPLE)
    ROW_OAR = kind("=", layer="beam", on_maps=False)
    FLAIL_OAR = kind("*", layer="beam", on_maps=False)


@dataclass(frozen=True)
class Params:
    apple_value: float = 1.0
    mismatch_value: float = -0.5  # to who rows in a step in which the partner flails
    flail_probability: float = probability(0.1)  # that a boat moves by flailing, per step
    row_cooldown: int = param(5, low=1)  # steps from one row to the next
    regrowth_probability: float = probability(0.1)  # of an eaten apple of the orchard, per step
    yellow_step: int = param(65, low=1)  # of each race
    green_step: int = param(71, low=1)  # in which the barriers change
    red_step: int = param(297, low=1)  # in which all who have not landed leave for good; the race is over one later
    race_steps: int = param(299, low=1)
    check_steps: int = param(100, low=1)  # after every so many the episode ends if nobody is left
    max_steps: int = param(2400, low=1)


STATE = {
    "southward": per_world(low=0, high=1),  # 1 in races from the northern bank to the southern one
    "north_shut": per_world(low=0, high=1),  # 1 while the northern barrier is to be shut, 0 while the southern one is
    "goal_row": per_site("boats", low=0, high="height - 1"),  # of the seats in the north, 0 if there is no lane
    "boat_row": per_site("boats", low=0, high="height - 1"),  # of the seats now
    "landed": per_agent(low=0, high=1),  # 1 for who has crossed the river in this race
    "wait": per_agent(low=0),  # steps until the agent can row again
}


class Event(Events):
    RACES_STARTED = auto()
    SEATED = auto()
    PAIRS_STARTED = auto()
    ROWED = auto()
    FLAILED = auto()
    FINISHED = auto()
    DISQUALIFIED = auto()
    APPLES_EATEN = auto()
    PAIR = events.pair("right", says="rows with")  # of each of two who sit together, and 1 for who sits on the right
    SPOILT = events.pair(says="spoilt a stroke of")  # who flailed, and whom that cost its row


@rule
def launch(w):
    """Finds the lanes of the map: seats with a channel from them up to a goal, and room to land at both ends."""
    for k in range(w.boats.shape[0]):
        row, col = w.boats[k, 0], w.boats[k, 1]
        grid.put(w, row, col, Kind.CLOSED_SEAT)
        if col + 1 < w.width and grid.has(w, row, col + 1, Kind.SEAT):
            grid.put(w, row, col + 1, Kind.CLOSED_SEAT)
            goal = row
            while (
                goal > 0 and grid.has(w, goal - 1, col, Kind.CHANNEL) and grid.has(w, goal - 1, col + 1, Kind.CHANNEL)
            ):
                goal -= 1
            if goal < row and goal >= LANDING and row + LANDING < w.height:
                w.goal_row[k] = goal
                w.boat_row[k] = row
                show_boat(w, k)


@rule
def is_lane(w, k):
    return w.goal_row[k] > 0 and w.boats[k, 1] > 0 and w.boats[k, 1] + 2 < w.width


@rule
def show_boat(w, k):
    """Seats can be taken where the boat lies at the bank from which the race starts; nobody is on a closed one."""
    if is_lane(w, k):
        row = min(max(w.boat_row[k], 1), w.height - 2)
        at_start = row == (w.goal_row[k] if w.southward[0] else w.boats[k, 0])
        for side in range(2):
            col = w.boats[k, 1] + side
            can_sit = at_start or w.occupant[row, col] >= 0
            grid.put(w, row, col, Kind.SEAT if can_sit else Kind.CLOSED_SEAT)
            grid.put(w, row - 1, col, Kind.BOW_LEFT + side)
            grid.put(w, row + 1, col, Kind.STERN_LEFT + side)


@rule
def start_step(w):
    """At the end of a race, before anybody moves, those who have not landed leave for good."""
    if (w.turn - 1) % w.p.race_steps + 1 == w.p.red_step:
        lay(w, w.lights, Kind.RED_LIGHT, Kind.RED_LIGHT)
        for i in range(w.n_agents):
            if w.landed[i] == 0:
                w.events[i, Event.DISQUALIFIED] += 1
                if w.out[i] == 0:
                    movement.remove(w, i, movement.GONE)
            w.landed[i] = 0
            w.frozen[i] = 0


@rule
def lay(w, cells, kind, what):
    """Lays ``what`` (0 nothing) into the layer of ``kind`` in all cells of a site."""
    for k in range(cells.shape[0]):
        w.grid[cells[k, 0], cells[k, 1], w.layer[kind]] = what


@rule
def row_boats(w):
    """Only those who both sat before this step move their boat; who has no partner strokes in vain."""
    for k in range(w.boats.shape[0]):
        if is_lane(w, k):
            row, col = w.boat_row[k], w.boats[k, 1]
            left, right = sitter(w, row, col), sitter(w, row, col + 1)
            ours, theirs = stroke(w, left), stroke(w, right)
            if left >= 0 and right >= 0:
                raise_oar(w, left, ours, row, col - 1)
                raise_oar(w, right, theirs, row, col + 2)
                flails = ours == FLAIL or theirs == FLAIL
                if flails and (ours == ROW or theirs == ROW):
                    rower, flailer = (left, right) if ours == ROW else (right, left)
                    w.reward[rower] += w.p.mismatch_value
                    events.note(w, flailer, Event.SPOILT, rower)
                if (ours == ROW and theirs == ROW) or (flails and draw.chance(w, w.p.flail_probability)):
                    move_boat(w, k, left, right)
            if left >= 0 or right >= 0:
                land(w, k)


@rule
def sitter(w, row, col):
    """Returns who sits on a seat, or -1."""
    i = w.occupant[row, col]
    return i if i >= 0 and w.frozen[i] > 0 else -1


@rule
def stroke(w, i):
    """Returns the stroke of a rower, an action, or 0 for none; it cannot row again at once, even without a partner."""
    if i < 0:
        return 0
    w.wait[i] = max(w.wait[i] - 1, 0)
    if w.action[i] == ROW and w.wait[i] == 0:
        w.wait[i] = w.p.row_cooldown
        return ROW
    return FLAIL if w.action[i] == FLAIL else 0


@rule
def raise_oar(w, i, how, row, col):
    if how > 0:
        w.events[i, Event.ROWED if how == ROW else Event.FLAILED] += 1
        grid.put(w, row, col, Kind.ROW_OAR if how == ROW else Kind.FLAIL_OAR)


@rule
def move_boat(w, k, left, right):
    """One cell on towards the goal; who sits in the boat comes with it."""
    goal, way = (w.boats[k, 0], 1) if w.southward[0] else (w.goal_row[k], -1)
    row, col = w.boat_row[k], w.boats[k, 1]
    if row != goal and row > 1 and row + 2 < w.height:
        movement.lift(w, left)
        movement.lift(w, right)
        for side in range(2):
            grid.put(w, row, col + side, Kind.CHANNEL)
            grid.take(w, row - 1, col + side, Kind.BOW_LEFT)
            grid.take(w, row + 1, col + side, Kind.BOW_LEFT)
        w.boat_row[k] = row + way
        movement.place(w, left, row + way, col)
        movement.place(w, right, row + way, col + 1)
        show_boat(w, k)


@rule
def land(w, k):
    """At the goal all come ashore at once, each in its own column, or as soon as there is room."""
    goal, far = (w.boats[k, 0], LANDING) if w.southward[0] else (w.goal_row[k], -LANDING)
    if w.boat_row[k] == goal:
        for col in range(w.boats[k, 1], w.boats[k, 1] + 2):
            i = sitter(w, goal, col)
            if i >= 0 and grid.inside(w, goal + far, col) and grid.is_free(w, goal + far, col):
                movement.lift(w, i)
                movement.place(w, i, goal + far, col)
                w.landed[i] = 1
                w.frozen[i] = 0
                w.events[i, Event.FINISHED] += 1
        show_boat(w, k)


@rule
def board(w):
    """Who has stepped on a seat sits there until it lands, and can stroke from the next step on."""
    for k in range(w.boats.shape[0]):
        if is_lane(w, k):
            row, col = w.boat_row[k], w.boats[k, 1]
            sat = sits_down(w, w.occupant[row, col]) + sits_down(w, w.occupant[row, col + 1])
            left, right = sitter(w, row, col), sitter(w, row, col + 1)
            if sat > 0 and left >= 0 and right >= 0:
                w.events[left, Event.PAIRS_STARTED] += 1
                w.events[right, Event.PAIRS_STARTED] += 1
                events.note(w, left, Event.PAIR, right, 0)
                events.note(w, right, Event.PAIR, left, 1)


@rule
def sits_down(w, i):
    """Seats agent ``i`` (nobody if -1), unless it sits or has landed in this race; returns 1 if so."""
    if i < 0 or w.frozen[i] > 0 or w.landed[i] > 0:
        return 0
    w.frozen[i] = 1
    w.events[i, Event.SEATED] += 1
    return 1


@rule
def regrow(w):
    orchard = w.south_orchard if w.southward[0] else w.north_orchard
    for k in range(orchard.shape[0]):
        if not grid.has(w, orchard[k, 0], orchard[k, 1], Kind.APPLE) and draw.chance(w, w.p.regrowth_probability):
            grid.put(w, orchard[k, 0], orchard[k, 1], Kind.APPLE)


@rule
def eat(w):
    for i in range(w.n_agents):
        if w.out[i] == 0 and grid.has(w, w.pos[i, 0], w.pos[i, 1], Kind.APPLE):
            grid.take(w, w.pos[i, 0], w.pos[i, 1], Kind.APPLE)
            w.reward[i] += w.p.apple_value
            w.events[i, Event.APPLES_EATEN] += 1


@rule
def run_race(w):
    """The lights; the barriers, which shut where nobody stands; the next race."""
    step = (w.turn - 1) % w.p.race_steps + 1
    if step == w.p.yellow_step:
        lay(w, w.lights, Kind.RED_LIGHT, Kind.YELLOW_LIGHT)
    if step == w.p.green_step:
        lay(w, w.lights, Kind.RED_LIGHT, Kind.GREEN_LIGHT)
        w.north_shut[0] = 1 - w.north_shut[0]
        for i in range(w.n_agents):
            w.events[i, Event.RACES_STARTED] += w.out[i] == 0
    set_barrier(w, w.north_barrier, w.north_shut[0] == 1)
    set_barrier(w, w.south_barrier, w.north_shut[0] == 0)
    if step == w.p.red_step + 1:
        w.southward[0] = 1 - w.southward[0]
        for k in range(w.boats.shape[0]):
            show_boat(w, k)
        lay(w, w.north_orchard, Kind.APPLE, 0 if w.southward[0] else Kind.APPLE)
        lay(w, w.south_orchard, Kind.APPLE, Kind.APPLE if w.southward[0] else 0)
        lay(w, w.lane_apples, Kind.APPLE, Kind.APPLE)


@rule
def set_barrier(w, cells, shut):
    for k in range(cells.shape[0]):
        if not shut or w.occupant[cells[k, 0], cells[k, 1]] < 0:
            grid.put(w, cells[k, 0], cells[k, 1], Kind.BARRIER if shut else Kind.OPEN_BARRIER)


@rule
def end(w):
    episode.time_limit(w)
    if w.turn % w.p.check_steps == 0 and movement.n_present(w) == 0:
        episode.terminate(w)


LIGHT = ("dddddddd", "dkkkkkkd", "dkk11kkd", "dk1111kd", "dk1111kd", "dkk11kkd", "dkkkkkkd", "dddddddd")
WAVES = ("bbbbbbbb", "bbcbbbbb", "bcbcbbbb", "bbbbbbbb", "bbbbbbcb", "bbbbbcbc", "bbbbbbbb", "bbbbbbbb")
GATE = ("........", "11111111", "1.1.1.1.", "1.1.1.1.", "1.1.1.1.", "1.1.1.1.", "11111111", "........")
BOW = ("......nn", ".....nnn", "....nnnn", "...nnntn", "..nnnttn", ".nnntttn", ".nnttttn", "nnntttt.")


OAR = (*["........"] * 3, "11nnnn11", "11nnnn11", *["........"] * 3)


def paint(art, one=""):
    return sprites.pixels("\n".join(art).replace("1", one))


Kind.paint(
    WATER=paint(WAVES), CHANNEL=sprites.pixels("\n".join(WAVES).replace("b", "1").replace("c", "b").replace("1", "c")),
    RED_LIGHT=paint(LIGHT, "r"), YELLOW_LIGHT=paint(LIGHT, "y"), GREEN_LIGHT=paint(LIGHT, "l"),
    BARRIER=paint(GATE, "s"), OPEN_BARRIER=paint(GATE[:2] + ("........",) * 4 + GATE[:2], "d"),
    BOW_LEFT=paint(BOW), BOW_RIGHT=paint([line[::-1] for line in BOW]),
    ROW_OAR=paint(OAR, "w"), FLAIL_OAR=paint(["".join(line) for line in zip(*OAR, strict=True)], "o"),
    STERN_LEFT=paint(BOW[::-1]), STERN_RIGHT=paint([line[::-1] for line in BOW[::-1]]),
)  # fmt: skip

MAP = Path(__file__).with_name("maps") / "boat_race" / "river.txt"


class BoatRace(Gridworld):
    kinds, params, maps = Kind, Params, {"river": MAP.read_text()}
    sites = {
        "spawns": "_", "boats": ";", "lights": "S", "north_orchard": "R", "south_orchard": "O", "lane_apples": "A",
        "north_barrier": "%", "south_barrier": "-",
    }  # fmt: skip
    legend = {
        "A": (Kind.CHANNEL, Kind.APPLE), "g": (Kind.CHANNEL,), "/": (Kind.CHANNEL,), "\\": (Kind.CHANNEL,),
        ":": (Kind.SEAT,), "R": (Kind.APPLE,), "L": (), "J": (), "p": (Kind.WATER,), "q": (Kind.WATER,),
    }  # fmt: skip
    layers = ("ground", "hull", "apple", "agent", "beam")
    n_agents, looks, actions = 6, "individual", ACTIONS
    state, events, start = STATE, Event, (launch, movement.scatter)
    rules = (start_step, movement.move, row_boats, board, regrow, eat, run_race, end)
