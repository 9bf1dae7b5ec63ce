"""Matrix games in space: gather resources, meet an agent, and play the strategy that both hoards amount to.

Dilemma and source
    Prisoner's dilemma, stag hunt, chicken, Bach or Stravinsky, coordination, running with scissors, or a matrix given.
    Vezhnevets et al. 2020, "OPtions as REsponses"; rules as in Melting Pot 2. A preset is a game and a form, as
    ``stag_hunt_repeated``: ``arena`` has eight agents, the others two.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, interact.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; with two agents 5 x 5, 3 ahead. ``ready_to_shoot`` in [0, 1];
    ``inventory``, the number held of each resource. Under an agent lies a white mark once it may interact, the colour
    of its payoff while that is shown, and in a game of roles the colour of its role.
Rewards
    Whom ``interact`` hits plays with who fired, if both hold something. The ``matrix`` has a row and a column for each
    resource: what who plays rows is paid, by the shares of both hoards. Who fires plays rows, the other is paid as if
    it did; in Bach or Stravinsky even slots play rows, and the others want the second resource more than the first.
Ends when
    From step 1000 on with the game's probability at each step 99 mod 100; truncated at step 5000.
    ``one_shot``: when the first interaction is paid; truncated at step 1000.
Parameters
    See ``Params``. A 3 x 3 matrix needs a preset of three resources; one without a row is left off a map.
Versions
    1: first.
    2: a time out of n steps leaves n + 1 observations empty, as in Melting Pot; before, n.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import (
    Events,
    Gridworld,
    Kinds,
    Window,
    kind,
    param,
    per_agent,
    per_cell,
    per_site,
    probability,
    rule,
    sprites,
)
from sorrelsim.rules import beams, draw, episode, events, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "interact")
INTERACT = ACTIONS.index("interact")
SCALARS = {"ready_to_shoot": 1, "inventory": 2}
READY, INVENTORY = 0, SCALARS["ready_to_shoot"]  # where each begins in what an agent sees beside the grid


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    RESOURCE_1 = kind("1", stops=("BEAM",))
    RESOURCE_2 = kind("2", stops=("BEAM",))
    RESOURCE_3 = kind("3", stops=("BEAM",))
    ROW = kind("r", on_maps=False, sprite=sprites.plain("p"))  # under an agent that plays rows; no resource lies there
    COLUMN = kind("c", on_maps=False, sprite=sprites.plain("Y"))
    READY = kind("!", layer="mark", sprite=sprites.plain("w", opacity=150))
    RESULT_1 = kind("A", layer="mark", sprite=sprites.plain("R", opacity=210))  # the least payoff, and so on upwards
    RESULT_2 = kind("B", layer="mark", sprite=sprites.plain("n", opacity=210))
    RESULT_3 = kind("C", layer="mark", sprite=sprites.plain("c", opacity=210))
    RESULT_4 = kind("D", layer="mark", sprite=sprites.plain("y", opacity=210))
    RESULT_5 = kind("E", layer="mark", sprite=sprites.plain("w", opacity=210))
    BEAM = kind("*", layer="beam", sprite=sprites.plain("y", opacity=130))


@dataclass(frozen=True)
class Params:
    matrix: tuple = ((3.0, 0.0), (5.0, 1.0))  # A: the row player gets p'Aq, p and q both inventories over their sums
    column_matrix: tuple = ((3.0, 5.0), (0.0, 1.0))  # B: the column player gets p'Bq, if ``transposed`` is false
    transposed: bool = True  # B is A transposed, whatever ``column_matrix`` says
    roles: bool = False  # even slots are row players, odd slots column players; others never interact
    result_bounds: tuple = (1.0, 2.0, 3.0, 4.0)  # payoffs, rising, at which the next colour is shown
    resource_health: int = param(3, low=1)  # interact hits that destroy a resource until it regrows
    regrowth_probability: float = probability(0.04)  # per step
    regrowth_delay: int = param(10, low=1)  # steps before a resource may regrow
    refill: bool = False  # all resources come back once all agents are out
    freeze_steps: int = param(16, low=0)  # that an interaction is shown before it is paid
    timeout: int = param(50, low=1)  # steps that both are out, after that of the pay
    cooldown: int = param(2, low=0)
    beam_length: int = param(3, low=1, high=20)
    beam_radius: int = param(1, low=0, high=5)
    one_shot: bool = False  # the episode ends when the first interaction is paid
    min_steps: int = param(1000, low=1)
    end_probability: float = probability(0.15)
    max_steps: int = param(5000, low=1)


@dataclass(frozen=True)
class Params3(Params):
    matrix: tuple = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    column_matrix: tuple = matrix


STATE = {
    "inventory": per_agent(shape=(2,), low=1, high=10**9),  # resources held, by type; see empty_hands
    "ready": per_agent(low=0, high=1),  # 1 once it has collected something and may interact
    "cooling": per_agent(low=0),  # steps until the beam is ready again
    "engaged": per_agent(low=0, high=1),  # 1 for who has hit or was hit by an agent in this step
    "due": per_agent(low=0),  # steps until an interaction is paid; 0 while there is none
    "payoff": per_agent(float),  # what it will pay
    "species": per_site("resources", low=0, high=Kind.RESOURCE_3),  # the kind that grows there; 0 none
    "health": per_cell(low=0),  # hits that the resource there still takes
    "gone": per_cell(low=0, high="turn"),  # step in which it was collected or destroyed
}


class Event(Events):
    INTERACTIONS = auto()
    PAYOFF = auto()
    COLLECTED_1 = auto()
    COLLECTED_2 = auto()
    COLLECTED_3 = auto()
    DESTROYED = auto()
    BEAMS_FIRED = auto()
    PLAYED_1 = auto()
    PLAYED_2 = auto()
    PLAYED_3 = auto()
    INTERACTION = events.pair("is_row", "payoff", "held_1", "held_2", "held_3", says="met")  # each player the other


@rule
def lay_resources(w):
    for i in range(w.n_agents):
        empty_hands(w, i)
    for k in range(w.resources.shape[0]):
        row, col = w.resources[k, 0], w.resources[k, 1]
        kind = w.grid[row, col, w.layer[Kind.RESOURCE_1]]
        if kind == 0:  # a cell of a random resource
            kind = Kind.RESOURCE_1 + draw.below(w, w.inventory.shape[1])
        w.species[k] = kind if kind < Kind.RESOURCE_1 + w.inventory.shape[1] else 0
        w.health[row, col] = w.p.resource_health
        w.grid[row, col, w.layer[Kind.RESOURCE_1]] = w.species[k]


@rule
def empty_hands(w, i):
    """One of each, so that the mix is defined, and not yet ready to interact."""
    w.ready[i] = 0
    for r in range(w.inventory.shape[1]):
        w.inventory[i, r] = 1


@rule
def walk_and_collect(w):
    """Marks lie under agents between steps only: no other rule need know of them."""
    movement.unmark(w, Kind.READY)
    movement.unmark(w, Kind.ROW)
    movement.move(w)
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        kind = w.grid[row, col, w.layer[Kind.RESOURCE_1]]
        if w.out[i] == 0 and kind > Kind.WALL and kind < Kind.RESOURCE_1 + w.inventory.shape[1]:
            grid.take(w, row, col, kind)
            w.gone[row, col] = w.turn
            w.inventory[i, kind - Kind.RESOURCE_1] += 1
            w.ready[i] = 1
            w.events[i, Event.COLLECTED_1 + kind - Kind.RESOURCE_1] += 1


@rule
def interact(w):
    """All who fire do so, then hits land in random order; who is frozen or out does not cool down either."""
    draw.agent_order(w)
    for i in range(w.n_agents):
        w.engaged[i] = 0
    for k in range(w.n_agents):
        i = w.order[k]
        if w.frozen[i] == 0 and beams.fires(w, i, w.cooling, INTERACT, w.p.cooldown):
            w.events[i, Event.BEAMS_FIRED] += 1
            strike(w, i, w.p.beam_length, 0)
            for side in range(-1, 2, 2):
                for r in range(1, w.p.beam_radius + 1):
                    strike(w, i, w.p.beam_length - r + 1, side * r)
                    if w.beam_blocked[0]:
                        break


@rule
def strike(w, i, cells, side):
    """One column of the beam: it stops at the first agent or resource, but not at one that it destroys."""
    n = beams.column(w, i, Kind.BEAM, cells, side, 0)
    while n > 0:
        row, col = w.hits[n - 1, 0], w.hits[n - 1, 1]
        if w.occupant[row, col] >= 0 and w.occupant[row, col] != i:
            meet(w, i, w.occupant[row, col])
        if w.grid[row, col, w.layer[Kind.RESOURCE_1]] <= Kind.WALL:
            return
        w.health[row, col] -= 1
        if w.health[row, col] > 0:
            return
        w.health[row, col] = w.p.resource_health
        w.gone[row, col] = w.turn
        grid.take(w, row, col, Kind.RESOURCE_1)
        w.events[i, Event.DESTROYED] += 1
        n = beams.column(w, i, Kind.BEAM, cells, side, 0)


@rule
def meet(w, i, j):
    """Agent i's beam hits agent j. Whoever has been hit, or has hit, takes part in nothing else this step."""
    busy = w.engaged[j] > 0 or w.engaged[i] > 0
    if w.engaged[j] == 0:
        w.engaged[j] = w.engaged[i] = 1
    if busy or w.due[j] > 0 or not w.ready[i] or not w.ready[j] or (w.p.roles and (i + j) % 2 == 0):
        return
    row, col = (j, i) if w.p.roles and i % 2 == 1 else (i, j)
    pairs, row_payoff, col_payoff = 0, 0.0, 0.0
    for a in range(w.inventory.shape[1]):
        for b in range(w.inventory.shape[1]):
            both = w.inventory[row, a] * w.inventory[col, b]
            pairs += both
            row_payoff += both * w.p.matrix[a, b]
            col_payoff += both * (w.p.matrix[b, a] if w.p.transposed else w.p.column_matrix[a, b])
    for who, other, payoff in ((row, col, row_payoff / pairs), (col, row, col_payoff / pairs)):
        w.payoff[who] = payoff
        w.due[who] = w.p.freeze_steps + 1
        w.events[who, Event.INTERACTIONS] += 1
        held, most = w.inventory[who], 0
        for r in range(1, held.shape[0]):
            if held[r] > held[most]:
                most = r
        w.events[who, Event.PLAYED_1 + most] += 1
        held_3 = held[2] if held.shape[0] > 2 else 0
        events.note(w, who, Event.INTERACTION, other, who == row, payoff, held[0], held[1], held_3)


