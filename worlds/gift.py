"""Gift Refinements: a token given away turns into five better ones, if the other gives back.

Dilemma and source
    Trust. After the trust game of Berg, Dickhaut and McCabe 1995; rules as in Melting Pot 2
    (``gift_refinements``).
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, gift, consume. ``gift`` passes on one token
    of the best type held, up to five cells ahead: it becomes five of the next type, of which there are three.
    ``consume`` eats all that is held.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``ready_to_shoot`` of the gift beam, in [0, 1];
    ``inventory``, the tokens held of types 1, 2 and 3.
Rewards
    +1 for each token consumed, of whatever type.
Ends when
    From step 1000 on with probability 0.2 at each step 99 mod 100; truncated at step 5000.
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_site, probability, rule, sprites
from sorrelsim.rules import beams, draw, episode, events, grid, movement

ACTIONS = (*movement.EGOCENTRIC, "gift", "consume")
GIFT, CONSUME = map(ACTIONS.index, ("gift", "consume"))
TYPES = 3
SCALARS = {"ready_to_shoot": 1, "inventory": TYPES}
READY, INVENTORY = 0, SCALARS["ready_to_shoot"]  # where each begins in what an agent sees beside the grid


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    TOKEN = kind("t")
    GIFT_BEAM = kind("*", layer="beam", sprite=sprites.plain("m", opacity=160))


@dataclass(frozen=True)
class Params:
    token_probability: float = probability(0.0002)  # that a token appears on an empty token cell, per step
    multiplier: int = param(5, low=1)  # tokens of the next type that a gift becomes
    capacity: int = param(15, low=1)  # tokens of one type that an agent can hold
    token_value: float = 1.0
    gift_cooldown: int = param(3, low=0)
    beam_length: int = param(5, low=1, high=20)
    beam_radius: int = param(0, low=0, high=5)
    min_steps: int = param(1000, low=1)
    end_probability: float = probability(0.2)
    max_steps: int = param(5000, low=1)


STATE = {
    "inventory": per_agent(int, (TYPES,), low=0),  # tokens held, by type
    "gift_wait": per_agent(low=0),  # steps until the gift beam is ready again
    "drawn": per_site("tokens", low=0, high="turn"),  # step in which the cell was drawn last, by draw.fresh
}


class Event(Events):
    TOKENS_COLLECTED = auto()
    TOKENS_CONSUMED = auto()
    GIFT_BEAMS_FIRED = auto()
    GIFTS_GIVEN = auto()
    TOKENS_RECEIVED = auto()
    GIFT = events.pair("token", "received", says="gave to")  # its type, and what the other could hold of it


@rule
def add_tokens(w, i, kept, n):
    """Gives an agent tokens of a type, as many as it can hold; returns the number."""
    added = min(n, w.p.capacity - w.inventory[i, kept])
    w.inventory[i, kept] += added
    return added


@rule
def collect(w):
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        if w.out[i] == 0 and grid.has(w, row, col, Kind.TOKEN):
            grid.take(w, row, col, Kind.TOKEN)
            add_tokens(w, i, 0, 1)
            w.events[i, Event.TOKENS_COLLECTED] += 1


@rule
def consume(w):
    """Before the gifts of the same step, which it therefore does not reach."""
    for i in range(w.n_agents):
        if w.out[i] == 0 and w.action[i] == CONSUME:
            for held in range(TYPES):
                w.reward[i] += w.inventory[i, held] * w.p.token_value
                w.events[i, Event.TOKENS_CONSUMED] += w.inventory[i, held]
                w.inventory[i, held] = 0


@rule
def gift(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if beams.fires(w, i, w.gift_wait, GIFT, w.p.gift_cooldown):
            w.events[i, Event.GIFT_BEAMS_FIRED] += 1
            for h in range(beams.cast(w, i, Kind.GIFT_BEAM, w.p.beam_length, w.p.beam_radius)):
                other = w.occupant[w.hits[h, 0], w.hits[h, 1]]
                if other >= 0 and other != i:
                    hand_over(w, i, other)


@rule
def hand_over(w, giver, taker):
    """Passes on a token of the giver's highest type, refined; what the taker cannot hold is lost."""
    for held in range(TYPES - 1, -1, -1):
        if w.inventory[giver, held] > 0:
            w.inventory[giver, held] -= 1
            w.events[giver, Event.GIFTS_GIVEN] += 1
            if held == TYPES - 1:
                received = add_tokens(w, taker, held, 1)
            else:
                received = add_tokens(w, taker, held + 1, w.p.multiplier)
            w.events[taker, Event.TOKENS_RECEIVED] += received
            events.note(w, giver, Event.GIFT, taker, held, received)
            return


