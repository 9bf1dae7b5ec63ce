"""Stamina: what tires, what rests, how long the tired are locked, and bars that show it."""

import numpy as np
import pytest
from tiny_worlds import FORWARD, NOOP, TURN_LEFT, ZAP, act, board, drawn, scene

from sorrelsim import Kinds, kind, per_agent, rule
from sorrelsim.rules import movement, stamina

MOST = 18


class BarKind(Kinds):
    WALL = kind("W", solid=True)
    CRATE = kind("C", solid=True)
    BAR_0 = kind("0", layer="beam")
    BAR_1 = kind("1", layer="beam")
    BAR_2 = kind("2", layer="beam")


def tiring(freezes=(6, 2, 0, 0), interval=1, all_cost=False):
    """Rules under which moves tire (``all_cost``: all but noop), with the steps of a lock by band."""
    red, yellow, green, rested = freezes

    @rule
    def pant(w):
        for i in range(w.n_agents):
            if w.turn == 1:
                stamina.fill(w, i, MOST)
            stamina.lock(w, i, (red, yellow, green, rested)[stamina.band(w, i, 1, 7, 13)])

    @rule
    def tire(w):
        for i in range(w.n_agents):
            costly = w.action[i] != NOOP if all_cost else w.action[i] == FORWARD
            stamina.spend(w, i, costly, True, interval, MOST)

    @rule
    def bars(w):
        stamina.show(w, BarKind.BAR_0, 2)

    return (pant, movement.move, tire, movement.thaw, bars)


def runner(*, left=None, rules=None, cells=60):
    """One agent at the west end of a corridor, looking east, with so much stamina left."""
    state = {name: per_agent() for name in ("stamina", "efforts", "strained", "locked")}
    attributes = {"state": state, "kinds": BarKind, "legend": {}, "scalars": {}, "observe": None, "events": ()}
    world = scene("0" + " " * cells, "E", rules=rules or tiring(), attributes=attributes)
    act(world, NOOP)
    if left is not None:
        world.copies.state["stamina"][:] = left
    return world


def moves(world, steps, action=FORWARD):
    """The steps, from 1, in which the agent got on; and its stamina after each."""
    moved, left = [], []
    for step in range(1, steps + 1):
        before = world.pos[0, 0, 1]
        act(world, action)
        if world.pos[0, 0, 1] != before:
            moved.append(step)
        left.append(int(world.copies.state["stamina"][0, 0]))
    return moved, left


def test_a_move_in_yellow_comes_every_third_step_and_in_red_every_seventh():
    # 8 at first: 7 after one move, which is green still; 6 after the second, yellow: frozen for 2 steps after each.
    moved, left = moves(runner(left=8), 12)
    assert moved == [1, 2, 5, 8, 11]
    assert left == [7, 6, 6, 6, 5, 5, 5, 4, 4, 4, 3, 3]
    # The last one of yellow leaves 0: red, 6 steps.
    moved, left = moves(runner(left=1), 16)
    assert moved == [1, 8, 15]
    assert left == [0] * 16


def test_the_prey_of_predator_prey():
    # Full, a corridor, always forward: rested or green 1 step locked, yellow 2, red 4. 18 - 12 = 6 after the 12th move.
    moved, _ = moves(runner(rules=tiring((4, 2, 1, 1), all_cost=True)), 56)
    assert moved == [*range(1, 24, 2), *range(26, 42, 3), 46, 51, 56]
    # And a predator: 0, 0, 1, 6.
    moved, _ = moves(runner(rules=tiring((6, 1, 0, 0), all_cost=True)), 40)
    assert moved == [*range(1, 13), *range(14, 25, 2), 31, 38]


def test_every_second_move_costs():
    world = runner(left=10, rules=tiring(interval=2))
    _, left = moves(world, 5)
    assert left == [10, 9, 9, 8, 8]
    _, left = moves(world, 2, NOOP)  # the half that was run stays owed
    assert left == [9, 10]
    assert moves(world, 1)[1] == [9]


def test_blocked_moves_cost_and_what_does_not_cost_rests():
    world = runner(left=10, cells=0)
    assert moves(world, 2) == ([], [9, 8])
    assert moves(world, 3, TURN_LEFT) == ([], [9, 10, 11])
    assert moves(runner(left=17), 3, ZAP) == ([], [18, 18, 18])


def test_rest_unlocks_nothing_and_a_rested_step_is_followed_by_no_lock():
    world = runner(left=2)
    assert moves(world, 1) == ([1], [1])
    assert moves(world, 4, NOOP) == ([], [1, 1, 2, 3])  # locked for two steps, then at rest
    assert moves(world, 1) == ([1], [2])


def test_a_lock_takes_the_place_of_another_freeze_and_outlasts_one_that_is_cut_short():
    world = runner(left=1)
    act(world, FORWARD)  # leaves 0: locked for the next 6
    act(world, FORWARD)
    world.frozen[:] = 1  # somebody holds it: frozen for one more step, after which it walks at no cost
    moved, left = moves(world, 7)
    assert moved == [2, 3, 4, 5, 6]
    assert left == [0] * 7
    world = runner(left=1)
    act(world, FORWARD)
    world.frozen[:] = 20  # cut to the 6 of the lock
    assert moves(world, 7)[0] == [7]


def test_who_never_recovers_stays_tired():
    @rule
    def tire(w):
        stamina.spend(w, 0, False, False, 1, MOST)

    assert moves(runner(left=5, rules=(tire,)), 3, NOOP) == ([], [5, 5, 5])


@pytest.mark.parametrize(("left", "by", "expected"), [(17, 5, 18), (2, -5, 0), (9, -4, 5), (9, 0, 9)])
def test_changes_stay_within_the_bounds(left, by, expected):
    @rule
    def bite(w):
        stamina.change(w, 0, by, MOST)

    world = runner(left=left, rules=(bite,))
    world.copies.state["stamina"][:] = left
    act(world, NOOP)
    assert world.copies.state["stamina"][0, 0] == expected


def test_bars_show_the_tired_to_all():
    world = runner(left=4, cells=4)
    act(world, FORWARD)
    assert board(world) == drawn(".>...")  # 3 are left, more than these bars show
    for _ in range(3):
        act(world, FORWARD)  # 4 < 7: locked for two steps
    layer = world.codes.layer[BarKind.BAR_2]
    assert np.argwhere(world.grid[0, ..., layer]).tolist() == [[0, 2]]
    assert world.grid[0, 0, 2, layer] == BarKind.BAR_2
