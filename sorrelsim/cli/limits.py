"""``sorrelsim bench --limits``: how near stepping, learners and training come to what this machine allows.

Stepping stands beside copying as many bytes as agents observe, learners beside their bare networks, training beside the
slower of its two halves. All are ratios of measurements that take turns: machines drift, and both sides drift alike.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from sorrelsim.engine.threads import get_threads, set_threads
from sorrelsim.experiments.loop import Experiment
from sorrelsim.library.make import make
from sorrelsim.models.playing import play_step
from sorrelsim.models.threads import apply_threads
from sorrelsim.models.torch.torch_model import TorchModel
from sorrelsim.writing import write_beside

FORMS = (("symbolic", None), ("one_hot", None), ("rgb", 8), ("rgb", 1), ("ascii", None))
COPIES = (1, 16, 256, 4096)
ROUNDS = 5
REPLAY = {"warmup": 640, "steps_between_updates": 4, "batch_size": 64}
TRAININGS: dict[str, tuple[dict[str, Any], int]] = {
    name: (
        {"name": name, "world": world, "n_worlds": copies, "seats": [{"slots": "all", "model": name, "config": given}]},
        turns,
    )
    for name, world, copies, given, turns in (
        ("ppo", "cleanup", 64, {"n_steps": 32}, 32),
        ("ddqn", "treasure_hunt", 32, REPLAY, 10),
        ("iqn", "treasure_hunt", 32, REPLAY, 10),
    )
}
"""Learners with a world and the turns of a round, in which each of them learns."""
_ANSWERS = 6
"""Arrays of observations that a measurement has at once: four answers, one that is copied, and its copy."""


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(values: list[float]) -> Spread:
        """Returns the spread of some values."""
        return Spread(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.2f} ±{(self.most - self.least) / 2:.2f}"


@dataclass(frozen=True)
class Stepped:
    """A world that is stepped in one form of observation.

    Attributes:
        form: The form.
        copies: Number of copies.
        world_steps: Steps of single copies per second.
        bytes_per_second: Observations written.
        share: Of what a plain copy of as many bytes writes, on as many threads.
    """

    form: str
    copies: int
    world_steps: float
    bytes_per_second: float
    share: Spread


@dataclass(frozen=True)
class Trained:
    """A learner that is trained.

    Attributes:
        learner: Its name.
        world: The world.
        agent_steps: Agents acting once, per second.
        over_network: Its time over that of its bare networks.
        stepping: Agent-steps per second of the world alone.
        learning: Agent-steps per second of acting and learning alone, in a world that stands still.
        share: What training has of the slower of these two.
    """

    learner: str
    world: str
    agent_steps: float
    over_network: Spread
    stepping: float
    learning: float
    share: Spread


def report(
    console: Console,
    world: str | None = None,
    copies: list[int] | None = None,
    threads: int | None = None,
    seconds: float = 1.0,
    to: Path | None = None,
) -> tuple[list[Stepped], list[Trained]]:
    """Measures, prints two tables, and writes them as JSON where that is asked for.

    Args:
        console: Where to print.
        world: The world that is stepped, by name or file; Clean Up by default.
        copies: Numbers of copies that are stepped; 1, 16, 256 and 4096 by default, without those that need more than
            half of the memory that is free.
        threads: Threads of the engine and of networks, if not those of this machine.
        seconds: Time to spend on each row.
        to: A file for JSON.

    Raises:
        ValueError: If there is no such world.
        OSError: If the file cannot be written.
    """
    apply_threads()
    if threads:
        set_threads(threads)
    name = world or "cleanup"
    sizes = [(form, size, n) for form, size in FORMS for n in copies or COPIES if _fits(name, form, size, n)]
    with console.status("measuring ..."):
        stepped = [step_row(name, form, size, n, seconds) for form, size, n in sizes]
        trained = [train_row(learner, seconds) for learner in TRAININGS]
    console.print(_stepped_table(name, stepped))
    console.print(_trained_table(trained))
    if to:
        found = {"world": name, "threads": get_threads(), "stepping": stepped, "training": trained}
        write_beside(to, _as_json(found))
        console.print(f"wrote {to}")
    return stepped, trained


# ---------------------------------------------------------------------------------------------------- stepping


def _fits(name: str, form: str, size: int | None, copies: int) -> bool:
    """Whether so many copies take at most half of the memory that is free; unknown counts as 2 GB."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        free = 2 * 10**9
    one = make(name, 1, observation=form, sprite_size=size)
    return _ANSWERS * copies * one.parts["grid"].nbytes <= free / 2


def step_row(name: str, form: str, size: int | None, copies: int, seconds: float) -> Stepped:
    """Times the steps of a world and copying what its agents observe, in turns."""
    world = make(name, copies, 0, observation=form, sprite_size=size)
    actions = np.random.default_rng(0).integers(world.n_actions, size=(16, copies, world.n_agents))
    seen = world.parts["grid"].copy()
    into, turn = np.zeros_like(seen), 0

    def step() -> None:
        nonlocal turn
        turn += 1
        world.step(actions[turn % 16])

    threads = min(get_threads(), copies)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(zip(np.array_split(into, threads), np.array_split(seen, threads), strict=True))

        def copy() -> None:
            list(pool.map(lambda part: np.copyto(*part), parts))

        plain = copy if threads > 1 else lambda: np.copyto(into, seen)
        step()  # what is compiled or first touched
        plain()
        rounds = [(_rate(step, seconds / 10), _rate(plain, seconds / 10)) for _ in range(ROUNDS)]
    steps = statistics.median(steps for steps, _ in rounds)
    what = f"{form} {size}" if size else form
    share = Spread.of([steps / copied for steps, copied in rounds])
    return Stepped(what, copies, steps * copies, steps * seen.nbytes, share)


