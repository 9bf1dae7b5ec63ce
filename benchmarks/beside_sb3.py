"""Our learners beside those of stable-baselines3 and sb3-contrib: one task, one budget of steps, seeds of each.

    python benchmarks/beside_sb3.py [--cases dqn qr_dqn ...] [--seeds 0 1 2] [--alone] [--share .02]
                                    [--keep FILE] [--table FILE] [--curves FOLDER]

A learner trains for its budget and is evaluated at every tenth of it on 20 episodes, playing its best action always;
"reached" is the first evaluation that solves the task. The clock counts the processor's time for training alone, on one
thread. Without the other packages, which are no dependencies of this project, or with --alone, only ours run. ``CASES``
in ``sb3_cases.py`` is the list: a learner of the library by name, or two of one by a name with a blank and what tells
them apart. --share trains for a share of every budget, to see that all runs.

With --keep every result is written to a file as soon as it is there, a line of JSON each, and what is there is not
trained for again unless settings of the case have changed since. What learners do is not looked at: after a change of
one, begin a new file.

With --curves every evaluation of ours is written to FOLDER/TASK/LEARNER.csv, columns seed, agent_steps, return_mean:
``--curves docs/curves`` writes what the pages of learners show.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import hashlib
import importlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sb3_cases import CASES, Case

from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.outside.make import make_outside

PARTS, EPISODES = 10, 20


class Result(NamedTuple):
    """Seconds of processor time that training took, and the evaluations."""

    seconds: float
    scores: list[float]


Train = Callable[[str, Case, int], Result]


def evaluate(model: BaseModel, env: str) -> float:
    """Returns the mean return of episodes, all played side by side, in which nothing is learned."""
    world = make_outside(f"gym:{env}", EPISODES, seed=1000)
    agent = Agent(world, [0], model, learn=False, explore=False)
    returns, running = np.zeros(EPISODES), np.ones(EPISODES, bool)
    while running.any():
        agent.transition(world)
        world.step()
        returns += world.reward[:, 0] * running
        running &= ~(world.terminated | world.truncated)[:, 0]
        agent.remember(world)
    return float(returns.mean())


def ours(name: str, case: Case, seed: int) -> Result:
    """Trains our learner of a case."""
    world = make_outside(f"gym:{case.env}", case.copies, seed=seed)
    kind = find_class(f"pkg:{name.partition(' ')[0]}", "agents", BaseModel)
    model = kind.from_config(world.observations, world.action_spec, case.copies, case.ours, seed)
    agent = Agent(world, [0], model)
    seconds, scores = 0.0, []
    for part in range(PARTS):
        start = time.process_time()
        while model.agent_steps < case.budget * (part + 1) // PARTS:
            agent.transition(world)
            world.step()
            agent.remember(world)
        seconds += time.process_time() - start
        scores.append(evaluate(model, case.env))
    return Result(seconds, scores)


def theirs(name: str, case: Case, seed: int) -> Result:
    """Trains their learner of a case, by one call, so that its schedules run over the whole budget."""
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    module, _, kind = case.theirs.rpartition(".")
    envs, judged = make_vec_env(case.env, n_envs=case.envs, seed=seed), make_vec_env(case.env, n_envs=1, seed=1000)
    settings = case.settings(envs.action_space.shape) if callable(case.settings) else case.settings
    settings = copy.deepcopy(settings)  # theirs write into it, such as how many critics there are
    model = getattr(importlib.import_module(module), kind)(case.policy, envs, seed=seed, device="cpu", **settings)
    seconds, scores = 0.0, []

    class Clock(BaseCallback):
        """Stops the clock for evaluations."""

        def _on_step(self) -> bool:
            nonlocal seconds, start
            if len(scores) < PARTS and self.num_timesteps >= case.budget * (len(scores) + 1) // PARTS:
                seconds += time.process_time() - start
                scores.append(float(evaluate_policy(self.model, judged, EPISODES, deterministic=True)[0]))
                start = time.process_time()
            return True

    start = time.process_time()
    model.learn(case.budget, callback=Clock())
    return Result(seconds, scores)


# ------------------------------------------------------------------------------------------------------- what is kept


class Kept:
    """Results in a file, a line of JSON each, found again by whose, which case and seed, and all settings of the case.

    Args:
        path: The file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.results: dict[tuple[str, str, int, str], Result] = {}
        text = path.read_text(encoding="utf-8") if path is not None and path.exists() else ""
        self._begun = bool(text) and not text.endswith("\n")  # a line that a run was killed in, which does not count
        for told in text.splitlines():
            if told.endswith("}"):
                each = json.loads(told)
                key = each["who"], each["case"], each["seed"], each["settings"]
                self.results[key] = Result(each["seconds"], each["scores"])

    def result(self, who: str, name: str, case: Case, seed: int, train: Train) -> Result:
        """Returns the result that is kept, or else trains for it and keeps it."""
        key = who, name, seed, fingerprint(who, case)
        if key not in self.results:
            self.results[key] = found = train(name, case, seed)
            if self.path is not None:
                told = dict(zip(("who", "case", "seed", "settings"), key, strict=True)) | found._asdict()
                with self.path.open("a", encoding="utf-8") as file:
                    file.write("\n" * self._begun + json.dumps(told) + "\n")
                self._begun = False
        return self.results[key]


