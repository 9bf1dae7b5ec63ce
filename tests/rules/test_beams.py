"""Beams: their shape, what stops them, cooldown, mutual hits, and sanctions by degrees."""

import numpy as np
import pytest
from tiny_worlds import (
    FORWARD,
    NOOP,
    TURN_LEFT,
    ZAP,
    ZAPPING,
    Kind,
    act,
    board,
    drawn,
    sanction,
    scene,
    show_marks,
    zap,
)

from sorrelsim import rule
from sorrelsim.rules import beams, episode, movement, sanctions

FIRE = (zap,)


@rule
def clean(w):
    """Every agent cleans: hit dirt goes."""
    for i in range(w.n_agents):
        for h in range(beams.cast(w, i, Kind.CLEAN_BEAM, w.p.length, w.p.radius)):
            row, col = w.hits[h, 0], w.hits[h, 1]
            if w.grid[row, col, w.layer[Kind.DIRT]] == Kind.DIRT:
                w.grid[row, col, w.layer[Kind.DIRT]] = 0


FIELD = "\n".join([" " * 9] * 4 + ["    0    "] + [" " * 9] * 4)


@pytest.mark.parametrize(
    ("length", "radius", "expected"),
    [
        (3, 1, """
            .........
            ....*....
            ...***...
            ...***...
            ...*^*...
            .........
            .........
            .........
            ........."""),
        (1, 0, """
            .........
            .........
            .........
            ....*....
            ....^....
            .........
            .........
            .........
            ........."""),
        (4, 2, """
            ....*....
            ...***...
            ..*****..
            ..*****..
            ..**^**..
            .........
            .........
            .........
            ........."""),
    ],
)  # fmt: skip
def test_shape_of_a_beam(length, radius, expected):
    world = scene(FIELD, "N", rules=FIRE, length=length, radius=radius)
    act(world, ZAP)
    assert board(world) == drawn(expected)


def test_a_beam_of_length_3_and_radius_1_is_nine_cells():
    for facing in "NESW":
        world = scene(FIELD, facing, rules=FIRE)
        act(world, ZAP)
        assert (world.grid == Kind.ZAP_BEAM).sum() == 9


def test_a_beam_turns_with_the_agent():
    world = scene(FIELD, "E", rules=FIRE)
    act(world, ZAP)
    assert board(world) == drawn("""
        .........
        .........
        .........
        ....***..
        ....>***.
        ....***..
        .........
        .........
        .........
    """)


def test_a_beam_vanishes_in_the_next_step():
    world = scene(FIELD, "N", rules=FIRE)
    act(world, ZAP)
    act(world, NOOP)
    assert (world.grid == Kind.ZAP_BEAM).sum() == 0


def test_walls_stop_a_column_and_are_not_painted():
    world = scene(
        """
        .......
        ...W...
        .......
        ..W0...
        .......
        """,
        "N",
        rules=FIRE,
    )
    act(world, ZAP)
    assert board(world) == drawn("""
        .......
        ...W*..
        ...**..
        ..W^*..
        .......
    """)


def test_a_blocking_kind_that_is_hit_is_painted_and_ends_its_column():
    world = scene("  F F   \n  F     \n  0     ", "N", rules=(clean,))
    act(world, NOOP)
    assert board(world) == drawn("""
        .+F+F...
        .+++....
        .+^+....
    """)
    assert world.grid[0, 0, 2, world.codes.layer[Kind.DIRT]] == Kind.DIRT  # behind the first dirt of its column
    assert world.grid[0, 1, 2, world.codes.layer[Kind.DIRT]] == 0


def test_a_clean_beam_stops_at_the_first_dirt_of_each_column_so_at_most_three_a_shot():
    world = scene("FFFFF\nFFFFF\nFFFFF\nFF0FF", "N", rules=(clean,))
    for expected in ("FFFFF\nFFFFF\nFF.FF\nF...F", "FFFFF\nFF.FF\nF...F\nF...F"):
        before = (world.grid == Kind.DIRT).sum()
        act(world, NOOP)
        dirt = world.grid[0, ..., world.codes.layer[Kind.DIRT]] == Kind.DIRT
        dirt[3, 2] = False
        picture = "\n".join("".join("F" if cell else "." for cell in row) for row in dirt)
        assert picture == expected
        assert before - (world.grid == Kind.DIRT).sum() == 3


def test_if_a_side_columns_first_cell_is_blocked_wider_columns_on_that_side_are_skipped():
    world = scene(
        """
        .........
        .........
        .........
        ...W0....
        """,
        "N",
        rules=FIRE,
        length=3,
        radius=3,
    )
    act(world, ZAP)
    assert board(world) == drawn("""
        ....*....
        ....**...
        ....***..
        ...W^***.
    """)


