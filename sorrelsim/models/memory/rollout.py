"""On-policy memory: the last steps of all streams, in order, with what the policy knew when it acted.

A learner fills a row in two halves, its choice when it acts and the outcome when it remembers; once every row is filled
it works out advantages, learns from the whole and clears it. What one learner alone wants beside each step, such as the
probability of its choice or the state of a recurrent core, are columns that it names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.models import checked
from sorrelsim.models.memory.saved import check_rollout
from sorrelsim.observations.parts import Observation, as_parts

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


Column = tuple[tuple[int, ...], Any]
"""Shape and dtype of what a column holds for one step of one stream."""
_ALL = slice(None)
_ALWAYS = ("actions", "values", "rewards", "terminated", "ended", "final_values")


class Rollout:
    """``n_steps`` rows of ``n_streams`` steps, filled in order, used and cleared.

    Args:
        observations: What one slot observes.
        n_steps: Rows.
        n_streams: Parallel streams.
        n_frames: Frames in a state; states are kept whole, since a rollout is short.
        columns: What else the learner keeps of a step, by name.
        action: Shape and dtype of an action.

    Attributes:
        states: States by part name, [n_steps, n_streams, (n_frames,) *shape].
        actions: int64 [n_steps, n_streams], or of the shape and dtype given.
        values: Estimates for the states, float32 [n_steps, n_streams].
        rewards: float32 [n_steps, n_streams].
        terminated: bool [n_steps, n_streams].
        ended: Terminated or truncated, bool [n_steps, n_streams].
        final_values: Estimates for the true last states of truncated episodes, else 0; float32 [n_steps, n_streams].
        masks: Allowed actions, bool [n_steps, n_streams, n_actions], or None.
        columns: The learner's own, by name, [n_steps, n_streams, *shape].
        size: Rows filled.
        mirror: What holds the states once more on the device where they are learned from, ``MirroredStates``; or None.
    """

    mirror: Any = None

    def __init__(
        self,
        observations: ObservationSpec,
        n_steps: int,
        n_streams: int,
        n_frames: int = 1,
        columns: Mapping[str, Column] | None = None,
        action: Column = ((), np.int64),
    ) -> None:
        self.n_steps, self.n_streams = n_steps, n_streams
        rows = (n_steps, n_streams)
        frames = () if n_frames == 1 else (n_frames,)
        self.states = {
            name: np.zeros((*rows, *frames, *part.shape), part.dtype) for name, part in observations.parts.items()
        }
        self.actions = np.zeros((*rows, *action[0]), action[1])
        self.columns = {name: np.zeros((*rows, *shape), dtype) for name, (shape, dtype) in (columns or {}).items()}
        self.values, self.rewards, self.final_values = (np.zeros(rows, np.float32) for _ in range(3))
        self.terminated, self.ended = np.zeros(rows, bool), np.zeros(rows, bool)
        self.masks: np.ndarray | None = None
        self.size = 0

    def __len__(self) -> int:
        return self.size * self.n_streams

    @property
    def full(self) -> bool:
        """Whether every row is filled."""
        return self.size == self.n_steps

    def add_choice(
        self,
        states: Observation,
        actions: np.ndarray,
        values: np.ndarray,
        mask: np.ndarray | None = None,
        columns: Mapping[str, np.ndarray] | None = None,
        rows: slice = _ALL,
        sent: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes what was seen and chosen, by all streams or by some of them, into the next row.

        Columns that are not given keep what they hold there. States that were sent to a device go to a mirror as they
        are. ``add_outcome`` completes the row.
        """
        place = self.size, rows
        if self.mirror is not None and sent is not None:
            self.mirror.write(*place, sent)
        for name, part in as_parts(states).items():
            self.states[name][place] = part
        self.actions[place], self.values[place] = actions, values
        for name, column in (columns or {}).items():
            self.columns[name][place] = column
        if mask is not None:
            if self.masks is None:
                self.masks = np.ones((self.n_steps, self.n_streams, *mask.shape[1:]), bool)
            self.masks[place] = mask

    def add_outcome(self, rewards: np.ndarray, terminated: np.ndarray, ended: np.ndarray) -> None:
        """Writes what came of it, and moves to the next row; ``final_values`` of the row left start at 0."""
        t = self.size
        self.rewards[t], self.terminated[t], self.ended[t], self.final_values[t] = rewards, terminated, ended, 0.0
        self.size += 1

    def break_off(self, gamma: float, known: np.ndarray | None = None) -> None:
        """Ends the episodes that are running, because what comes next does not follow the last row.

        What would have followed is not known, so it is taken to be worth what the estimates say: of a truncated end
        with r + gamma * v' = v the step has no error, and teaches nothing.

        Args:
            gamma: Discount per step.
            known: What the last steps' returns are to be, [n_steps, n_streams]; None takes the estimates, ``values``.
        """
        if not self.size:
            return
        t = self.size - 1
        running = ~self.ended[t]
        self.ended[t] = True
        if gamma > 0:
            self.final_values[t, running] = ((self.values if known is None else known)[t] - self.rewards[t])[
                running
            ] / gamma

    def lie_in(self, wholes: Mapping[str, np.ndarray], k: int) -> None:
        """Makes its arrays, by name, parts ``[k]`` of larger ones, and takes along what they hold."""
        self._filled_otherwise()
        for name, array in self.arrays().items():
            wholes[name][k] = array
        self.states = {name: wholes[f"state {name}"][k] for name in self.states}
        self.columns = {name: wholes[name][k] for name in self.columns}
        for name in (*_ALWAYS, *(() if self.masks is None else ("masks",))):
            setattr(self, name, wholes[name][k])

    def clear(self) -> None:
        """Forgets everything."""
        self.size = 0

    def join(self, parts: Sequence[Mapping[str, np.ndarray]]) -> None:
        """Takes in full rollouts of fewer streams side by side: the arrays of their ``state_dict``, by name."""
        if "masks" in parts[0] and self.masks is None:
            self.masks = np.ones((self.n_steps, self.n_streams, *parts[0]["masks"].shape[2:]), bool)
        for name, array in self.arrays().items():
            np.concatenate([part[name] for part in parts], axis=1, out=array)
        self.size = self.n_steps
        self._filled_otherwise()

    def state_dict(self) -> dict[str, Any]:
        """Returns the rows filled so far."""
        return {"size": self.size, "arrays": {name: a[: self.size].copy() for name, a in self.arrays().items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave.

        Raises:
            ValueError: If the state is of a rollout of another shape, or not sound. Then nothing has changed.
        """
        self.check(state)
        self._filled_otherwise()
        saved = state["arrays"]
        if "masks" in saved and self.masks is None:
            self.masks = np.ones((self.n_steps, *saved["masks"].shape[1:]), bool)
        self.size = int(state["size"])
        arrays = self.arrays()
        for name, array in saved.items():
            arrays[name][: self.size] = array

    def check(self, state: Mapping[str, Any]) -> None:
        """Checks that a state is sound, and of this rollout; nothing is changed.

        Raises:
            ValueError: If not. The array and the value are named.
        """
        checked.names("the saved rollout", state, ("size", "arrays"))
        check_rollout(state["size"], state["arrays"], self.arrays(), self.n_steps)

    def _filled_otherwise(self) -> None:
        if self.mirror is not None:
            self.mirror.forget()

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns all that it holds, by name."""
        arrays = {f"state {name}": array for name, array in self.states.items()}
        arrays |= {name: getattr(self, name) for name in _ALWAYS} | self.columns
        return arrays if self.masks is None else arrays | {"masks": self.masks}


def generalised_advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    next_value: np.ndarray,
    terminated: np.ndarray,
    ended: np.ndarray,
    final_values: np.ndarray,
    gamma: float,
    lam: float,
) -> np.ndarray:
    """Returns generalised advantage estimates (Schulman et al. 2016, eq. 16), told apart at every kind of end.

    A terminated step is followed by nothing; a truncated one by the value of its true last state; neither lets the next
    episode's advantages flow back.

    Args:
        rewards: [n_steps, n_streams].
        values: Estimates for the states acted on, [n_steps, n_streams].
        next_value: Estimates for the states after the last row, [n_streams].
        terminated: bool [n_steps, n_streams].
        ended: Terminated or truncated, bool [n_steps, n_streams].
        final_values: Estimates for the last states of truncated episodes, [n_steps, n_streams].
        gamma: Discount per step.
        lam: Weight of longer returns.

    Returns:
        float32 [n_steps, n_streams].
    """
    following = np.concatenate([values[1:], next_value[None]])
    following = np.where(ended, np.where(terminated, 0, final_values), following)
    deltas = rewards + gamma * following - values
    carry_on = gamma * lam * ~ended
    advantages = np.empty_like(values)
    running = np.zeros_like(next_value)
    for t in range(len(rewards) - 1, -1, -1):
        running = deltas[t] + carry_on[t] * running
        advantages[t] = running
    return advantages
