"""Agents as the loop plays them: an error of a model names its seat, and those that can act and learn as one do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self, cast

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.engine.halves import Halves
from sorrelsim.errors import tell
from sorrelsim.experiments.seating import Place
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel, TrainingDiverged
from sorrelsim.models.in_shares import Chooser, play_in_shares
from sorrelsim.models.playing import play_step
from sorrelsim.models.rewards import Apart, Beside, Individual, RewardTransform
from sorrelsim.models.together import Together
from sorrelsim.observations.playable import Playable


class Seated:
    """An agent in its place.

    Attributes:
        place: Where it sits.
        agent: The agent.
        diverged: Whether its model's loss was not finite.
    """

    def __init__(self, place: Place, agent: Agent) -> None:
        self.place, self.agent = place, agent
        self.diverged = False

    def transition(self, world: Playable) -> None:
        """Chooses."""
        self.agent.transition(world)

    def remember(self, world: Playable) -> None:
        """Takes in what the step brought, and learns."""
        with self:
            self.agent.remember(world)

    def start_epoch(self, epoch: int) -> None:
        """Tells the model that an epoch begins."""
        with self:
            self.agent.model.start_epoch_action(epoch=epoch)

    def end_epoch(self, epoch: int) -> None:
        """Tells the model that an epoch has ended."""
        with self:
            self.agent.model.end_epoch_action(epoch=epoch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, TrainingDiverged):
            self.diverge(error)

    def diverge(self, error: TrainingDiverged) -> None:
        """Notes that its model has diverged, and names the seat in the error."""
        self.diverged = True
        error.args = (f"seat {self.place.name}: {error}",)


class Group:
    """Several who act and learn as one: one Agent in all their slots, whose model is all of their models.

    Each keeps its own Agent, whose frames and carry are its part of the whole, to be saved, loaded and reset by. Those
    of a world whose rewards are transformed alike share one transform, for each would make the same of them.

    Args:
        seated: Who, each with the number of the world that it plays in.
        together: Their models as one.
        world: Their world; or several side by side, a ``Joined``.
        n_worlds: How many.

    Attributes:
        seated: Who.
        agent: The one Agent.
    """

    def __init__(
        self, seated: Sequence[tuple[int, Seated]], together: Together, world: Playable, n_worlds: int = 1
    ) -> None:
        self.seated, self._together = [each for _, each in seated], together
        agents, width = [each.agent for each in self.seated], world.n_agents // n_worlds
        slots = np.concatenate([each.agent.slots + k * width for k, each in seated])
        model, explore = cast(BaseModel, together), agents[0].seat.explore  # to an Agent they are one
        self.agent = Agent(world, list(slots), model, explore=explore, n_members=len(agents))
        for k, agent in enumerate(agents):
            agent.lie_in(self.agent, k)
        paying = [_shared_transform([each for n, each in seated if n == k]) for k in range(n_worlds)]
        self.agent.transform = paying[0] if n_worlds == 1 or _are_plain(paying) else Beside(paying)

    def transition(self, world: Playable) -> None:
        """Chooses for all."""
        self.agent.transition(world)

    def remember(self, world: Playable) -> None:
        """Takes in what the step brought, and learns, for all."""
        for _, error in self.take_in(world):
            raise error

    def take_in(self, world: Playable) -> list[tuple[Seated, TrainingDiverged]]:
        """Takes in what the step brought, and learns, for all; returns who has diverged. The others have gone on."""
        self.agent.remember(world)
        failed = [(self.seated[k], error) for k, error in self._together.failed.items()]
        for seated, error in failed:
            seated.diverge(error)
        return failed


def _shared_transform(seated: Sequence[Seated]) -> RewardTransform:
    """Gives those of one kind of rewards one transform, and returns what pays all."""
    rest, paying = list(seated), []
    while rest:
        alike = [each for each in rest if each.place.config.reward == rest[0].place.config.reward]
        rest = [each for each in rest if each not in alike]
        for each in alike:
            each.agent.transform = alike[0].agent.transform
        paying.append((alike[0].agent.transform, np.concatenate([each.agent.slots for each in alike])))
    return paying[0][0] if len(paying) == 1 else Apart(paying)


def _are_plain(transforms: Sequence[RewardTransform]) -> bool:
    """Returns whether everyone gets their own rewards."""
    return all(type(each) is Individual for each in transforms)


def turns_of(world: Gridworld, players: Sequence[Seated | Group], halves: int) -> Callable[[], None]:
    """Returns what plays a turn of the world: all copies at once, or in as many shares as are asked for."""
    if halves == 1:
        return partial(play_step, world, players)
    return partial(play_in_shares, Halves(world, halves), [Chooser(player, player.agent) for player in players])


def grouped(tables: Sequence[Sequence[Seated]], world: Playable) -> list[Seated | Group]:
    """Returns who plays, in order: those whose models can act and learn as one as a group, in the first one's place.

    That are learners of one class with equal configs, which see, can do and remember alike. Where networks of one's own
    are why they cannot, one line says so.

    Args:
        tables: Who sits in each world.
        world: The world; or several side by side, a ``Joined``.
    """
    players: list[Seated | Group] = []
    rest = [(k, each) for k, table in enumerate(tables) for each in table]
    while rest:
        first, *others = rest
        alike = [first, *(each for each in others if _alike(first[1].agent, each[1].agent))]
        group = _group(alike, world, len(tables)) if len(alike) > 1 and first[1].agent.learn else None
        taken = [first] if group is None else alike
        players.append(group or first[1])
        rest = [each for each in rest if each not in taken]
    return players


def _group(alike: Sequence[tuple[int, Seated]], world: Playable, n_worlds: int) -> Group | None:
    models = [each.agent.model for _, each in alike]
    try:
        together = type(models[0]).together(models)
    except ValueError as error:
        names = dict.fromkeys(each.place.name for _, each in alike)
        tell(f"seats {', '.join(names)} act and learn one by one: {error}")
        return None
    return None if together is None else Group(alike, together, world, n_worlds)


def _alike(one: Agent, other: Agent) -> bool:
    """Returns whether the models of two agents differ in nothing but what they have learned and remember."""
    a, b = one.model, other.model
    return (
        (type(a), a.config, a.n_streams, a.action_spec) == (type(b), b.config, b.n_streams, b.action_spec)
        and not a.observations.differences(b.observations, "", "")
        and (one.learn, one.seat.explore, a.is_filled) == (other.learn, other.seat.explore, b.is_filled)
    )
