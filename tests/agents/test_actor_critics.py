"""DDPG and its kin, TD3, SAC and its discrete form: losses by hand, traps, own networks, resuming, learning."""

import copy
import math

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play
from torch import nn

from sorrelsim.agents.learners.ddpg import DDPG
from sorrelsim.agents.learners.ddpg_apex import DDPGApex
from sorrelsim.agents.learners.ddpg_prioritised import DDPGPrioritised
from sorrelsim.agents.learners.hddpg import HDDPG, hysteretic_loss
from sorrelsim.agents.learners.sac import SAC, squashed
from sorrelsim.agents.learners.sac_discrete import SACDiscrete, soft_value
from sorrelsim.agents.learners.td3 import TD3
from sorrelsim.models.agent import Agent
from sorrelsim.models.memory.batch import shares
from sorrelsim.models.torch.continuous import ActionRange, allowed
from sorrelsim.models.torch.deterministic_model import NOISE, PROBABILITIES
from sorrelsim.models.torch.losses import td_targets
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.spec import ObservationSpec, Part
from sorrelsim.settings import parse_config
from sorrelsim.testing.plane import Plane

CPU = torch.device("cpu")
DETERMINISTIC = [DDPG, DDPGPrioritised, DDPGApex, HDDPG, TD3]
CONTINUOUS, NAMED = [*DETERMINISTIC, SAC], [*DETERMINISTIC, SACDiscrete]
FAST = {"memory_size": 4000, "warmup": 64, "batch_size": 32, "learning_rate": 2e-3, "network": {"hidden": [32, 32]}}
NOISES = ["none", "uniform", "normal", "clipped_normal", "ornstein_uhlenbeck", "parameters"]


class Aim(Plane):
    """Paid for how near each action, two numbers, is to the goal that is shown."""

    def step(self, actions=None):
        aimed = self._goals / 4  # 2 at most, and the least that an action may reach is 0.5
        missed = np.square(self.submitted - aimed).sum(-1).astype(np.float64)
        super().step(np.zeros_like(self.submitted))
        self.reward = -missed


def build(kind, world, config=None, seed=0, **networks):
    settings = parse_config(kind.Config, FAST | (config or {}), kind.__name__)
    actions = world.action_names or world.action_spec
    return kind(world.observations, actions, world.n_worlds * world.n_agents, settings, seed, **networks)


# ------------------------------------------------------------------------------------------- formulas, worked by hand


def test_targets_by_hand():
    """1 + .5 * 4 = 3; nothing follows the second, which terminated, and the third was cut short: 1 + .9 * 4."""
    following, discounts = torch.full((3,), 4.0), torch.tensor([0.5, 0.0, 0.9])
    torch.testing.assert_close(td_targets(torch.ones(3), discounts, following), torch.tensor([3.0, 1.0, 4.6]))


def test_hysteretic_loss_by_hand():
    """Errors 2, -2 and 0 weighted 1.25, .5: 5, 2 and 0. Slopes with respect to the value are -2 w error: -5, 2, 0."""
    values = torch.zeros(3, requires_grad=True)
    losses = hysteretic_loss(torch.tensor([2.0, -2.0, 0.0]) - values, 1.25, 0.5)
    torch.testing.assert_close(losses, torch.tensor([5.0, 2.0, 0.0]))
    losses.sum().backward()
    torch.testing.assert_close(values.grad, torch.tensor([-5.0, 2.0, 0.0]))
    config = HDDPG.Config()
    assert 1 not in (config.increase_rate, config.decrease_rate)
    assert config.increase_rate > config.decrease_rate


