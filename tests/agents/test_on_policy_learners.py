"""Learners on policy beside PPO, and PQN: losses and returns by hand, ends of episodes, masks, recurrence, resuming."""

import copy

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play
from torch import nn

from sorrelsim.agents.learners import trpo
from sorrelsim.agents.learners.a2c import A2C
from sorrelsim.agents.learners.a3c import A3C
from sorrelsim.agents.learners.impala import IMPALA
from sorrelsim.agents.learners.pqn import PQN, QPolicy, q_loss
from sorrelsim.agents.learners.trpo import TRPO, conjugate_gradient, fisher_product, line_search
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import TrainingDiverged
from sorrelsim.models.memory.rollout import generalised_advantages
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.distributions import Logits, Terms, divergence, log_probs_of
from sorrelsim.models.torch.encoders import NetworkConfig, build_encoder
from sorrelsim.models.torch.losses import mask_logits
from sorrelsim.models.torch.policy_losses import actor_critic_loss, normalised, v_trace

SMALL = {"network": {"hidden": [32]}, "recurrent_size": 16, "gamma": 0.5}
KINDS = {
    "a2c": (A2C, {"learning_rate": 1e-2}),
    "a2c lstm": (A2C, {"learning_rate": 1e-2, "recurrent": "lstm", "n_steps": 10}),
    "a3c": (A3C, {"learning_rate": 1e-2}),
    "a3c gru": (A3C, {"learning_rate": 1e-2, "recurrent": "gru", "n_steps": 10}),
    "impala": (IMPALA, {"learning_rate": 1e-2, "n_steps": 8, "sequence_length": 4}),
    "impala lstm": (IMPALA, {"learning_rate": 1e-2, "n_steps": 8, "sequence_length": 8, "recurrent": "lstm"}),
    "trpo": (TRPO, {"n_steps": 16, "learning_rate": 1e-2, "max_kl": 0.05}),
    "trpo gru": (
        TRPO,
        {"n_steps": 16, "sequence_length": 8, "learning_rate": 1e-2, "max_kl": 0.05, "recurrent": "gru"},
    ),
    "pqn": (PQN, {"n_steps": 8, "learning_rate": 1e-2, "epsilon_steps": 1000}),
    "pqn gru": (
        PQN,
        {"n_steps": 8, "sequence_length": 4, "learning_rate": 1e-2, "epsilon_steps": 1000, "recurrent": "gru"},
    ),
    "pqn frames": (PQN, {"n_steps": 8, "n_frames": 2, "learning_rate": 1e-2, "epsilon_steps": 1000}),
}


def build(kind, world, seed=0, **changes):
    cls, config = KINDS[kind]
    streams = world.n_worlds * world.n_agents
    return cls.from_config(world.observations, world.action_names, streams, SMALL | config | changes, seed)


# ------------------------------------------------------------------------------------------------------------- losses


def test_the_loss_of_actor_and_critic_by_hand():
    """Two steps: -(2 log 1/2 + -1 log 1/4) / 2 = 0; values 1 and 3 off, half squares 1/2 and 9/2, mean 5/2."""
    said = Terms(
        torch.log(torch.tensor([0.5, 0.25])), torch.tensor([0.6, 0.2]), torch.tensor([1.0, 3.0], requires_grad=True)
    )
    loss, shown = actor_critic_loss(said, {}, torch.tensor([2.0, -1.0]), torch.tensor([2.0, 0.0]), 0.4, 0.5)
    torch.testing.assert_close(shown, torch.tensor([0.0, 2.5, 0.4]))
    torch.testing.assert_close(loss, torch.tensor(0.8))  # 0 + .4 * 2.5 - .5 * .4
    loss.backward()
    torch.testing.assert_close(said.values.grad, torch.tensor([-0.2, 0.6]))  # .4 (v - target) / 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", [(50,), (5, 10)])
