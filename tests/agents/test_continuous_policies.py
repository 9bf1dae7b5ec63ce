"""Learners on policy with continuous actions: the Gaussian by hand, networks of one's own, resuming, learning."""

import copy
import math

import numpy as np
import pytest
import torch
from fakes import play
from torch import nn

from sorrelsim.agents.learners.a2c import A2C
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.agents.learners.pqn import PQN
from sorrelsim.agents.learners.trpo import TRPO, fisher_product
from sorrelsim.models.agent import Agent
from sorrelsim.models.torch.distributions import Gaussian, Spread, as_terms, choose, divergence
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.testing.plane import Plane

KINDS = {
    "a2c": (A2C, {"n_steps": 8, "sequence_length": 8, "learning_rate": 3e-3, "normalise_advantages": True}),
    "ppo": (PPO, {"n_steps": 32, "n_epochs": 4, "learning_rate": 3e-3, "entropy": 0.0}),
    "ppo gru": (PPO, {"n_steps": 32, "n_epochs": 4, "learning_rate": 3e-3, "entropy": 0.0, "recurrent": "gru"}),
    "trpo": (TRPO, {"n_steps": 32, "learning_rate": 3e-3, "max_kl": 0.03}),
}
SMALL = {"network": {"hidden": [32]}, "recurrent_size": 16, "gamma": 0.8, "value_coefficient": 0.1}


def build(kind, world, seed=0, **changes):
    cls, config = KINDS[kind]
    small = {key: value for key, value in SMALL.items() if key in cls.Config.__dataclass_fields__}
    return cls.from_config(world.observations, world.action_spec, 2 * world.n_worlds, small | config | changes, seed)


# ------------------------------------------------------------------------------------------------------- distribution


def gaussian(means, log_stds):
    means = torch.tensor(means)
    return Gaussian(means, torch.tensor(log_stds), torch.zeros(means.shape[:-1]))


def test_densities_and_entropies_by_hand():
    """Deviations 1 and 2, one and four from the means: -1/2 - 4/2 - log 2 - log 2 pi. Entropy log 2 + log(2 pi e)."""
    said = gaussian([[0.0, 1.0]], [0.0, math.log(2)])
    terms = as_terms(said, {"actions": torch.tensor([[1.0, 5.0]])})
    torch.testing.assert_close(terms.log_probs, torch.tensor([-2.5 - math.log(2) - math.log(2 * math.pi)]))
    torch.testing.assert_close(terms.entropy, torch.tensor([math.log(2) + math.log(2 * math.pi) + 1]))


def test_divergences_of_gaussians_by_hand():
    """From N(0, 1) to N(1, 4): log 2 + (1/4 + 1/4 - 1) / 2; numbers add up; from a policy to itself 0."""
    old, new = gaussian([[0.0, 3.0]], [0.0, 0.5]), gaussian([[1.0, 3.0]], [math.log(2), 0.5])
    torch.testing.assert_close(divergence(old, new, {}), torch.tensor([math.log(2) - 0.25]))
    assert divergence(old, old, {}) == 0


def test_draws_have_the_mean_and_the_deviation_and_the_likeliest_is_the_mean():
    """20,000 draws of N(3, 0.5): the mean lies within 4 x 0.5 / sqrt(20,000), the deviation within 1.41 times that."""
    said = gaussian([[3.0]] * 20_000, [math.log(0.5)])
    actions, log_probs = choose(said, None, torch.Generator().manual_seed(0))
    assert abs(actions.mean() - 3) < 0.0142
    assert abs(actions.std() - 0.5) < 0.02
    torch.testing.assert_close(log_probs, as_terms(said, {"actions": actions}).log_probs)
    assert choose(said, None, None)[0].eq(3).all()


def test_numbers_within_a_range_are_thought_of_in_halves_of_it():
    """-1 to 5 has middle 2 and half 3; a number without a most is taken as it is."""
    spread = Spread(ActionSpec.box([-1.0, 0.0], [5.0, np.inf]))
    said = spread(torch.tensor([[0.5, 0.5]]), torch.zeros(1))
    assert said.means.tolist() == [[3.5, 0.5]]
    torch.testing.assert_close(said.log_stds.exp(), torch.tensor([3.0, 1.0]))


