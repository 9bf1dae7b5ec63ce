"""Predator and Prey: stamina and locks, bites and groups, grass, meals, food, roles, and the four maps."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.predator_prey import Kind

FIELD = """
WWWWWWWWWWWWWWW
WXX         PPW
W             W
W     aA      W
W  gGg        W
W  ggg      PPW
WWWWWWWWWWWWWWW
"""
LANE = "W" * 40 + "\nWX" + " " * 36 + "PW\n" + "W" * 40 + "\n"
NOOP = "noop"
APPLES, COLLECTED, ACORNS, SAFELY, PREY_EATEN, PREDATORS_EATEN = range(6)


def make(n_agents=2, n_predators=1, map=FIELD, **settings):
    """No food grows unless a test says so."""
    settings = {"apple_regrowth": 0.0, "acorn_regrowth": 0.0} | settings
    return sorrelsim.make(
        "predator_prey", map=map, n_agents=n_agents, n_predators=n_predators, compiled=False, **settings
    )


def state(world, name, copy=0):
    return world.copies.state[name][copy].tolist()


def put(world, name, *values):
    world.copies.state[name][:] = values


def shown(world, i, layer, copy=0):
    """The name of the mark in a layer over an agent; empty if there is none."""
    kind = world.grid[copy, *world.pos[copy, i], world.codes.layers.index(layer)]
    return world.codes.names[kind] if kind else ""


def counts(world, what, copy=0):
    return world.event_counts[copy, :, what].astype(int).tolist()


def test_keeps_the_contract():
    check_world("predator_prey", compiled=False, steps=20)


# ----------------------------------------------------------------------------------------------------------- maps


@pytest.mark.parametrize(
    ("name", "size", "predators", "apples", "acorns", "grass", "inner", "prey_spawns", "predator_spawns"),
    [
        ("open", (23, 19), 3, 151, 10, 80, 38, 41, 42),
        ("alley_hunt", (26, 23), 5, 31, 0, 19, 14, 14, 13),
        ("orchard", (23, 19), 5, 56, 14, 52, 24, 15, 18),
    ],
)
def test_maps_have_their_sizes_and_counts(
    name, size, predators, apples, acorns, grass, inner, prey_spawns, predator_spawns
):
    world = sorrelsim.make("predator_prey", preset=name, compiled=False)
    assert (world.width, world.height) == size
    assert (world.n_agents, world.copies.params["n_predators"][0]) == (13, predators)
    things, ground = world.grid[0, ..., world.codes.layer[Kind.APPLE]], world.grid[0, ..., 0]
    assert ((things == Kind.APPLE).sum(), (things == Kind.ACORN).sum()) == (apples, acorns)
    assert ((ground > 0).sum(), (ground == Kind.INNER_GRASS).sum()) == (grass, inner)
    sites = world.map.sites
    assert (len(sites["prey_spawns"]), len(sites["predator_spawns"])) == (prey_spawns, predator_spawns)
    on_grass = ground[tuple(sites["prey_spawns"].T)] == Kind.INNER_GRASS
    assert on_grass.sum() == {"open": 38, "alley_hunt": 14, "orchard": 12}[name]


@pytest.mark.parametrize("name", ["open", "alley_hunt", "orchard"])
def test_inner_grass_is_out_of_reach(name):
    """No cell beside it can be entered by a predator; of edge grass each has such a cell."""
    world = sorrelsim.make("predator_prey", preset=name, compiled=False)
    ground, walls = world.grid[0, ..., 0], world.grid[0, ..., world.codes.layer[Kind.WALL]] == Kind.WALL
    exposed = np.pad(~walls & (ground == 0), 1)
    exposed = exposed[:-2, 1:-1] | exposed[2:, 1:-1] | exposed[1:-1, :-2] | exposed[1:-1, 2:]
    assert not exposed[ground == Kind.INNER_GRASS].any()
    if name != "orchard":  # a corner of edge grass there has grass on all sides but across
        assert exposed[ground == Kind.EDGE_GRASS].mean() > 0.9


def test_the_forest_is_drawn_anew():
    n = 60
    world = sorrelsim.make("predator_prey", n, 0, preset="random_forest", compiled=False)
    assert {site: len(cells) for site, cells in world.map.sites.items()} == {
        "spawns": 104, "prey_spawns": 30, "predator_spawns": 74, "apples": 0, "acorns": 21, "oaks": 14, "thickets": 92,
    }  # fmt: skip
    assert (world.n_agents, world.copies.params["n_predators"][0]) == (13, 5)
    grass = (world.grid[..., 0] == Kind.INNER_GRASS).sum((1, 2))
    acorns = (world.grid[..., world.codes.layer[Kind.ACORN]] == Kind.ACORN).sum((1, 2))
    assert share_ok(grass.sum(), 92 * n, 1 / 3)
    assert share_ok((acorns - 7).sum(), 14 * n, 1 / 3)
    assert acorns.min() >= 7
    assert len({row.tobytes() for row in world.grid[..., 0]}) == n


def test_acorns_grow_only_where_they_are_in_this_episode():
    world = make(2, 1, "WWWWWWW\nWXQQQPW\nWWWWWWW\n", acorn_regrowth=1.0, thicket_probability=0.0)
    for _ in range(3):
        act(world, NOOP, NOOP)
    assert not (world.grid == Kind.ACORN)[..., world.codes.layer[Kind.ACORN]].any()
    world = make(2, 1, "WWWWWWW\nWXQQQPW\nWWWWWWW\n", acorn_regrowth=1.0, thicket_probability=1.0)
    assert (world.grid == Kind.ACORN)[..., world.codes.layer[Kind.ACORN]].sum() == 3


def test_maps_of_the_reference_can_be_pasted_in():
    text = ";____,\n!@*&a|\n!#<^>|\n!'Xv+=\nL~~~~J\n"
    world = make(2, 1, text)
    ground, things = world.grid[0, ..., 0], world.grid[0, ..., 1]
    edge, inner = Kind.EDGE_GRASS, Kind.INNER_GRASS
    assert ground[1:4, 1:5].tolist() == [[0, inner, 0, 0], [inner, edge, edge, edge], [0, 0, edge, 0]]
    assert (things == Kind.WALL).sum() == 19  # all around, corner pieces too, and the + within
    assert (things == Kind.APPLE).sum() == 2
    assert world.pos[0, 0].tolist() == [3, 2]
    assert len(world.map.sites["prey_spawns"]) == 3


def test_roles_start_on_their_own_spawns():
    world = sorrelsim.make("predator_prey", 20, 0, compiled=False)
    for copy in range(20):
        for i, (row, col) in enumerate(world.pos[copy]):
            on = "predator_spawns" if i < 3 else "prey_spawns"
            assert [row, col] in world.map.sites[on].tolist()
            assert shown(world, i, "coat", copy) == ("predator" if i < 3 else f"prey_{i}")


# -------------------------------------------------------------------------------------------------------- stamina


def moves(world, i, n, *actions):
    """The steps, counted from 1, in which agent i changes its cell."""
    found, before = [], world.pos[0, i].copy()
    for step in range(1, n + 1):
        act(world, *actions)
        if (world.pos[0, i] != before).any():
            found.append(step)
        before = world.pos[0, i].copy()
    return found


def test_who_runs_on_slows_down():
    # Prey: one free step in two (locks of 1) while 18 - k >= 7, from yellow (12 free steps later) one in three, in red
    # one in five. Predators: 12 free steps, then one in two, in red one in seven.
    prey = seat(make(map=LANE), None, (1, 38, "W"))
    assert moves(prey, 1, 52, NOOP, "forward") == [*range(1, 24, 2), *range(26, 42, 3), 46, 51]
    predator = seat(make(map=LANE), (1, 1, "E"), None)
    assert moves(predator, 0, 40, "forward", NOOP) == [*range(1, 13), *range(14, 25, 2), 31, 38]


def test_what_tires_and_what_rests():
    world = seat(make(n_agents=3, n_predators=2), (1, 1, "N"), (2, 2, "E"), (1, 13, "N"))
    put(world, "stamina", 18, 10, 10)
    act(world, "forward", "turn_left", NOOP)  # into the wall: tiring all the same
    assert state(world, "stamina") == [17, 9, 11]
    act(world, "interact", NOOP, "interact")  # idle bites and interacts too
    assert state(world, "stamina") == [16, 10, 10]
    act(world, NOOP, NOOP, "forward")  # the prey is locked for this step: nothing changes
    assert state(world, "stamina") == [17, 11, 10]
    for _ in range(9):
        act(world, NOOP, NOOP, NOOP)
    assert state(world, "stamina") == [18, 18, 18]
    assert world.obs["stamina"][0, :, 0].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(("stamina", "steps"), [(18, 1), (8, 1), (7, 2), (2, 2), (1, 4), (0, 4)])
def test_locks_of_prey(stamina, steps):
    # A step from s to s - 1; what is left then decides: 7 is the last green, 1 the last yellow, 0 is red.
    world = seat(make(), None, (1, 13, "W"))
    put(world, "stamina", 18, stamina)
    assert moves(world, 1, 8, NOOP, "forward")[:2] == [1, 2 + steps]


@pytest.mark.parametrize(("stamina", "steps"), [(18, 0), (8, 0), (7, 1), (2, 1), (1, 6), (0, 6)])
def test_locks_of_predators(stamina, steps):
    world = seat(make(), (1, 1, "E"), None)
    put(world, "stamina", stamina, 18)
    assert moves(world, 0, 9, "forward", NOOP)[:2] == [1, 2 + steps]


def test_who_is_locked_cannot_turn_but_bites_for_free():
    world = seat(make(n_agents=3, n_predators=1), (1, 1, "S"), (1, 2, "N"), (3, 13, "N"))
    put(world, "stamina", 1, 18, 18)
    act(world, "turn_left", NOOP, NOOP)  # to the east; red, so 6 steps follow in which it is locked
    act(world, "turn_left", NOOP, NOOP)
    assert (world.facing[0, 0], state(world, "stamina")[0]) == (1, 0)
    put(world, "stamina", 0, 0, 18)  # one exhausted prey, which does not rest, and one exhausted predator: none counts
    assert act(world, "interact", "turn_left", NOOP) == [1.0, 0.0, 0.0]
    assert state(world, "stamina")[0] == 0


def test_bars_show_from_12_down():
    world = seat(make(), (1, 1, "E"), (1, 13, "W"))
    put(world, "stamina", 14, 7)
    act(world, "forward", "forward")
    assert (shown(world, 0, "bar"), shown(world, 1, "bar")) == ("", "bar_6")
    act(world, "forward", NOOP)
    assert (shown(world, 0, "bar"), shown(world, 1, "bar")) == ("bar_12", "bar_6")
    np.testing.assert_allclose(world.obs["stamina"][0, :, 0], [12 / 18, 6 / 18], rtol=1e-6)


# ---------------------------------------------------------------------------------------------------------- bites


@pytest.mark.parametrize(("gap", "safe"), [(3, True), (4, False)])
def test_a_second_prey_within_three_cells_saves_the_first(gap, safe):
    world = seat(make(3), (2, 2, "E"), (2, 3, "N"), (2, 3 + gap, "N"))
    assert act(world, "interact", NOOP, NOOP) == [0.0 if safe else 1.0, 0.0, 0.0]
    assert (world.out[0] == 0).tolist() == [True, safe, True]
    assert (shown(world, 1, "pose"), shown(world, 2, "pose")) == (("arms", "arms") if safe else ("", ""))
    assert counts(world, PREY_EATEN) == [0 if safe else 1, 0, 0]


def test_distance_is_euclidean():
    # 2 rows and 2 columns are 2.83 cells, 3 rows and 1 column 3.16.
    for place, safe in (((4, 8, "N"), True), ((5, 7, "N"), False)):
        world = seat(make(3), (2, 5, "E"), (2, 6, "N"), place)
        act(world, "interact", NOOP, NOOP)
        assert (world.out[0, 1] == 0) is np.bool_(safe)


def test_predators_count_against_the_group():
    world = seat(make(4, 2), (2, 5, "E"), (3, 8, "N"), (2, 6, "N"), (1, 6, "N"))
    assert act(world, "interact", NOOP, NOOP, NOOP) == [1.0, 0.0, 0.0, 0.0]  # two against two


@pytest.mark.parametrize(
    ("stamina", "gets"),
    [((18, 0, 18), 1), ((18, 18, 0), 1), ((18, 1, 1), 0), ((0, 0, 0), 1), ((0, 18, 0), 0)],
)
def test_the_exhausted_do_not_count(stamina, gets):
    world = seat(make(3), (2, 5, "E"), (2, 6, "N"), (1, 6, "N"))
    put(world, "stamina", *stamina)
    tries = ["turn_left" if left == 0 else NOOP for left in stamina[1:]]  # by which the exhausted stay so
    assert act(world, "interact", *tries)[0] == gets


def test_a_red_predator_alone_cannot_eat_a_lone_prey():
    world = seat(make(), (2, 5, "E"), (2, 6, "N"))
    put(world, "stamina", 0, 18)
    assert act(world, "interact", NOOP) == [0.0, 0.0]
    assert shown(world, 1, "pose") == "arms"


def test_stamina_counts_as_it_is_after_this_step():
    # The predator has 1 left and spends it on the bite itself: red, so it does not count, and one prey is enough.
    world = seat(make(), (2, 5, "E"), (2, 6, "N"))
    put(world, "stamina", 1, 18)
    assert act(world, "interact", NOOP) == [0.0, 0.0]


def test_two_biters_of_one_step_are_both_paid():
    world = seat(make(3, 2), (2, 5, "E"), (2, 7, "W"), (2, 6, "N"))
    assert act(world, "interact", "interact", NOOP) == [1.0, 1.0, 0.0]
    assert counts(world, PREY_EATEN) == [1, 1, 0]


def test_bites_reach_only_the_cell_ahead_after_the_moves():
    world = seat(make(), (2, 5, "E"), (2, 7, "W"))
    assert act(world, "interact", NOOP) == [0.0, 0.0]
    assert act(world, "interact", "forward") == [1.0, 0.0]  # it walks into the bite
    world = seat(make(), (2, 5, "E"), (2, 6, "E"))
    assert act(world, "interact", "forward") == [0.0, 0.0]


def test_predators_bite_in_every_step():
    world = seat(make(3), (2, 5, "E"), (2, 6, "N"), (1, 6, "N"))
    assert act(world, "interact", NOOP, NOOP) == [0.0, 0.0, 0.0]
    seat(world, (2, 5, "E"), (2, 6, "N"), (1, 13, "N"))  # its company is gone
    assert act(world, "interact", NOOP, NOOP) == [1.0, 0.0, 0.0]
    assert world.obs["stamina"][0, 1, 0] == 0  # who is out is told none


def test_after_a_catch_the_predator_is_held_and_the_prey_away():
    world = seat(make(respawn_steps=200), (2, 5, "E"), (2, 6, "N"))
    act(world, "interact", NOOP)  # step t
    back = moves(world, 0, 8, "backward", NOOP)
    assert back[0] == 5
    out = [1]
    while world.out[0, 1] != 0:
        act(world, NOOP, NOOP)
        out.append(int(world.out[0, 1] != 0))
    # 8 steps were taken above; the prey is back in step t + 201, rested, on a spawn of prey.
    assert len(out) - 1 + 8 == 201
    assert world.pos[0, 1].tolist() in world.map.sites["prey_spawns"].tolist()
    assert state(world, "stamina")[1] == 18


def test_who_comes_back_is_free_of_its_lock():
    """The predator 1 exhausts itself in step 1, which locks it for 6, is eaten in 2, and is back in 4, able to turn."""
    world = seat(make(3, 2, respawn_steps=1), (2, 5, "E"), (2, 6, "N"), (1, 13, "N"))
    put(world, "stamina", 18, 1, 18)
    act(world, NOOP, "turn_left", NOOP)
    act(world, "interact", NOOP, NOOP)
    act(world, NOOP, NOOP, NOOP)
    assert world.out[0, 1] == 1
    act(world, NOOP, NOOP, NOOP)
    assert world.out[0, 1] == 0
    before = int(world.facing[0, 1])
    act(world, NOOP, "turn_right", NOOP)
    assert world.facing[0, 1] == (before + 1) % 4


def test_on_a_map_without_spawns_of_their_role_they_come_back_too():
    """Only P here: predator 1 starts on one and, eaten in step 1, is back in step 1 + 3 + 1."""
    room = "WWWWWWW\nWP P PW\nW     W\nWWWWWWW\n"
    world = seat(make(3, 2, room, respawn_steps=3), (1, 1, "E"), (1, 2, "N"), (1, 5, "N"))
    out = []
    for action in ("interact", NOOP, NOOP, NOOP, NOOP):
        act(world, action, NOOP, NOOP)
        out.append(int(world.out[0, 1] != 0))
    assert out == [1, 1, 1, 1, 0]
    assert world.pos[0, 1].tolist() in world.map.sites["prey_spawns"].tolist()


def test_a_predator_bites_on_for_four_steps():
    # 1 is eaten in step t; 2 comes to stand ahead in t + 4 and is eaten, 3 would be safe from t + 9 on.
    world = seat(make(3), (2, 5, "E"), (2, 6, "N"), (2, 10, "W"))
    act(world, "interact", NOOP, NOOP)
    rewards = []
    for step in range(1, 11):
        walks = step in (1, 3)  # then locked for a step each
        rewards.append(act(world, NOOP, NOOP, "forward" if walks else NOOP)[0])
    assert sum(rewards) == 0
    assert world.pos[0, 2].tolist() == [2, 8]
    world = seat(make(3, prey_locks=(0, 0, 0, 0)), (2, 5, "E"), (2, 6, "N"), (2, 10, "W"))
    act(world, "interact", NOOP, NOOP)
    rewards = [act(world, NOOP, NOOP, "forward")[0] for _ in range(4)]
    assert rewards == [0.0, 0.0, 0.0, 1.0]  # in (2, 6) at the end of t + 4
    assert moves(world, 0, 6, "backward", NOOP, NOOP)[0] == 5  # held anew
    world = seat(make(3, prey_locks=(0, 0, 0, 0)), (2, 5, "E"), (2, 6, "N"), (2, 11, "W"))
    act(world, "interact", NOOP, NOOP)
    assert sum(act(world, NOOP, NOOP, "forward")[0] for _ in range(6)) == 0  # there only in t + 5


def test_a_lock_takes_the_place_of_the_hold():
    world = seat(make(), (2, 5, "E"), (2, 6, "N"))
    put(world, "stamina", 7, 18)  # yellow after the bite
    act(world, "interact", NOOP)
    assert moves(world, 0, 4, "backward", NOOP)[0] == 2


def test_what_is_tried_while_held_tires():
    world = seat(make(), (2, 5, "E"), (2, 6, "N"))
    act(world, "interact", NOOP)
    for _ in range(4):
        act(world, "backward", NOOP)
    assert state(world, "stamina")[0] == 13
    assert world.pos[0, 0].tolist() == [2, 5]


def test_predators_eat_one_another_for_nothing():
    world = seat(make(3, 2), (2, 5, "E"), (2, 6, "N"), (1, 13, "N"))
    assert act(world, "interact", NOOP, NOOP) == [0.0, 0.0, 0.0]
    assert (world.out[0] == 0).tolist() == [True, False, True]
    assert state(world, "stamina")[0] == 18 - 1 - 4
    assert counts(world, PREDATORS_EATEN) == [1, 0, 0]
    world = seat(make(3, 2), (2, 5, "E"), (2, 6, "W"), (1, 13, "N"))
    act(world, "interact", "interact", NOOP)
    assert (world.out[0] == 0).tolist() == [False, False, True]
    assert counts(world, PREDATORS_EATEN) == [1, 1, 0]
    for _ in range(201):
        act(world, NOOP, NOOP, NOOP)
    assert (world.out[0] == 0).all()
    dens = world.map.sites["predator_spawns"].tolist()
    assert [cell.tolist() in dens for cell in world.pos[0]] == [True, True, False]


def test_who_ate_or_bit_whom_is_noted():
    world = seat(make(4, 2), (2, 5, "E"), (4, 9, "E"), (2, 6, "N"), (2, 7, "N"))
    world.note_events()
    act(world, "interact", NOOP, NOOP, NOOP)
    [note] = world.happened()
    assert (note.what, note.agent, note.whom, note.prey, note.predators) == ("repelled", 0, 2, 2, 1)
    seat(world, (2, 5, "E"), (2, 6, "N"), (4, 10, "N"), (1, 13, "N"))
    act(world, "interact", NOOP, NOOP, NOOP)
    eaten = next(each for each in world.happened() if each.what == "eaten")
    assert (eaten.agent, eaten.whom, eaten.prey) == (0, 1, 0)


# ---------------------------------------------------------------------------------------------------------- grass


def test_grass_stops_predators_but_not_their_bite():
    # (4, 3) is edge grass, (4, 4) inner grass, (4, 2) floor.
    world = seat(make(), (4, 2, "E"), (4, 4, "N"))
    act(world, "forward", NOOP)
    assert world.pos[0, 0].tolist() == [4, 2]
    assert state(world, "stamina")[0] == 17  # a blocked step tires
    assert act(world, "interact", NOOP) == [0.0, 0.0]
    act(world, NOOP, "step_left")  # the prey walks west onto the edge
    assert world.pos[0, 1].tolist() == [4, 3]
    assert act(world, "interact", NOOP) == [1.0, 0.0]


def test_predators_turn_beside_grass():
    world = seat(make(), (4, 2, "E"), None)
    act(world, "turn_left", NOOP)
    assert world.facing[0, 0] == 0


# ----------------------------------------------------------------------------------------------------------- food


def test_apples_and_acorns_are_taken_by_prey_only():
    world = seat(make(), (3, 5, "E"), (2, 7, "S"))
    assert act(world, "forward", "forward") == [0.0, 0.0]  # the predator onto the apple, the prey onto the acorn
    assert world.grid[0, 3, 6, world.codes.layer[Kind.APPLE]] == Kind.APPLE
    assert state(world, "acorn") == [0, 1]
    assert shown(world, 1, "hand") == "held_acorn"
    act(world, "backward", NOOP)
    assert act(world, NOOP, "step_right") == [0.0, 1.0]  # west, onto the apple
    assert shown(world, 1, "hand") == "held_acorn"
    assert (counts(world, APPLES), counts(world, COLLECTED)) == ([0, 1], [0, 1])
    assert not world.grid[0, 3, ..., world.codes.layer[Kind.APPLE]][6:8].any()


def test_one_acorn_at_a_time():
    world = seat(make(map="WWWWWWW\nWX AAPW\nWWWWWWW\n", prey_locks=(0,) * 4), None, (1, 5, "W"))
    act(world, NOOP, "forward")
    act(world, NOOP, "forward")
    assert world.grid[0, 1, 2:6, world.codes.layer[Kind.ACORN]].tolist() == [0, Kind.ACORN, 0, 0]
    assert counts(world, COLLECTED) == [0, 1]


def test_food_grows_back_from_the_step_after():
    # Regrowth is certain: what was eaten in a step is back in the next, and eaten by who still stands there.
    world = seat(make(apple_regrowth=1.0, acorn_regrowth=1.0), None, (2, 6, "S"))
    assert act(world, NOOP, "forward") == [0.0, 1.0]
    assert world.grid[0, 3, 6, world.codes.layer[Kind.APPLE]] == 0
    assert act(world, NOOP, NOOP) == [0.0, 1.0]
    world = seat(make(apple_regrowth=1.0), None, (2, 6, "S"))
    act(world, NOOP, "forward")
    act(world, NOOP, NOOP)
    rewards = act(world, NOOP, "forward")
    assert (rewards, world.pos[0, 1].tolist()) == ([0.0, 0.0], [4, 6])
    assert world.grid[0, 3, 6, world.codes.layer[Kind.APPLE]] == Kind.APPLE


def test_how_often_food_grows_back():
    n, steps, grove = 100, 20, "WWWWWWWWW\nWXaaaaaaW\nWPAAAAAAW\nWWWWWWWWW\n"
    world = seat(make(map=grove, n_worlds=n, apple_regrowth=0.05, acorn_regrowth=0.02), None, None)
    layer = world.codes.layer[Kind.APPLE]
    for row, p in ((1, 0.05), (2, 0.02)):
        world.grid[:, row, 2:8, layer] = 0
        trials = grown = 0
        for _ in range(steps):
            before = world.grid[:, row, 2:8, layer] > 0
            act(world, NOOP, NOOP)
            after = world.grid[:, row, 2:8, layer] > 0
            trials += (~before).sum()
            grown += (after & ~before).sum()
        assert share_ok(grown, trials, p)


# ---------------------------------------------------------------------------------------------------------- meals


def dining(n_agents=2, place=(2, 8, "N"), **settings):
    world = seat(make(n_agents, **settings), *([(1, 1, "E")] * (n_agents > 0)), place, *[None] * (n_agents - 2))
    world.copies.state["acorn"][:, 1] = 1
    return world


def test_a_meal_pays_three_times_and_ends():
    world = dining()
    act(world, NOOP, "interact")  # step t
    assert (state(world, "acorn"), shown(world, 1, "hand"), shown(world, 1, "pose")) == ([0, 0], "", "sitting")
    rewards, poses = [], []
    for _ in range(27):
        rewards.append(act(world, NOOP, NOOP)[1])
        poses.append(shown(world, 1, "pose"))
    assert [step for step, reward in enumerate(rewards, 1) if reward] == [11, 16, 21]
    assert sum(rewards) == 18.0
    assert poses == ["sitting"] * 10 + ["bite_1"] * 5 + ["bite_2"] * 5 + ["bite_3"] * 5 + [""] * 2
    assert (counts(world, ACORNS), counts(world, SAFELY)) == ([0, 1], [0, 0])


def test_a_meal_on_inner_grass_is_a_safe_one():
    world = dining(place=(4, 4, "N"))
    act(world, NOOP, "interact")
    for _ in range(26):
        act(world, NOOP, NOOP)
    assert (counts(world, ACORNS), counts(world, SAFELY)) == ([0, 1], [0, 1])


def test_one_may_walk_while_eating():
    world = dining()
    act(world, NOOP, "interact")
    assert moves(world, 1, 4, NOOP, "forward") == [2]  # the interact was tiring: locked for one step, then free
    assert sum(act(world, NOOP, NOOP)[1] for _ in range(22)) == 18.0


@pytest.mark.parametrize(("stamina", "starts"), [(13, True), (12, False)])
def test_only_the_rested_begin_a_meal(stamina, starts):
    world = dining()
    put(world, "stamina", 18, stamina)
    act(world, NOOP, "interact")
    assert (shown(world, 1, "pose") == "sitting") is starts


def test_every_interact_of_prey_bars_the_next_five():
    world = dining()
    put(world, "acorn", 0, 0)
    act(world, NOOP, "interact")  # refused: nothing in its hand
    put(world, "acorn", 0, 1)
    began = []
    for _ in range(7):
        put(world, "stamina", 18, 18)
        act(world, NOOP, "interact")
        began.append(state(world, "meal")[1] > 0)
    assert began == [False] * 5 + [True] * 2


def test_raised_arms_show_for_five_steps_and_bar_meals():
    # The prey is bitten in vain in step t by an exhausted predator, which is then taken away.
    for tried, starts in ((5, False), (6, True)):
        world = seat(make(interact_cooldown=0), (2, 5, "E"), (2, 6, "N"))
        put(world, "stamina", 0, 18)
        put(world, "acorn", 0, 1)
        act(world, "interact", NOOP)
        poses = [shown(world, 1, "pose")]
        seat(world, (1, 13, "E"), (2, 6, "N"))
        for _ in range(1, tried):
            act(world, NOOP, NOOP)
            poses.append(shown(world, 1, "pose"))
        assert poses == (["arms"] * 5 + [""] * 5)[: len(poses)]
        act(world, NOOP, "interact")
        assert (shown(world, 1, "pose") == "sitting") is starts


def test_who_eats_does_not_count_from_the_next_step_on():
    # Prey 1 is bitten while prey 2, beside it, has begun its meal 0, 1, 25 or 26 steps ago.
    for steps, safe in ((0, True), (1, False), (25, False), (26, True)):
        world = seat(make(3), (5, 13, "E"), (2, 6, "N"), (3, 6, "N"))
        put(world, "acorn", 0, 0, 1)
        if steps > 0:
            act(world, NOOP, NOOP, "interact")
            for _ in range(steps - 1):
                act(world, NOOP, NOOP, NOOP)
        seat(world, (2, 5, "E"), (2, 6, "N"), (3, 6, "N"))
        reward = act(world, "interact", NOOP, "interact" if steps == 0 else NOOP)[0]
        assert reward == (0.0 if safe else 1.0), steps
        assert state(world, "meal")[2] == (0 if steps == 26 else 1)


def test_being_eaten_ends_the_meal_and_loses_the_acorn():
    world = seat(make(respawn_steps=5), (2, 5, "E"), (2, 6, "N"))
    put(world, "acorn", 0, 1)
    act(world, NOOP, "interact")
    put(world, "acorn", 0, 1)
    act(world, "interact", NOOP)
    assert (state(world, "meal"), state(world, "acorn")) == ([0, 0], [0, 0])
    assert sum(act(world, NOOP, NOOP)[1] for _ in range(30)) == 0.0


def test_a_meal_begun_on_an_acorn_picks_that_one_up():
    world = dining(place=(3, 7, "N"))  # an acorn lies there, and one is in its hand
    act(world, NOOP, NOOP)
    assert world.grid[0, 3, 7, world.codes.layer[Kind.ACORN]] == Kind.ACORN
    act(world, NOOP, "interact")
    assert (state(world, "meal")[1] > 0, state(world, "acorn")[1]) == (True, 1)
    assert world.grid[0, 3, 7, world.codes.layer[Kind.ACORN]] == 0


# -------------------------------------------------------------------------------------------------------- numbers


def test_default_numbers():
    world = sorrelsim.make("predator_prey", compiled=False)
    numbers = {name: values[0].tolist() for name, values in world.copies.params.items()}
    assert numbers == {
        "n_predators": 3, "apple_value": 1.0, "bite_value": 6.0, "prey_value": 1.0, "apple_regrowth": 0.007,
        "acorn_regrowth": 0.01, "thicket_probability": 1 / 3, "most_stamina": 18, "bands": [1, 7, 13],
        "prey_locks": [4, 2, 1, 1], "predator_locks": [6, 1, 0, 0], "group_radius": 3, "feast_steps": 4,
        "fight_cost": 4, "arms_steps": 5, "interact_cooldown": 5, "bites": [11, 16, 21], "meal_steps": 26,
        "respawn_steps": 200, "max_steps": 1000,
    }  # fmt: skip


@pytest.mark.slow
def test_random_play_agrees_with_the_reference():
    """Melting Pot, 2 predators and 4 prey, random actions, 66 episodes of 1000 steps: means and standard errors."""
    rows = ("WPaaA aaaaX W", "WPaaGGGaaaX W", "WPaaGGGaAaX W", "WPaaA aaaaX W", "W           W")
    n, text = 400, "\n".join(["W" * 13, *rows, "W" * 13]) + "\n"
    world = sorrelsim.make("predator_prey", n, 3, map=text, n_agents=6, n_predators=2)
    rng = np.random.default_rng(5)
    stamina = np.zeros((n, 6))
    for _ in range(1000):
        world.step(rng.integers(world.n_actions, size=(n, 6)))
        stamina += world.obs["stamina"][..., 0] / 1000
    counted, returns = world.info["episode_events"].sum(1), world.info["episode_return"]
    found = {
        "return of a predator": (returns[:, :2].mean(1), 1.30, 0.09),
        "return of a prey": (returns[:, 2:].mean(1), 15.9, 0.3),
        "prey eaten": (counted[:, PREY_EATEN], 2.61, 0.18),
        "predators eaten": (counted[:, PREDATORS_EATEN], 1.83, 0.15),
        "apples": (counted[:, APPLES], 62.9, 1.2),
        "acorns taken": (counted[:, COLLECTED], 4.5, 0.14),
        "meals ended": (counted[:, ACORNS], 0.05, 0.03),
        "stamina of a predator": (stamina[:, :2].mean(1), 0.023, 0.001),
        "stamina of a prey": (stamina[:, 2:].mean(1), 0.035, 0.001),
    }
    for name, (values, mean, error) in found.items():
        assert abs(values.mean() - mean) < 3.5 * np.hypot(values.std() / np.sqrt(n), error), (name, values.mean())