def test_the_loss_of_logits_equals_its_parts_and_their_gradients(shape, masked, dtype):
    """Against autograd through the form that is tested by hand; compiled on 32 bits, by torch on 64."""
    draw = torch.Generator().manual_seed(0)
    logits, values = (torch.randn(*size, generator=draw).to(dtype) for size in ((*shape, 4), shape))
    batch = {"actions": torch.randint(3, shape, generator=draw)}
    if masked:
        batch["masks"] = torch.tensor([True, True, True, False]).expand(*shape, 4)
    weights, targets = (torch.randn(*shape, generator=draw).to(dtype) for _ in range(2))

    def terms(logits, values):
        log_p = torch.log_softmax(mask_logits(logits, batch.get("masks")), -1)
        taken = log_p.gather(-1, batch["actions"].unsqueeze(-1)).squeeze(-1)
        return Terms(taken, -(log_p.exp() * log_p).sum(-1), values)

    found = []
    for say in (Logits, terms):
        leaves = logits.clone().requires_grad_(), values.clone().requires_grad_()
        total, shown = actor_critic_loss(say(*leaves), batch, weights, targets, 0.7, 0.1)
        (3 * total).backward()
        found.append([total.detach(), shown, *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, check_dtype=False, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log_probabilities_of_actions_by_hand(dtype):
    """e^0 and e^(ln 3) are a quarter and three; of three actions that are as likely one is forbidden."""
    logits = torch.tensor([[0.0, np.log(3), -1e9], [1.0, 1.0, 1.0], [1000.0, 1000.0, 0.0]], dtype=dtype)
    masks = torch.tensor([[True, True, True], [True, False, True], [True, True, True]])
    batch = {"actions": torch.tensor([1, 2, 0]), "masks": masks}
    found = log_probs_of(Logits(logits, logits[:, 0]), batch)
    torch.testing.assert_close(found, torch.tensor([0.75, 0.5, 0.5], dtype=dtype).log())


@pytest.mark.parametrize("action", [-1, 4])
def test_the_loss_of_logits_refuses_what_is_no_action(action):
    said = Logits(torch.zeros(2, 4), torch.zeros(2))
    with pytest.raises(IndexError, match=f"{action}.*allowed are 0 to 3"):
        actor_critic_loss(said, {"actions": torch.tensor([0, action])}, torch.ones(2), torch.ones(2), 0.5, 0.1)


def test_advantages_are_normalised_unless_there_is_one():
    """1 and 3: mean 2, sample deviation sqrt(2)."""
    torch.testing.assert_close(normalised(torch.tensor([1.0, 3.0])), torch.tensor([-1.0, 1.0]) / 2**0.5)
    assert normalised(torch.tensor([5.0])) == 5


def test_rmsprop_by_hand():
    """Gradients 2 and 4, decay .99. Second moments, corrected: 4, then (.99 * .01 * 4 + .01 * 16) / (1 - .99^2).

    That is .1996 / .0199 = 10.0302, its root 3.16704: steps of .1 * 2 / 2 and .1 * 4 / 3.16704 = .126301.
    """
    weight = torch.zeros(1, requires_grad=True)
    rmsprop = Adam([weight], eps=0.0, betas=(0.0, 0.99))
    rmsprop.descend((2 * weight).sum(), 0.1)
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.1]))
    rmsprop.descend((4 * weight).sum(), 0.1)
    torch.testing.assert_close(weight.detach(), torch.tensor([-0.226301]))


def test_the_loss_of_values_by_hand():
    """Of the actions taken 1 and 5, targets 3 and 2: half of (4 + 9) / 2."""
    values = torch.tensor([[1.0, 9.0], [9.0, 5.0]], requires_grad=True)
    loss = q_loss(values, torch.tensor([0, 1]), torch.tensor([3.0, 2.0]))
    assert loss.item() == 3.25
    loss.backward()
    torch.testing.assert_close(values.grad, torch.tensor([[-1.0, 0.0], [0.0, 1.5]]))


def test_lambda_returns_by_hand():
    """Gamma and lambda 1/2; rewards 1, 2, 4; best values 10, 20, 30 when acting, 40 behind the last step.

    Going on: R2 = 4 + 40 / 2 = 24; R1 = 2 + (24 + 30) / 4 = 15.5; R0 = 1 + (15.5 + 20) / 4 = 9.875.
    Terminated with the second step: R1 = 2; R0 = 1 + (2 + 20) / 4 = 6.5.
    Cut short there, where the last state is worth 8: R1 = 2 + 8 / 2 = 6; R0 = 1 + (6 + 20) / 4 = 7.5.
    """
    world = CodeWorld(n_worlds=3, n_agents=1)
    model = build("pqn", world, n_steps=3, gae_lambda=0.5, n_epochs=1, n_minibatches=1)
    memory = model.memory
    memory.values[:] = np.array([[10], [20], [30]])
    memory.rewards[:] = np.array([[1], [2], [4]])
    memory.ended[1, 1:] = memory.terminated[1, 1] = True
    memory.final_values[1, 1:] = 99, 8
    model._next_value[:] = 40
    (batch,) = list(model.minibatches())
    order = np.argsort(batch["returns"].numpy())
    expected = [9.875, 6.5, 7.5, 15.5, 2, 6, 24, 24, 24]
    np.testing.assert_allclose(batch["returns"].numpy()[order], np.sort(expected))
    np.testing.assert_allclose((model.advantages() + memory.values).ravel(), expected)


