"""Boat race: the clock of a race, seats and strokes, boats that move and land, who is out, apples."""

import boards
import numpy as np
import pytest
from boards import share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.boat_race import Kind

SEATS, SECOND = ((25, 8), (25, 9)), ((25, 12), (25, 13))


def make(n_agents=2, **settings):
    return sorrelsim.make("boat_race", n_agents=n_agents, compiled=False, **settings)


def seat(world, *places):
    """Agents where a test wants them; who is not on a seat does not sit."""
    world.frozen[:] = 0
    return boards.seat(world, *[(*place, "N") if place else None for place in places])


def now(world):
    """The steps of the episode so far."""
    return int(world.turn.flat[0])


def play(world, steps, **doing):
    """Steps from the next one on; ``a0=...`` says what agent 0 does in which steps, everybody else idles.

    Returns rewards by step of the episode and agent, of copy 0, where there are any.
    """
    paid = {}
    for _ in range(steps):
        turn = now(world) + 1
        names = [doing.get(f"a{i}", lambda turn: "noop")(turn) for i in range(world.n_agents)]
        for i, reward in enumerate(boards.act(world, *names)):
            if reward:
                paid[turn, i] = reward
    return paid


def every_fifth(first, what="row"):
    return lambda turn: what if turn >= first and (turn - first) % 5 == 0 else "noop"


def ground(world, row, col, copy=0):
    return Kind(world.grid[copy, row, col, world.codes.layers.index("ground")]).name.lower()


def counts(world, event):
    return world.event_counts[0, :, world.events.index(event)].tolist()


def aboard(*seats, n_agents=2, turn=73, **settings):
    """Everybody has stepped on a seat in ``turn`` + 1, and sits from there on."""
    world = make(n_agents, **settings)
    play(world, turn)
    seat(world, *seats)
    play(world, 1)
    return world


def test_keeps_the_contract():
    check_world("boat_race", compiled=False, steps=30)


def test_map_sizes_and_counts():
    world = make(6)
    assert (world.width, world.height, world.n_agents, world.n_actions) == (26, 38, 6, 9)
    assert {site: len(cells) for site, cells in world.map.sites.items()} == {
        "spawns": 32, "boats": 3, "lights": 36, "north_orchard": 48, "south_orchard": 48, "lane_apples": 24,
        "north_barrier": 6, "south_barrier": 6,
    }  # fmt: skip
    assert world.copies.state["boat_row"][0].tolist() == [25] * 3
    assert world.copies.state["goal_row"][0].tolist() == [12] * 3
    assert sorted({row for row, _ in world.map.sites["lane_apples"].tolist()}) == [14, 17, 20, 23]
    apples = world.grid[0, ..., world.codes.layers.index("apple")] == Kind.APPLE
    assert apples[:12].sum() == 48
    assert not apples[26:].any()


def test_default_numbers():
    numbers = {name: values[0].item() for name, values in make().copies.params.items()}
    assert numbers == {
        "apple_value": 1.0, "mismatch_value": -0.5, "flail_probability": 0.1, "row_cooldown": 5,
        "regrowth_probability": 0.1, "yellow_step": 65, "green_step": 71, "red_step": 297, "race_steps": 299,
        "check_steps": 100, "max_steps": 2400,
    }  # fmt: skip


def test_the_clock_of_the_races():
    world = seat(make(), (28, 8), (9, 8))  # before the southern barrier, and beyond the northern one
    world.copies.state["landed"][:] = 1
    seen = {}
    for turn in range(1, 700):
        boards.act(world, "noop", "noop")
        world.copies.state["landed"][:] = 1  # nobody is sent away
        now = ground(world, 9, 7), ground(world, 10, 8), ground(world, 27, 8)
        seen[turn] = tuple(name.removesuffix("_light") for name in now)
    changes = [(turn, seen[turn]) for turn in range(1, 700) if turn == 1 or seen[turn] != seen[turn - 1]]
    north, south = ("open_barrier", "barrier"), ("barrier", "open_barrier")  # which is shut in the south, in the north
    assert changes == [
        (1, ("red", *north)), (65, ("yellow", *north)), (71, ("green", *south)), (297, ("red", *south)),
        (364, ("yellow", *south)), (370, ("green", *north)), (596, ("red", *north)), (663, ("yellow", *north)),
        (669, ("green", *south)),
    ]  # fmt: skip


