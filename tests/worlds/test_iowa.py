"""Iowa gambling task: what the decks pay, and how often they appear."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.iowa import Kind

TABLE = """
WWWWWWW
W     W
W PP  W
WWWWWWW
"""
DECKS = [
    # deck, gain, loss, chance of a loss, expected value
    (Kind.DECK_A, 1.1, -1.4, 0.5, -0.15),
    (Kind.DECK_B, 1.1, -11.4, 0.1, -0.15),
    (Kind.DECK_C, 0.6, 0.1, 0.5, 0.35),
    (Kind.DECK_D, 0.6, -1.9, 0.1, 0.35),
]


def test_keeps_the_contract():
    check_world("iowa", compiled=False, steps=24)


def test_sizes():
    world = sorrelsim.make("iowa", compiled=False)
    assert (world.height, world.width, world.n_agents) == (20, 20, 2)
    assert world.obs.shape[2:4] == (5, 5)
    for _ in range(99):
        world.step(np.zeros((1, 2), int))
        assert not world.truncated.any()
    world.step(np.zeros((1, 2), int))
    assert world.truncated.all()
    assert not world.terminated.any()


@pytest.mark.parametrize(("deck", "gain", "loss", "p", "mean"), DECKS)
def test_a_card_is_drawn_and_the_deck_is_gone(deck, gain, loss, p, mean):
    n = 500
    world = sorrelsim.make("iowa", n, map=TABLE, spawn_probability=0.0, compiled=False)
    seat(world, (1, 2, "N"), (2, 4, "N"))
    world.grid[:, 1, 3, world.codes.layer[deck]] = deck
    act(world, "right", "down")
    drawn = world.reward[:, 0]
    assert set(np.round(drawn, 9)) == {gain, loss}
    assert share_ok(np.isclose(drawn, loss).sum(), n, p)  # five standard errors: 0.11 at 0.5, 0.07 at 0.1
    assert gain * (1 - p) + loss * p == pytest.approx(mean)
    assert not (world.grid[:, 1, 3, world.codes.layer[deck]]).any()
    assert (world.reward[:, 1] == -1).all()  # walked into the wall
    counted = world.event_counts.sum(axis=0)
    assert counted[0].tolist() == [n if k == deck - Kind.DECK_A else 0 for k in range(4)]
    assert not counted[1].any()


def test_walking_into_an_agent_costs_nothing_and_draws_nothing():
    world = sorrelsim.make("iowa", map=TABLE, spawn_probability=0.0, compiled=False)
    seat(world, (1, 2, "N"), (1, 3, "N"))
    assert act(world, "right", "left") == [0, 0]


def test_decks_appear_on_empty_cells_uniformly():
    field = "\n".join(["W" * 62, *["W" + "P" * 60 + "W"] * 60, "W" * 62])
    world = sorrelsim.make("iowa", map=field, compiled=False)
    seat(world, (1, 1, "N"), (2, 1, "N"))
    inner = world.grid[0, 1:61, 1:61, world.codes.layer[Kind.DECK_A]]
    found = np.zeros(4)
    for _ in range(5):
        inner[:] = 0
        act(world, "left", "left")
        assert inner[0, 0] == inner[1, 0] == 0  # not under an agent
        found += [(inner == deck).sum() for deck, *_ in DECKS]
    n = 5 * 3598
    assert share_ok(found.sum(), n, 0.01)  # five standard errors: 0.004
    for count in found:
        assert share_ok(count, found.sum(), 0.25)  # about 180 decks; five standard errors: 0.16
    before = inner.copy()
    assert before.any()
    act(world, "left", "left")
    assert np.array_equal(inner[before > 0], before[before > 0])  # none is replaced
