"""What went on in an agent's head in the turns of a recording, as it is shown. Knows nothing of windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.models.explanation import Explanation
from sorrelsim.pictures.heads import head_strip
from sorrelsim.play.head import LONGEST_TRACE, HeadInfo, head_of
from sorrelsim.play.live import Live
from sorrelsim.play.minds import Minds, minds_of
from sorrelsim.recordings import Recording


class ReplayHead:
    """The head of one agent of a recording; its model is looked for when somebody first looks.

    Args:
        recording: The recording.
        trust: Whether Python files may be run that a run brings or points to.

    Attributes:
        shown: Whether anybody looks.
        slot: Whose it is.
        problem: Why nothing can be told; empty if it can.
    """

    def __init__(self, recording: Recording | Live, trust: bool = False) -> None:
        self.recording = recording
        self.shown = False
        self.slot = 0
        self.problem = ""
        self._trust = trust
        self._minds: Minds | None = None
        self._told: dict[tuple[int, int], Explanation | None] = {}  # by slot and turn

    def told(self, turn: int) -> Explanation | None:
        """Returns what it makes of the state after a turn; None if nobody looks, or there is nothing to tell."""
        if not self.shown or self.problem or self.slot in self.recording.seating(turn + 1).people:
            return None
        if (self.slot, turn) not in self._told:
            try:
                if self._minds is None:
                    replay = self.recording.replay(False, self._trust)
                    self._minds = minds_of(self.recording, replay, self._trust)
                self._told[self.slot, turn] = self._minds.explain(turn, self.slot)
            except Exception as error:  # a run that is not at hand, or whatever a model of somebody's own does
                self.problem = f"cannot tell: {error}"
        return self._told.get((self.slot, turn))

    def strip(self, turn: int, width: int) -> np.ndarray:
        """Returns it as a picture below those of a film, ``uint8[row, width, 3]``.

        Raises:
            ValueError: If it cannot be told.
        """
        recording = self.recording
        names = recording.header["actions"]
        info = self.info(turn, names, recording.first_of_episode(turn))
        if self.problem:
            raise ValueError(f"{recording.path}: {self.problem}")
        assert info is not None
        worth = "" if info.value is None else f"   expects {info.value:.3g}"
        rows = [(row.action, row.text, row.share, row.best) for row in info.rows]
        colour = sprites.agent_colour(self.slot)
        return head_strip(width, f"{self.slot}   {info.phrase}{worth}", rows, info.trace, len(names), colour)

    def info(self, turn: int, names: Sequence[str], first: int) -> HeadInfo | None:
        """Returns what is shown of it; None if nobody looks.

        Args:
            turn: The turn looked at.
            names: The actions.
            first: The turn after which its episode began.
        """
        if not self.shown:
            return None
        told = self.told(turn)
        if told is None:
            person = self.slot in self.recording.seating(turn + 1).people
            return HeadInfo(self.slot, "a person" if person else self.problem or "tells nothing of itself")
        known = (self._told.get((self.slot, k)) for k in range(max(first, turn - LONGEST_TRACE + 1), turn + 1))
        return head_of(told, names, self.slot, [each.value for each in known if each and each.value is not None])
