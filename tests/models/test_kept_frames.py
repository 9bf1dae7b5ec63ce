"""Learners that observe pictures or channels keep symbols, and learn as if they kept what they observe, bit for bit."""

import copy
import pickle

import numpy as np
import pytest
import torch

import sorrelsim
from sorrelsim.agents.learners.a3c import A3C
from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.dqn_apex import DQNApex
from sorrelsim.agents.learners.impala import IMPALA
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.agents.learners.r2d2 import R2D2
from sorrelsim.agents.learners.sac_discrete import SACDiscrete
from sorrelsim.agents.learners.trpo import TRPO
from sorrelsim.experiments.cast import Cast, Seated
from sorrelsim.experiments.loop import Experiment
from sorrelsim.models.agent import Agent
from sorrelsim.models.memory.replay import Buffer
from sorrelsim.models.playing import play_step
from sorrelsim.models.torch.painting import MOST_CELLS, Painter
from sorrelsim.models.torch.torch_model import TorchModel
from sorrelsim.observations.kept import Kept

FORMS = [("one_hot", None), *(("rgb", size) for size in (1, 2, 4, 8))]
NETWORK = {"hidden": [16, 16]}
REPLAY = {"warmup": 20, "batch_size": 8, "memory_size": 120, "steps_between_updates": 4, "network": NETWORK}
ON_POLICY = {"n_steps": 8, "network": NETWORK}


def lived_in(name, form, size, **settings):
    """A world after some random steps, its windows as kept frames, and what it writes of them itself."""
    world = sorrelsim.make(f"pkg:{name}", 4, 1, observation=form, sprite_size=size, compiled=False, **settings)
    rng = np.random.default_rng(0)
    for _ in range(10):
        world.step(rng.integers(0, world.n_actions, (4, world.n_agents)))
    kept = Kept.of(world.observations)
    frames = kept.keep(world.symbolic.reshape(-1, *kept.shape))
    return kept, frames, world.parts["grid"].reshape(-1, *world.observations.shape)


@pytest.mark.parametrize(("form", "size"), FORMS)
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("cleanup", {}),
        ("treasure_hunt", {"looks": "individual", "show_facing": True, "window": "full"}),
        ("predator_prey", {}),  # more different cells than a table holds
    ],
)
def test_painted_as_the_world_paints(name, settings, form, size):
    """By the compiled code of the CPU and by torch's own means, in any shape; no frame is zeros, bare ground is not."""
    kept, frames, seen = lived_in(name, form, size, **settings)
    painter = Painter(kept, torch.device("cpu"))
    frames[-1], frames[-2] = 0, [*[0] * (kept.length - 1), 1]  # no frame, and nothing but ground
    given = torch.from_numpy(frames)
    seen = seen.copy()
    seen[-1], seen[-2] = 0, kept.write(frames[-2])
    assert seen[-2].any() == (form == "rgb")
    for painter_ in (painter, copy.deepcopy(painter), pickle.loads(pickle.dumps(painter))):
        np.testing.assert_array_equal(painter_(given).numpy(), seen)
    np.testing.assert_array_equal(kept.write(frames), seen)
    stacked = painter(given.view(2, 1, -1, kept.length)[:, :, ::2])
    np.testing.assert_array_equal(stacked.numpy(), seen.reshape(2, 1, -1, *seen.shape[1:])[:, :, ::2])
    if form == "one_hot":
        np.testing.assert_array_equal(painter.channels(given).numpy(), seen)
    elif painter.n_cells <= MOST_CELLS:
        with torch.inference_mode():
            np.testing.assert_array_equal(painter.looked_up(given).numpy(), seen)
        weight = torch.ones((), requires_grad=True)  # what was made where no gradients are serves where some are
        (painter.looked_up(given).float() * weight).sum().backward()
        assert weight.grad == torch.from_numpy(seen.astype(np.float32)).sum()
    else:
        assert name == "predator_prey"


def test_threads_paint_what_one_paints():
    kept, frames, _ = lived_in("treasure_hunt", "rgb", 8)
    given = torch.from_numpy(np.tile(frames, (700, 1)))  # 13 MB of pictures
    painter, before = Painter(kept, torch.device("cpu")), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = painter(given)
        for threads in (2, 4):
            torch.set_num_threads(threads)
            assert torch.equal(painter(given), alone)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("form", "size"), FORMS)
