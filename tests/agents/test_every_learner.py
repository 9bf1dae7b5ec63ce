"""What holds for all learners of the library alike: networks of one's own of several parts, with more results."""

import copy
import inspect

import numpy as np
import pytest
import torch
from fakes import play
from test_own_networks import TwoParts
from torch import nn

from sorrelsim.library.find import find_class, shipped
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.settings import parse_config
from sorrelsim.testing import check_model
from sorrelsim.testing.plane import Plane

LEARNERS = sorted(name for name, path in shipped("agents").items() if path.parent.name == "learners")
MORE = ("hidden", "cell")
SMALL = {
    "replay": {"warmup": 16, "batch_size": 8, "memory_size": 4000},
    "policy": {"n_steps": 4, "sequence_length": 4, "n_minibatches": 2},
}


class Own(nn.Module):
    """One linear layer on all parts of a state, which it takes in their order."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.layer = nn.Linear(n_in, n_out)

    def out(self, *parts):
        return self.layer(torch.cat([part.flatten(1).float() for part in parts], 1))


class Values(Own):
    def forward(self, state_0, state_1):
        return self.out(state_0, state_1), *MORE


class Quantiles(Own):
    def forward(self, state_0, state_1, taus):
        return self.out(state_0, state_1)[:, None] + taus[..., None], *MORE


class FixedQuantiles(Own):
    def forward(self, state_0, state_1):
        return self.out(state_0, state_1).unflatten(1, (32, -1)), *MORE


class Atoms(Own):
    def forward(self, state_0, state_1):
        return self.out(state_0, state_1).unflatten(1, (-1, 51)).softmax(2), *MORE


class Remembers(Own):
    def new_carry(self, n):
        return {"total": torch.zeros(n, 1)}

    def forward(self, state_0, state_1, total):
        return self.out(state_0, state_1) + total, total + state_1, *MORE


class Policy(Own):
    def forward(self, state_0, state_1, action=None):
        choice = torch.distributions.Categorical(logits=self.out(state_0, state_1))
        action = choice.sample() if action is None else action
        return action, choice.log_prob(action), choice.entropy(), *MORE


class Chances(Own):
    def forward(self, state_0, state_1):
        return self.out(state_0, state_1).softmax(1), *MORE


class Acts(Own):
    def forward(self, state_0, state_1):
        return self.out(state_0, state_1).tanh() * 0.5, *MORE


class Draws(Own):
    def forward(self, state_0, state_1):
        normal = torch.distributions.Normal(self.out(state_0, state_1), 0.3)
        action = normal.rsample()
        return action, normal.log_prob(action).sum(1), normal.entropy().sum(1), *MORE


class Worth(Own):
    def forward(self, state_0, state_1, action):
        return self.out(state_0, state_1, action), *MORE


class OtherName(Own):
    def forward(self, picture, clock):
        return self.out(picture, clock)


ACTORS = dict.fromkeys(("a2c", "a3c", "impala", "ppo", "trpo"), (Policy, 3))
ACTORS |= dict.fromkeys(("ddpg", "ddpg_prioritised", "ddpg_apex", "hddpg", "td3"), (Acts, 2))
ACTORS |= {"sac": (Draws, 2), "sac_discrete": (Chances, 3)}
NETWORKS = {"iqn": (Quantiles, 3), "qr_dqn": (FixedQuantiles, 96), "rainbow": (Atoms, 153), "r2d2": (Remembers, 3)}


def own_networks(name, cls):
    """Networks of one's own by the arguments that take them, each with its class and what it answers."""
    n_in = 13 if "discrete" in cls.acts and name in SEES_CODES else 4
    if "network" in inspect.signature(cls.__init__).parameters:
        kind, n_out = NETWORKS.get(name, (Values, 3))
        return {"network": kind(n_in, n_out)}
    kind, n_out = ACTORS[name]
    if kind is Policy:
        return {"actor": kind(n_in, n_out), "critic": Values(n_in, 1)}
    critics = [Values(n_in, 3) if kind is Chances else Worth(n_in + 2, 1) for _ in range(2)]
    return {"actor": kind(n_in, n_out), "critics": critics[: 2 if name in ("td3", "sac", "sac_discrete") else 1]}


SEES_CODES = {name for name in LEARNERS if ACTORS.get(name, (Values,))[0] not in (Acts, Draws)}
"""Those that name actions; the others act by two numbers on a plane, where one sees a place and a goal."""


def build(name, **changed):
    world = TwoParts() if name in SEES_CODES else Plane(4)
    cls = find_class(f"pkg:{name}", "agents", BaseModel)
    small = SMALL["policy" if hasattr(cls.Config, "gae_lambda") else "replay"]
    small = small | ({"sequence_length": 4, "burn_in": 2} if name == "r2d2" else {})
    small = {key: value for key, value in small.items() if hasattr(cls.Config, key)}
    config = parse_config(cls.Config, small, name)
    networks = own_networks(name, cls) | changed
    return world, cls(world.observations, world.action_names or world.action_spec, 8, config, **networks)


@pytest.mark.parametrize("name", LEARNERS)
def test_networks_of_several_parts_learn_and_hand_back_more(name):
    world, model = build(name)
    before = {key: copy.deepcopy(net.state_dict()) for key, net in model.networks.items()}
    play([Agent(world, [0, 1], model)], world, 24)
    assert model.gradient_steps > 0
    assert np.isfinite(list(model.take_losses().values())).all()
    assert model.extras == MORE
    moved = [key for key, net in model.networks.items() if not torch.equal(before[key][key_of(net)], weight(net))]
    at_once = getattr(model.config, "target_every", None) is not None  # such targets move later
    assert set(moved) == set(model.networks) - ({"target"} if at_once else set())


def key_of(net):
    return next(iter(net.state_dict()))


def weight(net):
    return net.state_dict()[key_of(net)]


@pytest.mark.parametrize("name", LEARNERS)
def test_a_wrong_network_is_told_what_is_expected_and_found(name):
    """One that answers too much, and one whose arguments are called otherwise."""
    cls = find_class(f"pkg:{name}", "agents", BaseModel)
    networks = own_networks(name, cls)
    parts = r"grid, clock" if name in SEES_CODES else r"place, goal"
    for argument, net in networks.items():
        one = net[0] if isinstance(net, list) else net
        width = {FixedQuantiles: 32, Atoms: 51}.get(type(one), 1)
        if not isinstance(one, Policy):  # whose width nothing shows
            wide = type(one)(one.layer.in_features, one.layer.out_features + width)
            with pytest.raises(
                ValueError, match=rf"(?s)expected  forward\({parts}.*found     forward\(state_0, state_1"
            ):
                build(name, **{argument: [wide] * len(net) if isinstance(net, list) else wide})
        other = OtherName(one.layer.in_features, one.layer.out_features)
        other.new_carry = lambda n: {"total": torch.zeros(n, 1)}
        with pytest.raises(TypeError, match=rf"(?s)expected  forward\({parts}.*found     forward\(picture, clock"):
            build(name, **{argument: [other] * len(net) if isinstance(net, list) else other})


OTHERS = [name for name in LEARNERS if name not in ("r2d2", "sac_discrete")]
SLOWLY = [pytest.param(name, marks=pytest.mark.slow) for name in OTHERS]


@pytest.mark.parametrize("name", ["r2d2", "sac_discrete", *SLOWLY])
def test_its_file_passes_the_check(name):
    said = []
    check_model(f"pkg:{name}", steps=8, say=said.append)
    assert len(said) >= 7
