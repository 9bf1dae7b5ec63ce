"""What a run has learned is kept: through kills at any moment, full disks, and names that mean the same file."""

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from sorrelsim.experiments import keeping
from sorrelsim.experiments import run_folder as runs
from sorrelsim.experiments.checkpoints import checkpoints
from sorrelsim.experiments.config import ConfigError, read_config
from sorrelsim.experiments.keeping import NotSaved
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.resume import resume, state_of
from sorrelsim.experiments.run import load_run, run
from sorrelsim.experiments.seating import seating
from sorrelsim.writing import is_temporary

SETTINGS = {
    "world": {"name": "treasure_hunt", "max_steps": 10, "compiled": False},
    "n_worlds": 2,
    "turns": 5,
    "evaluation": {"n_worlds": 1, "gif_turns": 3},
    "save_every": 1,
}
SMALL = {"n_steps": 5, "n_minibatches": 1, "network": {"hidden": [8]}}


def experiment(folder, **changes):
    return Experiment(read_config({**SETTINGS, "seats": [{}], "epochs": 6, "runs": str(folder)} | changes))


def steps_of(folder):
    """The agent-steps that each saved model has seen: all alike if they are of one epoch."""
    loaded = load_run(folder)
    return [agent.model.agent_steps for agent in loaded.agents(loaded.world(1))]


# ------------------------------------------------------------------------------------------------------------- kills


