"""Any players in any slots of any copies: the streams that each model plays, and all of them together as one player.

An :class:`~sorrelsim.models.agent.Agent` plays the same slots in every copy. Where compositions of players are laid
side by side in one batch, who plays a slot differs from copy to copy; ``Streams`` shows such streams to an Agent as a
world of one slot. Each player is built anew for each slot, so that who sits in one slot changes no draw of another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.fitting import IDENTITY, with_identity
from sorrelsim.observations.parts import Parts

if TYPE_CHECKING:
    from sorrelsim.observations.playable import Playable


@dataclass(frozen=True)
class Seated:
    """A model, and what it is told of its place.

    Attributes:
        model: The model.
        identity: Which of the slots that it was trained for it plays, and how many those are; None if it is not told.
        explore: Whether it explores; None plays it as it is meant to be.
    """

    model: BaseModel
    identity: tuple[int, int] | None = None
    explore: bool | None = None


class Streams:
    """Some streams of a world, shown as copies of a world with one slot: what an Agent asks of a world.

    Args:
        world: The world.
        copies, slots: The streams, int64 [n] each.
        identity: As in :class:`Seated`.
    """

    n_agents = 1

    def __init__(
        self, world: Gridworld, copies: np.ndarray, slots: np.ndarray, identity: tuple[int, int] | None = None
    ) -> None:
        self.world, self.copies, self.slots, self.identity = world, copies, slots, identity
        self.name, self.n_worlds = world.name, len(copies)
        self.action_spec, self.action_names = world.action_spec, world.action_names
        self.n_actions = len(world.action_names)
        self.observations = world.observations if identity is None else with_identity(world.observations, identity[1])
        self.actions = np.zeros((len(copies), *self.action_spec.shape), self.action_spec.dtype)

    def as_world(self) -> Playable:
        """Returns itself, as what an Agent takes."""
        return cast("Playable", self)

    def _ours(self, array: np.ndarray) -> np.ndarray:
        return array[self.copies, self.slots][:, None]

    def _parts(self, parts: Parts) -> Parts:
        ours = {name: self._ours(part) for name, part in parts.items()}
        if self.identity is not None:
            ours[IDENTITY] = np.zeros((self.n_worlds, 1, self.identity[1]), np.float32)
            ours[IDENTITY][..., self.identity[0]] = 1
        return ours

    @property
    def parts(self) -> Parts:
        """The latest observations by part, [n, 1, ...]."""
        return self._parts(self.world.parts)

    @property
    def final_parts(self) -> Parts | None:
        """The last observations of the episodes that ended in the latest step, if any did."""
        final = self.world.final_parts
        return None if final is None else self._parts(final)

    @property
    def symbolic_parts(self) -> Parts:
        """What ``parts`` is made of, its grid symbolic."""
        return self._parts(self.world.symbolic_parts)

    @property
    def final_symbolic_parts(self) -> Parts | None:
        """The same of ``final_parts``."""
        final = self.world.final_symbolic_parts
        return None if final is None else self._parts(final)

    @property
    def action_mask(self) -> np.ndarray | None:
        """Allowed actions now, bool [n, 1, action], or None."""
        mask = self.world.action_mask
        return None if mask is None else self._ours(mask)

    @property
    def reward(self) -> np.ndarray:
        """The latest step's rewards, float64 [n, 1]."""
        return self._ours(self.world.reward)

    @property
    def terminated(self) -> np.ndarray:
        """Whether that step terminated the episode, bool [n, 1]."""
        return self._ours(self.world.terminated)

    @property
    def truncated(self) -> np.ndarray:
        """Whether it cut the episode short, bool [n, 1]."""
        return self._ours(self.world.truncated)

    @property
    def info(self) -> dict[str, Any]:
        """What was allowed in ``final_parts``, where the world has masks."""
        mask = self.world.info.get("final_action_mask")
        return {} if mask is None else {"final_action_mask": self._ours(mask)}

    def submit(self, slots: Sequence[int] | np.ndarray, actions: np.ndarray) -> None:
        """Keeps the actions until the cast hands them all to the world."""
        self.actions[:] = actions[:, 0]

    def step(self, actions: Any = None) -> None:
        """Is not for one of several players to do."""
        raise RuntimeError("the world is stepped, not a player's share of it")

    reset = step


class Cast:
    """Everybody who plays a world, each model in streams of its own, for one episode of every copy.

    Once the episode of a copy is over, nobody in it is asked any more: its further steps mean nothing.

    Args:
        world: The world, freshly reset.
        who: Which of the players plays each stream, int [n_worlds, n_agents].
        seated: A model for each player and slot that occurs, by ``(player, slot)``.

    Raises:
        ValueError: If a model was built for other observations or actions; what differs is told.
    """

    def __init__(self, world: Gridworld, who: np.ndarray, seated: dict[tuple[int, int], Seated]) -> None:
        self._world = world
        self._slots = np.arange(world.n_agents)
        spec = world.action_spec
        self._actions = np.zeros((world.n_worlds, world.n_agents, *spec.shape), spec.dtype)
        self._over = np.zeros(world.n_worlds, np.bool_)
        self._asked = world.n_worlds
        self.models = [each.model for each in seated.values()]
        self._slot_of = [slot for _, slot in seated]
        self._seated = list(seated.values())
        self._agents: list[tuple[Streams, Agent]] = []
        for (player, slot), each in seated.items():
            copies = np.flatnonzero(who[:, slot] == player)
            self._agents.append(self._seat(each, copies, np.full(len(copies), slot)))

    def reseed(self, seed: int) -> None:
        """Starts what each model draws from a seed and its slot."""
        for model, slot in zip(self.models, self._slot_of, strict=True):
            model.reseed(int(np.random.SeedSequence([seed, slot]).generate_state(1)[0]))

    def transition(self, world: Playable) -> None:
        """Lets every model choose, and submits actions for all slots."""
        for streams, agent in self._agents:
            agent.transition(streams.as_world())
            self._actions[streams.copies, streams.slots] = streams.actions
        if world.action_mask is not None:  # whatever is allowed, in copies where nobody chooses any more
            self._actions[self._over] = world.action_mask[self._over].argmax(-1)
        world.submit(self._slots, self._actions)

    def remember(self, world: Playable) -> None:
        """Lets every model take in what the step brought."""
        for streams, agent in self._agents:
            agent.remember(streams.as_world())
        if world.info["ended"].any():
            self._over |= world.info["ended"]
            playing = int((~self._over).sum())
            if playing <= 0.8 * self._asked:  # seating anew costs something, so not at every end
                self._asked = playing
                self._leave()

    def _leave(self) -> None:
        """Seats every model anew in the streams whose episode goes on, with what it carries there."""
        staying = []
        for (streams, agent), each in zip(self._agents, self._seated, strict=True):
            on = ~self._over[streams.copies]
            if not on.any():
                continue
            fewer = self._seat(each, streams.copies[on], streams.slots[on])
            state = agent.state_dict()
            rows = {what: {name: array[on] for name, array in state[what].items()} for what in ("stack", "carry")}
            fewer[1].load_state_dict(state | rows)
            staying.append((fewer, each))
        self._agents, self._seated = [fewer for fewer, _ in staying], [each for _, each in staying]

    def _seat(self, each: Seated, copies: np.ndarray, slots: np.ndarray) -> tuple[Streams, Agent]:
        streams = Streams(self._world, copies, slots, each.identity)
        return streams, Agent(streams.as_world(), [0], each.model, learn=False, explore=each.explore)
