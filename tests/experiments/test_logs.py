"""What TensorBoard and Weights & Biases are told: the numbers of metrics.csv, each step once, whatever happens."""

import csv
import errno
import math
import subprocess
import sys
import types

import numpy as np
import pytest

from sorrelsim.experiments import logs
from sorrelsim.experiments.config import ConfigError, read_config
from sorrelsim.experiments.logs import TensorBoardLog, scalars
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.resume import resume
from sorrelsim.experiments.run import run

SMALL = {"n_steps": 5, "n_minibatches": 1, "network": {"hidden": [8]}}
SETTINGS = {
    "name": "x",
    "world": {"name": "treasure_hunt", "max_steps": 5, "compiled": False},
    "seats": [{"slots": [0], "model": "ppo", "config": SMALL}, {}],
    "n_worlds": 2, "epochs": 3, "turns": 10, "evaluation": {"n_worlds": 1, "gif_turns": 0, "every": 2},
}  # fmt: skip


def experiment(place, **changes):
    return Experiment(read_config(SETTINGS | {"runs": str(place)} | changes))


def shown(folder):
    """What TensorBoard itself reads out of a run folder: tag to [(step, value)]."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def written(folder):
    """What TensorBoard is to show, from metrics.csv: column to [(step, value)]."""
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if name not in ("agent_steps", "env_steps", "eval_way")]
    every = {name: [(int(row["agent_steps"]), np.float32(row[name])) for row in rows] for name in columns}
    known = {name: [(step, value) for step, value in each if np.isfinite(value)] for name, each in every.items()}
    return {name: each for name, each in known.items() if each}


def test_tensorboard_shows_the_numbers_of_metrics_csv(tmp_path):
    folder = run(experiment(tmp_path))
    found = shown(folder)
    assert {tag.partition("/")[2]: values for tag, values in found.items()} == written(folder)
    assert {"metrics/return_mean", "agents/return_0", "learning/loss_ppo", "evaluation/eval_return_mean"} <= set(found)
    assert [step for step, _ in found["metrics/return_mean"]] == [40, 80, 120]  # 10 turns, 2 copies, 2 agents
    assert [step for step, _ in found["evaluation/eval_return_mean"]] == [80, 120]


def test_after_a_resume_no_step_stands_twice(tmp_path):
    """Stopped in the middle of the second epoch, whose row is then written for the half that was played."""
    half = experiment(tmp_path, checkpoint={"epochs": 1})
    step = half.world.step

    def stopping(*arguments):
        if half.turns == 14:
            half.stop()
        return step(*arguments)

    half.world.step = stopping
    folder = run(half)
    assert [step for step, _ in shown(folder)["clock/epoch"]] == [40, 60]
    resume(folder)
    assert [step for step, _ in shown(folder)["clock/epoch"]] == [40, 80, 120]
    assert {tag.partition("/")[2]: values for tag, values in shown(folder).items()} == written(folder)
    resume(folder, ["epochs=4"])
    assert [step for step, _ in shown(folder)["clock/epoch"]] == [40, 80, 120, 160]
    assert {tag.partition("/")[2]: values for tag, values in shown(folder).items()} == written(folder)


def test_tensorboard_can_be_turned_off(tmp_path):
    assert not (run(experiment(tmp_path, tensorboard=False)) / "tensorboard").exists()


def attempt(what, write):
    """As the keeper of a run writes: an error of the disk is survived."""
    try:
        write()
    except OSError:
        return False
    return True


def test_a_full_disk_loses_no_row(tmp_path, monkeypatch):
    """Rows that cannot be written are kept, and written with the next that can."""
    log, real = TensorBoardLog(tmp_path / "tensorboard", attempt), logs.append

    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(logs, "append", full)
    log.epoch({"agent_steps": 1, "return_mean": 0.25})
    log.epoch({"agent_steps": 2, "return_mean": 0.5})
    monkeypatch.setattr(logs, "append", real)
    log.close()
    assert shown(tmp_path)["metrics/return_mean"] == [(1, 0.25), (2, 0.5)]


def test_a_file_that_a_kill_cut_short_is_read_up_to_there(tmp_path):
    log = TensorBoardLog(tmp_path / "tensorboard", attempt)
    for step in (1, 2):
        log.epoch({"agent_steps": step, "return_mean": step})
    log.path.write_bytes(log.path.read_bytes()[:-3])
    assert shown(tmp_path)["metrics/return_mean"] == [(1, 1.0)]


def test_numbers_are_grouped_into_charts_that_belong_together():
    row = {
        "epoch": 1, "agent_steps": 10, "env_steps": 5, "return_mean": 0.123456789, "return_0": math.nan, "gems_1": 2,
        "loss": 0.5, "loss_iqn_0": 0.25, "eval_return_0": 1.0, "eval_way": "greedy", "seconds": 3.0,
    }  # fmt: skip
    assert scalars(row, ["iqn_0"]) == {
        "clock/epoch": 1, "metrics/return_mean": 0.123457, "agents/gems_1": 2, "learning/loss": 0.5,
        "learning/loss_iqn_0": 0.25, "evaluation/eval_return_0": 1.0, "clock/seconds": 3.0,
    }  # fmt: skip


def test_writing_events_imports_neither_torch_nor_tensorflow(tmp_path):
    code = (
        "import sys, pathlib, importlib.util\n"
        "from sorrelsim.experiments.logs import TensorBoardLog\n"
        "before = set(sys.modules)\n"
        "log = TensorBoardLog(pathlib.Path('t'), lambda what, write: write() or True)\n"
        "log.epoch({'agent_steps': 1, 'return_mean': 0.5})\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'torch', 'tensorflow', 'grpc', 'pandas', 'scipy', 'werkzeug'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ------------------------------------------------------------------------------------------------- Weights & Biases


@pytest.fixture
def wandb(monkeypatch):
    """A stand-in for the package, which notes what it is told; the real one ignores steps that go back."""
    told = types.SimpleNamespace(inits=[], rows=[], finished=0)

    class Run:
        def log(self, values, step):
            told.rows.append((step, values))

        def finish(self):
            told.finished += 1

    def init(**settings):
        if settings["project"] == "forbidden":
            raise module.errors.Error("api_key not configured")
        told.inits.append(settings)
        return Run()

    module = types.ModuleType("wandb")
    module.init, module.Settings = init, lambda **settings: settings
    module.errors = types.SimpleNamespace(Error=type("Error", (Exception,), {}))
    module.__spec__ = types.SimpleNamespace(name="wandb")
    monkeypatch.setitem(sys.modules, "wandb", module)
    return told


def test_weights_and_biases_is_told_every_row_once(tmp_path, wandb):
    asked = {"project": "shared", "group": "coins", "mode": "offline"}
    folder = run(experiment(tmp_path, wandb=asked))
    (given,) = wandb.inits
    assert [given[key] for key in ("project", "group", "mode", "name", "resume")] == [
        "shared", "coins", "offline", "x-001", "allow",
    ]  # fmt: skip
    assert given["config"]["seats"][0]["config"]["n_steps"] == 5
    assert [step for step, _ in wandb.rows] == [40, 80, 120]
    assert wandb.finished == 1
    told = {}
    for step, values in wandb.rows:
        for tag, value in values.items():
            told.setdefault(tag.partition("/")[2], []).append((step, np.float32(value)))
    assert told == written(folder)

    resume(folder, ["epochs=4"])
    assert wandb.inits[1]["id"] == given["id"]
    assert [step for step, _ in wandb.rows] == [40, 80, 120, 160]


def test_weights_and_biases_says_no(tmp_path, wandb):
    with pytest.raises(ConfigError, match=r"api_key not configured.*'wandb login'.*offline"):
        run(experiment(tmp_path, wandb={"project": "forbidden"}))


def test_without_the_package_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"wandb\.project is 'p'.*pip install 'sorrelsim\[wandb\]'"):
        experiment(tmp_path, wandb={"project": "p"})
    assert not list(tmp_path.iterdir())
