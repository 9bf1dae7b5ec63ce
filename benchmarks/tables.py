"""What tables of events and of steps cost beside stepping alone, in processor time of all threads.

    python benchmarks/tables.py [--worlds cleanup harvest] [--copies 256] [--rounds 9] [--seconds 0.4] [--folder DIR]

Two worlds of one seed take turns, one with a table in Parquet and one without; the median of the rounds' ratios counts.
A slice is long enough for several parts to be written in it: that of one that holds none says too little.
Below stands what the least would be: writing as many bytes to a file, and pyarrow's writer on the same rows.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet

import sorrelsim


def processor_time(work: Callable[[], object]) -> float:
    """Seconds that the processors spend on some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def steps(world: sorrelsim.Gridworld, log: sorrelsim.EventLog | None, actions: np.ndarray, n: int) -> None:
    """So many steps, with or without a table."""
    for turn in range(n):
        world.step(actions[turn % len(actions)])
        if log is not None:
            log.step(world)


def measure(name: str, detail: str, copies: int, rounds: int, seconds: float, folder: Path) -> None:
    """Prints a line for one world and one table."""
    bare, noted = (sorrelsim.make(name, copies, seed=0) for _ in range(2))
    actions = np.random.default_rng(0).integers(bare.n_actions, size=(256, copies, bare.n_agents))
    place = folder / f"{name}-{detail}"
    with sorrelsim.EventLog(place, noted, detail) as log:
        steps(noted, log, actions, 300)
        steps(bare, None, actions, 300)
        n = max(1, int(seconds / processor_time(lambda: steps(bare, None, actions, 100)) * 100))
        found = []
        for _ in range(rounds):
            alone = processor_time(lambda: steps(bare, None, actions, n))
            found.append((alone, processor_time(lambda: steps(noted, log, actions, n))))
    ratios = [table / alone for alone, table in found]
    step = statistics.median(alone for alone, _ in found) / n
    part = min(place.iterdir())
    rows, data = pyarrow.parquet.read_table(part), part.read_bytes()
    least = min(processor_time(lambda: (folder / "bytes").write_bytes(data)) for _ in range(5))
    theirs = min(processor_time(lambda: pyarrow.parquet.write_table(rows, folder / "theirs")) for _ in range(3))
    stepping = step * len(rows["turn"].unique())  # the time of the steps that are in the part
    print(
        f"{name:12} {detail:7} {statistics.median(ratios):5.2f} x stepping (rounds {min(ratios):.2f} to "
        f"{max(ratios):.2f}; {step * 1e6:.0f} us a step); {len(data) / rows.num_rows:.1f} bytes a row; of stepping: "
        f"writing as many bytes {least / stepping:.2f}, pyarrow's writing of these rows {theirs / stepping:.2f}",
        flush=True,
    )


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", nargs="+", default=["cleanup", "harvest"])
    parser.add_argument("--copies", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each slice")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    given = parser.parse_args()
    sorrelsim.set_threads(1)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for detail in ("events", "steps"):
            for name in given.worlds:
                measure(name, detail, given.copies, given.rounds, given.seconds, Path(folder))


if __name__ == "__main__":
    main()