def test_what_is_broken_off_draws_no_value_to_another_actions():
    """Values 1, 9 and 5 in both states; the world is reset by hand behind actions 2 and 0, neither the best.

    The returns of the last step are what was thought of its actions, 5 and 1, so it teaches nothing. Gamma and lambda
    1/2; the first step was paid 2: 2 + (5 + 9) / 4 = 5.5 and 2 + (1 + 9) / 4 = 4.5.
    """
    world = CodeWorld(n_worlds=1)
    config = PQN.Config(n_steps=2, gamma=0.5, gae_lambda=0.5, n_epochs=1, n_minibatches=1, epsilon_start=1.0)
    model = PQN(world.observations, world.action_names, 2, config, network=Table([[1.0, 9.0, 5.0]] * 4))
    agent = Agent(world, [0, 1], model)
    play([agent], world, 1)
    agent.transition(world)
    model.memory.columns["chosen"][1] = 5, 1  # whatever was drawn
    world.step()
    model.memory.rewards[0] = 2
    model.memory.add_outcome(np.array([7.0, 8.0]), np.zeros(2, bool), np.zeros(2, bool))
    model.interrupt()
    returns = model.advantages() + model.memory.values
    np.testing.assert_allclose(returns, [[5.5, 4.5], [5, 1]])


# -------------------------------------------------------------------------------------------------------------- V-trace


def columns(*rows):
    return torch.tensor(rows).T


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_v_trace_by_hand(dtype):
    """Compiled on 32 bits, by torch on 64.

    Gamma 1/2, limits 1; rewards 1, 2, 4; values 10, 20, 30; 40 behind the last step; ratios 1, 1/2, 3.

    Going on: errors 1 (1 + 10 - 10) = 1; 1/2 (2 + 15 - 20) = -1.5; 1 (4 + 20 - 30) = -6.
    v - V: -6; -1.5 + 1/2 1/2 -6 = -3; 1 + 1/2 -3 = -0.5. So v = 9.5, 17, 24.
    Weights: 1 (1 + 17/2 - 10) = -0.5; 1/2 (2 + 24/2 - 20) = -3; 1 (4 + 40/2 - 30) = -6.
    Terminated with the second step: errors 1; 1/2 (2 - 20) = -9; -6. v - V: 1 - 9/2 = -3.5; -9; -6.
    Weights: 1 + 11/2 - 10 = -3.5; 1/2 (2 - 20) = -9; -6.
    """
    ratios = torch.tensor([1.0, 0.5, 3.0])
    given = (
        columns(ratios.log().tolist(), ratios.log().tolist()),
        columns([1.0, 2.0, 4.0], [1.0, 2.0, 4.0]),
        columns([10.0, 20.0, 30.0], [10.0, 20.0, 30.0]),
        columns([99.0, 99.0, 40.0], [99.0, 0.0, 40.0]),
        columns([False, False, True], [False, True, True]),
    )
    given = *(each.to(dtype) for each in given[:-1]), given[-1]
    targets, weights = v_trace(*given, (0.5, 1.0), (1.0, 1.0))
    torch.testing.assert_close(targets, columns([9.5, 17.0, 24.0], [6.5, 11.0, 24.0]).to(dtype))
    torch.testing.assert_close(weights, columns([-0.5, -3.0, -6.0], [-3.5, -9.0, -6.0]).to(dtype))
    # Limits of 2 and lambda 1/2 in the first stream: errors 1; -1.5; 2 (-6) = -12. c = 1/2; 1/4.
    # v - V: -12; -1.5 + 1/2 1/4 -12 = -3; 1 + 1/2 1/2 -3 = 0.25.
    targets, _ = v_trace(*given, (0.5, 0.5), (2.0, 2.0))
    torch.testing.assert_close(targets[:, 0], torch.tensor([10.25, 17.0, 18.0]).to(dtype))


def test_v_trace_of_the_policy_that_acted_is_the_return():
    """With ratios of 1, targets are those of A2C: values and advantages of lambda 1 together."""
    model, batch = lived("impala", CodeWorld(length=3), 8)
    values = batch["values"]
    targets, weights = v_trace(
        torch.zeros_like(values), batch["rewards"], values, batch["beyond"], batch["cut"], (0.5, 1.0), (1.0, 1.0)
    )
    whole = model.memory
    halves = []
    for rows, behind in ((slice(0, 4), whole.values[4]), (slice(4, 8), model._next_value)):
        parts = (whole.rewards[rows], whole.values[rows], behind, whole.terminated[rows], whole.ended[rows])
        halves.append(generalised_advantages(*parts, whole.final_values[rows], 0.5, 1.0))
    expected = np.concatenate(halves, 1)  # as sequences lie: four steps of each stream, then the next four
    np.testing.assert_allclose(weights.numpy(), expected, atol=1e-5)
    np.testing.assert_allclose((targets - values).numpy(), expected, atol=1e-5)
    assert whole.ended.any()


