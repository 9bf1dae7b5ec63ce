"""Keeping what a run learns although the disk may be full: what cannot be written is told, kept and tried again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sorrelsim.errors import tell
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.measures import Row
from sorrelsim.experiments.run_folder import MetricsLog
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
        tell: What says a line.

    Attributes:
        models: The folder of the models.
        metrics: metrics.csv.
        sweep: sweep.csv, where params are swept.
        epoch: The latest epoch that was played.
        saved_epoch: The epoch that the saved models are of.
        unsaved: Whether the models could not be saved when it was their turn.
    """

    def __init__(self, experiment: Experiment, folder: Path, tell: Callable[[str], None] = tell) -> None:
        self.experiment, self.folder, self.tell = experiment, folder, tell
        self.models = folder / "models"
        self.metrics = MetricsLog(folder / "metrics.csv")
        self.sweep: MetricsLog | None = None
        self.epoch = 0
        self.saved_epoch = 0
        self.unsaved = False
        self._complaints: dict[str, OSError] = {}

    @property
    def complaints(self) -> dict[str, OSError]:
        """What could not be written the last time it was tried, and why."""
        return dict(self._complaints)

    def add(self, row: Row, sweep: list[Row]) -> bool:
        """Writes an epoch's rows; those that could not be written before go first. Returns whether that went well."""
        if sweep and self.sweep is None:
            self._try("sweep.csv", lambda: setattr(self, "sweep", MetricsLog(self.folder / "sweep.csv")))
        logs: list[tuple[MetricsLog | None, list[Row]]] = [(self.metrics, [row]), (self.sweep, sweep)]
        fine = True
        for log, rows in logs:
            if log is not None and rows:
                after = f"the rows are kept and written with the next; {log.path} holds {len(log.rows) - log.waiting}"
                fine &= self._try(log.path.name, lambda log=log, rows=rows: log.add(*rows), after)  # type: ignore[misc]
        return fine

    def amend(self, row: Row) -> bool:
        """Writes the latest epoch's row again, with what its evaluation brought; returns whether that went well."""
        return self._try(self.metrics.path.name, lambda: self.metrics.amend(row), "the row before it stays")

    def save(self, epoch: int) -> bool:
        """Writes all models as they are now, in one move; returns whether that went well."""
        after = f"the last that are saved are those of epoch {self.saved_epoch}, in {self.models}; tried again later"
        self.unsaved = not self._try("models", lambda: swap_folder(self.models, self._fill), after)
        if not self.unsaved:
            self.saved_epoch = epoch
        return not self.unsaved

    def _fill(self, into: Path) -> None:
        """Puts all models into an empty folder, and what else lies in the present one, such as a diverged model's last
        sound file.
        """
        self.experiment.save_models(into)
        for path in self.models.iterdir() if self.models.is_dir() else ():
            if not (into / path.name).exists() and not is_temporary(path):
                (shutil.copytree if path.is_dir() else shutil.copy2)(path, into / path.name)

    def draw(self, what: str, make: Callable[[], object]) -> bool:
        """Writes a picture or a film, without which a run is whole; returns whether that went well."""
        return self._try(what, make, "the run has all else")

    def finish(self, epoch: int) -> str:
        """Writes what is left to be written, trying for a while; returns what could not be, and nothing if all was."""
        for k in range(TRIES):
            if k:
                time.sleep(PAUSE)
            logs = [log for log in (self.metrics, self.sweep) if log is not None]
            fine = [self._try(log.path.name, log.flush) for log in logs]
            if self.save(epoch) and all(fine):
                return ""
        left = [
            f"{log.waiting} rows of {log.path.name}: {self._complaints[log.path.name]}" for log in logs if log.waiting
        ]
        if self.unsaved:
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
