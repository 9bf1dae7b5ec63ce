"""Study folders written by hand, whose numbers are known; the tests of figures, tables and reports share them."""

import re
from pathlib import Path

import yaml

BASE = {"world": {"name": "coins"}, "seats": [{"model": "random"}], "epochs": 20}


def write_run(folder, values, seed=0, world="coins", end="finished", steps=100, **more):
    """Writes a run folder whose ``return_mean`` takes some values, one per epoch; other columns by name.

    A column has ``steps`` agent-steps per epoch, and every run its own clock.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    config = {"world": {"name": world}, "seats": [{"model": "random"}], "seed": seed}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    facts = {"format": 2, "packages": {"sorrelsim": "0.1.0", "numpy": "2.0"}, "world": {"name": world, "version": 1}}
    facts |= {"machine": {"cores": 2, "threads": 1, "system": "Linux"}, "seats": [{"name": "random_0"}]}
    (folder / "run.yaml").write_text(yaml.safe_dump(facts | ({"end": end} if end else {})))
    columns = {"return_mean": values, "return_0": values} | more
    names = ["epoch", "env_steps", "agent_steps", "seconds", *columns]
    lines = [",".join(names)]
    for k in range(len(values)):
        clock = (k + 1) * (seed + 1.5)
        row = [k + 1, (k + 1) * steps // 2, (k + 1) * steps, clock, *(each[k] for each in columns.values())]
        lines.append(",".join(map(str, row)))
    (folder / "metrics.csv").write_text("\r\n".join(lines) + "\r\n")
    return folder


def write_study(folder, runs, conditions=("low", "high"), sweep=None, seeds=2, base=BASE):
    """Writes a study folder.

    Args:
        folder: The folder.
        runs: Per run: condition, place in the grid, seed, and what :func:`write_run` takes; None for one not begun.
        conditions: Names of the conditions, or what they change.
        sweep: The grid.
        seeds: The seeds.
        base: The config that all share.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    changes = conditions if isinstance(conditions, dict) else {name: {} for name in conditions}
    listed = []
    for condition, point, seed, run in runs:
        name = "__".join([condition, *(f"{key}={value}" for key, value in point.items()), f"seed{seed}"])
        name = re.sub(r"[^\w.+=-]", "", name)
        listed.append({"folder": name, "condition": condition, "sweep": point, "seed": seed})
        if run is not None:
            write_run(folder / "runs" / name, seed=seed, **run)
    said = {"name": folder.name, "base": base, "conditions": changes, "sweep": sweep or {}, "seeds": seeds}
    (folder / "study.yaml").write_text(yaml.safe_dump(said | {"runs": listed}, sort_keys=False))
    return folder
