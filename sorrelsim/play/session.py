"""A session: a world, who plays its slots, what happened, and the recording. Knows nothing of windows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.models.agent import Agent
from sorrelsim.recordings.recording import Recorder


@dataclass(frozen=True)
class Happening:
    """A line of the log: something that was counted, or a reward.

    Attributes:
        turn: Turn of the episode.
        slot: Whom it concerns; -1 for everybody.
        text: What it was.
    """

    turn: int
    slot: int
    text: str


@dataclass(frozen=True)
class Before:
    """Where everybody stood before the last turn, for drawing movement: row and column, facing, out."""

    pos: np.ndarray
    facing: np.ndarray
    out: np.ndarray


@dataclass(frozen=True)
class Summary:
    """An episode that is over: returns by slot, steps, counts by slot and event."""

    returns: np.ndarray
    steps: int
    events: np.ndarray


class Session:
    """Steps a world of one copy with people in some slots and agents in the others.

    Args:
        world: One copy.
        agents: Agents that together play every slot; people overrule them in theirs.
        players: A label for each slot.
        humans: The slots that people play.
        recorder: Keeps everything, if given.

    Attributes:
        clock: Milliseconds since the session began; called, so that tests can put in their own.
        log: What happened lately, oldest first.
        reward: The last turn's rewards, ``float64[slot]``.
        score: Sums of rewards over the episode, ``float64[slot]``.
        summary: The last episode, from the turn that ended it until the next turn.
        episode: Number of the episode, from 1.
        turns: Turns in all.
    """

    def __init__(
        self,
        world: Gridworld,
        agents: Sequence[Agent],
        players: Sequence[str],
        humans: Sequence[int] = (),
        recorder: Recorder | None = None,
    ) -> None:
        if world.n_worlds != 1:
            raise ValueError(f"a session has one copy of a world, not {world.n_worlds}")
        for slot in humans:
            if not 0 <= slot < world.n_agents:
                raise ValueError(f"no slot {slot} in {world.name}; allowed: 0 to {world.n_agents - 1}")
        if len(set(humans)) != len(humans):
            raise ValueError(f"humans {list(humans)}: a slot is named twice")
        self.world, self.agents, self.players, self.humans = world, list(agents), list(players), list(humans)
        self.recorder = recorder
        self.started = time.perf_counter()
        self.log: deque[Happening] = deque(maxlen=64)
        self.reward = np.zeros(world.n_agents)
        self.summary: Summary | None = None
        self.episode, self.turns = 1, 0
        self.before = self._stand()

    def clock(self) -> float:
        """Milliseconds since the session began."""
        return 1000 * (time.perf_counter() - self.started)

    @property
    def score(self) -> np.ndarray:
        """Sum of rewards over the running episode, ``float64[slot]``."""
        return self.world.episode_return[0]

    @property
    def turn(self) -> int:
        """Turns into the running episode."""
        return int(self.world.turn[0, 0])

    def _stand(self) -> Before:
        world = self.world
        return Before(world.pos[0].copy(), world.facing[0].copy(), world.out[0].copy())

    def step(self, chosen: Mapping[int, int], pressed: Mapping[int, float] | None = None) -> None:
        """Take a turn.

        Args:
            chosen: The action of every slot that a person plays.
            pressed: When the key for it went down, in milliseconds of :meth:`clock`.

        Raises:
            ValueError: If a person's action is missing.
        """
        missing = [slot for slot in self.humans if slot not in chosen]
        if missing:
            raise ValueError(f"no action for the slots {missing}, which people play")
        world = self.world
        for agent in self.agents:
            agent.transition(world)
        for slot, action in chosen.items():
            world.submit([slot], np.array([[action]]))
        actions = world.submitted[0].tolist()
        counts = world.event_counts[0].copy()
        self.before = self._stand()
        world.step()
        for agent in self.agents:
            agent.remember(world)
        self.turns += 1
        self.reward = world.reward[0].copy()
        ended = bool(world.info["ended"][0])
        self.summary = None
        turn = self.turn
        after = world.event_counts[0]
        if ended:
            after, turn = world.info["episode_events"][0], int(world.info["episode_length"][0])
            self.summary = Summary(world.info["episode_return"][0].copy(), turn, after.copy())
            self.episode += 1
            self.before = self._stand()  # nobody walks from one episode into the next
        if self.recorder is not None:
            self.recorder.turn(world, actions, self.clock(), dict(pressed or {}), ended)
        for slot in range(world.n_agents):
            for k in np.flatnonzero(after[slot] != counts[slot]).tolist():
                change = after[slot, k] - counts[slot, k]
                times = "" if change == 1 else f" {change:+g}"
                self.log.append(Happening(turn, slot, world.events[k].replace("_", " ") + times))
        if ended:
            self.log.append(Happening(turn, -1, "the episode is over"))

    def restart(self) -> None:
        """Start the episode anew."""
        self.world.reset()
        for agent in self.agents:
            agent.reset()
        self.episode += 1
        self.summary = None
        self.reward = np.zeros(self.world.n_agents)
        self.before = self._stand()
        if self.recorder is not None:
            self.recorder.reset(self.clock())
        self.log.append(Happening(0, -1, "started anew"))

    def sit(self, place: int, slot: int) -> None:
        """Let a person change to another slot.

        Args:
            place: Which of the people, from 0.
            slot: Where to; not taken by another of them.
        """
        if slot in self.humans:
            raise ValueError(f"slot {slot} is taken by another person")
        self.humans[place] = slot
        if self.recorder is not None:
            self.recorder.note(f"person {place} plays slot {slot}", self.clock())

    def close(self) -> None:
        """Close the recording."""
        if self.recorder is not None:
            self.recorder.close()
