"""Walking, turning, contested cells and following."""

import numpy as np
import pytest
from tiny_worlds import (
    BACKWARD,
    FORWARD,
    LEFT,
    RIGHT,
    TURN_LEFT,
    TURN_RIGHT,
    Kind,
    act,
    board,
    drawn,
    scene,
    share_ok,
)

from sorrelsim import rule
from sorrelsim.rules import movement


@pytest.mark.parametrize(
    ("facing", "action", "expected"),
    [
        ("N", FORWARD, (1, 2)), ("N", BACKWARD, (3, 2)), ("N", LEFT, (2, 1)), ("N", RIGHT, (2, 3)),
        ("E", FORWARD, (2, 3)), ("E", BACKWARD, (2, 1)), ("E", LEFT, (1, 2)), ("E", RIGHT, (3, 2)),
        ("S", FORWARD, (3, 2)), ("S", BACKWARD, (1, 2)), ("S", LEFT, (2, 3)), ("S", RIGHT, (2, 1)),
        ("W", FORWARD, (2, 1)), ("W", BACKWARD, (2, 3)), ("W", LEFT, (3, 2)), ("W", RIGHT, (1, 2)),
    ],
)  # fmt: skip
def test_moves_are_relative_to_the_facing_and_keep_it(facing, action, expected):
    world = scene("......\n......\n..0...\n......\n......", facing)
    act(world, action)
    assert tuple(world.pos[0, 0]) == expected
    assert "NESW"[world.facing[0, 0]] == facing
    assert world.occupant[0][expected] == 0
    assert (world.occupant[0] >= 0).sum() == 1


def test_turning_right_is_clockwise_and_moves_nobody():
    world = scene("...\n.0.", "N")
    for expected in "ESWN":
        act(world, TURN_RIGHT)
        assert "NESW"[world.facing[0, 0]] == expected
    act(world, TURN_LEFT)
    assert "NESW"[world.facing[0, 0]] == "W"
    assert tuple(world.pos[0, 0]) == (1, 1)


def test_walls_crates_agents_and_the_edge_of_the_map_stop_a_move():
    world = scene(
        """
        0  W1
        C2  3
        """,
        "NWWE",
    )
    before = world.pos.copy()
    act(world, FORWARD, FORWARD, FORWARD, FORWARD)  # the edge, a wall, a crate, the edge
    np.testing.assert_array_equal(world.pos, before)


def test_edges_of_a_torus_join():
    world = scene("0    \n     \n    1", "NS", torus=True)
    act(world, FORWARD, FORWARD)
    assert board(world) == drawn("""
        ....v
        .....
        ^....
    """)
    act(world, LEFT, LEFT)
    assert tuple(world.pos[0, 0]) == (2, 4)
    assert tuple(world.pos[0, 1]) == (0, 0)


def test_an_agent_may_walk_on_what_is_not_solid():
    world = scene("0FA", "E")
    act(world, FORWARD)
    act(world, FORWARD)
    assert tuple(world.pos[0, 0]) == (0, 2)


def test_a_contested_cell_goes_to_a_uniformly_random_claimant():
    n = 700
    world = scene("  1  \n 0 2 ", "ESW", n_worlds=n, seed=1)
    act(world, FORWARD, FORWARD, FORWARD)
    winner = world.occupant[:, 1, 2]
    assert (winner >= 0).all()
    for i in range(3):
        assert share_ok((winner == i).sum(), n, 1 / 3)
    assert ((world.occupant >= 0).sum((1, 2)) == 3).all()


def test_following_into_a_vacating_cell_succeeds_about_half_of_the_time():
    n = 700
    world = scene(" 01  ", "EE", n_worlds=n, seed=2)
    act(world, FORWARD, FORWARD)
    assert (world.pos[:, 1, 1] == 3).all()
    followed = world.pos[:, 0, 1] == 2
    assert share_ok(followed.sum(), n, 0.5)
    assert (world.pos[~followed, 0, 1] == 1).all()


def test_two_agents_never_swap():
    world = scene(" 01 ", "EW", n_worlds=100, seed=3)
    for _ in range(3):
        act(world, FORWARD, FORWARD)
    assert (world.pos[:, 0, 1] == 1).all()
    assert (world.pos[:, 1, 1] == 2).all()


