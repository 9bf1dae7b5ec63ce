"""How a world is asked what happened in it. Part of every ``Gridworld``."""

from __future__ import annotations

import numpy as np

from sorrelsim.engine.answers import Answer
from sorrelsim.engine.bounds import runner_of
from sorrelsim.engine.notes import Happened, Notes
from sorrelsim.engine.program import Program
from sorrelsim.engine.shown import Shown
from sorrelsim.engine.turns import refuse
from sorrelsim.settings import whole

ROOM = 2**14
"""Notes for which all copies together have room, unless that is too few for one of them."""


class Noting(Shown):
    """The part of every ``Gridworld`` that is asked what happened."""

    events: tuple[str, ...]
    event_counts: np.ndarray
    bounds: bool
    _alone: list[None]
    _answer: Answer
    _answers: list[Answer]
    _final: Answer

    def note_events(self, on: bool = True, room: int | None = None) -> None:
        """Begins to note what happens, for :meth:`happened`; turns and episodes are counted from now on.

        It changes no trajectory. ``copy.deepcopy`` and ``pickle`` give a world that notes nothing.

        Args:
            on: False stops it.
            room: Notes that each copy has room for between two calls of ``happened``; by default twice what a step may
                bring, more where copies are few.
        """
        if not self._alone:
            refuse(self)
        a_step = self.n_agents * (len(self.events) + 4)  # all that is counted of every agent, and four pairs of each
        usual = max(2 * a_step, min(ROOM // self.n_worlds, 4096))
        self.copies.notes = Notes(self, whole(usual if room is None else room, "room", 1, 2**24) if on else 0)
        self.copies.notes.seen[...] = self.event_counts.reshape(self.n_worlds, -1)
        self._set_out()

    def happened(self) -> Happened:
        """Returns what happened since the last call, or since :meth:`note_events`.

        Raises:
            RuntimeError: If nothing is noted, or more happened than there is room for; nothing is lost in silence.
        """
        if not self._alone:
            refuse(self)
        notes = self.copies.notes
        if not notes.room:
            raise RuntimeError(f"{self.name}: nothing is noted; call world.note_events() before the steps")
        columns, lost = notes.take()
        if lost.any():
            copy = int(lost.argmax())
            raise RuntimeError(
                f"{self.name}: {lost[copy] + notes.room} events in copy {copy} since the last call of happened(), "
                f"and room for {notes.room}; call it more often, or note_events(room={2 * notes.room})"
            )
        return Happened(columns, notes.names)

    def _set_out(self) -> None:
        """Makes what runs the world, on the memory that there is now."""
        program = Program.of(self, self.copies, self._answer, self._final, self.bounds)
        self._runner = runner_of(program, self.copies, self.compiled, self.bounds)
        for answer in self._answers:
            answer.orders.clear()
