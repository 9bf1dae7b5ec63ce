"""Replay memory that is told what was thought of every step when acting, which gives new steps their priorities.

Horgan et al. 2018, "Distributed prioritized experience replay", algorithm 1: actors work out the first priorities
themselves, so that a new step does not wait at the highest for a learner to come by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.models import checked
from sorrelsim.models.memory.priorities import Priorities
from sorrelsim.models.memory.replay import Buffer
from sorrelsim.models.memory.replay_kernels import DISCOUNT, DONE, EMPTY, RETURN
from sorrelsim.models.seat import Transition
from sorrelsim.observations.parts import Parts, as_parts

if TYPE_CHECKING:
    from sorrelsim.models.memory.rollout import Column
    from sorrelsim.observations.spec import ObservationSpec

TAKEN, BEST, FINAL = range(3)
"""Values of a step: of the action taken, of the state that it was taken in, of an episode's true last state."""


class Appraising:
    """What is told of the step that is remembered next: the values of what was done, and of where it was done.

    Args:
        n_streams: Parallel streams.
    """

    def __init__(self, n_streams: int) -> None:
        self._next, self._is_told = np.zeros((3, n_streams), np.float32), False

    def appraise(self, taken: np.ndarray, best: np.ndarray) -> None:
        """Takes in what is thought of the step that is added next: values of actions and of states, [n_streams]."""
        self._next[TAKEN], self._next[BEST], self._is_told = taken, best, True

    def tell(self, thought: np.ndarray | None) -> None:
        """Takes in all three of the step that is added next, [3, n_streams], as another found them; None for none."""
        if thought is not None:
            self._next[:], self._is_told = thought, True

    def appraise_ends(self, transition: Transition, worth: Callable[[Parts, np.ndarray | None], np.ndarray]) -> None:
        """Takes in what the true last states of episodes cut short are worth, before their step is added.

        Args:
            transition: The step.
            worth: Returns values, [n], of states by part name, [n, ...], and what is allowed there.
        """
        t = transition
        cut = t.truncated[t.ended]
        if cut.any() and t.final_states is not None:
            last = {name: part[cut] for name, part in as_parts(t.final_states).items()}
            self._next[FINAL, t.ended[cut]] = worth(last, None if t.final_mask is None else t.final_mask[cut])


class AppraisedBuffer(Appraising, Buffer):
    """A memory whose steps begin with |r + gamma^n V(s') - Q(s, a)| for an error, as it was when acting.

    A step's window is complete once the state behind it has been acted on, so that no network is asked for it again.
    Steps of which nothing was told begin with the highest priority so far, as in every ``Buffer``.

    Args:
        observations: As of ``Buffer``, and so the others.
        capacity: Frames held, over all streams.
        n_streams: Parallel streams.
        n_frames: Frames stacked into a state.
        n_step: Steps summed into a reward.
        gamma: Discount per step.
        priority_exponent: How much the error counts in sampling; above 0.
        seed: Seed of the sampling.
        action: Shape and dtype of an action.

    Attributes:
        appraised: What was told of the last rows, newest last: TAKEN, BEST and FINAL, float32 [n_step + 1, 3,
            n_streams].
        told: Of which of these rows it was, bool [n_step + 1].
    """

    priorities: Priorities

    def __init__(
        self,
        observations: ObservationSpec,
        capacity: int,
        n_streams: int,
        n_frames: int,
        n_step: int,
        gamma: float,
        priority_exponent: float,
        seed: int | np.random.SeedSequence,
        action: Column,
    ) -> None:
        Appraising.__init__(self, n_streams)
        Buffer.__init__(
            self, observations, capacity, n_streams, n_frames, n_step, gamma, priority_exponent, seed, action
        )
        self.appraised = np.zeros((n_step + 1, 3, n_streams), np.float32)
        self.told = np.zeros(n_step + 1, bool)

    def _write(self, parts: Parts, action: Any, reward: Any, kind: Any, finals: Parts | None) -> None:
        self.appraised[:-1], self.told[:-1] = self.appraised[1:].copy(), self.told[1:].copy()
        empty = np.ndim(kind) == 0 and kind == EMPTY
        self.appraised[-1], self.told[-1] = self._next, self._is_told and not empty
        self._is_told = False
        super()._write(parts, action, reward, kind, finals)

    def _prioritise(self, priorities: Priorities, overwritten: int | None) -> None:
        super()._prioritise(priorities, overwritten)
        if self.ring.size > self.n_step and self.told.all():
            places, errors = self._first_errors()
            if np.isfinite(errors).all():  # what is not is left to the learner, which says so
                priorities.update(places, errors)

    def _first_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the steps whose windows the newest row completed, int64 [n_streams], and their TD errors."""
        ring, streams = self.ring, np.arange(self.n_streams)
        start = (ring.head - 1 - self.n_step) % ring.n_rows
        places = start * self.n_streams + streams
        windows, rows, _ = self.windows(places)
        following = rows[self.n_streams :]
        ended = following < 0
        ages = (np.where(ended, -1 - following, following) - start) % ring.n_rows
        worth = self.appraised[ages, np.where(ended, FINAL, BEST), streams]
        going_on = windows[DISCOUNT] * (1 - windows[DONE])
        return places, windows[RETURN] + going_on * worth - self.appraised[0, TAKEN]

    def clear(self) -> None:
        """Forgets everything."""
        super().clear()
        self.told[:] = False

    # Saving

    def state_dict(self) -> dict[str, Any]:
        """Returns everything, as arrays and plain data; rows never written are left out."""
        return super().state_dict() | {"appraised": self.appraised.copy(), "told": self.told.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave.

        Raises:
            ValueError: If the state is of a memory of another shape, or not sound. Then nothing has changed.
        """
        super().load_state_dict(state)
        self.appraised[:], self.told[:] = state["appraised"], state["told"]

    def check(self, state: Mapping[str, Any]) -> None:
        """Checks that a state is sound, and of this memory; nothing is changed.

        Raises:
            ValueError: If not. The array and the value are named.
        """
        own = {"appraised": self.appraised, "told": self.told}
        checked.names("the saved memory", {name: state[name] for name in own if name in state}, own)
        super().check({name: value for name, value in state.items() if name not in own})
        for name, array in own.items():
            checked.array(name, state[name], array.shape, array.dtype)