@rule
def regrow(w):
    nobody = w.p.refill and movement.n_present(w) == 0
    for k in range(w.resources.shape[0]):
        row, col = w.resources[k, 0], w.resources[k, 1]
        kind = w.species[k]
        if kind == 0 or w.grid[row, col, w.layer[Kind.RESOURCE_1]] != 0:
            continue
        rested = w.turn >= w.gone[row, col] + w.p.regrowth_delay
        grown = rested and draw.chance(w, w.p.regrowth_probability) and w.occupant[row, col] < 0
        if grown or nobody:
            grid.put(w, row, col, kind)


@rule
def settle(w):
    """Pays what has been shown long enough. It comes after ``respawn``, so the time out begins with the next step."""
    for i in range(w.n_agents):
        if w.due[i] > 0:
            w.due[i] -= 1
            if w.due[i] == 0:
                w.reward[i] += w.payoff[i]
                w.events[i, Event.PAYOFF] += w.payoff[i]
                empty_hands(w, i)
                movement.remove(w, i, w.p.timeout)
                if w.p.one_shot:
                    episode.terminate(w)
        w.frozen[i] = w.due[i]


@rule
def show_marks(w):
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        if w.out[i] == 0 and w.p.roles:
            grid.put(w, row, col, Kind.ROW + i % 2)
        if w.due[i] > 0:
            level = 0
            for k in range(w.p.result_bounds.shape[0]):
                level += w.payoff[i] >= w.p.result_bounds[k]
            grid.put(w, row, col, Kind.RESULT_1 + level)
        elif w.out[i] == 0 and w.ready[i]:
            grid.put(w, row, col, Kind.READY)


