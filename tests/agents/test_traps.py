"""Faults that learning code is known for, each caught where the parts of a learner meet: ends of episodes, masks,
importance weights, which network says what, one model in several seats.
"""

import copy
import math

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play
from torch import nn

from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.dqn import DQN
from sorrelsim.agents.learners.iqn import IQN
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.agents.learners.qr_dqn import QRDQN
from sorrelsim.agents.learners.rainbow import Rainbow
from sorrelsim.library.transforms import make_transform
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel, TrainingDiverged
from sorrelsim.models.memory.replay import Batch


class Witness(BaseModel):
    """Remembers what it is given."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.transitions = []

    def take_action(self, state):
        return 0

    def remember(self, transition):
        self.transitions.append(transition)


class TableQ(nn.Module):
    """Values of the three actions by the code shown; for IQN the same for every fraction, which it keeps."""

    def __init__(self, quantiles):
        super().__init__()
        self.table, self.quantiles = nn.Parameter(torch.zeros(4, 3)), quantiles

    def look_up(self, grid):
        return self.table[grid[:, 0, 1, 0].long()]


class TableQNet(TableQ):
    def forward(self, grid):
        return self.look_up(grid)


class TableQuantileNet(TableQ):
    def forward(self, grid, taus):
        self.taus = taus
        return self.look_up(grid).unsqueeze(1).expand(-1, taus.shape[1], -1)


def codes(*shown):
    grid = np.zeros((len(shown), 2, 3, 2), np.uint8)
    grid[:, 0, 1, 0] = shown
    return grid


def batch_by_hand():
    """Four steps from state 1 to state 2, discount .5: one that goes on, one that terminated, one that goes on to where
    action 2 is forbidden, and one that is not valid.
    """
    allowed = np.ones((4, 3), bool)
    allowed[2, 2] = False
    return Batch(
        states=codes(1, 1, 1, 1),
        actions=np.array([0, 1, 2, 0]),
        rewards=np.array([1, 2, 2, 100], np.float32),
        next_states=codes(2, 2, 2, 2),
        dones=np.array([0, 1, 0, 0], np.float32),
        valid=np.array([1, 1, 1, 0], np.float32),
        discounts=np.full(4, 0.5, np.float32),
        weights=np.array([1, 0.5, 0.5, 1], np.float32),
        index=np.arange(4),
        next_masks=allowed,
    )


@pytest.mark.parametrize(
    ("kind", "options"),
    [(IQN, {}), (DDQN, {}), (DQN, {})]
    + [(kind, {"prioritised": True, "priority_correction_steps": 1000}) for kind in (IQN, DDQN, DQN)],
)
@pytest.mark.parametrize("double", [True, False])
def test_a_gradient_step_by_hand(kind, options, double):
    """Online values 1, 0, 2 in state 1 and 0, 4, 9 in state 2; the target's there are 5, 2, 7.

    Step 0: the online network chooses action 2, worth 7: target 1 + .5 * 7 = 4.5, error 3.5, Huber 3, weight 1.
    Step 1: nothing follows: target 2, error 2, Huber 1.5, weight .5.
    Step 2: of actions 0 and 1 it chooses 1, worth 2: target 2 + 1 = 3, error 1, Huber .5, weight .5. Without the double
    variant the target chooses 0, worth 5: target 4.5, error 2.5, Huber 2.
    Step 3 does not count. The weighted sum 3 + .75 + .25 (or + 1) is divided by the three that do. All errors are
    positive, so each fraction tau of IQN's weighs its Huber loss by tau, summed over the fractions.
    """
    world = CodeWorld()
    config = kind.Config(batch_size=4, double=double, **options)
    network = (TableQuantileNet if kind is IQN else TableQNet)(kind is IQN)
    model = kind(world.observations, world.action_names, 8, config, network=network)
    online, target = model.networks["online"], model.networks["target"]
    online.table.data[1:3] = torch.tensor([[1.0, 0.0, 2.0], [0.0, 4.0, 9.0]])
    target.table.data[1:3] = torch.tensor([[-50.0, -50.0, -50.0], [5.0, 2.0, 7.0]])
    asked, told = [], {}
    model.memory.sample = lambda *wanted: asked.append(wanted) or batch_by_hand()
    model.memory.update_priorities = lambda index, errors: told.update(
        zip(index.tolist(), errors.tolist(), strict=True)
    )
    model.agent_steps = 500
    loss = model.train_step()["loss"]
    huber = np.array([3.0, 1.5, 0.5 if double else 2.0])
    shares = online.taus.sum(1).numpy()[:3] if kind is IQN else np.ones(3)
    assert loss == pytest.approx(float((huber * [1.0, 0.5, 0.5] * shares).sum() / 3), rel=1e-5)
    if options:  # beta is half-way from .4 to 1 after 500 of 1000 agent-steps
        assert asked == [(4, pytest.approx(0.7))]
        errors = huber * shares if kind is IQN else [3.5, 2.0, 1.0 if double else 2.5]
        assert [told[k] for k in range(3)] == pytest.approx(list(errors), rel=1e-5)
    else:
        assert told == {}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("recurrent", ["none", "gru", "lstm"])
def test_a_policy_gradient_step_by_hand(recurrent, masked):
    """Heads of zero: every allowed action is as likely, every value 0. Four steps, ratios 1.5, .5, 1.5, .5 with
    advantages 2, 2, -2, -2 give -2.4, -1, 3, 1.6 at clip .2, mean .3. Returns 1, 2, 3, 4: half of 30 / 4 is 3.75.
    """
    world = CodeWorld()
    settings = {"recurrent": recurrent, "n_steps": 2, "sequence_length": 2, "recurrent_size": 4}
    model = PPO.from_config(
        world.observations,
        world.action_names,
        2,
        settings | {"normalise_advantages": False, "network": {"hidden": [4]}},
    )
    for parameter in model.networks["net"].heads.parameters():
        parameter.data.zero_()
    n_allowed = 2 if masked else 3
    ratios = torch.tensor([1.5, 0.5, 1.5, 0.5])
    batch = {
        "part grid": torch.from_numpy(codes(1, 2, 3, 1)),
        "actions": torch.tensor([0, 1, 0, 1]),
        "log_probs": -math.log(n_allowed) - ratios.log(),
        "values": torch.zeros(4),
        "advantages": torch.tensor([2.0, 2.0, -2.0, -2.0]),
        "returns": torch.tensor([1.0, 2.0, 3.0, 4.0]),
        "ended": torch.tensor([False, True, False, False]),
    }
    if masked:
        batch["masks"] = torch.tensor([[True, True, False]] * 4)
    if recurrent != "none":
        batch = {name: tensor.unflatten(0, (2, 2)) for name, tensor in batch.items()}
        batch |= {f"carry {name}": torch.zeros(1, 2, 4) for name in model.new_carry(2)}
    losses = model.gradient_step(batch)
    assert losses["policy_loss"] == pytest.approx(0.3, abs=1e-5)
    assert losses["value_loss"] == pytest.approx(3.75)
    assert losses["entropy"] == pytest.approx(math.log(n_allowed))
    assert losses["loss"] == pytest.approx(0.3 + 0.5 * 3.75 - 0.01 * math.log(n_allowed), abs=1e-5)


@pytest.mark.parametrize("terminates", [False, True])
def test_advantages_of_a_rollout_stop_at_its_ends(terminates):
    """Every value is 1, gamma and lambda are .5. Episodes of two steps: what goes on has delta r + .5 - 1, a time limit
    too (its last state is worth 1), a termination r - 1; advantages are delta, plus .25 of the next one's within an
    episode.
    """
    world = CodeWorld(n_worlds=1, n_agents=3, length=2, terminates=terminates)
    settings = {"n_steps": 4, "n_epochs": 1, "n_minibatches": 1, "gamma": 0.5, "gae_lambda": 0.5}
    model = PPO.from_config(world.observations, world.action_names, 3, settings | {"network": {"hidden": [4]}})
    heads = model.networks["net"].heads
    heads.weight.data.zero_()
    heads.bias.data[-1] = 1.0
    seen = []
    model.gradient_step = lambda batch: seen.append(batch["advantages"]) or {"loss": 0.0, "kl": 0.0}
    rewards, agent = [], Agent(world, [0, 1, 2], model)
    for _ in range(4):
        agent.transition(world)
        world.step()
        rewards.append(world.reward[0].copy())
        agent.remember(world)
    on, last = 0.5, 0.0 if terminates else 0.5
    deltas = np.array(rewards) - 1 + np.array([on, last, on, last])[:, None]
    expected = deltas + [[0.25], [0], [0.25], [0]] * np.concatenate([deltas[1:], deltas[:1]])
    np.testing.assert_allclose(np.sort(seen[0].numpy()), np.sort(expected.reshape(-1)), atol=1e-5)


@pytest.mark.parametrize("terminates", [False, True])
def test_a_time_limit_is_no_termination_for_a_model(terminates):
    """Copy 0 ends after every two steps, copy 1 after three."""
    world = CodeWorld(n_worlds=2, n_agents=1, length=2, terminates=terminates)
    model = Witness(world.observations, world.action_names, 2)
    play([Agent(world, [0], model)], world, 6)
    ended = [[False, False], [True, False], [False, True], [True, False], [False, False], [True, True]]
    never = [[False, False]] * 6
    assert [t.terminated.tolist() for t in model.transitions] == (ended if terminates else never)
    assert [t.truncated.tolist() for t in model.transitions] == (never if terminates else ended)


def test_a_termination_in_the_last_step_allowed_is_a_termination():
    world = CodeWorld(n_worlds=1, n_agents=1, length=1)
    model = Witness(world.observations, world.action_names)
    agent = Agent(world, [0], model)
    agent.transition(world)
    world.step()
    world.terminated = world.truncated.copy()
    agent.remember(world)
    assert model.transitions[0].terminated.tolist() == [True]
    assert model.transitions[0].truncated.tolist() == [False]


def test_a_time_limit_starts_the_smoothed_rewards_afresh_and_they_are_saved():
    """gamma * trace = .5, alpha 1, beta 0, agent 0 paid 8 in step 1 of an episode of 3 steps and nothing after: agent 1
    gets -8, -4, -2, and 0 in the next episode, for which an agent loaded after step 2 is as good.
    """
    world = CodeWorld(n_worlds=1, n_agents=2, length=3)
    transform = make_transform("inequity_aversion", {"alpha": 1, "beta": 0, "gamma": 0.5, "trace": 1.0})
    models = [Witness(world.observations, world.action_names) for _ in range(2)]
    agent, other = (Agent(world, [1], model, transform) for model in models)
    for t in range(4):
        for each in (agent, other) if t == 2 else (agent,):
            each.transition(world)
        world.step()
        world.reward[:] = [[8.0, 0.0]] if t == 0 else 0.0
        agent.remember(world)
        if t == 1:
            other.load_state_dict(agent.state_dict())
        if t == 2:
            other.remember(world)
    assert [t.reward[0] for t in models[0].transitions] == [-8, -4, -2, 0]
    assert models[1].transitions[0].reward[0] == -2


def test_two_agents_of_one_world_each_get_their_own_next_states():
    """What comes next is asked for by a call, which must not find another agent's world or slots."""
    worlds = [CodeWorld(n_worlds=8, n_agents=2, seed=seed) for seed in (0, 1)]
    seated = [(world, slot) for world in worlds for slot in (0, 1)]
    models = [Witness(world.observations, world.action_names, 8) for world, _ in seated]
    agents = [Agent(world, [slot], model) for (world, slot), model in zip(seated, models, strict=True)]
    for (world, _), agent in zip(seated, agents, strict=True):
        agent.transition(world)
    for world in worlds:
        world.step()
    for (world, _), agent in zip(seated, agents, strict=True):
        agent.remember(world)
    for (world, slot), model in zip(seated, models, strict=True):
        np.testing.assert_array_equal(model.transitions[0].next_states(), world.obs[:, slot])