@rule
def appear(w):
    """Most steps bring no token, so their number is drawn first and then their cells."""
    for _ in range(draw.binomial(w, w.tokens.shape[0], w.p.token_probability)):
        k = draw.fresh(w, w.drawn)
        row, col = w.tokens[k, 0], w.tokens[k, 1]
        if w.occupant[row, col] < 0:
            grid.put(w, row, col, Kind.TOKEN)


@rule
def see_self(w, i, into):
    into[READY] = beams.readiness(w, i, w.gift_wait, w.p.gift_cooldown)
    for held in range(TYPES):
        into[INVENTORY + held] = w.inventory[i, held]


FLOOR = """
WWWWWWWWWWWWWWWWWWWWWWWWWWW
WTTTTTTTTTTTTTTTTTTTTTTTTTW
WTPTTTTTPTTTTTTTTPTTTTTTPTW
WTTTTTTTTTTTTTWTTTTTTTTTTTW
WTTTWWWWWWTTTTWTTTTTTTTTTTW
WTTTWTTTTTTTTTWTTTTTTTTTTTW
WTTTWTTTTTTTTTWTTTWWWWWWTTW
WTPTWTTTTTTPTTWTTTTTTTTTTTW
WTTTWTTTWTTTTTWTTTTTPTTTTTW
WTTTTTTTTTTTTTTTTTTTTTTTPTW
WTTTWWTTTTTTTTTTTTTTTTTTTTW
WTTTTTTTTWTTTTTTTTTTTTWTTTW
WTTTTTTTTWTTTTWWWWWWWTWTTTW
WTPTTTTTTWTTTTTTTTTTTTWTTTW
WTTTTTTTTWTPTTTTTTTPTTWTTTW
WTTWWWWWTWTTTTTTTTTTTTWTTTW
WTTTTTTTTWTTTTTTTTTTTTWTTTW
WTTTTTTTTTTTTWTTTTTTTTTTTPW
WTTTTTWTTPTTTWTTTTTTTTTTTTW
WTTTTTWTTTTTTWTTTTTTTTTTTTW
WTPTTTWTTTTTTWTTWWWWWWTTTTW
WTTTTTWTTTTTTWTTTTTTTTTTTTW
WTTTTTWTTTTTTWTTTTTTTTTTTTW
WTTTTTTTTTTTTTTTTTTTWWWTPTW
WTTTTPTTTTTPTTTTTTPTTTTTTTW
WTTTTTTTTTTTTTTTTTTTTTTTTTW
WWWWWWWWWWWWWWWWWWWWWWWWWWW
"""


Kind.paint(
    TOKEN=sprites.pixels("""
        ........
        ..yyyy..
        .yYYYYy.
        .yYwwYy.
        .yYwYYy.
        .yYYYYy.
        ..yyyy..
        ........
    """),
)  # fmt: skip


class Gift(Gridworld):
    kinds, params = Kind, Params
    maps = {"floor": FLOOR}
    sites = {"spawns": "P", "tokens": "T"}
    n_agents = 6
    actions = ACTIONS
    scalars = SCALARS
    observe = see_self
    state = STATE
    events = Event
    start = (movement.scatter,)
    rules = (movement.move, collect, consume, gift, appear, episode.stochastic_end)
    presets = {"mp": {}}