@rule
def see_hands(w, i, into):
    into[READY] = beams.readiness(w, i, w.cooling, w.p.cooldown)
    for r in range(w.inventory.shape[1]):
        into[INVENTORY + r] = w.inventory[i, r]


NAMES = ("arena", "arena_3", "stag_arena", "repeated", "repeated_3")
MAPS = {name: Path(__file__).with_name("maps").joinpath("matrix_game", f"{name}.txt").read_text() for name in NAMES}

TOKEN = """
........
.12oo21.
.2oyyo2.
.oywooo.
.oyoooo.
.2oooo2.
.12oo21.
........
"""
Kind.paint(
    RESOURCE_1=sprites.pixels(TOKEN.translate(str.maketrans("12oy", ".Bbc"))),
    RESOURCE_2=sprites.pixels(TOKEN.translate(str.maketrans("12oy", "rrot"))),
    RESOURCE_3=sprites.pixels(TOKEN.translate(str.maketrans("12oy", "..yY"))),
)

# What presets are put together from: a game, its matrix and the payoffs at which the next colour is shown; a form.
DILEMMA = {"matrix": ((3, 0), (5, 1)), "result_bounds": (1, 2, 3, 4)}
STAG = {"matrix": ((4, 0), (2, 2)), "result_bounds": (0.5, 1.5, 2.5, 3.5)}
CHICKEN = {"matrix": ((3, 2), (5, 0)), "result_bounds": (1.5, 2.5, 3.5, 5)}
BACH = {
    "matrix": ((3, 0), (0, 2)), "column_matrix": ((2, 0), (0, 3)), "transposed": False, "roles": True,
    "result_bounds": (0.5, 1.5, 2.5, 3),
}  # fmt: skip
THREE = {"params": Params3, "scalars": SCALARS | {"inventory": 3}}
THREE["state"] = STATE | {"inventory": per_agent(shape=(3,), low=1, high=10**9)}
PURE = THREE | {"matrix": ((1, 0, 0), (0, 1, 0), (0, 0, 1)), "result_bounds": (0.2, 0.4, 0.6, 0.8)}
RATIONAL = THREE | {"matrix": ((1, 0, 0), (0, 2, 0), (0, 0, 3)), "result_bounds": (0.5, 1.5, 2.5, 3)}
SCISSORS = THREE | {"matrix": ((0, -10, 10), (10, 0, -10), (-10, 10, 0)), "result_bounds": (-5, -2.5, 2.5, 5)}
PAIR = {"n_agents": 2, "window": Window(3, 1, 2, 2), "timeout": 5, "regrowth_probability": 0.02, "refill": True}
ONCE = PAIR | {"one_shot": True, "regrowth_probability": 0, "end_probability": 0, "max_steps": 1000}


