"""Hidden Agenda: four gather gems for all, a fifth hides among them and freezes them, and votes decide who goes.

Dilemma and source
    Social deduction between two teams. Kopparapu et al. 2022, "Hidden Agenda: a social deduction game with diverse
    learned equilibria"; rules as in Melting Pot 2 (``hidden_agenda``). Slot 4 is the impostor, all others are crew.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right, tag, vote_1, vote_2, vote_3, vote_4, vote_5,
    abstain. ``tag``, of the impostor alone, freezes whom its beam meets. Votes are cast while all sit: ``vote_1`` is a
    ballot against slot 0, ``vote_5`` against slot 4, ``abstain`` against nobody.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing, agents by slot; ``inventory``, 1 with a gem in hand;
    ``ready_to_shoot`` in [0, 1], of the impostor; ``voting``, for each of slots 0 to 4 its ballot: for slots 0 to 4,
    abstained, out of the game. Only the impostor sees its mark. ``action_mask`` says which actions can have an effect.
Rewards
    +1 to the team that wins, -1 to the other. The crew wins in the step after the 32nd gem came to the grate, whoever
    brought it, or by voting the impostor out; the impostor when one of the crew is left, again by each further hit.
Ends when
    A team has won; truncated at step 3000. All vote for 25 steps: each 200 steps, and when the impostor shoots and more
    of the others have it in view than stand in its beam. Half of the ballots send the lowest such slot to jail.
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto
from pathlib import Path

from sorrelsim import Events, Gridworld, Kinds, kind, param, per_agent, per_site, per_world, probability, rule, sprites
from sorrelsim.rules import beams, draw, episode, events, grid, movement

BALLOTS = 6  # to vote for: five slots, or nobody
ACTIONS = (*movement.EGOCENTRIC, "tag", "vote_1", "vote_2", "vote_3", "vote_4", "vote_5", "abstain")
TAG, VOTE_1 = map(ACTIONS.index, ("tag", "vote_1"))
IMPOSTOR = 4  # its slot
FREE, FROZEN, JAILED = range(3)  # fates
TO_SEAT, TO_JAIL, TO_SPAWN = range(1, 4)  # ways to go
SCALARS = {"inventory": 1, "ready_to_shoot": 1, "voting": (BALLOTS - 1) * (BALLOTS + 1)}


class Kind(Kinds):
    WALL = kind("W", solid=True, opaque=False, sprite=sprites.WALL)
    GLASS = kind("/", solid=True, opaque=False, sprite=sprites.plain("c", opacity=110))
    GEM = kind("@")
    GRATE = kind("=", layer="ground")
    SEAT = kind("V", layer="ground", sprite=sprites.plain("N"))
    CELL = kind("D", layer="ground", sprite=sprites.plain((58, 44, 44)))
    TAG_BEAM = kind("y", layer="beam", on_maps=False, sprite=sprites.plain("y", opacity=150))
    FROZEN = kind("b", layer="beam", on_maps=False, sprite=sprites.plain((176, 226, 255), opacity=150))
    IMPOSTOR = kind("q", layer="beam", on_maps=False)


@dataclass(frozen=True)
class Params:
    goal: int = param(32, low=1)  # gems with which the crew wins
    gem_probability: float = probability(0.001)  # that a gem grows again, per step
    win_value: float = 1.0
    gem_value: float = 0.0  # for taking a gem, as all below not paid in Melting Pot, to the crew alone
    deposit_value: float = 0.0  # for a gem on the grate, likewise
    tag_value: float = 0.0  # to the impostor for a tag
    tagged_value: float = 0.0  # to who is tagged
    tag_cooldown: int = param(50, low=0)
    tag_length: int = param(2, low=1, high=20)
    tag_radius: int = param(2, low=0, high=5)
    vote_every: int = param(200, low=1)  # steps from one vote to the next
    vote_steps: int = param(25, low=1)  # in which ballots count
    sight: tuple = param((9, 1, 5, 5), low=0)  # from how far a shot is seen: forward, back, left, right of who sees it
    max_steps: int = param(3000, low=1)


STATE = {
    "fate": per_agent(low=0, high=JAILED),
    "gems": per_agent(low=0, high=1),  # in hand
    "deposited": per_world(low=0),
    "clock": per_world(low=0),  # steps until the next vote
    "voting": per_world(low=0),  # steps of this vote left, the one that decides it included; 0 between votes
    "ballot": per_agent(low=0, high=BALLOTS),  # of this vote: a slot plus 1, or BALLOTS to abstain; 0 none yet
    "tag_wait": per_agent(low=0),  # steps until the beam is ready again
    "called": per_world(low=0, high=1),  # whether a vote is to begin in this step
    "goes": per_agent(low=0, high=TO_SPAWN),  # where it is to be sent
    "drawn": per_site("gem_cells", low=0, high="turn"),  # step in which the cell was drawn last, by draw.fresh
}


class Event(Events):
    GEMS = auto()
    DEPOSITS = auto()
    TAG_READY = auto()
    TAGS = auto()
    TAGGED = auto()
    BALLOTS_CAST = auto()
    VOTE_ROUNDS = auto()
    VOTED_OUT = auto()
    WINS = auto()
    TAG_HIT = events.pair(says="froze")  # who froze whom
    ACCUSED = events.pair(says="voted against")  # who voted for whom, itself aside


@rule
def begin(w):
    w.clock[0] = w.p.vote_every
    for i in range(w.n_agents):
        w.tag_wait[i] = w.p.tag_cooldown


@rule
def win(w, impostor_wins):
    for i in range(w.n_agents):
        won = (i == IMPOSTOR) == impostor_wins
        w.reward[i] += w.p.win_value if won else -w.p.win_value
        w.events[i, Event.WINS] += won
    episode.terminate(w)


@rule
def count_crew(w):
    """The impostor wins when one of the crew is left, or none."""
    crew = 0
    for i in range(w.n_agents):
        crew += i != IMPOSTOR and w.fate[i] == FREE
    if crew <= 1 and w.n_agents > IMPOSTOR:
        win(w, True)


@rule
def tell_time(w):
    """Ends the game when the gems are in; else begins and decides votes."""
    if w.deposited[0] >= w.p.goal:
        win(w, False)
    elif w.voting[0] > 0:
        w.voting[0] -= 1
        if w.voting[0] == 0:
            decide(w)
    else:
        w.clock[0] -= 1
        if w.clock[0] <= 0:
            w.called[0] = 1
            for i in range(w.n_agents):
                w.goes[i] = TO_SEAT if w.fate[i] == FREE else 0


@rule
def begin_vote(w):
    """If all are called to it."""
    if w.called[0] > 0:
        w.called[0] = 0
        w.clock[0] = w.p.vote_every
        w.voting[0] = w.p.vote_steps
        for i in range(w.n_agents):
            w.ballot[i] = 0
            w.tag_wait[i] = w.p.tag_cooldown + 1
            w.events[i, Event.VOTE_ROUNDS] += w.goes[i] == TO_SEAT


@rule
def send(w):
    """Whoever is to go somewhere goes to a random free cell there."""
    for i in range(w.n_agents):
        if w.goes[i] > 0:
            where = w.seats if w.goes[i] == TO_SEAT else w.cells if w.goes[i] == TO_JAIL else w.spawns
            w.goes[i] = 0
            movement.resite(w, i, where)


@rule
def decide(w):
    """The lowest slot with half of the ballots goes to jail, unless it is out already; all others go to a spawn."""
    free, chosen = 0, -1
    for i in range(w.n_agents):
        free += w.fate[i] == FREE
    for k in range(min(w.n_agents, BALLOTS - 1) - 1, -1, -1):
        votes = 0
        for i in range(w.n_agents):
            votes += w.fate[i] == FREE and w.ballot[i] == k + 1
        if 2 * votes >= free:
            chosen = k
    if chosen >= 0 and w.fate[chosen] == FREE:
        w.fate[chosen] = JAILED
        w.events[chosen, Event.VOTED_OUT] += 1
        w.goes[chosen] = TO_JAIL
        if chosen == IMPOSTOR:
            win(w, False)
        else:
            count_crew(w)
    for i in range(w.n_agents):
        w.ballot[i] = 0
        if w.fate[i] == FREE:
            w.goes[i] = TO_SPAWN


@rule
def cast_ballots(w):
    if w.voting[0] > 0:
        for i in range(w.n_agents):
            choice = w.action[i] - VOTE_1 + 1
            if w.fate[i] == FREE and choice > 0 and choice != w.ballot[i]:
                w.ballot[i] = choice
                w.events[i, Event.BALLOTS_CAST] += 1
                if choice - 1 != i and choice <= min(w.n_agents, BALLOTS - 1):
                    events.note(w, i, Event.ACCUSED, choice - 1)


@rule
def will_tag(w):
    """Returns whether the impostor shoots in this step."""
    plays = w.n_agents > IMPOSTOR and w.voting[0] == 0 and w.ended[0] == 0
    return plays and w.fate[IMPOSTOR] == FREE and w.tag_wait[IMPOSTOR] == 0 and w.action[IMPOSTOR] == TAG


@rule
def look_out(w):
    """Before anybody moves: if more see the impostor than stand in its beam, its shot calls all to a vote."""
    if will_tag(w):
        i, witnesses = IMPOSTOR, 0
        for j in range(w.n_agents):
            sees = movement.has_in_window(w, j, i, w.p.sight[0], w.p.sight[1], w.p.sight[2], w.p.sight[3])
            witnesses += j != i and w.fate[j] == FREE and sees
        right, radius = (w.facing[i] + 1) & 3, w.p.tag_radius
        in_beam = (beams.first(w, i, 0, right, radius) >= 0) + (beams.first(w, i, 0, right ^ 2, radius) >= 0)
        for side in range(-radius, radius + 1):
            in_beam += beams.first(w, i, side, w.facing[i], w.p.tag_length - abs(side)) >= 0
        if witnesses > in_beam:
            w.called[0] = 1
            for j in range(w.n_agents):
                w.goes[j] = TO_SEAT if w.fate[j] == FREE else 0


@rule
def move(w):
    for i in range(w.n_agents):
        w.frozen[i] = w.fate[i] != FREE or w.voting[0] > 0 or w.ended[0] != 0
    movement.move(w)


@rule
def grow(w):
    for _ in range(draw.binomial(w, w.gem_cells.shape[0], w.p.gem_probability)):
        k = draw.fresh(w, w.drawn)
        grid.put(w, w.gem_cells[k, 0], w.gem_cells[k, 1], Kind.GEM)


@rule
def carry_gems(w):
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        if w.fate[i] != FREE or w.out[i] != 0:
            continue
        if w.gems[i] == 0 and grid.has(w, row, col, Kind.GEM):
            grid.take(w, row, col, Kind.GEM)
            w.gems[i] = 1
            w.events[i, Event.GEMS] += 1
            w.reward[i] += w.p.gem_value if i != IMPOSTOR else 0.0
        if w.gems[i] > 0 and grid.has(w, row, col, Kind.GRATE):
            w.gems[i] = 0
            w.deposited[0] += 1
            w.events[i, Event.DEPOSITS] += 1
            w.reward[i] += w.p.deposit_value if i != IMPOSTOR else 0.0


@rule
def tag(w):
    i = IMPOSTOR
    shoots = will_tag(w)
    if i < w.n_agents and w.voting[0] == 0 and w.fate[i] == FREE:
        w.events[i, Event.TAG_READY] += w.tag_wait[i] == 0
        w.tag_wait[i] = w.p.tag_cooldown if shoots else max(w.tag_wait[i] - 1, 0)
    if shoots:
        w.events[i, Event.TAGS] += 1
        for h in range(beams.cast(w, i, Kind.TAG_BEAM, w.p.tag_length, w.p.tag_radius)):
            j = w.occupant[w.hits[h, 0], w.hits[h, 1]]
            if j >= 0 and j != i:
                freeze(w, i, j)


@rule
def freeze(w, i, j):
    """The impostor ``i`` hits agent ``j``, which may be out of the game already."""
    if w.fate[j] == FREE:
        w.fate[j] = FROZEN
        w.reward[i] += w.p.tag_value
        w.reward[j] += w.p.tagged_value
        w.events[j, Event.TAGGED] += 1
        events.note(w, i, Event.TAG_HIT, j)
    count_crew(w)


@rule
def show_marks(w):
    for i in range(w.n_agents):
        if w.fate[i] == FROZEN:
            grid.put(w, w.pos[i, 0], w.pos[i, 1], Kind.FROZEN)
        elif i == IMPOSTOR:
            grid.put(w, w.pos[i, 0], w.pos[i, 1], Kind.IMPOSTOR)


@rule
def see_votes(w, i, into):
    into[0] = w.gems[i]
    into[1] = beams.readiness(w, i, w.tag_wait, w.p.tag_cooldown) if i == IMPOSTOR else 0.0
    for j in range(min(w.n_agents, BALLOTS - 1)):
        choice = BALLOTS + 1 if w.fate[j] != FREE else w.ballot[j] if w.ballot[j] > 0 else BALLOTS
        into[2 + j * (BALLOTS + 1) + choice - 1] = 1.0


@rule
def may(w, i, into):
    """What the next step heeds: ballots while a vote goes on, also in the step in which one begins, else moves."""
    votes = w.voting[0] > 1 or (w.voting[0] == 0 and w.clock[0] <= 1)
    for action in range(1, into.shape[0]):
        into[action] = w.fate[i] == FREE and votes == (action >= VOTE_1)
    into[TAG] = into[TAG] and i == IMPOSTOR and w.voting[0] == 0 and w.tag_wait[i] == 0


Kind.paint(
    GEM=sprites.pixels("""
        ........
        ..llll..
        .lwwlGl.
        lwwllGGl
        .lllGGl.
        ..lGGl..
        ...ll...
        ........
    """),
    GRATE=sprites.pixels("\n".join(["dgdgdgdg", "gkgkgkgk"] * 4)),
    IMPOSTOR=sprites.pixels("........\n" * 4 + "..rkkr..\n...rr...\n" + "........\n" * 2),
)  # fmt: skip


LEGEND = {"%&#": (Kind.GEM,), ",_;!1+'`": (Kind.GRATE,), "F7JL[]^v-TZit|f": (Kind.WALL,), "nUumexw~": ()}


class HiddenAgenda(Gridworld):
    kinds, params = Kind, Params
    maps = {"station": Path(__file__).with_name("maps").joinpath("hidden_agenda", "station.txt").read_text()}
    sites = {"spawns": "*", "gem_cells": "@%&#", "seats": "V", "cells": "D"}
    legend = {glyph: kinds for glyphs, kinds in LEGEND.items() for glyph in glyphs}
    n_agents, looks, actions = 5, "individual", ACTIONS
    scalars, observe, allowed = SCALARS, see_votes, may
    seen_as = {range(IMPOSTOR): {Kind.IMPOSTOR: 0}, range(IMPOSTOR + 1, 1000): {Kind.IMPOSTOR: 0}}
    state = STATE
    events = Event
    secret_events = (Event.TAG_READY, Event.TAGS, Event.TAG_HIT)
    start = (movement.scatter, begin, show_marks)
    rules = (
        tell_time, begin_vote, send, cast_ballots, look_out, move, grow, carry_gems, tag, begin_vote, send, show_marks,
        episode.time_limit,
    )  # fmt: skip