def test_squashed_actions_and_their_densities_by_hand():
    """Range -2 to 2, mean 0, deviation 1. log N(0) = -.91894; log half = .69315.

    noise 0: a = 0, 1 - tanh^2 = 1: -.91894 - .69315 = -1.61209. noise 1: u = 1, tanh u = .76159, a = 1.52319,
    log(1 - .58002) = -.86756: -.5 - .91894 - .69315 + .86756 = -1.24453. u = 20: a = 2 in float32, and
    log(1 - tanh^2) = 2 (log 2 - 20 - 0) = -38.61371: with noise 0, -.91894 - .69315 + 38.61371 = 37.00162.
    """
    lies = ActionRange(ActionSpec.box([-2.0], [2.0]), CPU)
    mean, noise = torch.tensor([[0.0], [0.0], [20.0]]), torch.tensor([[0.0], [1.0], [0.0]])
    actions, log_prob = squashed(mean, torch.zeros(3, 1), noise, lies)
    torch.testing.assert_close(actions, torch.tensor([[0.0], [1.52319], [2.0]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(log_prob, torch.tensor([-1.61209, -1.24453, 37.00162]), atol=1e-4, rtol=0)
    # Of two numbers the logarithms add up, and the densities of all actions add up to 1.
    wide = ActionRange(ActionSpec.box([-2.0, 0.0], [2.0, 1.0]), CPU)
    both, log_both = squashed(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), wide)
    torch.testing.assert_close(both, torch.tensor([[1.52319, 0.5]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(log_both, torch.tensor([-1.24453 - 0.91894 + math.log(2)]), atol=1e-4, rtol=0)
    noise = torch.linspace(-9, 9, 20_001, dtype=torch.float64).unsqueeze(1)
    spread, log_spread = squashed(torch.full_like(noise, 0.3), torch.full_like(noise, -0.4), noise, lies)
    assert torch.trapezoid(log_spread.exp(), spread.squeeze(1)).item() == pytest.approx(1, abs=1e-3)


def test_soft_values_by_hand():
    """pi = (.5, .5), Q = (1, 3), alpha = .2: 2 + .2 log 2 = 2.13863. pi = (1, 0): 1, and no slope is lost to log 0."""
    probabilities = torch.tensor([[0.5, 0.5], [1.0, 0.0]], requires_grad=True)
    values = soft_value(probabilities, torch.tensor([[1.0, 3.0]] * 2), torch.tensor(0.2))
    torch.testing.assert_close(values, torch.tensor([2.13863, 1.0]))
    values.sum().backward()
    # d/dpi_k = Q_k - alpha (log pi_k + 1): 1 - .2 (1 - .69315), 3 - .2 (1 - .69315); 1 - .2.
    torch.testing.assert_close(probabilities.grad[0], torch.tensor([0.93863, 2.93863]))
    assert probabilities.grad[1, 0] == pytest.approx(0.8)
    assert torch.isfinite(probabilities.grad).all()


def test_what_is_allowed_adds_up_to_one():
    masks = torch.tensor([[True, True, False], [True, False, True], [False, False, True]])
    found = allowed(torch.tensor([[0.2, 0.2, 0.6], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]), masks)
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]))
    assert (found[~masks] == 0).all()


def test_ranges_of_boxes_and_of_probabilities():
    box = ActionRange(ActionSpec.box([-1.0, 0.0], [3.0, 0.5]), CPU)
    torch.testing.assert_close(box.within(torch.tensor([[5.0, -1.0]])), torch.tensor([[3.0, 0.0]]))
    torch.testing.assert_close(box.reached(torch.tensor([[0.0, 99.0]])), torch.tensor([[1.0, 0.5]]))
    torch.testing.assert_close(box.scaled(torch.tensor([[3.0, 0.25]])), torch.tensor([[1.0, 0.0]]))
    drawn = box.anything(4000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, 0.25]), atol=0.1, rtol=0)
    assert (drawn.min(0).values >= torch.tensor([-1.0, 0.0])).all()
    named = ActionRange(ActionSpec(("a", "b", "c")), CPU)
    torch.testing.assert_close(named.within(torch.tensor([[-1.0, 1.0, 3.0]])), torch.tensor([[0.0, 0.25, 0.75]]))
    drawn = named.anything(4000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.sum(1), torch.ones(4000))
    # Evenly drawn probabilities of three have deviation sqrt(1/18) = .2357 each.
    torch.testing.assert_close(drawn.std(0), torch.full((3,), 0.2357), atol=0.01, rtol=0)
    for low, high in (([-1.0, 0.0], [1.0, np.inf]), ([0.0, 1.0], [1.0, 1.0])):
        with pytest.raises(ValueError, match="every number of an action needs a least and a most, unlike float32"):
            ActionRange(ActionSpec.box(low, high), CPU)


