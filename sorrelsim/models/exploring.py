"""How a model explores: epsilon and its schedule, and play without exploring. Part of every ``BaseModel``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal, Self

from sorrelsim.models.seat import Seat


class Exploring:
    """What a model knows of exploring.

    Attributes:
        plays: (class) How it is meant to be played where it does not learn: ``sampled`` if drawing is part of how it
            plays, as a policy's actions or a bot's whims; ``greedy`` if drawing only served to learn, as of learners of
            values.
        exploring: False inside ``with model.greedy()``.
    """

    plays: ClassVar[Literal["greedy", "sampled"]] = "sampled"

    exploring: bool = True
    _fixed_epsilon: float | None = None

    @property
    def acts_in_shares(self) -> bool:
        """Whether it chooses for one share of its streams after another just as for all at once; by default not."""
        return False

    def explores(self, seat: Seat | None) -> bool:
        """Returns whether to explore: both the model's own mode and the seat's must say so."""
        return self.exploring and (seat is None or seat.explore)

    @contextmanager
    def greedy(self) -> Iterator[Self]:
        """Acts without exploring, for evaluation: ``with model.greedy():``."""
        before, self.exploring = self.exploring, False
        try:
            yield self
        finally:
            self.exploring = before

    @property
    def epsilon(self) -> float:
        """Chance of a random action now: falls linearly with agent-steps, unless set by hand."""
        return self.scheduled_epsilon() if self._fixed_epsilon is None else self._fixed_epsilon

    @epsilon.setter
    def epsilon(self, epsilon: float) -> None:
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon must lie in 0..1, got {epsilon}")
        self._fixed_epsilon = float(epsilon)

    def scheduled_epsilon(self) -> float:
        """Returns epsilon by the model's schedule; 0 for models without one."""
        return 0.0

    def set_epsilon(self, epsilon: float) -> None:
        """Fixes epsilon at a value, which ends its schedule.

        Raises:
            ValueError: If it does not lie in 0..1.
        """
        self.epsilon = epsilon

    def epsilon_decay(self, decay_rate: float) -> None:
        """Lowers epsilon by a factor, 1 - decay_rate, which ends its schedule."""
        self.set_epsilon(self.epsilon * (1 - decay_rate))
