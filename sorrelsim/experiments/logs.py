"""Where else an epoch's row of metrics goes: TensorBoard, by default, and Weights & Biases, if asked for.

Each is a :class:`Log`, as the file of metrics is, so whoever keeps a run hands every row to all of them alike. What
they show are the numbers of metrics.csv, at the agent-steps of their epochs.
"""

from __future__ import annotations

import io
import math
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sorrelsim.experiments.config import ConfigError, ExperimentConfig, dump_config
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.run_folder import append, shown
from sorrelsim.settings import read_yaml, write_yaml
from sorrelsim.writing import write_beside

STEP = "agent_steps"
_CLOCK = {"epoch", "episodes", "seconds", "steps_per_second"}
_LEFT_OUT = {STEP, "env_steps"}  # what every number is shown against, and the same over the agents


class Log(Protocol):
    """What takes the rows of a run, one per epoch.

    Attributes:
        path: The file or folder that it fills.
        waiting: Number of rows that could not be written yet.
    """

    path: Path

    @property
    def waiting(self) -> int: ...

    def add(self, *rows: Mapping[str, Any]) -> None:
        """Takes rows; raises OSError if they cannot be written, and keeps them for the next time."""

    def amend(self, row: Mapping[str, Any]) -> None:
        """Takes the last row again, with more in it."""

    def flush(self) -> None:
        """Writes the rows that wait."""

    def close(self) -> None:
        """Ends it: no row comes any more."""


def open_logs(config: ExperimentConfig, folder: Path, seats: Sequence[str] = (), rows: Sequence[Row] = ()) -> list[Log]:
    """Returns the logs that a config asks for.

    Args:
        config: The config.
        folder: The run folder.
        seats: The names of the seats, which losses are named by.
        rows: The rows that a run that is gone on with has so far.

    Raises:
        ConfigError: If Weights & Biases is asked for and is not installed, or does not let the run begin.
        OSError: If a log's file cannot be written.
    """
    logs: list[Log] = []
    if config.tensorboard:
        logs.append(TensorBoardLog(folder / "tensorboard", seats, rows))
    if config.wandb.project is not None:
        logs.append(WandbLog(config, folder, seats))
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


def _news(before: Mapping[str, Any], row: Mapping[str, Any]) -> Row:
    """Returns what a row has and did not have before, and its step."""
    return {name: value for name, value in row.items() if name not in before or name == STEP}


class TensorBoardLog:
    """An event file for TensorBoard, written without TensorFlow; ``tensorboard --logdir`` takes a run or many.

    There is one file, which a run that is gone on with writes anew from its rows: no step stands there twice.

    Args:
        folder: Its folder; made if needed.
        seats: The names of the seats.
        rows: Rows that there are already.
    """

    def __init__(self, folder: str | Path, seats: Sequence[str] = (), rows: Sequence[Row] = ()) -> None:
        self.path = Path(folder) / "events.out.tfevents.0.sorrelsim"  # TensorBoard looks for files of such names
        self._seats = seats
        self._last: Row = dict(rows[-1]) if rows else {}
        self._waiting: list[Row] = []
        began = time.time() - self._last.get("seconds", 0.0)
        records = [_record(file_version="brain.Event:2", wall_time=began)]
        records += [self._of(row, began + row.get("seconds", 0.0)) for row in rows]
        write_beside(self.path, b"".join(records))

    @property
    def waiting(self) -> int:
        """Rows that are not in the file yet."""
        return len(self._waiting)

    def add(self, *rows: Mapping[str, Any]) -> None:
        """Appends rows, and those that could not be written before.

        Raises:
            OSError: If they cannot be written; they are kept, and the file is as it was.
        """
        self._waiting += [dict(row) for row in rows]
        self._last = dict(rows[-1])
        self.flush()

    def amend(self, row: Mapping[str, Any]) -> None:
        """Appends what the last row did not have, at its step.

        Raises:
            OSError: As :meth:`add`.
        """
        self._waiting.append(_news(self._last, row))
        self._last = dict(row)
        self.flush()

    def flush(self) -> None:
        """Writes the rows that are not in the file yet.

        Raises:
            OSError: As :meth:`add`.
        """
        if self._waiting:
            now = time.time()
            append(self.path, b"".join(self._of(row, now) for row in self._waiting))
            self._waiting = []

    def close(self) -> None:
        """Ends it; nothing is held open."""

    def _of(self, row: Mapping[str, Any], wall_time: float) -> bytes:
        """Returns a row as a record of the file."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(row, self._seats).items()]
        return _record(summary=Summary(value=values), step=int(row[STEP]), wall_time=wall_time) if values else b""


def _record(**event: Any) -> bytes:
    """Returns an event of TensorBoard as it stands in a file."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    memory = io.BytesIO()
    RecordWriter(memory).write(Event(**event).SerializeToString())
    return memory.getvalue()


class WandbLog:
    """A run of Weights & Biases, by that name in its project; ``WANDB_MODE=offline`` is honoured.

    The run's id, and how far it was told, lie in ``RUN/wandb/run.yaml``: a run that is gone on with goes on there too,
    and no step is told twice.

    Args:
        config: The config.
        folder: The run folder.
        seats: The names of the seats.

    Raises:
        ConfigError: If the package is not installed, or does not let the run begin.
    """

    def __init__(self, config: ExperimentConfig, folder: Path, seats: Sequence[str] = ()) -> None:
        try:
            import wandb
        except ImportError:
            raise ConfigError(
                "wandb.project is set, and Weights & Biases is not installed: pip install 'sorrelsim[wandb]', or leave "
                "wandb out of the config"
            ) from None
        self.path = folder / "wandb" / "run.yaml"
        self._seats = seats
        self._last: Row = {}
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
                dir=self.path.parent.parent,
                config=read_yaml(dump_config(config), "config"),
                settings=wandb.Settings(silent=True, console="off"),
            )
        except wandb.errors.Error as error:
            raise ConfigError(
                f"Weights & Biases does not let the run begin: {error}. 'wandb login' says who you are; wandb.mode: "
                "offline keeps all on this machine"
            ) from error

    @property
    def waiting(self) -> int:
        """Rows that wait: none, since the package keeps its own queue."""
        return 0

    def add(self, *rows: Mapping[str, Any]) -> None:
        """Tells of rows.

        Raises:
            OSError: If it cannot be noted how far they go.
        """
        for row in rows:
            self._last = dict(row)
            self._tell(row)

    def amend(self, row: Mapping[str, Any]) -> None:
        """Tells what the last row did not have, at its step."""
        news, self._last = _news(self._last, row), dict(row)
        self._tell(news)

    def _tell(self, row: Mapping[str, Any]) -> None:
        step = int(row[STEP])
        if step >= self._told:  # the last one again: a kill may have come before its evaluation
            self._run.log(scalars(row, self._seats), step=step)
            self._told = step
            write_beside(self.path, write_yaml({"id": self._id, "told": step}))

    def flush(self) -> None:
        """Does nothing: nothing waits."""

    def close(self) -> None:
        """Ends the run there."""
        self._run.finish()
