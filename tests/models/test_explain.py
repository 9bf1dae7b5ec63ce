"""What models tell of themselves: the numbers, worked out by hand, and that telling changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn

import sorrelsim
from sorrelsim import Agent, Explanation
from sorrelsim.agents.bots.cleanup_cooperator import CleanupCooperator
from sorrelsim.agents.bots.coins_tit_for_tat import CoinsTitForTat
from sorrelsim.agents.bots.gathering_defector import GatheringDefector
from sorrelsim.agents.bots.harvest_cooperator import HarvestCooperator
from sorrelsim.agents.learners.iqn import IQN, IQNConfig
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.agents.learners.pqn import PQN
from sorrelsim.agents.learners.qr_dqn import QRDQN, QRDQNConfig
from sorrelsim.agents.learners.r2d2 import rescale
from sorrelsim.agents.learners.rainbow import Rainbow, RainbowConfig
from sorrelsim.library.find import shipped
from sorrelsim.library.make import find_model
from sorrelsim.models.seat import Seat
from sorrelsim.outside.make import make_outside

FIELD = "WWWWWWW\nWP P PW\nW  g  W\nWP f PW\nWWWWWWW"


def hunt(n_worlds=1, **more):
    return sorrelsim.make("treasure_hunt", n_worlds, 3, compiled=False, map=FIELD, n_agents=2, max_steps=9, **more)


def state_of(world):
    return world.observations.observe(world, slot=0)


class Says(nn.Module):
    """Says the same of every state."""

    def __init__(self, answer):
        super().__init__()
        self.answer = nn.Parameter(torch.tensor(answer, dtype=torch.float32))

    def forward(self, grid):
        return self.answer.expand(len(grid), *self.answer.shape)


class Slopes(nn.Module):
    """Quantiles that rise with tau, by a slope for each action, from a start."""

    def __init__(self, starts, slopes):
        super().__init__()
        self.starts, self.slopes = nn.Parameter(torch.tensor(starts)), torch.tensor(slopes)

    def forward(self, grid, taus):
        return self.starts + self.slopes * taus.unsqueeze(-1)


def built(cls, world, config=None, **networks):
    return cls(world.observations, world.action_names, 0, config, 0, **networks)


def test_iqn_tells_mean_and_spread_over_even_fractions():
    world = hunt()
    network = Slopes([0.0, 1.0, -1.0, 0.5], [1.0, 2.0, 0.0, 4.0])
    told = built(IQN, world, IQNConfig(n_acting_taus=4), network=network).explain(state_of(world))
    # Fractions 1/8, 3/8, 5/8, 7/8: their mean is 1/2, their variance (9/64 + 1/64) / 2 = 5/64. Of a + b tau the mean is
    # a + b / 2 and the deviation b sqrt(5) / 8.
    np.testing.assert_allclose(told.values, [0.5, 2.0, -1.0, 2.5], atol=1e-6)
    np.testing.assert_allclose(told.spreads, np.array([1, 2, 0, 4]) * 5**0.5 / 8, atol=1e-6)
    assert told.value == pytest.approx(2.5)
    assert told.probabilities is None


def test_qr_dqn_and_rainbow_tell_mean_and_spread_of_their_distributions():
    world = hunt()
    quantiles = [[0.0, 1.0, 1.0, 5.0], [2.0, 1.0, 3.0, 5.0]]  # [n, actions]
    told = built(QRDQN, world, QRDQNConfig(n_quantiles=2), network=Says(quantiles)).explain(state_of(world))
    np.testing.assert_allclose(told.values, [1, 1, 2, 5])
    np.testing.assert_allclose(told.spreads, [1, 0, 1, 0])
    atoms = RainbowConfig(n_atoms=3, value_min=-1, value_max=1)
    chances = [[0.25, 0.5, 0.25], [0.0, 0.0, 1.0], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]
    told = built(Rainbow, world, atoms, network=Says(chances)).explain(state_of(world))
    np.testing.assert_allclose(told.values, [0, 1, 0, -1], atol=1e-6)
    np.testing.assert_allclose(told.spreads, [0.5**0.5, 0, 1, 0], atol=1e-6)
    assert told.value == pytest.approx(1)


def test_what_is_forbidden_is_worth_nothing_that_can_be_told():
    world = hunt()
    model = built(PQN, world, network=Says([3.0, 1.0, 2.0, 0.0]))
    told = model.explain(state_of(world), Seat(1, mask=np.array([[False, True, True, True]])))
    np.testing.assert_array_equal(told.values, [np.nan, 1, 2, 0])
    assert told.value == 2
    assert model.explain(state_of(world)).value == 3


class Actor(nn.Module):
    """Chooses the second action twice as often as the first and the third, the fourth never."""

    def __init__(self):
        super().__init__()
        self.chances = nn.Parameter(torch.tensor([1.0, 2.0, 1.0, 0.0]))

    def forward(self, grid, action=None):
        choice = torch.distributions.Categorical(probs=self.chances.expand(len(grid), -1))
        action = choice.sample() if action is None else action
        return action, choice.log_prob(action), choice.entropy()


def test_actor_critics_tell_chances_and_value():
    world = hunt()
    told = built(PPO, world, actor=Actor(), critic=Says([1.5])).explain(state_of(world))
    np.testing.assert_allclose(told.probabilities, [0.25, 0.5, 0.25, 0.0], atol=1e-6)
    assert told.value == 1.5
    model = built(PPO, world)
    with torch.no_grad():  # logits 0, log 2, 0, 0 and a value of 4, whatever is seen
        model.policy.net.heads.weight.zero_()
        model.policy.net.heads.bias.copy_(torch.tensor([0.0, np.log(2), 0.0, 0.0, 4.0]))
    told = model.explain(state_of(world), Seat(1, mask=np.array([[True, True, True, False]])))
    np.testing.assert_allclose(told.probabilities, [0.25, 0.5, 0.25, 0.0], atol=1e-6)
    assert told.value == 4


def test_r2d2_tells_values_on_the_scale_of_rewards():
    world = hunt()
    model = built(find_model("r2d2"), world)
    said, _ = model.action_values(model.tensors({"grid": state_of(world)[None]}), model.new_carry(1))
    told = model.explain(state_of(world))
    np.testing.assert_allclose(rescale(torch.tensor(told.values), 1e-3), said[0].detach(), atol=1e-5)


def named(learner):
    """Settings under which a learner shows all that might be disturbed: noise, a carry, stacked frames."""
    more = {"ddqn": {"noisy": True}, "ppo": {"recurrent": "gru"}, "trpo": {"recurrent": "lstm"}, "dqn": {"n_frames": 2}}
    return more.get(learner, {})


@pytest.mark.parametrize("name", sorted(set(shipped("agents")) & {
    "a2c", "ddpg", "ddqn", "dqn", "dueling", "impala", "iqn", "ppo", "pqn", "qr_dqn", "r2d2", "rainbow",
    "sac_discrete", "trpo",
}))  # fmt: skip
def test_telling_changes_nothing_and_is_the_same_before_and_after_choosing(name):
    cls, played = find_model(name), []
    for explained in (False, True):
        world = hunt(2)
        model = cls.to_play(world.observations, world.action_names, 4, named(name), 5)
        agent = Agent(world, [0, 1], model, learn=False, explore=True)
        agent.explainable = True
        actions = []
        for _ in range(12):
            before = agent.explain(world, 1, copy=1) if explained else None
            agent.transition(world)
            if explained:
                after = agent.explain(world, 1, copy=1)
                assert before.value == after.value
                for each in ("probabilities", "values"):
                    np.testing.assert_array_equal(getattr(before, each), getattr(after, each))
            actions.append(world.submitted.copy())
            world.step()
            agent.remember(world)
        played.append(actions)
    np.testing.assert_array_equal(*played)


@pytest.mark.parametrize("form", ["one_hot", "rgb"])
@pytest.mark.parametrize("cls", [QRDQN, PPO])
def test_what_is_kept_as_symbols_is_explained_before_and_after_choosing(cls, form):
    """Before the first step a stack of two is the frame seen now, behind a frame that is none."""
    world = hunt(2, observation=form)
    model = cls.to_play(world.observations, world.action_names, 4, {"n_frames": 2}, 5)
    agent = Agent(world, [0, 1], model, learn=False)
    agent.explainable = True
    assert model.kept is not None
    before = agent.explain(world, 1, copy=1)
    agent.transition(world)
    now = world.observations.observe(world, slot=1, copy=1)
    told = model.explain(np.stack([np.zeros_like(now), now]))
    for each in (before, agent.explain(world, 1, copy=1)):
        assert each.value == pytest.approx(told.value, rel=1e-5)


@pytest.mark.parametrize("form", ["rgb", "one_hot"])
@pytest.mark.parametrize("name", ["ddqn", "ppo"])
def test_who_keeps_symbols_of_what_it_sees_tells_before_choosing_too(name, form):
    """As a viewer, a film and a room of games ask: the agent has not looked at this turn yet."""
    world = hunt(2, observation=form)
    cls = find_model(name)
    model = cls.to_play(world.observations, world.action_names, 4, {"n_frames": 2} if name == "ddqn" else {}, 5)
    assert model.kept is not None
    agent = Agent(world, [0, 1], model, learn=False)
    for _ in range(3):
        before = agent.explain(world, 1, copy=1)
        agent.transition(world)
        after = agent.explain(world, 1, copy=1)
        assert np.isfinite(before.value)
        assert before.value == after.value
        world.step()
        agent.remember(world)


@pytest.mark.parametrize("form", ["symbolic", "one_hot", "rgb", "ascii"])
def test_a_goal_is_a_cell_of_the_window_in_every_form(form):
    # 2 cells ahead, 1 behind, 3 to the left, 1 to the right: 4 x 5 cells. One-hot channels come before them, pictures
    # have 8 x 8 pixels for each.
    world = hunt(observation=form, window=sorrelsim.Window(2, 1, 3, 1))
    assert world.observations.cells == (4, 5)

    class Tells(type(find_model("random")(world.observations, world.action_names))):
        def explain(self, state, seat=None):
            return Explanation(goal=goal, attention=np.ones((4, 5)), value=np.array([2.5]))

    agent = Agent(world, [0], Tells(world.observations, world.action_names), learn=False)
    goal = (3, 4)
    told = agent.explain(world, 0)
    assert (told.goal, told.value, type(told.value)) == ((3, 4), 2.5, float)
    goal = (4, 4)
    with pytest.raises(ValueError, match="a cell of the window of 4 x 5"):
        agent.explain(world, 0)


def test_each_copy_and_slot_has_its_own():
    world = hunt(2)
    agent = Agent(world, [1, 0], PPO.from_config(world.observations, world.action_names, 0, {}), learn=False)
    agent.observe(world)
    for copy in range(2):
        for slot in range(2):
            state = world.observations.observe(world, slot=slot, copy=copy)
            assert agent.explain(world, slot, copy).value == pytest.approx(agent.model.explain(state).value)
    with pytest.raises(ValueError, match=r"slot 2 is another agent's; this one plays \[1, 0\]"):
        agent.explain(world, 2)


@pytest.mark.parametrize("name", ["sac", "td3", "ppo"])
def test_of_continuous_actions_the_value_is_told(name):
    pytest.importorskip("gymnasium")
    pendulum = make_outside("gym:Pendulum-v1", n_worlds=2)
    model = find_model(name)(pendulum.observations, pendulum.action_spec, 2)
    told = Agent(pendulum, [0], model, learn=False).explain(pendulum, 0, copy=1)
    assert told.probabilities is None
    assert np.isfinite(told.value)


# ------------------------------------------------------------------------------------------------------------- bots


def told_by(cls, name, text, n_agents=1):
    """What a bot in slot 0 tells, seeing the whole map: goals are cells of the map."""
    world = sorrelsim.make(
        name, 1, 0, compiled=False, map=text, n_agents=n_agents, window="full", show_facing=True
    )  # fmt: skip
    agent = Agent(world, [0], cls(world.observations, world.action_names), learn=False)
    told = agent.explain(world, 0)
    return told.goal, told.phrase


def test_cleanups_cooperator_tells_what_it_goes_for():
    # P spawn, H river, F dirty river. One of two river cells is dirty, more than the tenth that it puts up with.
    goal = told_by(CleanupCooperator, "cleanup", "WWWWWWW\nWP  AHW\nW    FW\nWWWWWWW")
    assert goal == ((2, 5), "cleans the river")
    goal = told_by(CleanupCooperator, "cleanup", "WWWWWWW\nWP  AHW\nW    HW\nWWWWWWW")
    assert goal[0] in (None, (1, 4))  # the orchard may begin without an apple
    assert goal[1] == ("goes to eat" if goal[0] else "looks about")


def test_harvests_cooperator_tells_which_apple_can_be_spared():
    # The apples at (1, 5) and (2, 5) have four others within two cells. The agent at (1, 1) may not walk over the lone
    # apple beside it, so it takes row 2: five steps to (2, 5), six to (1, 5).
    field = "WWWWWWWW\nWPA  AAW\nW    AAW\nW    A W\nWWWWWWWW"
    assert told_by(HarvestCooperator, "harvest", field) == ((2, 5), "this apple can be spared")
    alone = "WWWWWWWW\nWPA    W\nW      W\nWWWWWWWW"
    assert told_by(HarvestCooperator, "harvest", alone) == (None, "keeps off the last apples")
    assert told_by(HarvestCooperator, "harvest", "WWWWWWWW\nWP     W\nW      W\nWWWWWWWW")[1] == "looks for apples"


def test_gatherings_defector_tells_whom_it_is_after():
    world = sorrelsim.make("gathering", 1, 0, compiled=False, map="WWWWWWW\nWP   PW\nW     W\nWWWWWWW", n_agents=2)
    told = Agent(world, [0], GatheringDefector(world.observations, world.action_names)).explain(world, 0)
    apart = world.pos[0, 1] - world.pos[0, 0]
    step = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])[world.facing[0, 0]]
    assert told.phrase == (
        "tags" if (np.sign(apart) == step).all() else "goes after it" if told.goal else "looks for apples"
    )


COINS = "WWWWWWWW\nW_o   bW\nW      W\nW_     W\nWWWWWWWW"


def test_tit_for_tat_tells_that_it_is_owed():
    world = sorrelsim.make("coins", 1, 0, compiled=False, map=COINS, window="full", show_facing=True)
    agent = Agent(world, [0], CoinsTitForTat(world.observations, world.action_names), learn=False)
    told = agent.explain(world, 0)  # slot 0 owns the orange coins
    assert (told.goal, told.phrase) == ((1, 2), "takes its own")
    agent.seat.carry["owed"][0] = 2
    told = agent.explain(world, 0)
    assert (told.goal, told.phrase) == ((1, 6), "pays back: is owed 2")
    assert agent.seat.carry["owed"][0] == 2


def test_a_model_without_anything_to_tell_says_nothing():
    world = hunt()
    random = find_model("random")(world.observations, world.action_names)
    assert Agent(world, [0], random, learn=False).explain(world, 0) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"probabilities": [0.5, 0.4]}, "add up to 1"),
        ({"probabilities": [1.5, -0.5]}, "not below 0"),
        ({"values": [[1.0]]}, "1 axes of finite numbers"),
        ({"spreads": [np.inf]}, "1 axes of finite numbers"),
        ({"value": float("nan")}, "value of an explanation is a number"),
        ({"value": [1.0, 2.0]}, "value of an explanation is a number"),
        ({"values": [np.nan, np.nan]}, "a number for one action at least"),
    ],
)
def test_what_makes_no_sense_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        Explanation(**given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"values": [1.0] * 3}, "one for each of 4 actions, got 3"),
        ({"goal": (99, 0)}, r"a cell of the window of \d+ x \d+, got \(99, 0\)"),
        ({"attention": np.ones((2, 3))}, r"attention of an explanation: \[\d+, \d+\], got \[2, 3\]"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(given, said):
    world = hunt()

    class Tells(type(find_model("random")(world.observations, world.action_names))):
        def explain(self, state, seat=None):
            return Explanation(**given)

    agent = Agent(world, [0], Tells(world.observations, world.action_names), learn=False)
    with pytest.raises(ValueError, match=said):
        agent.explain(world, 0)
