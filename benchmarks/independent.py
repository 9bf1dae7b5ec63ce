"""What independent learners cost beside one that all slots share: seven PPOs on harvest, as one network and one by one.

    python benchmarks/independent.py [--threads 1] [--rounds 5] [--copies 32] [--model ppo]

Each round plays and learns as many steps with one shared learner, with independent ones that act and learn as one, and
with independent ones one by one. Rounds alternate, so that a busy machine slows all; the medians of the rounds' ratios
are what counts, of the clock's seconds and of the processor's. The bar is 0.85 of the shared one's agent-steps.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from sorrelsim import Experiment, set_threads

WAYS = {
    "shared": {"slots": "all", "together": True},
    "as one": {"slots": "each", "together": True},
    "one by one": {"slots": "each", "together": False},
}


def experiment(way: dict[str, object], asked: argparse.Namespace) -> Experiment:
    """An experiment without end, of which each epoch is a round."""
    return Experiment(
        {
            "world": asked.world,
            "seats": [{"slots": way["slots"], "model": asked.model}],
            "together": way["together"],
            "n_worlds": asked.copies,
            "turns": asked.turns,
            "epochs": 10**6,
            "torch_threads": asked.threads,
        }
    )


def main() -> None:
    """Runs all ways in turn and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=32)
    parser.add_argument("--turns", type=int, default=128, help="world-steps per round")
    parser.add_argument("--world", default="harvest")
    parser.add_argument("--model", default="ppo")
    asked = parser.parse_args()
    set_threads(asked.threads)
    running = {name: experiment(way, asked) for name, way in WAYS.items()}
    epochs = {name: each.epochs() for name, each in running.items()}
    for each in epochs.values():  # what is compiled or allocated on first use, and a replay memory's warm-up
        next(each)
    seconds = {name: np.zeros((asked.rounds, 2)) for name in running}
    for k in range(asked.rounds):
        for name, each in epochs.items():
            clock, processor = time.perf_counter(), time.process_time()
            next(each)
            seconds[name][k] = time.perf_counter() - clock, time.process_time() - processor
    n_steps = asked.turns * asked.copies * running["shared"].world.n_agents
    for name, taken in seconds.items():
        ratio = seconds["shared"] / taken
        rates = n_steps / np.median(taken, 0)
        print(
            f"{name:12} {np.median(ratio[:, 0]):5.2f} of shared by the clock ({ratio[:, 0].min():.2f} to "
            f"{ratio[:, 0].max():.2f}), {np.median(ratio[:, 1]):5.2f} by the processor; {rates[0]:9,.0f} and "
            f"{rates[1]:9,.0f} agent-steps/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
