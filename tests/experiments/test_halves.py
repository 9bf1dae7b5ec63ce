"""Copies in shares: while agents choose for one the engine steps another, and nothing depends on how many there are."""

import threading

import numpy as np
import pytest

from sorrelsim import Experiment, make
from sorrelsim.engine import threads
from sorrelsim.engine.halves import Halves
from sorrelsim.engine.kernel_text import COPIES, DONE, FOLLOW, STEP
from sorrelsim.models.seat import Deal

ON_POLICY = {"n_steps": 8, "n_minibatches": 2, "network": {"hidden": [16]}}
FROM_MEMORY = {"warmup": 32, "batch_size": 16, "memory_size": 2000, "network": {"hidden": [16]}}
LEARNERS = {"ppo": ON_POLICY, "pqn": ON_POLICY, "ddqn": FROM_MEMORY, "iqn": FROM_MEMORY}


def trained(halves, model="ppo", slots="all", config=None, world=(), n_worlds=6, **further):
    """Metrics of two short epochs, less the times, and all weights."""
    experiment = Experiment(
        {
            "world": {"name": "treasure_hunt", **({} if "name" in dict(world) else {"max_steps": 10}), **dict(world)},
            "seats": [{"model": model, "slots": slots, "config": LEARNERS.get(model, {}) | (config or {})}],
            "n_worlds": n_worlds,
            "epochs": 2,
            "turns": 20,
            "threads": 1,
            "halves": halves,
            **further,
        }
    )
    rows = [{k: v for k, v in row.items() if not k.startswith("s")} for row in experiment.epochs()]
    networks = [net for model in experiment.models for net in getattr(model, "networks", {}).values()]
    weights = [tensor.numpy() for net in networks for tensor in net.state_dict().values()]
    return rows, weights, experiment


@pytest.mark.parametrize("model", LEARNERS)
def test_training_does_not_depend_on_the_number_of_shares(model):
    """To the last bit: shares are of four rows at least, of which a product adds up as it does of twelve."""
    rows, weights, one = trained(1, model)
    assert one.agents[0].model.acts_in_shares
    assert rows[-1]["episodes"] == 12
    for halves in (2, 3):
        others, found, several = trained(halves, model)
        assert several.config.halves == halves
        assert repr(others) == repr(rows)
        assert all(np.array_equal(a, b) for a, b in zip(found, weights, strict=True))


@pytest.mark.parametrize(
    ("model", "slots", "config", "world"),
    [
        ("ppo", "each", {}, {}),  # learners as one, whose streams lie one learner after the other
        ("ppo", "all", {"recurrent": "lstm", "sequence_length": 4, "n_frames": 2}, {}),
        ("ppo", "all", {}, {"observation": "rgb", "sprite_size": 1}),
        ("iqn", "each", {}, {}),
        ("ddqn", "all", {"noisy": True, "epsilon_start": 0, "epsilon_end": 0}, {}),  # chooses for all at once
    ],
)
def test_nor_do_learners_as_one_carries_stacks_and_pictures(model, slots, config, world):
    """Shares of three rows may round otherwise in the last bit: trajectories are the same, weights to 1e-6."""
    rows, weights, one = trained(1, model, slots, config, world)
    others, found, _ = trained(2, model, slots, config, world)
    assert one.together == ([[f"{model}_0", f"{model}_1"]] if slots == "each" else [])
    assert one.agents[0].model.acts_in_shares == (not config.get("noisy"))
    for row, other in zip(rows, others, strict=True):
        assert other == pytest.approx(row, rel=1e-5, abs=1e-6, nan_ok=True)
        assert other["return_mean"] == row["return_mean"]
    for a, b in zip(found, weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"observation": "rgb", "sprite_size": 2}, {"compiled": False}])
def test_a_world_is_stepped_in_shares_as_all_at_once(settings):
    """Twelve copies, episodes of three steps and parts of all kinds, on two threads."""
    before = threads.get_threads()
    threads.set_threads(2)
    try:
        whole, parted = (make("treasure_hunt", n_worlds=12, seed=3, max_steps=3, **settings) for _ in range(2))
        halves, rng = Halves(parted, 5), np.random.default_rng(0)
        assert [share.stop - share.start for share in halves.shares] == [2, 2, 3, 2, 3]
        for _ in range(8):
            actions = rng.integers(whole.n_actions, size=(12, whole.n_agents))
            whole.step(actions)
            for share in halves.shares:
                halves.submit(share, [1], actions[share, 1:2])
                halves.submit(share, [0], actions[share, :1])
                halves.step(share)
            halves.finish()
            for name in ("obs", "reward", "terminated", "truncated"):
                np.testing.assert_array_equal(getattr(parted, name), getattr(whole, name))
            assert parted.info.keys() == whole.info.keys()
            for name, array in whole.info.items():
                np.testing.assert_array_equal(parted.info[name], array)
        assert all(np.array_equal(a, parted.get_state()[name]) for name, a in whole.get_state().items())
    finally:
        threads.set_threads(before)