def test_pictures_are_read_back(form, size):
    kept, frames, seen = lived_in("cleanup", form, size)
    seen = np.concatenate([seen, np.zeros_like(seen[:1])]).reshape(1, -1, *seen.shape[1:])
    found = kept.read(seen)
    assert found.shape == (1, len(frames) + 1, kept.length)
    np.testing.assert_array_equal(kept.write(found), seen)
    if form == "one_hot":
        np.testing.assert_array_equal(found[0, :-1, :-1], frames[:, :-1])  # an agent off the grid may be no frame
    other = seen.copy()
    other[0, 3, 2] += 1
    with pytest.raises(ValueError, match=f"not all of its grid is what {form} shows of the ids of this world"):
        kept.read(other)


def test_ids_that_no_world_has_are_nothing():
    """From a file that somebody else wrote: compiled loops and tables follow no number beyond their end."""
    for form, size in FORMS:
        kept, frames, _ = lived_in("treasure_hunt", form, size)
        painter = Painter(kept, torch.device("cpu"))
        frames[:, :-1] = 255
        nothing = kept.write(np.concatenate([0 * frames[:, :-1], frames[:, -1:]], 1))
        np.testing.assert_array_equal(painter(torch.from_numpy(frames)).numpy(), nothing)
        by_torch = painter.channels if form == "one_hot" else painter.looked_up
        np.testing.assert_array_equal(by_torch(torch.from_numpy(frames)).numpy(), nothing)


def test_a_million_frames_of_clean_up():
    """11 x 11 cells in four layers are 484 bytes and one: 485 MB; 4 of ``ready_to_shoot``, 13 of action, reward, end.

    Pictures would be 23,232 MB. The memory is asked for and never touched, so that none of it is there.
    """
    world = sorrelsim.make("pkg:cleanup", 8, compiled=False, observation="rgb")
    settings = {"memory_size": 1_000_000, "n_frames": 4}
    ring = DDQN.from_config(world.observations, world.action_names, 8, settings).memory.ring
    arrays = [*ring.frames.values(), *ring.final.values(), ring.actions, ring.rewards, ring.kind, ring.final_index]
    assert ring.n_rows * ring.n_streams == 1_000_000
    assert sum(array.nbytes for array in arrays) == 502_000_000
    rollout = PPO.from_config(world.observations, world.action_names, 8, {"n_steps": 128, "n_frames": 4}).memory
    assert rollout.states["grid"].nbytes == 128 * 8 * 4 * 485


# Trained both ways


def make(learner, config, observed, keep):
    """A learner in a world whose episodes are short, of its own seed."""
    world = sorrelsim.make("pkg:treasure_hunt", 3, 4, max_steps=7, show_facing=True, **observed)
    made = type(learner.__name__, (learner,), {"paints": keep})
    n_streams = world.n_worlds * world.n_agents
    model = made.from_config(world.observations, world.action_names, n_streams, config, seed=2)
    return world, Agent(world, range(world.n_agents), model)


def live(world, agent, turns):
    for _ in range(turns):
        play_step(world, [agent])
    return agent.model.take_losses()


