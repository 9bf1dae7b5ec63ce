"""What every model must answer: bots, people and learners alike.

A model chooses actions for a batch of *streams*; a stream is one slot of one copy of a world. It may have a memory and
may learn. An :class:`~sorrelsim.models.agent.Agent` seats it in a world, asks it for actions and gives it what came of
them. This module needs numpy only, so that a world with scripted players starts without torch.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from sorrelsim.models.checkpoint import load_tree, save_tree
from sorrelsim.models.seat import Seat, Transition
from sorrelsim.observations.parts import Observation, as_parts, as_public
from sorrelsim.settings import parse_config

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec

Arrays = Observation
"""The former name of what a model observes; models written for it go on importing it from here."""


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite. Names the model and the step; the run's owner adds the last good checkpoint.

    Attributes:
        model: Name of the model.
        gradient_step: The gradient step whose loss was not finite.
        agent_steps: Agent-steps that the model had seen by then.
    """

    def __init__(self, model: str, gradient_step: int, agent_steps: int, losses: Mapping[str, float]) -> None:
        shown = ", ".join(f"{name}={value}" for name, value in losses.items())
        super().__init__(
            f"training of {model} diverged at gradient step {gradient_step} ({agent_steps} agent-steps): {shown}. "
            "Lower the learning rate or clip gradients harder, and go on from the last good checkpoint."
        )
        self.model, self.gradient_step, self.agent_steps = model, gradient_step, agent_steps


@dataclass(frozen=True)
class NoConfig:
    """The config of a model without settings."""


