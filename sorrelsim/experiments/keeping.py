"""Keeping what a run learns although the disk may be full: what cannot be written is told, kept and tried again.

Metrics after every epoch, models (``RUN/models``) to look at, whole states (``RUN/checkpoint``) to go on from.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sorrelsim.errors import tell, unknown
from sorrelsim.experiments import checkpoints
from sorrelsim.experiments.checkpoints import Checkpoint, Progress
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.run_folder import MetricsLog, snapshot_name
from sorrelsim.writing import is_temporary, swap_folder

TRIES, PAUSE = 3, 0.5
"""How often the last saving is tried, and the seconds between two tries."""


class NotSaved(OSError):
    """A run came to its end and something could not be written. The message says what, and what there is."""


class Keeper:
    """Writes a run's metrics and models, each whole or not at all; an error is told in two lines, once, and survived.

    Args:
        experiment: The experiment.
        folder: The run folder.
        since: The checkpoint that the experiment goes on from; its rows are gone on with.
        tell: What says a line.

    Attributes:
        models: The folder of the models.
        metrics: metrics.csv.
        sweep: sweep.csv, where params are swept.
        epoch: The latest epoch that was played.
        saved_epoch: The epoch that the saved models are of.
        unsaved: Whether the models could not be saved when it was their turn.
        row: The latest row.
        complete: Whether that row has all that it is to have; if not, its evaluation is still to come.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        since: Checkpoint | None = None,
        tell: Callable[[str], None] = tell,
    ) -> None:
        self.experiment, self.folder, self.tell = experiment, folder, tell
        self.models = folder / "models"
        self.metrics = MetricsLog(folder / "metrics.csv", None if since is None else since.path / "metrics.csv")
        self.sweep: MetricsLog | None = None
        if since is not None and (since.path / "sweep.csv").is_file():
            self.sweep = MetricsLog(folder / "sweep.csv", since.path / "sweep.csv")
        self.epoch = experiment.epoch
        self.saved_epoch = 0
        self.unsaved = False
        self.complete = since is None or since.progress.complete
        self.row: Row = (since and since.progress.row) or {}
        self._best = since.progress.best if since else None
        self._state_of: int | None = since.progress.turns if since else None  # turns played at the latest checkpoint
        self._state_at = time.monotonic()
        self._complaints: dict[str, OSError] = {}

    @property
    def complaints(self) -> dict[str, OSError]:
        """What could not be written the last time it was tried, and why."""
        return dict(self._complaints)

    def add(self, row: Row, sweep: list[Row]) -> bool:
        """Writes an epoch's rows; those that could not be written before go first. Returns whether that went well."""
        self.row = row
        if sweep and self.sweep is None:
            self._try("sweep.csv", lambda: setattr(self, "sweep", MetricsLog(self.folder / "sweep.csv")))
        logs: list[tuple[MetricsLog | None, list[Row]]] = [(self.metrics, [row]), (self.sweep, sweep)]
        fine = True
        for log, rows in logs:
            if log is not None and rows:
                after = f"the rows are kept and written with the next; {log.path} holds {len(log.rows) - log.waiting}"
                fine &= self._try(log.path.name, lambda log=log, rows=rows: log.add(*rows), after)  # type: ignore[misc]
        return fine

    def amend(self, more: Row) -> bool:
        """Writes the latest epoch's row again, with what its evaluation brought; returns whether that went well."""
        return self._try(self.metrics.path.name, lambda: self.metrics.amend(more), "the row before it stays")

    def save(self, epoch: int) -> bool:
        """Writes all models as they are now, in one move; returns whether that went well."""
        after = f"the last that are saved are those of epoch {self.saved_epoch}, in {self.models}; tried again later"
        self.unsaved = not self._try("models", lambda: swap_folder(self.models, self._fill), after)
        if not self.unsaved:
            self.saved_epoch = epoch
        return not self.unsaved

    def _fill(self, into: Path) -> None:
        """Puts all models into an empty folder, and what else lies in the present one, such as snapshots."""
        self.experiment.save_models(into)
        for path in self.models.iterdir() if self.models.is_dir() else ():
            if not (into / path.name).exists() and not is_temporary(path):
                if path.is_dir():
                    shutil.copytree(path, into / path.name, copy_function=_link)
                else:
                    _link(path, into / path.name)

    def look_back(self, row: Row) -> None:
        """Keeps the models of an epoch apart, for good, if the config asks for it: snapshots, and the best so far."""
        config = self.experiment.config
        if self.epoch in config.snapshots:
            self._keep_models(snapshot_name(self.epoch))
        if config.best is None:
            return
        value, highest = row.get(config.best), -math.inf if self._best is None else self._best
        if isinstance(value, int | float) and value > highest and self._keep_models("best"):
            self._best = float(value)
        if value is None and self.epoch == 1 and not config.best.startswith(("eval_", "loss")):  # these may come later
            self.tell(f"best: {unknown('column', config.best, row, str(self.metrics.path))}")

    def _keep_models(self, name: str) -> bool:
        return self._try(f"models/{name}", lambda: swap_folder(self.models / name, self.experiment.save_models))

    def keep_diverged(self) -> None:
        """Keeps the model that diverged, if one did, beside the models of the epoch that was saved last."""
        self._try("the model that diverged", lambda: self.experiment.save_diverged(self.models))

    def state_due(self) -> bool:
        """Returns whether the period of whole states is over."""
        period = self.experiment.config.checkpoint
        failed = self._complaints.get("checkpoint")
        by_time = period.minutes and time.monotonic() - self._state_at >= 60 * period.minutes
        by_epochs = period.epochs and self.epoch % period.epochs == 0
        return bool(by_time or by_epochs or (failed is not None and failed.errno))

    def save_state(self, tries: int = 1) -> bool:
        """Writes the whole state, unless it is saved already; returns whether it is.

        What a model of a user's own cannot save is told as an error of the disk is: the run goes on.
        """
        experiment = self.experiment
        if self._state_of == experiment.turns:
            return True
        row = None if self.complete else self.row
        progress = Progress(experiment.epoch, experiment.turns, self.complete, self._best, row)
        logs = [log for log in (self.metrics, self.sweep) if log is not None]

        def write() -> None:
            try:
                checkpoints.save(self.folder, experiment, progress, logs, experiment.config.checkpoint.newest)
            except OSError:
                raise
            except Exception as error:  # whatever a state_dict of a user's own does
                raise OSError(f"{type(error).__name__}: {error}") from error

        after = "the checkpoint before it stays" if self._state_of is not None else "there is none yet to go on from"
        for k in range(tries):
            if k:
                time.sleep(PAUSE)
            if self._try("checkpoint", write, after):
                self._state_of, self._state_at = experiment.turns, time.monotonic()
                return True
        return False

    def draw(self, what: str, make: Callable[[], object]) -> bool:
        """Writes a picture or a film, without which a run is whole; returns whether that went well."""
        return self._try(what, make, "the run has all else")

    def finish(self, models: bool = True) -> str:
        """Writes what is left to be written, trying for a while; returns what could not be, and nothing if all was.

        Args:
            models: Whether the models are written as they are now.
        """
        epoch = self.epoch
        for k in range(TRIES):
            if k:
                time.sleep(PAUSE)
            logs = [log for log in (self.metrics, self.sweep) if log is not None]
            fine = [self._try(log.path.name, log.flush) for log in logs]
            if (log := self.experiment.log) is not None:
                fine.append(self._try("events", log.flush, "the rows are kept"))
            if (not models or self.save(epoch)) and all(fine):
                return ""
        left = [
            f"{log.waiting} rows of {log.path.name}: {self._complaints[log.path.name]}" for log in logs if log.waiting
        ]
        if "events" in self._complaints:
            left.append(f"the latest rows of events: {self._complaints['events']}")
        if models and self.unsaved:
            left.append(
                f"the models of epoch {epoch}: {self._complaints['models']}. "
                f"The last that are saved are those of epoch {self.saved_epoch}, in {self.models}"
            )
        return "\n".join(["not saved: " + each for each in left])

    def _try(self, what: str, write: Callable[[], object], after: str = "") -> bool:
        """Writes something. An error is told the first time, and that it went well the first time after that."""
        try:
            write()
        except OSError as error:
            if what not in self._complaints:
                self.tell(f"{what} could not be written: {error}")
                if after:
                    self.tell(f"    {after}")
            self._complaints[what] = error
            return False
        if self._complaints.pop(what, None) is not None:
            self.tell(f"{what} could be written again")
        return True


def _link(source: str | Path, target: str | Path) -> None:
    """Gives a file, which is never written to again, a second name; a copy where the system has no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
