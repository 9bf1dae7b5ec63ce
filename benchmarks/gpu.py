"""How near a card is kept to its limit: PPO on Clean Up with SocialJax's network, whole and in its parts.

    python benchmarks/gpu.py [--device auto] [--copies 4096] [--rounds 5] [--halves 2] [--precision float32]

Agent-steps per second of stepping alone (random actions, windows of all agents written), of the network alone (acting
on states that lie on the card already, and the gradient steps of a rollout), and of whole training; and the share of
training's time that the card is busy, kernels and transfers as torch's profiler adds them up. What limits training is
the slower of the first two; both at once would take as long as that one alone.

Without a card it says so and goes through a tiny version on the CPU, whose figures mean nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from sorrelsim.experiments.loop import Experiment
from sorrelsim.models.torch.devices import choose_device

TINY = {"copies": 4, "rounds": 1, "steps": 4, "minibatches": 2}


def config(given: argparse.Namespace) -> dict[str, Any]:
    """Returns the config of a run: one PPO in all slots; an epoch is a rollout and its update."""
    settings = {
        "n_steps": given.steps,
        "n_epochs": 2,
        "n_minibatches": given.minibatches,
        "network": {"kind": "socialjax", "precision": given.precision},
    }
    return {
        "world": given.world,
        "n_worlds": given.copies,
        "device": given.device,
        "halves": given.halves,
        "seats": [{"slots": "all", "model": "ppo", "config": settings}],
        "epochs": 1_000_000,
        "turns": given.steps,
    }


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Returns how long some work takes until the device has done with it."""
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def stepping(experiment: Experiment, steps: int) -> None:
    """Steps the world alone."""
    world, rng = experiment.world, np.random.default_rng(0)
    actions = rng.integers(world.n_actions, size=(8, world.n_worlds, world.n_agents))
    for t in range(steps):
        world.step(actions[t % 8])


def network(model: Any, parts: dict[str, torch.Tensor], batch: dict[str, torch.Tensor]) -> None:
    """Asks the network for actions as often as a rollout has steps, and takes as many gradient steps as one brings."""
    c = model.config
    with model.acting(), torch.inference_mode():
        for _ in range(c.n_steps):
            model.policy.act(parts, {}, None, model.generator, True)
    with model.learning():
        for _ in range(c.n_epochs * c.n_minibatches):
            model.gradient_step(batch)


def busy(work: Callable[[], object], device: torch.device) -> float:
    """Returns the share of some work's time in which the card does something; NaN where there is none."""
    if device.type != "cuda":
        return float("nan")
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        seconds = seconds_of(work, device)
    return sum(event.self_device_time_total for event in profile.key_averages()) / 1e6 / seconds


def measure(given: argparse.Namespace) -> None:
    """Times the parts and the whole in turn, and prints medians with their spread."""
    experiment = Experiment(config(given))
    model: Any = experiment.models[0]
    device, epochs = model.device, experiment.epochs()
    next(epochs), next(epochs)  # compiles, and records graphs
    agent, n = experiment.agents[0], given.copies * experiment.world.n_agents * given.steps
    parts, batch = model.tensors(agent.observe(experiment.world)), next(model.minibatches())
    alone = Experiment(config(given) | {"device": "cpu"})
    cases = {
        "stepping alone": lambda: stepping(alone, given.steps),
        "network alone": lambda: network(model, parts, batch),
        "training": lambda: next(epochs),
    }
    for work in cases.values():
        work()
    rounds = [{name: n / seconds_of(work, device) for name, work in cases.items()} for _ in range(given.rounds)]
    print(f"{given.world}, {given.copies} copies in {experiment.config.halves} shares, on {device}", end="")
    print(f": {torch.cuda.get_device_name(device)}" if device.type == "cuda" else "")
    for name in cases:
        found = [each[name] for each in rounds]
        print(f"{name:16} {np.median(found):14,.0f} agent-steps/s  ({min(found):,.0f} to {max(found):,.0f})")
    slower = [each["training"] / min(each["stepping alone"], each["network alone"]) for each in rounds]
    print(f"training over the slower of its two parts: {np.median(slower):.2f}")
    print(f"the card is busy: {busy(cases['training'], device):.0%} of training's time")


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--world", default="cleanup")
    parser.add_argument("--copies", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=32, help="steps of a rollout")
    parser.add_argument("--minibatches", type=int, default=32)
    parser.add_argument("--halves", type=int, default=None)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    given = parser.parse_args(arguments)
    if choose_device(given.device).type == "cpu":
        print("no card: a tiny version on the CPU, whose figures say nothing of one")
        given.device = "cpu"
        vars(given).update(TINY)
    measure(given)


if __name__ == "__main__":
    main()
