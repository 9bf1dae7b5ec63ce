"""Paintball: beams that paint, the ground that heals and holds, walls, flags, the hill, and who is out."""

import boards
import numpy as np
import pytest
from boards import act, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.paintball import MAPS, Kind

HALL = """
WWWWWWWWWWWW
W,,,,,,,,PPW
W,,,,,,,,PPW
W,,,,,,,,QQW
W,,,,,,,,QQW
WWWWWWWWWWWW
"""
AWAY = (4, 10, "S")  # a place in the corner of ``HALL``, with nothing but walls ahead


def make(map=HALL, n_agents=2, **settings):
    return sorrelsim.make("paintball", map=map, n_agents=n_agents, compiled=False, **{"healing": 0.0} | settings)


def seat(world, *places):
    """Agents set down as if they had stood there for long."""
    boards.seat(world, *places)
    world.copies.state["stood"][:] = world.pos
    return world


def lies(world, row, col, layer="paint", copy=0):
    return world.grid[copy, row, col, world.codes.layers.index(layer)]


def painted(world, team, copy=0):
    """The cells in the colour of a team."""
    kinds = (Kind.RED_PAINT + team, Kind.RED_HILL + team)
    return {tuple(cell) for cell in np.argwhere(np.isin(world.grid[copy, ..., 0], kinds)).tolist()}


def state(world, name):
    return world.copies.state[name][0].tolist()


def counted(world, agent):
    return {name: int(n) for name, n in zip(world.events, world.event_counts[0, agent], strict=True) if n}


def test_keeps_the_contract():
    check_world("paintball", compiled=False, steps=40)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("capture_the_flag", {"P": 32, "Q": 32, "D": 4, "H": 24, "F": 1, "G": 1}),
        ("king_of_the_hill", {"P": 33, "Q": 33, "D": 8, "H": 16, "F": 0, "G": 48}),
    ],
)
def test_maps_have_their_contents(name, counts):
    world = sorrelsim.make("paintball", preset=name, compiled=False)
    assert (world.width, world.height, world.n_agents, world.n_actions) == (23, 23, 8, 9)
    assert {glyph: MAPS[name].count(glyph) for glyph in counts} == counts
    for i in range(8):  # even slots are red and start among P, odd ones among Q
        assert world.pos[0, i].tolist() in world.map.sites[f"spawns_{i % 2}"].tolist()
    if name == "capture_the_flag":
        assert lies(world, 2, 11, "object") == Kind.RED_FLAG
        assert lies(world, 20, 11, "object") == Kind.BLUE_FLAG
    else:
        assert (world.grid == Kind.HILL).sum() == 48
    assert lies(world, 11, 11) == (Kind.BOTH_INDICATOR if name == "capture_the_flag" else Kind.INDICATOR)


def test_default_numbers():
    numbers = {n: v[0].tolist() for n, v in sorrelsim.make("paintball", compiled=False).copies.params.items()}
    assert numbers == {
        "health": 2, "healing": 0.05, "healed": [3, 2, 1], "spray_length": 3, "spray_radius": 1, "spray_cooldown": 2,
        "shot_length": 6, "shot_cooldown": 4, "timeout": 80, "barrier_hits": 5, "door_gone": 0.1, "crates_gone": 0.25,
        "goal_value": 1.0, "control_share": 0.8, "loss_share": 0.5, "max_steps": 1000,
    }  # fmt: skip


def test_the_lines_round_the_hill_of_other_maps_are_floor():
    world = make("WWWWWWW\nWPuuuQW\nWlGGGrW\nW,ddd,W\nWWWWWWW\n")
    assert (world.grid[0, ..., 0] > 0).sum() == 3  # the hill; walls lie in another layer
    seat(world, (1, 1, "E"), (1, 5, "N"))
    act(world, "forward", "noop")
    assert world.pos[0, 0].tolist() == [1, 2]
    assert act(world, "spray", "noop") == [0, 0]
    assert lies(world, 1, 3) == Kind.RED_PAINT


def test_a_spray_paints_nine_cells_and_its_own_and_comes_every_third_step():
    world = seat(make(), (3, 3, "E"), AWAY)
    ready = []
    for _ in range(4):
        act(world, "spray", "noop")
        ready.append(float(world.obs["ready_to_shoot"][0, 0, 0]))
    assert painted(world, 0) == {(r, c) for r in (2, 3, 4) for c in (3, 4, 5)} | {(3, 6)}
    assert ready == [0.0, 0.5, 1.0, 0.0]


