"""All walk at once: contested cells, swaps, following, and who must stay because another stays."""

import numpy as np
import pytest
from tiny_worlds import FORWARD, NOOP, act, board, drawn, scene, share_ok

from sorrelsim import per_agent, rule
from sorrelsim.rules import together

STATE = {name: per_agent() for name in ("zapped", "mark", "zap_wait", "course")}


@rule
def go(w, lots):
    for i in range(w.n_agents):
        w.course[i] = w.facing[i] if w.action[i] == FORWARD else together.STAY
    together.walk(w, w.course, lots)


@rule
def go_or_nobody(w):
    go(w, False)


@rule
def go_by_lots(w):
    go(w, True)


def together_scene(text, facings, lots, **settings):
    rules = (go_by_lots if lots else go_or_nobody,)
    return scene(text, facings, rules=rules, attributes={"state": STATE}, **settings)


def walked(text, facings, expected, lots, staying=()):
    """Whether a step in which all but some walk ahead leads to the expected picture."""
    world = together_scene(text, facings, lots)
    act(world, *(NOOP if i in staying else FORWARD for i in range(len(facings))))
    return board(world) == drawn(expected)


@pytest.mark.parametrize("lots", [False, True])
@pytest.mark.parametrize(
    ("text", "facings", "expected", "staying"),
    [
        ("01..\n....", "EE", ".>>.\n....", ()),  # following
        ("012.\n....", "EEE", ">>>.\n....", (2,)),  # the first stays, so all do
        ("012W\n....", "EEE", ">>>W\n....", ()),  # it must
        ("01C.\n....", "EE", ">>C.\n....", ()),
        ("01.\n32.", "ESWN", "^>.\n<v.", ()),  # a ring: 0 east, 1 south, 2 west, 3 north
        ("0..\n...", "N", "^..\n...", ()),  # the edge
        ("0.1\n...", "EN", ".>^\n...", ()),
    ],
)
def test_alike_in_both_ways(lots, text, facings, expected, staying):
    assert walked(text, facings, expected, lots, staying)


def test_a_contested_cell_goes_to_nobody_and_those_behind_stay_too():
    assert walked("20.1\n....", "EWE", ">>.<\n....", False)
    assert walked("0.1\n.2.", "EWN", ">.<\n.^.", False)


def test_two_may_swap_unless_lots_are_drawn():
    for lots, expected in ((False, "<>."), (True, "><.")):
        assert walked("01.\n...", "EW", f"{expected}\n...", lots)


def test_each_claimant_gets_a_contested_cell_equally_often_by_lots():
    n = 900
    world = together_scene("0.1\n.2.", "EWN", True, n_worlds=n)
    act(world, FORWARD, FORWARD, FORWARD)
    winners = world.occupant[:, 0, 1].astype(int)
    assert set(winners) == {0, 1, 2}
    assert all(share_ok((winners == i).sum(), n, 1 / 3) for i in range(3))
    moved = (world.pos != [[[0, 0], [0, 2], [1, 1]]]).any(axis=2)
    assert (moved.sum(axis=1) == 1).all()


def test_behind_the_loser_of_a_lot_all_stay_and_behind_the_winner_they_follow():
    n = 400
    world = together_scene("20.13\n.....", "EWEW", True, n_worlds=n)
    act(world, FORWARD, FORWARD, FORWARD, FORWARD)
    rows = [board(world, copy).splitlines()[0] for copy in range(n)]
    assert set(rows) == {" >><<", ">><< "}
    assert share_ok(rows.count(" >><<"), n, 0.5)


@pytest.mark.parametrize("lots", [False, True])
def test_who_is_frozen_stays_and_who_is_out_is_in_nobodys_way(lots):
    world = together_scene("01..\n2...", "EEN", lots)
    world.frozen[0, 1] = 3
    act(world, FORWARD, FORWARD, FORWARD)
    assert board(world) == drawn(">>..\n^...")
    world = together_scene("0...\n2...", "EEN", lots)
    world.pos[0, 1] = 0, 1  # where it was when it went out
    world.out[0, 1] = 5
    act(world, FORWARD, FORWARD, FORWARD)
    assert board(world) == drawn("^>..\n....")


@pytest.mark.parametrize("lots", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_of_many_none_collide_and_who_stays_has_a_reason(lots, seed):
    world = together_scene(".0.1.2\n3.4W5.\n.6.7.8\n......", "N" * 9, lots, n_worlds=8, seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(25):
        world.facing[:] = rng.integers(4, size=world.facing.shape)
        wants = rng.random((8, 9)) < 0.8
        before = world.pos.copy()
        world.step(np.where(wants, FORWARD, NOOP))
        for copy in range(8):
            cells = [tuple(cell) for cell in world.pos[copy]]
            assert len(set(cells)) == 9
            goals = before[copy] + np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])[world.facing[copy]]
            for i in range(9):
                goal = tuple(goals[i])
                if cells[i] != tuple(before[copy, i]):
                    assert wants[copy, i]
                    assert cells[i] == goal
                elif wants[copy, i] and 0 <= goal[0] < 4 and 0 <= goal[1] < 6 and goal != (1, 3):
                    rivals = [j for j in range(9) if j != i and wants[copy, j] and tuple(goals[j]) == goal]
                    blocked = goal in cells  # by one who stayed, or won
                    swap = [j for j in range(9) if tuple(before[copy, j]) == goal and tuple(goals[j]) == cells[i]]
                    assert rivals or blocked or swap
