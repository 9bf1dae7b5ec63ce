"""What a model remembers to learn from: its memory, and the one Agent that may fill it. Part of every ``BaseModel``."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.models.seat import Seat, Transition

if TYPE_CHECKING:
    from sorrelsim.observations.actions import ActionSpec
    from sorrelsim.observations.kept import Kept
    from sorrelsim.observations.spec import ObservationSpec


class Remembering:
    """A memory of steps, which only one Agent at a time may fill."""

    observations: ObservationSpec
    action_spec: ActionSpec
    n_streams: int
    config: Any
    seed: int
    kept: Kept | None = None
    """How frames are kept, where it is handed symbols and paints them itself; None where it gets what is observed."""

    _memory: Any = None
    _memory_given: bool = False
    _learns_in: tuple[int, weakref.ref[Seat]] | None = None

    @property
    def remembered(self) -> ObservationSpec:
        """What it is handed of a frame, and what its memory holds of one."""
        return self.observations if self.kept is None else self.kept.observations

    @property
    def n_frames(self) -> int:
        """Frames stacked into a state; 1 unless the model's config has another ``n_frames``.

        States have no frame axis when it is 1 and are [n_streams, n_frames, *shape] otherwise.
        """
        return int(getattr(self.config, "n_frames", 1))

    @property
    def memory_size(self) -> int:
        """Frames that a default memory holds over all streams: 100,000, unless the config has a ``memory_size``."""
        return int(getattr(self.config, "memory_size", 100_000))

    @property
    def learns_by_steps(self) -> bool:
        """Whether the class has a ``train_step`` of its own."""
        return type(self).train_step is not Remembering.train_step

    @property
    def memory(self) -> Any:
        """Its memory of steps, or None.

        A model that has a ``train_step`` and gives itself no memory has a ``Buffer`` of ``memory_size`` frames.
        """
        if not self._memory_given and self.learns_by_steps and self.n_streams:
            from sorrelsim.models.memory.replay import Buffer

            n_rows = max(self.memory_size // self.n_streams, self.n_frames + 2)
            self.memory = Buffer(
                self.remembered,
                n_rows * self.n_streams,
                self.n_streams,
                self.n_frames,
                seed=self.spawned(0),
                action=self.action_spec.column,
            )
        return self._memory

    @memory.setter
    def memory(self, memory: Any) -> None:
        self._memory, self._memory_given = memory, True

    @property
    def is_filled(self) -> bool:
        """Whether steps go into its memory: it has one, or will have one by its ``train_step`` and ``remember``."""
        if self._memory_given or not self.n_streams:
            return self._memory is not None
        return self.learns_by_steps and type(self).remember is Remembering.remember

    def spawned(self, key: int) -> np.random.SeedSequence:
        """Returns a seed for a further source of chance of this model's, independent of ``rng`` and of other keys."""
        return np.random.SeedSequence(self.seed, spawn_key=(key,))

    def take_seat(self, seat: Seat) -> None:
        """Called by an Agent in which it is to learn; what it remembers of an earlier one is not gone on with.

        Raises:
            ValueError: If it learns in another Agent already.
        """
        if not self.is_filled:
            return
        if self._learns_in is not None:
            model, other = self._learns_in
            if model == id(self) and other() is not None:  # a copy of a model is as free as a new one
                raise ValueError(
                    f"this {type(self).__name__} learns in another Agent already, and its memory would mix the steps "
                    "of both. To play several slots of a world, give one Agent all of them: Agent(world, slots=[0, 1], "
                    "model=model). To learn in another world, delete the first Agent. To play only, say learn=False"
                )
            self.interrupt()
        self._learns_in = id(self), weakref.ref(seat)

    def interrupt(self) -> None:
        """Notes that what is remembered next does not follow what was remembered last, as the world was reset."""
        boundary = getattr(self.memory, "add_empty", None)  # a memory of one's own may have none
        if boundary is not None and len(self.memory):
            boundary()

    def remember(self, transition: Transition) -> None:
        """Takes in one step of all streams of a seat, whether it learns there or not; called after every step.

        By default adds it to ``memory``, if there is one and it learns in that seat. Whoever writes it anew looks at
        ``transition.seat.learn`` before keeping something to learn from; what a player reacts to, a mood, is for every
        seat, and belongs in ``transition.seat.carry``.
        """
        t = transition
        if t.seat.learn and self.memory is not None:
            masks = {"mask": t.seat.mask, "final_mask": t.final_mask}
            self.memory.add(t.obs, t.action, t.reward, t.terminated, t.truncated, t.final_obs, **masks)

    def train_step(self) -> Any:
        """Takes one gradient step and returns its loss; by default does nothing.

        Returns:
            A number, tensor or array, a sequence of these, or several of them by name.
        """
        return 0.0