def test_a_shot_is_six_cells_long_and_comes_every_fifth_step():
    world = seat(make(), (3, 1, "E"), AWAY)
    ready = []
    for _ in range(6):
        act(world, "shoot", "noop")
        ready.append(float(world.obs["ready_to_shoot"][0, 0, 0]))
    assert painted(world, 0) == {(3, c) for c in range(2, 8)}  # not its own
    assert ready == [-1.0, -0.5, 0.0, 0.5, 1.0, -1.0]


def test_who_changed_its_cell_in_the_last_step_cannot_shoot_but_can_spray():
    world = seat(make(), (3, 1, "E"), AWAY)
    act(world, "forward", "noop")
    act(world, "shoot", "noop")
    assert painted(world, 0) == set()
    act(world, "shoot", "noop")
    assert painted(world, 0) == {(3, c) for c in range(3, 9)}
    world = seat(make(), (3, 1, "E"), AWAY)
    act(world, "forward", "noop")
    act(world, "spray", "noop")
    assert len(painted(world, 0)) == 10


def test_the_enemys_paint_holds_until_it_is_painted_over():
    """Painted in 1, stuck in 2, a spray in 3, and it walks in 4; an own spray underfoot, but a shot is no help."""
    world = seat(make(), (3, 1, "E"), (3, 4, "S"))
    act(world, "shoot", "noop")
    assert (3, 4) in painted(world, 0)
    act(world, "noop", "forward")
    assert world.pos[0, 1].tolist() == [3, 4]
    act(world, "noop", "turn_left")
    assert world.facing[0, 1] == 2
    act(world, "noop", "spray")
    assert (3, 4) in painted(world, 1)
    act(world, "noop", "forward")
    assert world.pos[0, 1].tolist() == [4, 4]


def test_an_enemys_paint_lies_over_ones_own_underfoot_in_the_same_step():
    world = seat(make(n_worlds=30), (3, 1, "E"), (3, 4, "S"))
    act(world, "shoot", "spray")
    assert all((3, 4) in painted(world, 0, copy) for copy in range(30))


def test_where_two_beams_meet_the_later_one_wins_by_chance():
    n = 400
    world = seat(make(n_worlds=n, seed=2), (3, 1, "E"), (1, 4, "S"))
    act(world, "shoot", "shoot")  # both cross (3, 4), two and three ahead
    reds = sum((3, 4) in painted(world, 0, copy) for copy in range(n))
    assert share_ok(reds, n, 0.5)


