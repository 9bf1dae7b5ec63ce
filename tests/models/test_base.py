"""BaseModel, configs and checkpoints."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from fakes import CodeWorld

from sorrelsim.agents.learners.ddqn import DDQN, DDQNConfig
from sorrelsim.agents.random import Random
from sorrelsim.models.base import BaseModel, Seat, TrainingDiverged
from sorrelsim.models.checkpoint import load_tree, save_tree
from sorrelsim.models.noted import plain_losses
from sorrelsim.models.schedules import linear

SPEC, NAMES = CodeWorld().observations, ("a", "b", "c")


class Reader(BaseModel):
    """The least that a user writes."""

    def take_action(self, state):
        return int(state[0, 1, 0]) - 1


def test_a_batch_is_answered_one_by_one_unless_the_model_can_do_better():
    world = CodeWorld()
    states = world.obs.reshape(-1, 2, 3, 2)
    np.testing.assert_array_equal(Reader(SPEC, NAMES).take_actions(states), world.code.reshape(-1))
    np.testing.assert_array_equal(Reader(SPEC, NAMES).take_actions(states[:0]), [])


def test_importing_models_needs_no_torch():
    code = (
        "import sys, sorrelsim.models.base, sorrelsim.agents.random; assert not {'torch', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_are_checked():
    def build(config):
        return DDQN.from_config(SPEC, NAMES, 1, config)

    assert build({"gamma": 1, "network": {"hidden": [8]}}).config.network.hidden == (8,)
    with pytest.raises(ValueError, match="no setting 'lerning_rate'; did you mean 'learning_rate'"):
        build({"lerning_rate": 1e-3})
    with pytest.raises(ValueError, match=r"DDQN.network has no setting 'hiden'; did you mean 'hidden'"):
        build({"network": {"hiden": [8]}})
    with pytest.raises(ValueError, match=r"DDQN.batch_size must be int, got 'many'"):
        build({"batch_size": "many"})
    with pytest.raises(ValueError, match="did you mean 'cuda'"):
        build({"device": "cudda"})
    with pytest.raises(ValueError, match="exclude each other"):
        build({"target_tau": 0.1, "target_every": 10})
    with pytest.raises(ValueError, match="batch_size 64 is larger than memory_size 32"):
        build({"memory_size": 32})
    with pytest.raises(TypeError, match="takes a DDQNConfig, got dict"):
        DDQN(SPEC, NAMES, config={})


def test_random_play_honours_masks():
    mask = np.array([[True, False, True]] * 300)
    actions = Random(SPEC, NAMES).take_actions(np.zeros((300, 2, 3, 2)), Seat(300, mask=mask))
    assert set(actions.tolist()) == {0, 2}
    assert abs(actions.mean() - 1) < 0.2


def test_epsilon_falls_with_steps_unless_set():
    assert [linear(1.0, 0.2, step, 4) for step in (0, 1, 4, 9)] == pytest.approx([1.0, 0.8, 0.2, 0.2])
    model = DDQN(SPEC, NAMES, config=DDQNConfig(epsilon_start=1.0, epsilon_end=0.0, epsilon_steps=100, warmup=10**6))
    model.learn(25)
    assert model.epsilon == pytest.approx(0.75)
    model.epsilon_decay(0.2)
    assert model.epsilon == pytest.approx(0.6)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        model.set_epsilon(2)


def test_every_stream_tosses_its_own_coin():
    model = DDQN(SPEC, NAMES, seed=3)
    model.set_epsilon(0.5)
    states = np.zeros((2000, 2, 3, 2), np.uint8)
    with model.greedy():
        greedy = model.take_actions(states)
    share = (model.take_actions(states) != greedy).mean()
    assert share == pytest.approx(0.5 * 2 / 3, abs=0.05)  # a random action is the greedy one a third of the time


def test_updates_follow_steps_not_calls():
    model = DDQN(SPEC, NAMES, config=DDQNConfig(steps_between_updates=4, warmup=10))
    assert [model.updates_due(a, b) for a, b in ((0, 10), (10, 13), (13, 14), (14, 30), (0, 14))] == [
        0,
        0,
        1,
        4,
        1,
    ]


def test_losses_are_means_of_all_gradient_steps():
    model = Reader(SPEC, NAMES)
    for loss in (1.0, 2.0, 6.0):
        model.note_losses({"loss": loss})
    assert model.take_losses() == {"loss": 3.0}
    assert model.take_losses() == {}


def test_a_loss_that_is_not_finite_names_model_and_step():
    model = Reader(SPEC, NAMES)
    model.agent_steps, model.gradient_steps = 500, 7
    with pytest.raises(
        TrainingDiverged, match=r"Reader diverged at gradient step 7 .500 agent-steps.*loss=nan"
    ) as caught:
        model.note_losses(float("nan"))
    assert caught.value.gradient_step == 7


def test_a_bot_goes_on_from_its_checkpoint(tmp_path):
    states = np.zeros((50, 2, 3, 2))
    model, other = Random(SPEC, NAMES, seed=1), Random(SPEC, NAMES, seed=2)
    model.take_actions(states)
    model.save(tmp_path / "deep" / "model")
    other.load(tmp_path / "deep" / "model")
    np.testing.assert_array_equal(model.take_actions(states), other.take_actions(states))
    assert os.listdir(tmp_path / "deep") == ["model"]
    with pytest.raises(ValueError, match="holds a Random, not a Reader"):
        Reader(SPEC, NAMES).load(tmp_path / "deep" / "model")


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


@pytest.mark.parametrize("form", ["pickle", "numpy"])
def test_loading_never_executes_code(tmp_path, monkeypatch, form):
    monkeypatch.setenv("BOMB", str(tmp_path / "boom"))
    path = tmp_path / "evil"
    if form == "pickle":
        path.write_bytes(pickle.dumps(Bomb(), protocol=2))
    else:
        with path.open("wb") as file:
            np.savez(file, tree=np.array([Bomb()], object))
    for model in (Random(SPEC, NAMES), DDQN(SPEC, NAMES)):
        with pytest.raises((pickle.UnpicklingError, ValueError, RuntimeError)):
            model.load(path)
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        DDQN(SPEC, NAMES).memory.load(path)
    assert not (tmp_path / "boom").exists()


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path):
    save_tree(tmp_path / "state", {"a": np.arange(3), "b": [1, None, {"c": 2**100}]})
    with pytest.raises(TypeError, match="not object"):
        save_tree(tmp_path / "state", {"a": object()})
    tree = load_tree(tmp_path / "state")
    assert tree["b"] == [1, None, {"c": 2**100}]
    np.testing.assert_array_equal(tree["a"], np.arange(3))
    assert os.listdir(tmp_path) == ["state"]


def test_losses_have_names_that_are_text_whatever_they_were():
    assert plain_losses({1: 0.5, "loss": 2.0}, "mine") == [("1", 0.5), ("loss", 2.0)]
