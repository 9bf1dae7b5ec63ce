"""PPO: its losses by hand, recurrence, masks, ends of episodes, resuming, learning."""

import copy

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play
from torch import nn

from sorrelsim.agents.learners.ppo import PPO, LossOfLogits, PPOConfig, loss_of_terms, ppo_loss, value_loss
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import TrainingDiverged
from sorrelsim.models.torch.distributions import Terms, draw_actions
from sorrelsim.models.torch.losses import mask_logits

FAST = {
    "n_steps": 16,
    "n_epochs": 3,
    "learning_rate": 3e-3,
    "sequence_length": 8,
    "recurrent_size": 16,
    "network": {"hidden": [32]},
}
OPTIONS = [
    {},
    {"recurrent": "gru"},
    {"recurrent": "lstm"},
    {"n_frames": 2, "clip_value": 0.2, "target_kl": 0.5, "anneal_steps": 10**5},
]


def build(world, config=None, seed=0):
    return PPO.from_config(
        world.observations, world.action_names, world.n_worlds * world.n_agents, FAST | (config or {}), seed
    )


def terms_of_logits(logits, values, batch):
    """The readable form of what a policy of logits says of the actions of a minibatch."""
    log_p = torch.log_softmax(mask_logits(logits, batch.get("masks")), -1)
    log_probs = log_p.gather(-1, batch["actions"].unsqueeze(-1)).squeeze(-1)
    return Terms(log_probs, -(log_p.exp() * log_p).sum(-1), values)


def test_clipped_surrogate_by_hand():
    """Ratios 1.5, 0.5, 1.5, 0.5, clip 0.2: gains are cut at 1.2 and 0.8, losses are not; every row counts."""
    old, now = torch.zeros(4), torch.log(torch.tensor([1.5, 0.5, 1.5, 0.5]))
    advantage = torch.tensor([2.0, 2.0, -2.0, -2.0])
    torch.testing.assert_close(ppo_loss(now, old, advantage, 0.2), torch.tensor([-2.4, -1.0, 3.0, 1.6]))


def test_actions_are_drawn_by_their_probabilities():
    """20,000 draws: a share of p lies within 4 standard deviations, 4 sqrt(p (1 - p) / 20,000), of p."""
    p = torch.tensor([0.0, 0.2, 0.5, 0.0, 0.3, 0.0])
    drawn = draw_actions(p.log().clamp(min=-1e9).expand(20_000, 6), torch.Generator().manual_seed(0))
    share = torch.bincount(drawn, minlength=6) / 20_000
    assert (share[p == 0] == 0).all()
    assert ((share - p).abs() <= 4 * (p * (1 - p) / 20_000).sqrt()).all()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("clip_value", [None, 0.3])