# ------------------------------------------------------------------------------------------------------ several actors


@pytest.mark.parametrize(("kind", "rows"), [("a3c", 5), ("a3c gru", 2)])
def test_each_group_of_streams_learns_from_what_it_lived(kind, rows):
    """Ten steps and sequences of five: eight streams in three groups, of 3, 3 and 2, by steps or by two sequences."""
    model, batch = lived(kind, CodeWorld(), 10 if rows == 2 else 5, n_minibatches=3)
    axis = batch["actions"].dim() - 1
    values = torch.arange(8 * rows, dtype=torch.float32)  # a step's or a sequence's place; its stream is that modulo 8
    model.stored = lambda: batch | {"values": values if axis == 0 else values.expand(5, -1)}
    said = [group["values"] if axis == 0 else group["values"][0] for group in model.minibatches()]
    assert [sorted((each % 8).unique().int().tolist()) for each in said] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert torch.cat(said).sort().values.tolist() == values.tolist()
    assert model.updates_due(0, 0) == 1


def test_groups_move_the_shared_weights_one_after_the_other():
    """A gradient step by one group is what the next begins from, moments of RMSprop included."""
    model, whole = lived("a3c", CodeWorld(), 5, n_minibatches=2)
    alone, _ = lived("a3c", CodeWorld(), 5, n_minibatches=2)
    first, second = list(alone.minibatches())
    assert first["actions"].shape == second["actions"].shape == (20,)
    alone.gradient_step(first)
    alone.gradient_step(second)
    before = model.gradient_steps
    model.train_step()
    assert model.gradient_steps == before + 2
    for name, tensor in model.networks["net"].state_dict().items():
        assert torch.equal(tensor, alone.networks["net"].state_dict()[name]), name
    at_once, _ = lived("a3c", CodeWorld(), 5, n_minibatches=2)
    at_once.gradient_step(whole)
    assert not torch.equal(at_once.parameters("net")[0], model.parameters("net")[0])


def test_one_actor_alone_is_a2c():
    """One group holds all steps in their order; A2C takes the same ones in another, so sums round otherwise."""
    found = []
    for kind in ("a2c", "a3c"):
        world = CodeWorld()
        model = build(kind, world, n_minibatches=1)
        play([Agent(world, [0, 1], model)], world, 5)
        assert model.gradient_steps == 1
        found.append(model.parameters("net"))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


# -------------------------------------------------------------------------------------------------------- trust region


def test_conjugate_gradients_by_hand():
    """4x + y = 1 and x + 3y = 2: x = 1/11, y = 7/11, after two iterations; after one b b.b / (b A b) = b 5 / 20."""
    matrix, b = torch.tensor([[4.0, 1.0], [1.0, 3.0]]), torch.tensor([1.0, 2.0])
    torch.testing.assert_close(conjugate_gradient(matrix.mv, b, 2), torch.tensor([1.0, 7.0]) / 11)
    torch.testing.assert_close(conjugate_gradient(matrix.mv, b, 1), b / 4)
    torch.testing.assert_close(conjugate_gradient(matrix.mv, b, 50), torch.tensor([1.0, 7.0]) / 11)


def test_divergences_by_hand():
    """From (1/2, 1/2) to (1/4, 3/4): (log 2 + log 2/3) / 2; of the action taken, 1/4 / (1/2) - 1 - log 1/2."""
    old, new = (Logits(torch.tensor([p]).log(), torch.zeros(1)) for p in ([0.5, 0.5], [0.25, 0.75]))
    batch = {"actions": torch.tensor([0])}
    torch.testing.assert_close(divergence(old, new, batch), torch.tensor([0.5 * np.log(4 / 3)], dtype=torch.float32))
    assert divergence(old, old, batch) == 0
    old, new = (Terms(torch.tensor([p]).log(), torch.zeros(1), torch.zeros(1)) for p in (0.5, 0.25))
    torch.testing.assert_close(divergence(old, new, batch), torch.tensor([np.log(2) - 0.5], dtype=torch.float32))


def lived(kind, world, steps=16, **changes):
    """A learner with a full rollout that it has not learned from, and the rollout."""
    model = build(kind, world, **changes)
    model.train_step = dict
    play([Agent(world, [0, 1], model)], world, steps)
    del model.train_step
    return model, model.whole()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", ["trpo", "trpo gru"])
