"""A run that was stopped or killed goes on as if nothing had: every tensor and every number, bit for bit."""

import csv
import dataclasses
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from sorrelsim.agents.random import Random
from sorrelsim.cli.app import app
from sorrelsim.experiments.checkpoints import Progress, checkpoints
from sorrelsim.experiments.config import ConfigError, read_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.resume import reopen, resume, state_of
from sorrelsim.experiments.run import load_run, run
from sorrelsim.experiments.run_folder import alone_in
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
RAINBOW = {"model": "rainbow", "config": REPLAY | {"n_atoms": 5}}
R2D2 = {"model": "r2d2", "config": REPLAY | {"sequence_length": 4, "burn_in": 2, "recurrent_size": 6}}
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
    "rainbow": ([RAINBOW | {"slots": "all"}], HUNT, {}),
    "r2d2, each its own": ([R2D2], HUNT, {}),
    "ppo": ([PPO | {"slots": "all", "identity": True}], HUNT, {}),
    "gru": ([{"model": "ppo", "config": POLICY | {"recurrent": "gru", "recurrent_size": 6}}], HUNT, {}),
    "lstm": ([{"model": "ppo", "config": POLICY | {"recurrent": "lstm", "recurrent_size": 6}}], HUNT, {}),
    "pqn": ([{"model": "pqn", "config": POLICY | {"recurrent": "gru", "recurrent_size": 6}}], HUNT, {}),
    "trpo": ([{"model": "trpo", "config": POLICY}], HUNT, {}),
    "all three": ([IQN | {"slots": [0]}, DDQN | {"slots": [1]}, PPO | {"slots": [2]}], HUNT, {}),
    "a bot that wanders": ([PPO | {"slots": [0]}, {"model": "coins_cooperator"}], COINS, {}),
    "inequity aversion": ([PPO | {"reward": "inequity_aversion"}], COINS, {}),
    "common rewards, rgb": ([PPO | {"reward": "common"}], COINS | {"observation": "rgb", "sprite_size": 2}, {}),
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


