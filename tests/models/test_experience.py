"""Every player is told what happened, wherever it plays: a bot that reacts to rewards keeps its strategy."""

import numpy as np
import pytest
import torch
from fakes import CodeWorld, play

import sorrelsim
from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.iqn import IQN
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.experiments.config import read_config
from sorrelsim.experiments.evaluation import film, play_episodes
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.run import load_run, run
from sorrelsim.library.transforms import make_transform
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.rewards import TRANSFORMS
from sorrelsim.models.seat import Seat
from sorrelsim.play.opponents import seat_opponents
from sorrelsim.play.session import Session

TIT_FOR_TAT = '''"""Moves while it is paid well, holds still while it is paid badly; keeps what it was told."""

import numpy as np

from sorrelsim.models.base import BaseModel, as_parts

TOLD = []


class TitForTat(BaseModel):
    """Keeps its mood {where}."""

    def new_carry(self, n_streams):
        return {{"mood": np.zeros(n_streams)}}

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.mood = np.zeros(self.n_streams)

    def take_action(self, state):
        raise NotImplementedError

    def take_actions(self, states, seat=None):
        mood = {mood}
        return np.where(mood < 0, self.action_names.index("noop"), self.rng.integers(4, size=len(mood)))

    def remember(self, t):
        mood = {told}
        TOLD.append((mood.copy(), t.action.copy(), t.reward.copy(), self.action_names.index("noop")))
        mood[:] = 0.5 * mood + t.reward
'''
PLACES = {
    "in its seat": {"where": "in its seat", "mood": 'seat.carry["mood"]', "told": 't.seat.carry["mood"]'},
    "on itself": {"where": "on itself", "mood": "self.mood", "told": "self.mood"},
}


def strategy(told, n_streams, in_seat):
    """Says whether all that was told fits one strategy, and how often it was in a bad mood."""
    assert told
    held = 0
    for k, (mood, action, reward, noop) in enumerate(told):
        assert mood.shape == action.shape == reward.shape == (n_streams,)
        assert (action[mood < 0] == noop).all()
        held += int((mood < 0).sum())
        if k + 1 < len(told):  # an episode's end forgets the seat's mood
            after, expected = told[k + 1][0], 0.5 * mood + reward
            assert (np.isclose(after, expected) | (in_seat & (after == 0))).all()
    return held


@pytest.mark.parametrize(
    ("where", "reward"),
    [("in its seat", "individual"), ("on itself", {"name": "inequity_aversion", "alpha": 1.0})],
)
def test_a_bot_with_a_mood_plays_one_strategy_in_training_evaluation_films_and_watch(tmp_path, where, reward):
    path = tmp_path / "tit_for_tat.py"
    path.write_text(TIT_FOR_TAT.format(**PLACES[where]))
    seat = {"slots": "each", "model": str(path), "learn": False, "reward": reward}
    config = {
        "world": {"name": "coins", "max_steps": 60, "compiled": False, "coin_probability": 0.05},
        "seats": [seat],
        "n_worlds": 3,
        "epochs": 1,
        "turns": 60,
        "evaluation": {"n_worlds": 5, "every": 1, "gif_turns": 0},
        "runs": str(tmp_path / "runs"),
    }
    training = Experiment(read_config(config))
    told = module_of(training.models[0]).TOLD
    paths = {}

    def heard(name, n_streams):
        per_bot = [told[k::2] for k in range(2)]
        paths[name] = sum(strategy(bot, n_streams, where == "in its seat") for bot in per_bot)
        told.clear()

    rows = list(training.epochs())
    heard("training", 3)
    before = [(model.mood.copy(), model.rng.bit_generator.state) for model in training.models]
    training.evaluate()
    heard("evaluation", 5)
    training.record(60)
    heard("film", 1)
    for (mood, drawn), model in zip(before, training.models, strict=True):
        np.testing.assert_array_equal(mood, model.mood)
        assert drawn == model.rng.bit_generator.state
    assert rows
    folder = run(Experiment(read_config(config)))
    found = load_run(folder, trust=True)  # the bot's file lies elsewhere than in ./agents
    world = found.world(4)
    agents = found.agents(world)
    told = module_of(agents[0].model).TOLD
    told.clear()
    play_episodes(world, agents, 60)
    heard("eval", 4)
    one = found.world(1)
    told.clear()
    film(one, found.agents(one), 60)
    heard("film of eval", 1)
    one = found.world(1)
    agents, labels = seat_opponents(one, str(folder), trust=True)
    told = module_of(agents[0].model).TOLD
    told.clear()
    session = Session(one, agents, labels)
    for _ in range(55):
        session.step({})
    heard("watch", 1)
    assert all(held > 0 for held in paths.values()), paths  # it did react in every one of them


def module_of(model):
    import sys

    return sys.modules[type(model).__module__]


