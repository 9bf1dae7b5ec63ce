"""A person at the keyboard: a model like any other, whose actions come from a window that shows what its agent sees.

In a config: ``{slots: [0], model: human}``. The run waits for every action, so the world has one copy. What the person
does is remembered like any learner's steps, in ``memory``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

import sorrelsim
from sorrelsim.models.base import BaseModel, Observation, Seat, Transition, as_parts
from sorrelsim.models.ranges import Range

if TYPE_CHECKING:
    from sorrelsim import ObservationSpec, Person

Ask = Callable[["Person", dict[str, np.ndarray], np.ndarray | None], int]
"""How a person is asked: who, what their agent observes by part, and which actions are allowed."""


@dataclass(frozen=True)
class HumanConfig:
    """Settings of a person's seat."""

    title: str = "Your turn"
    """What the window calls the person."""
    keys: dict = field(default_factory=dict)
    """Action name to a key or a list of keys, where the defaults do not please."""
    memory_size: Annotated[int, Range(0, 10**9)] = 20_000
    """Steps remembered; 0 for none."""


class HumanModel(BaseModel):
    """Asks a person for every action.

    Args:
        observations: What the agent observes; symbolic, because that is what the window draws.
        action_names: The world's actions.
        n_streams: Streams; several are asked for one after the other.
        config: Settings.
        seed: Not used: a person brings their own chance.
        ask: How the person is asked; by default in the window that all people of this process share.

    Raises:
        ValueError: If the observation is not symbolic, or there are more than eight streams.
    """

    Config = HumanConfig
    asks_people = True

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: HumanConfig | None = None,
        seed: int = 0,
        ask: Ask | None = None,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        if observations.codes is None or observations.form != "symbolic":
            raise ValueError(f"a person is shown symbolic observations of a grid; these are {observations.form!r}")
        if n_streams > 8:
            raise ValueError(
                f"a person cannot play {n_streams} streams at once; set n_worlds to 1 and give the seat one slot"
            )
        title = self.config.title
        names = [f"{title} ({k + 1} of {n_streams})" for k in range(n_streams)] if n_streams > 1 else [title]
        self.people = [
            sorrelsim.Person.at_keyboard(name, self.config.keys, self.action_names, observations.codes)
            for name in names
        ]
        self._ask = ask
        if self.config.memory_size:
            self.memory: Any = sorrelsim.Buffer(observations, self.config.memory_size, n_streams)

    def take_action(self, state: Observation) -> int:
        """Returns the person's action for one state."""
        return self._choose(0, as_parts(state), None)

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Returns the person's action for each stream, ``int64[stream]``, asked for one after the other."""
        named = as_parts(states)
        n = len(named["grid"])
        mask = None if seat is None else seat.mask
        chosen = (
            self._choose(k, {name: part[k] for name, part in named.items()}, None if mask is None else mask[k])
            for k in range(n)
        )
        return np.fromiter(chosen, np.int64, n)

    def _choose(self, stream: int, parts: dict[str, np.ndarray], mask: np.ndarray | None) -> int:
        if self._ask is None:
            self._ask = sorrelsim.person_window().ask
        return self._ask(self.people[min(stream, len(self.people) - 1)], parts, mask)

    def remember(self, transition: Transition) -> None:
        """Takes in one step: tells the person the reward, and fills the memory."""
        ended = set(transition.ended.tolist())
        for k, person in enumerate(self.people):
            person.paid(float(transition.reward[k]), k in ended)
        super().remember(transition)
