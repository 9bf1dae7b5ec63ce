"""Runs of a study side by side: order, failures, stops and kills change no result, and leave nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from studies import alive, begin, end, outcome, processes, rows, wait_for

from sorrelsim.experiments.run import load_run
from sorrelsim.experiments.study import load_study
from sorrelsim.experiments.study_file import read_study_file
from sorrelsim.launch.launcher import KILLS, launching

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for another process")

BOTS = """
base:
  world: {name: coins, compiled: false, max_steps: 20, min_steps: 20, coin_probability: 0.2}
  n_worlds: 2
  seats: [{model: random}]
  epochs: 4
  turns: 25
  evaluation: {n_worlds: 2, gif_turns: 0}
  checkpoint: {minutes: 0, epochs: 2}
conditions: {individual: , common: {seats.0.reward: common}}
seeds: 2
"""
"""Four runs of a moment each."""
LONGER = ["base.epochs=5", "base.turns=300"]
"""Changes that let a run last for some seconds."""
ENDLESS = ["base.epochs=1000000"]

FRAGILE = '''
"""A model that fails in its second epoch, in the way that a file says."""
from pathlib import Path

from sorrelsim import BaseModel
from sorrelsim.models.base import TrainingDiverged


class Fragile(BaseModel):
    def take_action(self, state):
        return 0

    def start_epoch_action(self, **kw):
        if kw["epoch"] == 2 and Path("broken").exists():
            raise ZeroDivisionError("too fragile")
        if kw["epoch"] == 2 and Path("diverging").exists():
            raise TrainingDiverged("Fragile", 3, 4, {"loss": float("nan")})
'''


@pytest.fixture
def place(tmp_path):
    (tmp_path / "bots.yaml").write_text(BOTS)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/fragile.py").write_text(FRAGILE)
    return tmp_path


def launch(place, *changes, processes=2):
    """Runs a study in this process, without its results; returns how its runs stand."""
    file = place / "bots.yaml"
    config = read_study_file(file, [f"runs={place / 'runs'}", *changes])
    with launching(config, str(file), processes) as launched:
        launched.run()
    return [status.state for status in launched.statuses]


def test_neither_the_number_of_processes_nor_the_order_of_ending_changes_a_result(place):
    for k in (1, 3):
        assert launch(place, f"name=by{k}", "conditions={one: {}}", processes=k) == ["finished"] * 2
    one = outcome(place / "runs/by1")
    assert one == outcome(place / "runs/by3")
    assert [len(table) for table, _ in one.values()] == [4] * 2
    assert one["one__seed0"] != one["one__seed1"]

    study = load_study(place / "runs/by1")
    assert {run.state for run in study.runs} == {"finished"}
    run = load_run(study.runs[0].folder)  # like any other
    assert run.config.threads == 1
    assert run.agents(run.world(1))
    before = processes(place / "runs/by1")
    assert launch(place, "name=by1", "conditions={one: {}}") == ["finished"] * 2
    assert processes(place / "runs/by1") == before  # nothing was played again


def test_a_run_that_fails_is_told_with_its_log_and_takes_no_other_with_it(place):
    (place / "broken").touch()
    said = end(begin("bots.yaml", "conditions.individual.seats.0.model=fragile", "seeds=1", cwd=place), code=1)
    assert "individual__seed0: failed: ZeroDivisionError: too fragile" in said
    assert "1 of 2 finished, 1 failed" in said
    assert "runs/bots/runs/individual__seed0/log.txt" in said
    assert "The same command goes on with what is missing." in said
    log = (place / "runs/bots/runs/individual__seed0/log.txt").read_text()
    assert "Traceback" in log
    assert 'raise ZeroDivisionError("too fragile")' in log
    assert [run.state for run in load_study(place / "runs/bots").runs] == ["begun", "finished"]

    (place / "broken").unlink()
    assert {"results.csv", "summary.csv", "report.html", "figures"} <= {path.name for path in place.glob("runs/bots/*")}
    assert launch(place, "conditions.individual.seats.0.model=fragile", "seeds=1") == ["finished"] * 2


def test_a_run_that_diverges_is_told_and_not_tried_again(place):
    (place / "diverging").touch()
    arguments = ("bots.yaml", "seeds=1", "conditions={one: {seats.0.model: fragile}}")
    assert "one__seed0: failed: seat fragile_0: training of Fragile diverged" in end(
        begin(*arguments, cwd=place), code=1
    )
    (run,) = load_study(place / "runs/bots").runs
    assert run.state == "diverged"
    assert launch(place, *arguments[1:]) == ["failed"]
    assert [len(pids) for pids in processes(place / "runs/bots").values()] == [1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_stops_all_runs_after_their_turn_and_the_same_command_goes_on(place, number, code):
    arguments = ("bots.yaml", *LONGER, "seeds=1", "-p", 2)
    study = place / "runs/bots"
    process = begin(*arguments, cwd=place)
    wait_for(lambda: rows(study) > 2)
    process.send_signal(number)
    said = end(process, code)
    assert re.search(r"0 of 2 finished, (1 waiting, 1|2) stopped", said), said
    assert "Traceback" not in said
    assert not any(alive(pid) for pids in processes(study).values() for pid in pids)
    ends = [load_run(run.folder).facts["end"] for run in load_study(study).runs if run.state != "absent"]
    assert set(ends) == {"stopped"}
    if number == signal.SIGTERM:
        for name in ("bots", "whole"):
            assert launch(place, f"name={name}", *LONGER, "seeds=1") == ["finished"] * 2
        assert outcome(study) == outcome(place / "runs/whole")


def test_a_second_ctrl_c_ends_runs_at_once(place):
    process = begin("bots.yaml", *ENDLESS, "base.turns=100000000", "seeds=1", cwd=place)
    wait_for(lambda: all(processes(place / "runs/bots").values()) and len(processes(place / "runs/bots")) == 2)
    time.sleep(0.5)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    end(process, (130, -signal.SIGINT))  # the second may meet a command that has ended its runs and is about to go
    assert not any(alive(pid) for pids in processes(place / "runs/bots").values() for pid in pids)


def test_a_process_that_is_killed_has_its_run_resumed_and_one_that_always_is_counts_as_failed(place):
    arguments = ("bots.yaml", *LONGER, "conditions={one: {}}")
    process = begin(*arguments, cwd=place)
    study = place / "runs/bots"
    for k in range(KILLS):
        wait_for(lambda: len(processes(study).get("one__seed0", ())) == k + 1)  # noqa: B023
        os.kill(processes(study)["one__seed0"][-1], signal.SIGKILL)
    said = end(process, 1)
    assert said.count("one__seed0: its process was ended by SIGKILL; it is resumed") == KILLS - 1
    assert "one__seed0: failed: its process was ended by SIGKILL" in said
    assert "one__seed1: finished" in said
    assert launch(place, *arguments[1:]) == ["finished"] * 2


def test_two_commands_never_run_one_study_at_a_time(place):
    first = begin("bots.yaml", *ENDLESS, cwd=place)
    wait_for(lambda: rows(place / "runs/bots") > 0 and all(processes(place / "runs/bots").values()))
    before = processes(place / "runs/bots")
    said = end(begin("bots.yaml", *ENDLESS, cwd=place), code=1)
    assert said.count("error: ") == 1
    assert f"runs/bots is being run by process {first.pid} on " in said
    assert processes(place / "runs/bots") == before
    first.kill()
    first.communicate()


def test_a_kill_of_the_whole_leaves_no_process_that_goes_on_writing(place):
    process = begin("bots.yaml", *ENDLESS, cwd=place)
    study = place / "runs/bots"
    wait_for(lambda: rows(study) > 4)
    process.kill()
    process.communicate()
    pids = [pid for found in processes(study).values() for pid in found]
    assert pids
    wait_for(lambda: not any(map(alive, pids)), seconds=5)
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    time.sleep(0.3)
    assert before == {path: path.stat().st_mtime_ns for path in study.rglob("*")}


def test_train_with_seeds_is_a_study_of_one_condition(place):
    (place / "lone.yaml").write_text(
        "world: {name: coins, compiled: false, max_steps: 20}\nseats: [{model: random}]\nepochs: 1\nturns: 5\n"
        "n_worlds: 2\nevaluation: {n_worlds: 2, gif_turns: 0}\n"
    )
    train = [sys.executable, "-m", "sorrelsim", "train", "lone.yaml", "turns=6", "--seeds", "3,5"]
    done = subprocess.run(train, cwd=place, capture_output=True, text=True, check=True)
    assert "2 of 2 finished" in done.stdout
    study = load_study(place / "runs/lone")
    assert [(run.name, run.seed, run.state) for run in study.runs] == [
        ("lone__seed3", 3, "finished"), ("lone__seed5", 5, "finished"),
    ]  # fmt: skip
    assert load_run(study.runs[0].folder).config.turns == 6
    for wrong, said in [("x", "--seeds must be a number such as 5, or a list such as 0,1,2, got 'x'"), ("0", "seeds")]:
        failed = subprocess.run([*train[:-1], wrong], cwd=place, capture_output=True, text=True, check=False)
        assert failed.returncode == 1
        assert said in failed.stderr
        assert "Traceback" not in failed.stderr