@pytest.mark.parametrize("kind", [IQN, DDQN, PPO])
def test_epsilon_and_updates_follow_a_models_agent_steps_however_many_slots_it_has(kind):
    """8 copies x 1 slot and 4 copies x 2 slots are as many agent-steps, so as many updates and as low an epsilon."""
    settings = {"network": {"hidden": [4]}}
    if kind is PPO:
        settings |= {"n_steps": 10, "n_epochs": 1, "n_minibatches": 1}
    else:
        settings |= {"warmup": 32, "batch_size": 8, "memory_size": 400, "epsilon_steps": 160, "epsilon_end": 0.0}
    found = []
    for n_worlds, slots in ((8, [0]), (4, [0, 1])):
        world = CodeWorld(n_worlds=n_worlds)
        model = kind.from_config(world.observations, world.action_names, 8, settings)
        play([Agent(world, slots, model)], world, 10)
        found.append((model.agent_steps, model.gradient_steps, model.epsilon))
    # Every 4 of the 80 - 32 agent-steps after the warm-up, which ends with step 4; half of the 160 have gone by.
    assert found == [(80, 1, 0.0)] * 2 if kind is PPO else [(80, 12, 0.5)] * 2


class MaskedActor(nn.Module):
    """An actor of one's own that takes masks and keeps what it was given."""

    def __init__(self):
        super().__init__()
        self.layer, self.given = nn.Linear(12, 3), []

    def forward(self, grid, action=None, action_mask=None):
        logits = self.layer(grid.flatten(1).float())
        if action_mask is not None:
            logits = logits.masked_fill(~action_mask, -1e9)
            self.given.append((action is not None, action_mask.shape[0]))
        choice = torch.distributions.Categorical(logits=logits)
        action = choice.sample() if action is None else action
        return action, choice.log_prob(action), choice.entropy()


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 1)

    def forward(self, grid):
        return self.layer(grid.flatten(1).float())


