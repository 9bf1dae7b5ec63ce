"""The script that trains our learners beside those of others: what it keeps, what it skips, and what its table says."""

import dataclasses
import importlib
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("beside_sb3")
    for name in ("beside_sb3", "sb3_cases"):
        sys.modules.pop(name, None)


@pytest.fixture
def trained(script, monkeypatch):
    """What was trained for, in order; every training comes to 100 times its seed."""
    done = []

    def train(who):
        def noted(name, case, seed):
            done.append((who, name, case.budget, seed))
            return script.Result(2.0, [0.0, 100.0 * seed])

        return noted

    for who in ("ours", "theirs"):
        monkeypatch.setattr(script, who, train(who))
    return done


def test_what_is_kept_is_not_trained_for_again(script, trained, tmp_path, capsys):
    keep, table = tmp_path / "kept.jsonl", tmp_path / "table.md"
    asked = ["--cases", "pqn", "a2c", "--alone", "--keep", str(keep), "--table", str(table), "--seeds"]
    script.main([*asked, "1", "2"])
    assert len(trained) == 4
    assert [json.loads(text)["seed"] for text in keep.read_text().splitlines()] == [1, 2, 1, 2]
    first = table.read_text()
    script.main([*asked, "1", "2"])
    assert len(trained) == 4
    assert table.read_text() == first
    script.main([*asked, "1", "2", "3"])
    assert trained[4:] == [("ours", "pqn", 100_000, 3), ("ours", "a2c", 400_000, 3)]
    assert "seed 3  last  300.0" in capsys.readouterr().out


def test_a_line_cut_short_is_trained_for_anew_and_so_is_a_case_of_other_settings(script, trained, tmp_path):
    keep = tmp_path / "kept.jsonl"
    asked = ["--cases", "pqn", "--alone", "--keep", str(keep), "--seeds", "1", "2"]
    script.main(asked)
    whole = keep.read_text()
    keep.write_text(whole[:-20])
    script.main(asked)
    assert trained[2:] == [("ours", "pqn", 100_000, 2)]
    script.main(asked)
    assert len(trained) == 3  # the line behind the one cut short is found
    script.main([*asked, "--share", ".5"])
    assert trained[3:] == [("ours", "pqn", 50_000, 1), ("ours", "pqn", 50_000, 2)]
    case = script.CASES["pqn"]
    other = dataclasses.replace(case, ours={**case.ours, "gamma": 0.5})
    assert script.fingerprint("ours", case) != script.fingerprint("ours", other)
    assert script.fingerprint("theirs", case) == script.fingerprint("theirs", other)


def test_a_case_is_called_the_same_in_another_process(script):
    """No setting is told by its address in memory."""
    assert not [name for name, case in script.CASES.items() if " at 0x" in repr(case)]


def test_a_row_says_mean_spread_and_whether_ours_is_worse(script):
    """480, 490 and 500: mean 490, deviation sqrt((100 + 0 + 100) / 2) = 10. 3 x 3 s beside 3 x 2 s: 1.5."""

    def results(seconds, *last):
        return [script.Result(seconds, [0.0, score]) for score in last]

    case = script.CASES["dqn"]
    good, ours, poor = results(3.0, 500, 500, 500), results(2.0, 480, 490, 500), results(2.0, 400, 420, 440)
    head = "| `dqn` | `stable_baselines3.DQN` | CartPole-v1 | 80,000 | 475 | "
    assert script.row("dqn", case, ours, good) == (
        f"{head}490 ± 10 (480, 490, 500) | 500 ± 0 (500, 500, 500) | yes | 1.50 |"
    )
    assert script.row("dqn", case, poor, good).endswith("| no: 80 below, 20 allowed | 1.50 |")
    assert script.row("dqn", case, ours, []) == f"{head}490 ± 10 (480, 490, 500) |  |  |  |"
    assert script.HEAD.splitlines()[0].count("|") == script.row("dqn", case, ours, good).count("|")


def test_curves_lie_by_task_and_learner(script, trained, tmp_path):
    """A tenth of 80,000 steps lies between two evaluations, of which the fake ones have two."""
    cases = ["--cases", "dqn", "ppo pendulum", "--seeds", "0", "2"]
    script.main([*cases, "--alone", "--curves", str(tmp_path)])
    lines = (tmp_path / "CartPole-v1" / "dqn.csv").read_text().splitlines()
    assert lines == ["seed,agent_steps,return_mean", "0,8000,0", "0,16000,0", "2,8000,0", "2,16000,200"]
    assert (tmp_path / "Pendulum-v1" / "ppo.csv").is_file()


@pytest.mark.parametrize("share", ["0", "1.5"])
def test_a_share_is_one(script, share, capsys):
    with pytest.raises(SystemExit):
        script.main(["--share", share])
    assert "--share must be above 0 and at most 1" in capsys.readouterr().err


def test_a_small_share_runs_and_is_evaluated_ten_times(script, capsys):
    pytest.importorskip("gymnasium")
    script.main(["--cases", "ddqn", "--seeds", "0", "--alone", "--share", ".004"])
    first = capsys.readouterr().out.splitlines()[0]
    assert len(first.rpartition("(")[2].split()) == 10
