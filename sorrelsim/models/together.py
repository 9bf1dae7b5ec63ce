"""Several models as one: what acts and learns for all of them, each as it would alone. See ``BaseModel.together``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sorrelsim.models.noted import TrainingDiverged
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.observations.parts import Observation, as_parts, as_public


class Together(ABC):
    """Models that act and learn as one. All that is theirs stays with them: weights, optimisers, chance, memories.

    One Agent seats them all, to which they are one model: its streams are those of one model after the other, and what
    it observes, stacks, submits and is paid is of all at once.

    Args:
        models: The models.

    Attributes:
        n_streams: Streams of all.
        failed: What was raised of those models that diverged, by their number; the others have gone on.
    """

    is_filled = True

    def __init__(self, models: Sequence[Any]) -> None:
        self.models = list(models)
        self.failed: dict[int, TrainingDiverged] = {}
        first = self.models[0]
        self.n_streams = len(self.models) * first.n_streams
        self.name, self.n_frames, self.kept = first.name, first.n_frames, first.kept
        self.observations, self.remembered = first.observations, first.remembered
        self.action_spec = first.action_spec

    def rows(self, n_streams: int) -> list[slice]:
        """Returns the rows of each model among those of so many streams, as many for each."""
        n = n_streams // len(self.models)
        return [slice(k * n, (k + 1) * n) for k in range(len(self.models))]

    # In a seat of all

    def take_seat(self, seat: Seat) -> None:  # noqa: B027 - nothing to do is what is to be done
        """Called by the Agent; each has a seat of its own, in which it learns."""

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns what must be remembered of so many streams; see ``BaseModel.new_carry``."""
        return self.models[0].new_carry(n_streams)

    def reset_carry(self, carry: dict[str, Any], ended: np.ndarray) -> None:
        """Resets rows of a carry; see ``BaseModel.reset_carry``."""
        self.models[0].reset_carry(carry, ended)

    @property
    def acts_in_shares(self) -> bool:
        """Whether all choose for one share of their streams after another just as for all at once."""
        return all(model.acts_in_shares for model in self.models)

    @abstractmethod
    def take_actions(self, states: Observation, seat: Seat) -> np.ndarray:
        """Chooses actions for the streams of all; per model as ``BaseModel.take_actions``."""

    def one_by_one(self, states: Observation, seat: Seat) -> np.ndarray:
        """Chooses actions as ``take_actions`` does, and asks each model for its own."""
        each = zip(self.models, self.rows(seat.n_streams), self.seats(seat), strict=True)
        return np.concatenate([model.take_actions(_rows_of(states, rows), own) for model, rows, own in each])

    def remember(self, transition: Transition) -> None:
        """Takes in one step of all streams; by default each model its own, by ``BaseModel.remember``."""
        for k, part in enumerate(self.shares(transition)):
            with self.of(k):
                self.models[k].remember(part)

    def seats(self, seat: Seat) -> list[Seat]:
        """Returns each model's part of a seat; what lies in its carry is that of the whole."""
        parts = []
        for rows in self.rows(seat.n_streams):
            carry = {name: array[rows] for name, array in seat.carry.items()}
            mask = None if seat.mask is None else seat.mask[rows]
            parts.append(Seat(rows.stop - rows.start, carry, mask, seat.explore, seat.learn, seat.deal))
        return parts

    def shares(self, transition: Transition) -> Iterator[Transition]:
        """Yields each model's part of what a step brought."""
        t = transition
        for rows, seat in zip(self.rows(self.n_streams), self.seats(t.seat), strict=True):
            first, last = np.searchsorted(t.ended, (rows.start, rows.stop))
            over, none = slice(first, last), first == last  # of those that ended
            yield Transition(
                _rows_of(t.obs, rows),
                t.action[rows],
                t.reward[rows],
                t.terminated[rows],
                t.truncated[rows],
                t.ended[over] - rows.start,
                None if none or t.final_obs is None else _rows_of(t.final_obs, over),
                None if none or t.final_states is None else _rows_of(t.final_states, over),
                lambda rows=rows: _rows_of(t.next_states(), rows),  # type: ignore[misc]
                seat,
                None if none or t.final_mask is None else t.final_mask[over],
                None if t.next_mask is None else t.next_mask[rows],
            )

    # Learning

    def learn(self, n_steps: int) -> None:
        """Counts agent-steps, as many for each, and takes the gradient steps that fall due.

        One that diverges, which ``failed`` then says, takes no further ones.
        """
        due, taken = [model.count(n_steps // len(self.models)) for model in self.models], 0
        try:
            while len(set(due)) == 1 and taken < due[0] and not self.failed:
                self.train_step()
                taken += 1
            for k, model in enumerate(self.models):  # one of them was trained elsewhere before, or has failed
                if k not in self.failed:
                    with self.of(k):
                        model.take_steps(due[k] - taken)
        finally:
            for model in self.models:
                model.after_learning()

    @abstractmethod
    def train_step(self) -> None:
        """Takes what is one ``train_step`` of each model, and notes the losses with each."""

    @contextmanager
    def of(self, k: int) -> Iterator[None]:
        """Within, what diverges is a model's: it is noted, and the others go on."""
        try:
            yield
        except TrainingDiverged as error:
            self.failed.setdefault(k, error)


def _rows_of(observation: Observation, rows: slice) -> Observation:
    """Returns some rows of a batch of observations."""
    return as_public({name: part[rows] for name, part in as_parts(observation).items()})
