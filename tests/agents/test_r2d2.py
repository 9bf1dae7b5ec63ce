"""R2D2: its loss by hand, the states that it begins from, and a memory task that no learner without memory solves."""

import copy

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play
from test_own_networks import TwoParts
from torch import nn

from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.r2d2 import R2D2, R2D2Config, rescale, sequence_priorities, unscale
from sorrelsim.models.agent import Agent
from sorrelsim.models.memory.sequences import Sequences

SMALL = {
    "sequence_length": 6,
    "burn_in": 3,
    "recurrent_size": 16,
    "network": {"hidden": [16]},
    "warmup": 100,
    "memory_size": 800,
    "batch_size": 8,
}


def build(world, config=None, seed=0, kind=R2D2, **given):
    n = world.n_worlds * world.n_agents
    return kind.from_config(world.observations, world.action_names, n, SMALL | (config or {}), seed, **given)


class Recall(CodeWorld):
    """Shows the code at the first of three steps only, and pays for naming it at the last."""

    def __init__(self, **given):
        super().__init__(length=3, **given)
        self.lengths[:] = 3
        self.terminates = True

    def _observe(self):
        if not hasattr(self, "code") or (self.turn == 0).all():
            self.first = self.rng.integers(0, self.n_actions, (self.n_worlds, self.n_agents))
        self.code = self.first
        obs = np.zeros((self.n_worlds, self.n_agents, 2, 3, 2), np.uint8)
        obs[:, :, 0, 1, 0] = np.where(self.turn[:, None] == 0, self.code + 1, 0)
        obs[:, :, 1, 2, 1] = 20 + self.turn[:, None]
        return obs

    def step(self):
        last = self.turn == 2
        result = super().step()
        self.reward *= last[:, None]
        return result[0], self.reward, *result[2:]


