"""A model written as the field's tutorials say: an action for one state, a memory that is there, a step of training."""

import numpy as np
import pytest
import torch

import sorrelsim
from sorrelsim.experiments.config import read_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel, TrainingDiverged
from sorrelsim.models.memory.replay import Buffer
from sorrelsim.models.noted import plain_losses
from sorrelsim.models.playing import play_step

N_CODES, BATCH = 32, 64


class LikeJax:
    """An array of a library that is not here: what all of them have."""

    def __init__(self, values):
        self.values = values

    def tolist(self):
        return self.values


FORMS = {
    "number": float,
    "numpy number": np.float32,
    "sequence": lambda loss: [float(loss), float(loss)],
    "array": lambda loss: np.full((2, 2), loss),
    "tensor": lambda loss: torch.tensor(float(loss), requires_grad=True) * 1.0,
    "tensors": lambda loss: (torch.full((3,), float(loss)), torch.tensor(float(loss))),
    "jax": lambda loss: LikeJax([[float(loss)]]),
    "dict": lambda loss: {"loss": torch.tensor([float(loss)]), "twice": [2 * float(loss)]},
}


class Tutorial(BaseModel):
    """Linear values of one-hot cells, learned by Q-learning with a target that is copied at the end of an epoch."""

    form = "number"

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.weights = np.zeros((int(np.prod(self.observations.shape)) * N_CODES + 1, self.action_space))
        self.target = self.weights.copy()
        self.set_epsilon(0.3)
        self.epochs = []

    def features(self, states):
        flat = np.asarray(states).reshape(len(states), -1)
        return np.hstack([np.eye(N_CODES)[flat].reshape(len(flat), -1), np.ones((len(flat), 1))])

    def take_action(self, state: np.ndarray) -> int:
        if self.rng.random() < self.epsilon:
            return int(self.rng.integers(self.action_space))
        cells = np.arange(state.size) * N_CODES + state.reshape(-1)
        return int(np.argmax(self.weights[cells].sum(0) + self.weights[-1]))

    def set_epsilon(self, new_epsilon: float) -> None:
        self.epsilon = new_epsilon

    def train_step(self):
        states, actions, rewards, next_states, dones, valid = self.memory.sample(batch_size=BATCH)
        now, following = self.features(states), self.features(next_states)
        target = rewards + 0.8 * (1 - dones) * (following @ self.target).max(1)
        error = (target - (now @ self.weights)[np.arange(BATCH), actions]) * valid
        for action in range(self.action_space):
            mine = actions == action
            self.weights[:, action] += 0.04 * now[mine].T @ error[mine] / BATCH
        return FORMS[self.form](np.mean(error**2))

    def start_epoch_action(self, **kwargs):
        self.epochs.append(kwargs["epoch"])
        self.memory.add_empty()

    def end_epoch_action(self, **kwargs):
        self.target = self.weights.copy()
        self.epsilon_decay(0.3)


def experiment(tmp_path, epochs, turns):
    config = {
        "world": {"name": "treasure_hunt"},
        "seats": [{"slots": "all", "model": "random"}],
        "n_worlds": 8,
        "epochs": epochs,
        "turns": turns,
        "evaluation": {"n_worlds": 16, "gif_turns": 0},
        "runs": str(tmp_path),
    }
    training = Experiment(read_config(config))
    world = training.world
    model = Tutorial(world.observations, world.action_names, 16)
    training.models[0] = model
    training.agents[0] = Agent(world, [0, 1], model)
    training._players[0].agent = training.agents[0]
    return training, model