def test_an_actor_that_went_for_one_action_has_a_gradient_that_leads_back():
    """Of 30 and 0 a softmax leaves e^-30 = 9e-14 of a gradient; bent to 30 / 7 it leaves e^-4.29 = .0137, or .0133."""
    raw = torch.tensor([[30.0, 0.0]], requires_grad=True)
    probabilities = ActionRange(ActionSpec(("a", "b")), CPU).reached(raw)
    torch.testing.assert_close(probabilities, torch.tensor([[0.98642, 0.01358]]), atol=1e-4, rtol=0)
    probabilities[0, 1].backward()
    assert raw.grad[0, 1].item() == pytest.approx(0.98642 * 0.01358, rel=1e-2)


# --------------------------------------------------------------------------------------- gradient steps, worked by hand


class Times(nn.Module):
    """A network of one number: w x."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float(weight)))


class Mu(Times):
    def forward(self, state):
        return self.weight * state


class Worth(Times):
    """Q(s, a) = s + w a."""

    def forward(self, state, action):
        return state + self.weight * action


LINE = ObservationSpec({"grid": Part((1,), np.dtype(np.float32))})


def on_a_line(kind, critics, **config):
    """A learner of actions from -10 to 10, whose networks have one weight each; mu(s) = .5 s."""
    settings = kind.Config(**{"target_tau": 0.5, "learning_rate": 0.01} | config)
    box = ActionSpec.box([-10.0], [10.0])
    return kind(LINE, box, 1, settings, actor=Mu(0.5), critics=[Worth(weight) for weight in critics])


def batch(weights=(1.0, 1.0, 1.0), valid=(1.0, 1.0, 1.0)):
    """States 1, 2, 3 where 2, 0 and 1 was done and 1 was paid; 2, 4 and 6 follow, the last not, for it terminated."""
    states = {"grid": torch.tensor([[1.0], [2.0], [3.0]])}
    data = {
        "actions": torch.tensor([[2.0], [0.0], [1.0]]),
        "rewards": torch.ones(3),
        "discounts": torch.tensor([0.5, 0.5, 0.0]),
        "shares": torch.from_numpy(shares(np.float32(valid), np.float32(weights))),
    }
    return states, {"grid": 2 * states["grid"]}, data


def test_a_step_of_ddpg_by_hand():
    """Q = s + 3 a, mu = .5 s: what follows is worth 2 + 3 = 5, 4 + 6 = 10; targets 3.5, 6, 1. Q was 7, 2, 6.

    Errors -3.5, 4, -5: loss (12.25 + 16 + 25) / 3 = 17.75, slope of w: mean(-2 e a) = (14 + 0 + 10) / 3 = 8.
    Adam's first step is the learning rate: w = 2.99. Actor: mean(-(s + w .5 s)) = -2 (1 + 1.495) = -4.99, slope of its
    weight mean(-w s) = -5.98, which takes all three rows; of the first alone it would be -2.99.
    """
    model = on_a_line(DDPG, [3.0])
    shown, errors = model.gradient_step(*batch())
    torch.testing.assert_close(errors, torch.tensor([-3.5, 4.0, -5.0]))
    assert shown == pytest.approx({"loss": 17.75, "actor_loss": -4.99})
    assert model.networks["critic"].weight.grad.item() == pytest.approx(8)  # the actor's step leaves it alone
    assert model.networks["critic"].weight.item() == pytest.approx(2.99, abs=1e-5)
    assert model.networks["actor"].weight.grad.item() == pytest.approx(-5.98)
    assert model.networks["actor"].weight.item() == pytest.approx(0.51, abs=1e-5)
    model.after_gradient_step()  # targets go half the way
    assert model.networks["critic_target"].weight.item() == pytest.approx(2.995, abs=1e-5)
    assert model.networks["actor_target"].weight.item() == pytest.approx(0.505, abs=1e-5)


def test_importance_weights_and_validity_reach_both_losses():
    """Weights 1, .5 and 1, of which the last is not valid: (12.25 + 8) / 2 = 10.125.

    The actor by w = 3 - .01 sign(7 + 0) = 2.99: -(1 + 1.495) (1 + .5 * 2) / 2 = -2.495.
    """
    model = on_a_line(DDPGPrioritised, [3.0])
    shown, _ = model.gradient_step(*batch((1.0, 0.5, 1.0), (1.0, 1.0, 0.0)))
    assert shown == pytest.approx({"loss": 10.125, "actor_loss": -2.495})


def test_a_step_of_hysteretic_ddpg_by_hand():
    """Errors -3.5, 4 and -5 of DDPG: (.5 * 12.25 + 1.25 * 16 + .5 * 25) / 3 = 12.875."""
    shown, _ = on_a_line(HDDPG, [3.0]).gradient_step(*batch())
    assert shown["loss"] == pytest.approx(12.875)


def test_td3_takes_the_lesser_critic_and_delays_its_actor():
    """Without noise. By Q = s + 3 a what follows is worth 5 and 10, by s - a it is 1 and 2: targets 1.5, 2 and 1.

    Errors of the first: 1.5 - 7, 2 - 2, 1 - 6; of the second, which said -1, 2 and 2: 2.5, 0, -1. Losses:
    (30.25 + 0 + 25 + 6.25 + 0 + 1) / 3 = 20.8333. Priorities are the means of both magnitudes: 4, 0 and 3.
    """
    model = on_a_line(TD3, [3.0, -1.0], target_noise=0.0)
    before = model.state_dict()
    shown, errors = model.gradient_step(*batch())
    model.after_gradient_step()
    assert shown == pytest.approx({"loss": 62.5 / 3})
    torch.testing.assert_close(errors, torch.tensor([4.0, 0.0, 3.0]))
    for name, net in model.networks.items():
        moved = net.weight.item() != before["networks"][name]["weight"].item()
        assert moved == (name in ("critic", "critic_2")), name
    shown, _ = model.gradient_step(*batch())
    model.after_gradient_step()
    assert set(shown) == {"loss", "actor_loss"}
    for name, net in model.networks.items():
        assert net.weight.item() != before["networks"][name]["weight"].item(), name
    # The actor goes up the first critic, which likes large actions, not the second.
    assert model.networks["actor"].weight.item() > 0.5


def test_hard_targets_of_td3_are_copied_as_often_as_asked_for_whatever_the_actor_s_delay():
    model = on_a_line(TD3, [3.0, -1.0], target_tau=None, target_every=3)
    copied = []
    for step in range(1, 7):
        model.gradient_step(*batch())
        model.after_gradient_step()
        online, target = (model.networks[name].weight.item() for name in ("critic", "critic_target"))
        copied += [step] * (online == target)
    assert copied == [3, 6]


def test_td3_smooths_its_target_within_half_a_half_range():
    """Half the range is 10: noise of deviation 2, 5 at the most. mu(1) = .5; mu(19.8) = 9.9, with 10 the range ends."""
    model = on_a_line(TD3, [1.0, 1.0])
    c = model.config
    assert (c.policy_delay, c.target_noise, c.target_noise_clip) == (2, 0.2, 0.5)
    near = model.target_actions({"grid": torch.ones(20_000, 1)}, None) - 0.5
    assert near.std().item() == pytest.approx(2, abs=0.1)  # what is cut off at 2.5 deviations is little
    assert near.abs().max().item() == pytest.approx(5)
    edge = model.target_actions({"grid": torch.full((20_000, 1), 19.8)}, None)
    assert edge.max().item() == 10
    assert edge.mean().item() < 9.9


class Still(Times):
    """A policy of one weight without noise, and with densities that say .5 everywhere."""

    def forward(self, state, greedy=False):
        action = self.weight * state
        return action, torch.full((len(state),), 0.5) + 0 * action.sum(1), torch.zeros(len(state)), "more"


def test_a_step_of_sac_by_hand():
    """alpha = .1, log pi = .5 everywhere, a' = .5 s'. Of TD3's targets goes .5 * .1 * .5 = .025 where some follow.

    Targets 1.475, 1.975, 1: errors of the first critic -5.525, -.025, -5; of the second 2.475, -.025, -1. Losses
    30.525625 + .000625 + 25 + 6.125625 + .000625 + 1 = 62.6525. Critics after their step: 2.99 and -1.01 (slopes of
    2.475 * -2 * 2 - 1 * -2 * 1 < 0 raise the second: -.99). Actor: mean(.05 - (s - .99 .5 s)) = .05 - 2 * .505 = -.96.
    Entropy is -.5 where log 10 - 1 = 1.302585 is aimed at: alpha rises, log alpha by the learning rate.
    """
    config = SAC.Config(target_tau=0.5, learning_rate=0.01, temperature=0.1)
    critics = [Worth(3.0), Worth(-1.0)]
    model = SAC(LINE, ActionSpec.box([-10.0], [10.0]), 1, config, actor=Still(0.5), critics=critics)
    assert model.target_entropy == pytest.approx(math.log(10) - 1)
    shown, _ = model.gradient_step(*batch())
    assert shown["loss"] == pytest.approx(62.6525 / 3)
    assert critics[1].weight.item() == pytest.approx(-0.99, abs=1e-5)
    assert shown["actor_loss"] == pytest.approx(-0.96, abs=1e-5)
    assert shown["temperature"] == pytest.approx(0.1)
    assert shown["temperature_loss"] == pytest.approx(math.log(0.1) * (-0.5 - math.log(10) + 1), rel=1e-5)
    assert model.temperature.log().item() == pytest.approx(math.log(0.1) + 0.01, abs=1e-5)
    assert model.extras is None  # those of the acting call, of which there was none
    with model.greedy():
        model.take_actions(np.zeros((1, 1), np.float32))
    assert model.extras == "more"


def test_the_temperature_falls_where_there_is_more_entropy_than_wanted():
    model = build(SACDiscrete, CodeWorld())
    data = {"shares": torch.tensor([0.5, 0.5, 0.0])}
    # log alpha is 0 at first, and so is the loss; its slope is the mean surplus of what is valid, 1.
    assert model.descend_temperature(torch.tensor([3.0, -1.0, -99.0]), data) == 0
    assert model.temperature.log().item() == pytest.approx(-model.config.learning_rate, abs=1e-6)


class Fixed(nn.Module):
    """Answers the same for every state."""

    def __init__(self, *numbers, softly=False):
        super().__init__()
        self.numbers, self.softly = nn.Parameter(torch.tensor(numbers)), softly

    def forward(self, grid):
        answer = self.numbers.softmax(0) if self.softly else self.numbers
        return answer.expand(len(grid), -1)


def test_a_step_of_discrete_sac_by_hand():
    """pi = (.5, .5), Q = (1, 3) and (2, 1), alpha = .2: V(s') = .5 (1 + 1) + .2 log 2 = 1.13863; targets 1.56931, 1.

    Action 1 was taken first and then 0: errors of the first critic 1.56931 - 3 and 1 - 1, of the second .56931 and -1.
    Losses: (2.04686 + .32412 + 0 + 1) / 2 = 1.68549. After their step of .01 along each slope the critics say
    (1, 2.99) and (1.99, 1.01): the actor's loss is -(.5 (1 + 1.01) + .13863) = -1.14363. Entropy log 2 of which half
    is aimed at: the surplus is .34657, and the loss log .2 times that, -.55779.
    """
    config = SACDiscrete.Config(temperature=0.2, learning_rate=0.01)
    critics = [Fixed(1.0, 3.0), Fixed(2.0, 1.0)]
    model = SACDiscrete(LINE, ("a", "b"), 1, config, actor=Fixed(0.0, 0.0, softly=True), critics=critics)
    data = {"actions": torch.tensor([1, 0]), "rewards": torch.ones(2), "discounts": torch.tensor([0.5, 0.0])}
    states = {"grid": torch.zeros(2, 1)}
    shown, errors = model.gradient_step(states, states, data | {"shares": torch.full((2,), 0.5)})
    assert shown["loss"] == pytest.approx(1.68549, abs=1e-5)
    torch.testing.assert_close(errors, torch.tensor([1.0, 0.5]), atol=1e-5, rtol=0)  # (1.43069 + .56931) / 2
    assert shown["actor_loss"] == pytest.approx(-1.14363, abs=1e-4)
    assert shown["temperature_loss"] == pytest.approx(-0.55779, abs=1e-5)
    # The first action is worth 1 and the second 1.01: the actor leans to the second.
    assert model.networks["actor"].numbers[1] > model.networks["actor"].numbers[0]


# ------------------------------------------------------------------------------------------------------------- traps


def test_the_vector_that_an_action_was_drawn_from_is_remembered():
    world = CodeWorld(masked=True)
    model = build(DDPG, world, {"warmup": 0})
    agent = Agent(world, [0, 1], model)
    for _ in range(5):
        agent.transition(world)
        kept, mask, done = agent.seat.carry[PROBABILITIES].clone(), agent.seat.mask, agent._actions
        assert (kept.numpy()[~mask] == 0).all()
        assert (kept.numpy()[np.arange(8), done] > 0).all()
        torch.testing.assert_close(kept.sum(1), torch.ones(8))
        world.step()
        agent.remember(world)
        row = (model.memory.ring.head - 1) % model.memory.ring.n_rows
        np.testing.assert_array_equal(model.memory.ring.actions[row], kept.numpy())
    assert model.memory.sample(8).actions.shape == (8, 3)


def test_noise_with_a_memory_is_kept_by_stream_and_begins_anew_with_an_episode():
    world = CodeWorld(n_worlds=2, length=3)
    model = build(DDPG, world, {"warmup": 0, "noise": {"kind": "ornstein_uhlenbeck", "size": 0.2}})
    agent = Agent(world, [0, 1], model)
    for _ in range(3):  # copy 0 ends now, copy 1 a step later
        play([agent], world, 1)
    noise = agent.seat.carry[NOISE]
    assert not noise[:2].any()
    assert noise[2:].all()
    saved = agent.state_dict()["carry"][NOISE]
    np.testing.assert_array_equal(saved, noise.numpy())


@pytest.mark.parametrize("kind", NOISES)
def test_noise_by_name_moves_actions_while_exploring_only(kind):
    world = Plane(20)
    model = build(DDPG, world, {"warmup": 0, "noise": {"kind": kind, "size": 0.1}})
    states = {name: part.reshape(40, 2) for name, part in world.parts.items()}
    with model.greedy():
        best = model.take_actions(states)
        np.testing.assert_array_equal(best, model.take_actions(states))
    moved = (model.take_actions(states) - best) / [0.5, 1.0]  # in half ranges
    assert np.abs(moved).any() == (kind != "none")
    if kind == "uniform":
        assert 0.08 < np.abs(moved).max() <= 0.1001
    if kind in ("normal", "clipped_normal", "ornstein_uhlenbeck"):
        assert moved.std() == pytest.approx(0.1, abs=0.03)


def test_until_the_warm_up_is_over_any_action_is_explored_by_and_none_when_played():
    world = Plane(500)
    for kind in CONTINUOUS:
        model = build(kind, world, {"warmup": 2000, "memory_size": 40_000})
        states = {name: part.reshape(1000, 2) for name, part in world.parts.items()}
        drawn = model.take_actions(states)
        # Deviations of even draws: width / sqrt(12), widths 1 and 2.
        np.testing.assert_allclose(drawn.std(0), [0.2887, 0.5774], rtol=0.1)
        with model.greedy():
            assert (model.take_actions(states).std(0) < [0.25, 0.5]).all()


@pytest.mark.parametrize("kind", [DDPG, TD3, SAC])
def test_an_action_of_one_bare_number_is_learned_from(kind):
    """A box of limits that are no arrays has actions of shape (), and batches of them are [batch]."""
    model = kind(LINE, ActionSpec.box(-1.0, 1.0), 2, kind.Config(batch_size=4, warmup=4))
    before = model.state_dict()
    for _ in range(4):
        seen = {"grid": model.rng.random((2, 1), np.float32)}
        actions = model.take_actions(seen)
        assert actions.shape == (2,)
        model.memory.add(seen, actions, actions, [False, False])
    model.train_step()
    moved = model.networks["critic"].state_dict()
    assert not all(torch.equal(before["networks"]["critic"][name], moved[name]) for name in moved)


def test_forbidden_actions_are_neither_done_nor_valued():
    world = CodeWorld(masked=True)  # the world refuses a forbidden action
    for kind in NAMED:
        model = build(kind, world)
        play([Agent(world, [0, 1], model)], world, 30)
        assert model.gradient_steps > 0
        masks = torch.tensor([[True, False, True]] * 4)
        states = {"grid": torch.zeros(4, 2, 3, 2, dtype=torch.uint8)}
        given = (states, masks) if kind is SACDiscrete else ("actor", states, masks)
        assert (model.policy(*given)[:, 1] == 0).all()


# ------------------------------------------------------------------------------------------ networks of a user's own


class OwnActor(nn.Module):
    """Several parts in, two numbers and more out; draws if asked to be stochastic."""

    def __init__(self, n_in=4, n_out=2, kind="plain"):
        super().__init__()
        self.layer, self.kind = nn.Linear(n_in, n_out), kind

    def forward(self, state_0, state_1):
        raw = self.layer(torch.cat([state_0, state_1], 1))
        if self.kind == "plain":
            return raw.tanh() * 0.5, "hidden", "cell"
        normal = torch.distributions.Normal(raw, 0.3)
        action = normal.rsample() if self.kind == "rsample" else normal.sample()
        return action, normal.log_prob(action).sum(1, keepdim=True), normal.entropy().sum(1), "hidden", "cell"


class OwnCritic(nn.Module):
    def __init__(self, n_in=6, n_out=1):
        super().__init__()
        self.layer = nn.Linear(n_in, n_out)

    def forward(self, place, goal, action):
        return self.layer(torch.cat([place, goal, action], 1)), "aside"


def own(kind, **changes):
    n = 1 if kind not in (TD3, SAC) else 2
    actor = OwnActor(kind="rsample" if kind is SAC else "plain")
    return {"actor": actor, "critics": [OwnCritic() for _ in range(n)]} | changes


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_networks_of_ones_own_learn_and_hand_back_more(kind):
    world = Plane(2)
    model = build(kind, world, {"batch_size": 8, "warmup": 16}, **own(kind))
    before = copy.deepcopy(model.networks["actor"].state_dict())
    state = torch.get_rng_state()
    play([Agent(world, [0, 1], model)], world, 12)
    assert torch.equal(state, torch.get_rng_state())
    assert model.extras == ("hidden", "cell")
    assert model.gradient_steps > 0
    assert not torch.equal(before["layer.weight"], model.networks["actor"].layer.weight)
    assert np.isfinite(list(model.take_losses().values())).all()


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_a_network_that_does_not_fit_is_told_what_is_expected_and_found(kind):
    world = Plane(2)
    with pytest.raises(TypeError, match=r"(?s)expected  forward\(place, goal\) -> action\[B, 2\].*found     forward"):
        build(kind, world, **own(kind, actor=Fixed(0.0, 0.0)))
    with pytest.raises(ValueError, match=r"(?s)expected  forward\(place, goal\) -> action\[B, 2\].* \[2, 3\]"):
        build(kind, world, **own(kind, actor=OwnActor(n_out=3, kind="rsample" if kind is SAC else "plain")))
    n = kind.n_critics if kind is not SAC else 2
    wrong = [OwnCritic(n_out=2)] * n
    with pytest.raises(ValueError, match=r"(?s)expected  forward\(place, goal, action\) -> q\[B, 1\].* \[2, 2\]"):
        build(kind, world, **own(kind, critics=wrong))
    with pytest.raises(ValueError, match=rf"{kind.__name__} takes {n} critics? of one's own, got 3"):
        build(kind, world, **own(kind, critics=[OwnCritic()] * 3))


def test_a_soft_actor_that_cuts_gradients_off_is_told_so():
    with pytest.raises(ValueError, match="no gradient flows through the actor's action; draw it by rsample"):
        build(SAC, Plane(2), **own(SAC, actor=OwnActor(kind="sample")))


@pytest.mark.parametrize("kind", [DDPG, SACDiscrete])
def test_probabilities_of_ones_own_must_add_up_to_one(kind):
    with pytest.raises(
        ValueError, match=r"(?s)add up to 1.*expected .*probabilities\[B, 3\].*found     \[0.5, 0.5, 0.5"
    ):
        build(kind, CodeWorld(), actor=Fixed(0.5, 0.5, 0.5))


@pytest.mark.parametrize("kind", [DDPG, SACDiscrete])
def test_networks_of_ones_own_among_names(kind):
    world = CodeWorld()
    model = build(kind, world, {"batch_size": 8, "warmup": 16}, actor=Fixed(0.1, 0.2, 0.3, softly=True))
    play([Agent(world, [0, 1], model)], world, 12)
    assert model.gradient_steps > 0


# ------------------------------------------------------------------------------------------------ resuming, learning


RESUMED = [(kind, Plane, {"warmup": 16, "n_frames": 2, "n_step": 2}) for kind in CONTINUOUS]
RESUMED += [(kind, CodeWorld, {"warmup": 16}) for kind in NAMED]
RESUMED += [(DDPG, Plane, {"warmup": 16, "noise": {"kind": kind, "every": 3}}) for kind in NOISES[4:]]


@pytest.mark.parametrize(("kind", "place", "options"), RESUMED)
def test_resuming_equals_not_stopping(kind, place, options, tmp_path):
    world = place(2)
    model = build(kind, world, options)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 15)
    assert model.gradient_steps > 0
    model.save(tmp_path / "model", memory=True)
    other, twin = build(kind, world, options, seed=9), copy.deepcopy(world)
    other.load(tmp_path / "model")
    follower = Agent(twin, [0, 1], other)
    follower.load_state_dict(agent.state_dict())
    for each, where in ((agent, world), (follower, twin)):
        play([each], where, 8)
    assert model.take_losses() == other.take_losses()
    for name, net in model.networks.items():
        for key, tensor in net.state_dict().items():
            assert torch.equal(tensor, other.networks[name].state_dict()[key]), (name, key)


def test_a_size_of_noise_that_is_none_is_refused():
    model = build(DDPG, Plane(2))
    state = model.state_dict()
    for wrong in (None, -1.0, math.nan, "0.1", True):
        with pytest.raises(ValueError, match="noise_deviation must be a finite number of 0 or more"):
            model.load_state_dict(state | {"noise_deviation": wrong})


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_learners_aim(kind):
    """Any action misses by 1/12 + 1/3 and the goals' 1/12 each on the mean, in squares: by .58."""
    world = Aim(4)
    model = build(kind, world, {"gamma": 0.5})
    play([Agent(world, [0, 1], model)], world, 100)
    judge = Agent(world, [0, 1], model, learn=False, explore=False)
    assert play([judge], world, 25).mean() > -0.05


@pytest.mark.parametrize("kind", NAMED)
def test_learners_name_codes(kind):
    world = CodeWorld(n_worlds=4)
    model = build(kind, world, {"gamma": 0.5, "temperature": 0.1} if kind is SACDiscrete else {"gamma": 0.5})
    play([Agent(world, [0, 1], model)], world, 200 if kind is TD3 else 100)  # its actor learns half as often
    judge = Agent(world, [0, 1], model, learn=False, explore=False)
    assert play([judge], world, 40).mean() > 0.9
