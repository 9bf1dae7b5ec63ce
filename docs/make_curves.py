"""Writes what the docs show of learning in a world: a curve for each run of a ready config, random play beside it.

    sorrelsim train configs/coop_mining_ppo.yaml --seeds 3 epochs=12
    python docs/make_curves.py configs/coop_mining_ppo.yaml runs/coop_mining_ppo-001/runs/*

The runs differ by nothing but their seed. Each epoch in which episodes ended gives a point, the mean return of slots
whose players learn; in these slots random players play as many seeds, 64 episodes each. It all goes to
``docs/curves/configs/NAME.csv``: columns seed (a number, or ``random`` and a number), agent_steps, return_mean.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

from sorrelsim.experiments.config import ExperimentConfig, load_config
from sorrelsim.experiments.mixtures import mix, play_mixture, stage_with
from sorrelsim.experiments.players import player_of
from sorrelsim.experiments.run_folder import read_metrics

CURVES = Path(__file__).parent / "curves" / "configs"
EPISODES = 64
DECISIVE = ("world", "seats", "n_worlds", "turns")
"""What the runs have in common."""
Row = tuple[str, int, float]


def slots_of(config: ExperimentConfig) -> list[int]:
    """Returns the slots whose players learn: all but those listed of seats that play at random."""
    at_random = [slot for seat in config.seats if seat.model == "random" for slot in seat.slots]
    return [slot for slot in range(stage_with(config.world).make(1, 0).n_agents) if slot not in at_random]


def rows_of(folder: Path, seed: int, slots: list[int]) -> list[Row]:
    """Returns the points of one run, of some slots."""
    metrics = read_metrics(folder)
    means = np.mean([metrics[f"return_{slot}"] for slot in slots], 0)
    points = zip(metrics["agent_steps"], means, strict=True)
    return [(str(seed), int(steps), float(mean)) for steps, mean in points if np.isfinite(mean)]


def random_play(config: ExperimentConfig, seed: int, slots: list[int]) -> Row:
    """Returns what random players get in some slots of the world of a config, per agent and episode."""
    stage = stage_with(config.world)
    n_agents = stage.make(1, seed).n_agents
    outcome = play_mixture(stage, mix([(range(n_agents), player_of("random"))], n_agents), EPISODES, seed)
    return f"random {seed}", 0, float(np.mean(outcome.episodes.returns[:, slots]))


def main() -> None:
    """Writes the file of the runs given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("runs", nargs="+", type=Path)
    given = parser.parse_args()
    folders = given.runs
    configs = [load_config(folder / "config.yaml") for folder in folders]
    alike = {str([getattr(config, key) for key in DECISIVE]) for config in configs}
    if len(alike) > 1 or configs[0].world["name"] != load_config(given.config).world["name"]:
        sys.exit(f"these are no runs of {given.config} that differ by nothing but their seeds")
    slots = slots_of(configs[0])
    rows = [row for folder, config in zip(folders, configs, strict=True) for row in rows_of(folder, config.seed, slots)]
    rows += [random_play(configs[0], config.seed, slots) for config in configs]
    CURVES.mkdir(parents=True, exist_ok=True)
    path = CURVES / f"{given.config.stem}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("seed", "agent_steps", "return_mean"))
        writer.writerows((seed, steps, f"{mean:.6g}") for seed, steps, mean in rows)
    print(path)


if __name__ == "__main__":
    main()