class Sums(nn.Module):
    """Remembers the sum of the codes shown, which is what action 0 is worth; the others are worth nothing."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def new_carry(self, n):
        return {"total": torch.zeros(n, 1)}

    def forward(self, grid, total):
        total = total + grid[:, 0, 1, :1].float()
        return torch.cat([total * self.scale, torch.zeros(len(grid), 2)], 1), total, "extra"


def test_values_are_rescaled_and_back_by_hand():
    """h(3) = sqrt(4) - 1 + .003, h(-8) = -(3 - 1) - .008, and back."""
    x, y = torch.tensor([0.0, 3.0, -8.0]), torch.tensor([0.0, 1.003, -2.008])
    torch.testing.assert_close(rescale(x, 1e-3), y)
    torch.testing.assert_close(unscale(y, 1e-3), x, atol=1e-5, rtol=1e-5)
    wide = torch.linspace(-300, 300, 101)
    for epsilon in (0.1, 1e-3, 1e-6):  # however little is left linear, float32 keeps its digits
        torch.testing.assert_close(unscale(rescale(wide, epsilon), epsilon), wide, rtol=1e-5, atol=1e-5)


def test_priorities_of_sequences_by_hand():
    """Errors 1, -3 and 2, all of which count: .9 * 3 + .1 * 2 = 2.9. Errors 1 and -3: .9 * 3 + .1 * 2 = 2.9 as well."""
    errors = torch.tensor([[1.0, 1.0], [-3.0, -3.0], [2.0, 100.0]])
    valid = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    torch.testing.assert_close(sequence_priorities(errors, valid, 0.9), torch.tensor([2.9, 2.9]))
    assert sequence_priorities(errors, torch.zeros(3, 2), 0.9).tolist() == [0.0, 0.0]


def codes(*shown):
    """[steps, batch] codes as grids."""
    grid = np.zeros((*np.shape(shown), 2, 3, 2), np.uint8)
    grid[..., 0, 1, 0] = shown
    return grid


@pytest.mark.parametrize("masked", [False, True])
def test_a_gradient_step_by_hand(masked):
    """Two sequences of 2 steps, 1 before and 1 behind them; eps .001.

    The first begins from a total of 1 and is shown 1, 1, 1, 1: totals 2 | 3, 4, 5, worth of action 0. Step 0 takes it,
    is paid 1 and goes on at .5 from state 1: y is h(1 + .5 * h^-1(4)), its error y - 3. Step 1 takes action 1, worth 0,
    is paid 2 and terminates: y = h(2). Its weight is 1.
    The second is an episode's beginning behind the burn-in, so that its total of 50 is forgotten: 2 | 3. Its step 0
    takes action 0, is paid 0 and goes on at .5 from state 1, worth 3 (with a mask 0, as action 0 is forbidden there);
    y = h(.5 h^-1(3)). It is an episode of one step, so step 1 does not count. Its weight is .5.
    """
    back = {}
    for value in (3.0, 4.0):  # h^-1 by halving an interval
        low, high = 0.0, 100.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if np.sqrt(middle + 1) - 1 + 1e-3 * middle < value else (low, middle)
        back[value] = low

    def h(x):
        return np.sqrt(x + 1) - 1 + 1e-3 * x

    masks = np.ones((3, 2, 3), bool)
    masks[1, 1, 0] = False
    world = CodeWorld()
    config = R2D2Config(sequence_length=2, burn_in=1, n_step=1, batch_size=2, priority_correction=0.5)
    model = R2D2(world.observations, world.action_names, 8, config, network=Sums())
    drawn = Sequences(
        {"grid": codes([1, 7], [1, 2], [1, 1], [1, 1])},
        np.array([[False, False], [False, True], [False, False], [False, False]]),
        {"total": np.array([[1.0], [50.0]], np.float32)},
        np.array([[0, 0], [1, 0]]),
        np.array([[1.0, 0.0], [2.0, 9.0]], np.float32),
        np.array([[0.5, 0.5], [0.0, 0.5]], np.float32),
        np.array([[1, 1], [1, 0]], np.float32),
        np.array([[1, 1], [2, 2]]),
        masks if masked else None,
        np.array([1.0, 0.5], np.float32),
        np.array([4, 9]),
    )
    asked, told = [], {}
    model.memory.sample_sequences = lambda *given: asked.append(given) or drawn
    model.memory.update_priorities = lambda index, errors: told.update(zip(index.tolist(), errors, strict=True))
    first, second = h(1 + 0.5 * back[4.0]) - 3, h(2.0)
    third = h(0.5 * (0.0 if masked else back[3.0])) - 2
    loss = model.train_step()["loss"]
    assert loss == pytest.approx((first**2 / 2 + second**2 / 2 + 0.5 * third**2 / 2) / 3, rel=1e-3)
    assert asked == [(2, 0.5)]
    sizes = np.abs([first, second])
    assert told[4] == pytest.approx(0.9 * sizes.max() + 0.1 * sizes.mean(), rel=1e-3)
    assert told[9] == pytest.approx(abs(third), rel=1e-3)
    # Slopes at the scale, which the total multiplies: -error * total * weight / 3.
    assert model.networks["online"].scale.grad.item() == pytest.approx(-(first * 3 + 0.5 * third * 2) / 3, rel=1e-3)


class Fades(Sums):
    """What it remembers fades by the scale with every step."""

    def forward(self, grid, total):
        total = total * self.scale + grid[:, 0, 1, :1].float()
        return torch.cat([total, torch.zeros(len(grid), 2)], 1), total


def test_burning_in_refreshes_what_was_stored_by_each_network_and_no_gradient_flows_through_it():
    """A total of 8 was stored; codes 4 and 0 are burnt in by, and 1 is learned from, with none behind it.

    At a scale of .25 the total goes 8, 8 / 4 + 4 = 6, 1.5 | 1.375, 1.34375 (code 1 again); the target's scale is .5:
    8, 8, 4 | 3, 2.5. With 1.5 a given number c, the slopes at the scale w are c = 1.5 for the first value, c w + 1,
    and for the second, (c w + 1) w + 1, 2 c w + 1 = 1.75; of c itself there is none.
    """
    world = CodeWorld()
    config = R2D2Config(sequence_length=1, burn_in=2, n_step=1, batch_size=1)
    model = R2D2(world.observations, world.action_names, 8, config, network=Fades())
    online, target = model.networks["online"], model.networks["target"]
    online.scale.data[:], target.scale.data[:] = 0.25, 0.5
    states = {"grid": torch.from_numpy(codes([4], [0], [1], [1]))}
    data = {"begins": torch.zeros(4, 1, dtype=torch.bool), "carry total": torch.tensor([[8.0]])}
    values = model._unrolled("online", states, data)[:, 0, 0]
    torch.testing.assert_close(values, torch.tensor([1.375, 1.34375]))
    torch.testing.assert_close(model._unrolled("target", states, data)[:, 0, 0], torch.tensor([3.0, 2.5]))
    slopes = [torch.autograd.grad(value, online.scale, retain_graph=True)[0].item() for value in values]
    assert slopes == pytest.approx([1.5, 1.75])


@pytest.mark.parametrize("recurrent", ["gru", "lstm"])
@pytest.mark.parametrize("burn_in", [0, 2])
def test_values_of_a_sequence_are_those_that_were_acted_by(recurrent, burn_in):
    """Of a network that did not change; so stored states, resets and sequences fit together, for old rows too."""
    world = CodeWorld(n_worlds=3, n_agents=2, length=4)
    config = {"recurrent": recurrent, "burn_in": burn_in, "memory_size": 30 * 6, "steps_between_updates": 10**9}
    model = build(world, config, 3)
    acted, whole = [], model.action_values
    model.action_values = lambda parts, carry: acted.append(whole(parts, carry)[0].clone()) or (acted[-1], None)
    play([Agent(world, [0, 1], model)], world, 50)
    drawn = model.memory.sample_sequences(64)
    model.memory.sample_sequences = lambda *_: drawn
    states, _, data, _ = model.next_batch()
    with torch.no_grad():
        values = model._unrolled("online", states, data)[: model.config.sequence_length]
    rows, streams = np.divmod(drawn.index, 6)
    for b, (row, stream) in enumerate(zip(rows, streams, strict=True)):
        first = row + 30 if row < 20 else row  # the ring of 30 rows has gone round by 20
        for k in np.flatnonzero(drawn.valid[:, b]):
            torch.testing.assert_close(values[k, b], acted[first + k][stream])


def test_a_time_limit_goes_on_from_the_true_last_observation_with_what_was_remembered():
    """Sums of codes; what the last observation adds shows in the state behind the episode's end."""
    world = CodeWorld(n_worlds=3, n_agents=2, length=4)
    model = build(world, {"n_step": 1})
    model = R2D2(world.observations, world.action_names, 6, model.config, network=Sums())
    play([Agent(world, [0, 1], model)], world, 40)
    states, _, data, _ = model.next_batch()
    values = model._unrolled("target", states, data)[..., 0]
    shown = states["grid"][3:, :, 0, 1, 0].numpy()
    counts = data["valid"].view(6, 8).numpy()
    n_ends = 0
    for b in range(8):
        steps = int(counts[:, b].sum())
        if steps < 6:
            n_ends += 1
            assert data["discounts"][steps - 1, b] > 0
            gained = values[steps, b] - values[steps - 1, b]
            assert gained.item() == pytest.approx(shown[steps, b] * model.networks["target"].scale.item(), rel=1e-4)
    assert n_ends > 2


