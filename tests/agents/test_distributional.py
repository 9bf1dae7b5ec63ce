"""QR-DQN and Rainbow: what they learn of whole distributions, by hand. Tables stand for their networks."""

import numpy as np
import pytest
import torch
from fakes import CodeWorld
from test_traps import batch_by_hand
from torch import nn

from sorrelsim.agents.learners.qr_dqn import QRDQN
from sorrelsim.agents.learners.rainbow import Rainbow
from sorrelsim.models.torch.categorical import categorical_loss, cross_entropy, project

ATOMS = torch.tensor([0.0, 1.0, 2.0])


class Table(nn.Module):
    """What a network answers by the code shown, [code, ...]."""

    def __init__(self, *shape):
        super().__init__()
        self.table = nn.Parameter(torch.full((4, *shape), 1 / 3))

    def forward(self, grid):
        return self.table[grid[:, 0, 1, 0].long()]


@pytest.mark.parametrize(
    ("reward", "discount", "given", "expected"),
    [
        (0.0, 1.0, [0.2, 0.3, 0.5], [0.2, 0.3, 0.5]),  # every atom lands on itself
        (1.0, 1.0, [0.2, 0.3, 0.5], [0.0, 0.2, 0.8]),  # on the next one; the last would land beyond it
        (-9.0, 1.0, [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]),
        (1.0, 0.0, [0.2, 0.3, 0.5], [0.0, 1.0, 0.0]),  # nothing follows: all of it on the bin of 1
        (2.0, 0.0, [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]),  # on the last bin
        (0.25, 0.5, [0.2, 0.3, 0.5], [0.225, 0.65, 0.125]),  # at .25, .75, 1.25: .15 + .075 | .05 + .225 + .375 | .125
    ],
)
def test_a_projection_by_hand(reward, discount, given, expected):
    found = project(torch.tensor([reward]), torch.tensor([discount]), torch.tensor([given]), ATOMS)
    torch.testing.assert_close(found, torch.tensor([expected]))


@pytest.mark.parametrize("n_atoms", [2, 51, 101])
def test_a_projection_loses_no_mass_and_keeps_the_mean_of_what_fits(n_atoms):
    """Returns of whole numbers land on atoms, others between them."""
    chance = torch.Generator().manual_seed(0)
    atoms = torch.linspace(-10, 10, n_atoms)
    mass = torch.rand(200, n_atoms, generator=chance).softmax(1)
    rewards = torch.cat([torch.arange(-10.0, 10.0).repeat(5), torch.randn(100, generator=chance)])
    discounts = torch.tensor([0.0, 0.4, 0.9, 1.0]).repeat(50)
    found = project(rewards, discounts, mass, atoms)
    assert found.min() > -1e-6
    torch.testing.assert_close(found.sum(1), torch.ones(200))
    mean = (mass * (rewards.unsqueeze(1) + discounts.unsqueeze(1) * atoms).clamp(-10, 10)).sum(1)
    torch.testing.assert_close(found @ atoms, mean, atol=1e-4, rtol=1e-4)


def test_cross_entropy_by_hand_and_where_a_probability_is_none():
    """-(.5 ln .5 + .5 ln .25) = 1.5 ln 2, slopes -.5 / .5 and -.5 / .25; the impossible costs much, but no infinity."""
    given = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    losses, _, slopes = cross_entropy(torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]), given)
    assert losses[0].item() == pytest.approx(1.5 * np.log(2))
    assert 50 < losses[1].item() < 100
    torch.testing.assert_close(slopes, torch.tensor([[-1.0, -2.0, 0.0], [0.0, 0.0, 0.0]]))


def test_the_loss_of_chosen_actions_is_the_cross_entropy_with_their_projected_targets():
    """Compiled on 32 bits, composed of the two on 64; actions that were not chosen have no slope."""
    chance = torch.Generator().manual_seed(0)
    now, later = (torch.rand(40, 3, 51, generator=chance).mul(9).softmax(2) for _ in range(2))
    now[0, :, :2] = 0.0  # the impossible costs much, and has no slope
    rewards, discounts = 8 * torch.randn(40, generator=chance), torch.rand(40, generator=chance).round(decimals=1)
    actions, best = (torch.randint(3, (40,), generator=chance) for _ in range(2))
    atoms, rows = torch.linspace(-10, 10, 51), torch.arange(40)
    expected = cross_entropy(project(rewards, discounts, later[rows, best], atoms), now[rows, actions])
    wide = [each.double() for each in (rewards, discounts, later)]
    for found in (
        categorical_loss(now, actions, rewards, discounts, later, best, atoms),
        categorical_loss(now.double(), actions, *wide, best, atoms.double()),
    ):
        close = {"atol": 1e-4, "rtol": 1e-4, "check_dtype": False}
        torch.testing.assert_close(found.losses, expected.losses, **close)
        torch.testing.assert_close(found.slopes[rows, actions], expected.slopes, **close)
        assert found.slopes.count_nonzero() == found.slopes[rows, actions].count_nonzero()