# ------------------------------------------------------------------------------------------ what is kept, and refused


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of three epochs, with the two newest checkpoints, snapshots and the best models."""
    seats = [DDQN | {"slots": [0]}, {"model": "random"}]
    changes = {"epochs": 3, "snapshots": [1, 2], "best": "reward_mean", "checkpoint": {"epochs": 1, "newest": 2}}
    return run(Experiment(settings(tmp_path_factory.mktemp("finished"), seats, **changes)))


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "r")


def test_the_newest_checkpoints_are_kept(finished):
    last, before = (each.progress for each in checkpoints(finished))
    best = pytest.approx(load_run(finished).metrics()["reward_mean"][:2].max(), rel=1e-4)
    assert before == Progress(2, 34, True, best)
    assert dataclasses.replace(last, row=None) == Progress(3, 51, False, best)  # written before its evaluation
    assert last.row["epoch"] == 3
    assert sorted(path.name for path in (finished / "checkpoint").iterdir()) == ["turn_000000034", "turn_000000051"]


def test_snapshots_are_the_models_of_their_epochs_and_can_be_played(finished):
    """Three slots in two copies: 17 turns an epoch are 34 agent-steps of slot 0."""
    for epoch in (1, 2):
        for found in (load_run(finished, epoch=epoch), load_run(finished / "models" / f"epoch_000{epoch}")):
            world = found.world(1)
            assert found.agents(world)[0].model.agent_steps == 34 * epoch
    rewards = load_run(finished).metrics()["reward_mean"]
    best = load_run(finished, epoch="best")
    assert best.agents(best.world(1))[0].model.agent_steps == 34 * (1 + int(np.argmax(rewards)))
    with pytest.raises(ConfigError, match=r"no snapshot 'epoch_0005'; did you mean 'epoch_000[12]'"):
        load_run(finished, epoch=5)
    result = CliRunner().invoke(app, ["eval", str(finished / "models" / "epoch_0001"), "--episodes", "2"])
    assert result.exit_code == 0, result.output


def test_a_damaged_checkpoint_is_passed_over(finished, copied, capsys):
    state = checkpoints(copied)[0].path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-1])
    (copied / "run.yaml").unlink()  # as if it had never been finished
    resume(copied)
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if f"this checkpoint is passed over: {state} is damaged" in line]) == 1
    assert_equal(finished, copied)


def test_a_damaged_checkpoint_never_stands_in_the_way_of_an_earlier_one(copied):
    """Gone on with from turn 34 and stopped at 40, the checkpoint of turn 51 is one no more."""
    (checkpoints(copied)[0].path / "state.safetensors").unlink()
    (copied / "run.yaml").unlink()
    experiment, since = reopen(copied)
    assert since.progress.turns == 34
    run(stopping_at(experiment, 40), copied, since=since)
    assert [each.progress.turns for each in checkpoints(copied)] == [40, 34]


def test_a_checkpoint_that_a_kill_left_half_removed_goes(copied):
    newest, older = (each.path for each in checkpoints(copied))
    for left in (older, copied / "checkpoint" / "turn_000000017"):
        shutil.copytree(newest, left, dirs_exist_ok=True)
        (left / "manifest.json").unlink()
    (copied / "run.yaml").unlink()  # as if the kill had come before the end was told
    resume(copied)
    assert [path.name for path in (copied / "checkpoint").iterdir()] == [newest.name]


def test_without_a_whole_checkpoint_nothing_is_lost(copied):
    for each in checkpoints(copied):
        (each.path / "models" / "ddqn.safetensors").unlink()
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="no checkpoint can be gone on from"):
        resume(copied, ["epochs=9"])
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], "is finished, with 3 epochs; to train it longer: sorrelsim train --resume .* epochs=6"),
        (["seed=4"], "seed cannot change when a run goes on.*allowed: epochs, threads.* For a new run: sorrelsim"),
        (["seats.0.config.gamma=0.5"], "seats cannot change"),
        (["epochs=2"], "epochs can only be raised as a run goes on: 3 or more, got 2"),
        (["epoch=5"], "no setting 'epoch'; did you mean 'epochs'"),
    ],
)
def test_what_cannot_be_gone_on_with_is_told(finished, changes, said):
    with pytest.raises(ConfigError, match=said):
        resume(finished, changes)
    assert state_of(finished) == "finished"


def test_the_states_of_a_folder(copied, tmp_path):
    assert state_of(tmp_path / "none") == "absent"
    (tmp_path / "only").mkdir()
    shutil.copy(copied / "config.yaml", tmp_path / "only")
    assert state_of(tmp_path / "only") == "begun"
    facts = copied / "run.yaml"
    text = facts.read_text()
    for end, state in [("end: diverged", "diverged"), ("end: stopped", "unfinished"), ("end: not saved", "unfinished")]:
        facts.write_text(text.replace("end: finished", end))
        assert state_of(copied) == state
    facts.write_bytes(b"\xff\xfe a: [")
    assert state_of(copied) == "unfinished"
    facts.write_text(text.replace("end: finished", "end: diverged"))
    with pytest.raises(ConfigError, match=r"diverged, and would again. Its last sound models lie in .*models"):
        resume(copied)


def test_a_folder_with_a_config_alone_is_begun_and_so_is_what_was_never_saved(finished, copied, tmp_path):
    shutil.copytree(copied, tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut" / "checkpoint")
    (tmp_path / "cut" / "run.yaml").write_text((copied / "run.yaml").read_text().replace("end: finished", "a: b"))
    (tmp_path / "only").mkdir()
    shutil.copy(copied / "config.yaml", tmp_path / "only")
    for folder in (tmp_path / "only", tmp_path / "cut"):
        assert state_of(folder) == "begun"
        resume(folder)
        assert_equal(finished, folder)


def test_a_run_of_an_earlier_version_says_what_to_do(copied):
    shutil.rmtree(copied / "checkpoint")
    facts = copied / "run.yaml"
    facts.write_text(facts.read_text().replace("format: 2", "format: 1").replace("end: finished", "end: stopped"))
    assert state_of(copied) == "unfinished"
    with pytest.raises(ConfigError, match=r"earlier version.*nothing to go on from. Begin a new run.*seats.0.load="):
        resume(copied)


def test_changed_code_and_packages_are_told_in_a_line_each(copied, capsys):
    facts = yaml.safe_load((copied / "run.yaml").read_text())
    facts["code"][0]["hash"] = "0" * 16
    facts["packages"] |= {"numpy": "1.0", "gone": "2"}
    (copied / "run.yaml").write_text(yaml.safe_dump(facts))
    resume(copied, ["epochs=4"])
    said = [line for line in capsys.readouterr().err.splitlines() if "may differ from an undisturbed run" in line]
    assert len(said) == 3
    told = "\n".join(said)
    assert "world treasure_hunt: " in told
    assert f"numpy is {np.__version__}, and was 1.0 when the run began" in told
    assert "gone is gone, and was 2" in told


def test_a_run_is_one_process_s(copied):
    with alone_in(copied), pytest.raises(ConfigError, match="another process is at this run"):
        resume(copied, ["epochs=4"])


def test_the_command_goes_on(finished, copied):
    result = CliRunner().invoke(app, ["train", "--resume", str(copied), "epochs=4"])
    assert result.exit_code == 0, result.output
    assert "it goes on after turn 51" in result.output
    assert "epoch 4/4" in result.output
    assert len(rows_of(copied)) == 4
    facts = load_run(copied).facts
    assert (facts["end"], facts["epochs"], facts["resumed"][0]["epoch"]) == ("finished", 4, 3)
    for arguments, said in [
        (["--resume", str(copied), "my.yaml"], "goes on with that run's own config; leave out my.yaml"),
        ([], "what is to be trained"),
        (["--resume", "nowhere"], "no run 'nowhere'"),
    ]:
        assert said in str(CliRunner().invoke(app, ["train", *arguments]).exception)


class Forgetful(Random):
    """A model whose state cannot be saved."""

    def state_dict(self, memory=True):
        return super().state_dict(memory) | ({"trouble": object()} if memory else {})


def test_what_cannot_be_saved_is_told_and_the_run_goes_on(tmp_path, capsys, monkeypatch):
    experiment = Experiment(settings(tmp_path, [{"slots": "all"}], checkpoint={"epochs": 1}))
    experiment.models[0].__class__ = Forgetful
    monkeypatch.setattr(Forgetful, "name", "Random")
    folder = run(experiment)
    told = capsys.readouterr().err.splitlines()
    assert "checkpoint could not be written: TypeError: the tree.trouble: only arrays and plain data" in told[0]
    assert told[1] == "    there is none yet to go on from"
    assert len(told) == 2
    assert state_of(folder) == "finished"


def test_best_by_a_column_that_is_none_is_told(tmp_path, capsys):
    folder = run(Experiment(settings(tmp_path, [{}], epochs=1, best="retrun_mean")))
    assert "best: " in (said := capsys.readouterr().err)
    assert "no column 'retrun_mean'; did you mean 'return_mean'?" in said
    assert not (folder / "models" / "best").exists()


# ------------------------------------------------------------------------------------------------------------- kills


def killed(place, arguments, chance):
    """Trains in a process of its own, and kills it after its first epoch, or a little before; returns whether it was in
    time.
    """
    command = [sys.executable, "-m", "sorrelsim", "train", *arguments]
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wanted = "epoch" if chance.random() < 0.8 else ""  # its first epoch, or the title, when all is loaded
    while (line := process.stdout.readline()) and not line.startswith(wanted):
        pass
    time.sleep(chance.random() * 0.5)
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
    assert n >= 3, "it was finished too soon"
    assert "unfinished" in states, "it was never killed after a state was saved"
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


def test_a_finished_run_may_leave_no_state_and_is_then_not_begun_anew(tmp_path, no_curves):
    folder = run(Experiment(settings(tmp_path, [PPO], epochs=2, checkpoint={"epochs": 1, "finished": False})))
    assert not checkpoints(folder)
    before = (folder / "metrics.csv").read_bytes()
    with pytest.raises(ConfigError, match=r"is finished and has no checkpoint to go on from.*seats\.0\.load="):
        resume(folder, ["epochs=4"])
    assert (folder / "metrics.csv").read_bytes() == before
    assert load_run(folder).agents(load_run(folder).world(1))
