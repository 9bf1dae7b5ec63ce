"""What many actors bring: world-steps per second of whole runs with actors, beside the same run in one process.

    python benchmarks/actors.py [--actors 2] [--rounds 3] [--seconds 8] [--cases a3c impala dqn_apex ddpg_apex]

Each round trains a while in one process, with all cores stepping its copies, and then a while with actors. The time
until actors have begun and gradient steps are taken is left out. Rounds alternate, and the median of their ratios is
what counts; a machine that others use too favours actors, for several processes get more of it than one. It depends on
the machine, the world, the network and the batches: actors help as far as acting takes the time, and on cores of their
own.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np

from sorrelsim.experiments.loop import Experiment

NETWORK = {"n_frames": 5, "gamma": 0.92, "network": {"hidden": [128]}}
REPLAY = {"batch_size": 256, "steps_between_updates": 64, "warmup": 4000}
SETTINGS: dict[str, dict[str, Any]] = {
    "a3c": {"n_minibatches": 8, "n_steps": 20},
    "impala": {},
    "dqn_apex": REPLAY,
    "ddpg_apex": REPLAY,
}


def config(learner: str, actors: int) -> dict[str, Any]:
    """Returns the config of a run: treasure hunt, 64 copies, one model for both agents."""
    return {
        "world": "treasure_hunt",
        "n_worlds": 64,
        "actors": actors,
        "seats": [{"slots": "all", "model": learner, "config": NETWORK | SETTINGS[learner]}],
        "epochs": 1_000_000,
        "turns": 100,
    }


def pace(learner: str, actors: int, seconds: float) -> tuple[float, float]:
    """Trains for some seconds; returns world-steps per second, and by how many gradient steps actors were behind."""
    with Experiment(config(learner, actors)) as experiment:
        lags, began, steps = [], 0.0, 0
        for row in experiment.epochs():
            if began:
                lags.append(row.get(f"policy_lag_{learner}", 0.0))
                if time.perf_counter() - began > seconds:
                    break
            elif row["epoch"] >= 2 and np.isfinite(row["loss"]):
                began, steps = time.perf_counter(), row["env_steps"]
        return (row["env_steps"] - steps) / (time.perf_counter() - began), float(np.mean(lags))


def main() -> None:
    """Times every case and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--cases", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores; world-steps per second, medians of {given.rounds} rounds")
    print(f"{'learner':10} {'one process':>12} {f'{given.actors} actors':>12} {'ratio':>7} {'policy lag':>11}")
    for learner in given.cases:
        rounds = [[pace(learner, actors, given.seconds) for actors in (0, given.actors)] for _ in range(given.rounds)]
        alone, many = ([each[k][0] for each in rounds] for k in (0, 1))
        ratio, lag = np.median(np.divide(many, alone)), np.median([each[1][1] for each in rounds])
        print(f"{learner:10} {np.median(alone):12,.0f} {np.median(many):12,.0f} {ratio:7.2f} {lag:11.1f}", flush=True)


if __name__ == "__main__":
    main()
