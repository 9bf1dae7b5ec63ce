"""Networks of a user's own: how they are called, what they return, their modes, and where their chance comes from."""

import copy

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play
from torch import nn

from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.iqn import IQN
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.agents.learners.qr_dqn import QRDQN
from sorrelsim.agents.learners.rainbow import Rainbow
from sorrelsim.models.agent import Agent
from sorrelsim.models.torch.on_policy_model import OnPolicyModel
from sorrelsim.models.torch.torch_model import TorchModel
from sorrelsim.observations.spec import ObservationSpec, Part

LEARNERS = [IQN, DDQN, QRDQN, Rainbow, PPO]
SMALL = {"n_steps": 4, "n_epochs": 1, "n_minibatches": 2}


class TwoParts(CodeWorld):
    """The code world with its clock as a part of its own."""

    def __init__(self, **given):
        super().__init__(**given)
        parts = dict(self.observations.parts) | {"clock": Part((1,), np.dtype(np.float32))}
        self.observations = ObservationSpec(parts)

    @property
    def parts(self):
        clock = np.repeat(self.turn[:, None, None], self.n_agents, 1).astype(np.float32)
        return {"grid": self.obs, "clock": clock}

    @property
    def final_parts(self):
        return {"grid": self.info["final_obs"], "clock": self.parts["clock"]} if self.info else None


class Core(nn.Module):
    """What all networks here are made of: it notes its mode, drops out, normalises, and returns extras if asked to."""

    def __init__(self, n_out, shape="[B]", extras=()):
        super().__init__()
        self.layer, self.norm, self.drop = nn.Linear(12, n_out), nn.BatchNorm1d(12), nn.Dropout(0.5)
        self.shape, self.extras, self.modes = shape, extras, []

    def out(self, grid):
        self.modes.append((self.training, torch.is_grad_enabled() and not torch.is_inference_mode_enabled()))
        return self.layer(self.drop(self.norm(grid.flatten(1).float())))

    def column(self, x):
        return x.unsqueeze(1) if self.shape == "[B, 1]" else x

    def hand_back(self, *listed):
        found = (*listed, *self.extras)
        return found if len(found) > 1 else found[0]


def with_forward(base, head):
    """A class whose ``forward`` has some argument names; networks are read by these."""
    space = {}
    exec(f"def forward(self, {head}):\n return self.run(locals())", space)
    return type(f"Own{base.__name__}", (base,), {"forward": space["forward"]})


class Q(Core):
    def run(self, given):
        given = [v for k, v in given.items() if k != "self"]
        return self.hand_back(self.out(first(given)))


class Quantiles(Core):
    def run(self, given):
        taus = given.pop("taus")
        seen = self.out(first([v for k, v in given.items() if k != "self"]))
        return self.hand_back(seen.unsqueeze(1) + taus.unsqueeze(2))


class Distributions(Core):
    """Five quantiles of three actions, or five atoms each, by the config's 15 numbers."""

    def run(self, given):
        seen = self.out(first([v for k, v in given.items() if k != "self"]))
        return self.hand_back(seen.unflatten(1, self.each).softmax(2))


class Actor(Core):
    """Draws from torch's global generator, as users do."""

    def run(self, given):
        action = given.pop("action", None)
        choice = torch.distributions.Categorical(
            logits=self.out(first([v for k, v in given.items() if k not in ("self", "action_mask", "greedy")]))
        )
        if action is None:
            action = self.column(choice.sample())
        flat = action.reshape(-1) if self.shape == "[B, 1]" else action
        return self.hand_back(action, self.column(choice.log_prob(flat)), self.column(choice.entropy()))


class Value(Core):
    def run(self, given):
        seen = self.out(first([v for k, v in given.items() if k != "self"]))
        return self.hand_back(seen if self.shape == "[B, 1]" else seen.squeeze(1))


def first(given):
    return given[0][0] if isinstance(given[0], tuple) else given[0]