def same(one, other):
    """Compares two states, tensor by tensor; a memory's frames as they are observed."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            same(*pair)
    elif isinstance(one, np.ndarray | torch.Tensor):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    else:
        assert one == other


def shown(state, kept, agent):
    """The state of a model and its agent with frames as they are observed."""
    memory, stack = dict(state["memory"]), dict(agent.state_dict()["stack"])
    for holder, name in (("frames", "grid"), ("final", "grid"), ("arrays", "state grid")):
        if holder in memory:
            memory[holder] = {**memory[holder], name: kept.write(memory[holder][name])}
    if stack:
        stack["grid"] = kept.write(stack["grid"])
    return {**state, "memory": memory}, stack


@pytest.mark.parametrize(
    ("learner", "config", "form", "size"),
    [
        (DDQN, {**REPLAY, "n_frames": 3}, "rgb", 2),
        (PPO, {**ON_POLICY, "n_frames": 2, "recurrent": "lstm", "sequence_length": 4}, "one_hot", None),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                (DDQN, {**REPLAY, "n_frames": 3}, "one_hot", None),
                (DDQN, {**REPLAY, "network": {"kind": "conv", "hidden": [16], "channels": [4]}}, "rgb", 1),
                (PPO, {**ON_POLICY, "n_frames": 3, "n_minibatches": 3}, "rgb", 2),
                (A3C, {**ON_POLICY, "recurrent": "gru", "sequence_length": 4}, "rgb", 1),
                (IMPALA, {**ON_POLICY, "sequence_length": 4, "n_frames": 2}, "rgb", 1),
                (TRPO, ON_POLICY, "one_hot", None),
                (DQNApex, {**REPLAY, "n_frames": 2}, "rgb", 1),
                (SACDiscrete, REPLAY, "rgb", 1),
                (R2D2, {**REPLAY, "sequence_length": 4, "burn_in": 2, "memory_size": 240, "n_frames": 2}, "rgb", 1),
            )
        ),
    ],
)
def test_learning_is_that_of_who_keeps_what_is_observed(learner, config, form, size, tmp_path):
    """Episodes end every seven turns, memories go round, and one learner goes on from a checkpoint of the other's."""
    observed = {"observation": form, "sprite_size": size}
    (world, keeps), (other_world, stores) = (make(learner, config, observed, keep) for keep in (True, False))
    assert keeps.model.kept is not None
    assert stores.model.kept is None
    for turns in (25, 20):
        losses, others = live(world, keeps, turns), live(other_world, stores, turns)
        assert losses
        assert losses == others
    kept, state, before = keeps.model.kept, keeps.model.state_dict(), stores.model.state_dict()
    assert state["gradient_steps"] > 3
    with_pictures, stack = shown(state, kept, keeps)
    same(with_pictures, before)
    same(stack, dict(stores.state_dict()["stack"]))

    # What was written by who kept pictures, as all did before, goes on here.
    stores.model.save(tmp_path / "before", memory=True)
    third_world, third = make(learner, config, observed, True)
    third.model.load(tmp_path / "before")
    third.load_state_dict(stores.state_dict())
    third_world.set_state(other_world.get_state())
    assert live(third_world, third, 20) == live(world, keeps, 20)
    same(shown(third.model.state_dict(), kept, third), shown(keeps.model.state_dict(), kept, keeps))

    # And so does what is written here.
    keeps.model.save(tmp_path / "now", memory=True)
    fourth_world, fourth = make(learner, config, observed, True)
    fourth.model.load(tmp_path / "now")
    fourth.load_state_dict(keeps.state_dict())
    fourth_world.set_state(world.get_state())
    live(fourth_world, fourth, 10)
    live(world, keeps, 10)
    same(fourth.model.state_dict(), keeps.model.state_dict())


def test_what_is_observed_can_be_shown_to_it_too():
    """Whoever asks a learner by hand hands over what the world shows."""
    world, agent = make(DDQN, {**REPLAY, "n_frames": 2}, {"observation": "rgb"}, True)
    live(world, agent, 3)
    states = agent.observe(world)
    agent.model.epsilon = 0.0
    chosen = agent.model.take_actions(states)
    np.testing.assert_array_equal(agent.model.take_actions(agent.model.kept.write(states)), chosen)
    assert agent.model.take_action(agent.model.kept.write(states)[0]) == chosen[0]


def test_others_get_what_is_observed():
    """A model with a memory of its own, and one whose observations are symbolic or come from elsewhere."""

    class Own(sorrelsim.BaseModel):
        def take_action(self, state):
            assert state.shape == self.observations.shape
            return 0

        def train_step(self):
            states = self.memory.sample(4).states
            assert states.shape == (4, *self.observations.shape)
            return float(states.mean())

    world = sorrelsim.make("pkg:treasure_hunt", 2, observation="rgb", compiled=False)
    agent = Agent(world, [0, 1], Own(world.observations, world.action_names, 4))
    world.submit([0, 1], np.zeros((2, 2), int))
    for _ in range(3):
        play_step(world, [agent])
    assert isinstance(agent.model.memory, Buffer)
    assert agent.model.train_step() > 10
    plain = sorrelsim.make("pkg:treasure_hunt", 2, compiled=False)
    assert DDQN.from_config(plain.observations, plain.action_names, 4, REPLAY).kept is None