def test_a_share_waits_for_all_its_actions_and_for_such_as_there_are():
    world = make("treasure_hunt", n_worlds=4)
    halves = Halves(world, 2)
    first, second = halves.shares
    halves.submit(first, [0], np.zeros((2, 1), np.int64))
    with pytest.raises(ValueError, match=r"no action was submitted for slots \[1\]"):
        halves.step(first)
    halves.submit(first, [1], np.array([[0], [7]]))
    with pytest.raises(ValueError, match=r"action 7 of agent 1 in copy 1 is out of range; allowed: 0 to 3 \(up, down"):
        halves.step(first)
    halves.submit(first, [1], np.zeros((2, 1), np.int64))
    halves.step(first)
    with pytest.raises(ValueError, match=r"slots \[0, 1\]"):
        halves.step(second)  # the actions were of the other
    halves.wait()
    assert world.turn[:, 0].tolist() == [1, 1, 0, 0]


def test_who_looks_as_the_next_share_is_opened_steps_nothing_of_it():
    """A share of 4 of 12 copies is stepped, and of the next its caller says COPIES, 12, but has not opened it.

    A helper that comes now draws none, though 4, up to which copies were drawn before, is less than 12.
    """
    world = make("treasure_hunt", n_worlds=12)
    runner, answer = world._runner, world._answer
    kernel, shared = runner.kernel, runner.kernel.shared
    table = runner.program.table(answer)
    assert runner.call(kernel.order(STEP, table, grain=2, copies=(0, 4)).address) == 0
    assert world.turn[:, 0].tolist() == [1] * 4 + [0] * 8
    shared[DONE], shared[COPIES] = 4, 12
    helper = threading.Thread(target=runner.call, args=[kernel.order(FOLLOW, table).address], daemon=True)
    helper.start()
    helper.join(0.1)
    shared[DONE] = 12  # it is not needed
    helper.join(60)
    assert not helper.is_alive()
    assert world.turn[:, 0].tolist() == [1] * 4 + [0] * 8


def test_an_interrupt_while_shares_are_awaited_leaves_none_going():
    """Ctrl-C falls into the waiting for a share: what waits for it afterwards still does."""
    halves = Halves(make("treasure_hunt", n_worlds=4), 2)

    class Going:
        asked = 0

        def exception(self):
            self.asked += 1
            if self.asked == 1:
                raise KeyboardInterrupt

        def result(self):
            return 0

    going = Going()
    halves._going.append(going)
    with pytest.raises(KeyboardInterrupt):
        halves.finish()
    halves.wait()
    assert going.asked == 2


def test_chance_is_drawn_once_for_all_and_dealt_out_whoever_asks_first():
    """As one generator draws for five streams: shares of two and three get the first two rows and the other three."""
    deal, rng = Deal(5), np.random.default_rng(1)
    got = []
    for rows in (slice(0, 2), slice(2, 5)):
        deal.to(rows)
        got.append((deal.part(rng.random), deal.once(lambda: rng.random(2)), deal.part(rng.random)))
    rng = np.random.default_rng(1)
    first, same, second = rng.random(5), rng.random(2), rng.random(5)
    assert [each.tolist() for each in got[0]] == [first[:2].tolist(), same.tolist(), second[:2].tolist()]
    assert [each.tolist() for each in got[1]] == [first[2:].tolist(), same.tolist(), second[2:].tolist()]


def test_bots_choose_for_all_copies_before_the_first_share_is_stepped():
    seats = [{"model": "ddqn", "slots": [0], "config": FROM_MEMORY}, {"model": "random", "slots": [1]}]
    rows = [trained(halves, seats=seats)[0] for halves in (1, 3)]
    assert repr(rows[0]) == repr(rows[1])


def test_halves_that_there_cannot_be_are_told():
    with pytest.raises(ValueError, match="halves is 7, and there are 6 copies; allowed: 1 to 6"):
        trained(7)
    with pytest.raises(ValueError, match="halves is 2, but gym:CartPole-v1 is no Gridworld; allowed: 1"):
        trained(2, world={"name": "gym:CartPole-v1"}, n_worlds=2)