def build(kind, world, head, shape="[B]", extras=(), seed=0, weights=0, **changes):
    """A learner with networks of one's own whose forward takes ``head`` and what the learner adds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights)
        if issubclass(kind, OnPolicyModel):
            networks = {
                "actor": with_forward(Actor, f"{head}, action=None")(3, shape, extras),
                "critic": with_forward(Value, head)(1, shape, extras),
            }
        elif kind in (QRDQN, Rainbow):
            network = with_forward(Distributions, head)(15, shape, extras)
            network.each = (5, 3) if kind is QRDQN else (3, 5)
            networks = {"network": network}
            changes |= {"n_quantiles": 5} if kind is QRDQN else {"n_atoms": 5}
        elif kind is IQN:
            networks = {"network": with_forward(Quantiles, f"{head}, taus")(3, shape, extras)}
        else:
            networks = {"network": with_forward(Q, head)(3, shape, extras)}
    settings = SMALL if issubclass(kind, OnPolicyModel) else {"warmup": 16, "batch_size": 8, "memory_size": 4000}
    config = kind.Config(**settings | changes)
    return kind(world.observations, world.action_names, 8, config, seed, **networks)


HEADS = {1: ["grid", "state", "state_0", "x", "obs", "grid, /", "*states"], 2: ["grid, clock", "clock, grid"]}
HEADS[2] += ["state_0, state_1", "state0, state1", "*states"]


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize(("n", "head"), [(n, head) for n, heads in HEADS.items() for head in heads])
def test_parts_are_taken_by_name_or_by_position(kind, n, head):
    world = (CodeWorld if n == 1 else TwoParts)()
    if head == "clock, grid":  # by name, whatever the order

        def of_grid(given):
            return given[-1]

        global first
        before, first = first, of_grid
    try:
        model = build(kind, world, head)
        play([Agent(world, [0, 1], model)], world, 12)
    finally:
        if head == "clock, grid":
            first = before
    assert model.gradient_steps > 0
    assert np.isfinite(list(model.take_losses().values())).all()


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("shape", ["[B]", "[B, 1]"])
@pytest.mark.parametrize("extras", [(), ("hidden",), ("hidden", "cell")])
def test_columns_and_extra_results_are_taken_from_every_network(kind, shape, extras):
    world = CodeWorld()
    model = build(kind, world, "state", shape, extras)
    assert model.take_actions(world.obs.reshape(-1, 2, 3, 2)).shape == (8,)
    play([Agent(world, [0, 1], model)], world, 12)
    assert model.extras == (None if not extras else extras[0] if len(extras) == 1 else extras)
    assert model.gradient_steps > 0


WRONG = [(1, "picture"), (1, "state, other"), (2, "state_0"), (2, "grid"), (2, "grid, time"), (1, "*, state")]


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize(("n", "head"), WRONG)
def test_a_network_with_other_arguments_is_told_what_is_expected_and_found(kind, n, head):
    world = (CodeWorld if n == 1 else TwoParts)()
    with pytest.raises(TypeError) as told:
        build(kind, world, head)
    parts = "grid" if n == 1 else "grid, clock"
    assert f"expected  forward({parts}" in str(told.value)
    assert f"found     forward({head}" in str(told.value)


class Shouts(nn.Module):
    """Gives anything."""

    def __init__(self, result):
        super().__init__()
        self.result = result

    def forward(self, state, action=None):
        return self.result() if callable(self.result) else self.result


@pytest.mark.parametrize(
    "result", [None, "q", {"q": 1}, torch.zeros(2, 4), torch.zeros(3), (), [], lambda: {}["q"], lambda: 1 / 0]
)
@pytest.mark.parametrize("kind", [DDQN, PPO])
def test_a_network_with_other_results_is_told_what_is_expected_and_found(kind, result):
    world, net = CodeWorld(), Shouts(result)
    given = {"network": net} if kind is DDQN else {"actor": net, "critic": net}
    with pytest.raises(ValueError, match=r"(?s)Shouts .*expected  forward\(grid.*found     forward\(state") as told:
        kind(world.observations, world.action_names, 8, **given)
    assert told.value.__cause__ is None or not isinstance(told.value.__cause__, ValueError)


def test_an_actor_that_changes_a_given_action_is_told_so():
    class Stubborn(Actor):
        def forward(self, grid, action=None):
            return torch.ones(len(grid), dtype=torch.int64), torch.zeros(len(grid)), torch.zeros(len(grid))

    world = CodeWorld()
    with pytest.raises(ValueError, match=r"(?s)given action as it is.*expected.*found .*\[1, 1\] for \[0, 0\]"):
        PPO(world.observations, world.action_names, 8, actor=Stubborn(3), critic=with_forward(Value, "grid")(1))


@pytest.mark.parametrize("kind", LEARNERS)
def test_networks_act_in_eval_and_learn_in_train(kind):
    world = CodeWorld()
    model = build(kind, world, "grid")
    nets = list(model.networks.values())
    for net in nets:
        net.modes.clear()
    agent = Agent(world, [0, 1], model)
    play([agent], world, 12)
    assert model.gradient_steps > 0
    for name, net in model.networks.items():
        assert not any(m.training for m in net.modules()), name
        training, learning = {mode for mode, grad in net.modes if not grad}, {mode for mode, grad in net.modes if grad}
        if name == "target":
            assert (training, learning) == ({False}, set())
        else:
            assert False in training
            assert learning == {True}
    if kind is not PPO:
        online, target = model.networks["online"], model.networks["target"]
        torch.testing.assert_close(target.norm.running_mean, online.norm.running_mean)
        assert target.norm.running_mean.any()
    judge = Agent(CodeWorld(), [0, 1], model, learn=False, explore=False)
    statistics = [copy.deepcopy(net.norm.state_dict()) for net in nets]
    for net in nets:
        net.modes.clear()
    play([judge], CodeWorld(), 6)
    assert {mode for net in nets for mode, _ in net.modes} == {False}
    for before, net in zip(statistics, nets, strict=True):
        assert all(torch.equal(before[key], value) for key, value in net.norm.state_dict().items())


@pytest.mark.parametrize("kind", LEARNERS)
def test_default_networks_act_in_eval_and_learn_in_train(kind):
    world = CodeWorld()
    settings = {"network": {"hidden": [4]}} | (SMALL if kind is PPO else {"warmup": 16, "batch_size": 8})
    model = kind.from_config(world.observations, world.action_names, 8, settings)
    seen = []
    for net in model.networks.values():
        net.encoder.register_forward_pre_hook(
            lambda module, given: seen.append((module.training, torch.is_grad_enabled()))
        )
    play([Agent(world, [0, 1], model)], world, 12)
    assert (True, True) in seen
    assert (False, True) not in [each for each in seen if each[1]]
    assert not any(m.training for net in model.networks.values() for m in net.modules())


class OwnTrain(Core):
    """Overrides ``train``, to freeze its batch norm."""

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, grid):
        self.norm_modes = [*getattr(self, "norm_modes", []), self.norm.training]
        return self.out(grid)


def test_a_network_that_overrides_train_is_asked_to():
    world = CodeWorld()
    model = DDQN(world.observations, world.action_names, 8, DDQN.Config(warmup=16, batch_size=8), network=OwnTrain(3))
    play([Agent(world, [0, 1], model)], world, 12)
    net = model.networks["online"]
    assert {mode for mode, _ in net.modes} == {False, True}
    assert set(net.norm_modes) == {False}


@pytest.mark.parametrize("kind", LEARNERS)
def test_one_seed_gives_one_behaviour_whatever_else_is_drawn(kind):
    """Actors that draw, dropout: nothing of it comes from the global generator, and nothing of it is left there."""

    def lived(seed, disturbed):
        world = CodeWorld()
        torch.manual_seed(disturbed)
        model = build(kind, world, "grid", seed=seed)
        agent, chosen = Agent(world, [0, 1], model), []
        for _ in range(12):
            state = torch.get_rng_state()
            agent.transition(world)
            chosen.append(world._submitted.copy())
            world.step()
            agent.remember(world)
            assert torch.equal(state, torch.get_rng_state())
            if disturbed:
                torch.rand(disturbed)
        return np.array(chosen).tolist(), model.take_losses()

    assert lived(0, 0) == lived(0, 7)
    assert lived(0, 0) != lived(1, 0)


@pytest.mark.parametrize("kind", LEARNERS)
def test_what_networks_draw_is_saved(kind, tmp_path):
    world = CodeWorld()
    model = build(kind, world, "grid")
    agent = Agent(world, [0, 1], model)
    play([agent], world, 6)
    model.save(tmp_path / "model", memory=True)
    other, twin = build(kind, world, "grid", seed=5), copy.deepcopy(world)
    other.load(tmp_path / "model")
    follower = Agent(twin, [0, 1], other)
    follower.load_state_dict(agent.state_dict())
    for each, place in ((agent, world), (follower, twin)):
        play([each], place, 10)
    np.testing.assert_array_equal(world._submitted, twin._submitted)
    assert model.take_losses() == other.take_losses()


def test_evaluation_leaves_what_networks_draw_alone():
    from sorrelsim.experiments.evaluation import undisturbed

    world = CodeWorld()
    chosen = []
    for looked_at in (False, True):
        model, place = build(PPO, world, "grid"), CodeWorld()
        agent = Agent(place, [0, 1], model)
        play([agent], place, 3)
        if looked_at:
            with undisturbed([model]):
                play([Agent(CodeWorld(), [0, 1], model, learn=False)], CodeWorld(), 5)
        agent.transition(place)
        chosen.append(place._submitted.copy())
    np.testing.assert_array_equal(*chosen)


def test_a_trunk_that_actor_and_critic_share_is_stepped_once():
    """Adam's first step moves every weight that has a gradient by the learning rate, whatever the gradient is."""
    trunk = nn.Linear(12, 4)

    class Shared(nn.Module):
        def __init__(self, n_out):
            super().__init__()
            self.trunk, self.head = trunk, nn.Linear(4, n_out)

        def out(self, grid):
            return self.head(torch.tanh(self.trunk(grid.flatten(1).float())))

    class SharedActor(Shared):
        def forward(self, grid, action=None):
            choice = torch.distributions.Categorical(logits=self.out(grid))
            action = choice.sample() if action is None else action
            return action, choice.log_prob(action), choice.entropy()

    class SharedCritic(Shared):
        def forward(self, grid):
            return self.out(grid)

    world = CodeWorld()
    config = PPO.Config(n_steps=8, n_epochs=1, n_minibatches=1, learning_rate=0.01, max_grad_norm=0.0)
    model = PPO(world.observations, world.action_names, 8, config, actor=SharedActor(3), critic=SharedCritic(1))
    assert len(model.optimizers["adam"].parameters) == 6
    before = trunk.bias.detach().clone()
    play([Agent(world, [0, 1], model)], world, 8)
    assert model.gradient_steps == 1
    moved = (trunk.bias - before).abs()
    assert 0.005 < moved.max() <= 0.0101  # eps takes a little off where the gradient is small


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("own", [False, True])
def test_a_state_dict_is_a_copy(kind, own):
    world = CodeWorld()
    settings = SMALL if kind is PPO else {"warmup": 16, "batch_size": 8, "memory_size": 4000}
    model = build(kind, world, "grid") if own else kind.from_config(world.observations, ("a", "b", "c"), 8, settings)
    agent = Agent(world, [0, 1], model) if own else None
    if agent is None:
        world.action_names = ("a", "b", "c")
        agent = Agent(world, [0, 1], model)
    play([agent], world, 6)
    state = model.state_dict()
    kept = copy.deepcopy(state)
    play([agent], world, 20)
    assert model.gradient_steps > kept["gradient_steps"]
    assert same(state, kept)
    fresh = model.state_dict()
    assert not same(fresh["networks"], kept["networks"])
    assert not same(fresh["optimizers"], kept["optimizers"])


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return np.array_equal(one, other)


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_models_sources_of_chance_start_different(kind):
    """Model, memory, networks' initial weights, what is drawn on torch's side, and what networks draw themselves."""
    for seed in (0, 1, 2):
        model: TorchModel = kind(CodeWorld().observations, ("a", "b"), 4, seed=seed)
        numpy_side = [model.rng.random()]
        if kind is not PPO:
            numpy_side.append(model.memory.rng.random())
        initial = torch.Generator().manual_seed(model.seed)
        lent = torch.Generator()
        lent.set_state(model.random_state()["network_draws"]["cpu"])
        torch_side = [torch.rand(1, generator=each).item() for each in (initial, model.generator, lent)]
        drawn = numpy_side + torch_side
        assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_copy_of_a_model_goes_on_alike_and_leaves_the_first_alone(kind):
    """Its networks draw from torch's global generator too, not from a copy of that."""
    world = CodeWorld()
    model = build(kind, world, "grid")
    agent = Agent(world, [0, 1], model)
    play([agent], world, 6)
    follower, twin = copy.deepcopy(agent), copy.deepcopy(world)
    before = torch.get_rng_state()
    for each, place in ((follower, twin), (agent, world)):
        play([each], place, 10)
    np.testing.assert_array_equal(world._submitted, twin._submitted)
    assert model.take_losses() == follower.model.take_losses()
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(ValueError, match="another Agent"):
        Agent(world, [0, 1], model)
    Agent(twin, [0, 1], copy.deepcopy(model))
