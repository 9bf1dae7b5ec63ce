"""A person in a training run: their keys, and what their agent has earned.

Made by the model that asks the person (``agents/human.py``), shown by :mod:`sorrelsim.play.person_window`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sorrelsim.authoring.codes import Codebook
from sorrelsim.play.keys import default_keys, remap
from sorrelsim.play.session import LogEntry


@dataclass
class Person:
    """One person at the window: what their agent is called and has earned.

    Attributes:
        name: What the panel calls them.
        keys: Key name to action.
        actions: The actions' names.
        codes: What the ids of the observation mean.
        turn: Turns of the episode.
        score: Sum of rewards over the episode.
        reward: The last turn's.
        log: Rewards lately.
    """

    name: str
    keys: dict[str, int]
    actions: tuple[str, ...]
    codes: Codebook
    turn: int = 0
    score: float = 0.0
    reward: float = 0.0
    log: deque[LogEntry] = field(default_factory=lambda: deque(maxlen=24))

    @classmethod
    def at_keyboard(cls, name: str, given: Mapping[str, Any], actions: Sequence[str], codes: Codebook) -> Person:
        """Returns a person with the default keys, or their own.

        Args:
            name: What the panel calls them.
            given: Action name to a key or a list of keys, where the defaults do not please.
            actions: The world's actions.
            codes: What the ids of the observation mean.

        Raises:
            ValueError: On an unknown action, or a key that is given twice.
        """
        from sorrelsim.play import keyboard  # deferred: a person is described where there may be no pygame yet

        (keys,), _ = remap(default_keys(actions), given, actions, keyboard.KNOWN)
        return cls(name, keys, tuple(actions), codes)

    def paid(self, reward: float, ended: bool) -> None:
        """Takes in a turn's reward, and whether the episode ended with it."""
        self.turn += 1
        self.score += reward
        self.reward = reward
        if reward:
            self.log.append(LogEntry(self.turn, -1, f"reward {reward:+g}"))
        if ended:
            self.log.append(LogEntry(self.turn, -1, f"the episode is over: {self.score:g}"))
            self.turn, self.score, self.reward = 0, 0.0, 0.0