def test_a_beam_passes_mates_and_survivors_and_ends_at_whom_it_removes():
    """Enemies two and three ahead, health 2, three shots: both are hurt, the first is out, the second is out."""
    world = seat(make(n_agents=6), (3, 1, "E"), (3, 3, "N"), (3, 2, "N"), (3, 4, "N"), (1, 9, "N"), (1, 8, "N"))
    health = []
    for step in range(11):
        act(world, "shoot", *["noop"] * 5)
        if step % 5 == 0:
            health.append([int(n) for n in world.copies.state["health"][0, [1, 3]]])
            assert (
                world.out[0, [1, 3]].astype(bool).tolist() == [[False, False], [True, False], [True, True]][step // 5]
            )
    assert health == [[1, 1], [2, 1], [2, 2]]  # who is out will come back with 2
    assert world.copies.state["health"][0, 2] == 2  # the mate
    assert counted(world, 0) == {"removals": 2}
    world = seat(make(n_agents=4), (3, 1, "E"), (3, 3, "N"), (1, 9, "N"), (3, 4, "N"))
    world.copies.state["health"][:, 1] = 1
    act(world, "shoot", *["noop"] * 3)
    assert painted(world, 0) == {(3, 2), (3, 3)}  # it ended at the one that it removed
    assert world.copies.state["health"][0, 3] == 2


def test_who_is_removed_is_out_for_80_steps_and_81_observations():
    world = seat(make(), (3, 1, "E"), (3, 3, "N"))
    world.copies.state["health"][:, 1] = 1
    act(world, "shoot", "shoot")
    assert (2, 3) in painted(world, 1)  # who is removed in a step has still fired in it
    missed = 0
    while world.out[0, 1] != 0:
        assert not world.obs["grid"][0, 1].any()
        act(world, "noop", "forward")
        missed += 1
    assert missed == 81
    assert world.pos[0, 1].tolist() in world.map.sites["spawns_1"].tolist()
    assert world.copies.state["health"][0, 1] == 2


def test_who_is_out_is_told_how_ready_it_was_and_comes_back_no_readier():
    """Shot in the step in which it sprayed: 1 - 2/2 = 0; in which it shot: 1 - 4/2 = -1. The wait stands still while
    out, and goes on in the step after the return: -1 + 1/2."""
    for name, readiness in (("spray", 0.0), ("shoot", -1.0)):
        world = seat(make(timeout=2), (3, 1, "E"), (3, 3, "N"))
        world.copies.state["health"][:, 1] = 1
        act(world, "shoot", name)
        for _ in range(3):
            assert world.out[0, 1] != 0
            assert not world.obs["grid"][0, 1].any()
            assert world.obs["ready_to_shoot"][0, 1] == readiness
            act(world, "noop", "noop")
        assert world.out[0, 1] == 0
        assert world.obs["ready_to_shoot"][0, 1] == readiness
        act(world, "noop", "noop")
        assert world.obs["ready_to_shoot"][0, 1] == readiness + 0.5


def test_five_hits_bring_down_a_door_or_crates_and_the_fifth_goes_on():
    board = HALL.replace("W,,,,,,,,QQW", "W,,D,H,,,QQW", 1)
    world = make(board, shot_cooldown=0, door_gone=0.0, crates_gone=0.0)
    seat(world, (3, 1, "E"), AWAY)
    for hit in range(1, 10):
        act(world, "shoot", "noop")
        stands = [lies(world, 3, col, "object") != 0 for col in (3, 5)]
        # The fifth hit fells the door and is the first on the crates, whose fifth is the ninth.
        assert stands == [hit < 5, hit < 9]
    assert lies(world, 3, 3) == lies(world, 3, 5) == Kind.RUBBLE
    assert painted(world, 0) == {(3, 2), (3, 4), (3, 6), (3, 7)}
    for _ in range(2):
        act(world, "forward", "noop")
    assert world.pos[0, 0].tolist() == [3, 3]


def test_hits_of_both_teams_bring_a_door_down():
    world = make(HALL.replace("W,,,,,,,,QQW", "W,,D,,,,,QQW", 1), shot_cooldown=0, door_gone=0.0)
    seat(world, (3, 1, "E"), (3, 6, "W"))
    for red, blue in (("shoot", "noop"), ("shoot", "shoot"), ("noop", "shoot")):
        act(world, red, blue)
        assert lies(world, 3, 3, "object") == Kind.DOOR
    act(world, "shoot", "noop")
    assert (lies(world, 3, 3, "object"), lies(world, 3, 3)) == (0, Kind.RUBBLE)


def test_an_indicator_is_walked_on_and_never_painted():
    world = seat(make(HALL.replace("W,,,,,,,,QQW", "W,,,I,,,,QQW", 1)), (3, 1, "E"), AWAY)
    act(world, "shoot", "noop")
    assert painted(world, 0) == {(3, col) for col in (2, 3, 5, 6, 7)}
    assert lies(world, 3, 4) == Kind.INDICATOR
    for _ in range(3):
        act(world, "forward", "noop")
    assert world.pos[0, 0].tolist() == [3, 4]


def test_some_doors_and_crates_lie_in_rubble_from_the_start():
    n = 300
    board = HALL.replace("W,,,,,,,,QQW", "WDDDDHHHHQQW", 1)
    world = make(board, n_worlds=n, seed=5)
    fallen = world.grid[:, 3, :, 0] == Kind.RUBBLE
    assert share_ok(fallen[:, 1:5].sum(), 4 * n, 0.1)
    assert share_ok(fallen[:, 5:9].sum(), 4 * n, 0.25)


@pytest.mark.parametrize(("ground", "most"), [(Kind.RED_PAINT, 3), (0, 2), (Kind.BLUE_PAINT, 1)])
def test_health_comes_back_by_the_ground_one_stood_on(ground, most):
    """A red agent: up to 3 on red, 2 on bare ground, and 1, which is never above, on blue; nothing is ever lost."""
    world = seat(make(healing=1.0), (3, 3, "E"), AWAY)
    world.grid[0, 3, 3, 0] = ground
    world.copies.state["health"][0, 0] = 1
    health = []
    for _ in range(3):
        act(world, "noop", "noop")
        health.append(int(world.copies.state["health"][0, 0]))
    assert health == [min(n, most) for n in (2, 3, 4)]
    world.grid[0, 3, 3, 0] = Kind.BLUE_PAINT
    act(world, "noop", "noop")
    assert world.copies.state["health"][0, 0] == health[-1]


def test_healing_has_its_probability_and_is_shown_a_step_late():
    n = 2000
    world = seat(make(n_worlds=n, healing=0.05, seed=4), (3, 3, "E"), AWAY)
    world.copies.state["health"][:] = 1
    act(world, "noop", "noop")
    assert share_ok((world.copies.state["health"] == 2).sum(), 2 * n, 0.05)
    assert (world.grid[:, 3, 3, world.codes.layers.index("beam")] == Kind.RED_1).all()
    world = seat(make(), (3, 1, "E"), (3, 3, "N"))
    shown = []
    for _ in range(2):
        act(world, "shoot", "noop")
        shown.append(lies(world, 3, 3, "beam") - Kind.BLUE_1 + 1)
    assert shown == [2, 1]


# A hill of five cells; the two agents look along it from either end, and the blue one is hurt to nobody's cost.
HILL = """
WWWWWWWWWWWW
W,,,,,,,,,PW
WI,GGGGG,,QW
W,,,,,,,,,,W
WWWWWWWWWWWW
"""


def test_a_hill_pays_from_the_step_after_it_was_painted_and_changes_hands_so_too():
    world = make(HILL)
    seat(world, (2, 2, "E"), (2, 10, "W"))
    rewards = [act(world, name, other) for name, other in [("noop", "forward")] * 2]
    assert rewards == [[0, 0], [0, 0]]  # blue walks to (2, 8)
    assert act(world, "shoot", "noop") == [0, 0]
    assert len(painted(world, 0)) == 6  # columns 3 to 8, of which 3 to 7 are the hill's
    assert state(world, "squares") == [5, 0]
    assert act(world, "noop", "noop") == [1, -1]
    assert lies(world, 2, 1) == Kind.RED_INDICATOR
    assert act(world, "noop", "noop") == [1, -1]
    world.copies.state["health"][:] = 2
    assert act(world, "noop", "shoot") == [1, -1]
    assert state(world, "squares") == [0, 5]
    assert act(world, "noop", "noop") == [-1, 1]
    assert lies(world, 2, 1) == Kind.BLUE_INDICATOR
    assert counted(world, 0) == {"squares_coloured": 5, "hills_captured": 1}
    assert counted(world, 1) == {"squares_coloured": 5, "hills_captured": 1}


def test_four_of_five_squares_take_the_hill_and_turn_the_fifth_and_less_than_half_loses_it():
    world = make(HILL)
    seat(world, (3, 3, "N"), (3, 1, "N"))
    squares = [(2, col) for col in range(3, 8)]

    def colour(*teams):
        for (row, col), team in zip(squares, teams, strict=True):
            world.grid[0, row, col, 0] = Kind.HILL if team is None else Kind.RED_HILL + team
        world.copies.state["squares"][0] = [teams.count(0), teams.count(1)]

    colour(0, 0, 0, None, 1)  # 3 are less than 80% of 5
    assert act(world, "noop", "noop") == [0, 0]
    colour(0, 0, 0, 0, 1)
    assert act(world, "noop", "noop") == [1, -1]
    assert state(world, "squares") == [5, 0]
    assert all(lies(world, *cell) == Kind.RED_HILL for cell in squares)
    colour(0, 0, 0, 1, 1)  # 3 are not below half of 5
    assert act(world, "noop", "noop") == [1, -1]
    colour(0, 0, 1, 1, 1)  # 2 are
    assert act(world, "noop", "noop") == [0, 0]


# Homes two cells from either end of a corridor, and an indicator in the corner.
CORRIDOR = """
WWWWWWWWWWWW
WPPP,,,,QQQW
WIF,,,,,,G,W
W,,,,,,,,,,W
WWWWWWWWWWWW
"""


def flags(world):
    """Where red, blue or both flags lie in the picture."""
    objects = world.grid[0, ..., world.codes.layers.index("object")]
    return {
        kind.name: np.argwhere(objects == kind).tolist()
        for kind in (Kind.RED_FLAG, Kind.BLUE_FLAG, Kind.BOTH_FLAGS)
        if (objects == kind).any()
    }


def corridor(*places, **settings):
    return seat(make(CORRIDOR, n_agents=len(places), **settings), *places)


def test_a_flag_is_carried_home_for_1_each_and_both_flags_are_gone_for_one_picture():
    world = corridor((2, 4, "W"), (1, 8, "N"), (1, 1, "N"), None)
    world.copies.state["carrier"][0, 1] = 1
    world.out[0, 3] = -1
    act(world, "noop", "noop", "noop", "noop")
    assert flags(world) == {"RED_FLAG": [[2, 2]], "BLUE_FLAG": [[2, 4]]}
    assert act(world, "forward", "noop", "noop", "noop") == [0, 0, 0, 0]
    assert flags(world)["BLUE_FLAG"] == [[2, 3]]
    assert act(world, "forward", "noop", "noop", "noop") == [1, -1, 1, -1]  # who is out is paid too
    assert flags(world) == {}
    assert act(world, "noop", "noop", "noop", "noop") == [0, 0, 0, 0]
    assert flags(world) == {"RED_FLAG": [[2, 2]], "BLUE_FLAG": [[2, 9]]}
    assert counted(world, 0) == {"flags_captured": 1}


def test_entering_takes_the_enemys_flag_and_not_ones_own_from_home():
    world = corridor((2, 8, "E"), (3, 9, "N"))
    act(world, "noop", "forward")  # blue on its own flag at home
    assert state(world, "carrier") == [0, 0]
    act(world, "noop", "backward")
    act(world, "forward", "noop")
    assert state(world, "carrier") == [0, 1]
    assert counted(world, 0) == {"flags_picked_up": 1}
    act(world, "backward", "noop")
    assert flags(world)["BLUE_FLAG"] == [[2, 8]]


def test_a_flag_falls_where_its_carrier_is_shot_and_a_mate_of_the_flag_sends_it_home():
    world = corridor((2, 5, "W"), (2, 8, "W"))
    world.copies.state["carrier"][0, 1] = 1
    world.copies.state["health"][0, 0] = 1
    act(world, "noop", "shoot")
    assert flags(world)["BLUE_FLAG"] == [[2, 5]]
    assert state(world, "carrier") == [0, 0]
    assert counted(world, 1) == {"removals": 1, "carriers_removed": 1}
    for _ in range(3):
        act(world, "noop", "forward")
    assert flags(world)["BLUE_FLAG"] == [[2, 9]]
    assert counted(world, 1) == {"removals": 1, "carriers_removed": 1, "flags_returned": 1}


def test_indicators_show_whose_flag_was_at_home_at_the_end_of_the_last_step():
    """Red takes the blue flag in 1, leaves its home with it in 2, and is shot in 3, where the flag falls. The red one
    lies about too before 4. In 5 blue steps on its own, which goes home."""
    world = corridor((2, 8, "E"), (2, 7, "E"))
    world.copies.state["health"][0, 0] = 1
    lit = [lies(world, 2, 1)]
    reds, blues = ("forward", "backward", *["noop"] * 4), (*["noop"] * 2, "shoot", "noop", "forward", "noop")
    for red, blue in zip(reds, blues, strict=True):
        if len(lit) == 4:
            world.copies.state["flag"][0, 0] = 3, 6
        act(world, red, blue)
        lit.append(lies(world, 2, 1))
    both, neither = Kind.BOTH_INDICATOR, Kind.INDICATOR
    assert lit == [both, both, both, Kind.RED_INDICATOR, neither, neither, Kind.BLUE_INDICATOR]


def test_no_capture_while_ones_own_flag_is_away_but_as_soon_as_it_is_back():
    world = corridor((2, 3, "W"), (1, 9, "N"), (3, 6, "N"))
    world.copies.state["carrier"][0, 1] = 1
    world.copies.state["flag"][0, 0] = 2, 6  # red's flag lies about, above agent 2
    act(world, "noop", "noop", "noop")
    assert act(world, "forward", "noop", "noop") == [0, 0, 0]
    assert act(world, "noop", "noop", "forward") == [1, -1, 1]
    assert counted(world, 2) == {"flags_returned": 1}


def test_both_flags_in_one_cell_are_seen_as_both():
    world = corridor((1, 4, "N"), (1, 8, "N"))
    world.grid[np.isin(world.grid, (Kind.RED_FLAG, Kind.BLUE_FLAG))] = 0
    world.copies.state["flag"][0] = [[3, 5], [3, 5]]
    act(world, "noop", "noop")
    assert flags(world) == {"BOTH_FLAGS": [[3, 5]]}


@pytest.mark.slow
@pytest.mark.parametrize("preset", list(MAPS))
def test_teams_gain_what_the_other_loses_under_random_play(preset):
    world = sorrelsim.make("paintball", 16, seed=1, preset=preset, shot_cooldown=0)
    rng = np.random.default_rng(1)
    for _ in range(1000):
        _, reward, *_ = world.step(rng.integers(9, size=(16, 8)))
        assert (reward[:, ::2].sum(1) == -reward[:, 1::2].sum(1)).all()
