"""Territory: claimed walls pay whoever claimed them; zaps take walls, claims and rivals away for good.

Dilemma and source
    Property without a state. All earn if each keeps to a share of the walls; who invades gains more, and sets
    off fights that destroy walls for all. Rules as in Melting Pot 2 (``territory__open``, ``territory__rooms``,
    ``territory__inside_out``); Leibo et al. 2021, "Scalable evaluation of multi-agent reinforcement learning
    with Melting Pot".
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, zap, claim. Facing a resource from
    the next cell claims it too, every step and with any action. Claims pass through resources and agents.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing; ``ready_to_shoot`` in [0, 1]. A resource shows its
    owner's colour, a cross once it has paid that owner, and a crack once it was zapped.
Rewards
    +1 with probability 0.01 per step for each claimed resource, from 25 steps after it changed hands. Two zaps
    destroy a resource. The first zap of an agent freezes it for 25 steps; a second one within 50 removes it
    for good, and its claims lapse.
Ends when
    From step 1000 on with probability 0.2 at each step 99 mod 100; truncated at step 5000.
Parameters
    See ``Params``. Presets are the maps: ``mp``, the open one; ``rooms``, one for each agent; ``inside_out``,
    where five agents start outside of walls that are drawn afresh in each episode.
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
from sorrelsim.rules import beams, draw, episode, events, grid, movement, sanctions

ACTIONS = (*movement.EGOCENTRIC, "zap", "claim")
ZAP, CLAIM = map(ACTIONS.index, ("zap", "claim"))
COLOURS = 16  # claims of slots sixteen apart look alike


def claims(glyphs):
    """The paint of one owner each; see ``COLOURS``."""
    return [kind(glyph, layer="paint") for glyph in glyphs]


class Kind(Kinds):
    WALL = kind("W", sprite=sprites.WALL, solid=True)
    RESOURCE = kind("R", solid=True, opaque=False, stops=("ZAP_BEAM",))  # below: + 1 once it has paid, + 2 if cracked
    PAYING = kind("$", on_maps=False, solid=True, opaque=False, stops=("ZAP_BEAM",))
    CRACKED = kind("r", on_maps=False, solid=True, opaque=False)
    CRACKED_PAYING = kind("%", on_maps=False, solid=True, opaque=False)
    UNCLAIMED = kind("u", layer="paint")
    CLAIM_0, CLAIM_1, CLAIM_2, CLAIM_3, CLAIM_4, CLAIM_5, CLAIM_6, CLAIM_7 = claims("01234567")
    CLAIM_8, CLAIM_9, CLAIM_10, CLAIM_11, CLAIM_12, CLAIM_13, CLAIM_14, CLAIM_15 = claims("89ABCDEF")
    ZAP_BEAM = kind("*", layer="beam", sprite=sprites.plain("y", opacity=150))
    CLAIM_BEAM = kind("+", layer="beam", stopped_by_agents=False, sprite=sprites.plain("c", opacity=110))
    MARK = kind("x", layer="beam", sprite=sprites.MARK)


@dataclass(frozen=True)
class Params:
    pay_probability: float = probability(0.01)  # that a claimed resource pays, per step
    pay_value: float = 1.0
    pay_delay: int = param(25, low=0)  # steps from a change of hands until it can pay
    mend_probability: float = probability(0.1)  # that a cracked resource mends, per step
    mend_delay: int = param(15, low=0)  # steps without a hit before it can mend
    zap_cooldown: int = param(4, low=0)
    zap_length: int = param(2, low=1, high=20)
    zap_radius: int = param(1, low=0, high=5)
    claim_cooldown: int = param(0, low=0)
    claim_length: int = param(2, low=1, high=20)
    freeze_steps: int = param(25, low=0)  # after the first zap
    mark_steps: int = param(50, low=1)  # within which a second zap removes
    min_steps: int = param(1000, low=1)
    end_probability: float = probability(0.2)
    max_steps: int = param(5000, low=1)
    line_probability: float = probability(2 / 3)  # that a cell A of a map is a resource, in each episode
    mesh_probability: float = probability(1 / 4)  # the same of a cell B
    spawn_probability: float = probability(1 / 7)  # that a cell Q of a map is a spawn, in each episode


STATE = {
    "owner": per_cell(low=0, high="n_agents"),  # the slot that owns the resource there, plus 1; 0 nobody
    "claimed": per_cell(low=0, high="turn"),  # step in which it changed hands last
    "struck": per_cell(low=0, high="turn"),  # step of the last zap on it
    "drawn": per_site("resources", low=0, high="turn"),  # step in which the cell was drawn last, by draw.fresh
    "cracked": per_world(low=0),  # cracked resources, kept so that steps without any mend none
    "zap_wait": per_agent(low=0),  # steps until the zap beam is ready again
    "claim_wait": per_agent(low=0),  # steps until the claim beam is ready again
    "zapped": per_agent(low=0),  # zaps taken in this step
    "mark": per_agent(low=0),  # steps for which the next zap counts as a second one
}


class Event(Events):
    CLAIMS = auto()
    PAYOUTS = auto()
    RESOURCES_DESTROYED = auto()
    ZAPS_FIRED = auto()
    ZAPS_RECEIVED = auto()
    REMOVALS = auto()
    ZAP = events.pair("removes", says="zapped")  # who zapped whom, and whether that took the other away
    CLAIM_TAKEN = events.pair(says="claimed a wall of")  # who claimed what was whose
    CLAIM_ZAPPED = events.pair("destroyed", says="zapped a wall of")  # who zapped whose resource


@rule
def draw_resources(w):
    for k in range(w.lines.shape[0]):
        lay(w, w.lines[k, 0], w.lines[k, 1], w.p.line_probability)
    for k in range(w.meshes.shape[0]):
        lay(w, w.meshes[k, 0], w.meshes[k, 1], w.p.mesh_probability)


@rule
def lay(w, row, col, p):
    if draw.chance(w, p):
        grid.put(w, row, col, Kind.RESOURCE)
        grid.put(w, row, col, Kind.UNCLAIMED)


@rule
def place_agents(w):
    """At spawns: all P, and the Q that are drawn; the others are shut meanwhile, and then take who found no room."""
    for k in range(w.perhaps.shape[0]):
        if not draw.chance(w, w.p.spawn_probability):
            grid.put(w, w.perhaps[k, 0], w.perhaps[k, 1], Kind.WALL)
    movement.scatter(w)
    for k in range(w.perhaps.shape[0]):
        grid.take(w, w.perhaps[k, 0], w.perhaps[k, 1], Kind.WALL)
    for i in range(w.n_agents):
        if w.out[i] != 0:
            movement.spawn_at(w, i, w.perhaps)


@rule
def is_resource(kind):
    return kind >= Kind.RESOURCE and kind <= Kind.CRACKED_PAYING


@rule
def zap(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if beams.fires(w, i, w.zap_wait, ZAP, w.p.zap_cooldown):
            n = beams.cast(w, i, Kind.ZAP_BEAM, w.p.zap_length, w.p.zap_radius)
            sanctions.zap(w, i, n, Event.ZAPS_FIRED, Event.ZAPS_RECEIVED, Event.ZAP)
            for h in range(n):
                crack(w, i, w.hits[h, 0], w.hits[h, 1])


@rule
def crack(w, i, row, col):
    """One zap on a resource: it cracks, or falls if it was cracked, and then the zap goes on behind it."""
    lies = w.grid[row, col, w.layer[Kind.RESOURCE]]
    owner = w.owner[row, col] - 1
    if is_resource(lies) and owner >= 0 and owner != i:
        events.note_at(w, i, Event.CLAIM_ZAPPED, owner, row, col, lies >= Kind.CRACKED)
    if lies == Kind.RESOURCE or lies == Kind.PAYING:
        grid.put(w, row, col, lies + 2)
        w.struck[row, col] = w.turn
        w.cracked[0] += 1
    elif lies == Kind.CRACKED or lies == Kind.CRACKED_PAYING:
        grid.take(w, row, col, Kind.RESOURCE)
        grid.take(w, row, col, Kind.CLAIM_0)
        w.owner[row, col] = 0
        w.cracked[0] -= 1
        w.events[i, Event.RESOURCES_DESTROYED] += 1


@rule
def sanction(w):
    for i in range(w.n_agents):
        if sanctions.settle(w, i, movement.GONE, Event.REMOVALS):
            for k in range(w.resources.shape[0]):
                row, col = w.resources[k, 0], w.resources[k, 1]
                if w.owner[row, col] == i + 1:
                    own(w, -1, row, col)


@rule
def own(w, i, row, col):
    """Agent ``i`` (nobody if -1) owns a resource from now on."""
    w.owner[row, col] = i + 1
    w.claimed[row, col] = w.turn
    grid.put(w, row, col, Kind.CLAIM_0 + i % COLOURS if i >= 0 else Kind.UNCLAIMED)
    lies = w.grid[row, col, w.layer[Kind.RESOURCE]]
    if lies == Kind.PAYING or lies == Kind.CRACKED_PAYING:
        grid.put(w, row, col, lies - 1)


@rule
def claim_cell(w, i, row, col):
    if is_resource(w.grid[row, col, w.layer[Kind.RESOURCE]]) and w.owner[row, col] != i + 1:
        if w.owner[row, col] > 0:
            events.note_at(w, i, Event.CLAIM_TAKEN, w.owner[row, col] - 1, row, col)
        own(w, i, row, col)
        w.events[i, Event.CLAIMS] += 1


@rule
def touch(w):
    """Every agent claims the resource right ahead of it, frozen or not."""
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.out[i] == 0:
            row, col = movement.ahead(w, i, w.facing[i])
            if grid.inside(w, row, col):
                claim_cell(w, i, row, col)


@rule
def claim(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if beams.fires(w, i, w.claim_wait, CLAIM, w.p.claim_cooldown):
            for h in range(beams.cast(w, i, Kind.CLAIM_BEAM, w.p.claim_length, 0)):
                claim_cell(w, i, w.hits[h, 0], w.hits[h, 1])


@rule
def pay(w):
    for _ in range(draw.binomial(w, w.resources.shape[0], w.p.pay_probability)):
        k = draw.fresh(w, w.drawn)
        row, col = w.resources[k, 0], w.resources[k, 1]
        i = w.owner[row, col] - 1
        if i >= 0 and w.turn - w.claimed[row, col] >= w.p.pay_delay:
            w.reward[i] += w.p.pay_value
            w.events[i, Event.PAYOUTS] += 1
            lies = w.grid[row, col, w.layer[Kind.RESOURCE]]
            if lies == Kind.RESOURCE or lies == Kind.CRACKED:
                grid.put(w, row, col, lies + 1)


@rule
def mend(w):
    if w.cracked[0] > 0:
        for k in range(w.resources.shape[0]):
            row, col = w.resources[k, 0], w.resources[k, 1]
            lies = w.grid[row, col, w.layer[Kind.RESOURCE]]
            rested = lies >= Kind.CRACKED and w.turn - w.struck[row, col] >= w.p.mend_delay
            if rested and draw.chance(w, w.p.mend_probability):
                grid.put(w, row, col, lies - 2)
                w.cracked[0] -= 1


@rule
def show_marks(w):
    sanctions.show(w, Kind.MARK)


NAMES = ("open", "rooms", "inside_out")
MAPS = {name: Path(__file__).with_name("maps").joinpath("territory", f"{name}.txt").read_text() for name in NAMES}


def stone(paying=False, cracked=False):
    """A block with its owner's paint within its rim: a cross once it has paid, a crack once zapped."""
    art = """
        ss2sssss
        s.2....d
        s2.11..d
        s21331.d
        s.13312d
        s..11.2d
        s....2.d
        sdddd2dd
    """
    cross = art.replace("1", "w").replace("3", "k") if paying else art.replace("1", ".").replace("3", ".")
    return sprites.pixels(cross.replace("2", "k" if cracked else "."))


