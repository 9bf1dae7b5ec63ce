"""Experiments that differ in their seed alone, in one process: their learners act and learn as one network.

Each has a world, models, chance and a run folder of its own, and comes to what it comes to alone. ``seeds_at_once`` of
a study asks for it, and ``launch`` says which runs go together.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

from sorrelsim.experiments.joined import Joined
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.playing import Group, Seated, grouped
from sorrelsim.models.base import BaseModel
from sorrelsim.models.playing import Player, play_step
from sorrelsim.observations.playable import Playable


class Course:
    """An experiment on its course. Within its context, an error is its own: it ends it, and no other.

    Args:
        experiment: The experiment.
        steps: What goes on to where its next turn is to be played: see :func:`~sorrelsim.experiments.run.course_of`.
        ended: Called when it has come to its end, with the error that ended it, if one did.

    Attributes:
        over: Whether it has.
        beside: Whether its players are seated among others'.
    """

    def __init__(
        self,
        experiment: Experiment,
        steps: Generator[None, None, None],
        ended: Callable[[BaseException | None], object] = lambda error: None,
    ) -> None:
        self.experiment, self._steps, self._ended = experiment, steps, ended
        self.over = self.beside = False

    def go_on(self, error: Exception | None = None) -> None:
        """Goes on to its next turn, or with an error to its end."""
        raised: BaseException | None = None
        try:
            if error is None:
                next(self._steps)
            else:
                self._steps.throw(error)
            return
        except StopIteration:
            pass
        except Exception as found:
            raised = found
        self.over = True
        self._ended(raised)

    def close(self) -> None:
        """Breaks it off where it is; what there is to save is saved."""
        self._steps.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        self.go_on(error)
        return True


def play_at_once(courses: Sequence[Course]) -> None:
    """Plays experiments side by side, turn by turn, each to its end.

    Those that have played as many turns are asked as one; who is behind, as after a kill, catches up first.

    Args:
        courses: The experiments.
    """
    going = list(courses)
    together: _AsOne | None = None
    with contextlib.ExitStack() as broken_off:
        for course in courses:
            broken_off.callback(course.close)  # an error of saving one keeps no other from being saved
        for course in going:
            course.go_on()
        while going := [course for course in going if not course.over]:
            behind = min(course.experiment.turns for course in going)
            level = [course for course in going if course.experiment.turns == behind]
            if together is None or level != together.courses:
                together = _AsOne(level)
            together.play_turn()


def why_apart(experiment: Experiment) -> str:
    """Returns why none of its learners could go together with those of other seeds; nothing if one could.

    Its learners are used up by this, as their weights are laid elsewhere.
    """
    config, learners = experiment.config, experiment.learners
    if config.actors:
        return f"actors is {config.actors}, and actors play in processes of their own"
    if not config.together:
        return "together is false"
    why = [_why_alone(model) for _, model in learners]
    if not all(why):
        return ""
    return "; ".join(dict.fromkeys(why)) or "nobody learns"


def _why_alone(model: BaseModel) -> str:
    try:
        together = type(model).together([model])
    except ValueError as error:
        return str(error)
    return f"{model.name} learns by itself only" if together is None else ""


class _AsOne:
    """Experiments whose turns are played as one, until another one joins or leaves."""

    def __init__(self, courses: list[Course]) -> None:
        self.courses, self._players = courses, list[Player]()
        # To agents it is a world.
        self._world = cast(Playable, Joined([course.experiment.world for course in courses], self._step))
        seeds = [course.experiment for course in courses]
        self._apart = len(seeds) == 1 or not all(seed.config.together and seed.crew is None for seed in seeds)
        if self._apart:
            for course in courses:
                if course.beside:
                    course.experiment.regroup(course.experiment.config.together)
                    course.beside = False
            return
        tables = [course.experiment.seated for course in courses]
        of = {seated: course for course, table in zip(courses, tables, strict=True) for seated in table}
        for course in courses:
            course.experiment.regroup(False)  # those that it had of its own seats are let go of
            course.beside = True
        for each in grouped(tables, self._world):
            self._players.append(_Several(each, of) if isinstance(each, Group) else _Single(each, of))

    def _step(self, k: int) -> None:
        with self.courses[k] as course:
            if not course.over:
                course.experiment.world.step()

    def play_turn(self) -> None:
        """Plays a turn of all, and goes on with each to its next."""
        if self._apart:
            for course in self.courses:
                with course:
                    course.experiment.play_turn()
        else:
            began = time.perf_counter()
            play_step(self._world, self._players)
            for course in self.courses:
                with course:
                    if not course.over:
                        course.experiment.end_turn()
            seconds = time.perf_counter() - began  # with what it takes to log the turn, as alone
            for course in self.courses:
                course.experiment.seconds += seconds
        for course in self.courses:
            if not course.over:
                course.go_on()


class _Several:
    """A group, as it plays in worlds side by side."""

    def __init__(self, group: Group, of: Mapping[Seated, Course]) -> None:
        self._group, self._of = group, of

    def transition(self, world: Playable) -> None:
        """Chooses for all."""
        self._group.transition(world)

    def remember(self, world: Playable) -> None:
        """Takes in what the step brought, and learns, for all; who diverges ends its experiment alone."""
        for seated, error in self._group.take_in(world):
            if not self._of[seated].over:
                self._of[seated].go_on(error)


class _Single:
    """A player by itself, as it plays in one of worlds side by side."""

    def __init__(self, player: Player, of: Mapping[Any, Course]) -> None:
        self._player, self._course = player, of[player]

    def transition(self, world: Playable) -> None:
        """Chooses."""
        with self._course as course:
            if not course.over:
                self._player.transition(course.experiment.world)

    def remember(self, world: Playable) -> None:
        """Takes in what the step brought, and learns."""
        with self._course as course:
            if not course.over:
                self._player.remember(course.experiment.world)