class BaseModel(ABC):
    """A player: the least to write is ``take_action`` for one state.

    All models are built in the same way, which is how a config names one:
    ``Model(observations, action_names, n_streams=1, config=None, seed=0)``.

    Args:
        observations: What one slot observes, usually ``world.observations``.
        action_names: The actions' names, usually ``world.action_names``; an action is an index into it.
        n_streams: Streams it learns from, copies x slots; the columns of its memory.
        config: An instance of the class's ``Config``; None means all defaults.
        seed: Seed of the model's own random generator.

    Attributes:
        Config: (class) The dataclass of the model's settings.
        config: The settings, an instance of it.
        rng: The model's numpy generator; use no other source of chance.
        agent_steps: Agent-steps that it has been given to remember.
        gradient_steps: Gradient steps taken.
        memory: Its buffer, or None.
        exploring: False inside ``with model.greedy()``.

    Raises:
        TypeError: If the config is not an instance of ``Config``.
        ValueError: If there is no stream.
    """

    Config: ClassVar[type] = NoConfig

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: Any = None,
        seed: int = 0,
    ) -> None:
        if config is not None and not isinstance(config, self.Config):
            raise TypeError(
                f"{type(self).__name__} takes a {self.Config.__name__}, got {type(config).__name__}; "
                f"{type(self).__name__}.from_config accepts a plain dict"
            )
        if n_streams < 1:
            raise ValueError(f"n_streams must be at least 1, got {n_streams}")
        self.observations = observations
        self.action_names = tuple(action_names)
        self.n_streams = int(n_streams)
        self.config: Any = self.Config() if config is None else config
        self.seed = int(seed)
        self.rng = np.random.default_rng(self.seed)
        self.memory: Any = None
        self.exploring = True
        self.agent_steps = 0
        self.gradient_steps = 0
        self._fixed_epsilon: float | None = None
        self._loss_sums: dict[str, list[float]] = {}

    @classmethod
    def from_config(
        cls,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> Self:
        """Builds the model from plain settings, as a YAML file gives them.

        Raises:
            ValueError: If a key is unknown (the nearest known one is named) or a value of the wrong type.
        """
        return cls(observations, action_names, n_streams, parse_config(cls.Config, config or {}, cls.__name__), seed)

    # What it is

    @property
    def name(self) -> str:
        """The class's name, for logs and errors."""
        return type(self).__name__

    @property
    def action_space(self) -> int:
        """Number of actions."""
        return len(self.action_names)

    @property
    def n_frames(self) -> int:
        """Frames stacked into a state; 1 unless the model is configured otherwise.

        States have no frame axis when it is 1 and are [n_streams, n_frames, *shape] otherwise.
        """
        return 1

    @property
    def input_size(self) -> int:
        """Flat length of a state after one-hot expansion."""
        return int(self.observations.input_size) * self.n_frames

    # Acting

    @abstractmethod
    def take_action(self, state: Observation) -> int:
        """Chooses an action for one state, [*shape], or by part name."""

    def take_actions(self, states: Observation, seat: Seat | None = None) -> np.ndarray:
        """Chooses actions for a batch of states, [n_streams, *shape], or by part name; by default one by one.

        Args:
            states: The states; only lent, so copy what is kept.
            seat: The carry, mask and mode of the place where it plays; None means no carry, no mask and the model's
                own mode.

        Returns:
            int64 [n_streams].
        """
        parts = as_parts(states)
        n = len(next(iter(parts.values())))
        one_by_one = (as_public({name: part[i] for name, part in parts.items()}) for i in range(n))
        return np.fromiter(map(self.take_action, one_by_one), np.int64, n)

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

    def explores(self, seat: Seat | None) -> bool:
        """Returns whether to explore: both the model's own mode and the seat's must say so."""
        return self.exploring and (seat is None or seat.explore)

    @contextmanager
    def greedy(self) -> Iterator[Self]:
        """Acts without exploring, for evaluation: ``with model.greedy():``."""
        before, self.exploring = self.exploring, False
        try:
            yield self
        finally:
            self.exploring = before

    @property
    def epsilon(self) -> float:
        """Chance of a random action now: falls linearly with agent-steps, unless set by hand."""
        return self.scheduled_epsilon() if self._fixed_epsilon is None else self._fixed_epsilon

    def scheduled_epsilon(self) -> float:
        """Epsilon by the model's schedule; 0 for models without one."""
        return 0.0

    def set_epsilon(self, epsilon: float) -> None:
        """Fixes epsilon at a value, which ends its schedule.

        Raises:
            ValueError: If it does not lie in 0..1.
        """
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon must lie in 0..1, got {epsilon}")
        self._fixed_epsilon = float(epsilon)

    def epsilon_decay(self, decay_rate: float) -> None:
        """Lowers epsilon by a factor, 1 - decay_rate, which ends its schedule."""
        self.set_epsilon(self.epsilon * (1 - decay_rate))

    # Learning

    def remember(self, transition: Transition) -> None:
        """Takes in one step of all its streams; by default adds it to ``memory``, if there is one."""
        if self.memory is not None:
            t = transition
            masks = {"mask": t.seat.mask, "final_mask": t.final_mask}
            self.memory.add(t.obs, t.action, t.reward, t.terminated, t.truncated, t.final_obs, **masks)

    def learn(self, n_steps: int) -> None:
        """Counts agent-steps and takes the gradient steps that fall due. Called once per world-step, for all slots.

        Raises:
            TrainingDiverged: If a loss is not finite.
        """
        before, self.agent_steps = self.agent_steps, self.agent_steps + n_steps
        due = self.updates_due(before, self.agent_steps)
        if due and self.ready():
            for _ in range(due):
                self.note_losses(self.train_step())

    def updates_due(self, before: int, now: int) -> int:
        """Returns how often ``train_step`` falls due as agent-steps go from before to now; by default never."""
        return 0

    def ready(self) -> bool:
        """Returns whether memory holds enough to learn from; after resuming without memory it takes a while."""
        return True

    def train_step(self) -> float | dict[str, float]:
        """Takes one gradient step and returns its loss, or several by name; by default does nothing."""
        return 0.0

    def note_losses(self, losses: float | Mapping[str, float]) -> None:
        """Adds losses to the running means.

        Raises:
            TrainingDiverged: If one is not finite.
        """
        named = losses if isinstance(losses, Mapping) else {"loss": losses}
        for key, value in named.items():
            if not math.isfinite(value):
                raise TrainingDiverged(self.name, self.gradient_steps, self.agent_steps, named)
            total = self._loss_sums.setdefault(key, [0.0, 0])
            total[0] += value
            total[1] += 1

    def take_losses(self) -> dict[str, float]:
        """Returns the mean of every loss since the last call; nothing if no gradient step was taken."""
        means = {key: total / n for key, (total, n) in self._loss_sums.items()}
        self._loss_sums = {}
        return means

    def start_epoch_action(self, **kwargs: Any) -> None:  # noqa: B027
        """Called before each epoch; keywords: ``epoch`` (int)."""

    def end_epoch_action(self, **kwargs: Any) -> None:  # noqa: B027
        """Called after each epoch; keywords: ``epoch`` (int)."""

    def reset(self) -> None:
        """Forgets what was remembered: clears the memory. What was learned stays."""
        if self.memory is not None:
            self.memory.clear()

    # Saving

    def state_dict(self, memory: bool = True) -> dict[str, Any]:
        """Returns all that decides what comes next: counters, schedules, random state, and the memory if asked."""
        state: dict[str, Any] = {
            "model": self.name,
            "config": dataclasses.asdict(self.config),
            "agent_steps": self.agent_steps,
            "gradient_steps": self.gradient_steps,
            "fixed_epsilon": self._fixed_epsilon,
            "loss_sums": {key: list(value) for key, value in self._loss_sums.items()},
            "rng": self.rng.bit_generator.state,
        }
        if memory and self.memory is not None:
            state["memory"] = self.memory.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave; a memory is restored if it is there.

        Raises:
            ValueError: If the state is another model's.
        """
        if state["model"] != self.name:
            raise ValueError(f"this checkpoint holds a {state['model']}, not a {self.name}")
        self.agent_steps = int(state["agent_steps"])
        self.gradient_steps = int(state["gradient_steps"])
        self._fixed_epsilon = state["fixed_epsilon"]
        self._loss_sums = {key: list(value) for key, value in state["loss_sums"].items()}
        self.rng.bit_generator.state = state["rng"]
        if "memory" in state and self.memory is not None:
            self.memory.load_state_dict(state["memory"])

    def save(self, path: str | Path, memory: bool = False) -> None:
        """Writes a checkpoint, whole or not at all; with ``memory``, everything that resuming needs."""
        save_tree(path, self.state_dict(memory))

    def load(self, path: str | Path) -> None:
        """Restores a checkpoint. Never executes code from the file."""
        self.load_state_dict(load_tree(path))
