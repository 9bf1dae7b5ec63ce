"""Seeds of a study in one process: which go together, and what becomes of them when it fails, stops or is killed."""

import os
import signal
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from studies import begin, end, processes, rows, wait_for

from sorrelsim.experiments.run import load_run
from sorrelsim.experiments.study import check_study, load_study, open_study
from sorrelsim.experiments.study_file import make_study_config, read_study_file
from sorrelsim.launch.launcher import Launch, launching
from sorrelsim.launch.reports import Report

COINS = """
base:
  world: {name: coins, compiled: false, max_steps: 20, min_steps: 20, coin_probability: 0.2}
  n_worlds: 2
  seats: [{slots: each, model: ppo, config: {n_steps: 8, network: {hidden: [16]}}}]
  epochs: 2
  turns: 20
  evaluation: {n_worlds: 1, gif_turns: 0}
  checkpoint: {minutes: 0, epochs: 1}
  tensorboard: false
seeds: 3
seeds_at_once: 2
"""
BOTS = {"world": {"name": "coins", "compiled": False}, "seats": [{"model": "random"}]}


class Scripted:
    """A crew whose processes end as a list says: for each in turn, how its runs do, in their order."""

    size = 1

    def __init__(self, *ends):
        self.ends, self.begun, self.stopped, self.launch = list(ends), [], False, None

    def begin(self, folders):
        self.begun.append([folder.name for folder in folders])
        self.told = [Report(name, end=how) for name, how in zip(self.begun[-1], self.ends.pop(0), strict=True)]

    def reports(self, seconds):
        """One after the other, as they may come."""
        return [self.told.pop(0)]

    def stop(self):
        self.stopped = True


@pytest.fixture
def launched(tmp_path):
    """Launches two conditions of three seeds with a scripted crew; returns what was begun, and the states."""

    def launch(*ends, apart=(), at_once=2):
        raw = {"base": BOTS, "conditions": {"one": {}, "two": {"epochs": 3}}, "seeds": 3, "name": "s"}
        config = make_study_config(raw | {"seeds_at_once": at_once, "runs": str(tmp_path)}, "here")
        crew = Scripted(*ends)
        launch = Launch(open_study(config, "here"), crew, apart)
        launch.run()
        return crew.begun, [status.state for status in launch.statuses]

    return launch


ONE, TWO = ([f"{name}__seed{k}" for k in range(3)] for name in ("one", "two"))
DONE = "finished"


def test_runs_of_one_process_differ_in_the_seed_alone(launched):
    begun, states = launched([DONE] * 2, [DONE], [DONE] * 2, [DONE])
    assert begun == [ONE[:2], ONE[2:], TWO[:2], TWO[2:]]
    assert states == [DONE] * 6


def test_a_study_says_how_many_and_some_places_have_none(launched):
    begun, _ = launched(*[[DONE]] * 3, [DONE] * 3, apart=["condition one"], at_once=8)
    assert begun == [[seed] for seed in ONE] + [TWO]


def test_a_process_that_dies_has_those_resumed_at_once_that_it_had_not_finished(launched):
    begun, states = launched([DONE, "killed", "killed"], [DONE] * 2, ["failed", DONE, DONE], at_once=3)
    assert begun == [ONE, ONE[1:], TWO]
    assert states == [DONE] * 3 + ["failed", DONE, DONE]


def test_after_two_deaths_each_is_tried_alone_so_that_only_who_brings_a_process_down_has_failed(launched):
    """Seed 0 would take the other two with it: three deaths are one too many, and they would have shared them all."""
    killed = ["killed"] * 3
    begun, states = launched(killed, killed, killed[:1], [DONE], [DONE], [DONE] * 3, at_once=3)
    assert begun == [ONE, ONE, *([seed] for seed in ONE), TWO]
    assert states == ["failed", *[DONE] * 5]


