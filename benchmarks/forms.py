"""Steps of a world in every form of observation, beside the time that copying as many bytes takes.

    python benchmarks/forms.py [--world cleanup] [--copies 256 1] [--threads 2] [--rounds 9] [--seconds 0.1]

Forms take turns, a round of each, and so does copying what each of them writes, by as many threads. Figures are
world-steps per second: the median of the rounds, and the best, which a machine with other things to do spoils least.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import sorrelsim

FORMS = (("symbolic", None), ("one_hot", None), ("rgb", 8), ("rgb", 4), ("rgb", 2), ("rgb", 1), ("ascii", None))


def stepping(name: str, copies: int, form: str, size: int | None) -> tuple[Callable[[], object], np.ndarray]:
    """Returns what steps a world once, and what it observes."""
    world = sorrelsim.make(name, copies, observation=form, sprite_size=size)
    actions = np.random.default_rng(0).integers(world.n_actions, size=(64, copies, world.n_agents))
    turn = 0

    def step() -> None:
        nonlocal turn
        turn = (turn + 1) % 64
        world.step(actions[turn])

    return step, world.parts["grid"].copy()


def copying(array: np.ndarray, threads: int) -> Callable[[], object]:
    """Returns what copies an array once, each thread its part of the copies of the world."""
    into = np.zeros_like(array)
    threads = min(threads, len(array))
    if threads == 1:
        return lambda: np.copyto(into, array)
    pool = ThreadPoolExecutor(threads)
    parts = list(zip(np.array_split(into, threads), np.array_split(array, threads), strict=True))
    return lambda: list(pool.map(lambda part: np.copyto(*part), parts))


def per_second(work: Callable[[], object], seconds: float) -> float:
    """Returns how often a second something is done, after once to warm up."""
    work()
    times, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        work()
        times += 1
    return times / took


def measure(name: str, copies: int, threads: int, rounds: int, seconds: float) -> None:
    """Prints a table for one number of copies."""
    steps, copied, n_bytes = [], [], []
    for form, size in FORMS:
        step, seen = stepping(name, copies, form, size)
        steps.append(step)
        copied.append(copying(seen, threads))
        n_bytes.append(seen.nbytes // copies)
    found: list[tuple[list[float], list[float]]] = [([], []) for _ in FORMS]
    for _ in range(rounds):
        for k in range(len(FORMS)):
            found[k][0].append(copies * per_second(steps[k], seconds))
            found[k][1].append(copies * per_second(copied[k], seconds))
    print(f"\n{name}, {copies} copies, {threads} threads: world-steps per second, median of {rounds} rounds (best)")
    print(f"{'form':12}{'bytes':>9}{'stepping':>24}{'copying its bytes':>26}{'ratio':>8}")
    for (form, size), bytes_, (stepped, copying_) in zip(FORMS, n_bytes, found, strict=True):
        columns = [f"{statistics.median(each):,.0f} ({max(each):,.0f})" for each in (stepped, copying_)]
        ratio = statistics.median(one / other for one, other in zip(stepped, copying_, strict=True))
        what = f"{form} {size}" if size else form
        print(f"{what:12}{bytes_:>9,}{columns[0]:>24}{columns[1]:>26}{ratio:>8.2f}")


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", default="cleanup")
    parser.add_argument("--copies", type=int, nargs="+", default=[256, 1])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each measurement")
    given = parser.parse_args()
    sorrelsim.set_threads(given.threads)
    for copies in given.copies:
        measure(given.world, copies, given.threads, given.rounds, given.seconds)


if __name__ == "__main__":
    main()
