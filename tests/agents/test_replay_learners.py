"""Learners of values: their losses by hand, targets, options, resuming, learning."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play
from torch import nn

from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.dqn import DQN
from sorrelsim.agents.learners.dqn_apex import DQNApex
from sorrelsim.agents.learners.dqn_prioritised import DQNPrioritised
from sorrelsim.agents.learners.dueling import Dueling
from sorrelsim.agents.learners.iqn import IQN
from sorrelsim.agents.learners.qr_dqn import QRDQN
from sorrelsim.agents.learners.rainbow import Rainbow
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import TrainingDiverged
from sorrelsim.models.memory.batch import shares
from sorrelsim.models.torch import losses as losses_module
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.exploration import epsilon_greedy
from sorrelsim.models.torch.losses import (
    combined,
    q_learning,
    q_targets,
    quantile_huber_loss,
    quantile_regression,
    td_loss,
)

FAST = {
    "memory_size": 4000,
    "warmup": 100,
    "epsilon_steps": 1500,
    "learning_rate": 2e-3,
    "batch_size": 32,
    "network": {"hidden": [32]},
}
OPTIONS = [
    (IQN, {}),
    (IQN, {"dueling": True, "noisy": True}),
    (IQN, {"double": False, "target_every": 50, "n_frames": 2}),
    (IQN, {"prioritised": True}),
    (DQN, {"noisy": True}),
    (Dueling, {}),
    (DQNPrioritised, {}),
    (DQNApex, {}),
    (DQNApex, {"noisy": True, "n_frames": 2, "target_every": None, "epsilon_start": 0.0, "epsilon_end": 0.0}),
    (QRDQN, {"n_quantiles": 8}),
    (QRDQN, {"dueling": True, "noisy": True, "prioritised": True, "double": False}),
    (Rainbow, {"n_atoms": 21, "value_min": -1, "value_max": 9, "gamma": 0.8}),
    (Rainbow, {"dueling": False, "noisy": False, "epsilon_start": 1.0, "gamma": 0.8, "target_every": 50}),
    (DDQN, {}),
    (DDQN, {"dueling": True, "prioritised": True, "n_step": 3}),
    (DDQN, {"double": False, "target_every": 50, "n_frames": 2}),
]


def build(kind, world, config=None, seed=0, **kwargs):
    return kind.from_config(
        world.observations,
        world.action_names,
        world.n_worlds * world.n_agents,
        FAST | (config or {}),
        seed,
        **kwargs,
    )


def test_quantile_huber_loss_by_hand():
    """Quantiles 1 and 3 at tau .25 and .5, targets 2 and 6, kappa 1.

    delta for quantile 1: 1, 5; Huber .5, 4.5; weight |.25 - 0|: .125, 1.125; mean .625.
    delta for quantile 3: -1, 3; Huber .5, 2.5; weights |.5 - 1| and .5: .25, 1.25; mean .75. Sum 1.375.
    With kappa 2: Huber / kappa of 1, 5: .25, 4; of -1, 3: .25, 2: (.0625 + 1)/2 + (.125 + 1)/2 = 1.09375.
    """
    quantiles, taus, targets = (
        torch.tensor([[1.0, 3.0]]),
        torch.tensor([[0.25, 0.5]]),
        torch.tensor([[2.0, 6.0]]),
    )
    torch.testing.assert_close(quantile_huber_loss(quantiles, taus, targets), torch.tensor([1.375]))
    torch.testing.assert_close(quantile_huber_loss(quantiles, taus, targets, 2.0), torch.tensor([1.09375]))


@pytest.mark.parametrize("compiled", [True, False])
def test_losses_refuse_actions_that_there_are_not_and_hide_nothing_that_is_not_finite(compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(losses_module, "compiles", lambda *_: False)
    values = torch.zeros(2, 3)
    for action in (3, -1):
        with pytest.raises((IndexError, RuntimeError), match=str(action)):
            td_loss(values, torch.tensor([0, action]), torch.ones(2))
    targets = torch.tensor([[1.0, torch.nan], [1.0, 2.0]])
    found = quantile_regression(torch.zeros(2, 3), torch.tensor([0.2, 0.5, 0.8]), targets).losses
    assert found.isnan().tolist() == [True, False]
    assert td_loss(values, torch.zeros(2, dtype=torch.int64), targets[:, 1])[0].losses.isnan().tolist() == [True, False]


@pytest.mark.parametrize("kappa", [0.3, 1.0, 2.5])
def test_compiled_losses_are_the_plain_ones_to_the_last_bit(kappa, monkeypatch):
    chance = torch.Generator().manual_seed(3)
    given, later = (torch.randn(40, 5, generator=chance) * 3 for _ in range(2))
    targets, taus = torch.randn(40, 7, generator=chance) * 3, torch.rand(40, 5, generator=chance)
    rewards, discounts, weights = torch.randn(3, 40, generator=chance)
    actions = torch.randint(5, (40,), generator=chance)
    masks = torch.rand(40, 5, generator=chance) < 0.7
    masks[:, 0] = True
    found: list[tuple[torch.Tensor, ...]] = []
    pulls: list[torch.Tensor] = []
    for _ in range(2):
        values, quantiles = (given.clone().requires_grad_() for _ in range(2))
        bootstrapped = q_targets(rewards, discounts, later, given, masks)
        (losses, _, slopes), errors = td_loss(values, actions, bootstrapped)
        of_quantiles = quantile_huber_loss(quantiles, taus, targets, kappa)
        regressed, _, pull = quantile_regression(given, taus[0], targets, kappa)
        torch.testing.assert_close(regressed, quantile_huber_loss(given, taus[:1], targets, kappa))
        pulls.append(pull)
        (of_quantiles * weights).sum().backward()
        found.append((bootstrapped, losses, errors, slopes, of_quantiles.detach(), quantiles.grad))
        monkeypatch.setattr(losses_module, "compiles", lambda *_: False)
    for compiled, plain in zip(*found, strict=True):
        torch.testing.assert_close(compiled, plain, atol=0, rtol=1e-6 if kappa != 1 else 0)
    assert found[0][-1].abs().min() > 0
    torch.testing.assert_close(*pulls)


def test_dueling_streams_by_hand():
    """Advantages 1, 3 and -1 are 1 on the mean: with a value of 2 the actions are worth 2, 4 and 0."""
    values = combined(torch.tensor([[2.0]]), torch.tensor([[1.0, 3.0, -1.0]]), 1)
    torch.testing.assert_close(values, torch.tensor([[2.0, 4.0, 0.0]]))


def test_double_q_targets_by_hand():
    """Online prefers action 1, whose target value is 2; the target's own best is 5. Nothing follows the second."""
    following, chooser = torch.tensor([[5.0, 2.0, 9.0]] * 2), torch.tensor([[0.0, 1.0, 7.0]] * 2)
    masks = torch.tensor([[True, True, False]] * 2)
    rewards, discounts = torch.tensor([1.0, 1.0]), torch.tensor([0.5, 0.0])
    torch.testing.assert_close(q_targets(rewards, discounts, following, chooser, masks), torch.tensor([2.0, 1.0]))
    torch.testing.assert_close(q_targets(rewards, discounts, following, following, masks), torch.tensor([3.5, 1.0]))
    torch.testing.assert_close(q_targets(rewards, discounts, following, chooser), torch.tensor([5.5, 1.0]))