def test_an_actor_of_ones_own_gets_the_masks_in_acting_and_in_its_loss():
    world = CodeWorld(masked=True)  # it refuses a forbidden action
    config = PPO.Config(n_steps=4, n_epochs=1, n_minibatches=2)
    actor = MaskedActor()
    model = PPO(world.observations, world.action_names, 8, config, actor=actor, critic=Critic())
    play([Agent(world, [0, 1], model)], world, 4)
    assert actor.given == [(False, 8)] * 4 + [(True, 16)] * 2


@pytest.mark.parametrize(
    ("kind", "recurrent"),
    [(IQN, ""), (DDQN, ""), (QRDQN, ""), (Rainbow, ""), (PPO, "none"), (PPO, "gru"), (PPO, "lstm")],
)
@pytest.mark.parametrize("explore", [True, False])
def test_no_forbidden_action_is_chosen_however_good_it_looks(kind, recurrent, explore):
    """A model that learned to name codes in a world without masks plays where the right answer is forbidden."""
    world = CodeWorld(n_worlds=16)
    settings = {"n_steps": 8, "recurrent": recurrent, "sequence_length": 8} if kind is PPO else {"memory_size": 1000}
    model = kind.from_config(world.observations, world.action_names, 32, settings | {"network": {"hidden": [8]}})
    if kind is not PPO:
        model.set_epsilon(0.5)
    agent = Agent(world, [0, 1], model, learn=False, explore=explore)
    with model.greedy():
        world.action_mask = None
        agent.transition(world)
        favourite = world._submitted.copy()
    agent.reset()
    world.action_mask = np.ones((16, 2, 3), bool)
    np.put_along_axis(world.action_mask, favourite[..., None], False, 2)
    for _ in range(20):
        agent.transition(world)
        assert (world._submitted != favourite).all()
        agent.reset()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (DDQN, {"prioritised": True, "anneal_steps": 4000}),
        (IQN, {"noisy": True, "n_frames": 2}),
        (QRDQN, {"dueling": True, "n_quantiles": 4}),
        (Rainbow, {"n_frames": 2, "n_atoms": 7}),
        (PPO, {"recurrent": "gru"}),
    ],
)
def test_going_on_in_a_fresh_model_gives_the_same_actions_losses_and_schedules(kind, options, tmp_path):
    """Masks, time limits, a reward transform that remembers, a shared model; saved in the middle of everything."""
    settings = {"network": {"hidden": [8]}} | options
    if kind is PPO:
        settings |= {"n_steps": 16, "sequence_length": 8, "entropy_end": 0.0, "entropy_steps": 2000}
    else:
        settings |= {"memory_size": 320, "warmup": 64, "batch_size": 16, "epsilon_steps": 600, "target_every": 7}
    transform = make_transform("inequity_aversion")

    def build(seed):
        world = CodeWorld(masked=True)
        model = kind.from_config(world.observations, world.action_names, 8, settings, seed)
        return world, model, Agent(world, [0, 1], model, transform)

    world, model, agent = build(0)
    play([agent], world, 43)  # the ring of 40 rows has gone round, the rollout and its sequence are half-way
    model.save(tmp_path / "model", memory=True)
    _, other, fresh = build(1)
    other.load(tmp_path / "model")
    twin = copy.deepcopy(world)
    fresh.load_state_dict(agent.state_dict())
    taken = []
    for each, place, player in ((agent, world, model), (fresh, twin, other)):
        actions = []
        for _ in range(30):
            each.transition(place)
            actions.append(place._submitted.copy())
            place.step()
            each.remember(place)
        taken.append((np.array(actions).tolist(), player.take_losses(), player.epsilon, player.learning_rate))
        taken[-1] += (player.agent_steps, player.gradient_steps, player.rng.random(), len(player.memory))
    assert taken[0] == taken[1]
    assert taken[0][5] > 0
    for name, net in model.networks.items():
        for key, tensor in net.state_dict().items():
            assert torch.equal(tensor, other.networks[name].state_dict()[key]), f"{name} {key}"


