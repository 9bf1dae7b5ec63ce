"""What every model must answer: bots, people and learners alike.

A model chooses actions for a batch of *streams*; a stream is one slot of one copy of a world. It may have a memory and
may learn. An :class:`~sorrelsim.models.agent.Agent` seats it in a world, asks it for actions and gives it what came of
them. This module needs numpy only, so that a world with scripted players starts without torch.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sorrelsim.models.explanation import Explanation
from sorrelsim.models.exploring import Exploring
from sorrelsim.models.noted import LOSS_LIMIT, TrainingDiverged, plain_losses
from sorrelsim.models.remembering import Remembering
from sorrelsim.models.saved_model import Saved
from sorrelsim.models.seat import Seat
from sorrelsim.models.seat import Transition as Transition
from sorrelsim.observations.actions import KINDS, ActionSpec
from sorrelsim.observations.parts import Observation, as_parts, as_public
from sorrelsim.settings import check_settings, parse_config

if TYPE_CHECKING:
    from sorrelsim.models.together import Together
    from sorrelsim.observations.spec import ObservationSpec

Arrays = Observation
"""The former name of what a model observes; models written for it go on importing it from here."""


@dataclass(frozen=True)
class NoConfig:
    """The config of a model without settings."""


class BaseModel(Exploring, Remembering, Saved):
    """A player: the least to write is ``take_action`` for one state.

    All models are built in the same way, which is how a config names one:
    ``Model(observations, action_names, n_streams=1, config=None, seed=0)``.

    Args:
        observations: What one slot observes, usually ``world.observations``.
        action_names: The actions' names, usually ``world.action_names``, of which an action is an index; or an
            ``ActionSpec``, usually ``world.action_spec``, which is how continuous actions are given.
        n_streams: Streams it learns from, copies x slots; the columns of its memory. 0 for one that only plays.
        config: An instance of the class's ``Config``; None means all defaults.
        seed: Seed of the model's own random generator.

    Attributes:
        Config: (class) The dataclass of the model's settings.
        plays_without_streams: (class) Whether it is built for no streams where it only plays, and so without a memory.
        asks_people: (class) Whether a person chooses its actions, who is not to be asked more often than need be.
        gathering: (class) How many actors share the work with it (a ``Gathering``); None where it learns in one process
            only.
        plays: (class) How the model is meant to be played, in evaluations, films and windows: "sampled", as it acts in
            training, or "greedy", its best action always.
        acts: (class) The kinds of actions that it can take: "discrete", "continuous" or both.
        action_spec: What it can do.
        action_names: The actions' names; none where they are continuous.
        config: The settings, an instance of it.
        rng: The model's numpy generator; use no other source of chance.
        agent_steps: Agent-steps that it has been given to remember.
        gradient_steps: Gradient steps taken.

    Raises:
        TypeError: If the config is not an instance of ``Config``, or the observations are no ``ObservationSpec``.
        ValueError: If a setting is out of range, or actions are of a kind that it cannot take.
    """

    Config: ClassVar[type] = NoConfig
    plays_without_streams: ClassVar[bool] = False
    acts: ClassVar[tuple[str, ...]] = ("discrete",)
    asks_people: ClassVar[bool] = False
    gathering: ClassVar[Any] = None

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str] | ActionSpec,
        n_streams: int = 1,
        config: Any = None,
        seed: int = 0,
    ) -> None:
        if isinstance(observations, int | tuple | list):
            raise TypeError(
                f"{type(self).__name__} takes what is observed and the actions' names, such as world.observations and "
                f"world.action_names; got {observations!r}"
            )
        if config is not None and not isinstance(config, self.Config):
            raise TypeError(
                f"{type(self).__name__} takes a {self.Config.__name__}, got {type(config).__name__}; "
                f"{type(self).__name__}.from_config accepts a plain dict"
            )
        if n_streams < 0:
            raise ValueError(f"n_streams must be at least 1, or 0 only to play, got {n_streams}")
        if dataclasses.is_dataclass(config):
            check_settings(config)
        self.observations = observations
        self.action_spec = ActionSpec.of(action_names)
        if self.action_spec.kind not in self.acts:
            raise ValueError(
                f"{type(self).__name__} acts by {' or '.join(KINDS[kind] for kind in self.acts)}; actions here are "
                f"{KINDS[self.action_spec.kind]}: {self.action_spec.told()}"
            )
        self.action_names = self.action_spec.names
        self.n_streams = int(n_streams)
        self.config: Any = self.Config() if config is None else config
        self.seed = int(seed)
        self.rng = np.random.default_rng(self.seed)
        self.agent_steps = 0
        self.gradient_steps = 0
        self._loss_sums: dict[str, list[float]] = {}
        self.set_up()

    def set_up(self) -> None:
        """Makes what a model needs beside the arguments that all have, once these are in place; by default nothing."""

    @classmethod
    def from_config(
        cls,
        observations: ObservationSpec,
        action_names: Sequence[str] | ActionSpec,
        n_streams: int = 1,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Self:
        """Builds the model from plain settings, as a YAML file gives them.

        Raises:
            ValueError: If a key is unknown (the nearest known one is named) or a value of the wrong type.
        """
        return cls(observations, action_names, n_streams, parse_config(cls.Config, config or {}, cls.__name__), seed)

    @classmethod
    def to_play(
        cls,
        observations: ObservationSpec,
        action_names: Sequence[str] | ActionSpec,
        n_streams: int = 1,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Self:
        """Builds the model as ``from_config`` does, only to play; learners leave out their memory then."""
        return cls.from_config(observations, action_names, 0 if cls.plays_without_streams else n_streams, config, seed)

    # What it is

    @property
    def name(self) -> str:
        """The class's name, for logs and errors."""
        return type(self).__name__

    @property
    def action_space(self) -> int:
        """Number of actions; 0 where they are continuous."""
        return len(self.action_names)

    @property
    def input_size(self) -> int:
        """Flat length of a state after one-hot expansion."""
        return int(self.observations.input_size) * self.n_frames

    def beside(self, n_streams: int) -> Self:
        """Returns the model to look at in another seat while it goes on in its own.

        It is the model itself if it has a memory, as learners have: it keeps nothing of a seat outside of its carry. A
        bot may keep a mood on itself, so it is built anew for that seat, with what ``state_dict`` says.
        """
        if self.is_filled:
            return self
        other = type(self)(self.observations, self.action_names or self.action_spec, n_streams, self.config, self.seed)
        other.load_state_dict(self.state_dict())
        other.exploring = self.exploring
        return other

    # Acting

    @abstractmethod
    def take_action(self, state: Observation) -> Any:
        """Chooses an action for one state, [*shape], or by part name: an index, or numbers of the action's shape."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Chooses actions for a batch of states, [n_streams, *shape], or by part name; by default one by one.

        Args:
            states: The states; only lent, so copy what is kept.
            seat: The carry, mask and mode of the place where it plays; None means no carry, no mask and the model's
                own mode.

        Returns:
            int64 [n_streams], or float32 [n_streams, *shape] where actions are continuous.
        """
        parts = as_parts(states)
        n = len(next(iter(parts.values())))
        one_by_one = (as_public({name: part[i] for name, part in parts.items()}) for i in range(n))
        if self.action_spec.names:
            return np.fromiter(map(self.take_action, one_by_one), np.int64, n)
        return np.array([self.take_action(state) for state in one_by_one], np.float32)

    def explain(self, state: Observation, seat: Seat | None = None) -> Explanation | None:
        """Returns what it makes of one state before it acts in it; None, as here, if it has nothing to tell.

        Args:
            state: As ``take_action`` gets it.
            seat: The place where it plays, of this one stream; its carry is a copy, which may be moved on.
        """
        return None

    def new_carry(self, n_streams: int) -> dict[str, Any]:
        """Returns what must be remembered per stream between steps: arrays of one row per stream, as at the start."""
        return {}

    def reset_carry(self, carry: dict[str, Any], ended: np.ndarray) -> None:
        """Resets the rows of streams whose episode ended; by default to zero.

        Args:
            carry: From ``new_carry``, changed in place.
            ended: int64 [n_ended], stream numbers.
        """
        for array in carry.values():
            array[ended] = 0

    def save_carry(self, carry: dict[str, Any]) -> dict[str, np.ndarray]:
        """Returns a carry's rows as arrays, to save."""
        return {key: np.array(array) for key, array in carry.items()}

    def load_carry(self, carry: dict[str, Any], saved: Mapping[str, Any]) -> None:
        """Puts saved rows back into a carry, in place."""
        for key, array in carry.items():
            array[:] = np.asarray(saved[key])

    # Learning

    def learn(self, n_steps: int) -> None:
        """Counts agent-steps and takes the gradient steps that fall due. Called once per world-step, for all slots.

        Raises:
            TrainingDiverged: If a loss is not finite, or it or a weight grew beyond any sense.
        """
        try:
            self.take_steps(self.count(n_steps))
        finally:
            self.after_learning()

    def count(self, n_steps: int) -> int:
        """Counts agent-steps, and returns the gradient steps that fall due: none before it is ready."""
        before, self.agent_steps = self.agent_steps, self.agent_steps + n_steps
        due = self.updates_due(before, self.agent_steps)
        return due if due and self.ready() else 0

    def take_steps(self, due: int) -> None:
        """Takes some gradient steps, and notes their losses."""
        if due:
            with self.learning():
                for _ in range(due):
                    steps = self.gradient_steps
                    self.note_losses(self.train_step())
                    self.gradient_steps += self.gradient_steps == steps  # unless the model counts them itself

    def after_learning(self) -> None:
        """Called when the gradient steps that fell due are taken, or one of them failed; by default does nothing."""

    @classmethod
    def together(cls, models: Sequence[Any]) -> Together | None:
        """Returns what acts and learns for models of this class and one config as one, each as it would alone.

        Returns:
            None where they cannot, as by default.

        Raises:
            ValueError: If a network of one's own is why they cannot; says what about it.
        """
        return None

    def learning(self) -> AbstractContextManager[None]:
        """Returns what gradient steps are taken within; by default nothing."""
        return nullcontext()

    def updates_due(self, before: int, now: int) -> int:
        """Returns how often ``train_step`` falls due as agent-steps go from before to now.

        By default never; for a model that has a ``train_step`` once per world-step, from 1,000 steps in its memory on,
        or as many as fill half of it.
        """
        if not self.learns_by_steps:
            return 0
        enough = min(1000, getattr(self.memory, "capacity", 0) // 2)
        return int(self.memory is None or len(self.memory) >= enough)

    def ready(self) -> bool:
        """Returns whether memory holds enough to learn from; after resuming without memory it takes a while."""
        return True

    def note_losses(self, losses: Any) -> None:
        """Adds losses to the running means; those of a sequence or an array count one by one.

        Args:
            losses: As ``train_step`` returns them.

        Raises:
            TrainingDiverged: If one is not finite, or its magnitude above ``LOSS_LIMIT``.
            TypeError: If it is no loss.
        """
        named = plain_losses(losses, self.name)
        for key, value in named:
            if not abs(value) <= LOSS_LIMIT:
                raise TrainingDiverged(self.name, self.gradient_steps, self.agent_steps, dict(named) | {key: value})
            total = self._loss_sums.setdefault(key, [0.0, 0])
            total[0] += value
            total[1] += 1

    def take_losses(self) -> dict[str, float]:
        """Returns the mean of every loss since the last call; nothing if no gradient step was taken."""
        means = {key: total / n for key, (total, n) in self._loss_sums.items()}
        self._loss_sums = {}
        return means

    def start_epoch_action(self, **kwargs: Any) -> None:
        """Called before each epoch; keywords: ``epoch`` (int)."""

    def end_epoch_action(self, **kwargs: Any) -> None:
        """Called after each epoch; keywords: ``epoch`` (int)."""

    def reset(self) -> None:
        """Forgets what was remembered: clears the memory. What was learned stays."""
        if self.memory is not None:
            self.memory.clear()

    # Chance

    def random_state(self) -> dict[str, Any]:
        """Returns the states of its sources of chance, those of its memory left out."""
        return {"rng": self.rng.bit_generator.state}

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Restores what ``random_state`` gave."""
        self.rng.bit_generator.state = state["rng"]

    def reseed(self, seed: int) -> None:
        """Starts its sources of chance from a seed, those of its memory left out."""
        self.rng.bit_generator.state = type(self.rng.bit_generator)(seed).state
