"""Harvest: eating, regrowth by what lives around, zapping, the maps and the presets."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.harvest import Kind

ALWAYS = (1.0, 1.0, 1.0, 1.0)
NEVER = (0.0, 0.0, 0.0, 0.0)

ROW = """
WWWWWWWWW
W P AA  W
W P     W
WWWWWWWWW
"""


def make(map=ROW, n_agents=1, **settings):
    return sorrelsim.make("harvest", map=map, n_agents=n_agents, compiled=False, **settings)


def apple_at(world, row, col):
    return world.grid[:, row, col, world.codes.layer[Kind.APPLE]] == Kind.APPLE


def test_keeps_the_contract():
    check_world("harvest", compiled=False, steps=40)


@pytest.mark.parametrize("name", ["open", "closed", "partnership"])
def test_map_sizes_and_counts(name):
    world = sorrelsim.make("harvest", map=name, compiled=False)
    assert (world.width, world.height, world.n_agents) == (24, 18, 7)
    assert {site: len(cells) for site, cells in world.map.sites.items()} == {
        "orchard": 64,
        "spawns": 60,
        "inner": 2,
    }
    assert apple_at(world, *world.map.sites["orchard"].T).all()
    assert world.obs["grid"].shape[2:4] == (11, 11)


def reachable(world, start, closed=()):
    """Cells that can be walked to, with some more cells closed."""
    solid = (world.grid[0, ..., world.codes.layer[Kind.WALL]] == Kind.WALL).copy()
    for cell in closed:
        solid[cell] = True
    seen, todo = {start}, [start]
    while todo:
        row, col = todo.pop()
        for cell in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if not solid[cell] and cell not in seen:
                seen.add(cell)
                todo.append(cell)
    return seen


def test_rooms_have_one_entrance_or_two():
    closed = sorrelsim.make("harvest", map="closed", compiled=False)
    room = reachable(closed, (5, 5), closed=[(11, 4)])
    assert (11, 19) not in room
    assert sum(tuple(cell) in room for cell in closed.map.sites["orchard"]) == 32
    partnership = sorrelsim.make("harvest", map="partnership", compiled=False)
    spawn = tuple(partnership.map.sites["spawns"][0])
    assert spawn in reachable(partnership, (5, 5), closed=[(11, 4)])
    assert spawn in reachable(partnership, (5, 5), closed=[(3, 10)])
    room = reachable(partnership, (5, 5), closed=[(11, 4), (3, 10)])
    assert sum(tuple(cell) in room for cell in partnership.map.sites["orchard"]) == 32


def test_first_two_start_inside():
    world = sorrelsim.make("harvest", n_worlds=5, compiled=False)
    inner = {tuple(cell) for cell in world.map.sites["inner"]}
    spawns = {tuple(cell) for cell in world.map.sites["spawns"]}
    for copy in range(5):
        places = [tuple(place) for place in world.pos[copy]]
        assert set(places[:2]) == inner
        assert set(places[2:]) <= spawns


def test_floor_of_maps_from_elsewhere():
    assert make("WWWW\nWIPW\nWWWW").text().splitlines()[1][1] == " "


def test_eating_storyboard():
    world = seat(make(regrowth=NEVER), (1, 2, "E"))
    assert act(world, "forward") == [0.0]
    assert world.text().splitlines()[1] == "W  >AA  W"
    assert act(world, "forward") == [1.0]
    assert world.text().splitlines()[1] == "W   >A  W"
    assert act(world, "backward") == [0.0]
    assert world.text().splitlines()[1] == "W  >.A  W"
    assert world.event_counts[0, 0].tolist() == [1, 0, 0]


def test_two_steps_from_eating_to_regrowth():
    world = seat(make(regrowth=ALWAYS), (1, 3, "E"))
    alive = []
    for action in ("forward", "backward", "noop"):
        act(world, action)
        alive.append(bool(apple_at(world, 1, 4)[0]))
    assert alive == [False, False, True]


def test_growing_under_an_agent_is_eaten_at_once():
    world = seat(make(regrowth=ALWAYS), (1, 3, "E"))
    rewards = [act(world, "forward")[0]] + [act(world, "noop")[0] for _ in range(4)]
    assert rewards == [1.0, 0.0, 1.0, 0.0, 1.0]


# The agent eats the apple at row 3, column 4 and steps back; what else lives decides the chance.
AROUND = {
    0: ["       ", "       ", "  PA  A", "     A ", "       "],  # at distances 3 and 2.2, both too far
    1: ["       ", "       ", "  PA A ", "       ", "      A"],  # at distance 2
    2: ["   A   ", "       ", "  PA   ", "  A    ", "       "],
    3: ["   A   ", "  AA   ", "  PA   ", "       ", "       "],
    5: ["   A   ", "  AAA  ", "  PAA  ", "       ", "       "],
}


@pytest.mark.parametrize("near", [0, 1, 2, 3, 5])
def test_regrowth_frequency(near):
    board = "\n".join(["WWWWWWWWW", *(f"W{line}W" for line in AROUND[near]), "WWWWWWWWW"])
    chances = (0.0, 0.2, 0.5, 0.8)
    n = 250
    world = seat(make(board, n_worlds=n, regrowth=chances), (3, 3, "E"))
    act(world, "forward")
    act(world, "backward")
    assert not apple_at(world, 3, 4).any()
    act(world, "noop")
    assert share_ok(apple_at(world, 3, 4).sum(), n, chances[min(near, 3)])


def test_bare_ground_shows_where_nothing_grows():
    world = seat(make("WWWWWW\nW PA W\nWWWWWW", regrowth=(0.0, 1.0, 1.0, 1.0)), (1, 2, "E"))
    act(world, "forward")
    act(world, "backward")
    assert world.text().splitlines()[1] == "W >  W"
    for _ in range(20):
        act(world, "noop")
    assert not apple_at(world, 1, 3).any()


def test_mutual_zaps_both_land_and_cost_a_time_out():
    world = seat(make(n_agents=2), (2, 2, "E"), (2, 4, "W"))
    act(world, "zap", "zap")
    assert (world.out[0] > 0).all()
    assert (world.occupant[0] < 0).all()
    assert (world.obs["grid"][0] == 0).all()
    assert world.event_counts[0].tolist() == [[0, 1, 1], [0, 1, 1]]
    for _ in range(6):
        act(world, "noop", "noop")
    assert (world.out[0] == 0).all()
    assert {tuple(place) for place in world.pos[0]} <= {tuple(cell) for cell in world.map.sites["spawns"]}


def test_who_eats_and_is_zapped_in_one_step_has_eaten():
    world = seat(make(n_agents=2, regrowth=NEVER), (1, 3, "E"), (1, 7, "W"))
    rewards = act(world, "forward", "zap")
    assert rewards == [1.0, 0.0]
    assert world.out[0, 0] > 0
    assert not apple_at(world, 1, 4).any()


def test_cooldown_and_readiness():
    world = seat(make(), (2, 2, "N"))
    ready, fired = [], []
    for _ in range(7):
        before = world.event_counts[0, 0, 1]
        act(world, "zap")
        fired.append(world.event_counts[0, 0, 1] - before)
        ready.append(round(float(world.obs["ready_to_shoot"][0, 0, 0]), 3))
    assert fired == [1, 0, 0, 1, 0, 0, 1]
    assert ready == [0.0, 0.5, 1.0, 0.0, 0.5, 1.0, 0.0]


@pytest.mark.parametrize("name", ["closed", "partnership"])
def test_maps_with_rooms_have_numbers_of_their_own(name):
    by_map = sorrelsim.make("harvest", map=name, compiled=False)
    by_preset = sorrelsim.make("harvest", preset=name, compiled=False)
    for world in (by_map, by_preset):
        assert world.map_name == name
        numbers = {key: values[0].tolist() for key, values in world.copies.params.items()}
        assert (numbers["zap_cooldown"], numbers["beam_length"], numbers["zap_timeout"]) == (1, 4, 100)
        assert numbers["regrowth"] == [0.0, 0.001, 0.005, 0.025]
    given = sorrelsim.make("harvest", map=name, zap_timeout=7, compiled=False)
    assert given.copies.params["zap_timeout"][0] == 7


def test_default_numbers():
    world = sorrelsim.make("harvest", compiled=False)
    names = (
        "zap_cooldown",
        "beam_length",
        "beam_radius",
        "zap_timeout",
        "min_steps",
        "end_probability",
        "max_steps",
    )
    assert [world.copies.params[name][0] for name in names] == [2, 3, 1, 4, 1000, 0.15, 5000]
    assert world.copies.params["regrowth"][0].tolist() == [0.0, 0.0025, 0.005, 0.025]


CLASSIC = """
WWWWWWWWW
W PPP   W
W AA    W
W   A   W
WWWWWWWWW
"""


def test_classic_zaps_cost_and_remove_nobody():
    world = seat(make(CLASSIC, n_agents=2, preset="classic", regrowth=NEVER), (1, 2, "E"), (1, 7, "N"))
    assert act(world, "zap", "noop") == [-1.0, -50.0]
    assert act(world, "zap", "noop") == [-1.0, -50.0]  # no cooldown
    assert (world.out[0] == 0).all()
    assert world.obs["grid"].shape[2:4] == (15, 15)


def test_classic_counts_the_eight_cells_around_and_lags_not():
    world = seat(make(CLASSIC, preset="classic", regrowth=(0.0, 0.0, 1.0, 0.0)), (1, 3, "S"))
    assert act(world, "forward") == [1.0]
    assert act(world, "noop") == [0.0]  # never under an agent
    act(world, "backward")
    assert apple_at(world, 2, 3).all()  # with two apples in the square around it


def test_classic_and_socialjax_last_a_thousand_steps():
    for preset in ("classic", "socialjax"):
        world = make("PPA\n   ", preset=preset, max_steps=3)
        assert sorrelsim.make("harvest", preset=preset, compiled=False).copies.params["max_steps"][0] == 1000
        ends = []
        for _ in range(3):
            world.step(np.full((1, 1), world.action_names.index("noop")))
            ends.append((bool(world.terminated.any()), bool(world.truncated.any())))
        assert ends == [(False, False), (False, False), (False, True)]


def test_classic_map():
    world = sorrelsim.make("harvest", preset="classic", compiled=False)
    assert (world.width, world.height) == (38, 16)


def test_socialjax_moves_on_the_map_whatever_the_heading():
    world = seat(make("    \n  P \n    ", preset="socialjax"), (1, 1, "E"))
    places = []
    for action in ("up", "right", "down", "left", "turn_left", "turn_right", "noop"):
        act(world, action)
        places.append((*world.pos[0, 0].tolist(), "NESW"[world.facing[0, 0]]))
    assert places == [
        (0, 1, "E"),
        (0, 2, "E"),
        (1, 2, "E"),
        (1, 1, "E"),
        (1, 1, "N"),
        (1, 1, "E"),
        (1, 1, "E"),
    ]


def test_socialjax_beam_and_return():
    board = "      \n      \n      \nPPP   \n      "
    world = make(board, n_agents=3, preset="socialjax")
    seat(world, (1, 1, "E"), (1, 3, "N"), (1, 4, "N"))
    act(world, "zap", "noop", "noop")
    assert world.text().splitlines()[:3] == ["  *   ", " >**^ ", "  *   "]
    assert world.pos[0, 1].tolist() == [1, 3]  # still there
    assert world.event_counts[0, :, 2].tolist() == [0, 1, 0]
    act(world, "zap", "noop", "noop")  # no cooldown
    assert world.pos[0, 1].tolist()[0] == 3
    assert world.event_counts[0, 0, 1] == 2


def test_socialjax_map_is_open_without_walls():
    world = sorrelsim.make("harvest", preset="socialjax", compiled=False)
    assert (world.width, world.height) == (22, 16)
    assert not (world.grid == Kind.WALL).any()
    assert len(world.map.sites["orchard"]) == 64
