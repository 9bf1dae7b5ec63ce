"""Coins: who pays for which coin, where coins appear, and the field that is cut anew each episode."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.coins import Kind

ROOM = """
WWWWWWW
W_CCCCW
WCCCC_W
WWWWWWW
"""


def make(map=ROOM, **settings):
    return sorrelsim.make("coins", map=map, compiled=False, **settings)


def lay(world, row, col, kind):
    world.grid[:, row, col, world.codes.layer[kind]] = kind
    return world


def coins_in(world):
    layer = world.grid[..., world.codes.layer[Kind.BLUE]]
    return (layer == Kind.ORANGE) | (layer == Kind.BLUE)


def test_keeps_the_contract():
    check_world("coins", compiled=False, steps=60)


@pytest.mark.parametrize(
    ("slot", "kind", "rewards", "events"),
    [
        (0, Kind.ORANGE, [1.0, 0.0], [[1, 0, 0], [0, 0, 0]]),
        (0, Kind.BLUE, [1.0, -2.0], [[0, 1, 0], [0, 0, 1]]),
        (1, Kind.BLUE, [0.0, 1.0], [[0, 0, 0], [1, 0, 0]]),
        (1, Kind.ORANGE, [-2.0, 1.0], [[0, 0, 1], [0, 1, 0]]),
    ],
)
def test_who_pays(slot, kind, rewards, events):
    places = [(2, 4, "N"), (2, 4, "N")]
    places[slot] = (1, 2, "E")
    world = seat(lay(make(coin_probability=0.0), 1, 3, kind), *places)
    actions = ["noop", "noop"]
    actions[slot] = "forward"
    assert act(world, *actions) == rewards
    assert world.event_counts[0].tolist() == events
    assert world.text().splitlines()[1] == "W  >  W"
    assert not coins_in(world).any()


def test_each_sees_its_own_colour():
    world = make()
    assert world.obs["own_colour"][0].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_starts_at_the_marked_cells():
    world = make(n_worlds=6)
    for copy in range(6):
        assert {tuple(place) for place in world.pos[copy]} == {(1, 1), (2, 5)}
    assert world.text().splitlines()[0] == "WWWWWWW"


def test_more_agents_than_marked_cells():
    world = make(n_agents=5, coin_probability=0.0)
    assert (world.out == 0).all()
    seat(lay(world, 1, 3, Kind.BLUE), (1, 2, "E"), (2, 1, "N"), (2, 2, "N"), (2, 3, "N"), (2, 4, "N"))
    assert act(world, "forward", "noop", "noop", "noop", "noop") == [1.0, -2.0, 0.0, -2.0, 0.0]


def test_field_is_cut_to_every_size_equally_often():
    n = 720
    world = sorrelsim.make("coins", n_worlds=n, compiled=False)
    assert (world.height, world.width) == (17, 17)
    walls = world.grid[..., world.codes.layer[Kind.WALL]] == Kind.WALL
    heights, widths = (~walls[:, :, 1]).sum(axis=1), (~walls[:, 1, :]).sum(axis=1)
    for sizes in (heights, widths):
        assert set(sizes) == set(range(10, 16))
        for size in range(10, 16):
            assert share_ok((sizes == size).sum(), n, 1 / 6)
    assert abs(np.corrcoef(heights, widths)[0, 1]) < 5 / np.sqrt(n)
    for copy in range(n):
        height, width = heights[copy], widths[copy]
        assert (~walls[copy]).sum() == height * width
        assert {tuple(place) for place in world.pos[copy]} == {(2, width), (height - 1, 1)}


def test_every_episode_has_a_field_of_its_own():
    world = sorrelsim.make("coins", n_worlds=20, max_steps=1, compiled=False)
    before = world.grid[..., world.codes.layer[Kind.WALL]].copy()
    world.step(np.zeros((20, 2), int))
    assert world.truncated.all()
    assert (world.grid[..., world.codes.layer[Kind.WALL]] != before).any(axis=(1, 2)).sum() >= 15


def test_coins_appear_on_empty_cells_in_either_colour():
    p, n, steps = 0.02, 60, 10
    world = sorrelsim.make("coins", n_worlds=n, compiled=False, coin_probability=p, min_size=10, max_size=10)
    trials = appeared = orange = 0
    for _ in range(steps):
        before = coins_in(world)
        world.step(np.zeros((n, 2), int))
        after = coins_in(world)
        assert (after | ~before).all()
        trials += n * 98 - before.sum()  # 100 cells less two corners
        fresh = after & ~before
        appeared += fresh.sum()
        orange += (world.grid[..., world.codes.layer[Kind.BLUE]][fresh] == Kind.ORANGE).sum()
    assert not coins_in(world)[:, 2, 10].any()
    assert not coins_in(world)[:, 9, 1].any()
    assert share_ok(appeared, trials, p)
    assert share_ok(orange, appeared, 0.5)


def test_a_coin_under_an_agent_is_taken_at_once():
    world = seat(make("WWWWW\nW_C_W\nWWWWW", coin_probability=1.0), (1, 2, "N"), (1, 3, "N"))
    assert act(world, "noop", "noop")[0] == 1.0
    assert not coins_in(world).any()


def test_default_numbers():
    numbers = {name: values[0].item() for name, values in make().copies.params.items()}
    assert numbers == {
        "coin_probability": 0.0005, "own_value": 1.0, "other_value": 1.0, "loss_value": -2.0, "min_size": 10,
        "max_size": 15, "min_steps": 300, "end_probability": 0.05, "max_steps": 5000,
    }  # fmt: skip