def test_a_barrier_can_be_passed_from_the_next_step_on():
    world = seat(make(), (28, 8), (28, 12))
    play(world, 70, a0=lambda turn: "forward")
    assert world.pos[0, 0].tolist() == [28, 8]
    play(world, 1, a0=lambda turn: "forward")  # 71: it opens at the end
    assert world.pos[0, 0].tolist() == [28, 8]
    play(world, 3, a0=lambda turn: "forward")
    assert world.pos[0, 0].tolist() == [25, 8]
    assert counts(world, "seated") == [1, 0]
    play(world, 2, a0=lambda turn: "backward")  # who sits stays
    assert world.pos[0, 0].tolist() == [25, 8]


def test_a_barrier_waits_while_somebody_stands_in_it():
    world = make()
    play(world, 70)
    seat(world, (10, 8), (29, 12))
    play(world, 2)
    assert (ground(world, 10, 8), ground(world, 10, 9)) == ("open_barrier", "barrier")
    play(world, 2, a0=lambda turn: "forward")
    assert ground(world, 10, 8) == "barrier"


def test_rowing_together_storyboard():
    world = aboard(*SEATS)
    assert counts(world, "pairs_started") == [1, 1]
    paid = play(world, 60, a0=every_fifth(75), a1=every_fifth(75))  # 75 to 134
    assert sorted(paid) == [(turn, i) for turn in (80, 95, 110, 125) for i in (0, 1)]
    assert set(paid.values()) == {1.0}
    assert world.pos[0].tolist() == [[13, 8], [13, 9]]
    play(world, 1, a0=every_fifth(75), a1=every_fifth(75))  # 135: the thirteenth cell
    assert world.pos[0].tolist() == [[9, 8], [9, 9]]
    assert counts(world, "finished") == [1, 1]
    assert counts(world, "rowed") == [13, 13]
    assert ground(world, 12, 8) == "closed_seat"
    play(world, 1, a0=lambda turn: "forward")
    assert world.pos[0, 0].tolist() == [8, 8]


def test_one_who_flails_costs_one_who_rows():
    n = 200
    world = aboard(*SEATS, turn=0, n_worlds=n)
    world.note_events()
    paid = play(world, 1, a0=lambda turn: "row", a1=lambda turn: "flail")
    assert paid == {(2, 0): -0.5}
    moved = 25 - world.pos[:, 0, 0]
    assert np.isin(moved, [0, 1]).all()
    assert share_ok(moved.sum(), n, 0.1)
    spoilt = world.happened()
    spoilt = [(event.agent, event.whom) for event in spoilt if event.what == "spoilt" and event.copy == 0]
    assert spoilt == [(1, 0)]
    paid = play(world, 4, a0=lambda turn: "row", a1=lambda turn: "flail")  # it cannot row again so soon: no cost
    assert not [key for key, value in paid.items() if value < 0]
    paid = play(world, 1, a0=lambda turn: "row", a1=lambda turn: "flail")
    assert paid[7, 0] in (-0.5, 0.5)  # with an apple, if it has come that far


def test_flailing_moves_the_boat_by_chance():
    n, steps = 100, 10
    world = aboard(*SEATS, turn=0, n_worlds=n)
    before = world.pos[:, 0, 0].sum()
    play(world, steps, a0=lambda turn: "flail", a1=lambda turn: "flail")  # both: still one draw a step
    assert share_ok(before - world.pos[:, 0, 0].sum(), n * steps, 0.1)
    assert counts(world, "flailed") == [steps, steps]


def test_rows_out_of_time_are_lost_at_no_cost():
    world = aboard(*SEATS)
    assert play(world, 40, a0=every_fifth(75), a1=every_fifth(76)) == {}
    assert world.pos[0].tolist() == [[25, 8], [25, 9]]


def test_strokes_without_a_partner_are_in_vain_but_spent():
    world = make()
    play(world, 72)
    seat(world, (25, 8), (26, 9))
    play(world, 1)
    play(world, 1, a0=lambda turn: "row", a1=lambda turn: "forward")  # 74: alone; the other one sits down
    assert counts(world, "rowed") == [0, 0]
    play(world, 1, a0=lambda turn: "row", a1=lambda turn: "row")  # 75: only the second can row
    assert counts(world, "rowed") == [0, 1]
    assert world.pos[0, 0, 0] == 25
    play(world, 5, a0=every_fifth(79), a1=every_fifth(80))
    assert counts(world, "rowed") == [1, 2]


def test_oars_are_raised_in_the_step_of_a_stroke():
    world = aboard(*SEATS)
    layer = world.codes.layers.index("beam")
    play(world, 1, a0=lambda turn: "row", a1=lambda turn: "noop")
    assert np.argwhere(world.grid[0, ..., layer]).tolist() == [[25, 7]]
    assert world.grid[0, 25, 7, layer] == Kind.ROW_OAR
    play(world, 1, a1=lambda turn: "flail")
    assert np.argwhere(world.grid[0, ..., layer]).tolist() == [[25, 10]]


