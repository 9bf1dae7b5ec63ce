"""Who a crew asks for actors, and what it hears of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sorrelsim.experiments.actor import Errand, News


class NoActors(ConnectionError):
    """No actor could be had for some minutes. What was learned is saved, and the run can be gone on with."""


class MemoryLost(Exception):
    """The process that held a learner's replay memory is gone."""


@dataclass(frozen=True)
class Outcome:
    """What came of a piece of work that was given to an actor.

    Attributes:
        number: Which actor.
        began: The machine that it has begun on, if that is what came of it.
        lost: Why the actor is lost, if it is.
        news: What it says of the turns that it played.
        parcels: One per learner; for those by memory, what the memory takes.
    """

    number: int
    began: str = ""
    lost: str = ""
    news: News | None = None
    parcels: Sequence[Any] = ()


class Staff(Protocol):
    """Who is asked for actors."""

    def hire(self, errand: Errand) -> None:
        """Begins an actor, in place of the one of its number if there was one; an outcome says when it has begun."""

    def ask(self, number: int, weights: Any, turns: int) -> None:
        """Gives an actor turns to play, behind those that it was given before."""

    def share(self, weights: list[dict[str, Any]]) -> Any:
        """Returns weights as ``ask`` takes them, so that they are sent once to many."""

    def entrust(self, memory: Any) -> Any:
        """Returns what stands for a replay memory of shards that is kept elsewhere from now on."""

    def next(self, seconds: float) -> Outcome | None:
        """Returns the next thing that came of what was asked for; waits so long for it."""

    def close(self) -> None:
        """Ends all actors."""