class Witness(BaseModel):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.told, self.learned = [], 0

    def take_action(self, state):
        return 0

    def remember(self, t):
        self.told.append((t.seat.learn, t.reward.copy(), t.ended.copy(), t.final_obs is None))

    def learn(self, n_steps):
        self.learned += 1


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_rewards_are_transformed_in_every_seat_as_in_training(transform):
    worlds = [CodeWorld(n_worlds=2, n_agents=3, length=3) for _ in range(2)]
    models = [Witness(world.observations, world.action_names, 4) for world in worlds]
    for world, model, learn in zip(worlds, models, (True, False), strict=True):
        play([Agent(world, [0, 2], model, make_transform(transform), learn=learn)], world, 8)
    assert [m.learned for m in models] == [8, 0]
    for learning, only_told in zip(*(m.told for m in models), strict=True):
        assert (learning[0], only_told[0]) == (True, False)
        for ours, theirs in zip(learning[1:], only_told[1:], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", [IQN, DDQN, PPO])
def test_a_learner_does_nothing_with_what_it_does_not_learn_from(kind):
    world = CodeWorld(n_worlds=6)
    model = kind.from_config(world.observations, world.action_names, 8, {"network": {"hidden": [8]}})
    before = {name: torch.cat([p.flatten() for p in net.parameters()]) for name, net in model.networks.items()}
    agent = Agent(world, [0, 1], model, learn=False)
    model.take_seat = None  # not asked
    play([agent], world, 300)
    assert (model.agent_steps, model.gradient_steps, len(model.memory)) == (0, 0, 0)
    for name, net in model.networks.items():
        assert torch.equal(before[name], torch.cat([p.flatten() for p in net.parameters()]))


@pytest.mark.parametrize(
    ("kind", "learn", "explore", "explores"),
    [
        (DDQN, True, None, True),
        (DDQN, False, None, False),
        (DDQN, False, True, True),
        (DDQN, True, False, False),
        (IQN, False, None, False),
        (PPO, False, None, True),
        (PPO, False, False, False),
        (Witness, False, None, True),
    ],
)
def test_learners_explore_and_frozen_players_play_as_they_are_meant_to(kind, learn, explore, explores):
    world = CodeWorld()
    model = kind(world.observations, world.action_names, 8)
    assert Agent(world, [0, 1], model, learn=learn, explore=explore).seat.explore is explores
    assert kind.plays == ("greedy" if kind in (DDQN, IQN) else "sampled")


def test_a_frozen_seat_of_a_config_is_greedy_unless_told_to_explore():
    def seats(**keys):
        seat = {"slots": "each", "model": "ddqn", "config": {"network": {"hidden": [4]}}}
        world = {"name": "treasure_hunt", "compiled": False}
        training = Experiment(read_config({"world": world, "seats": [seat | keys], "n_worlds": 2}))
        model, agent = training.models[0], training.agents[0]
        model.set_epsilon(1.0)
        states = agent.observe(training.world)
        chosen = [model.take_actions(states, agent.seat).tolist() for _ in range(20)]
        return len(set(map(tuple, chosen)))

    assert seats(learn=False) == 1
    assert seats(learn=False, explore=True) > 1
    assert seats() > 1
    assert seats(explore=False) == 1


def test_one_memory_is_filled_by_one_agent():
    world, elsewhere = CodeWorld(n_worlds=4), CodeWorld(n_worlds=4)
    model = DDQN.from_config(world.observations, world.action_names, 4, {"memory_size": 400, "warmup": 10**6})
    first = Agent(world, [0], model)
    for place, slot in ((world, 1), (elsewhere, 0), (world, 0)):
        with pytest.raises(ValueError, match=r"learns in another Agent already.*slots=\[0, 1\]"):
            Agent(place, [slot], model)
    Agent(elsewhere, [1], model, learn=False)  # to be watched it may sit where it will
    bot = Witness(world.observations, world.action_names, 4)
    assert len([Agent(world, [slot], bot) for slot in (0, 1)]) == 2  # nothing is filled
    play([first], world, 3)
    del first
    second = Agent(elsewhere, [0], model)  # and the steps of the two do not run on into each other
    play([second], elsewhere, 3)
    kinds = model.memory.ring.kind[: model.memory.ring.size, 0].tolist()
    assert kinds == [0, 0, 0, 3, 0, 0, 0]


@pytest.mark.parametrize("n_step", [1, 3])
def test_a_reset_by_hand_is_a_boundary_in_a_replay_memory(n_step):
    """Clocks run from 20 on in every episode, so that a window that crossed the reset would show."""
    world = CodeWorld(n_worlds=2, n_agents=1, length=100)
    config = {"memory_size": 200, "warmup": 10**6, "n_frames": 2, "n_step": n_step}
    model = DDQN.from_config(world.observations, world.action_names, 2, config)
    agent = Agent(world, [0], model)
    agent.reset()  # nothing runs yet
    assert len(model.memory) == 0
    for _ in range(4):
        play([agent], world, 5)
        world.turn[:] = 0
        world.obs = world._observe()
        agent.reset()
    batch = model.memory.sample(40)
    now, following = batch.states[:, -1, 1, 2, 1].astype(int), batch.next_states[:, -1, 1, 2, 1].astype(int)
    sound = batch.valid > 0
    assert sound.any()
    assert (following == now + n_step)[sound].all()


def test_a_reset_by_hand_is_an_end_in_a_rollout():
    """gamma .5: of an end with r + .5 v' = v the step has no error; a stream that had ended stays as it was."""
    world = CodeWorld(n_worlds=2, n_agents=1, length=3)  # copy 0 ends with its third step
    model = PPO.from_config(world.observations, world.action_names, 2, {"n_steps": 8, "gamma": 0.5})
    agent = Agent(world, [0], model)
    agent.reset()
    play([agent], world, 3)
    m = model.memory
    assert m.ended[2].tolist() == [True, False]
    known = m.final_values[2, 0]
    agent.reset()
    assert m.ended[2].tolist() == [True, True]
    assert not m.terminated[:3].any()
    assert m.final_values[2, 0] == known
    assert m.rewards[2, 1] + 0.5 * m.final_values[2, 1] == pytest.approx(m.values[2, 1], abs=1e-6)
    play([agent], world, 4)
    model._next_value[:] = 1000.0
    np.testing.assert_allclose(model.advantages()[2, 1], 0, atol=1e-5)


def test_a_model_beside_itself_keeps_its_state_but_not_its_seat():
    world = CodeWorld()
    bot = Witness(world.observations, world.action_names, 4, seed=3)
    bot.rng.random(7)
    other = bot.beside(9)
    assert (type(other), other.n_streams, other.told) == (Witness, 9, [])
    assert other.rng.random() == bot.rng.random()
    learner = DDQN(world.observations, world.action_names, 4)
    assert learner.beside(9) is learner


def test_epsilon_can_be_assigned():
    bot = Witness(CodeWorld().observations, ("a",), 1)
    bot.epsilon = 0.5
    assert bot.epsilon == 0.5
    bot.epsilon_decay(0.5)
    assert bot.epsilon == 0.25
    with pytest.raises(ValueError, match=r"0\.\.1"):
        bot.epsilon = 1.5
    assert not bot.explores(Seat(1, explore=False))


def test_a_spec_observes_one_slot_of_one_copy():
    for form in ("symbolic", "one_hot", "rgb", "ascii"):
        world = sorrelsim.make("coins", n_worlds=3, seed=1, compiled=False, observation=form)
        spec = world.observations
        for copy in range(3):
            for slot in range(2):
                seen = spec.observe(world, slot, copy)
                for name, part in world.parts.items():
                    np.testing.assert_array_equal(seen[name], part[copy, slot])
        seen["own_colour"][:] = 7
        assert (world.parts["own_colour"] != 7).all()
    with pytest.raises(ValueError, match="no slot 2; this world has slots 0 to 1"):
        spec.observe(world, slot=2)
    with pytest.raises(ValueError, match="no copy -1; this world has copies 0 to 2"):
        spec.observe(world, copy=-1)


@pytest.mark.parametrize("change", ["from the start", "later"])
def test_a_bot_is_told_what_a_person_did_in_its_place(change):
    """The agent in slot 1 chooses action 0 always; a person who sits there makes it turn: its index is told."""
    world = sorrelsim.make("treasure_hunt", compiled=False)
    bots = [Watchful(world.observations, world.action_names) for _ in range(2)]
    agents = [Agent(world, [k], bot, learn=False) for k, bot in enumerate(bots)]
    session = Session(world, agents, ["", ""], [1] if change == "from the start" else [0])
    if change == "later":
        session.sit(0, 1)
    session.step({1: 2})
    session.step({1: 3})
    assert [bot.done for bot in bots] == [[0, 0], [2, 3]]


def test_a_person_does_not_act_in_place_of_an_agent_that_learns():
    world = sorrelsim.make("treasure_hunt", compiled=False)
    models = [DDQN.from_config(world.observations, world.action_names, 1) for _ in range(2)]
    agents = [Agent(world, [k], model, learn=k == 1) for k, model in enumerate(models)]
    with pytest.raises(ValueError, match="the agent in slot 1 learns from its own actions"):
        Session(world, agents, ["", ""], [1])
    session = Session(world, agents, ["", ""], [0])
    with pytest.raises(ValueError, match="learn=False"):
        session.sit(0, 1)


class Watchful(BaseModel):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.done = []

    def take_action(self, state):
        return 0

    def remember(self, t):
        self.done += t.action.tolist()