Kind.paint(
    RESOURCE=stone(),
    PAYING=stone(paying=True),
    CRACKED=stone(cracked=True),
    CRACKED_PAYING=stone(paying=True, cracked=True),
    UNCLAIMED=sprites.pixels("""
        gggggggg
        gdggdggd
        dddddddd
        ggdggdgg
        ggdggdgg
        dddddddd
        gdggdggd
        gggggggg
    """),
    **{f"CLAIM_{k}": sprites.plain(sprites.agent_colour(k)) for k in range(COLOURS)},
)  # fmt: skip


class Territory(Gridworld):
    kinds, params = Kind, Params
    maps = MAPS
    torus = ("rooms",)
    sites = {"spawns": "PQ", "perhaps": "Q", "resources": "RAB", "lines": "A", "meshes": "B"}
    legend = {"R": (Kind.RESOURCE, Kind.UNCLAIMED), **dict.fromkeys(",AB", ()), **dict.fromkeys("F=T|LJ", (Kind.WALL,))}
    layers = ("paint", "object", "agent", "beam")
    n_agents = 9
    looks = "individual"
    actions = ACTIONS
    scalars = {"ready_to_shoot": 1}
    observe = beams.see_zap_readiness
    state = STATE
    events = Event
    start = (draw_resources, place_agents)
    rules = (
        movement.move, zap, sanction, touch, claim, pay, mend, sanctions.recover, show_marks,
        episode.stochastic_end,
    )  # fmt: skip
    presets = {"mp": {}, "rooms": {"map": "rooms"}, "inside_out": {"map": "inside_out", "n_agents": 5}}
