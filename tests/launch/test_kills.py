"""SIGKILL at any moment, of a study or of one of its processes: the same command comes to the same, bit for bit."""

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from studies import alive, begin, end, outcome, processes, rows, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for another process")

COINS = """
base:
  world: {name: coins, coin_probability: 0.1, min_size: 6, max_size: 6, max_steps: 40, min_steps: 40}
  n_worlds: 4
  seats: [{slots: each, model: ppo, config: {n_steps: 16, n_epochs: 2}}]
  epochs: %d
  turns: %d
  evaluation: {n_worlds: 2, gif_turns: 2}
  checkpoint: {minutes: 0, epochs: 1}
  tensorboard: false
conditions: {individual: , common: {seats.0.reward: common}}
seeds: 2
"""
TABLES = ("results.csv", "results.parquet", "summary.csv")
TREE = Path(__file__).parents[2]


def tables(study):
    return {name: (study / name).read_bytes() for name in TABLES}


@pytest.mark.slow
def test_a_study_that_is_killed_comes_to_what_an_undisturbed_one_does(tmp_path):
    """Two kills: of one process as soon as runs have begun, and then of the whole."""
    (tmp_path / "coins.yaml").write_text(COINS % (3, 64))
    study = tmp_path / "runs/cut"
    process = begin("coins.yaml", "name=cut", cwd=tmp_path)
    wait_for(lambda: rows(study) > 0)
    victim = next(pid for pids in processes(study).values() for pid in pids if alive(pid))
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: rows(study) > 4)
    process.kill()
    process.communicate()
    assert rows(study) < 4 * 3
    end(begin("coins.yaml", "name=cut", cwd=tmp_path))
    end(begin("coins.yaml", "name=whole", cwd=tmp_path))
    assert outcome(study) == outcome(tmp_path / "runs/whole")
    assert tables(study) == tables(tmp_path / "runs/whole")


@pytest.mark.slow
def test_a_study_of_coins_killed_at_twelve_random_moments(tmp_path):
    """The committed study, individual against common pay, two seeds each, in shorter epochs."""
    shutil.copytree(TREE / "configs", tmp_path / "configs")
    file = tmp_path / "study.yaml"
    file.write_text(
        "base: configs/coins_individual.yaml\nconditions: {individual: , common: {seats.0.reward: common}}\nseeds: 2\n"
    )
    changes = ["base.epochs=12", "base.turns=200", "base.checkpoint={minutes: 0, epochs: 1}", "base.tensorboard=false"]
    whole = begin(file, *changes, "name=whole", cwd=tmp_path)
    began = time.monotonic()
    end(whole, timeout=1200)
    took = time.monotonic() - began
    chance, study = random.Random(12), tmp_path / "runs/cut"
    for k in range(12):
        process = begin(file, *changes, "name=cut", cwd=tmp_path)
        time.sleep(chance.uniform(0.05, 0.3) * took)
        if k % 3 == 2:
            living = [pid for pids in processes(study).values() for pid in pids if alive(pid)]
            for pid in living[:1]:
                os.kill(pid, signal.SIGKILL)
            time.sleep(1)
        process.kill()
        process.communicate()
        print(f"kill {k + 1}: {rows(study)} of 48 rows")
    end(begin(file, *changes, "name=cut", cwd=tmp_path), timeout=1200)
    assert outcome(study) == outcome(tmp_path / "runs/whole")
    assert tables(study) == tables(tmp_path / "runs/whole")