def test_fisher_products_are_finite_differences_of_the_divergences_slope(kind, masked):
    """F v = (slope of KL at theta + h v - slope at theta - h v) / 2h in float64; v F v = 2 KL(theta + h v) / h^2."""
    model, batch = lived(kind, CodeWorld(masked=masked))
    actor = model.networks["actor"]
    single = {name: tensor.clone() for name, tensor in actor.state_dict().items()}
    draw = torch.Generator().manual_seed(0)
    parameters = model.parameters("actor")
    vector = torch.randn(sum(p.numel() for p in parameters), generator=draw)

    def product(v):
        said = model.policy.choices(batch)
        old = Logits(said.logits.detach(), said.values)
        return fisher_product(divergence(old, said, batch).mean(), parameters, 0.1)(v) - 0.1 * v

    found = product(vector)  # in float32, through the compiled first layer
    actor.double()
    with torch.no_grad():
        for parameter in parameters:  # away from the first, nearly even policy
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw))
    batch = {name: t.double() if t.dtype == torch.float32 else t for name, t in batch.items()}
    exact, wide, h = product(vector.double()), vector.double(), 1e-5
    old = Logits(model.policy.choices(batch).logits.detach(), batch["values"])
    start = torch.nn.utils.parameters_to_vector(parameters).detach()

    def at(theta):
        torch.nn.utils.vector_to_parameters(theta, parameters)
        kl = divergence(old, model.policy.choices(batch), batch).mean()
        slope = torch.autograd.grad(kl, parameters)
        return kl.item(), torch.cat([each.reshape(-1) for each in slope])

    difference = (at(start + h * wide)[1] - at(start - h * wide)[1]) / (2 * h)
    torch.testing.assert_close(exact, difference, rtol=1e-4, atol=1e-8)
    assert wide @ exact == pytest.approx(2 * at(start + h * wide)[0] / h**2, rel=1e-3)
    actor.load_state_dict(single)
    torch.testing.assert_close(found.double(), product(vector.double()), rtol=1e-3, atol=1e-7)


def test_the_fisher_matrix_of_an_actor_of_ones_own_is_that_of_its_log_probabilities():
    """Mean of g g' over the actions taken, g the slope of each one's log-probability."""
    logits = torch.tensor([0.3, -0.2, 0.1], requires_grad=True)
    taken = torch.tensor([0, 2, 2, 1])
    log_probs = torch.log_softmax(logits, 0)[taken]
    said = Terms(log_probs, torch.zeros(4), torch.zeros(4))
    old = Terms(log_probs.detach(), torch.zeros(4), torch.zeros(4))
    slopes = torch.stack([torch.autograd.grad(each, logits, retain_graph=True)[0] for each in log_probs])
    product = fisher_product(divergence(old, said, {}).mean(), [logits], 0.5)
    vector = torch.tensor([1.0, 2.0, 4.0])
    torch.testing.assert_close(product(vector), slopes.T @ (slopes @ vector) / 4 + 0.5 * vector)


def test_a_step_is_shortened_until_it_is_accepted_and_else_not_taken():
    """From 1 by 8, halved: 9, 5, 3 are tried."""
    place, tried = torch.ones(2), []

    def accept():
        tried.append(place[0].item())
        return place[0] <= limit

    limit = 4
    assert line_search([place], torch.tensor([8.0, 16.0]), 5, 0.5, accept) == 0.25
    assert tried == [9, 5, 3]
    assert place.tolist() == [3, 5]
    limit = 0
    assert line_search([place], torch.tensor([8.0, 16.0]), 3, 0.5, accept) == 0
    assert place.tolist() == [3, 5]


def test_a_step_stays_within_its_region_and_raises_the_objective():
    model, batch = lived("trpo", CodeWorld())
    before = model.policy.choices(batch)
    old = copy.deepcopy([p.detach() for p in model.parameters("actor")])
    told = model.policy_step(batch)
    now = model.policy.choices(batch)
    assert 0 < told["step"] <= 1
    kl = divergence(Logits(before.logits.detach(), before.values), now, batch).mean().item()
    assert told["kl"] == pytest.approx(kl, rel=1e-5)
    assert 0 < kl <= 0.05
    assert told["policy_loss"] < 0
    assert any(not torch.equal(a, b) for a, b in zip(old, model.parameters("actor"), strict=True))


@pytest.mark.parametrize("fault", ["it lowers the objective", "it leaves the region"])
def test_a_step_that_fails_is_not_taken(fault, monkeypatch):
    model, batch = lived("trpo", CodeWorld())
    if fault == "it lowers the objective":
        monkeypatch.setattr(trpo, "conjugate_gradient", lambda *given: -conjugate_gradient(*given))
    else:
        monkeypatch.setattr(trpo, "divergence", lambda *given: divergence(*given) * 1.0 + (0.06 * (len(calls) > 0)))
    calls = []
    search = trpo.line_search

    def noted(*given):
        calls.append(given)
        return search(*given)

    monkeypatch.setattr(trpo, "line_search", noted)
    old = copy.deepcopy([p.detach() for p in model.parameters("actor")])
    told = model.policy_step(batch)
    assert len(calls) == 1
    assert (told["step"], told["kl"], told["policy_loss"]) == (0, 0, 0)
    for a, b in zip(old, model.parameters("actor"), strict=True):
        assert torch.equal(a, b)