def test_the_core_recalls_what_learners_without_memory_cannot():
    """A third is chance. Both learn for as many steps, and neither sees the code when it is asked."""
    settings = {"learning_rate": 3e-3, "gamma": 0.9, "epsilon_steps": 4000, "steps_between_updates": 16, "n_step": 1}
    scores = {}
    for kind in (R2D2, DDQN):
        world = Recall(n_worlds=16, n_agents=2)
        config = SMALL | settings | {"memory_size": 6400, "batch_size": 32, "sequence_length": 3, "burn_in": 0}
        if kind is DDQN:
            config = {k: v for k, v in config.items() if k not in ("recurrent_size", "sequence_length", "burn_in")}
        model = kind.from_config(world.observations, world.action_names, 32, config, 1)
        play([Agent(world, [0, 1], model)], world, 360)
        world = Recall(n_worlds=16, n_agents=2, seed=5)
        scores[kind.__name__] = 3 * play([Agent(world, [0, 1], model, learn=False, explore=False)], world, 60).mean()
    assert scores["R2D2"] > 0.95
    assert scores["DDQN"] < 0.5


@pytest.mark.parametrize("options", [{}, {"recurrent": "lstm", "noisy": True, "n_frames": 2}])
@pytest.mark.parametrize("masked", [False, True])
def test_going_on_from_a_checkpoint_equals_not_stopping(options, masked, tmp_path):
    world = CodeWorld(masked=masked)
    model = build(world, options)
    agent = Agent(world, [0, 1], model)
    play([agent], world, 111)  # the ring of 100 rows has gone round
    model.save(tmp_path / "model", memory=True)
    other, twin = build(world, options, seed=9), copy.deepcopy(world)
    other.load(tmp_path / "model")
    fresh = Agent(twin, [0, 1], other)
    fresh.load_state_dict(agent.state_dict())
    play([agent], world, 20)
    play([fresh], twin, 20)
    assert model.take_losses() == other.take_losses()
    assert model.gradient_steps == other.gradient_steps > 20
    for name, net in model.networks.items():
        for key, tensor in net.state_dict().items():
            assert torch.equal(tensor, other.networks[name].state_dict()[key]), f"{name} {key}"