def test_a_ring_of_agents_never_turns_all_at_once():
    # Each wants the next one's cell; the first in the order finds it still taken, and so on round the ring.
    world = scene("01\n32", "ESWN", n_worlds=100, seed=4)
    before = world.pos.copy()
    act(world, FORWARD, FORWARD, FORWARD, FORWARD)
    np.testing.assert_array_equal(world.pos, before)


def test_a_frozen_agent_neither_walks_nor_turns_until_it_thaws():
    world = scene(" 0  ", "E", rules=(movement.move, movement.thaw))
    world.frozen[0, 0] = 2
    act(world, FORWARD)
    act(world, TURN_LEFT)
    assert tuple(world.pos[0, 0]) == (0, 1)
    assert world.facing[0, 0] == 1
    act(world, FORWARD)
    assert tuple(world.pos[0, 0]) == (0, 2)


@rule
def walk_absolute(w):
    for i in range(w.n_agents):
        movement.step(w, i, movement.heading(w.action[i]))


@pytest.mark.parametrize(("action", "expected"), [(0, (0, 1)), (1, (2, 1)), (2, (1, 0)), (3, (1, 2))])
def test_absolute_moves_ignore_the_facing(action, expected):
    world = scene("    \n 0  \n    ", "S", rules=(walk_absolute,))
    act(world, action)
    assert tuple(world.pos[0, 0]) == expected
    assert world.facing[0, 0] == 2
    assert movement.ABSOLUTE[action] == ("up", "down", "left", "right")[action]


def test_shown_facings_follow_turns_and_moves():
    world = scene(" 0  ", "E", show_facing=True)
    world.grid[0, 0, 1, world.codes.agent_layer] = world.codes.agent_code + 1
    act(world, TURN_RIGHT)
    assert world.grid[0, 0, 1, world.codes.agent_layer] == world.codes.agent_code + 2
    act(world, LEFT)
    assert world.grid[0, 0, 2, world.codes.agent_layer] == world.codes.agent_code + 2
    assert world.grid[0, 0, 1, world.codes.agent_layer] == 0


@rule
def count_watchers(w):
    """Of agent 0: who has it in a window of 3 ahead, 1 back, 2 left, none to the right."""
    for j in range(1, w.n_agents):
        w.events[j, 0] += movement.has_in_window(w, j, 0, 3, 1, 2, 0)


def test_a_window_turns_with_its_agent():
    """Agent 0 is 1 west and 2 south of the other.

    To one that faces N it is 2 behind; E: 1 behind, 2 right; S: 2 ahead, 1 right; W: 1 ahead, 2 left.
    """
    for facing, expected in {"N": False, "E": False, "S": False, "W": True}.items():
        world = scene("  1 \n    \n 0  ", f"N{facing}", rules=(count_watchers,))
        act(world, 0, 0)
        assert world.event_counts[0, 1, 0] == expected, facing


@rule
def jump_near(w):
    row, col = movement.near(w, 0)
    movement.lift(w, 0)
    movement.place(w, 0, row, col)


def test_near_draws_from_the_own_cell_and_those_next_to_it_that_are_no_walls():
    world = scene("WWWW\nW0 W\nW  W\nWWWW", "N", n_worlds=600, rules=(jump_near,))
    act(world, 0)
    for place in ((1, 1), (1, 2), (2, 1)):
        assert share_ok((world.pos[:, 0] == place).all(1).sum(), 600, 1 / 3)


@rule
def avoid_apples(w):
    for i in range(w.n_agents):
        if not movement.enters(w, i, Kind.APPLE):
            movement.act(w, i)


@pytest.mark.parametrize(
    ("action", "expected"),
    [(FORWARD, (0, 1)), (LEFT, (0, 1)), (RIGHT, (1, 1)), (BACKWARD, (0, 0)), (TURN_LEFT, (0, 1))],
)
def test_a_world_can_keep_agents_off_what_others_may_enter(action, expected):
    world = scene(" 0A\n   ", "E", rules=(avoid_apples,))  # an apple ahead, the edge of the map to the left
    act(world, action)
    assert tuple(world.pos[0, 0]) == expected
    assert world.facing[0, 0] == (0 if action == TURN_LEFT else 1)