def test_fitting_the_critic_leaves_the_actor_alone():
    model, batch = lived("trpo", CodeWorld())
    model.policy_step = lambda batch: {"kl": 0.0}
    old = copy.deepcopy([p.detach() for p in model.parameters("actor")])
    with torch.no_grad():
        before = model.loss(batch)[0].item()
    model.train_step()
    assert model.loss(batch)[0].item() < before
    assert all(torch.equal(a, b) for a, b in zip(old, model.parameters("actor"), strict=True))


def test_a_rollout_that_is_not_finite_moves_nothing_and_stops_training():
    world = CodeWorld()
    model = build("trpo", world)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 15)
    old = copy.deepcopy(model.networks)
    model.memory.rewards[:] = np.nan
    with pytest.raises(TrainingDiverged, match="TRPO"):
        play([agent], world, 1)
    for name, net in model.networks.items():
        for key, tensor in net.state_dict().items():
            assert torch.equal(tensor, old[name].state_dict()[key])


# ------------------------------------------------------------------------------------------------------------ epsilon


class Table(nn.Module):
    """Values of three actions by the code shown."""

    def __init__(self, rows):
        super().__init__()
        self.rows = nn.Parameter(torch.tensor(rows))

    def forward(self, grid):
        return self.rows[grid[:, 0, 1, 0].long()]


def grid_of(*codes):
    grid = torch.zeros(len(codes), 2, 3, 2, dtype=torch.uint8)
    grid[:, 0, 1, 0] = torch.tensor(codes)
    return {"grid": grid}


def q_policy(*rows):
    world = CodeWorld()
    network = Table([[0.0, 0.0, 0.0], *rows])
    return PQN(world.observations, world.action_names, 8, network=network).policy


def test_epsilon_is_tossed_for_each_stream_and_draws_evenly_among_what_is_allowed():
    """12,000 streams, epsilon .3: action 2 is best, 1 is forbidden; .15 of them take 0, within 4 deviations."""
    policy = q_policy([0.0, 9.0, 5.0])
    policy.epsilon = 0.3
    mask = torch.tensor([True, False, True]).expand(12_000, 3)
    chosen = policy.act(grid_of(*[1] * 12_000), {}, mask, torch.Generator().manual_seed(0), True)
    share = torch.bincount(chosen.actions, minlength=3) / 12_000
    assert share[1] == 0
    assert abs(share[0] - 0.15) < 4 * (0.15 * 0.85 / 12_000) ** 0.5
    assert (policy.act(grid_of(1, 1), {}, mask[:2], None, False).actions == 2).all()


def test_a_state_is_worth_its_best_allowed_action_and_is_asked_where_nothing_is():
    policy = q_policy([1.0, 9.0, 5.0], [7.0, 2.0, 3.0])
    mask = torch.tensor([[True, False, True], [False, True, True]])
    assert policy.act(grid_of(1, 2), {}, mask, None, True).values.tolist() == [5, 3]
    assert policy.values(grid_of(1, 2), {}, mask).tolist() == [5, 3]
    assert policy.values(grid_of(1, 2), {}, None).tolist() == [9, 7]
    assert policy.values(grid_of(1), {}, torch.zeros(1, 3, dtype=torch.bool)).tolist() == [9]


def test_epsilon_falls_by_agent_steps_and_play_is_greedy():
    world = CodeWorld()
    model = build("pqn", world, epsilon_start=0.8, epsilon_end=0.2, epsilon_steps=160)
    play([Agent(world, [0, 1], model)], world, 10)  # 80 of 160 agent-steps
    assert model.epsilon == pytest.approx(0.5)
    judge = Agent(world, [0, 1], model, learn=False)
    assert not judge.seat.explore
    states = world.obs.reshape(-1, 2, 3, 2)
    judge.transition(world)
    best = model.networks["net"](grid=torch.from_numpy(states)).argmax(1)
    np.testing.assert_array_equal(world._submitted.ravel(), best)


# -------------------------------------------------------------------------------------------------------------- whole


