"""Two teams: where they start and come back, and what one gains from the other."""

from dataclasses import dataclass
from enum import auto

from boards import seat

from sorrelsim import Events, Gridworld, Kinds, kind, rule, sprites
from sorrelsim.rules import movement, teams

FIELD = "WWWWWWW\nWP , QW\nWP , QW\nWWWWWWW\n"


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)


@dataclass(frozen=True)
class Params:
    gain: float = 2.0


class Event(Events):
    FOULS = auto()
    GOALS = auto()


@rule
def settle(w):
    teams.pay(w, 1, w.p.gain)
    teams.count(w, 1, Event.GOALS)
    if w.turn == 1:
        movement.remove(w, 0, 1)
        movement.remove(w, 1, 1)


class Match(Gridworld):
    kinds, params = Kind, Params
    maps = {"field": FIELD}
    sites = {"spawns": "PQ", "spawns_0": "P", "spawns_1": "Q"}
    legend = {",": ()}
    n_agents = 4
    actions = movement.EGOCENTRIC
    events = Event
    start = (teams.scatter,)
    rules = (settle, teams.respawn)


def columns(world):
    return sorted(world.pos[0, ::2, 1].tolist()), sorted(world.pos[0, 1::2, 1].tolist())


def test_teams_start_apart_and_come_back_to_their_own_side():
    world = Match(1, 0, compiled=False)
    assert columns(world) == ([1, 1], [5, 5])
    seat(world, (1, 3, "N"), (2, 3, "N"), (1, 1, "N"), (2, 5, "N"))
    world.step([[0, 0, 0, 0]])
    assert (world.out[0] != 0).tolist() == [True, True, False, False]
    world.step([[0, 0, 0, 0]])
    assert world.pos[0].tolist() == [[2, 1], [1, 5], [1, 1], [2, 5]]  # the one cell that is free on each side


def test_a_team_without_room_starts_anywhere():
    world = Match(1, 0, compiled=False, map="WWWWWWW\nWP  QQW\nW    QW\nWWWWWWW\n")
    assert columns(world)[0] in ([1, 4], [1, 5])
    world = Match(1, 0, compiled=False, map="WWWWWWW\nWPPPPPW\nWWWWWWW\n")  # no spawns of team 1 at all
    assert (world.out[0] == 0).all()


def test_what_a_team_gains_the_other_loses():
    world = Match(1, 0, compiled=False)
    world.step([[0, 0, 0, 0]])
    assert world.reward[0].tolist() == [-2, 2, -2, 2]
    assert world.event_counts[0].tolist() == [[0, 0], [0, 1], [0, 0], [0, 1]]
