"""Tag: who is it, whom it tags, what is paid."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.tag import Kind

YARD = """
WWWWWWWW
W      W
W      W
W PPPP W
WWWWWWWW
"""


def make(n_agents=3, it=0, map=YARD, **settings):
    world = sorrelsim.make("tag", map=map, n_agents=n_agents, compiled=False, **settings)
    world.grid[..., world.codes.layer[Kind.IT]][world.grid[..., world.codes.layer[Kind.IT]] == Kind.IT] = 0
    world.copies.state["it"][:] = it
    return world


def test_keeps_the_contract():
    check_world("tag", compiled=False, steps=24)


def test_sizes():
    world = sorrelsim.make("tag", compiled=False)
    assert (world.height, world.width, world.n_agents) == (11, 11, 5)
    assert world.obs["grid"].shape[2:4] == (9, 9)
    for _ in range(19):
        world.step(np.zeros((1, 5), int))
        assert not world.truncated.any()
    world.step(np.zeros((1, 5), int))
    assert world.truncated.all()
    assert not world.terminated.any()


def test_all_but_it_earn_ten_and_a_wall_costs_one():
    world = seat(make(), (1, 1, "N"), (1, 4, "N"), (2, 6, "N"))
    assert act(world, "down", "up", "left") == [0, 9, 10]
    assert world.pos[0].tolist() == [[2, 1], [1, 4], [2, 5]]
    assert act(world, "left", "left", "up") == [-1, 10, 10]


def test_walking_into_an_agent_costs_nothing():
    world = seat(make(it=2), (1, 1, "N"), (1, 2, "N"), (3, 6, "N"))
    assert act(world, "right", "right", "up") == [10, 10, 0]
    assert world.pos[0, 0].tolist() in ([1, 1], [1, 2])


@pytest.mark.parametrize(("row", "col"), [(1, 3), (3, 3), (2, 2), (2, 4)])
def test_it_tags_a_neighbour_after_walking_who_then_earns_nothing(row, col):
    world = seat(make(2), (2, 3, "N"), (row, col, "N"))
    # Both walk where they are: into each other, so nobody moves.
    towards = {
        (1, 3): ("up", "down"),
        (3, 3): ("down", "up"),
        (2, 2): ("left", "right"),
        (2, 4): ("right", "left"),
    }
    assert act(world, *towards[row, col]) == [10, 0]
    assert world.copies.state["it"][0, 0] == 1
    assert world.event_counts[0].tolist() == [[1, 0, 1], [0, 1, 0]]


def test_a_diagonal_neighbour_is_not_tagged():
    world = seat(make(2), (1, 1, "N"), (3, 2, "N"))
    assert act(world, "up", "up") == [-1, 10]
    assert world.pos[0].tolist() == [[1, 1], [2, 2]]
    assert world.copies.state["it"][0, 0] == 0


def test_the_ring_lies_under_it_and_it_knows():
    world = seat(make(2), (2, 3, "N"), (2, 4, "N"))
    layer = world.codes.layer[Kind.IT]
    act(world, "right", "left")
    assert np.argwhere(world.grid[0, ..., layer] == Kind.IT).tolist() == [[2, 4]]
    assert world.obs["it"][0].tolist() == [[0], [1]]
    assert world.obs["grid"][0, 0, 4, 5, layer] == Kind.IT
    assert world.obs["grid"][0, 1, 4, 4, layer] == Kind.IT


def test_tag_back_can_be_forbidden_until_another_is_tagged():
    for allowed in (True, False):
        world = seat(make(2, tag_back=allowed), (2, 3, "N"), (2, 4, "N"))
        holders = []
        for _ in range(3):
            act(world, "right", "left")
            holders.append(int(world.copies.state["it"][0, 0]))
        assert holders == ([1, 0, 1] if allowed else [1, 1, 1])
    world = seat(make(3, tag_back=False), (2, 3, "N"), (2, 4, "N"), (2, 5, "N"))
    act(world, "right", "right", "left")
    assert world.copies.state["it"][0, 0] == 1
    act(world, "right", "right", "left")
    assert world.copies.state["it"][0, 0] == 2


def test_of_two_neighbours_each_is_tagged_half_of_the_time():
    n = 300
    world = seat(make(3, n_worlds=n), (2, 3, "N"), (2, 2, "N"), (2, 4, "N"))
    act(world, "left", "right", "left")
    tagged = world.copies.state["it"][:, 0]
    assert set(tagged) == {1, 2}
    assert share_ok((tagged == 1).sum(), n, 0.5)  # five standard errors: 0.14


def test_everyone_is_it_first_equally_often():
    world = sorrelsim.make("tag", n_worlds=400, map=YARD.replace("P ", "PP"), compiled=False)
    for i in range(5):
        assert share_ok((world.copies.state["it"] == i).sum(), 400, 0.2)  # five standard errors: 0.1
