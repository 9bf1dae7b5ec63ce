"""A room of games that are played at the same time, whose agents share models: one forward pass serves them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sorrelsim.play.game import Game
from sorrelsim.play.others import Thinking


class Room:
    """Games side by side. At every look at the clock, all agents that share a model are asked in one call of it.

    The sessions of its games are made with ``thinking=room.thinking``, and their agents with
    :func:`~sorrelsim.play.opponents.seat_again`, so that they share models::

        room = Room()
        with room.together():  # the first choices in one call, too
            for world in worlds:
                session = Session(world, seat_again(agents, world), labels, [0], thinking=room.thinking)
                room.games.append(Game(session, options))

    Attributes:
        games: The games.
        thinking: Where all their agents think.
    """

    def __init__(self) -> None:
        self.games: list[Game] = []
        self.thinking = Thinking()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within it, agents who are asked wait for each other, and are asked together at its end."""
        with self.thinking.together():
            yield

    def advance(self, now: float) -> None:
        """Takes the turns that have fallen due in any of the games; see :meth:`Game.advance`."""
        with self.together():
            for game in self.games:
                game.advance(now)

    def due(self, now: float) -> float | None:
        """Returns the seconds until :meth:`advance` is wanted; None if only a key can change anything."""
        waits = [wait for game in self.games if (wait := game.due(now)) is not None]
        return min(waits, default=None)

    def close(self) -> None:
        """Closes all games, and ends the thread in which their agents think."""
        for game in self.games:
            game.close()
        self.thinking.close()