@pytest.mark.parametrize("kind", [IQN, DDQN])
def test_an_epsilon_set_by_hand_stays_set_in_a_checkpoint(kind, tmp_path):
    world = CodeWorld()
    model, other = (kind.from_config(world.observations, world.action_names, 8, {}, seed) for seed in (0, 1))
    model.set_epsilon(0.25)
    model.save(tmp_path / "model")
    other.load(tmp_path / "model")
    assert other.epsilon == 0.25


def test_what_was_drawn_before_a_divergence_is_not_learned_from_after_it(tmp_path):
    """Several gradient steps share one draw; the last good checkpoint must not go on with what is left of it."""
    world = CodeWorld(n_worlds=8)
    config = {"warmup": 32, "batch_size": 8, "memory_size": 4000}
    model = IQN.from_config(world.observations, world.action_names, 16, config)
    play([Agent(world, [0, 1], model)], world, 10)
    model.save(tmp_path / "good.pt", memory=True)
    model.memory.ring.rewards[:] = np.nan
    with pytest.raises(TrainingDiverged):
        model.learn(16)
    model.load(tmp_path / "good.pt")
    steps = model.gradient_steps
    model.learn(16)
    assert model.gradient_steps == steps + 4


def test_networks_that_do_not_take_the_observations_parts_are_refused():
    world = CodeWorld()

    class Other(nn.Module):
        def forward(self, picture):
            return torch.zeros(len(picture), 3)

    for kind in (DDQN, IQN):
        with pytest.raises(TypeError, match=r"(?s)does not take the observation's parts.*expected  forward\(grid"):
            kind(world.observations, world.action_names, 8, network=Other())
    with pytest.raises(TypeError, match=r"(?s)does not take the observation's parts.*found     forward\(picture\)"):
        PPO(world.observations, world.action_names, 8, actor=MaskedActor(), critic=Other())
