"""What it costs to step a world through the interfaces of other libraries, beside the bare engine.

    python benchmarks/interfaces.py [WORLD] [--copies 256] [--rounds 9] [--seconds 0.2] [--threads 1]

All play random actions, drawn before the clock runs, and reset when an episode ends. Each round times everybody for
a moment, one after another, and divides by the bare engine of the same round; medians over the rounds are printed.
World-steps are steps of single copies; seconds are the processor's where there is one thread. Bars:
``parallel_env`` at least 20,000 world-steps/s with harvest,
``gym_vec_env`` at least half of the bare engine.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import sorrelsim
from sorrelsim.interfaces import aec_env, gym_env, gym_vec_env, parallel_env

DRAWN = 512
"""Steps' worth of actions, played in a circle."""


def bare(name: str, copies: int) -> Callable[[], Any]:
    """Returns what steps the bare engine."""
    world = sorrelsim.make(name, copies)
    actions = drawn(world.n_actions, (copies, world.n_agents))
    return lambda: world.step(next(actions))


def drawn(n_actions: int, shape: tuple[int, ...]) -> itertools.cycle[np.ndarray]:
    """Returns random actions, one array a step."""
    return itertools.cycle(np.random.default_rng(0).integers(n_actions, size=(DRAWN, *shape)))


def parallel(name: str) -> Callable[[], Any]:
    """Returns what steps the ``ParallelEnv``."""
    env = parallel_env(name)
    env.reset(seed=0)
    rows = next(drawn(env.world.n_actions, (DRAWN, env.world.n_agents))).tolist()
    actions = itertools.cycle([dict(zip(env.possible_agents, row, strict=True)) for row in rows])

    def step() -> None:
        env.step(next(actions))
        if not env.agents:
            env.reset()

    return step


def one_by_one(name: str) -> Callable[[], Any]:
    """Returns what steps the ``AECEnv`` once round."""
    env = aec_env(name)
    env.reset(seed=0)
    n_agents = len(env.agents)
    actions = itertools.cycle(np.random.default_rng(0).integers(env.action_space("agent_0").n, size=DRAWN).tolist())

    def step() -> None:
        for _ in range(n_agents):
            if not env.agents or env.terminations[env.agent_selection] or env.truncations[env.agent_selection]:
                env.reset()
            env.last()
            env.step(next(actions))

    return step


def single(name: str) -> Callable[[], Any]:
    """Returns what steps the ``Env``."""
    env = gym_env(name)
    env.reset(seed=0)
    actions = itertools.cycle(np.random.default_rng(0).integers(env.action_space.n, size=DRAWN).tolist())

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(next(actions))
        if terminated or truncated:
            env.reset()

    return step


def batch(name: str, copies: int, slot: int | str) -> Callable[[], Any]:
    """Returns what steps the ``VectorEnv``."""
    env = gym_vec_env(name, copies, slot=slot)
    env.reset(seed=0)
    actions = drawn(env.world.n_actions, (env.num_envs,))
    return lambda: env.step(next(actions))


def seconds(step: Callable[[], Any], least: float, clock: Callable[[], float]) -> float:
    """Returns how long a step takes."""
    steps, started = 0, clock()
    while (passed := clock() - started) < least:
        step()
        steps += 1
    return passed / steps


def report(title: str, copies: int, first: Callable[[], Any], others: dict[str, Callable[[], Any]], asked: Any) -> None:
    """Times some beside the first, and prints world-steps per second and ratios."""
    clock = time.process_time if asked.threads == 1 else time.perf_counter
    rounds = range(asked.rounds)
    table = np.array([[seconds(step, asked.seconds, clock) for step in (first, *others.values())] for _ in rounds])
    ratios = np.median(table[:, :1] / table, 0)
    rates = copies / np.median(table, 0)
    for label, rate, ratio in zip((title, *others), rates, ratios, strict=True):
        print(f"{label:<44} {rate:>12,.0f} world-steps/s   {ratio:5.2f} of the bare engine", flush=True)


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", nargs="?", default="harvest")
    parser.add_argument("--copies", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    sorrelsim.set_threads(asked.threads)
    singles = {
        "parallel_env": parallel(asked.world),
        "aec_env, all agents once": one_by_one(asked.world),
        "gym_env, others random": single(asked.world),
    }
    report(f"{asked.world}, 1 copy, bare", 1, bare(asked.world, 1), singles, asked)
    n = asked.copies
    batches = {"gym_vec_env(slot='all')": batch(asked.world, n, "all"), "gym_vec_env(slot=0)": batch(asked.world, n, 0)}
    report(f"{asked.world}, {n} copies, bare", n, bare(asked.world, n), batches, asked)


if __name__ == "__main__":
    main()