def test_epsilon_is_tossed_for_in_every_stream_by_its_own_chance():
    """Streams of even numbers never explore, the others always do: of the two actions allowed each half the time."""
    values = torch.tensor([[0.0, 1.0, 2.0]]).repeat(4000, 1)
    mask = np.tile([True, True, False], (4000, 1))
    taken = epsilon_greedy(values, mask, np.arange(4000) % 2.0, np.random.default_rng(0))
    assert (taken[::2] == 1).all()
    np.testing.assert_allclose(np.bincount(taken[1::2], minlength=3) / 2000, [0.5, 0.5, 0.0], atol=0.04)
    both = epsilon_greedy(values, None, 0.3, np.random.default_rng(0))
    assert (both == 2).mean() == pytest.approx(0.7 + 0.1, abs=0.03)
    rng = np.random.default_rng(5)
    epsilon_greedy(values, mask, 0.0, rng)
    assert rng.random() == np.random.default_rng(5).random()  # nothing was drawn


def test_importance_weights_and_validity_reach_the_loss():
    losses, valid, weights = np.float32([[2.0, 4.0, 100.0], [1.0, 1.0, 0.0], [1.0, 0.5, 1.0]])
    assert losses @ shares(valid, weights) == 2.0  # (2 + 2) / 2
    assert losses @ shares(np.zeros(3, np.float32), weights) == 0.0
    # Two batches drawn in one go count by themselves: 1 / 1, and 1 / 2 twice.
    np.testing.assert_array_equal(shares(np.float32([1, 0, 1, 1]), np.ones(4, np.float32), 2), [1, 0, 0.5, 0.5])


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_learners_name_codes(kind, options):
    world = CodeWorld(n_worlds=8)
    model = build(kind, world, options)
    play([Agent(world, [0, 1], model)], world, 250)
    losses = model.take_losses()
    assert np.isfinite(losses["loss"])
    assert model.gradient_steps == (250 * 16 - 100) // 4
    judge = Agent(world, [0, 1], model, learn=False, explore=False)
    assert play([judge], world, 40).mean() > 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_alone_explores_enough(seed):
    """Every stream has noise of its own: with one draw for all, a code may never be named and chance remains."""
    world = CodeWorld(n_worlds=8, seed=seed)
    options = {"noisy": True, "epsilon_start": 0.0, "epsilon_end": 0.0, "gamma": 0.9, "n_step": 1}
    model = build(IQN, world, options, seed)
    play([Agent(world, [0, 1], model)], world, 200)
    judge = Agent(world, [0, 1], model, learn=False, explore=False)
    assert play([judge], world, 40).mean() > 0.95


