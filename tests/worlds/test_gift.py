"""Gift: collecting, giving, refining, consuming, and where tokens appear."""

import numpy as np
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.gift import Kind

HALL = """
WWWWWWWWWW
WPTTTTTTTW
WPTTTTTTTW
WWWWWWWWWW
"""


def make(map=HALL, n_agents=2, **settings):
    settings.setdefault("token_probability", 0.0)
    return sorrelsim.make("gift", map=map, n_agents=n_agents, compiled=False, **settings)


def lay(world, row, col):
    world.grid[:, row, col, world.codes.layer[Kind.TOKEN]] = Kind.TOKEN
    return world


def hold(world, *inventories):
    for i, inventory in enumerate(inventories):
        world.copies.state["inventory"][:, i] = inventory
    return world


def held(world):
    return world.copies.state["inventory"][0].tolist()


def test_keeps_the_contract():
    check_world("gift", compiled=False, steps=40)


def test_map_sizes_and_counts():
    world = sorrelsim.make("gift", compiled=False)
    assert (world.width, world.height, world.n_agents) == (27, 27, 6)
    assert {site: len(cells) for site, cells in world.map.sites.items()} == {"spawns": 18, "tokens": 538}
    assert not (world.grid == Kind.TOKEN)[..., world.codes.layer[Kind.TOKEN]].any()


def test_every_cell_of_the_map_can_be_reached():
    world = sorrelsim.make("gift", compiled=False)
    open_cells = world.grid[0, ..., world.codes.layer[Kind.WALL]] != Kind.WALL
    seen = np.zeros_like(open_cells)
    seen[1, 1] = True
    for _ in range(200):
        grown = seen.copy()
        grown[1:] |= seen[:-1]
        grown[:-1] |= seen[1:]
        grown[:, 1:] |= seen[:, :-1]
        grown[:, :-1] |= seen[:, 1:]
        seen = grown & open_cells
    assert (seen == open_cells).all()


def test_collecting_and_consuming_storyboard():
    world = seat(lay(lay(make(), 1, 3), 1, 4), (1, 2, "E"), (2, 8, "N"))
    assert world.text().splitlines()[1] == "W >tt    W"
    assert act(world, "forward", "noop") == [0.0, 0.0]
    assert act(world, "forward", "noop") == [0.0, 0.0]
    assert world.text().splitlines()[1] == "W   >    W"
    assert world.obs["inventory"][0, 0].tolist() == [2.0, 0.0, 0.0]
    hold(world, [2, 3, 1])
    assert act(world, "consume", "consume") == [6.0, 0.0]
    assert held(world) == [[0, 0, 0], [0, 0, 0]]
    assert world.event_counts[0, 0].tolist() == [2, 6, 0, 0, 0]


def test_gifts_are_refined_and_returned():
    world = hold(seat(make(gift_cooldown=0), (1, 2, "E"), (1, 7, "W")), [1, 0, 0], [0, 0, 0])
    act(world, "gift", "noop")
    assert held(world) == [[0, 0, 0], [0, 5, 0]]
    act(world, "noop", "gift")
    assert held(world) == [[0, 0, 5], [0, 4, 0]]
    act(world, "gift", "noop")
    assert held(world) == [[0, 0, 4], [0, 4, 1]]  # type 3 passes as it is
    assert world.event_counts[0, :, 3:].tolist() == [[2, 5], [1, 6]]


def test_the_highest_type_goes_first():
    world = hold(seat(make(), (1, 2, "E"), (1, 4, "W")), [3, 2, 0], [0, 0, 0])
    act(world, "gift", "noop")
    assert held(world) == [[3, 1, 0], [0, 0, 5]]


def test_capacity():
    world = hold(seat(lay(make(), 1, 3), (1, 2, "E"), (1, 5, "W")), [15, 0, 1], [0, 13, 15])
    act(world, "forward", "noop")
    assert held(world)[0] == [15, 0, 1]  # the token is gone all the same
    assert world.text().splitlines()[1] == "W  > <   W"
    act(world, "gift", "noop")
    assert held(world) == [[15, 0, 0], [0, 13, 15]]
    for _ in range(4):
        act(world, "gift", "noop")
    assert held(world) == [[14, 0, 0], [0, 15, 15]]


def test_an_empty_hand_gives_nothing_and_consuming_comes_before_giving():
    world = seat(make(), (1, 2, "E"), (1, 4, "W"))
    act(world, "gift", "noop")
    assert held(world) == [[0, 0, 0], [0, 0, 0]]
    world = hold(seat(make(), (1, 2, "E"), (1, 4, "W")), [1, 0, 0], [4, 0, 0])
    assert act(world, "gift", "consume") == [0.0, 4.0]
    assert held(world) == [[0, 0, 0], [0, 5, 0]]


def test_the_beam_reaches_five_cells_and_stops_at_agents_and_walls():
    for col, reached in ((7, True), (8, False)):
        world = hold(seat(make(), (1, 2, "E"), (1, col, "W")), [1, 0, 0], [0, 0, 0])
        act(world, "gift", "noop")
        assert (held(world)[1] == [0, 5, 0]) is reached
    three = HALL.replace("WPTTTTTTTW\nWW", "WPPTTTTTTW\nWW")
    world = hold(seat(make(three, n_agents=3), (1, 2, "E"), (1, 4, "W"), (1, 5, "W")), [2, 0, 0], [0] * 3, [0] * 3)
    act(world, "gift", "noop", "noop")
    assert held(world) == [[1, 0, 0], [0, 5, 0], [0, 0, 0]]
    walled = HALL.replace("WPTTTTTTTW\nWP", "WPTWTTTTTW\nWP")
    world = hold(seat(make(walled), (1, 2, "E"), (1, 4, "W")), [1, 0, 0], [0, 0, 0])
    act(world, "gift", "noop")
    assert held(world) == [[1, 0, 0], [0, 0, 0]]


def test_cooldown_and_readiness():
    world = seat(make(), (1, 2, "E"), (2, 8, "W"))
    ready, fired = [], []
    for _ in range(6):
        before = world.event_counts[0, 0, 2]
        act(world, "gift", "noop")
        fired.append(world.event_counts[0, 0, 2] - before)
        ready.append(round(float(world.obs["ready_to_shoot"][0, 0, 0]), 2))
    assert fired == [1, 0, 0, 0, 1, 0]
    assert ready == [0.0, 0.33, 0.67, 1.0, 0.0, 0.33]


def test_tokens_appear_on_empty_cells_without_an_agent():
    p, n, steps = 0.05, 100, 10
    world = seat(make(n_worlds=n, token_probability=p), (1, 2, "E"), (2, 8, "W"))
    layer = world.codes.layer[Kind.TOKEN]
    trials = appeared = 0
    for _ in range(steps):
        before = world.grid[..., layer] == Kind.TOKEN
        act(world, "noop", "noop")
        after = world.grid[..., layer] == Kind.TOKEN
        assert (after | ~before).all()
        trials += n * 12 - before.sum()  # 14 token cells, two with an agent
        appeared += (after & ~before).sum()
    assert not after[:, 1, 2].any()
    assert not after[:, 2, 8].any()
    assert share_ok(appeared, trials, p)


def test_default_numbers():
    world = sorrelsim.make("gift", compiled=False)
    numbers = {name: values[0].item() for name, values in world.copies.params.items()}
    assert numbers == {
        "token_probability": 0.0002, "multiplier": 5, "capacity": 15, "token_value": 1.0, "gift_cooldown": 3,
        "beam_length": 5, "beam_radius": 0, "min_steps": 1000, "end_probability": 0.2, "max_steps": 5000,
    }  # fmt: skip
