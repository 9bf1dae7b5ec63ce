"""What a run folder says of how its run begins, goes on and ends: config.yaml, run.yaml and the code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sorrelsim.experiments.checkpoints import Checkpoint
from sorrelsim.experiments.code import keep_code
from sorrelsim.experiments.config import dump_config
from sorrelsim.experiments.facts import describe, now, read_facts, write_facts
from sorrelsim.experiments.keeping import Keeper
from sorrelsim.experiments.loop import Experiment
from sorrelsim.writing import write_beside

_OF_THE_END = ("ended", "end", "epochs", "models")


def begin_facts(experiment: Experiment, folder: Path, since: Checkpoint | None) -> dict[str, Any]:
    """Writes config.yaml and run.yaml, and keeps the code, as a run begins or goes on; returns what run.yaml says."""
    config = dump_config(experiment.config)
    if since is None:
        write_beside(folder / "config.yaml", config)  # with it there is a run, which may be begun again after a kill
        e, code = experiment, keep_code(folder, experiment.classes.sources())
        facts = describe(e.config, e.world, e.places, e.models, code, e.together)
        write_facts(folder, facts)
    else:
        facts = {key: value for key, value in read_facts(folder).items() if key not in _OF_THE_END}
        again = {"at": now(), "epoch": experiment.epoch, "turn": experiment.turns, "command": list(sys.orig_argv)}
        facts["resumed"] = [*facts.get("resumed", []), again]
        write_facts(folder, facts)  # first: with more epochs it is finished no longer
        write_beside(folder / "config.yaml", config)
    return facts


def end_facts(keeper: Keeper, facts: dict[str, Any], end: str) -> None:
    """Adds to run.yaml how and when the run ended."""
    said = (now(), end, keeper.epoch, f"of epoch {keeper.saved_epoch}")
    known = dict(zip(_OF_THE_END, said, strict=True))
    keeper.draw("run.yaml", lambda: write_facts(keeper.folder, facts | known))
