"""What is learned depends neither on the number of threads nor on OMP_NUM_THREADS: they are set first, in one place."""

import json
import os
import subprocess
import sys

import pytest
import torch

from sorrelsim.models import threads
from sorrelsim.play.opponents import seat_opponents

TRAIN = """
import hashlib, json, sys
from sorrelsim import Experiment
learners = {
    "ppo": {"n_steps": 16, "n_minibatches": 2},
    "ppo_lstm": {"n_steps": 16, "n_minibatches": 1, "recurrent": "lstm"},
    "ddqn": {"warmup": 30},
    "iqn": {"warmup": 30, "noisy": True},
}
found = {}
for name, config in learners.items():
    config = {**config, "network": {"hidden": [128, 128]}}
    experiment = Experiment({
        "world": {"name": "treasure_hunt", "compiled": False, "max_steps": 20}, "n_worlds": 2, "epochs": 2,
        "turns": 30, "seats": [{"slots": "all", "model": name.split("_")[0], "config": config}],
        "evaluation": {"n_worlds": 2}, **json.loads(sys.argv[1]),
    })
    weights = hashlib.sha256()
    for network in experiment.models[0].networks.values():
        for tensor in network.state_dict().values():
            weights.update(tensor.numpy().tobytes())
    rows = [*experiment.epochs(), experiment.evaluate()] if len(sys.argv) == 2 else []
    rows = [{key: repr(row[key]) for key in sorted(row) if "second" not in key} for row in rows]
    found[name] = [weights.hexdigest(), rows]
print(json.dumps(found))
"""


def learned(omp, *arguments, **settings):
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, json.dumps(settings), *arguments],
        env=os.environ | {"OMP_NUM_THREADS": str(omp)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_nothing_that_is_learned_depends_on_the_threads_of_the_machine():
    one, two, seven = learned(1), learned(2), learned(7)
    assert one == two == seven
    # and initial weights not on the threads that the config gives the networks
    assert {name: found[0] for name, found in learned(2, "weights", torch_threads=2).items()} == {
        name: found[0] for name, found in one.items()
    }


@pytest.fixture
def many():
    before, wanted = torch.get_num_threads(), threads._wanted
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
    threads._wanted = wanted


def test_windows_and_measurements_set_the_threads_too(many):
    import sorrelsim

    world = sorrelsim.make("treasure_hunt", compiled=False)
    seat_opponents(world, "iqn")
    assert torch.get_num_threads() == 1


def test_eval_sets_the_threads_of_its_run(many, tmp_path):
    from sorrelsim.experiments.loop import Experiment
    from sorrelsim.experiments.run import load_run, run

    world = {"name": "treasure_hunt", "compiled": False, "max_steps": 5}
    folder = run(Experiment({"world": world, "seats": [{}], "n_worlds": 1, "epochs": 1, "turns": 5,
                             "evaluation": {"n_worlds": 1, "gif_turns": 0}, "runs": str(tmp_path)}))  # fmt: skip
    torch.set_num_threads(2)
    loaded = load_run(folder)
    loaded.agents(loaded.world(1))
    assert torch.get_num_threads() == 1


def test_a_number_of_threads_is_at_least_one():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        threads.set_network_threads(0)
