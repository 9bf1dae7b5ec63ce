"""A short practice before a game: everybody walks, turns, tries each special action, and earns something once.

It is made of what a world declares: its actions, the kinds that pay (``kind(..., pays=...)``) and the words of its
events. A :class:`Practice` has a game of its own, in which nobody else acts and which no recording keeps, and says what
to do next. Knows nothing of windows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sorrelsim.authoring.kinds import payments
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel, Observation
from sorrelsim.play.card_info import page_of
from sorrelsim.play.game import Game
from sorrelsim.play.keys import idle_action
from sorrelsim.play.options import PlayOptions
from sorrelsim.play.panel_info import ActionRow, action_rows, signed
from sorrelsim.play.practice_steps import Step, steps_of, way_to
from sorrelsim.play.session import Session
from sorrelsim.recordings import WorldSpec

PATIENCE = 6.0
"""Seconds after which a step that was not done gives a hint."""
TRIES = 2
"""How often each key of a step is tried in vain before the step is passed."""
LOOKING = 40
"""Turns without anything in reach that pays after which that step is passed."""
SKIPS = ("backspace", "delete", "f12", "end", "home")
"""Keys that skip a step, the first that nobody plays with."""


class Still(BaseModel):
    """Does nothing; where a world has no action for that, anything."""

    def take_action(self, state: Observation) -> int:
        idle = idle_action(self.action_names)
        return int(self.rng.integers(self.action_space)) if idle is None else idle


@dataclass(frozen=True)
class Task:
    """What one person is to do: their slot, the keys that do it, and whether they did."""

    slot: int
    keys: tuple[ActionRow, ...]
    done: bool


class Practice:
    """A game of its own in which everybody practises, and how far they have come.

    It is told the time and the keys as a :class:`~sorrelsim.play.game.Game` is, by the window that shows its game.

    Args:
        game: The game in which it happens, which is closed with it.
        rewards: What the world rewards, in words.

    Attributes:
        game: That game.
        steps: What there is to do.
        at: The step to do now.
        done: The places of the people, as in ``session.humans``, who have done it.
        said: What came of what was done last, a line for each person, or why a step was passed.
        hint: What helps who has not come on for a while.
        skip_key: The key that skips a step.
        finished: Whether the game itself is to begin.
    """

    def __init__(self, game: Game, rewards: str) -> None:
        self.game, self.rewards = game, rewards
        self.session = game.session
        self.steps = steps_of(self.session.world.action_names)
        self.at, self._turns = 0, 0
        self._passed: set[int] = set()  # the steps that were skipped, or could not be done
        self.done: set[int] = set()
        self.said: tuple[str, ...] = ()
        self.hint = self._way = ""
        self._without = 0  # turns since something that pays was in reach
        self.skip_key = next(key for key in SKIPS if game.inputs.person_of(key) is None)
        self.finished = False
        world = self.session.world
        params = {name: value[0] for name, value in world.copies.params.items()}
        self._paying = [kind for kind in world.kinds if max(payments(kind, params), default=0.0) > 0]
        self._begin()

    @classmethod
    def of(cls, spec: WorldSpec, people: Sequence[int], options: PlayOptions) -> Practice:
        """Returns a practice in another copy of a world, by another seed, in which nobody else acts.

        Args:
            spec: How the world is made.
            people: The slots that people play.
            options: How the game is played for which it prepares.
        """
        world = dataclasses.replace(spec, seed=spec.seed + 1).make()
        slots = list(range(world.n_agents))
        still = Still(world.observations, world.action_names, len(slots), None, spec.seed)
        labels = ["stands still"] * len(slots)
        session = Session(world, [Agent(world, slots, still, learn=False)], labels, people)
        page = page_of(world)
        return cls(Game(session, dataclasses.replace(options, episodes=0)), page.rewards or page.about)

    def advance(self, now: float) -> None:
        """Takes the turn that has fallen due by ``now``, in seconds, and takes in what came of it."""
        game = self.game
        if self.over or game.card:
            return
        game.advance(now)
        if self.session.turns > self._turns:
            self._turns = self.session.turns
            self._turned()
            if game.over:
                game.go_on()
        hint = self._hint(now)
        if hint != self.hint:
            self.hint = hint
            game.changed()

    def due(self, now: float) -> float | None:
        """Returns the seconds until :meth:`advance` is wanted; None if only a key can change anything."""
        return None if self.over else self.game.due(now)

    def key(self, name: str, down: bool, now: float) -> str | None:
        """Takes in that a key went down or up; returns what it is for, as :meth:`Game.key` does."""
        if self.over and name in ("space", "return"):
            self.finished = down
        elif name == self.skip_key and not self.game.card and not self.over:
            if down:
                self.skip()
        else:
            return self.game.key(name, down, now)
        return None

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do."""
        return self.at == len(self.steps)

    @property
    def step(self) -> Step:
        """What to do now."""
        return self.steps[self.at]

    def _begin(self) -> None:
        """Begins a step; passes it if it cannot be done."""
        self.done, self._begun = self._without_keys(), -1.0
        self.game.inputs.release()
        self.game.changed()
        self._tries: list[dict[int, int]] = [{} for _ in self.session.humans]
        self._facing = self.session.world.facing[0].copy()
        if not self.over and (why := self._in_vain()):
            self.said = (*self.said, why)
            self._pass()
        elif not self.over and self.step.what == "earn":
            self._nothing_in_reach()

    def _without_keys(self) -> set[int]:
        """Returns the places of the people who have no key for what there is to do, which several may share."""
        actions = set() if self.over else set(self.step.actions)
        keys = self.game.inputs.keys
        return {k for k in range(len(self.session.humans)) if actions and actions.isdisjoint(keys[k].values())}

    def _in_vain(self) -> str:
        """Returns why a step cannot be done here, if so."""
        world, step = self.session.world, self.step
        if len(self.done) == len(self.session.humans):
            return f"{step.title}: with so many people no key is left for it"
        if step.what == "earn" and not self._paying:
            return "Nothing here pays by itself, see below"
        mask = None if world.action_mask is None else world.action_mask[0][np.ix_(self.session.humans, step.actions)]
        return f"{step.title}: not yours to do now" if mask is not None and step.actions and not mask.any() else ""

    def _nothing_in_reach(self) -> bool:
        """Looks for the ways to what pays; returns whether there has been none for a while."""
        self._way = self._ways(k for k in range(len(self.session.humans)) if k not in self.done)
        self._without = 0 if self._way else self._without + 1
        return self._without >= LOOKING

    def _ways(self, places: Iterable[int]) -> str:
        """Returns where the nearest thing that pays lies for each of some people; "" where there is none."""
        people = self.session.humans
        ways = [(people[place], way_to(self.session.world, people[place], self._paying)) for place in places]
        return "   ".join(f"{slot}: {way}" if len(people) > 1 else way for slot, way in ways if way)

    def skip(self) -> None:
        """Goes on to the next step without this one."""
        self.said = ()
        self._pass()

    def _pass(self) -> None:
        self._passed.add(self.at)
        self._next()

    def _next(self) -> None:
        self.at += 1
        self._begin()

    def _turned(self) -> None:
        """Takes in that a turn was taken."""
        session, said = self.session, []
        for place, slot in enumerate(session.humans):
            if place in self.done:
                continue
            if text := self._done(place, slot):
                self.done.add(place)
                said.append(text if len(session.humans) == 1 else f"{slot}: {text}")
        if said:
            self.said = tuple(said)
        if len(self.done) == len(session.humans):
            self._next()
        elif self.step.what == "earn" and self._nothing_in_reach():
            self.said = ("What pays has not come into reach, see below",)
            self._pass()
        elif (session.world.out[0, session.humans] < 0).any():  # out for good: nothing more can be done
            session.restart()
        self._facing = session.world.facing[0].copy()

    def _done(self, place: int, slot: int) -> str:
        """Returns what somebody did in the last turn, if it was the step; or that it was tried often enough."""
        session, step = self.session, self.step
        action = int(session.actions[slot])
        if step.what == "earn":
            return self._earned(place, slot)
        if action not in step.actions:
            return ""
        name = session.world.action_names[action].replace("_", " ")
        moved = bool((session.before.pos[slot] != session.world.pos[0, slot]).any())
        turned = self._facing[slot] != session.world.facing[0, slot]
        if step.what == "special" or (turned if step.what == "turn" else moved) or session.summary is not None:
            return f"That was {name}{self._came_of(slot)}"
        tries = self._tries[place]
        tries[action] = tries.get(action, 0) + 1
        if all(tries.get(each, 0) >= TRIES for each in step.actions):
            self._passed.add(self.at)
            return "That does nothing here just now. In the game it will"
        return ""

    def _earned(self, place: int, slot: int) -> str:
        session = self.session
        reward = float(session.reward[slot])
        if reward > 0:
            return f"That brought you {signed(reward)}{self._came_of(slot)}"
        tries = self._tries[place]
        # Who goes to things that pay, and gets nothing, has learnt as much.
        tries[0] = tries.get(0, 0) + bool(reward < 0 and self._came_of(slot))
        more = "" if session.world.told_instead else ", another time more"
        return f"That brought you {signed(reward)}{more}" if tries[0] >= TRIES else ""

    def _came_of(self, slot: int) -> str:
        """Returns what happened by somebody in the last turn, in the world's words."""
        latest = [entry for entry in self.session.latest if entry.slot == slot]
        said = [entry.text + (f" {entry.whom}" if entry.whom >= 0 else "") for entry in latest]
        return f": {', '.join(dict.fromkeys(said))}" if said else ""

    def _hint(self, now: float) -> str:
        if self.over:
            return ""
        step, waiting = self.step, [k for k in range(len(self.session.humans)) if k not in self.done]
        if self._begun < 0:
            self._begun = now
        if step.what == "earn" and self._way and self.game.options.own:  # no more than their agents see
            return "Go to what pays, and look out for it"
        if step.what == "earn":
            return self._way or "Nothing that pays is in reach yet: go on, and look out for it"
        if now - self._begun < PATIENCE:
            return ""
        if any(self.session.world.out[0, self.session.humans[k]] != 0 for k in waiting):
            return "Wait until you are back on the map"
        if self.game.mode == "turns" and len(self.session.humans) > 1:
            return "The world waits until everybody has pressed a key"
        if step.what == "move" and any(self._tries[k] for k in waiting):
            return "Something is in the way: try another of these keys"
        return "Press one of these keys" if len(step.actions) > 1 else "Press this key"

    def tasks(self, printed: Mapping[str, str] | None = None) -> tuple[Task, ...]:
        """Returns what each person is to do now; ``printed`` says what is printed on keys."""
        names, inputs = self.session.world.action_names, self.game.inputs
        wanted = np.zeros(len(names), np.bool_)
        wanted[[] if self.over else list(self.step.actions)] = True
        return tuple(
            Task(
                slot, action_rows(names, inputs.keys[place], inputs.holding(place), wanted, printed), place in self.done
            )
            for place, slot in enumerate(self.session.humans)
        )

    def told(self) -> str:
        """Returns what came of the practice, for a recording."""
        return f"practised: {self.at - len(self._passed)} of {len(self.steps)} steps done in {self.session.turns} turns"

    def close(self) -> None:
        """Closes its game."""
        self.game.close()