def test_layers_are_normalised_in_each_sample():
    world = CodeWorld()
    spec = world.observations
    encoder = build_encoder(spec, 1, NetworkConfig(hidden=(64, 32), activation="tanh"), True)
    norms = [layer for layer in encoder.modules() if isinstance(layer, nn.LayerNorm)]
    assert [norm.normalized_shape for norm in norms] == [(64,), (32,)]
    seen = []
    for norm in norms:
        norm.register_forward_hook(lambda layer, given, result: seen.append(result))
    encoder({"grid": torch.from_numpy(world.obs.reshape(-1, 2, 3, 2))})
    for result in seen:
        torch.testing.assert_close(result.mean(1), torch.zeros(8), atol=1e-5, rtol=0)
        torch.testing.assert_close(result.var(1, correction=0), torch.ones(8), atol=1e-2, rtol=0)
    conv = build_encoder(spec, 1, NetworkConfig(kind="conv", channels=(4,), hidden=(8,)), True)
    assert [type(layer).__name__ for layer in conv.modules()].count("GroupNorm") == 1


@pytest.mark.parametrize("recurrent", ["none", "gru", "lstm"])
@pytest.mark.parametrize("masked", [False, True])
def test_replaying_a_rollout_gives_back_the_values_of_acting(recurrent, masked):
    """Before the first gradient step, across resets, with what was allowed then."""
    world = CodeWorld(n_worlds=3, length=5, masked=masked)
    model = build("pqn", world, recurrent=recurrent, n_steps=16, sequence_length=8)
    rows = 0

    def check(batch):
        nonlocal rows
        values = model.policy.terms(batch)
        if masked:
            values = values.masked_fill(~batch["masks"], -torch.inf)
        torch.testing.assert_close(values.amax(-1), batch["values"], atol=1e-5, rtol=1e-5)
        rows += batch["values"].numel()
        return {"loss": 0.0}

    model.gradient_step = check
    play([Agent(world, [0, 1], model)], world, 32)
    assert rows == 2 * 2 * 16 * 6  # two rollouts, two passes, every step of every stream


def test_next_states_and_last_states_are_valued_by_what_is_allowed_there():
    world = CodeWorld(n_worlds=3, n_agents=1, length=2, masked=True)
    model = PQN(world.observations, world.action_names, 3, PQN.Config(n_steps=4), network=Table([[0.0, 5.0, 9.0]] * 64))
    agent = Agent(world, [0], model)
    model.train_step = dict
    for _ in range(4):
        agent.transition(world)
        world.step()
        if world.info:  # the fake world says nothing of what was allowed in last states; here it does
            world.info["final_action_mask"] = np.tile([True, True, False], (3, 1, 1))
        agent.remember(world)
    cut = model.memory.ended & ~model.memory.terminated
    assert cut.any()
    assert (model.memory.final_values[cut] == 5).all()
    allowed = world.action_mask[:, 0]
    np.testing.assert_array_equal(model._next_value, np.where(allowed[:, 2], 9, 5))


@pytest.mark.parametrize("terminates", [False, True])
@pytest.mark.parametrize("kind", ["a2c", "a3c", "impala", "trpo", "pqn"])
def test_what_is_cut_short_is_worth_its_last_state_and_what_terminated_nothing(kind, terminates):
    world = CodeWorld(n_worlds=2, n_agents=1, length=3, terminates=terminates)
    model = build(kind, world, n_steps=100, sequence_length=100)
    agent = Agent(world, [0], model)
    for _ in range(6):
        agent.transition(world)
        world.step()
        final, row = world.info.get("final_obs"), model.memory.size
        agent.remember(world)
        expected = np.zeros(2, np.float32)
        if final is not None:
            with torch.no_grad():
                values = model.policy.values({"grid": torch.from_numpy(final[:, 0].copy())}, {}, None).numpy()
            expected = np.where(world.truncated[:, 0], values, 0)
        np.testing.assert_allclose(model.memory.final_values[row], expected, rtol=1e-4, atol=1e-6)
    assert model.memory.ended[:6].any()
    assert model.memory.terminated[:6].any() == terminates


@pytest.mark.parametrize("kind", KINDS)
def test_learns_to_name_codes(kind):
    world = CodeWorld(n_worlds=8)
    model = build(kind, world)
    play([Agent(world, [0, 1], model)], world, 320)
    assert {"loss", *model.shown} <= set(model.take_losses())
    judge = Agent(world, [0, 1], model, learn=False, explore=False)
    assert play([judge], world, 40).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_resuming_equals_not_stopping(kind, tmp_path):
    world = CodeWorld()
    model, other = build(kind, world), build(kind, world, seed=9)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 37)  # in the middle of a rollout, and of a sequence
    model.save(tmp_path / "model", memory=True)
    other.load(tmp_path / "model")
    other_world = copy.deepcopy(world)
    other_agent = Agent(other_world, [0, 1], other)
    other_agent.load_state_dict(agent.state_dict())
    for a, w in ((agent, world), (other_agent, other_world)):
        play([a], w, 30)
    assert model.take_losses() == other.take_losses()
    for name, net in model.networks.items():
        for key, tensor in net.state_dict().items():
            assert torch.equal(tensor, other.networks[name].state_dict()[key]), key


