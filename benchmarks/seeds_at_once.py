"""What seeds cost that are trained at once in one process beside the same, one after the other: PPO on treasure hunt.

    python benchmarks/seeds_at_once.py [--seeds 4] [--threads 1] [--rounds 5] [--world treasure_hunt] [--model ppo]
        [--copies 8] [--hidden 64 64]

Each round plays and learns as many steps with the seeds one after the other and at once, so that a busy machine slows
both; the medians of the rounds' ratios are what counts, of the clock's seconds and of the processor's. What stays one
by one at once are the worlds' steps, draws from each learner's own chance and steps of each optimiser.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Generator, Sequence

import numpy as np

from sorrelsim import Experiment, set_threads
from sorrelsim.experiments.at_once import Course, play_at_once


def experiments(asked: argparse.Namespace) -> list[Experiment]:
    """The seeds, each an experiment of one epoch."""
    network = {} if asked.hidden is None else {"config": {"network": {"hidden": asked.hidden}}}
    return [
        Experiment(
            {
                "world": asked.world,
                "seats": [{"slots": "each", "model": asked.model, **network}],
                "n_worlds": asked.copies,
                "turns": asked.turns,
                "epochs": 1,
                "seed": seed,
                "torch_threads": asked.threads,
            }
        )
        for seed in range(asked.seeds)
    ]


def one_by_one(seeds: Sequence[Experiment]) -> None:
    """Trains them one after the other."""
    for seed in seeds:
        list(seed.epochs())


def at_once(seeds: Sequence[Experiment]) -> None:
    """Trains them at once."""

    def turns(seed: Experiment) -> Generator[None, None, None]:
        for row in seed.course():
            if row is None:
                yield

    play_at_once([Course(seed, turns(seed)) for seed in seeds])


def main() -> None:
    """Runs both in turn and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--turns", type=int, default=512, help="world-steps per round")
    parser.add_argument("--world", default="treasure_hunt")
    parser.add_argument("--model", default="ppo")
    parser.add_argument("--hidden", type=int, nargs="*", help="the network's layers, if not its own")
    asked = parser.parse_args()
    set_threads(asked.threads)
    ways = {"one by one": one_by_one, "at once": at_once}
    seconds = {name: np.zeros((asked.rounds + 1, 2)) for name in ways}
    for k in range(asked.rounds + 1):  # the first compiles
        for name, way in ways.items():
            seeds = experiments(asked)
            clock, processor = time.perf_counter(), time.process_time()
            way(seeds)
            seconds[name][k] = time.perf_counter() - clock, time.process_time() - processor
    n_steps = asked.seeds * asked.turns * asked.copies * seeds[0].world.n_agents
    for name, taken in seconds.items():
        ratio, rates = (seconds["one by one"] / taken)[1:], n_steps / np.median(taken[1:], 0)
        print(
            f"{name:10} {np.median(ratio[:, 0]):5.2f} times as fast by the clock ({ratio[:, 0].min():.2f} to "
            f"{ratio[:, 0].max():.2f}), {np.median(ratio[:, 1]):5.2f} by the processor ({ratio[:, 1].min():.2f} to "
            f"{ratio[:, 1].max():.2f}); {rates[0]:9,.0f} and {rates[1]:9,.0f} agent-steps/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