def test_fisher_products_of_gaussians_by_hand():
    """Per number, the Fisher matrix of a mean is 1 / sigma^2, and of a log-deviation 2."""
    means, log_stds = torch.zeros(4, 1, requires_grad=True), torch.tensor([math.log(2)], requires_grad=True)
    old = Gaussian(means.detach(), log_stds.detach(), torch.zeros(4))
    kl = divergence(old, Gaussian(means, log_stds, torch.zeros(4)), {}).mean()
    product = fisher_product(kl, [means, log_stds], 0.0)
    vector = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    torch.testing.assert_close(product(vector), torch.tensor([1.0, 2.0, 3.0, 4.0, 160.0]) / 16)


# --------------------------------------------------------------------------------------------------------------- whole


@pytest.mark.parametrize("kind", ["a2c", "ppo", "trpo"])
def test_learns_to_walk_to_a_place(kind):
    """What is paid is minus the distance left: 2.1 at the start, about .3 after a straight walk of some steps."""
    world = Plane(16)
    model = build(kind, world)
    judge = Agent(Plane(16, seed=1), [0, 1], model, learn=False, explore=False)
    before = play([judge], Plane(16, seed=1), 50).mean()
    play([Agent(world, [0, 1], model)], world, 480)
    judge = Agent(Plane(16, seed=1), [0, 1], model, learn=False, explore=False)
    assert play([judge], Plane(16, seed=1), 50).mean() > max(before, -1.3)


@pytest.mark.parametrize("kind", KINDS)
def test_resuming_equals_not_stopping(kind, tmp_path):
    world = Plane(3)
    model, other = build(kind, world), build(kind, world, seed=9)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 45)
    model.save(tmp_path / "model", memory=True)
    other.load(tmp_path / "model")
    other_world = copy.deepcopy(world)
    other_agent = Agent(other_world, [0, 1], other)
    other_agent.load_state_dict(agent.state_dict())
    for a, w in ((agent, world), (other_agent, other_world)):
        play([a], w, 40)
    assert model.take_losses() == other.take_losses()
    for name, net in model.networks.items():
        for key, tensor in net.state_dict().items():
            assert torch.equal(tensor, other.networks[name].state_dict()[key]), key


def test_what_is_beyond_the_range_is_cut_off_and_learned_from_as_drawn():
    world = Plane(50)
    model = build("ppo", world)
    agent = Agent(world, [0, 1], model)
    agent.transition(world)
    drawn = model.memory.actions[0].reshape(50, 2, 2)
    assert (abs(drawn) > [0.5, 1.0]).any()
    np.testing.assert_array_equal(world.submitted, np.clip(drawn, [-0.5, -1.0], [0.5, 1.0]).astype(np.float32))
    assert model.memory.actions.dtype == np.float32


def test_pqn_says_that_it_needs_actions_with_names():
    world = Plane(2)
    with pytest.raises(ValueError, match="PQN acts by one of several named actions; actions here are numbers"):
        PQN(world.observations, world.action_spec, 4)


class OwnActor(nn.Module):
    def __init__(self, n=2):
        super().__init__()
        self.layer, self.log_std = nn.Linear(4, n), nn.Parameter(torch.zeros(n))

    def forward(self, place, goal, action=None):
        choice = torch.distributions.Normal(self.layer(torch.cat([place, goal], 1)), self.log_std.exp())
        action = choice.sample() if action is None else action
        return action, choice.log_prob(action).sum(1), choice.entropy().sum(1, keepdim=True), "more"


class OwnCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, state_0, state_1):
        return self.layer(torch.cat([state_0, state_1], 1))


@pytest.mark.parametrize("kind", [A2C, PPO, TRPO])
def test_actors_and_critics_of_ones_own_learn(kind):
    world = Plane(4)
    model = kind(world.observations, world.action_spec, 8, kind.Config(n_steps=5), actor=OwnActor(), critic=OwnCritic())
    before = copy.deepcopy({name: net.state_dict() for name, net in model.networks.items()})
    play([Agent(world, [0, 1], model)], world, 10)
    assert model.extras == "more"
    for name, net in model.networks.items():
        assert not torch.equal(before[name]["layer.weight"], net.layer.weight), name


def test_an_actor_of_another_shape_is_told_what_is_expected_and_found():
    world = Plane(4)
    expected = r"(?s)expected  forward\(place, goal, action=None\) -> action\[B, 2\], log_prob\[B\].*found .*\[2, 3\]"
    with pytest.raises(ValueError, match=expected):
        PPO(world.observations, world.action_spec, 8, actor=NumbersOnly(3), critic=OwnCritic())


class NumbersOnly(OwnActor):
    """Gives as many numbers as it likes, whatever it is given."""

    def forward(self, place, goal, action=None):
        means = self.layer(torch.cat([place, goal], 1))
        return means, means.sum(1), means.sum(1)