def test_who_has_not_landed_at_the_red_light_is_out_for_good():
    world = make(4)
    play(world, 295)
    seat(world, (9, 8), (29, 5), *SECOND)
    world.copies.state["landed"][:] = [1, 0, 0, 0]
    play(world, 1)
    assert (world.out[0] == 0).all()
    play(world, 1)  # 297
    assert world.out[0].tolist() == [0, -1, -1, -1]
    assert counts(world, "disqualified") == [0, 1, 1, 1]
    assert world.copies.state["landed"][0].tolist() == [0] * 4
    play(world, 299)  # it did not cross again: all are out, and those who were are counted again
    assert world.out[0].tolist() == [-1] * 4
    assert counts(world, "disqualified") == [1, 2, 2, 2]


def test_the_next_race_goes_back():
    world = aboard(*SEATS)
    play(world, 140, a0=every_fifth(75), a1=every_fifth(75))
    eaten = world.grid[0, ..., world.codes.layers.index("apple")] == Kind.APPLE
    assert eaten[13:25, 8].sum() == 0
    play(world, 297 - now(world))
    assert ground(world, 12, 8) == "closed_seat"
    play(world, 1)  # 298
    apples = world.grid[0, ..., world.codes.layers.index("apple")] == Kind.APPLE
    assert (apples[:12].sum(), apples[13:25].sum(), apples[26:].sum()) == (0, 24, 48)
    assert ground(world, 12, 8) == "seat"  # the first boat lies here, the others over there
    assert ground(world, 12, 12) == "channel"
    assert ground(world, 25, 12) == "closed_seat"
    play(world, 370 - now(world))
    seat(world, (12, 8), (12, 9))
    play(world, 1)
    paid = play(world, 70, a0=every_fifth(372), a1=every_fifth(372))
    # The wait after the last row of the first race runs on only now: the first row that counts is that of 377.
    assert sorted(turn for turn, i in paid if i == 0) == [382, 397, 412, 427]
    assert world.pos[0].tolist() == [[28, 8], [28, 9]]
    assert world.out[0].tolist() == [0, 0]


def test_a_boat_left_in_the_channel_is_lost_with_its_lane():
    world = aboard(*SEATS, *SECOND, n_agents=4)
    rows = every_fifth(75)
    play(world, 20, a0=rows, a1=rows)
    play(world, 80, a2=rows, a3=rows)
    play(world, 298 - now(world))
    assert world.out[0].tolist() == [-1, -1, 0, 0]
    assert world.copies.state["boat_row"][0].tolist() == [21, 12, 25]
    assert [ground(world, row, col) for row, col in ((21, 8), (12, 12), (25, 16))] == [
        "closed_seat",
        "seat",
        "closed_seat",
    ]


def test_all_out_ends_the_episode_at_a_step_0_mod_100():
    world = seat(make(), (35, 6), (35, 8))
    for turn in range(1, 301):
        _, _, terminated, truncated, _ = world.step([[0, 0]])
        assert terminated.all() == (turn == 300)
        assert not truncated.any()


@pytest.mark.parametrize("steps", [6])
def test_apples_regrow_with_probability_10_percent_and_under_a_stander_at_once(steps):
    n = 100
    world = seat(make(n_worlds=n), (3, 7), (29, 5))
    layer = world.codes.layers.index("apple")
    world.grid[:, 3:7, 7:19, layer] = 0
    paid = 0
    for _ in range(steps):
        boards.act(world, "noop", "noop")
        paid += world.reward[:, 0].sum()
    grown = (world.grid[:, 3:7, 7:19, layer] == Kind.APPLE).sum()
    # 47 cells each bear an apple at the end with probability 1 - 0.9 ** 6; the one with an agent is tried 6 times.
    assert share_ok(grown, 47 * n, 1 - 0.9**steps)
    assert share_ok(paid, n * steps, 0.1)


def test_a_race_that_nobody_can_start_on_a_map_without_lanes():
    world = sorrelsim.make("boat_race", map="WWWWWW\nW__;:W\nW{gA_W\nWWWWWW\n", n_agents=3, compiled=False)
    for _ in range(5):
        boards.act(world, *["forward"] * 3)
    assert world.copies.state["goal_row"][0].tolist() == [0]
    assert world.event_counts[0, :, world.events.index("seated")].sum() == 0
