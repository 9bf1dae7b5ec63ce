"""The models that played a recording, asked what they make of any of its turns, where they are at hand.

They go through the recording in a world of their own, seeing what they saw then, for what they remember of the turns
before may matter; what was recorded is what is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.make import find_model
from sorrelsim.models.agent import Agent
from sorrelsim.models.explanation import Explanation
from sorrelsim.play.live import Live
from sorrelsim.play.opponents import partners_of, seat_again
from sorrelsim.recordings import Replay
from sorrelsim.recordings.replay import Recorded

KEPT_EVERY = 16
"""Turns between two states of the agents that are kept, to go back to."""
_OF_RUN = re.compile(r"(.+) (\S+) (weights [0-9a-f]{12}|no weights)")
_OF_LIBRARY = re.compile(r"sorrelsim\.agents\.(?:\w+\.)*(\w+)\.\w+")


class NotAtHand(ValueError):
    """The models that played a recording are not here, or are others by now."""


class Minds:
    """Agents beside a replay.

    Args:
        replay: The recording, played over for them alone.
        agents: Who plays it, each in its slots.
        ready: Waits until nobody else asks their models.
    """

    def __init__(self, replay: Replay, agents: list[Agent], ready: Callable[[], None] | None = None) -> None:
        self.replay, self.agents = replay, agents
        self._ready = ready
        self._kept: dict[int, list[dict[str, Any]]] = {0: [agent.state_dict() for agent in agents]}

    def explain(self, turn: int, slot: int) -> Explanation | None:
        """Returns what the agent of a slot makes of the state after a turn; None if nobody at hand plays there.

        What models draw meanwhile is put back, for they may be playing elsewhere.
        """
        if self._ready is not None:
            self._ready()
        agent = next((each for each in self.agents if slot in each.slots), None)
        if agent is None:
            return None
        models = {id(each.model): each.model for each in self.agents}.values()
        drawn = [model.random_state() for model in models]
        try:
            self._go(turn)
            return agent.explain(self.replay.world, slot)
        finally:
            for model, state in zip(models, drawn, strict=True):
                model.set_random_state(state)

    def _go(self, turn: int) -> None:
        known = max(k for k in self._kept if k <= turn)
        if turn < self.replay.turn or known > self.replay.turn:
            self.replay.go(known)
            for agent, state in zip(self.agents, self._kept[known], strict=True):
                agent.reset()
                agent.load_state_dict(state)
        while self.replay.turn < turn:
            self._forward()

    def _forward(self) -> None:
        replay = self.replay
        recording, world = replay.recording, replay.world
        if recording.restarts[replay.turn + 1]:
            replay.restart()
            for agent in self.agents:
                agent.reset()
        done = recording.actions[replay.turn].tolist()
        for agent in self.agents:
            agent.transition(world)
            for slot in agent.slots.tolist():
                agent.overrule(slot, done[slot])
        replay.forward()
        for agent in self.agents:
            agent.remember(world)
        if replay.turn % KEPT_EVERY == 0:
            self._kept.setdefault(replay.turn, [agent.state_dict() for agent in self.agents])


def minds_of(recording: Recorded, replay: Replay, trust: bool = False) -> Minds:
    """Returns the minds of a recording.

    Args:
        recording: The recording.
        replay: The same, played over for them alone.
        trust: Whether Python files may be run that a run brings or points to.

    Raises:
        NotAtHand: If it does not say who played, or they are not here, or are others by now.
    """
    if isinstance(recording, Live):
        return Minds(replay, seat_again(recording.session.agents, replay.world), recording.session.ready)
    told = recording.header.get("partners", [])
    people = recording.header["humans"]
    slots: dict[str, list[int]] = {}
    for slot, partner in enumerate(told):
        if slot not in people and partner:
            slots.setdefault(partner, []).append(slot)
    if not slots:
        raise NotAtHand("the recording does not say who exactly played")
    agents = [agent for partner, of in slots.items() for agent in _agents(partner, of, replay.world, trust)]
    return Minds(replay, agents)


def _agents(partner: str, slots: list[int], world: Gridworld, trust: bool) -> list[Agent]:
    """Returns the agents that a recording calls so."""
    if found := _OF_RUN.fullmatch(partner):
        return _agents_of_run(Path(found[1]), partner, slots, world, trust)
    if found := _OF_LIBRARY.fullmatch(partner):
        cls = find_model(found[1])
        models = [cls.to_play(world.observations, world.action_names, 1, {}, slot) for slot in slots]
        return [Agent(world, [slot], model, learn=False) for slot, model in zip(slots, models, strict=True)]
    raise NotAtHand(f"{partner} is not at hand")


def _agents_of_run(run: Path, partner: str, slots: list[int], world: Gridworld, trust: bool) -> list[Agent]:
    from sorrelsim.experiments.run import load_run

    if not run.is_dir():
        raise NotAtHand(f"the run {run} is not at hand")
    agents = load_run(run, trust).agents(world)
    now = partners_of(agents, str(run), world.n_agents)
    if any(now[slot] != partner for slot in slots):
        raise NotAtHand(f"the models of {run} have changed since")
    return [agent for agent in agents if set(agent.slots.tolist()) & set(slots)]