def test_a_network_of_ones_own_remembers_and_learns():
    world = CodeWorld()
    model = R2D2(world.observations, world.action_names, 8, build(world).config, network=Sums())
    play([Agent(world, [0, 1], model)], world, 40)
    assert model.gradient_steps > 0
    assert model.extras == "extra"
    assert model.memory.carries["total"].shape == (100, 8, 1)


@pytest.mark.parametrize("options", [{}, {"n_frames": 2, "recurrent": "lstm"}])
def test_several_parts_and_frames_are_kept_in_sequences(options):
    world = TwoParts()
    model = build(world, options)
    play([Agent(world, [0, 1], model)], world, 40)
    states = model.next_batch().states
    frames = (2,) if "n_frames" in options else ()
    assert states["grid"].shape == (12, 8, *frames, 2, 3, 2)  # 3 to burn in, 6 to learn from, 3 behind them
    assert states["clock"].shape == (12, 8, *frames, 1)
    assert np.isfinite(model.take_losses()["loss"])


class Forgets(nn.Module):
    def forward(self, grid, total):
        return grid


class TooMany(Sums):
    def forward(self, grid, total):
        return torch.zeros(len(grid), 4), total


class OtherName(Sums):
    def forward(self, grid, memory):
        return torch.zeros(len(grid), 3), memory


def test_a_wrong_network_of_ones_own_is_told_what_is_expected_and_found():
    world = CodeWorld()
    arguments = world.observations, world.action_names, 8, R2D2Config()
    with pytest.raises(TypeError, match=r"Forgets has no new_carry\(n\)"):
        R2D2(*arguments, network=Forgets())
    with pytest.raises(
        ValueError,
        match=r"(?s)expected  forward\(grid, total\) -> q\[B, 3\], total\[B, 1\].*found     forward\(grid, total\)",
    ):
        R2D2(*arguments, network=TooMany())
    with pytest.raises(TypeError, match=r"(?s)expected  forward\(grid, total\).*found     forward\(grid, memory\)"):
        R2D2(*arguments, network=OtherName())


def test_a_setting_that_contradicts_the_others_is_refused():
    with pytest.raises(ValueError, match="prioritised must be true"):
        R2D2Config(prioritised=False)
    with pytest.raises(ValueError, match="sequences of 6 steps, 3 before and 3 behind need at least 13 rows"):
        build(CodeWorld(), {"memory_size": 80})