@pytest.mark.parametrize("shape", [(50,), (5, 10)])
def test_the_loss_at_once_equals_its_parts_and_their_gradients(shape, clip_value, masked):
    """Against autograd through functions that are tested by hand; ratios within and beyond the clip."""
    draw = torch.Generator().manual_seed(0)
    logits, values = torch.randn(*shape, 4, generator=draw), torch.randn(*shape, generator=draw)
    config = PPOConfig(clip_value=clip_value, value_coefficient=0.7)
    batch = {
        "actions": torch.randint(3, shape, generator=draw),
        "log_probs": torch.log_softmax(logits, -1)[..., 0] + 0.5 * torch.randn(*shape, generator=draw),
        "values": values + 0.5 * torch.randn(*shape, generator=draw),
        "returns": torch.randn(*shape, generator=draw),
    }
    if masked:
        batch["masks"] = torch.tensor([True, True, True, False]).expand(*shape, 4)
    advantage = torch.randn(*shape, generator=draw)

    def parts(logits, values):
        return loss_of_terms(terms_of_logits(logits, values, batch), batch, advantage, config, 0.1)

    found = []
    for loss in (parts, lambda *given: LossOfLogits.apply(*given, batch, advantage, config, 0.1)):
        leaves = logits.clone().requires_grad_(), values.clone().requires_grad_()
        total, shown = loss(*leaves)
        (3 * total).backward()
        found.append([total.detach(), shown.detach(), *(leaf.grad for leaf in leaves)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_value_loss_by_hand():
    """From 0 to 1 with target 3: half of 4. Limited to 0.5 it is half of 6.25, the worse of the two."""
    value, old, target = torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([3.0])
    torch.testing.assert_close(value_loss(value, old, target, None), torch.tensor([2.0]))
    torch.testing.assert_close(value_loss(value, old, target, 0.5), torch.tensor([3.125]))


def test_forbidden_actions_have_no_probability_and_no_entropy():
    logits = torch.tensor([[0.0, 0.0, 50.0]], requires_grad=True)
    batch = {"actions": torch.tensor([1]), "masks": torch.tensor([[True, True, False]])}
    log_p, entropy, _ = terms_of_logits(logits, torch.zeros(1), batch)
    torch.testing.assert_close(log_p, torch.log(torch.tensor([0.5])))
    torch.testing.assert_close(entropy, torch.log(torch.tensor([2.0])))
    (log_p + entropy).sum().backward()
    assert logits.grad[0, 2] == 0
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("recurrent", ["none", "gru", "lstm"])
@pytest.mark.parametrize("masked", [False, True])
def test_replaying_a_rollout_gives_back_what_was_known_when_acting(recurrent, masked):
    """Before the first gradient step, log-probabilities and values must be those of acting, across resets."""
    world = CodeWorld(n_worlds=3, length=5, masked=masked)
    model = build(world, {"recurrent": recurrent, "n_steps": 16, "sequence_length": 8})
    seen = {}

    def check(batch):
        log_probs, _, values = terms_of_logits(*model.policy.terms(batch), batch)
        torch.testing.assert_close(log_probs, batch["log_probs"], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(values, batch["values"], atol=1e-5, rtol=1e-5)
        assert ("masks" in batch) == masked
        seen["rows"] = seen.get("rows", 0) + values.numel()
        return {"loss": 0.0, "kl": 0.0}

    model.gradient_step = check
    play([Agent(world, [0, 1], model)], world, 32)
    assert seen["rows"] == 2 * 3 * 16 * 6  # two rollouts, three passes, every step of every stream


def test_cut_short_episodes_are_worth_their_true_last_state():
    world = CodeWorld(n_worlds=2, n_agents=1, length=3)
    model = build(world, {"n_steps": 100})
    agent = Agent(world, [0], model)
    for _ in range(6):
        agent.transition(world)
        world.step()
        final = world.info.get("final_obs")
        row = model.memory.size
        agent.remember(world)
        expected = np.zeros(2, np.float32)
        if final is not None:
            with torch.no_grad():
                values = model.networks["net"]({"grid": torch.from_numpy(final[:, 0].copy())})[1].numpy()
            expected = np.where(world.truncated[:, 0], values, 0)
        np.testing.assert_allclose(model.memory.final_values[row], expected, rtol=1e-4, atol=1e-6)
    assert model.memory.ended[:6].any()


def test_terminated_episodes_are_worth_nothing_more():
    world = CodeWorld(terminates=True, length=3)
    model = build(world, {"n_steps": 100})
    play([Agent(world, [0, 1], model)], world, 10)
    assert model.memory.terminated[:10].any()
    assert not model.memory.final_values[:10].any()


@pytest.mark.parametrize("options", OPTIONS)
def test_learns_to_name_codes(options):
    world = CodeWorld(n_worlds=8)
    # A short horizon: cut-short episodes bootstrap for ever, and with gamma .99 values have to climb to 100
    # before the reward of 1 shows, which says nothing of the recurrent layer.
    model = build(world, options | ({"gamma": 0.5} if "recurrent" in options else {}))
    play([Agent(world, [0, 1], model)], world, 320)
    assert {"loss", "policy_loss", "value_loss", "entropy", "kl"} == set(model.take_losses())
    judge = Agent(world, [0, 1], model, learn=False, explore=False)
    assert play([judge], world, 40).mean() > 0.9


@pytest.mark.parametrize("options", OPTIONS)
def test_resuming_equals_not_stopping(options, tmp_path):
    world = CodeWorld()
    model = build(world, options)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 39)  # in the middle of a rollout, and of a sequence
    model.save(tmp_path / "model", memory=True)
    other, other_world = build(world, options, seed=9), copy.deepcopy(world)
    other.load(tmp_path / "model")
    other_agent = Agent(other_world, [0, 1], other)
    other_agent.load_state_dict(agent.state_dict())
    for a, w in ((agent, world), (other_agent, other_world)):
        play([a], w, 30)
    assert model.take_losses() == other.take_losses()
    for name, tensor in model.networks["net"].state_dict().items():
        assert torch.equal(tensor, other.networks["net"].state_dict()[name]), name


@pytest.mark.parametrize("recurrent", ["gru", "lstm"])
def test_a_checkpoint_of_before_holds_the_carries_beside_the_rollout(recurrent):
    """[sequences in time, n_streams, size], where they now lie in the rollout's columns: at rows 0 and 8 of 16."""
    world = CodeWorld()
    model, other = build(world, {"recurrent": recurrent}), build(world, {"recurrent": recurrent}, seed=9)
    play([Agent(world, [0, 1], model)], world, 28)  # a rollout, and 12 steps of the next
    state = copy.deepcopy(model.state_dict())
    columns = {name: state["memory"]["arrays"].pop(f"carry {name}") for name in model.new_carry(1)}
    for column in columns.values():
        assert column[0].any()
        assert column[8].any()
    state["chunk_carries"] = {name: torch.from_numpy(column[::8].copy()) for name, column in columns.items()}
    other.load_state_dict(state)
    for name, column in columns.items():
        np.testing.assert_array_equal(other.memory.columns[f"carry {name}"][:12:8], column[::8])
    state["chunk_carries"]["h"] = torch.zeros(2, 3, 16)
    with pytest.raises(ValueError, match="carry h"):
        other.load_state_dict(state)


def test_a_seat_that_does_not_learn_leaves_the_rollout_alone():
    world, elsewhere = CodeWorld(), CodeWorld(n_worlds=7)
    model = build(world, {"recurrent": "gru"})
    agent, judge = Agent(world, [0, 1], model), Agent(elsewhere, [0, 1], model, learn=False, explore=False)
    play([agent], world, 5)
    carry = agent.seat.carry["h"].clone()
    play([judge], elsewhere, 5)
    assert model.memory.size == 5
    assert torch.equal(agent.seat.carry["h"], carry)


def test_learning_rate_and_entropy_follow_agent_steps():
    world = CodeWorld()
    model = build(world, {"anneal_steps": 256, "n_steps": 16})
    play([Agent(world, [0, 1], model)], world, 16)  # 128 agent-steps, half-way
    assert model.learning_rate == pytest.approx(FAST["learning_rate"] / 2)


def test_a_loss_that_is_nan_stops_training_with_sound_networks():
    world = CodeWorld()
    model = build(world)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 15)
    model.memory.rewards[:] = np.nan
    with pytest.raises(TrainingDiverged, match="PPO"):
        play([agent], world, 1)
    assert all(torch.isfinite(p).all() for p in model.networks["net"].parameters())


class OwnActor(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(12, 3)

    def forward(self, grid, action=None):
        choice = torch.distributions.Categorical(logits=self.layer(grid.flatten(1).float()))
        action = choice.sample() if action is None else action
        return action, choice.log_prob(action), choice.entropy()


class OwnCritic(nn.Module):
    def __init__(self, width=1):
        super().__init__()
        self.layer = nn.Linear(12, width)

    def forward(self, grid):
        return self.layer(grid.flatten(1).float())


def test_networks_of_ones_own():
    world = CodeWorld()
    model = PPO(world.observations, world.action_names, 8, actor=OwnActor(), critic=OwnCritic())
    play([Agent(world, [0, 1], model)], world, model.config.n_steps)
    assert model.gradient_steps == 8
    with pytest.raises(ValueError, match=r"value\[B, 1\]"):
        PPO(world.observations, world.action_names, 8, actor=OwnActor(), critic=OwnCritic(2))
    with pytest.raises(TypeError, match=r"expected  forward\(grid, action=None\)"):
        PPO(world.observations, world.action_names, 8, actor=OwnCritic(), critic=OwnCritic())
    with pytest.raises(ValueError, match="together"):
        PPO(world.observations, world.action_names, 8, actor=OwnActor())
    masked = CodeWorld(masked=True)
    agent = Agent(masked, [0, 1], PPO(world.observations, world.action_names, 8, actor=OwnActor(), critic=OwnCritic()))
    with pytest.raises(ValueError, match="action_mask"):
        agent.transition(masked)
