"""Ape-X: streams that explore by degrees, and steps that begin with the TD error found when acting."""

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play

from sorrelsim.agents.learners.ddpg_apex import DDPGApex
from sorrelsim.agents.learners.dqn_apex import DQNApex, best_of
from sorrelsim.agents.learners.dqn_prioritised import DQNPrioritised
from sorrelsim.agents.learners.r2d2 import R2D2
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import TrainingDiverged
from sorrelsim.models.memory.appraised import AppraisedBuffer
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.models.torch.exploration import ladder
from sorrelsim.observations.spec import ObservationSpec, Part
from sorrelsim.settings import parse_config
from sorrelsim.testing.plane import Plane

LINE = ObservationSpec({"grid": Part((1,), np.dtype(np.float32))})
SMALL = {"memory_size": 400, "warmup": 10_000, "batch_size": 32, "network": {"hidden": [16]}}


def build(kind, world, seed=0, **changes):
    streams = world.n_worlds * world.n_agents
    config = parse_config(kind.Config, SMALL | changes, kind.__name__)
    return kind(world.observations, world.action_names or world.action_spec, streams, config, seed)


def test_degrees_of_exploring_by_hand():
    """.4^(1 + 7 i / 7) for eight streams: .4, .16 and on to .4^8 = .00065536; for three .4, .4^4.5 and .4^8."""
    np.testing.assert_allclose(ladder(0.4, 7, 8), 0.4 ** np.arange(1, 9))
    np.testing.assert_allclose(ladder(0.4, 7, 3), [0.4, 0.0161909, 0.00065536], rtol=1e-5)
    np.testing.assert_allclose(ladder(0.4, 7, 1), [0.4])
    np.testing.assert_allclose(ladder(0.4, 0, 3), [0.4] * 3)
    assert not ladder(0, 7, 3).any()