def killed_at_a_random_moment(place, chance):
    """Trains in a process of its own, kills it some milliseconds after its first epoch; returns the run folder."""
    config = SETTINGS | {"seats": [{"model": "random", "config": {}}], "turns": 1, "epochs": 10**6}
    (place / "k.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "sorrelsim", "train", "k.yaml"]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metrics = place / "runs" / "k-001" / "metrics.csv"
    waited = time.monotonic() + 60
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < waited:
        time.sleep(0.01)
    time.sleep(chance.random() * 0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return metrics.parent


def assert_sound_after_kills(tmp_path, n, seed):
    chance = random.Random(seed)
    litter = 0
    for k in range(n):
        place = tmp_path / str(k)
        place.mkdir()
        folder = killed_at_a_random_moment(place, chance)
        litter += sum(is_temporary(path) for path in folder.rglob("*"))
        epochs = runs.read_metrics(folder)["epoch"]
        np.testing.assert_array_equal(epochs, np.arange(1, len(epochs) + 1))
        steps = steps_of(folder)
        assert len(set(steps)) == 1
        assert steps[0] / 2 - len(epochs) in (0, -1, 1)  # two copies, one turn an epoch: the last epoch, or near it
        assert {path.name for path in folder.iterdir()} <= {
            "config.yaml", "run.yaml", "code", "metrics.csv", "models", "checkpoint", "tensorboard"
        }  # fmt: skip
    print(f"{litter} temporary files in {n} kills")


def test_kills_at_random_moments_leave_a_sound_run(tmp_path):
    assert_sound_after_kills(tmp_path, 3, seed=1)


@pytest.mark.slow
def test_thirty_kills_leave_sound_runs(tmp_path):
    assert_sound_after_kills(tmp_path, 30, seed=2)


def test_the_next_run_of_that_name_tidies_up(tmp_path):
    folder = runs.new_folder(tmp_path, "x")
    litter = folder / f".models.{'0' * 8}-1-{'0' * 8}.beside"  # of another machine, two days ago
    litter.mkdir()
    os.utime(litter, (0, 0))
    runs.new_folder(tmp_path, "x")
    assert list(folder.iterdir()) == []


def test_a_row_that_a_kill_cut_short_is_left_out(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,return_mean,eval_way\r\n1,0.5,\r\n2,0.25,greedy\r\n3,0.")
    metrics = runs.read_metrics(tmp_path)
    assert metrics["return_mean"].tolist() == [0.5, 0.25]
    assert metrics["eval_way"].tolist() == ["", "greedy"]


# -------------------------------------------------------------------------------------------------------- full disks


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk):
    with (disk / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def filled_in_epoch(training, full, emptied=None):
    """Fills the disk at the start of an epoch, and empties it at the start of another."""
    disk = Path(training.config.runs)

    def start(epoch):
        if epoch == full:
            fill(disk)
        if epoch == emptied:
            (disk / "ballast").unlink()

    training.models[0].start_epoch_action = start
    return training


@pytest.mark.parametrize("model", ["random", "ppo"])
def test_a_disk_that_is_full_for_a_while_costs_nothing(small_disk, capsys, model):
    seats = [{"model": model, "config": SMALL if model == "ppo" else {}}]
    world = SETTINGS["world"] | {"gem_value": [1.0, 2.0]}
    training = filled_in_epoch(experiment(small_disk, seats=seats, world=world), 3, 5)
    folder = run(training)
    assert runs.read_metrics(folder)["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert load_run(folder).sweep()["epoch"].tolist() == [k for k in range(1, 7) for _ in range(2)]
    assert steps_of(folder) == [60, 60]
    assert (folder / "curve.png").exists()
    told = [line for line in capsys.readouterr().err.splitlines() if "models" in line]
    assert len(told) == 3, told  # it failed, what is saved, and that it went well again
    assert "No space left on device" in told[0]
    assert f"the last that are saved are those of epoch 2, in {folder / 'models'}" in told[1]
    assert told[2] == "models could be written again"


def test_a_disk_that_stays_full_loses_no_row_and_no_checkpoint(small_disk, monkeypatch, capsys):
    monkeypatch.setattr(keeping, "PAUSE", 0.01)
    training = filled_in_epoch(experiment(small_disk, epochs=60), 3)
    with pytest.raises(NotSaved) as caught:
        run(training)
    folder = next(small_disk.glob("treasure_hunt-*"))
    said = str(caught.value)
    assert f"The last that are saved are those of epoch 2, in {folder / 'models'}" in said
    epochs = runs.read_metrics(folder)["epoch"].tolist()
    assert 2 <= len(epochs) < 60  # some rows still found room in the file's last block
    assert epochs == list(range(1, len(epochs) + 1))
    assert f"not saved: {60 - len(epochs)} rows of metrics.csv: [Errno 28] No space left on device" in said
    assert steps_of(folder) == [20, 20]
    assert not [path for path in folder.rglob("*") if is_temporary(path)]
    assert capsys.readouterr().err.count("metrics.csv could not be written") == 1  # once, not every epoch


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_disk_that_takes_nothing_leaves_the_last_checkpoint_whole(small_disk, tmp_path, monkeypatch, capsys, trouble):
    monkeypatch.setattr(keeping, "PAUSE", 0.01)
    seats = [{"model": "ppo", "config": SMALL}]
    changes = {"seats": seats, "checkpoint": {"epochs": 1}, "name": "k"}
    whole = run(experiment(tmp_path, **changes))
    training = experiment(small_disk, **changes)
    if trouble == "full":
        filled_in_epoch(training, 4)
    else:

        def start(epoch):
            if epoch == 4:
                subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

        training.models[0].start_epoch_action = start
    with contextlib.suppress(NotSaved):
        run(training)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("checkpoint could not")]
    assert len(told) == 1
    assert ("No space left on device" if trouble == "full" else "Read-only file system") in told[0]
    if trouble == "full":
        (small_disk / "ballast").unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    folder = small_disk / "k-001"
    assert state_of(folder) == "unfinished"
    (last,) = checkpoints(folder)
    assert last.progress.epoch == 3
    resume(folder)
    for column, values in load_run(whole).metrics().items():
        if column not in ("seconds", "steps_per_second"):
            np.testing.assert_array_equal(load_run(folder).metrics()[column], values, column)
    for name in ("models", "checkpoint/turn_000000030/models"):
        for path in (whole / name).glob("*.safetensors"):
            assert path.read_bytes() == (folder / name / path.name).read_bytes()


def test_a_column_that_comes_late_on_a_full_disk_takes_no_row(tmp_path, monkeypatch):
    log = runs.MetricsLog(tmp_path / "metrics.csv")
    for epoch in range(1, 100):
        log.add({"epoch": epoch})
    before = log.path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            log.add({"epoch": 100, "loss": 1.0})
    assert log.path.read_bytes() == before
    assert log.waiting == 1
    log.flush()
    found = runs.read_metrics(tmp_path)
    assert found["epoch"].tolist() == list(range(1, 101))
    assert found["loss"][-1] == 1


def test_half_a_row_on_a_full_disk_is_taken_back(tmp_path, monkeypatch):
    log = runs.MetricsLog(tmp_path / "metrics.csv")
    log.add({"epoch": 1})
    before, write, calls = log.path.read_bytes(), os.write, []

    def half(handle, data):
        calls.append(data)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[:1])

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", half)
        with pytest.raises(OSError, match=r"No space left on device: .*metrics\.csv"):
            log.add({"epoch": 2})
    assert log.path.read_bytes() == before
    log.add({"epoch": 3})
    assert runs.read_metrics(tmp_path)["epoch"].tolist() == [1, 2, 3]


# ------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name",
    ["../../../x", "a/b", "a\\b", "..", ".", "", ".hidden", "a\nb", "a\0b", "/tmp/x", "C:x", "nul", "CON.pt", "x" * 101,
     " a", "a ", "a.", "a_diverged", "~/x", "a*"],
)  # fmt: skip
def test_a_seat_s_name_is_a_plain_file_name(tmp_path, name):
    with pytest.raises(ConfigError, match="is no name for a seat" if name else "at least 1 character") as caught:
        experiment(tmp_path, seats=[{"name": name}])
    assert "seats.0" in str(caught.value)


@pytest.mark.parametrize(
    "names",
    [["a", "a", "a_0"], ["a_0", "a", "a"], ["a", "A", "a"], ["a", "a", "a_1"], ["a", "a", "A_0"], ["a_0_2", "a", "A"],
     [None, "random", "RANDOM_0"], ["Straße", "STRASSE", "strasse_0"], ["left", "right", "middle one-2.0"]],
)  # fmt: skip
def test_every_seat_has_a_file_of_its_own_in_any_case(tmp_path, names):
    seats = [{"slots": [slot], "name": name} for slot, name in enumerate(names)]
    places = seating(read_config(SETTINGS | {"seats": seats}), 3)
    assert len({place.name.casefold() for place in places}) == 3
    training = experiment(tmp_path, seats=seats, world=SETTINGS["world"] | {"n_agents": 3}, epochs=1)
    folder = run(training)
    assert len(list((folder / "models").iterdir())) == 3
    wanted = [name or "random" for name in names]
    for given, place in zip(wanted, places, strict=True):
        if [name.casefold() for name in wanted].count(given.casefold()) == 1:
            assert place.name == given  # who is alone with a name keeps it
