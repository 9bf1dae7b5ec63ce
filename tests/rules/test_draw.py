"""Random draws: uniform, independent between copies, the same from the same seed."""

import numpy as np
import pytest
from tiny_worlds import Tiny, share_ok

from sorrelsim import per_agent, per_world, rule
from sorrelsim.rules import draw


class Stream:
    """The least that a rule needs to draw: one stream, and scratch for the order of agents."""

    def __init__(self, seed=0, copy=0, n_agents=4):
        self.rng = [int(word) for word in draw.streams(seed, copy + 1)[copy]]
        self.n_agents = n_agents
        self.order = [0] * n_agents
        self.turn = 1


def test_uniform_fills_the_unit_interval_evenly():
    w = Stream(1)
    draws = np.array([draw.uniform(w) for _ in range(20_000)])
    assert draws.min() >= 0
    assert draws.max() < 1
    counts, _ = np.histogram(draws, 10, (0, 1))
    assert all(share_ok(count, 20_000, 0.1) for count in counts)
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 4.5 / np.sqrt(20_000)


def test_below_is_uniform():
    w = Stream(2)
    draws = [draw.below(w, 7) for _ in range(14_000)]
    assert all(share_ok(draws.count(k), 14_000, 1 / 7) for k in range(7))
    assert set(draws) == set(range(7))


@pytest.mark.parametrize("p", [0.0, 0.003, 0.5, 1.0])
def test_chance(p):
    w = Stream(3)
    assert share_ok(sum(draw.chance(w, p) for _ in range(10_000)), 10_000, p)


def test_every_order_of_agents_is_equally_likely():
    w = Stream(4)
    orders = [tuple(draw.agent_order(w)) for _ in range(12_000)]
    assert len(set(orders)) == 24
    assert all(share_ok(orders.count(order), 12_000, 1 / 24) for order in set(orders))


@pytest.mark.parametrize(("n", "p"), [(348, 0.00174), (88, 0.01), (5, 0.5), (20, 0.97), (600, 0.02), (1, 0.25)])
def test_binomial_has_its_distribution(n, p):
    w = Stream(5)
    draws = np.array([draw.binomial(w, n, p) for _ in range(8000)])
    k = np.arange(n + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    chances = np.exp(logs[n] - logs[k] - logs[n - k] + k * np.log(p) + (n - k) * np.log1p(-p))
    counts = np.bincount(draws, minlength=n + 1)
    common = chances > 1e-3
    assert all(share_ok(count, 8000, chance) for count, chance in zip(counts[common], chances[common], strict=True))
    assert share_ok(counts[~common].sum(), 8000, chances[~common].sum(), sigmas=6)


def test_binomial_at_its_limits():
    w = Stream(6)
    before = list(w.rng)
    assert [draw.binomial(w, 9, 0.0), draw.binomial(w, 9, 1.0), draw.binomial(w, 0, 0.5)] == [0, 9, 0]
    assert w.rng == before  # certain results cost no draw


@pytest.mark.parametrize(("base", "n"), [(0.99, 0), (0.99, 1), (0.5, 13), (0.999, 256)])
def test_power(base, n):
    assert draw.power(base, n) == pytest.approx(base**n, rel=1e-13)


def test_fresh_draws_without_replacement_within_a_step_and_uniformly():
    w = Stream(7)
    firsts = []
    stamps = np.zeros(6, np.int32)
    for turn in range(1, 3001):
        w.turn = turn
        drawn = [int(draw.fresh(w, stamps)) for _ in range(6)]
        assert sorted(drawn) == [0, 1, 2, 3, 4, 5]
        firsts.append(drawn[0])
    assert all(share_ok(firsts.count(k), 3000, 1 / 6) for k in range(6))


def test_weighted_draws_in_proportion():
    w, n = Stream(3), 6000
    found = np.bincount([draw.weighted(w, np.array([3.0, 0.0, 1.0, 2.0])) for _ in range(n)], minlength=4)
    assert found[1] == 0
    for k, p in ((0, 1 / 2), (2, 1 / 6), (3, 1 / 3)):
        assert share_ok(found[k], n, p)
    assert {draw.weighted(w, np.zeros(3)) for _ in range(9)} == {0}


def test_a_copys_stream_depends_on_seed_and_copy_alone():
    np.testing.assert_array_equal(draw.streams(11, 4096)[:18], draw.streams(11, 18))
    assert len({tuple(stream) for stream in draw.streams(11, 4096)}) == 4096
    assert not (draw.streams(11, 64) == draw.streams(12, 64)).any()
    assert (draw.streams(2**70 + 5, 3) != draw.streams(5, 3)).all()
    assert (draw.streams(0, 1000)[:, 1] % 2 == 1).all()  # gammas are odd


def test_copies_are_independent():
    a, b = (np.array([draw.uniform(w) for _ in range(5000)]) for w in (Stream(0, 0), Stream(0, 1)))
    assert abs(np.corrcoef(a, b)[0, 1]) < 4.5 / np.sqrt(5000)


@rule
def gather(w):
    w.count[0] = draw.binomial(w, 200, 0.03)
    w.word[0] = draw.uniform(w)
    draw.agent_order(w)
    for i in range(w.n_agents):
        w.place[i] = w.order[i]


class Gather(Tiny):
    maps = {"m": " "}
    sites = {}
    n_agents = 5
    rules = (gather,)
    state = {
        "count": per_world(), "word": per_world(float), "place": per_agent(), "zap_wait": per_agent(),
    }  # fmt: skip


def test_compiled_draws_equal_interpreted_ones():
    worlds = [Gather(16, 9, compiled=compiled) for compiled in (False, True)]
    for _ in range(20):
        for world in worlds:
            world.step(np.zeros((16, 5), int))
        for name in Gather.state:
            np.testing.assert_array_equal(worlds[0].copies.state[name], worlds[1].copies.state[name])
        np.testing.assert_array_equal(worlds[0].rng, worlds[1].rng)
    assert worlds[0].copies.state["count"].max() > 6