def remembered(steps, **options):
    """A memory of one stream, two steps and gamma 1/2: (reward, taken, best, how it ended, worth of the last state)."""
    memory = AppraisedBuffer(LINE, 20, 1, 1, 2, 0.5, 1.0, 0, ((), np.int64))
    for reward, taken, best, end, last in steps:
        memory.appraise(np.array([taken]), np.array([best]))
        final = np.full((1, 1), 9.0, np.float32) if end else None
        done, cut = np.array([end == "terminated"]), np.array([end == "cut"])
        ended = np.flatnonzero(done | cut)
        seat = Seat(1, learn=True)
        step = Transition(
            np.zeros((1, 1), np.float32), np.zeros(1, np.int64), np.array([reward]), done, cut, ended, final, final,
            dict, seat,
        )  # fmt: skip
        memory.appraise_ends(step, lambda parts, mask, last=last: np.full(len(parts["grid"]), last))
        memory.add(step.obs, 0, reward, done, cut, final)
    return memory, memory.priorities.tree[len(memory.priorities.tree) // 2 :]


GOING_ON = [(1, 0.5, 7, "", 0), (2, 4.0, 7, "", 0), (4, 1.0, 8, "", 0), (8, 1.0, 6, "", 0)]


def test_first_errors_by_hand():
    """Of the first step 1 + 2/2 + 8/4 - .5 = 3.5; of the second 2 + 4/2 + 6/4 - 4 = 1.5; the third waits for one more.

    If the second terminated: 1 + 2/2 - .5 = 1.5, and 2 - 4 = -2. Cut short where 10 would have followed:
    1 + 2/2 + 10/4 - .5 = 4, and 2 + 10/2 - 4 = 3.
    """
    for end, expected in (("", [3.5, 1.5]), ("terminated", [1.5, 2]), ("cut", [4, 3])):
        steps = [row[:3] + ((end, 10) if i == 1 else row[3:]) for i, row in enumerate(GOING_ON)]
        _, leaves = remembered(steps)
        np.testing.assert_allclose(leaves[:4], [*expected, 0, 0], atol=2e-6)


def test_steps_of_which_nothing_was_told_begin_with_the_highest_priority():
    """The highest is 3.5 by then. Behind a boundary errors are found again, and no window crosses it."""
    memory, leaves = remembered(GOING_ON)
    memory.add(np.zeros(1), 0, 0.0, False)  # nothing is told of it
    np.testing.assert_allclose(leaves[:5], [3.5, 1.5, 3.5, 0, 0], atol=2e-6)
    memory, leaves = remembered(GOING_ON)
    memory.add_empty()
    for reward in (16, 32, 64):
        memory.appraise(np.array([1.0]), np.array([2.0]))
        memory.add(np.zeros(1), 0, reward, False)
    # 16 + 32/2 + 2/4 - 1 = 31.5
    np.testing.assert_allclose(leaves[:8], [3.5, 1.5, 0, 0, 0, 31.5, 0, 0], atol=1e-5)
    memory.clear()
    assert not memory.told.any()


def test_a_saved_memory_goes_on_as_it_was_and_an_unsound_one_is_refused():
    memory, leaves = remembered(GOING_ON)
    other, theirs = remembered([])
    other.load_state_dict(memory.state_dict())
    for each in (memory, other):
        each.appraise(np.array([5.0]), np.array([3.0]))
        each.add(np.zeros(1), 0, 1.0, True)
    np.testing.assert_array_equal(leaves, theirs)
    assert leaves[2] == pytest.approx(4 + 8 / 2 + 3 / 4 - 1, abs=2e-6)  # the third, from the state just told of
    state = memory.state_dict()
    for wrong, said in (
        ({"appraised": state["appraised"] * np.nan}, r"appraised\[0, 0, 0\] is nan"),
        ({"told": np.zeros(2, bool)}, r"told must be bool \[3\], not bool \[2\]"),
        ({"told": None}, "told must be an array"),
    ):
        with pytest.raises(ValueError, match=said):
            other.load_state_dict(state | wrong)
    with pytest.raises(ValueError, match="the saved memory has no appraised, told"):
        other.load_state_dict({name: each for name, each in state.items() if name not in ("appraised", "told")})


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", [DQNApex, DDPGApex])
def test_priorities_are_the_errors_of_the_networks_that_acted(kind, masked):
    """Nothing is learned here, so that the networks can be asked again: errors of steps drawn from the memory."""
    world = CodeWorld(n_worlds=2, length=4, masked=masked)
    model = build(kind, world, priority_exponent=1.0, gamma=0.5, n_step=3)
    play([Agent(world, [0, 1], model)], world, 60)
    assert model.gradient_steps == 0
    batch = model.memory.sample(200)
    states, following, data, _ = model.batch_tensors(batch)
    with torch.no_grad():
        if kind is DQNApex:
            taken = model.ask("online", states)[0].gather(1, data["actions"].unsqueeze(1)).squeeze(1)
            worth = torch.from_numpy(best_of(model.ask("online", following)[0].numpy(), batch.next_masks))
        else:
            taken = model.value("critic", states, data["actions"])
            worth = model.value("critic", following, model.policy("actor", following, data.get("next_masks")))
    errors = data["rewards"] + data["discounts"] * worth - taken
    tree = model.memory.priorities.tree
    np.testing.assert_allclose(tree[len(tree) // 2 + batch.index], np.abs(errors.numpy()) + 1e-6, rtol=1e-3, atol=1e-5)
    assert (batch.discounts < 0.5**3 + 1e-6).any()  # windows that went on
    assert (batch.discounts > 0.5**3).any()  # and such as were cut short
    assert (batch.valid == 1).all()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(DQNPrioritised, [0.4, 0.7, 1, 1]), (DQNApex, [0.4] * 4), (DDPGApex, [0.4] * 4), (R2D2, [0.6] * 4)],
)
def test_the_bias_of_priorities_is_corrected_as_the_papers_say(kind, expected):
    """Schaul et al. raise beta from .4 to 1, halfway .4 + .6 / 2; both Ape-X keep it at .4 and R2D2 at .6."""
    model = build(kind, CodeWorld(n_worlds=1, n_agents=1), priority_correction_steps=1000)
    for steps, beta in zip((0, 500, 1000, 10**9), expected, strict=True):
        model.agent_steps = steps
        assert model.priority_correction() == pytest.approx(beta)


def test_every_stream_explores_by_its_own_chance():
    """Of three actions a random one is another than the best two times in three."""
    world = CodeWorld(n_worlds=3, n_agents=1)
    model = build(DQNApex, world, epsilon_start=0.9, epsilon_end=0.9, epsilon_exponent=2.0)
    states = {"grid": np.zeros((3, 2, 3, 2), np.uint8)}
    with model.greedy():
        best = model.take_actions(states)
    other = np.mean([model.take_actions(states) != best for _ in range(3000)], 0)
    # Chances .9, .9^2 and .9^3
    np.testing.assert_allclose(other, np.array([0.9, 0.81, 0.729]) * 2 / 3, atol=0.03)
    model.set_epsilon(0)
    np.testing.assert_array_equal(model.take_actions(states), best)


@pytest.mark.parametrize("kind", ["normal", "uniform", "clipped_normal", "ornstein_uhlenbeck", "none"])
def test_every_stream_has_noise_of_its_own_size(kind):
    """Sizes .2, .2^2 and .2^3; an even draw from -s to s has deviation s / sqrt(3)."""
    world = Plane(3)
    model = build(DDPGApex, world, warmup=0, noise={"kind": kind, "size": 0.2}, noise_exponent=2.0)
    assert model.noise_size(3).shape == (3, 1)
    states = {name: np.zeros((3, 2), np.float32) for name in world.parts}
    with model.greedy():
        best = model.take_actions(states)
    moved = np.array([model.take_actions(states) - best for _ in range(2000)]) / [0.5, 1.0]  # in half ranges
    expected = np.array([0.2, 0.04, 0.008]) * {"none": 0, "uniform": 3**-0.5}.get(kind, 1)
    np.testing.assert_allclose(moved.std((0, 2)), expected, rtol=0.08)


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        (DQNApex, {"prioritised": False}, "prioritised must be true: dqn_apex is about priorities"),
        (DDPGApex, {"prioritised": False}, "prioritised must be true: ddpg_apex is about priorities"),
        (DDPGApex, {"noise": {"kind": "parameters"}}, "'parameters' serves all streams alike.*allowed: normal"),
        (DDPGApex, {"noise": {"size": 1.5}}, "noise.size must be 0 to 1.*got 1.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind, config, said):
    with pytest.raises(ValueError, match=said):
        parse_config(kind.Config, config, kind.__name__)


@pytest.mark.parametrize("kind", [DQNApex, DDPGApex])
def test_rewards_that_are_no_numbers_stop_training_and_not_the_memory(kind):
    world = CodeWorld()
    model = build(kind, world, warmup=40)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 4)

    def unsound():
        for _ in range(60):
            agent.transition(world)
            world.step()
            world.reward[:] = np.nan
            agent.remember(world)

    with pytest.raises(TrainingDiverged):
        unsound()
    assert np.isfinite(model.memory.priorities.tree).all()


def test_who_does_not_learn_tells_the_memory_nothing():
    world = CodeWorld()
    model = build(DQNApex, world)
    play([Agent(world, [0, 1], model, learn=False)], world, 10)
    assert len(model.memory) == 0
    assert not model.memory.appraised.any()
