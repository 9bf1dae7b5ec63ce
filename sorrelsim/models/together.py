"""Several models as one: what acts and learns for all of them, each as it would alone. See ``BaseModel.together``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sorrelsim.models.noted import TrainingDiverged
from sorrelsim.models.seat import Seat
from sorrelsim.observations.parts import Observation


class Together(ABC):
    """Models that act and learn as one. All that is theirs stays with them: weights, optimisers, chance, memories.

    Args:
        models: The models.

    Attributes:
        failed: Which of the models a ``TrainingDiverged`` is about.
    """

    def __init__(self, models: Sequence[Any]) -> None:
        self.models = list(models)
        self.failed: int | None = None

    @abstractmethod
    def take_actions(self, states: Sequence[Observation], seats: Sequence[Seat]) -> list[np.ndarray]:
        """Chooses actions for the streams of every model; per model as ``BaseModel.take_actions``."""

    def learn(self, n_steps: int) -> None:
        """Counts agent-steps for each, and takes the gradient steps that fall due.

        Raises:
            TrainingDiverged: As of a model.
        """
        due = [model.count(n_steps) for model in self.models]
        try:
            if len(set(due)) == 1:
                for _ in range(due[0]):
                    self.train_step()
                return
            for k, model in enumerate(self.models):  # one of them was trained elsewhere before
                with self.of(k):
                    model.take_steps(due[k])
        finally:
            for model in self.models:
                model.after_learning()

    @abstractmethod
    def train_step(self) -> None:
        """Takes what is one ``train_step`` of each model, and notes the losses with each."""

    @contextmanager
    def of(self, k: int) -> Iterator[None]:
        """Within, what diverges is a model's."""
        try:
            yield
        except TrainingDiverged:
            self.failed = k
            raise
