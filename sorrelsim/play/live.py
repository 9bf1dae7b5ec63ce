"""A session of agents that grows while it is watched, and can be gone through like a recording, both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sorrelsim.play.session import Session
from sorrelsim.recordings import Replay, WorldSpec
from sorrelsim.recordings.replay import Recorded
from sorrelsim.recordings.seating import first_seating
from sorrelsim.recordings.spec import VERSION


class Live(Recorded):
    """What agents of a session have done so far: a recording that has no end yet.

    Args:
        session: The session, in which no person plays.
        spec: How its world is made.
        name: What it is called.

    Attributes:
        session: The session.
    """

    def __init__(self, session: Session, spec: WorldSpec, name: str | Path) -> None:
        world = session.world
        header = {
            "version": VERSION, "world": spec.name, "seed": spec.seed, "settings": spec.settings, "humans": [],
            "actions": list(world.action_names), "n_agents": world.n_agents, "players": list(session.players),
            "world_version": world.version,
        }  # fmt: skip
        n = world.n_agents
        super().__init__(
            path=Path(name), header=header, actions=np.empty((0, n), np.int64), rewards=np.empty((0, n)),
            ms=np.empty(0), ends=np.empty(0, np.bool_), resets=[], streams={}, pressed=np.empty((0, n)),
            seen=np.empty(0), held=np.empty((0, n), np.bool_), hashes={}, keys=[], notes=[],
            seatings=[first_seating(header)], cut=False, closed=True,
        )  # fmt: skip
        self.session = session

    def replay(self, check: bool = True, trust: bool = False) -> Replay:
        """Returns it once more, turn by turn, as far as it goes; it compares rewards and ends, if ``check`` says so."""
        replay = Replay(self, False, world=self.spec.make())
        replay.check = check
        return replay

    def grow(self, turns: int) -> None:
        """Lets the agents play on until there are so many turns."""
        while len(self) < turns:
            session = self.session
            session.step({})
            self.actions = np.append(self.actions, session.actions[None], 0)
            self.rewards = np.append(self.rewards, session.reward[None], 0)
            self.ms = np.append(self.ms, session.clock())
            self.ends = np.append(self.ends, session.summary is not None)
