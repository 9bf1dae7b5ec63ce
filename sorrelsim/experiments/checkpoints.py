"""Whole states of a run, in ``RUN/checkpoint/``: everything that decides what comes next, saved together or not at all.

A checkpoint is a folder, ``turn_<turns played>``, that is swapped in when nothing of it is missing::

    manifest.json          what it is of, and what the run is besides; a folder without one is no checkpoint
    state.safetensors      world, agents, episodes so far, counters: ``Experiment.state_dict``
    models/                every model with its optimisers, its chance and its memory
    metrics.csv, sweep.csv the rows so far
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.run_folder import MetricsLog
from sorrelsim.models.checkpoint import SUFFIX, CheckpointError, load_tree, save_tree
from sorrelsim.writing import remove_litter, swap_folder, write_beside

FOLDER, MANIFEST = "checkpoint", "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Progress:
    """How far a run has come, beside the state of its experiment.

    Attributes:
        epoch: Epochs played to their end.
        turns: Turns played.
        complete: Whether the row of that epoch has all that it is to have; if not, its evaluation is still to come.
        best: The highest value so far of the column by which the best models are kept.
        row: That row, where it is not complete.
    """

    epoch: int
    turns: int
    complete: bool = True
    best: float | None = None
    row: Row | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk, not read yet but for its manifest."""

    path: Path
    progress: Progress

    def restore(self, experiment: Experiment) -> None:
        """Puts an experiment of the same config where this one was.

        Raises:
            CheckpointError: If a file is missing, damaged, or of another experiment.
        """
        try:
            for place, model in zip(experiment.places, experiment.models, strict=True):
                model.load(self.path / "models" / f"{place.name}{SUFFIX}")
            experiment.load_state_dict(load_tree(self.path / f"state{SUFFIX}"))
        except CheckpointError:
            raise
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise CheckpointError(f"{self.path} is not whole: {error}") from error


def save(run: Path, experiment: Experiment, progress: Progress, logs: Iterable[MetricsLog], newest: int = 1) -> Path:
    """Writes a checkpoint, and removes those older than the newest few.

    Args:
        run: The run folder.
        experiment: What is saved, between two turns.
        progress: How far it has come.
        logs: The files of rows.
        newest: Checkpoints kept, this one among them.

    Raises:
        OSError: If it cannot be written; the ones that were there still are.
    """

    def fill(into: Path) -> None:
        for place, model in zip(experiment.places, experiment.models, strict=True):
            model.save(into / "models" / f"{place.name}{SUFFIX}", memory=True)
        save_tree(into / f"state{SUFFIX}", experiment.state_dict())
        for log in logs:
            log.copy_to(into / log.path.name)
        write_beside(into / MANIFEST, json.dumps({"format": FORMAT} | dataclasses.asdict(progress), default=float))

    remove_torn(run)
    path = swap_folder(run / FOLDER / f"turn_{progress.turns:09d}", fill)
    found = checkpoints(run)
    earlier = [each for each in found if each.progress.turns <= progress.turns]
    for each in found:  # those of later turns could not be gone on from, or the run would not be here
        if each not in earlier[:newest]:
            remove(each.path)
    return path


def remove_torn(run: Path) -> None:
    """Removes what a kill left half written, or half removed."""
    remove_litter(run / FOLDER)
    for path in (run / FOLDER).glob("turn_*"):
        if not (path / MANIFEST).exists():
            remove(path)


def remove(path: Path) -> None:
    """Removes a checkpoint; its manifest first, without which it is none."""
    with contextlib.suppress(OSError):
        (path / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def checkpoints(run: Path) -> list[Checkpoint]:
    """Returns a run's checkpoints, the newest first; what a kill left half removed is none."""
    found = []
    for path in (run / FOLDER).glob("turn_*"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            said = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            if said.pop("format") == FORMAT:
                found.append(Checkpoint(path, Progress(**said)))
    return sorted(found, key=lambda each: each.progress.turns, reverse=True)