def _rate(work: Callable[[], object], seconds: float) -> float:
    """How often a second something is done."""
    times, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not times:
        work()
        times += 1
    return times / took


# ---------------------------------------------------------------------------------------------------- training


def train_row(learner: str, seconds: float) -> Trained:
    """Times a training, its world and its learner alone, and the learner's bare networks, in turns."""
    config, turns = TRAININGS[learner]
    experiment = Experiment(config)
    world, agents = experiment.world, experiment.agents
    actions = np.random.default_rng(0).integers(world.n_actions, size=(16, world.n_worlds, world.n_agents))

    def whole() -> None:
        for _ in range(turns):
            play_step(world, agents)

    def stepping() -> None:
        for turn in range(turns):
            world.step(actions[turn % 16])

    def learning() -> None:
        for _ in range(turns):
            for agent in agents:
                agent.transition(world)
            for agent in agents:
                agent.remember(world)

    for _ in range(3):  # until it learns
        whole()
    bare = bare_networks([agent.model for agent in agents if isinstance(agent.model, TorchModel)], whole)
    rounds = [tuple(_rate(work, seconds / 20) for work in (whole, stepping, learning, bare)) for _ in range(ROUNDS)]
    steps = turns * world.n_worlds * world.n_agents
    rates = [statistics.median(each) for each in zip(*rounds, strict=True)]
    over = Spread.of([alone / trained for trained, _, _, alone in rounds])
    share = Spread.of([trained / min(step, learn) for trained, step, learn, _ in rounds])
    return Trained(learner, world.name, rates[0] * steps, over, rates[1] * steps, rates[2] * steps, share)


def bare_networks(models: list[TorchModel], work: Callable[[], object]) -> Callable[[], None]:
    """Returns what asks models' networks all that they are asked in some work, and nothing else.

    That is the same forward passes on the same inputs, and where the work needs gradients backward passes of the sum of
    the outputs: no world, memory, loss or optimiser.
    """
    calls: list[tuple[torch.nn.Module, tuple[Any, ...], dict[str, Any], bool]] = []
    depth = 0

    def enter(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal depth
        if not depth:  # what a module asks of its own parts, it asks again
            calls.append((module, _kept(args), _kept(kwargs), torch.is_grad_enabled()))
        depth += 1

    def leave(*_: Any) -> None:
        nonlocal depth
        depth -= 1

    modules = {each for model in models for network in model.networks.values() for each in network.modules()}
    hooks = [module.register_forward_pre_hook(enter, with_kwargs=True) for module in modules]
    hooks += [module.register_forward_hook(leave, always_call=True) for module in modules]
    work()
    for hook in hooks:
        hook.remove()

    def bare() -> None:
        for module, args, kwargs, learns in calls:
            with torch.set_grad_enabled(learns):
                answer = module(*args, **kwargs)
            said = [tensor.sum() for tensor in _tensors(answer) if tensor.requires_grad]
            if said:
                module.zero_grad(set_to_none=True)
                torch.stack(said).sum().backward()

    return bare


def _kept(given: Any) -> Any:
    """Arguments whose tensors are their own."""
    if isinstance(given, torch.Tensor):
        return given.detach().clone().requires_grad_(given.requires_grad)
    if isinstance(given, Mapping):
        return {name: _kept(each) for name, each in given.items()}
    return tuple(_kept(each) for each in given) if isinstance(given, tuple | list) else given


def _tensors(answer: Any) -> list[torch.Tensor]:
    """All tensors of an answer."""
    if isinstance(answer, torch.Tensor):
        return [answer]
    if isinstance(answer, Mapping):
        answer = answer.values()
    return [tensor for each in answer for tensor in _tensors(each)] if hasattr(answer, "__iter__") else []


# ------------------------------------------------------------------------------------------------------ tables


def _stepped_table(world: str, rows: list[Stepped]) -> Table:
    title = f"[bold]{world} by form of observation, beside copying as many bytes, {get_threads()} threads[/]"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("form", no_wrap=True)
    for name in ("copies", "world-steps/s", "MB/s", "of a plain copy"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        written = f"{row.bytes_per_second / 1e6:,.0f}"
        table.add_row(f"[cyan]{row.form}[/]", f"{row.copies:,}", f"{row.world_steps:,.0f}", written, str(row.share))
    return table


def _trained_table(rows: list[Trained]) -> Table:
    title = "[bold]training in agent-steps/s, over bare networks, and beside the slower of its halves alone[/]"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("learner")
    for name in ("training", "x networks", "stepping", "learning", "of slower"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"[cyan]{row.learner}[/] on {row.world}", f"{row.agent_steps:,.0f}", str(row.over_network),
            f"{row.stepping:,.0f}", f"{row.learning:,.0f}", str(row.share),
        )  # fmt: skip
    return table


def _as_json(found: dict[str, Any]) -> str:
    rows = {name: [dataclasses.asdict(row) for row in found[name]] for name in ("stepping", "training")}
    return json.dumps(found | rows, indent=2) + "\n"
