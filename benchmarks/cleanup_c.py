"""Clean Up in hand-written C beside the engine: are the trajectories equal, and how far apart are the speeds?

    python benchmarks/cleanup_c.py [--copies 256 1024 4096] [--threads 2] [--steps 300] [--rounds 7]

Needs a C compiler (``cc`` or ``$CC``); the C code is cleanup.c beside this file. Both versions step the same number of
copies with the same actions in turn, a round of one after a round of the other, and the ratio is taken round by round.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import sorrelsim
from sorrelsim.engine.gridworld import Gridworld

SOURCE = Path(__file__).with_name("cleanup.c")
SHARED = ("spawns", "orchard", "river", "template")
ARRAYS = (
    "cells", "occupant", "pos", "facing", "out", "zap_wait", "clean_wait", "dirt", "rng", "turn", "action", "reward",
    "terminated", "truncated", "seen", "final_seen", "ready", "final_ready",
)  # fmt: skip


def compiler() -> str | None:
    """The C compiler to use, or None where there is none."""
    return shutil.which(os.environ.get("CC", "cc"))


def build(folder: Path) -> ctypes.CDLL:
    """Compile cleanup.c into a shared library in ``folder`` and load it."""
    cc = compiler()
    if cc is None:
        raise RuntimeError("no C compiler: set CC or install one")
    library = folder / "cleanup.so"
    flags = ["-O3", "-march=native", "-ffp-contract=off", "-fopenmp", "-shared", "-fPIC"]
    subprocess.run([cc, *flags, "-o", str(library), str(SOURCE)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.run.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
    loaded.run.restype = ctypes.c_int64
    return loaded


class CleanupC:
    """The C version over the same map and random streams as a world of ours."""

    def __init__(self, library: ctypes.CDLL, world: Gridworld) -> None:
        n, agents, height, width = world.n_worlds, world.n_agents, world.height, world.width
        windows = (n, agents, 121)
        self.library = library
        self.arrays = {
            **{name: np.ascontiguousarray(world.map.sites[name]) for name in SHARED[:3]},
            "template": np.ascontiguousarray(world.copies.template),
            "cells": np.zeros((n, *world.copies.template.shape), np.uint32),
            "occupant": np.zeros((n, height, width), np.int16),
            "pos": np.zeros((n, agents, 2), np.int32),
            **{name: np.zeros((n, agents), np.int32) for name in ("facing", "out", "zap_wait", "clean_wait")},
            "dirt": np.zeros(n, np.int32),
            "rng": world.rng.copy(),
            "turn": np.zeros(n, np.int64),
            "action": np.zeros((n, agents), np.int64),
            "reward": np.zeros((n, agents)),
            **{name: np.zeros((n, agents), np.uint8) for name in ("terminated", "truncated")},
            **{name: np.zeros(windows, np.uint32) for name in ("seen", "final_seen")},
            **{name: np.zeros((n, agents), np.float32) for name in ("ready", "final_ready")},
        }
        sites = [len(world.map.sites[name]) for name in SHARED[:3]]
        words = [n, agents, height, width, *sites]
        words += [self.arrays[name].ctypes.data for name in (*SHARED, *ARRAYS)]
        self.batch = np.array(words, np.int64)

    def run(self, threads: int, mode: int) -> int:
        """Step (mode 0) or reset (mode 1) all copies; the number of episodes that ended."""
        return self.library.run(self.batch.ctypes.data, threads, mode)

    @property
    def grid(self) -> np.ndarray:
        """Observed windows, as the world returns them."""
        seen = self.arrays["seen"]
        return seen.view(np.uint8).reshape(*seen.shape[:2], 11, 11, 4)


def pair(library: ctypes.CDLL, copies: int, seed: int) -> tuple[Gridworld, CleanupC]:
    """A world and its C twin, both at the start of their first episode."""
    world = sorrelsim.make("cleanup", n_worlds=copies, seed=seed)
    world.rng[...] = sorrelsim.rules.draw.streams(seed, copies)
    twin = CleanupC(library, world)
    twin.run(1, 1)
    world.reset(seed)
    return world, twin


def assert_equal(library: ctypes.CDLL, copies: int, steps: int, seed: int) -> int:
    """Step both and compare everything that they return; the number of episodes that ended on the way."""
    world, twin = pair(library, copies, seed)
    rng = np.random.default_rng(seed)
    ended = 0
    for turn in range(steps):
        actions = rng.integers(0, world.n_actions, (copies, world.n_agents))
        twin.arrays["action"][...] = actions
        ended += twin.run(1, 0)
        obs, reward, terminated, truncated, _ = world.step(actions)
        for name, ours, theirs in (
            ("grid", obs["grid"], twin.grid),
            ("ready_to_shoot", obs["ready_to_shoot"][..., 0], twin.arrays["ready"]),
            ("reward", reward, twin.arrays["reward"]),
            ("terminated", terminated, twin.arrays["terminated"]),
            ("truncated", truncated, twin.arrays["truncated"]),
            ("rng", world.rng, twin.arrays["rng"]),
        ):
            if not np.array_equal(ours, theirs):
                raise AssertionError(f"seed {seed}, turn {turn + 1}: {name} differs")
    return ended


def compare(library: ctypes.CDLL, copies: int, threads: int, steps: int, rounds: int) -> tuple[float, float, float]:
    """World-steps a second of ours and of C (best round), and the median of the ratios C / ours."""
    world, twin = pair(library, copies, 0)
    sorrelsim.set_threads(threads)
    rng = np.random.default_rng(0)
    actions = rng.integers(0, world.n_actions, (64, copies, world.n_agents))
    ours, theirs = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        for k in range(steps):
            world.step(actions[k % 64])
        ours.append(steps * copies / (time.perf_counter() - began))
        began = time.perf_counter()
        for k in range(steps):
            twin.arrays["action"][...] = actions[k % 64]
            twin.run(threads, 0)
        theirs.append(steps * copies / (time.perf_counter() - began))
    ratio = statistics.median(c / us for c, us in zip(theirs, ours, strict=True))
    return max(ours), max(theirs), ratio


def main() -> None:
    """Compare trajectories, then speeds, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--threads", type=int, default=sorrelsim.get_threads())
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        ended = sum(assert_equal(library, 8, 2500, seed) for seed in range(3))
        print(f"equal bit for bit: 3 seeds, 8 copies, 2,500 steps, {ended} episodes ended on the way")
        print(f"{'copies':>7} {'threads':>7} {'engine':>14} {'C':>14} {'C / engine':>11}")
        for copies in args.copies:
            steps = max(20, args.steps * 256 // copies)
            us, c, ratio = compare(library, copies, args.threads, steps, args.rounds)
            print(f"{copies:>7} {args.threads:>7} {us:>12,.0f}/s {c:>12,.0f}/s {ratio:>11.2f}")


if __name__ == "__main__":
    main()