def test_the_loss_of_chosen_actions_refuses_what_is_no_action_and_hides_nothing_that_is_not_finite():
    even = torch.full((2, 2, 3), 1 / 3)
    given = torch.tensor([torch.nan, 0.0]), torch.ones(2), even, torch.zeros(2, dtype=torch.int64), ATOMS
    losses = categorical_loss(even, torch.tensor([0, 1]), *given).losses
    assert torch.isnan(losses[0])
    assert losses[1].item() == pytest.approx(np.log(3))
    with pytest.raises(IndexError, match=r"actions \[0, 2\]: allowed are 0 to 1"):
        categorical_loss(even, torch.tensor([0, 2]), *given)


@pytest.mark.parametrize("double", [True, False])
def test_a_gradient_step_of_qr_dqn_by_hand(double):
    """Steps as in ``batch_by_hand``; two quantiles, both the same, so that they are the values of DDQN's test: Huber
    losses 3, 1.5 and .5 or 2, of positive errors, which tau .25 and .75 weigh by 1 together.
    """
    world = CodeWorld()
    config = QRDQN.Config(batch_size=4, double=double, n_quantiles=2, prioritised=True, priority_correction=1.0)
    model = QRDQN(world.observations, world.action_names, 8, config, network=Table(2, 3))
    online, target = (model.networks[name].table.data for name in ("online", "target"))
    online[1:3] = torch.tensor([[1.0, 0.0, 2.0], [0.0, 4.0, 9.0]]).unsqueeze(1)
    target[1:3] = torch.tensor([[-50.0] * 3, [5.0, 2.0, 7.0]]).unsqueeze(1)
    told = []
    model.memory.sample = lambda *_: batch_by_hand()
    model.memory.update_priorities = lambda index, errors: told.extend(errors[:3])
    huber = [3.0, 1.5, 0.5 if double else 2.0]
    assert model.train_step()["loss"] == pytest.approx(np.dot(huber, [1.0, 0.5, 0.5]) / 3)
    assert told == pytest.approx(huber)


@pytest.mark.parametrize("double", [True, False])
def test_a_gradient_step_of_rainbow_by_hand(double):
    """Atoms 0, 1 and 2, discount .5, every online probability of state 1 a third, so every loss is ln 3.

    In state 2 the online network thinks actions 0, 1 and 2 worth 0, 1 and 2, the target 2, 1 and 0 (all mass on an
    atom). Its target in step 0 is then 1 + .5 * 0 with the double variant, 1 + .5 * 2 without, in step 1 the reward 2,
    in step 2, where action 2 is forbidden, 2 + .5 (or 2 + 1), which count as 2.
    The slope of the loss at the logits is (p - target), so at atom 1 of action 0, for step 0, 1/3 - 1 or 1/3.
    """
    world = CodeWorld()
    config = Rainbow.Config(
        batch_size=4, double=double, n_atoms=3, value_min=0, value_max=2, noisy=False, priority_correction=1.0
    )
    model = Rainbow(world.observations, world.action_names, 8, config, network=Table(3, 3))
    model.networks["online"].table.data[2] = torch.eye(3)
    model.networks["target"].table.data[2] = torch.eye(3).flip(0)
    told, seen = [], []
    model.memory.sample = lambda *_: batch_by_hand()
    model.memory.update_priorities = lambda index, errors: told.extend(errors[:3])
    inside = model.losses
    model.losses = lambda *given: seen.append(inside(*given)) or seen[-1]
    loss = model.train_step()["loss"]
    assert loss == pytest.approx(np.log(3) * (1.0 + 0.5 + 0.5) / 3, rel=1e-5)
    assert told == pytest.approx([np.log(3)] * 3, rel=1e-5)
    # d loss / d p of the target's atom is -1 / p = -3, by weight 1 over the 3 that count; zero at all other atoms.
    slope = model.networks["online"].table.grad[1, 0]
    torch.testing.assert_close(slope, torch.tensor([0.0, -1.0, 0.0] if double else [0.0, 0.0, -1.0]))


def test_rainbow_explores_by_noise_alone_and_acts_by_the_mean_without_it():
    world = CodeWorld(n_worlds=32)
    model = Rainbow.from_config(world.observations, world.action_names, 64, {"noise_sigma": 8.0})
    states = np.repeat(world.obs.reshape(-1, 2, 3, 2)[:1], 64, 0)
    assert len(set(model.take_actions(states).tolist())) > 1  # every stream has noise of its own
    with model.greedy():
        assert len(set(model.take_actions(states).tolist())) == 1


def test_values_that_leave_no_room_are_refused():
    with pytest.raises(ValueError, match=r"value_min 3\.0 must be below value_max 3\.0"):
        Rainbow.Config(value_min=3.0, value_max=3.0)
