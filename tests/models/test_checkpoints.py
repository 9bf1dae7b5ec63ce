"""Checkpoints of a run: what a diverged model leaves behind, what is in a file, and what going on from one gives."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from sorrelsim.experiments import run_folder as runs
from sorrelsim.experiments.config import read_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.run import load_run, run
from sorrelsim.models.base import BaseModel, TrainingDiverged
from sorrelsim.models.checkpoint import load_tree

IQN = {"network": {"hidden": [8]}, "warmup": 16, "batch_size": 8, "memory_size": 400, "steps_between_updates": 8}
PPO = {"network": {"hidden": [8]}, "n_steps": 8, "n_minibatches": 1}


def experiment(tmp_path, **changes):
    """Slot 0 and slot 1 of treasure hunt, two copies, epochs of 10 turns: 20 agent-steps a seat and epoch."""
    settings = {
        "name": "tiny",
        "world": {"name": "treasure_hunt", "max_steps": 10, "compiled": False},
        "seats": [
            {"slots": [0], "model": "iqn", "config": IQN, "name": "left"},
            {"slots": [1], "model": "iqn", "config": IQN, "name": "right"},
        ],
        "n_worlds": 2,
        "epochs": 4,
        "turns": 10,
        "save_every": 2,
        "evaluation": {"n_worlds": 1, "every": 0, "gif_turns": 0},
        "runs": str(tmp_path / "runs"),
    }
    return Experiment(read_config(settings | changes))


def poison_from_epoch(experiment, epoch, model):
    """Rewards in a model's memory are NaN from the start of an epoch on."""

    def spoil(**now):
        if now["epoch"] == epoch:
            model.memory.ring.rewards[:] = np.nan

    model.start_epoch_action = spoil


def weights(state):
    return {name: tensor.numpy().copy() for name, tensor in state["networks"]["online"].items()}


def test_a_nan_loss_stops_the_run_and_names_seat_model_step_and_the_last_good_checkpoint(tmp_path):
    """Epochs 1 and 2 are sound and end with a checkpoint; the right model is poisoned in epoch 3."""
    training = experiment(tmp_path)
    left, right = training.models
    poison_from_epoch(training, 3, right)
    kept = {}

    def keep(**now):
        kept[now["epoch"]] = weights(right.state_dict())

    right.end_epoch_action = keep
    folder = runs.new_folder(tmp_path, "run")
    with pytest.raises(TrainingDiverged) as caught:
        run(training, folder)
    said, path = str(caught.value), folder / "models" / "right.safetensors"
    # The warm-up of 16 leaves 24 of epoch 2's 40 agent-steps: 3 gradient steps. The next falls due at 48, the fourth
    # agent.remember of epoch 3 (two agent-steps each), and counts as taken although it changed nothing.
    assert said.startswith("seat right: training of IQN diverged at gradient step 4 (48 agent-steps): loss=nan")
    assert said.endswith(f"go on from the last good checkpoint: {path}")
    assert training.turns == 23  # the 24th is not finished
    assert runs.read_metrics(folder)["epoch"].tolist() == [1, 2]
    # It loads, and it is the model of the end of epoch 2, also for load_run.
    fresh = experiment(tmp_path).models[1]
    fresh.load(path)
    assert fresh.agent_steps == 40
    assert fresh.gradient_steps == 3
    for name, array in weights(fresh.state_dict()).items():
        np.testing.assert_array_equal(array, kept[2][name])
    loaded = load_run(folder)
    assert [agent.model.agent_steps for agent in loaded.agents(loaded.world(1))] == [40, 40]
    # What the diverged model came to lies beside it, its networks as they were before the bad step.
    fresh.load(folder / "models" / "right_diverged.safetensors")
    assert fresh.agent_steps == 48
    assert all(np.isfinite(array).all() for array in weights(fresh.state_dict()).values())
    assert left.gradient_steps == 4  # the left one had its turn first


def test_a_model_that_diverges_at_once_can_go_back_to_its_beginning(tmp_path):
    training = experiment(tmp_path)
    first = weights(training.models[1].state_dict())
    poison_from_epoch(training, 2, training.models[1])
    folder = runs.new_folder(tmp_path, "run")
    training.models[1].end_epoch_action = lambda **now: None
    with pytest.raises(TrainingDiverged, match=r"seat right: .*models/right\.safetensors$"):
        run(training, folder)
    fresh = experiment(tmp_path, seats=[{"slots": "all", "model": "iqn", "config": IQN}]).models[0]
    fresh.load(folder / "models" / "right.safetensors")
    assert fresh.agent_steps == 0
    for name, array in weights(fresh.state_dict()).items():
        np.testing.assert_array_equal(array, first[name])