def test_a_number_of_seeds_at_once_is_whole_and_at_least_one():
    for wrong in (0, -1, 1.5, "two", True):
        with pytest.raises(ValueError, match="seeds_at_once must be"):
            make_study_config({"base": BOTS, "seeds_at_once": wrong}, "here")
    for arguments in (["study", "x.yaml", "--seeds-at-once", "0"], ["train", "x.yaml", "--seeds-at-once", "1.5"]):
        from typer.testing import CliRunner

        from sorrelsim.cli.app import app

        assert CliRunner().invoke(app, arguments).exit_code == 2
    from sorrelsim.cli.train import train

    with pytest.raises(ValueError, match="--seeds-at-once 4 goes with --seeds, such as --seeds 4"):
        train("x.yaml", seeds_at_once=4)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"together": False}, "together is false"),
        ({"seats": [{"model": "random"}]}, "nobody learns"),
        ({"seats": [{"model": "trpo"}]}, "TRPO learns by itself only"),
        ({"actors": 1, "seats": [{"model": "impala"}]}, "actors is 1, and actors play in processes of their own"),
    ],
)
def test_what_cannot_go_together_is_said_before_anything_runs(tmp_path, monkeypatch, capsys, change, why):
    if "actors" in change:
        pytest.importorskip("ray", reason="needs Ray: pip install 'sorrelsim[ray]'")
    monkeypatch.chdir(tmp_path)
    base = {"world": BOTS["world"], "seats": [{"model": "ppo"}], "n_worlds": 2} | change
    config = make_study_config({"base": base, "name": "s", "seeds": 2, "seeds_at_once": 2}, "here")
    apart, said = check_study(config, "here"), capsys.readouterr().err
    assert apart == (["condition base"] if why else [])
    assert said == (f"here: condition base: seeds are trained each in a process of its own: {why}\n" if why else "")


def held(place, *changes):
    """Runs the study of ``coins.yaml`` in processes; returns its folder."""
    config = read_study_file(place / "coins.yaml", [f"runs={place / 'runs'}", *changes])
    with launching(config, "coins.yaml", 2) as launched:
        launched.run()
    assert [status.state for status in launched.statuses] == [DONE] * len(launched.statuses)
    return launched.study.folder


needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for another process")


@pytest.mark.slow
@needs_signals
def test_two_seeds_share_a_process_and_a_third_has_its_own(tmp_path):
    (tmp_path / "coins.yaml").write_text(COINS)
    study = held(tmp_path)
    (first,), (second,), (third,) = processes(study).values()
    assert first == second != third
    assert read_study_file(study).seeds_at_once == 2
    for run in load_study(study).runs:
        assert load_run(run.folder).facts["end"] == DONE
        assert (run.folder / "checkpoint").is_dir()


def compare(one, other):
    """Holds two studies to have come to the same but for the clock and the rounding of sums; see test_at_once."""
    for run in load_study(one).runs:
        mine, theirs = load_run(run.folder).metrics(), load_run(other / "runs" / run.name).metrics()
        for name in set(mine) - {"seconds", "steps_per_second", "eval_way"}:
            np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)
        for path in (run.folder / "models").glob("*.safetensors"):
            expected = load_file(other / "runs" / run.name / "models" / path.name)
            for name, tensor in load_file(path).items():
                torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-6)


@needs_signals
@pytest.mark.slow
def test_seeds_at_once_that_are_killed_and_stopped_come_to_what_they_do_alone(tmp_path):
    """Their process is killed, then the command is told to stop; the same command goes on each time."""
    (tmp_path / "coins.yaml").write_text(COINS)
    changes = ["base.epochs=6", "base.turns=200", "seeds_at_once=3"]
    study = tmp_path / "runs/cut"
    process = begin("coins.yaml", "name=cut", *changes, cwd=tmp_path)
    wait_for(lambda: rows(study) > 3)
    os.kill(processes(study)["base__seed0"][0], signal.SIGKILL)
    wait_for(lambda: len(processes(study)["base__seed0"]) == 2 and rows(study) > 8)
    process.send_signal(signal.SIGTERM)
    end(process, 143)
    assert [load_run(run.folder).facts["end"] for run in load_study(study).runs] == ["stopped"] * 3
    whole = held(tmp_path, "name=whole", *changes[:2], "seeds_at_once=1")
    compare(held(tmp_path, "name=cut", *changes), whole)
    assert {len(set(pids)) for pids in processes(whole).values()} == {1}
