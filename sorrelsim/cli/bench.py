"""``sorrelsim bench``: steps per second with random actions; every agent's observation is written at every step.

It asks the engine alone: no agents, no learning.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from sorrelsim.engine.threads import get_threads, set_threads
from sorrelsim.library.find import names
from sorrelsim.library.make import make
from sorrelsim.models.threads import apply_threads


@dataclass(frozen=True)
class Timing:
    """How fast a world runs.

    Attributes:
        world: Its name.
        copies: Number of copies.
        threads: Threads that stepped them.
        agents: Agents in each copy.
        world_steps: Steps of single copies per second, the median of five stretches.
        first_step: Seconds from asking for the world to its first step done.
    """

    world: str
    copies: int
    threads: int
    agents: int
    world_steps: float
    first_step: float

    @property
    def agent_steps(self) -> float:
        """Agents acting once, per second."""
        return self.world_steps * self.agents


def measure(world: str, copies: int, compiled: bool = True, seconds: float = 1.0, bounds: bool = False) -> Timing:
    """Times a world.

    Args:
        world: Its name or file.
        copies: Number of copies.
        compiled: False runs the rules as plain Python.
        seconds: Time to spend, after the first step.
        bounds: Whether every index is checked.
    """
    begun = time.perf_counter()
    env = make(world, copies, 0, compiled=compiled, bounds=bounds)
    rng = np.random.default_rng(0)
    blocks = [rng.integers(env.n_actions, size=(copies, env.n_agents)) for _ in range(16)]
    env.step(blocks[0])
    first = time.perf_counter() - begun
    rates: list[float] = []
    turn = 0
    for _ in range(5):
        steps, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < seconds / 5 or not steps:
            for _ in range(4 if compiled else 1):
                env.step(blocks[turn % 16])
                turn += 1
                steps += copies
        rates.append(steps / spent)
    used = get_threads() if compiled else 1
    return Timing(env.name, copies, used, env.n_agents, statistics.median(rates), first)


def report(
    console: Console,
    world: str | None = None,
    copies: Sequence[int] | None = None,
    threads: int | None = None,
    everything: bool = False,
    interpreted: bool = False,
    seconds: float = 1.0,
    bounds: bool = False,
) -> list[Timing]:
    """Times one world or all and prints a table.

    Args:
        console: Where to print.
        world: Its name or file; Clean Up by default.
        copies: Numbers of copies; 1, 256 and 1024 by default, or 1 if interpreted, or 256 for every world.
        threads: Threads that step the copies, if not all cores.
        everything: Every world within reach.
        interpreted: Run the rules as plain Python.
        seconds: Time to spend on each.
        bounds: Check every index.

    Raises:
        ValueError: If there is no such world.
    """
    apply_threads()
    if threads:
        set_threads(threads)
    worlds = names("worlds") if everything else [world or "cleanup"]
    sizes = list(copies or ([1] if interpreted else [256] if everything else [1, 256, 1024]))
    how = "interpreted" if interpreted else f"compiled, {get_threads()} threads"
    how += ", every index checked" if bounds else ""
    table = Table(title=f"[bold]random actions, all observations, {how}[/]", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("world")
    for name in ("agents", "copies", "world-steps/s", "agent-steps/s", "first step"):
        table.add_column(name, justify="right", no_wrap=True)
    found = []
    with console.status("measuring ..."):
        for name in worlds:
            for n in sizes:
                timing = measure(name, n, not interpreted, seconds, bounds)
                found.append(timing)
                table.add_row(
                    f"[cyan]{timing.world}[/]", str(timing.agents), f"{n:,}", f"[bold]{timing.world_steps:,.0f}[/]",
                    f"{timing.agent_steps:,.0f}", f"{timing.first_step:.2f} s",
                )  # fmt: skip
    console.print(table)
    return found
