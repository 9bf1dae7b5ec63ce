"""A run that was stopped or killed goes on as if nothing had: every tensor and every number, bit for bit."""

import csv
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

from sorrelsim.experiments.config import read_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.resume import resume, state_of
from sorrelsim.experiments.run import run
from sorrelsim.models.checkpoint import load_tree

CLOCK = ("seconds", "steps_per_second")
REPLAY = {
    "network": {"hidden": [8]}, "warmup": 20, "batch_size": 4, "memory_size": 240, "steps_between_updates": 6,
    "n_step": 3, "epsilon_steps": 300, "anneal_steps": 2000,
}  # fmt: skip
POLICY = {"network": {"hidden": [8]}, "n_steps": 8, "n_minibatches": 2, "n_epochs": 2, "sequence_length": 4}
HUNT = {"name": "treasure_hunt", "max_steps": 13, "compiled": False, "n_agents": 3, "spawn_probability": 0.05}
IQN = {"model": "iqn", "config": REPLAY | {"noisy": True, "dueling": True}}
DDQN = {"model": "ddqn", "config": REPLAY | {"n_frames": 3}}
PPO = {"model": "ppo", "config": POLICY}


def settings(folder, seats, world=HUNT, **changes):
    base = {
        "name": "r", "world": world, "seats": seats, "n_worlds": 2, "epochs": 4, "turns": 17, "seed": 5,
        "evaluation": {"n_worlds": 2, "max_turns": 20, "gif_turns": 0, "every": 3}, "runs": str(folder),
    }  # fmt: skip
    return read_config(base | changes)


def leaves(node, place=""):
    """Every number and array of a tree, by its place."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(value, f"{place}.{key}")
    else:
        yield place, node


def rows_of(folder, name="metrics.csv"):
    with (folder / name).open() as file:
        return [{key: value for key, value in row.items() if key not in CLOCK} for row in csv.DictReader(file)]


def assert_equal(folder, other):
    """All that two runs keep is the same: rows, models, and the whole states that they would go on from."""
    assert rows_of(folder) == rows_of(other)
    if (folder / "sweep.csv").exists():
        assert rows_of(folder, "sweep.csv") == rows_of(other, "sweep.csv")
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.safetensors"))
    assert files == sorted(str(path.relative_to(other)) for path in other.rglob("*.safetensors"))
    assert len(files) > 1
    for name in files:
        ours, theirs = (dict(leaves(load_tree(place / name))) for place in (folder, other))
        assert ours.keys() == theirs.keys()
        for place, value in ours.items():
            if not place.startswith((".seconds", ".chance")):  # the clock, and generators that nothing here draws from
                np.testing.assert_array_equal(value, theirs[place], f"{name}{place}", strict=True)


@pytest.fixture
def no_curves(monkeypatch):
    """Runs draw nothing, which takes longer than all else here."""
    monkeypatch.setattr("sorrelsim.experiments.run.draw_run", lambda *_: None)


def stopping_at(experiment, turn):
    """Stops an experiment after a turn, as Ctrl-C does."""
    step = experiment.world.step

    def counted(*actions):
        if experiment.turns == turn - 1:
            experiment.stop()
        return step(*actions)

    experiment.world.step = counted
    return experiment


COINS = {"name": "coins", "compiled": False, "max_steps": 11}
KINDS = {
    "iqn, noisy and dueling, beside a bot with a course": ([IQN | {"slots": [1]}, {"model": "random"}], HUNT, {}),
    "ddqn of stacked frames, shared": ([DDQN | {"slots": "all"}], HUNT, {}),
    "ddqn of stacked frames, each its own": ([DDQN], HUNT, {}),
    "prioritised": ([{"model": "ddqn", "config": REPLAY | {"prioritised": True}}], HUNT, {}),
    "ppo": ([PPO | {"slots": "all", "identity": True}], HUNT, {}),
    "gru": ([{"model": "ppo", "config": POLICY | {"recurrent": "gru", "recurrent_size": 6}}], HUNT, {}),
    "lstm": ([{"model": "ppo", "config": POLICY | {"recurrent": "lstm", "recurrent_size": 6}}], HUNT, {}),
    "all three": ([IQN | {"slots": [0]}, DDQN | {"slots": [1]}, PPO | {"slots": [2]}], HUNT, {}),
    "a bot that wanders": ([PPO | {"slots": [0]}, {"model": "coins_cooperator"}], COINS, {}),
    "inequity aversion": ([PPO | {"reward": "inequity_aversion"}], COINS, {}),
    "common rewards, rgb": ([PPO | {"reward": "common"}], COINS | {"observation": "rgb"}, {}),
    "a sweep": ([DDQN], HUNT | {"gem_value": [1.0, 2.0]}, {}),
    "threads": ([IQN], HUNT | {"compiled": True}, {"threads": 2}),
    "nobody learns": ([{"model": "random"}], HUNT, {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_stop_and_resume_equals_not_stopping(tmp_path, kind, no_curves):
    """Stopped in the middle of the second epoch, gone on with, stopped at the third's last turn, gone on with."""
    seats, world, changes = KINDS[kind]
    whole = run(Experiment(settings(tmp_path, seats, world, **changes)))
    folder = run(stopping_at(Experiment(settings(tmp_path, seats, world, **changes)), 26))
    assert state_of(folder) == "unfinished"
    assert len(rows_of(folder)) == 2  # the second one as far as it got
    assert resume(folder) == folder
    assert state_of(folder) == "finished"
    assert_equal(whole, folder)