class MatrixGame(Gridworld):
    kinds, params, maps = Kind, Params, MAPS
    version = 2
    sites = {"spawns": "P", "resources": "123a"}
    layers = ("object", "mark", "agent", "beam")
    n_agents, actions = 8, ACTIONS
    scalars, observe, state, events = SCALARS, see_hands, STATE, Event
    start = (movement.scatter, lay_resources, show_marks)
    rules = (walk_and_collect, interact, movement.respawn, regrow, settle, show_marks, episode.stochastic_end)
    presets = {
        "prisoners_dilemma_arena": DILEMMA | {"map": "arena", "end_probability": 0.15},
        "prisoners_dilemma_repeated": DILEMMA | PAIR | {"map": "repeated", "end_probability": 0.1},
        "prisoners_dilemma_one_shot": DILEMMA | ONCE | {"map": "repeated"},
        "stag_hunt_arena": STAG | {"map": "stag_arena", "end_probability": 0.1},
        "stag_hunt_repeated": STAG | PAIR | {"map": "repeated", "end_probability": 0.1},
        "stag_hunt_one_shot": STAG | ONCE | {"map": "repeated"},
        "chicken_arena": CHICKEN | {"map": "arena", "end_probability": 0.2},
        "chicken_repeated": CHICKEN | PAIR | {"map": "repeated", "end_probability": 0.1},
        "chicken_one_shot": CHICKEN | ONCE | {"map": "repeated"},
        "bach_or_stravinsky_arena": BACH | {"map": "arena", "end_probability": 0.2},
        "bach_or_stravinsky_repeated": BACH | PAIR | {"map": "repeated", "end_probability": 0.1},
        "bach_or_stravinsky_one_shot": BACH | ONCE | {"map": "repeated"},
        "pure_coordination_arena": PURE | {"map": "arena_3", "end_probability": 0.2},
        "pure_coordination_repeated": PURE | PAIR | {"map": "repeated_3", "end_probability": 0.1},
        "pure_coordination_one_shot": PURE | ONCE | {"map": "repeated_3"},
        "rationalizable_coordination_arena": RATIONAL | {"map": "arena_3", "end_probability": 0.2},
        "rationalizable_coordination_repeated": RATIONAL | PAIR | {"map": "repeated_3", "end_probability": 0.1},
        "rationalizable_coordination_one_shot": RATIONAL | ONCE | {"map": "repeated_3"},
        "running_with_scissors_arena": SCISSORS | {"map": "arena_3", "end_probability": 0.2},
        "running_with_scissors_repeated": SCISSORS | PAIR | {"map": "repeated_3", "end_probability": 0.2},
        "running_with_scissors_one_shot": SCISSORS | ONCE | {"map": "repeated_3"},
    }
    keep_rewards_while_out = True