def test_a_wall_further_along_a_side_column_does_not_shield_wider_ones():
    world = scene(
        """
        .........
        .........
        ...W.....
        ....0....
        """,
        "N",
        rules=FIRE,
        length=3,
        radius=2,
    )
    act(world, ZAP)
    assert board(world) == drawn("""
        ....*....
        ....**...
        ..*W***..
        ..**^**..
    """)


def test_an_agent_beside_the_shooter_is_hit_and_shields_the_wider_columns():
    world = scene("     \n     \n 210 ", "SSN", rules=FIRE, radius=2)
    act(world, ZAP, NOOP, NOOP)
    assert world.event_counts[0, :, 1].tolist() == [0, 1, 0]


def test_the_edge_of_the_map_blocks():
    world = scene("    \n0   \n    \n    ", "W", rules=FIRE)
    act(world, ZAP)
    assert board(world) == drawn("""
        *...
        <...
        *...
        ....
    """)
    world = scene("0   \n    ", "N", rules=FIRE)
    act(world, ZAP)
    assert board(world) == drawn("""
        ^*..
        ....
    """)


def test_on_a_torus_a_beam_wraps():
    world = scene("0     \n      \n      \n      \n      ", "N", rules=FIRE, torus=True)
    act(world, ZAP)
    assert board(world) == drawn("""
        ^*...*
        ......
        *.....
        **...*
        **...*
    """)


def test_an_agent_stops_a_zap_but_not_a_clean_beam():
    world = scene("  3  \n  2  \n  1  \n  0  ", "NSSS", rules=FIRE)
    act(world, ZAP, NOOP, NOOP, NOOP)
    assert world.event_counts[0, :, 1].tolist() == [0, 1, 0, 0]
    world = scene("  F  \n  1  \n  0  ", "NN", rules=(clean,))
    act(world, NOOP, NOOP)
    assert (world.grid == Kind.DIRT).sum() == 0


def test_a_beam_hits_every_layer_of_a_cell():
    world = scene(" F \n 0 ", "N", rules=(clean,))
    world.grid[:, 0, 1, world.codes.layer[Kind.DIRT]] = Kind.DIRT
    other = scene(" F \n 1 \n 0 ", "NN", rules=(clean,))
    other.grid[:, 1, 1, other.codes.layer[Kind.DIRT]] = Kind.DIRT  # dirt under agent 1
    act(world, NOOP)
    act(other, NOOP, NOOP)
    assert (world.grid == Kind.DIRT).sum() == 0
    assert other.grid[0, 1, 1, other.codes.layer[Kind.DIRT]] == 0


def test_zaps_start_from_the_new_positions():
    world = scene("W   \n0  1\n    ", "EW", rules=ZAPPING, length=2, radius=0)
    act(world, ZAP, FORWARD)
    assert world.event_counts[0, 1, 1] == 1


def test_mutual_zaps_both_land():
    for seed in range(12):
        world = scene("0 1 \nP  P", "EW", rules=ZAPPING, seed=seed)
        act(world, ZAP, ZAP)
        assert (world.out[0] != 0).all()
        assert world.event_counts[0, :, 1].tolist() == [1, 1]


def test_a_removed_agent_leaves_the_grid_only_after_the_beam_phase():
    # Agent 1 stands before agent 2 and still shields it, although agent 0 hits agent 1 in the same step.
    for seed in range(12):
        world = scene("0 1 2\nP P P", "EWW", rules=ZAPPING, seed=seed, radius=0)
        act(world, ZAP, NOOP, ZAP)
        assert world.out[0].tolist()[0] == 0
        assert world.out[0, 1] != 0
        assert world.event_counts[0, :, 1].tolist() == [0, 2, 0]


@pytest.mark.parametrize("cooldown", [0, 1, 2, 5])
def test_cooldown_c_lets_an_agent_fire_every_c_plus_1_steps(cooldown):
    world = scene(FIELD, "N", rules=FIRE, cooldown=cooldown)
    fired = []
    for _ in range(3 * (cooldown + 1)):
        act(world, ZAP)
        fired.append(world.event_counts[0, 0, 0])
    assert np.flatnonzero(np.diff([0, *fired])).tolist() == [0, cooldown + 1, 2 * (cooldown + 1)]