# ------------------------------------------------------------------------------------------------ networks of one's own


class TwoParts(CodeWorld):
    """The code world with its clock as a part of its own."""

    def __init__(self, **given):
        super().__init__(**given)
        from sorrelsim.observations.spec import ObservationSpec, Part

        parts = dict(self.observations.parts) | {"clock": Part((1,), np.dtype(np.float32))}
        self.observations = ObservationSpec(parts)

    @property
    def parts(self):
        clock = np.repeat(self.turn[:, None, None], self.n_agents, 1).astype(np.float32)
        return {"grid": self.obs, "clock": clock}

    @property
    def final_parts(self):
        return {"grid": self.info["final_obs"], "clock": self.parts["clock"]} if self.info else None


class OwnQ(nn.Module):
    """Takes two parts by position, and returns something more."""

    def __init__(self, width=3):
        super().__init__()
        self.layer = nn.Linear(13, width)

    def forward(self, state_0, state_1):
        q = self.layer(torch.cat([state_0.flatten(1).float(), state_1], 1))
        return q, "seen", len(q)


def test_pqn_learns_by_a_network_of_ones_own():
    world = TwoParts()
    model = PQN(world.observations, world.action_names, 8, PQN.Config(n_steps=4), network=OwnQ())
    before = copy.deepcopy(model.networks["net"].state_dict())
    play([Agent(world, [0, 1], model)], world, 9)
    assert model.extras == ("seen", 8)
    assert model.gradient_steps == 32  # two rollouts, two passes, eight minibatches
    assert not torch.equal(before["layer.weight"], model.networks["net"].layer.weight)
    assert isinstance(model.policy, QPolicy)


def test_a_network_that_does_not_fit_pqn_is_told_what_is_expected_and_found():
    world = TwoParts()
    given = world.observations, world.action_names, 8
    with pytest.raises(ValueError, match=r"(?s)wrong shape.*expected  forward\(grid, clock\) -> q\[B, 3\].*\[2, 4\]"):
        PQN(*given, network=OwnQ(4))
    with pytest.raises(TypeError, match=r"(?s)expected  forward\(grid, clock\).*found     forward\(grid\)"):
        PQN(*given, network=Table([[0.0] * 3]))
    with pytest.raises(ValueError, match="recurrent is a setting of the default network"):
        PQN(*given, PQN.Config(recurrent="gru"), network=OwnQ())


class OwnActor(nn.Module):
    """Takes its parts by position and the action as [B, 1]; honours masks."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(13, 3)

    def forward(self, state_0, state_1, action=None, action_mask=None):
        logits = self.layer(torch.cat([state_0.flatten(1).float(), state_1], 1))
        if action_mask is not None:
            logits = logits.masked_fill(~action_mask, -1e9)
        choice = torch.distributions.Categorical(logits=logits)
        action = choice.sample().unsqueeze(1) if action is None else action
        return action, choice.log_prob(action.reshape(-1)), choice.entropy(), logits.argmax(1)


class OwnCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(13, 1)

    def forward(self, state_0, state_1):
        return self.layer(torch.cat([state_0.flatten(1).float(), state_1], 1))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", [A2C, A3C, IMPALA, TRPO])
def test_actors_and_critics_of_ones_own_learn(kind, masked):
    world = TwoParts(masked=masked)
    model = kind(
        world.observations,
        world.action_names,
        8,
        kind.Config(n_steps=5, sequence_length=5),
        actor=OwnActor(),
        critic=OwnCritic(),
    )
    before = copy.deepcopy({name: net.state_dict() for name, net in model.networks.items()})
    play([Agent(world, [0, 1], model)], world, 10)
    assert model.extras.shape == (8,)
    for name, net in model.networks.items():
        assert not torch.equal(before[name]["layer.weight"], net.layer.weight), name


def test_trpo_leaves_what_is_frozen_in_an_actor_of_ones_own_where_it_is():
    world, actor = TwoParts(), OwnActor()
    actor.layer.bias.requires_grad_(False)
    config = TRPO.Config(n_steps=10, cg_iterations=3)
    model = TRPO(world.observations, world.action_names, 8, config, actor=actor, critic=OwnCritic())
    before = copy.deepcopy(actor.layer.state_dict())
    play([Agent(world, [0, 1], model)], world, 10)
    assert torch.equal(before["bias"], actor.layer.bias)
    assert not torch.equal(before["weight"], actor.layer.weight)


def test_trpo_refuses_an_actor_and_a_critic_that_share():
    world = TwoParts()
    actor, critic = OwnActor(), OwnCritic()
    critic.trunk = actor.layer
    with pytest.raises(ValueError, match="must share no parameters"):
        TRPO(world.observations, world.action_names, 8, actor=actor, critic=critic)
