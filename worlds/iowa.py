"""Iowa gambling task: four decks lie about; two win big and lose more, two win little and lose less.

Dilemma and source
    Temptation against the long run. Bechara et al. 1994, "Insensitivity to future consequences following
    damage to human prefrontal cortex"; as in Sorrel's example world.
Actions
    up, down, left, right: one cell on the map.
Observation
    Five by five cells around the agent, north up.
Rewards
    A card of the deck stepped on, which then is gone. A: 1.1, or -1.4 with probability 0.5. B: 1.1, or -11.4
    with probability 0.1. C: 0.6, or 0.1 with probability 0.5. D: 0.6, or -1.9 with probability 0.1. So -0.15,
    -0.15, 0.35 and 0.35 on average. -1 for walking into a wall.
Ends when
    100 steps have passed (a truncation).
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, Window, kind, param, probability, rule, sprites
from sorrelsim.rules import draw, episode, grid, movement


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    DECK_A = kind("A", pays=("gains[0]", "losses[0]"))
    DECK_B = kind("B", pays=("gains[1]", "losses[1]"))
    DECK_C = kind("C", pays=("gains[2]", "losses[2]"))
    DECK_D = kind("D", pays=("gains[3]", "losses[3]"))


@dataclass(frozen=True)
class Params:
    spawn_probability: float = probability(0.01)  # that a deck appears on an empty cell, per step
    gains: tuple = (1.1, 1.1, 0.6, 0.6)  # what a good card of A, B, C, D pays
    losses: tuple = (-1.4, -11.4, 0.1, -1.9)  # what a bad card pays
    loss_probabilities: tuple = probability((0.5, 0.1, 0.5, 0.1))  # that a card is bad
    bump_value: float = -1.0  # for walking into a wall
    max_steps: int = param(100, low=1)


class Event(Events):
    CARDS_A = auto()
    CARDS_B = auto()
    CARDS_C = auto()
    CARDS_D = auto()


@rule
def walk_and_draw(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if movement.walk(w, i):
            row, col = w.pos[i, 0], w.pos[i, 1]
            kind = w.grid[row, col, w.layer[Kind.DECK_A]]
            if kind >= Kind.DECK_A:
                deck = kind - Kind.DECK_A
                grid.take(w, row, col, kind)
                bad = draw.chance(w, w.p.loss_probabilities[deck])
                w.reward[i] += w.p.losses[deck] if bad else w.p.gains[deck]
                w.events[i, Event.CARDS_A + deck] += 1


@rule
def deal(w):
    grid.sprinkle(w, w.spawns, Kind.DECK_A, 4, w.p.spawn_probability)


TABLE = "\n".join(["W" * 20, *["W" + "P" * 18 + "W"] * 18, "W" * 20])


Kind.paint(
    DECK_A=sprites.pixels("""
        .wwwwww.
        .wwrrww.
        .wrwwrw.
        .wrwwrw.
        .wrrrrw.
        .wrwwrw.
        .wrwwrw.
        .wwwwww.
    """),
    DECK_B=sprites.pixels("""
        .kkkkkk.
        .kyyykk.
        .kykkyk.
        .kyyykk.
        .kykkyk.
        .kykkyk.
        .kyyykk.
        .kkkkkk.
    """),
    DECK_C=sprites.pixels("""
        .bbbbbb.
        .bbwwwb.
        .bwbbbb.
        .bwbbbb.
        .bwbbbb.
        .bwbbbb.
        .bbwwwb.
        .bbbbbb.
    """),
    DECK_D=sprites.pixels("""
        .yyyyyy.
        .ykkkyy.
        .ykyyky.
        .ykyyky.
        .ykyyky.
        .ykyyky.
        .ykkkyy.
        .yyyyyy.
    """),
)  # fmt: skip


class Iowa(Gridworld):
    kinds, params = Kind, Params
    maps = {"table": TABLE}
    sites = {"spawns": "P"}
    n_agents = 2
    actions = movement.ABSOLUTE
    window = Window.centred(2)
    events = Event
    start = (movement.scatter,)
    rules = (walk_and_draw, deal, episode.time_limit)
    told_instead = "Four decks of cards lie about. Every card wins or loses something. Find out which decks are good."
