"""Rollouts of several learners, filled at once: one write where there was one for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sorrelsim.models.memory.rollout import Rollout
from sorrelsim.observations.parts import Observation, as_parts

_ALL = slice(None)


class Abreast:
    """Rollouts of one shape, whose arrays become parts of larger ones, [member, n_steps, n_streams, ...].

    Each goes on as if it were alone: it is read, saved, loaded and cleared by itself, and stands at a row of its own.
    What is added is of the streams of one member after the other.

    Args:
        members: The rollouts.
    """

    def __init__(self, members: Sequence[Rollout]) -> None:
        self.members = list(members)
        self._each = np.arange(len(self.members))
        self._lay()

    def add_choice(
        self,
        states: Observation,
        actions: np.ndarray,
        values: np.ndarray,
        mask: np.ndarray | None,
        columns: Mapping[str, np.ndarray],
        rows: slice = _ALL,
    ) -> None:
        """Writes what was seen and chosen, by all streams or some of each member's, into every member's next row."""
        if mask is not None:
            self._hold_masks(mask)
        written = {f"state {name}": part for name, part in as_parts(states).items()}
        written |= {"actions": actions, "values": values, **columns} | ({} if mask is None else {"masks": mask})
        self._write(written, rows)

    def add_outcome(self, rewards: np.ndarray, terminated: np.ndarray, ended: np.ndarray) -> None:
        """Writes what came of it, and moves every member to its next row; see ``Rollout.add_outcome``."""
        self._write({"rewards": rewards, "terminated": terminated, "ended": ended})
        self._wholes["final_values"][self._each, self._steps()] = 0.0
        for member in self.members:
            member.size += 1

    def _write(self, written: Mapping[str, np.ndarray], rows: slice = _ALL) -> None:
        place = self._each, self._steps(), rows
        for name, array in written.items():
            whole = self._wholes[name]
            whole[place] = array.reshape(len(self.members), -1, *whole.shape[3:])

    def _steps(self) -> list[int]:
        return [member.size for member in self.members]

    def _hold_masks(self, mask: np.ndarray) -> None:
        """Makes room for masks where there was none, and takes in what was made by loading one."""
        whole = self._wholes.get("masks")
        if whole is None or any(member.masks is None or member.masks.base is not whole for member in self.members):
            for member in self.members:
                if member.masks is None:
                    member.masks = np.ones((member.n_steps, member.n_streams, *mask.shape[1:]), bool)
            self._lay()

    def _lay(self) -> None:
        arrays = self.members[0].arrays()
        self._wholes = {name: np.empty((len(self.members), *a.shape), a.dtype) for name, a in arrays.items()}
        for k, member in enumerate(self.members):
            member.lie_in(self._wholes, k)