class Diverges(BaseModel):
    """A model of a user's own that learns at the end of an epoch, and spoils its own weight in doing so."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.weight = np.ones(3)

    def take_action(self, state):
        return 0

    def end_epoch_action(self, epoch):
        if epoch == 3:
            self.weight[:] = np.nan
            self.note_losses({"loss": 0.5, "penalty": math.inf})

    def state_dict(self, memory=True):
        return super().state_dict(memory) | {"weight": self.weight}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.weight = np.array(state["weight"])


def test_a_model_that_spoiled_itself_does_not_overwrite_what_was_good(tmp_path):
    training = experiment(tmp_path)
    right = training.models[1] = Diverges(training.world.observations, training.world.action_names, 2)
    training.agents[1].model = right
    training.agents[1].seat.carry = {}
    folder = runs.new_folder(tmp_path, "run")
    with pytest.raises(
        TrainingDiverged, match=r"seat right: training of Diverges .*penalty=inf.*models/right\.safetensors$"
    ):
        run(training, folder)
    right.load(folder / "models" / "right.safetensors")
    assert right.weight.tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", ["iqn", "ddqn", "ppo"])
def test_a_checkpoint_is_tensors_and_plain_data_and_survives_a_renamed_network(tmp_path, kind):
    """Nothing in the file names a class, so that moving or renaming one of ours breaks no checkpoint."""
    seat = {"slots": "all", "model": kind, "config": PPO if kind == "ppo" else IQN}
    training = experiment(tmp_path, seats=[seat], epochs=1)
    list(training.epochs())
    (model,) = training.models
    model.save(tmp_path / "model.safetensors", memory=True)
    assert b"sorrelsim.models" not in (tmp_path / "model.safetensors").read_bytes()

    def walk(node):
        if isinstance(node, dict):
            return [leaf for value in node.values() for leaf in walk(value)]
        return [leaf for value in node for leaf in walk(value)] if isinstance(node, list) else [node]

    leaves = walk(load_tree(tmp_path / "model.safetensors"))
    assert {type(leaf) for leaf in leaves} <= {np.ndarray, int, float, str, bool, type(None)}
    assert len(load_file(tmp_path / "model.safetensors")) == sum(isinstance(leaf, np.ndarray) for leaf in leaves)
    other = experiment(tmp_path, seats=[seat], seed=5).models[0]
    for net in other.networks.values():
        net.__class__ = type("Renamed", (type(net),), {"__module__": "elsewhere"})
    other.load(tmp_path / "model.safetensors")
    for name, net in model.networks.items():
        for key, tensor in net.state_dict().items():
            assert torch.equal(tensor, other.networks[name].state_dict()[key])
    assert dataclasses.asdict(other.config) == dataclasses.asdict(model.config)


def test_every_models_loss_is_logged_and_the_loss_is_their_mean(tmp_path):
    """Three learners of three kinds; what each says of itself in `take_losses` is in the row under its seat's name."""
    seats = [
        {"slots": [0], "model": "iqn", "config": IQN},
        {"slots": [1], "model": "ppo", "config": PPO},
        {"slots": [2], "model": "ddqn", "config": IQN},
        {"slots": [3], "model": "random"},
    ]
    world = {"name": "treasure_hunt", "compiled": False, "n_agents": 4}
    training = experiment(tmp_path, seats=seats, world=world, epochs=2)
    noted = {}
    for place, model in training.learners:

        def note(losses, seat=place.name, before=model.note_losses):
            noted.setdefault(seat, []).append(losses["loss"])
            before(losses)

        model.note_losses = note
    rows = training.epochs()
    for _ in range(2):
        noted.clear()
        row = next(rows)
        means = {name: np.mean(losses) for name, losses in noted.items()}
        assert {name: row[f"loss_{name}"] for name in means} == pytest.approx(means)
    assert set(means) == {"iqn", "ppo", "ddqn"}
    assert row["loss"] == pytest.approx(np.mean(list(means.values())))
    assert len(set(means.values())) == 3