def test_it_learns_treasure_hunt(tmp_path):
    """Random play gets about 12; a linear value of what lies next to oneself is far better."""
    training, model = experiment(tmp_path, epochs=12, turns=100)
    rows = list(training.epochs())
    assert model.epochs == list(range(1, 13))
    assert model.gradient_steps == 1139  # once a turn from 1,000 agent-steps on
    assert model.memory.capacity == 100_000
    assert model.epsilon == pytest.approx(0.3 * 0.7**12)
    assert np.isfinite(rows[-1]["loss"])
    assert rows[0]["return_mean"] < 20
    assert rows[-1]["return_mean"] > 60, [row["return_mean"] for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_its_losses_may_be_of_any_form(tmp_path, form, monkeypatch):
    noted = {}
    for each in ("number", form):
        monkeypatch.setattr(Tutorial, "form", each)
        training, model = experiment(tmp_path, epochs=1, turns=70)
        list(training.epochs())
        model.train_step()
        noted[each] = model.gradient_steps, model.note_losses(model.train_step()), model.take_losses()
    assert noted[form][0] > 0
    assert noted[form][2]["loss"] == pytest.approx(noted["number"][2]["loss"], rel=1e-5)
    assert all(type(value) is float for value in noted[form][2].values())
    assert ("twice" in noted[form][2]) == (form == "dict")


def test_losses_are_detached_and_those_of_no_form_are_refused():
    leaf = torch.ones(3, requires_grad=True)
    assert plain_losses({"a": leaf * 2, "b": [1, np.float64(2), (leaf.sum(),)], "c": None}, "M") == [
        *[("a", 2.0)] * 3,
        ("b", 1.0),
        ("b", 2.0),
        ("b", 3.0),
    ]
    assert plain_losses(torch.tensor(1.5, dtype=torch.bfloat16), "M") == [("loss", 1.5)]
    assert plain_losses([], "M") == plain_losses(None, "M") == []
    for wrong in ("much", b"1", {"loss": "much"}, [object()], 1j, {1, 2}):
        with pytest.raises(TypeError, match=r"M: a loss is .*allowed: numbers, tensors, arrays"):
            plain_losses(wrong, "M")


@pytest.mark.parametrize("form", FORMS)
def test_a_loss_of_any_form_that_is_not_finite_stops_training(form):
    world = sorrelsim.make("treasure_hunt", compiled=False)
    model = Tutorial(world.observations, world.action_names, 2)
    with pytest.raises(TrainingDiverged, match="Tutorial"):
        model.note_losses(FORMS[form](np.nan))


def test_the_memory_that_is_there_is_the_tutorials():
    """S, A, R, D go in one by one, S, A, R, S', D and whether it is valid come out; frames are stacked."""
    world = sorrelsim.make("treasure_hunt", seed=3, compiled=False)
    model = Tutorial(world.observations, world.action_names)
    assert isinstance(model.memory, Buffer)
    told = []
    for t in range(40):
        seen = world.observations.observe(world, slot=1, copy=0)
        action = model.take_action(seen)
        world.step(np.array([[0, action]]))
        told.append((seen, action, float(world.reward[0, 1]), t % 10 == 9))
        model.memory.add(*told[-1])
    np.testing.assert_array_equal(model.memory.current_state()[0], told[-1][0])
    states, actions, rewards, next_states, dones, valid = model.memory.sample(40)
    assert states.shape == next_states.shape == (40, *world.observations.shape)
    frames = np.array([seen for seen, *_ in told])
    assert valid.any()
    for k in np.flatnonzero(valid):
        drawn = states[k], actions[k], rewards[k], dones[k]
        # Two steps may be alike: one of them has what came next.
        found = [t for t, each in enumerate(told) if is_step(each, *drawn)]
        assert found
        assert dones[k] or any(np.array_equal(next_states[k], frames[t + 1]) for t in found)
    model.memory.add_empty()
    assert not model.memory.current_state().any()
    other = Tutorial(world.observations, world.action_names)
    other.memory.add_from_buffer(model.memory)
    assert len(other.memory) == 42  # its own boundary, and one after


def is_step(told, state, action, reward, done):
    """Whether a step drawn is one that was told."""
    seen, acted, paid, ended = told
    return np.array_equal(seen, state) and (acted, paid, float(ended)) == (action, reward, done)


def test_a_memory_takes_the_steps_of_another():
    from sorrelsim.observations.spec import ObservationSpec, Part

    spec = ObservationSpec({"grid": Part((1,), np.dtype(np.uint8))})
    one, two = Buffer(spec, 40, 2, n_step=2, gamma=0.5), Buffer(spec, 14, 2, n_step=2, gamma=0.5)
    for t in range(10):  # the ring of 7 rows has gone round: 3 to 9 are left
        ends = np.array([t == 4, t == 7])
        finals = np.full((int(ends.sum()), 1), 100 + t) if ends.any() else None
        two.add(np.array([[t], [50 + t]]), t % 3, float(t), ends & [True, False], ends & [False, True], finals)
    one.add(np.full((2, 1), 200), 0, 1.0, False)
    one.add_from_buffer(two)
    one.add(np.full((2, 1), 201), 0, 1.0, False)
    seen = {}
    for _ in range(40):
        batch = one.sample(20)
        for k in np.flatnonzero(batch.valid):
            seen[int(batch.states[k, 0])] = (
                float(batch.rewards[k]),
                int(batch.next_states[k, 0]),
                float(batch.dones[k]),
            )
    # n-step 2, gamma .5: r_t + .5 r_{t+1}; 4 ended by termination and 57 by a limit, 8 and 9 have no step after next.
    assert seen == {
        3: (5.0, 104, 1.0),
        4: (4.0, 104, 1.0),
        **{t: (t + 0.5 * (t + 1), t + 2, 0.0) for t in (5, 6, 7)},
        **{50 + t: (t + 0.5 * (t + 1), 52 + t, 0.0) for t in (3, 4, 5)},
        56: (6 + 3.5, 107, 0.0),
        57: (7.0, 107, 0.0),
    }
    with pytest.raises(ValueError, match=r"holds 3 streams of grid\[1\] uint8; this one 2"):
        one.add_from_buffer(Buffer(spec, 40, 3))
    with pytest.raises(ValueError, match="to itself"):
        one.add_from_buffer(one)


def test_the_tutorials_constructor_is_told_what_to_give_instead():
    world = sorrelsim.make("treasure_hunt", compiled=False)
    for size in (25, (5, 5), [75]):
        with pytest.raises(TypeError, match=r"world\.observations and world\.action_names; got"):
            Tutorial(size, 4, 1000, 0.1)
    assert Tutorial(world.observations, world.action_names).input_size == world.observations.input_size


def test_a_model_without_a_step_of_training_has_no_memory():
    class Bot(BaseModel):
        def take_action(self, state):
            return 0

    world = sorrelsim.make("treasure_hunt", compiled=False)
    bot = Bot(world.observations, world.action_names, 2)
    play_step(world, [Agent(world, [0, 1], bot)])
    assert bot.memory is None
    assert bot.train_step() == 0