def fingerprint(who: str, case: Case) -> str:
    """Returns a short name of all that decides what ours, or theirs, are trained for."""
    settings = (case.ours, case.copies) if who == "ours" else (case.theirs, case.settings, case.envs, case.policy)
    told = repr((case.env, case.budget, settings))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


# ------------------------------------------------------------------------------------------------------ what is shown


def line(who: str, name: str, case: Case, seed: int, result: Result) -> str:
    """Returns what is printed of a result."""
    solved = [i for i, score in enumerate(result.scores) if score >= case.solved]
    reached = f"{case.budget * (solved[0] + 1) // PARTS:>7}" if solved else "  never"
    scores = " ".join(f"{score:.0f}" for score in result.scores)
    return (
        f"{who:6} {name:14} seed {seed}  last {result.scores[-1]:6.1f}  reached at {reached}  "
        f"{result.seconds:5.1f} s  ({scores})"
    )


HEAD = """| learner | beside | task | steps | solved from | ours | theirs | ours not worse | their time over ours |
|---|---|---|---|---|---|---|---|---|"""
NOTE = """Returns at the end of the budget: mean and standard deviation of the seeds, and in brackets each, which
is a mean of 20 episodes. "Not worse" is a mean that lies below theirs by no more than the larger deviation of the two.
Time is the processor's while training, on one thread."""


def spread(last: Sequence[float]) -> float:
    """Returns the standard deviation of seeds, 0 of a single one."""
    return float(np.std(last, ddof=1)) if len(last) > 1 else 0.0


def row(name: str, case: Case, our: Sequence[Result], their: Sequence[Result]) -> str:
    """Returns a case's line of the table."""
    last, theirs_last = ([result.scores[-1] for result in results] for results in (our, their))

    def shown(last: Sequence[float]) -> str:
        each = ", ".join(f"{score:.0f}" for score in last)
        return f"{np.mean(last):.0f} ± {spread(last):.0f} ({each})" if last else ""

    verdict = clock = ""
    if their:
        short, allowed = float(np.mean(theirs_last) - np.mean(last)), max(spread(last), spread(theirs_last))
        verdict = "yes" if short <= allowed else f"no: {short:.0f} below, {allowed:.0f} allowed"
        clock = f"{sum(r.seconds for r in their) / sum(r.seconds for r in our):.2f}"
    beside = f"`{case.theirs}`" if case.theirs else ""
    cells = name, beside, case.env, f"{case.budget:,}", f"{case.solved:.0f}", shown(last), shown(theirs_last)
    return f"| `{cells[0]}` | {' | '.join([*cells[1:], verdict, clock])} |"


def write_curves(folder: Path, name: str, case: Case, seeds: Sequence[int], results: Sequence[Result]) -> None:
    """Writes the evaluations of our learner of a case: after how many steps, and the mean return."""
    path = folder / case.env / f"{name.partition(' ')[0]}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{seed},{case.budget * (part + 1) // PARTS},{score:.6g}"
        for seed, result in zip(seeds, results, strict=True)
        for part, score in enumerate(result.scores)
    ]
    path.write_text("\n".join(["seed,agent_steps,return_mean", *lines]) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--alone", action="store_true", help="leave their learners out")
    parser.add_argument("--share", type=float, default=1.0, help="of every budget, above 0 and up to 1")
    parser.add_argument("--keep", type=Path, help="a file of results; those that it has are not trained for again")
    parser.add_argument("--table", type=Path, help="a Markdown file to write the table to")
    parser.add_argument("--curves", type=Path, help="a folder to write our evaluations to, a file a learner")
    asked = parser.parse_args(arguments)
    if not 0 < asked.share <= 1:
        parser.error(f"--share must be above 0 and at most 1, not {asked.share}")
    torch.set_num_threads(1)
    kept, rows = Kept(asked.keep), []
    for name in asked.cases:
        case = dataclasses.replace(CASES[name], budget=int(CASES[name].budget * asked.share))
        found: dict[str, list[Result]] = {"ours": [], "theirs": []}
        for who, train in (("ours", ours), ("theirs", theirs)):
            if who == "theirs" and (asked.alone or not case.installed):
                continue
            for seed in asked.seeds:
                found[who].append(kept.result(who, name, case, seed, train))
                print(line(who, name, case, seed, found[who][-1]), flush=True)
        rows.append(row(name, case, found["ours"], found["theirs"]))
        print(rows[-1], flush=True)
        if asked.curves is not None:
            write_curves(asked.curves, name, case, asked.seeds, found["ours"])
        if asked.table is not None:
            asked.table.write_text("\n".join([HEAD, *rows, "", NOTE]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
