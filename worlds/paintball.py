"""Paintball: two teams paint the ground, shoot each other off it, and play for flags or for a hill.

Dilemma and source
    Zero sum between teams; within one, somebody must attack and somebody guard. Rules as in Melting Pot 2
    (``paintball__capture_the_flag``, ``..._king_of_the_hill``); Agapiou et al. 2022, "Melting Pot 2.0".
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, spray, shoot. A spray is wide and paints
    the own cell too; a shot is long and needs one who kept its cell in the last step. Both paint what they hit and
    cost enemies a point of health; who has none is out for 80 steps. The enemy's paint holds who stands on it.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``ready_to_shoot``: 1 when ready, 0 after a spray, -1
    after a shot, and what it was last while out. Bodies show team (even slots are red) and health, as of the last
    step: pale 1, dark rim 2, gold 3. Indicators show whose flag was at home then and can score, or who has the hill.
Rewards
    +1 to a team and -1 to the other for a captured flag (the enemy's carried home while one's own lies there), and
    for each step in control of the hill: gained with 80% of the squares, which all become one's own, and lost with
    less than half. Rewards reach those who are out.
Ends when
    1000 steps have passed (a truncation).
Parameters
    See ``Params``. Presets are the two maps. ``F`` and ``G`` are the flags' homes; without ``F``, ``G`` is the hill.
Versions
    1: first.
    2: ``ready_to_shoot`` while out (before, 0), indicators of flags at home (before, of carriers), as in Melting Pot.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_cell, per_world, rule, shapes, sprites
from sorrelsim.rules import beams, draw, episode, events, grid, movement, teams

ACTIONS = (*movement.EGOCENTRIC, "spray", "shoot")
SPRAY, SHOOT = map(ACTIONS.index, ("spray", "shoot"))
BEAMS = ("RED_BEAM", "BLUE_BEAM")


def laid(glyphs, layer):
    return [kind(glyph, layer=layer, on_maps=False) for glyph in glyphs]


class Kind(Kinds):
    WALL = kind("W", sprite=sprites.WALL, solid=True)
    DOOR = kind("D", sprite=shapes.DOOR, solid=True, opaque=False, stops=BEAMS)
    CRATES = kind("H", sprite=shapes.CRATES, solid=True, opaque=False, stops=BEAMS)
    RUBBLE = kind("%", layer="paint", sprite=shapes.RUBBLE)
    INDICATOR = kind("I", layer="paint")
    RED_INDICATOR, BLUE_INDICATOR, BOTH_INDICATOR = laid("()=", "paint")
    HILL, RED_HILL, BLUE_HILL, RED_PAINT, BLUE_PAINT = laid("oscRB", "paint")  # none before takes paint
    RED_FLAG, BLUE_FLAG, BOTH_FLAGS = laid("fg&", "object")
    RED_BEAM = kind("*", layer="beam", stopped_by_agents=False, sprite=sprites.plain((255, 120, 110), opacity=190))
    BLUE_BEAM = kind("+", layer="beam", stopped_by_agents=False, sprite=sprites.plain((110, 190, 255), opacity=190))
    RED_1, RED_2, RED_3, BLUE_1, BLUE_2, BLUE_3 = laid("123456", "beam")  # bodies: team and health


@dataclass(frozen=True)
class Params:
    health: int = param(2, low=1, high=100)  # at the start, and after a time out
    healing: float = param(0.05, low=0.0, high=1.0)  # that a point comes back, per step
    healed: tuple = param((3, 2, 1), low=0, high=100)  # up to which health on one's own, no, and the enemy's paint
    spray_length: int = param(3, low=1, high=20)
    spray_radius: int = param(1, low=0, high=5)
    spray_cooldown: int = param(2, low=0)
    shot_length: int = param(6, low=1, high=20)
    shot_cooldown: int = param(4, low=0)
    timeout: int = param(80, low=1)  # steps out, after that of the hit
    barrier_hits: int = param(5, low=1)  # that bring down a door or crates
    door_gone: float = param(0.1, low=0.0, high=1.0)  # that a door lies in rubble when an episode begins
    crates_gone: float = param(0.25, low=0.0, high=1.0)
    goal_value: float = 1.0  # to each of a team for a capture, or a step in control; the others pay it
    control_share: float = param(0.8, low=0.0, high=1.0)  # of the squares, from which a team has the hill
    loss_share: float = param(0.5, low=0.0, high=1.0)  # below which it loses it
    max_steps: int = param(1000, low=1)


STATE = {
    "health": per_agent(low=0, high=100),
    "shown": per_agent(low=0, high=100),  # its health of the last step
    "wait": per_agent(low=0),  # steps until it can fire again
    "firing": per_agent(low=0, high=len(ACTIONS)),  # the action with which it fires in this step, or 0
    "stood": per_agent(int, (2,), low=0, high=("height - 1", "width - 1")),  # where it was at the last step's end
    "still": per_agent(low=0, high=1),  # whether it did not change its cell in the last step
    "zapped": per_agent(low=0, high=1),  # 1 for who has no health left and is about to go
    "damage": per_cell(low=0),  # hits on a door or crates
    "flag": per_world(int, (2, 2), low=0, high=("height - 1", "width - 1")),  # where each team's flag lies
    "carrier": per_world(int, (2,), low=0, high="n_agents"),  # who carries it, plus 1; 0 nobody
    "captured": per_world(low=0, high="turn"),  # the step of a capture, while the flags are off the map for it
    "squares": per_world(int, (2,), low=0, high="goals"),  # of the hill in each colour
    "control": per_world(low=0, high=2),  # of the hill: 1 red, 2 blue
}


class Event(Events):
    FLAGS_PICKED_UP = auto()
    FLAGS_RETURNED = auto()
    FLAGS_CAPTURED = auto()
    HILLS_CAPTURED = auto()  # counted for each of the team
    SQUARES_COLOURED = auto()
    REMOVALS = auto()
    CARRIERS_REMOVED = auto()
    ZAP = events.pair("carried", says="shot")  # who sent whom away, and whether that one carried a flag


@rule
def set_up(w):
    for k in range(w.barriers.shape[0]):
        row, col = w.barriers[k, 0], w.barriers[k, 1]
        if draw.chance(w, w.p.door_gone if grid.has(w, row, col, Kind.DOOR) else w.p.crates_gone):
            grid.take(w, row, col, Kind.DOOR)  # one layer holds either
            grid.put(w, row, col, Kind.RUBBLE)
    if w.red_home.shape[0] == 0:
        for k in range(w.goals.shape[0]):
            grid.put(w, w.goals[k, 0], w.goals[k, 1], Kind.HILL)
    bring_home(w, 0)
    bring_home(w, 1)
    light(w)
    for i in range(w.n_agents):
        w.health[i] = w.shown[i] = w.p.health
        w.stood[i, 0], w.stood[i, 1] = w.pos[i, 0], w.pos[i, 1]
    show(w)


@rule
def colour(w, row, col):
    """The team whose paint lies in a cell, or -1."""
    lies = w.grid[row, col, w.layer[Kind.HILL]]
    return (lies - Kind.RED_HILL) % 2 if lies >= Kind.RED_HILL else -1


@rule
def feel_ground(w):
    """The ground of the last step heals, and holds whom it is not the colour of; within steps flags lie nowhere."""
    for team in range(2):
        if with_flags(w):
            grid.take(w, w.flag[team, 0], w.flag[team, 1], Kind.RED_FLAG)
    for i in range(w.n_agents):
        w.shown[i] = w.health[i]
        under = colour(w, w.pos[i, 0], w.pos[i, 1]) if w.out[i] == 0 else -1
        whose = 1 if under < 0 else 2 * (under != teams.of(i))
        w.frozen[i] = whose == 2
        if w.out[i] == 0 and w.health[i] < w.p.healed[whose] and draw.chance(w, w.p.healing):
            w.health[i] += 1


@rule
def hold_hill(w):
    n = w.goals.shape[0] if w.red_home.shape[0] == 0 else 0
    if w.control[0] > 0 and w.squares[w.control[0] - 1] < w.p.loss_share * n:
        w.control[0] = 0
    for team in range(2):
        if w.control[0] != team + 1 and w.squares[team] > 0 and w.squares[team] >= w.p.control_share * n:
            w.control[0] = team + 1
            w.squares[team], w.squares[1 - team] = n, 0
            for k in range(n):
                grid.put(w, w.goals[k, 0], w.goals[k, 1], Kind.RED_HILL + team)
            teams.count(w, team, Event.HILLS_CAPTURED)
    if w.control[0] > 0:
        teams.pay(w, w.control[0] - 1, w.p.goal_value)


@rule
def light(w):
    lit = Kind.INDICATOR + w.control[0]  # by what the last step left: who has the hill, or its flag at home
    for team in range(2):
        if with_flags(w) and home(w, team) == (w.flag[team, 0], w.flag[team, 1]):
            lit += 1 + team
    for k in range(w.indicators.shape[0]):
        grid.put(w, w.indicators[k, 0], w.indicators[k, 1], lit)


@rule
def fire(w):
    """All who spray paint the own cell, then the beams fly: an enemy's paint lies over one's own underfoot."""
    draw.agent_order(w)
    for i in range(w.n_agents):
        sprays = w.action[i] == SPRAY
        chosen = SPRAY if sprays else SHOOT if w.still[i] else -1
        cooldown = w.p.spray_cooldown if sprays else w.p.shot_cooldown
        w.firing[i] = chosen if beams.fires(w, i, w.wait, chosen, cooldown) else 0
        if w.firing[i] == SPRAY:
            paint(w, i, w.pos[i, 0], w.pos[i, 1])
    for k in range(w.n_agents):
        i = w.order[k]
        if w.firing[i] == SHOOT:
            column(w, i, w.p.shot_length, 0)
        elif w.firing[i] == SPRAY:
            column(w, i, w.p.spray_length, 0)
            for side in range(-1, 2, 2):
                for r in range(1, w.p.spray_radius + 1):
                    if column(w, i, w.p.spray_length - r + 1, side * r):
                        break


@rule
def column(w, i, length, side):
    """One column of a beam, which ends at walls and at whom it removes; returns whether it ended in its first cell."""
    for k in range(length):
        if beams.column(w, i, Kind.RED_BEAM + teams.of(i), k + 1, side, 0) <= k:
            return k == 0
        row, col = w.hits[k, 0], w.hits[k, 1]
        if grid.is_solid(w, row, col):  # a door or crates
            w.damage[row, col] += 1
            if w.damage[row, col] < w.p.barrier_hits:
                return k == 0
            grid.take(w, row, col, Kind.DOOR)
            grid.put(w, row, col, Kind.RUBBLE)
        paint(w, i, row, col)
        if w.occupant[row, col] >= 0 and removes(w, i, w.occupant[row, col]):
            return k == 0
    return False


@rule
def paint(w, i, row, col):
    """Rubble and indicators take no paint."""
    team, before, lies = teams.of(i), colour(w, row, col), w.grid[row, col, w.layer[Kind.HILL]]
    if before != team and lies >= Kind.HILL and lies <= Kind.BLUE_HILL:
        if before >= 0:
            w.squares[before] -= 1
        w.squares[team] += 1
        w.events[i, Event.SQUARES_COLOURED] += 1
        grid.put(w, row, col, Kind.RED_HILL + team)
    elif before != team and (lies == 0 or lies > Kind.BLUE_HILL):
        grid.put(w, row, col, Kind.RED_PAINT + team)


@rule
def removes(w, i, j):
    """A hit of agent ``i`` on agent ``j``; returns whether that leaves an enemy without health."""
    if teams.of(i) == teams.of(j):
        return False
    w.health[j] = max(w.health[j] - 1, 0)
    if w.health[j] == 0 and w.zapped[j] == 0:
        w.zapped[j] = 1
        carried = w.carrier[teams.of(i)] == j + 1
        w.events[i, Event.REMOVALS] += 1
        w.events[i, Event.CARRIERS_REMOVED] += carried
        events.note(w, i, Event.ZAP, j, carried)
    return w.health[j] == 0


@rule
def send_off(w):
    """Flags stay where their carriers fell."""
    for i in range(w.n_agents):
        if w.zapped[i]:
            w.health[i] = w.shown[i] = w.p.health
            if w.carrier[1 - teams.of(i)] == i + 1:
                w.carrier[1 - teams.of(i)] = 0
    movement.send_off(w, w.zapped, w.p.timeout)


@rule
def with_flags(w):
    return w.red_home.shape[0] > 0 and w.goals.shape[0] > 0


@rule
def home(w, team):
    cells = w.red_home if team == 0 else w.goals
    return cells[0, 0], cells[0, 1]


@rule
def bring_home(w, team):
    if with_flags(w):
        w.carrier[team] = 0
        w.flag[team, 0], w.flag[team, 1] = home(w, team)


@rule
def lies_at(w, team, row, col):
    return w.carrier[team] == 0 and w.flag[team, 0] == row and w.flag[team, 1] == col


@rule
def touch_flags(w):
    if not with_flags(w) or w.captured[0] > 0:
        return
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        own, other = teams.of(i), 1 - teams.of(i)
        if w.out[i] == 0 and (w.carrier[other] == i + 1 or lies_at(w, other, row, col)):
            w.events[i, Event.FLAGS_PICKED_UP] += w.carrier[other] == 0
            w.carrier[other] = i + 1
            w.flag[other, 0], w.flag[other, 1] = row, col
        if w.out[i] == 0 and lies_at(w, own, row, col) and home(w, own) != (row, col):
            bring_home(w, own)
            w.events[i, Event.FLAGS_RETURNED] += 1
    for team in range(2):
        i = w.carrier[1 - team] - 1
        row, col = home(w, team)
        if i >= 0 and lies_at(w, team, row, col) and w.pos[i, 0] == row and w.pos[i, 1] == col:
            teams.pay(w, team, w.p.goal_value)
            w.events[i, Event.FLAGS_CAPTURED] += 1
            w.carrier[1 - team] = 0
            w.captured[0] = w.turn


@rule
def show(w):
    """Lays flags and what bodies show, and sees who stayed in its cell."""
    if w.captured[0] > 0 and w.turn > w.captured[0]:
        w.captured[0] = 0
        bring_home(w, 0)
        bring_home(w, 1)
        touch_flags(w)
    for team in range(2):
        if with_flags(w) and w.captured[0] == 0:
            both = w.flag[0, 0] == w.flag[1, 0] and w.flag[0, 1] == w.flag[1, 1]
            grid.put(w, w.flag[team, 0], w.flag[team, 1], Kind.BOTH_FLAGS if both else Kind.RED_FLAG + team)
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        if w.out[i] == 0:
            grid.put(w, row, col, Kind.RED_1 + 3 * teams.of(i) + min(max(w.shown[i], 1), 3) - 1)
        w.still[i] = w.stood[i, 0] == row and w.stood[i, 1] == col
        w.stood[i, 0], w.stood[i, 1] = row, col


@rule
def see_readiness(w, i, into):
    into[0] = 1.0 - w.wait[i] / max(w.p.spray_cooldown, 1)


NAMES = ("capture_the_flag", "king_of_the_hill")
MAPS = {name: Path(__file__).with_name("maps").joinpath("paintball", f"{name}.txt").read_text() for name in NAMES}
(RED, BLUE), GREY, DARK, GOLD = shapes.TEAM_COLOURS, (110, 114, 122), (20, 22, 26), (255, 214, 60)
FLAG, LAMP, SQUARE, BODY = shapes.FLAG, shapes.LAMP, shapes.SQUARE, shapes.BODY
for team, hue, pale in (("RED", RED, (240, 180, 172)), ("BLUE", BLUE, (176, 202, 240))):
    drawn = {"FLAG": (FLAG, hue), "INDICATOR": (LAMP, hue), "HILL": (SQUARE, hue), "1": (BODY, pale)}
    drawn |= {"2": (BODY, hue, DARK), "3": (BODY, hue, GOLD), "PAINT": (shapes.SPLASH, hue, hue, 120)}
    Kind.paint(**{f"{team}_{what}": shapes.coloured(*picture) for what, picture in drawn.items()})
Kind.paint(HILL=shapes.coloured(SQUARE, GREY), INDICATOR=shapes.coloured(LAMP, GREY))
Kind.paint(BOTH_INDICATOR=shapes.coloured(LAMP, RED, BLUE), BOTH_FLAGS=shapes.coloured(FLAG, RED, BLUE))


class Paintball(Gridworld):
    kinds, params, maps = Kind, Params, MAPS
    sites = {"spawns": "PQ", "spawns_0": "P", "spawns_1": "Q", "red_home": "F", "goals": "G"}
    sites |= {"indicators": "I", "barriers": "DH"}
    legend, layers = dict.fromkeys(",urdl", ()), ("paint", "agent", "object", "beam")
    n_agents, actions, scalars, observe = 8, ACTIONS, {"ready_to_shoot": 1}, see_readiness
    state, events, start = STATE, Event, (teams.scatter, set_up)
    rules = (
        feel_ground, hold_hill, light, movement.move, touch_flags, fire, send_off, teams.respawn, touch_flags,
        show, episode.time_limit,
    )  # fmt: skip
    presets, version = {name: {"map": name} for name in NAMES}, 2
    keep_rewards_while_out = observe_while_out = True