def test_td_loss_by_hand():
    """Errors .5, -3 and 100, the last not valid: losses .125 * 1 and 2.5 * .5, mean over two: .6875.

    Slopes with respect to the values: -.5 * 1 / 2 and +1 * .5 / 2, at the chosen action only.
    """
    values = torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.0, 0.0]], requires_grad=True)
    targets, valid = torch.tensor([1.5, 0.0, 100.0]), np.float32([1.0, 1.0, 0.0])
    losses, errors = td_loss(values, torch.tensor([0, 1, 0]), targets)
    counts = torch.from_numpy(shares(valid, np.float32([1.0, 0.5, 1.0])))
    assert Adam([values]).descend(losses, 0.0, weights=counts) == pytest.approx(0.6875)
    torch.testing.assert_close(errors, torch.tensor([0.5, -3.0, 100.0]))
    torch.testing.assert_close(values.grad, torch.tensor([[-0.25, 0.0], [0.0, 0.25], [0.0, 0.0]]))


def test_q_learning_is_its_target_and_then_its_loss():
    values = torch.tensor([[1.0, 0.0], [0.0, 3.0]], requires_grad=True)
    later, chooser = torch.tensor([[2.0, 8.0], [5.0, 6.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    told = torch.tensor([0.5, 1.0]), torch.tensor([0.5, 0.0]), later, chooser
    # Targets .5 + .5 * 2, of the action that the chooser takes, and 1, for nothing follows: errors .5 and -2.
    losses, errors = q_learning(values, torch.tensor([0, 1]), *told)
    torch.testing.assert_close(errors, torch.tensor([0.5, -2.0]))
    torch.testing.assert_close(losses.losses, torch.tensor([0.125, 1.5]))
    torch.testing.assert_close(losses.slopes, torch.tensor([[-0.5, 0.0], [0.0, 1.0]]))
    # Where that action is forbidden it is .5 + .5 * 8: an error of 3.5, beyond the quadratic part.
    losses, errors = q_learning(values, torch.tensor([0, 1]), *told, torch.tensor([[False, True], [True, True]]))
    torch.testing.assert_close(errors, torch.tensor([3.5, -2.0]))
    torch.testing.assert_close(losses.losses, torch.tensor([3.0, 1.5]))
    torch.testing.assert_close(losses.slopes, torch.tensor([[-1.0, 0.0], [0.0, 1.0]]))
    with pytest.raises(IndexError, match=r"actions \[0, 2\]: allowed are 0 to 1"):
        q_learning(values, torch.tensor([0, 2]), *told)


@pytest.mark.parametrize("kind", [IQN, DDQN])
def test_batches_drawn_in_one_go_are_whole_and_used_up(kind):
    world = CodeWorld(n_worlds=8)
    model = build(kind, world)
    play([Agent(world, [0, 1], model)], world, 20)
    sizes = []
    whole = model.memory.sample
    model.memory.sample = lambda n, *rest: sizes.append(n) or whole(n, *rest)
    before = model.gradient_steps
    model.learn(16)
    assert model.gradient_steps == before + 4
    assert sizes == [4 * 32]
    assert not model._drawn


def test_batches_drawn_by_priority_are_at_most_four_in_one_go_and_each_tells_its_errors():
    world = CodeWorld(n_worlds=8)
    model = build(DDQN, world, {"prioritised": True})
    play([Agent(world, [0, 1], model)], world, 20)
    drawn, told = [], []
    sample, update = model.memory.sample, model.memory.update_priorities
    model.memory.sample = lambda n, *rest: drawn.append((n, *rest)) or sample(n, *rest)
    model.memory.update_priorities = lambda index, errors: told.append(len(index)) or update(index, errors)
    before = model.gradient_steps
    model.learn(24)
    assert model.gradient_steps == before + 6  # one in four agent-steps
    beta = model.priority_correction()
    assert drawn == [(4 * 32, beta, 4), (2 * 32, beta, 2)]
    assert told == [32] * 6


@pytest.mark.parametrize("kind", [IQN, DDQN])
def test_a_batch_larger_than_the_memory_is_refused(kind):
    with pytest.raises(ValueError, match="batch_size 5000 is larger than memory_size 4000"):
        build(kind, CodeWorld(), {"batch_size": 5000})


@pytest.mark.parametrize("kind", [IQN, DDQN])
def test_masks_are_honoured_in_acting_and_targets(kind):
    world = CodeWorld(masked=True)  # the world refuses a forbidden action
    model = build(kind, world)
    play([Agent(world, [0, 1], model)], world, 60)
    assert model.memory.sample(32).next_masks is not None
    assert np.isfinite(model.take_losses()["loss"])


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_resuming_equals_not_stopping(kind, options, tmp_path):
    world = CodeWorld()
    model = build(kind, world, options)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 40)
    model.save(tmp_path / "model", memory=True)
    other, other_world = build(kind, world, options, seed=9), copy.deepcopy(world)
    other.load(tmp_path / "model")
    other_agent = Agent(other_world, [0, 1], other)
    other_agent.load_state_dict(agent.state_dict())
    for a, w in ((agent, world), (other_agent, other_world)):
        play([a], w, 20)
    assert model.take_losses() == other.take_losses()
    for name, tensor in model.networks["online"].state_dict().items():
        assert torch.equal(tensor, other.networks["online"].state_dict()[name]), name


@pytest.mark.parametrize("kind", [IQN, DDQN])
def test_targets_move_softly_or_at_once(kind):
    world = CodeWorld()
    soft, hard = build(kind, world, {"target_tau": 0.25}), build(kind, world, {"target_every": 2})
    for model in (soft, hard):
        with torch.no_grad():
            for p in model.networks["online"].parameters():
                p.add_(1.0)
        model.after_gradient_step()
    gap = [next(m.networks["online"].parameters()) - next(m.networks["target"].parameters()) for m in (soft, hard)]
    torch.testing.assert_close(gap[0], torch.full_like(gap[0], 0.75))
    torch.testing.assert_close(gap[1], torch.ones_like(gap[1]))
    hard.after_gradient_step()
    torch.testing.assert_close(next(hard.networks["target"].parameters()), next(hard.networks["online"].parameters()))


@pytest.mark.parametrize("kind", [IQN, DDQN])
def test_a_loss_that_is_nan_stops_training_with_sound_networks(kind):
    world = CodeWorld()
    model = build(kind, world, {"prioritised": True} if kind is DDQN else {})
    play([Agent(world, [0, 1], model)], world, 20)
    model.memory.ring.rewards[:] = np.nan
    with pytest.raises(TrainingDiverged, match=kind.__name__):
        model.learn(8)
    assert all(torch.isfinite(p).all() for p in model.networks["online"].parameters())


def test_names_are_presets_that_differ_in_what_they_say():
    """What is not named in a preset is what DQN has, but for DDQN's target, which moves softly as it always did."""
    plain = dataclasses.asdict(DQN.Config())
    for kind, changes in (
        (DDQN, {"double": True, "target_every": None}),
        (Dueling, {"double": True, "target_every": None, "dueling": True}),
        (DQNPrioritised, {"prioritised": True}),
        (
            DQNApex,
            {"prioritised": True, "double": True, "dueling": True, "n_step": 3}
            | {"epsilon_start": 0.4, "epsilon_end": 0.4, "epsilon_exponent": 7.0, "priority_correction_end": 0.4},
        ),
    ):
        assert dataclasses.asdict(kind.Config()) == plain | changes, kind
        assert kind.losses is DQN.losses


class OwnQ(nn.Module):
    def __init__(self, n_actions):
        super().__init__()
        self.layer = nn.Linear(12, n_actions)

    def forward(self, grid):
        return self.layer(grid.flatten(1).float()), "extra"


def test_a_network_of_ones_own():
    world = CodeWorld()
    model = DDQN(world.observations, world.action_names, 8, network=OwnQ(3))
    model.take_actions(world.obs.reshape(-1, 2, 3, 2))
    assert model.extras == "extra"
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        DDQN(world.observations, world.action_names, 8, network=OwnQ(4))
    with pytest.raises(TypeError, match=r"expected  forward\(grid, taus\[B, n\]\)"):
        IQN(world.observations, world.action_names, 8, network=OwnQ(3))
