"""Where else an epoch's row of metrics goes: TensorBoard, by default, and Weights & Biases, if asked for.

Each is a watcher of the run, as the display is, and shows the numbers of metrics.csv at the agent-steps of each epoch.
"""

from __future__ import annotations

import io
import math
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sorrelsim.experiments.config import ConfigError, ExperimentConfig, dump_config
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.run_folder import append, read_rows, shown
from sorrelsim.settings import read_yaml, write_yaml
from sorrelsim.writing import write_beside

STEP = "agent_steps"
_CLOCK = {"epoch", "episodes", "seconds", "steps_per_second"}
_LEFT_OUT = {STEP, "env_steps"}  # what every number is shown against, and the same over the agents

Attempt = Callable[[str, Callable[[], object]], bool]
"""What writes something by its name, tells an error of the disk and survives it, and returns whether it went well."""


class Log(Protocol):
    """What takes the rows of a run, one per epoch, when they are complete."""

    def epoch(self, row: Row) -> None:
        """Takes an epoch's row."""

    def doing(self, what: str) -> None:
        """Called when something other than training begins."""

    def close(self) -> None:
        """Ends it: no row comes any more."""


def open_logs(
    config: ExperimentConfig, folder: Path, attempt: Attempt, seats: Sequence[str] = (), complete: bool = True
) -> list[Log]:
    """Returns the logs that a config asks for.

    Args:
        config: The config.
        folder: The run folder. If the run is gone on with, the rows of its metrics.csv are taken first.
        attempt: What survives a full disk.
        seats: The names of the seats, which losses are named by.
        complete: Whether the last of those rows has all that it is to have; if not, it comes once more.

    Raises:
        ConfigError: If Weights & Biases is asked for and does not let the run begin.
    """
    logs: list[Log] = []
    if config.tensorboard:
        columns = read_rows(folder / "metrics.csv")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        logs.append(TensorBoardLog(folder / "tensorboard", attempt, seats, rows if complete else rows[:-1]))
    if config.wandb.project is not None:
        logs.append(WandbLog(config, folder, attempt, seats))
    return logs


def scalars(row: Mapping[str, Any], seats: Sequence[str] = ()) -> dict[str, float]:
    """Returns a row's numbers as they stand in metrics.csv, by a name that says which charts belong together.

    ``metrics/return_mean``, ``agents/return_0``, ``learning/loss_iqn_0``, ``evaluation/eval_return_mean``,
    ``clock/seconds``. What is no finite number is left out.
    """
    found = {}
    for column, value in row.items():
        if column in _LEFT_OUT or isinstance(value, str) or not math.isfinite(value):
            continue
        if column in _CLOCK:
            group = "clock"
        elif column.startswith("eval_"):
            group = "evaluation"
        elif column in ("loss", "epsilon") or any(column.endswith(f"_{seat}") for seat in seats):
            group = "learning"
        else:
            group = "agents" if re.search(r"_\d+$", column) else "metrics"
        found[f"{group}/{column}"] = float(shown(value))
    return found


class TensorBoardLog:
    """An event file for TensorBoard, written without TensorFlow; ``tensorboard --logdir`` takes a run or many.

    There is one file, which a run that is gone on with writes anew from its rows: no step stands there twice.

    Args:
        folder: Its folder; made if needed.
        attempt: What survives a full disk; what could not be written is kept, and written with the next row.
        seats: The names of the seats.
        rows: Rows that there are already.
    """

    def __init__(self, folder: Path, attempt: Attempt, seats: Sequence[str] = (), rows: Sequence[Row] = ()) -> None:
        self.path = folder / "events.out.tfevents.0.sorrelsim"  # TensorBoard looks for files of such names
        self._attempt, self._seats = attempt, seats
        began = time.time() - (rows[-1].get("seconds", 0.0) if rows else 0.0)
        self._waiting = [_record(file_version="brain.Event:2", wall_time=began)]
        self._waiting += [self._of(row, began + row.get("seconds", 0.0)) for row in rows]
        self._begun = False
        self._write()

    def epoch(self, row: Row) -> None:
        """Appends an epoch's row."""
        self._waiting.append(self._of(row, time.time()))
        self._write()

    def doing(self, what: str) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Writes what could not be written before."""
        if self._waiting:
            self._write()

    def _write(self) -> None:
        content, write = b"".join(self._waiting), append if self._begun else write_beside
        if self._attempt("tensorboard", lambda: write(self.path, content)):
            self._waiting, self._begun = [], True

    def _of(self, row: Mapping[str, Any], wall_time: float) -> bytes:
        """Returns a row as a record of the file."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(row, self._seats).items()]
        return _record(summary=Summary(value=values), step=int(row[STEP]), wall_time=wall_time)


def _record(**event: Any) -> bytes:
    """Returns an event of TensorBoard as it stands in a file."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    memory = io.BytesIO()
    RecordWriter(memory).write(Event(**event).SerializeToString())
    return memory.getvalue()


class WandbLog:
    """A run of Weights & Biases, by its folder's name in the project; ``WANDB_MODE=offline`` is honoured.

    The run's id, and how far it was told, lie in ``RUN/wandb/run.yaml``: a run that is gone on with goes on there too,
    and no step is told twice.

    Args:
        config: The config.
        folder: The run folder.
        attempt: What survives a full disk.
        seats: The names of the seats.

    Raises:
        ConfigError: If the package does not let the run begin.
    """

    def __init__(self, config: ExperimentConfig, folder: Path, attempt: Attempt, seats: Sequence[str] = ()) -> None:
        import wandb

        self.path = folder / "wandb" / "run.yaml"
        self._attempt, self._seats = attempt, seats
        known = read_yaml(self.path.read_text(encoding="utf-8"), str(self.path)) if self.path.is_file() else {}
        self._id, self._told = known.get("id") or secrets.token_hex(6), known.get("told", -1)
        asked = config.wandb
        try:
            self._run = wandb.init(
                project=asked.project,
                entity=asked.entity,
                group=asked.group,
                tags=asked.tags,
                mode=asked.mode,
                name=folder.name,
                id=self._id,
                resume="allow",
                dir=folder,
                config=read_yaml(dump_config(config), "config"),
                settings=wandb.Settings(silent=True, console="off"),
            )
        except wandb.errors.Error as error:
            raise ConfigError(
                f"Weights & Biases does not let the run begin: {str(error).rstrip('.')}. "
                "'wandb login' says who you are; wandb.mode=offline keeps all on this machine"
            ) from error

    def epoch(self, row: Row) -> None:
        """Tells of an epoch's row."""
        step = int(row[STEP])
        if step > self._told:
            self._run.log(scalars(row, self._seats), step=step)
            self._told = step
            known = {"id": self._id, "told": step}
            self._attempt("wandb", lambda: write_beside(self.path, write_yaml(known)))

    def doing(self, what: str) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Ends the run there."""
        self._run.finish()