@pytest.mark.parametrize("turn", [1, 17, 18, 51, 68])
def test_it_may_be_stopped_at_any_turn(tmp_path, turn, no_curves):
    """The first, an epoch's last, the next one's first, the last of an epoch that is evaluated, the last of all."""
    seats = [IQN | {"slots": [0]}, PPO | {"slots": "all"}]
    whole = run(Experiment(settings(tmp_path, seats)))
    folder = run(stopping_at(Experiment(settings(tmp_path, seats)), turn))
    assert state_of(folder) == ("finished" if turn == 68 else "unfinished")
    if turn < 68:
        resume(folder)
    assert_equal(whole, folder)


@pytest.mark.parametrize("epochs", [2, 3])
def test_a_finished_run_may_be_trained_longer(tmp_path, epochs, no_curves):
    """An evaluation that is due at the end alone leaves no trace; that of epoch 3 is due in both."""
    seats = [DDQN | {"slots": [0, 2]}, PPO | {"slots": "all"}]
    whole = run(Experiment(settings(tmp_path, seats, epochs=5)))
    folder = run(Experiment(settings(tmp_path, seats, epochs=epochs)))
    assert state_of(folder) == "finished"
    resume(folder, ["epochs=5"])
    assert_equal(whole, folder)


# ------------------------------------------------------------------------------------------------------------- kills


def killed(place, arguments, chance):
    """Trains in a process of its own, and kills it some milliseconds after it began to play; whether it was in time."""
    command = [sys.executable, "-m", "sorrelsim", "train", *arguments]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()  # the title, when all is loaded
    time.sleep(chance.random() * 0.6)
    process.send_signal(signal.SIGKILL)
    _, error = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), error
    return process.returncode != 0


def assert_equal_after_kills(tmp_path, seats, kills, seed):
    """Kills a run again and again, with a whole state saved after every epoch, and compares with a run left alone."""
    changes = {
        "seats": seats, "turns": 6, "epochs": 25 * kills, "snapshots": [3, 20], "best": "reward_mean",
    }  # fmt: skip
    whole = run(Experiment(settings(tmp_path / "whole", **changes)))
    plain = yaml.safe_load((whole / "config.yaml").read_text()) | {"runs": "runs", "checkpoint": {"epochs": 1}}
    (tmp_path / "k.yaml").write_text(yaml.safe_dump(plain))
    chance, folder = random.Random(seed), tmp_path / "runs" / "r-001"
    arguments, n, states = ["k.yaml"], 0, set()
    for _ in range(kills):
        n += killed(tmp_path, arguments, chance)
        states.add(state := state_of(folder))
        if state == "finished":
            break
        arguments = ["--resume", str(folder)]
        if state == "absent":  # killed before there was a config
            shutil.rmtree(folder, ignore_errors=True)
            arguments = ["k.yaml"]
    assert n >= min(3, kills), "it was finished too soon"
    if state_of(folder) != "finished":
        resume(folder)
    assert_equal(whole, folder)
    print(f"{n} kills, in states {states}")


def test_kills_at_random_moments_change_nothing(tmp_path):
    seats = [IQN | {"slots": [0]}, DDQN | {"slots": [1]}, PPO | {"slots": [2]}]
    assert_equal_after_kills(tmp_path, seats, 3, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seat", [IQN, DDQN, PPO], ids=["iqn", "ddqn", "ppo"])
def test_twenty_kills_change_nothing(tmp_path, seat):
    assert_equal_after_kills(tmp_path, [seat | {"slots": "all"}], 20, seed=2)