def test_readiness_falls_to_zero_and_climbs_back():
    world = scene(FIELD, "N", rules=FIRE, cooldown=4)
    seen = [float(act(world, ZAP)[0]["ready"][0, 0, 0])]
    seen += [float(act(world, NOOP)[0]["ready"][0, 0, 0]) for _ in range(5)]
    assert seen == [0, 0.25, 0.5, 0.75, 1, 1]


def test_the_wait_stands_still_while_an_agent_is_out():
    world = scene("0 1 \nP  P", "EW", rules=ZAPPING, cooldown=2, timeout=5)
    act(world, ZAP, ZAP)  # both are out now, and had fired
    while (world.out[0] != 0).any():
        act(world, NOOP, NOOP)
    assert world.copies.state["zap_wait"][0].tolist() == [2, 2]


SANCTIONS = (movement.move, zap, sanction, movement.respawn, sanctions.recover, show_marks, episode.time_limit)
# Far apart, so that each zaps only the other; out of sight of the second row's spawn cells.
DUEL = " 0  1 \nPPPPPP"


def test_the_first_zap_freezes_the_second_removes():
    world = scene(DUEL, "EW", rules=SANCTIONS, radius=0, freeze=5, lasts=8, cooldown=1)
    act(world, ZAP, NOOP)
    assert world.out[0].tolist() == [0, 0]
    assert board(world).splitlines()[0] == drawn(".>**x.")  # the mark lies over the agent
    for _ in range(2):
        act(world, NOOP, TURN_LEFT)
    assert world.facing[0, 1] == 3  # frozen
    act(world, ZAP, NOOP)
    assert world.out[0, 1] != 0
    assert world.copies.state["mark"][0, 1] == 0


def test_a_freeze_counts_the_zap_step_and_then_the_beams_wait_begins():
    world = scene(DUEL, "EW", rules=SANCTIONS, radius=0, freeze=5, lasts=8, cooldown=2)
    act(world, ZAP, NOOP)
    facings = []
    for _ in range(6):
        act(world, NOOP, TURN_LEFT)
        facings.append(world.facing[0, 1])
    assert facings == [3, 3, 3, 3, 2, 1]  # frozen in the zap's step and four more
    world = scene(DUEL, "EW", rules=SANCTIONS, radius=0, freeze=5, lasts=8, cooldown=2)
    act(world, ZAP, NOOP)
    steps = 0
    while world.event_counts[0, 1, 0] == 0:
        act(world, NOOP, ZAP)
        steps += 1
    assert steps == 5 + 2 + 1


@pytest.mark.parametrize(("wait", "out"), [(7, True), (8, False)])
def test_a_mark_lasts_its_steps(wait, out):
    world = scene(DUEL, "EW", rules=SANCTIONS, radius=0, freeze=2, lasts=8, cooldown=0)
    act(world, ZAP, NOOP)
    for _ in range(wait - 1):
        act(world, NOOP, NOOP)
    act(world, ZAP, NOOP)
    assert (world.out[0, 1] != 0) == out


def test_two_zaps_in_one_step_are_a_first_and_a_second():
    world = scene("0  1  2\nPPPPPPP", "EWW", rules=SANCTIONS, radius=0)
    act(world, ZAP, NOOP, ZAP)
    assert world.out[0].tolist()[::2] == [0, 0]
    assert world.out[0, 1] != 0


def test_mutual_first_zaps_freeze_both():
    for seed in range(8):
        world = scene(DUEL, "EW", rules=SANCTIONS, radius=0, seed=seed)
        act(world, ZAP, ZAP)
        assert (world.frozen[0] > 0).all()
        assert (world.copies.state["mark"][0] > 0).all()


@rule
def look_ahead(w):
    for i in range(w.n_agents):
        w.mark[i] = beams.first(w, i, 0, w.facing[i], w.p.length)
        w.zapped[i] = beams.first(w, i, 1, w.facing[i], w.p.length)


@pytest.mark.parametrize(
    ("text", "ahead", "right"),
    [
        ("0  1\n    ", 1, -1),  # three cells away
        ("0   1\n     ", -1, -1),
        ("0 12\n    ", 1, -1),  # the nearest
        ("0W1 \n  2 ", -1, 2),  # walls hide; beside it, one to the right, looks start from the cell there
        ("0C1 \n2   ", -1, -1),  # crates too; the first cell itself is not looked at
    ],
)
def test_the_first_agent_ahead(text, ahead, right):
    world = scene(text, "ENN", rules=(look_ahead,))
    act(world, *[NOOP] * world.n_agents)
    assert (world.copies.state["mark"][0, 0], world.copies.state["zapped"][0, 0]) == (ahead, right)
