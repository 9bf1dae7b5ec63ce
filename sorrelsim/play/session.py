"""A session: a world, who plays its slots, what happened, and the recording. Knows nothing of windows.

A window hands it the people's actions; the agents have chosen theirs meanwhile, the world moves, and the recording gets
the turn.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.authoring.events import names_of, words_of
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.models.agent import Agent
from sorrelsim.models.explanation import Explanation
from sorrelsim.models.playing import play_step
from sorrelsim.observations.playable import Playable
from sorrelsim.play.others import Others, Thinking
from sorrelsim.recordings import Recorder


@dataclass(frozen=True)
class LogEntry:
    """A line of the log: something that happened, a reward, or an episode's end.

    Attributes:
        turn: Turn of the episode.
        slot: Who did it, or whom it concerns; -1 for everybody.
        text: What it was.
        whom: To whom it was done; -1 for nobody.
        kind: What kind of event it was, in words; empty for what is none.
        secret: Whether it would give the role of ``slot`` away.
    """

    turn: int
    slot: int
    text: str
    whom: int = -1
    kind: str = ""
    secret: bool = False


def entries_of(
    happened: Iterable[Any], turn: int, words: Mapping[str, str], secret: Collection[str] = ()
) -> list[LogEntry]:
    """Returns what happened in a turn as entries of the log; ``words`` says what every event is called."""
    entries = []
    for event in happened:
        times = "" if event.amount == 1 else f" {event.amount:+g}"
        said, hidden = words[event.what], event.what in secret
        entries.append(LogEntry(turn, event.agent, said + times, event.whom, said, hidden))
    return entries


@dataclass(frozen=True)
class Positions:
    """Where everybody stood before the last turn, for drawing movement.

    Attributes:
        pos: ``int[slot, 2]``, row and column.
        out: ``int[slot]``, 0 on the grid.
        heading: ``int[slot]``, which way everybody had walked last: 0 north, 1 east, 2 south, 3 west.
    """

    pos: np.ndarray
    out: np.ndarray
    heading: np.ndarray

    @classmethod
    def of(cls, world: Gridworld, before: Positions | None = None) -> Positions:
        """Returns where everybody stands now, and which way they walked since ``before``; south where nobody knows."""
        heading = np.full(world.n_agents, 2)
        if before is not None:
            row, col = before.walked(world).T
            heading = np.select([row > 0, row < 0, col > 0, col < 0], [2, 0, 1, 3], before.heading)
        return cls(world.pos[0].copy(), world.out[0].copy(), heading)

    def walked(self, world: Gridworld) -> np.ndarray:
        """Returns how far everybody has walked since, ``int[slot, 2]``; a jump (a respawn, a teleport) is no walk."""
        apart = world.pos[0] - self.pos
        if world.wraps:  # the short way round
            size = np.array([world.height, world.width])
            apart = (apart + size // 2) % size - size // 2
        walks = (self.out == 0) & (np.abs(apart).max(1) <= 1)
        return np.where(walks[:, None], apart, 0)


@dataclass(frozen=True)
class EpisodeSummary:
    """An episode that is over: returns by slot, and its steps."""

    returns: np.ndarray
    steps: int


@dataclass(frozen=True)
class _People:
    """People as the last players of a step: what they chose overrules the agents in their slots."""

    chosen: Mapping[int, int]
    agents: Sequence[Agent]

    def transition(self, world: Playable) -> None:
        for slot, action in self.chosen.items():
            world.submit([slot], np.array([[action]]))
            for agent in self.agents:
                if slot in agent.slots:
                    agent.overrule(slot, action)

    def remember(self, world: Playable) -> None:
        return  # they do it themselves


class Session:
    """Steps a world of one copy with people in some slots and agents in the others.

    Args:
        world: One copy.
        agents: Agents that together play every slot; people overrule them in theirs.
        players: A label for each slot.
        humans: The slots that people play.
        recorder: Keeps everything, if given.
        seconds: Says what time it is; any clock that never goes back.
        thinking: Where the agents think; by default in a thread of their own.

    Attributes:
        log: What happened lately, oldest first.
        reward: The last turn's rewards, ``float64[slot]``.
        actions: The last turn's actions, ``int64[slot]``.
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
        seconds: Callable[[], float] = time.perf_counter,
        thinking: Thinking | None = None,
    ) -> None:
        if world.n_worlds != 1:
            raise ValueError(f"a session has one copy of a world, not {world.n_worlds}")
        if len(set(humans)) != len(humans):
            raise ValueError(f"humans {list(humans)}: a slot is named twice")
        self.world, self.agents, self.players, self.humans = world, list(agents), list(players), list(humans)
        for slot in humans:
            self._check_for_a_person(slot)
        self.recorder = recorder
        self._seconds = seconds
        self.started = seconds()
        self.log: deque[LogEntry] = deque(maxlen=1000)
        self.reward = np.zeros(world.n_agents)
        self.actions = np.zeros(world.n_agents, np.int64)
        self.summary: EpisodeSummary | None = None
        self.episode, self.turns = 1, 0
        self._seen: float | None = None  # when the picture of this turn reached the screen
        self._words, self._secret = words_of(type(world).events), names_of(type(world).secret_events)
        world.note_events()
        self.before = Positions.of(world)
        self._others = Others(self.agents, thinking)
        self._others.think(world)

    def clock(self) -> float:
        """Returns the milliseconds since the session began."""
        return 1000 * (self._seconds() - self.started)

    @property
    def score(self) -> np.ndarray:
        """Sum of rewards over the running episode, ``float64[slot]``."""
        return self.world.episode_return[0]

    @property
    def turn(self) -> int:
        """Turns into the running episode."""
        return int(self.world.turn[0, 0])

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of events that the world has, in words."""
        return tuple(dict.fromkeys(self._words.values()))

    def explain(self, slot: int) -> Future[Explanation | None] | None:
        """Asks the agent of a slot what it makes of what it sees; it tells beside playing. None for a person's slot."""
        return None if slot in self.humans else self._others.explain(self.world, slot)

    def tells(self, entry: LogEntry, slot: int) -> bool:
        """Returns whether who looks at a slot is told of an entry: a person of no secret but what their agent did."""
        return not entry.secret or slot not in self.humans or entry.slot == slot

    @property
    def latest(self) -> list[LogEntry]:
        """What happened in the last turn, oldest first."""
        turn = self.turn if self.summary is None else self.summary.steps
        return [entry for entry in self.log if entry.turn == turn]

    def seen(self) -> None:
        """Takes in that a picture of where everything is now has reached the screen; the first one counts."""
        if self._seen is None:
            self._seen = self.clock()

    def step(
        self, chosen: Mapping[int, int], pressed: Mapping[int, float] | None = None, held: Collection[int] = ()
    ) -> None:
        """Takes a turn.

        Args:
            chosen: The action of every slot that a person plays.
            pressed: When the key for it went down, in milliseconds of :meth:`clock`.
            held: The slots for which that key was held down from an earlier turn.

        Raises:
            ValueError: If a person's action is missing.
        """
        missing = [slot for slot in self.humans if slot not in chosen]
        if missing:
            raise ValueError(f"no action for the slots {missing}, which people play")
        world = self.world
        self.before = Positions.of(world, self.before)
        play_step(world, [self._others, _People(chosen, self.agents)])
        self.turns += 1
        self.reward, self.actions = world.reward[0].copy(), world.submitted[0].copy()
        ended = bool(world.info["ended"][0])
        self.summary = None
        turn = self.turn
        if ended:
            turn = int(world.info["episode_length"][0])
            self.summary = EpisodeSummary(world.info["episode_return"][0].copy(), turn)
            self.episode += 1
            self.before = Positions.of(world)  # nobody walks from one episode into the next
        if self.recorder is not None:
            self.recorder.turn(world, self.actions.tolist(), self.clock(), dict(pressed or {}), ended, self._seen, held)
        self.log.extend(entries_of(world.happened(), turn, self._words, self._secret))
        self._seen = None
        if ended:
            self.log.append(LogEntry(turn, -1, "the episode is over"))
        self._others.think(world)

    def ready(self) -> None:
        """Waits until the agents have chosen for the next turn, so that the first takes no longer than any other."""
        self._others.wait()

    def restart(self) -> None:
        """Starts the episode anew."""
        self._others.wait()
        self._seen = None
        self.world.reset()
        self._others.reset()
        self.episode += 1
        self.summary = None
        self.reward = np.zeros(self.world.n_agents)
        self.before = Positions.of(self.world)
        if self.recorder is not None:
            self.recorder.reset(self.clock(), self.world)
        self.log.append(LogEntry(0, -1, "started anew"))
        self._others.think(self.world)

    def sit(self, place: int, slot: int) -> None:
        """Lets a person change to another slot.

        Args:
            place: Which of the people, from 0.
            slot: Where to; not taken by another of them.
        """
        if slot in self.humans:
            raise ValueError(f"slot {slot} is taken by another person")
        self._check_for_a_person(slot)
        left, self.humans[place] = self.humans[place], slot
        if self.recorder is not None:
            self.recorder.sit(place, slot, left, self.players[left], self.clock())

    def _check_for_a_person(self, slot: int) -> None:
        if not 0 <= slot < self.world.n_agents:
            raise ValueError(f"no slot {slot} in {self.world.name}; allowed: 0 to {self.world.n_agents - 1}")
        if any(agent.learn and slot in agent.slots for agent in self.agents):
            raise ValueError(
                f"the agent in slot {slot} learns from its own actions, and a person would act in its place: seat it "
                "with learn=False"
            )

    def key(self, name: str, down: bool, slot: int | None = None, action: str | None = None) -> float:
        """Keeps in the recording that a key went down or up, and what for; returns when, by :meth:`clock`."""
        ms = self.clock()
        if self.recorder is not None:
            self.recorder.key(name, down, ms, slot, action)
        return ms

    def note(self, text: str) -> None:
        """Keeps a remark in the recording, if there is one."""
        if self.recorder is not None:
            self.recorder.note(text, self.clock())

    def close(self) -> None:
        """Ends the agents' thread, and closes the recording."""
        self._others.close()
        if self.recorder is not None:
            self.recorder.close()