def test_an_experiment_is_evaluated_as_before(monkeypatch):
    """With a world that has numbers beside its grid, two learners, and evaluation by fresh seats."""
    config = {
        "world": {"name": "pkg:gift", "observation": "rgb", "sprite_size": 1},
        "seats": [
            {"model": "ppo", "slots": [0], "config": {**ON_POLICY, "n_frames": 2}},
            {"model": "ddqn", "slots": [1, 2, 3, 4, 5], "config": REPLAY},
        ],
        "epochs": 2, "turns": 30, "n_worlds": 2, "evaluation": {"every": 1, "n_worlds": 2, "max_turns": 20}, "seed": 3,
    }  # fmt: skip
    rows = []
    for keep in (True, False):
        if not keep:
            monkeypatch.setattr("sorrelsim.models.torch.torch_model.Kept.of", lambda observed: None)
        experiment = Experiment(config)
        assert all((model.kept is not None) == keep for model in experiment.models if isinstance(model, TorchModel))
        found = list(experiment.epochs())
        rows.append([{k: v for k, v in row.items() if "second" not in k} for row in found])
    assert repr(rows[0]) == repr(rows[1])


def test_players_of_single_streams():
    """As studies of who meets whom seat them: each model in streams of its own, fewer once episodes are over."""
    world = sorrelsim.make("pkg:treasure_hunt", 6, 1, observation="rgb", sprite_size=1, max_steps=[4, 4, 4, 9, 9, 9])
    acted = []
    for keep in (True, False):
        made = type("PPO", (PPO,), {"paints": keep})
        model = made.from_config(world.observations, world.action_names, 0, {**ON_POLICY, "n_frames": 2}, seed=1)
        world.reset(1)
        everybody = {(0, slot): Seated(model) for slot in range(2)}
        cast = Cast(world, np.zeros((6, 2), int), everybody)
        cast.reseed(5)
        for _ in range(8):
            cast.transition(world)
            acted.append(world.submitted.copy())
            world.step()
            cast.remember(world)
    np.testing.assert_array_equal(acted[:8], acted[8:])


def test_a_world_without_symbols_says_what_to_do():
    """One of somebody's own that hands on what a world of ours shows."""

    class Around:
        def __init__(self, world):
            self.world = world

        def __getattr__(self, name):
            if name.endswith("symbolic_parts"):
                raise AttributeError(name)
            return getattr(self.world, name)

    world = Around(sorrelsim.make("pkg:treasure_hunt", observation="rgb", compiled=False))
    model = PPO.from_config(world.observations, world.action_names, 2, ON_POLICY)
    with pytest.raises(ValueError, match="the world has no symbolic_parts: say paints = False"):
        Agent(world, [0, 1], model)
    plain = type("PPO", (PPO,), {"paints": False}).from_config(world.observations, world.action_names, 2, ON_POLICY)
    live(world, Agent(world, [0, 1], plain), 9)
    assert plain.gradient_steps == 8  # four minibatches, twice


def test_a_world_of_other_sprites_is_refused():
    """Ids are the same, so that what it learned fits; but what it keeps are ids, which it would paint as at home."""
    home, away = (sorrelsim.make("pkg:treasure_hunt", observation="rgb", compiled=False) for _ in range(2))
    model = PPO.from_config(home.observations, home.action_names, 2, ON_POLICY)
    Agent(away, [0, 1], model)
    away.observations.looks[1:] //= 2
    assert not np.array_equal(home.observations.looks, away.observations.looks)
    with pytest.raises(ValueError, match="sprites, which the model paints with: make it anew for this world"):
        Agent(away, [0, 1], model)
    anew = PPO.from_config(away.observations, away.action_names, 2, ON_POLICY)
    anew.load_state_dict(model.state_dict())
    Agent(away, [0, 1], anew)
