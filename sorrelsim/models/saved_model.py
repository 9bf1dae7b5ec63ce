"""What a saved model is held to before anything of it is taken over, and what of it is the model, what its run."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.models import checked
from sorrelsim.models.checkpoint import CheckpointError, load_tree, save_tree
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.signature import listed
from sorrelsim.observations.spec import ObservationSpec

SIGNATURE = "signature"
"""The entry of a saved model that says what it observed and could do; files from before have none."""
OF_THE_RUN = (
    "agent_steps",
    "gradient_steps",
    "fixed_epsilon",
    "loss_sums",
    "rng",
    "optimizers",
    "generator",
    "network_draws",
    "descents",
)
"""The entries that belong to a run, not to what was learned: who starts from a saved model's networks keeps its own."""
_MEMORY = ("memory", "chunk_carries")
_MOST = 2**63 - 1


class Saved(ABC):
    """What a model's file holds and how it is taken over; ``BaseModel`` says what the attributes are."""

    observations: ObservationSpec
    action_spec: ActionSpec
    config: Any
    memory: Any
    rng: np.random.Generator
    agent_steps: int
    gradient_steps: int
    _fixed_epsilon: float | None
    _loss_sums: dict[str, list[float]]

    @property
    @abstractmethod
    def name(self) -> str:
        """The class's name."""

    @property
    @abstractmethod
    def n_frames(self) -> int:
        """Frames stacked into a state."""

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
            ValueError: If the state is another model's, or not sound. Then nothing has changed.
        """
        self.check_state(state)
        if "memory" in state and self.memory is not None:
            self.memory.load_state_dict(state["memory"])
        self.agent_steps = int(state["agent_steps"])
        self.gradient_steps = int(state["gradient_steps"])
        self._fixed_epsilon = state["fixed_epsilon"]
        self._loss_sums = {key: list(value) for key, value in state["loss_sums"].items()}
        self.rng.bit_generator.state = state["rng"]

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Checks, before anything changes, that a state is this model's and sound; a memory checks its own.

        Raises:
            ValueError: If it is not. What is wrong is named.
        """
        check_model(state, self.name)
        check_counters(state, self.rng)
        if "memory" in state and self.memory is not None:
            check_actions(state["memory"], len(self.action_spec.names))

    def save(self, path: str | Path, memory: bool = False) -> None:
        """Writes a checkpoint, whole or not at all; with ``memory``, everything that resuming needs."""
        shown = {
            "observations": self.observations.signature(),
            "actions": self.action_spec.signature(),
            "n_frames": self.n_frames,
        }
        save_tree(path, self.to_arrays(self.state_dict(memory)) | {SIGNATURE: shown})

    def to_arrays(self, state: dict[str, Any]) -> dict[str, Any]:
        """Returns a state as arrays and plain data; a model whose state holds anything else turns it into those."""
        return state

    def from_arrays(self, state: dict[str, Any]) -> dict[str, Any]:
        """Returns a saved state as ``load_state_dict`` takes it; the reverse of ``to_arrays``."""
        return state

    def load(self, path: str | Path) -> None:
        """Restores a checkpoint, to go on where it was written: counters, schedules, chance and, if there, the memory.

        Never executes code from the file.

        Raises:
            FileNotFoundError: If there is no such file.
            CheckpointError: If it is damaged, or made by another model or for other observations or actions; what is
                wrong is named, and nothing has changed.
        """
        self._take(path, lambda state: state)

    def load_weights(self, path: str | Path) -> None:
        """Takes over what a checkpoint has learned, to start afresh from it; all that belongs to a run stays its own.

        Counters, schedules, epsilon, optimisers, chance and memory are left as they are. Raises as ``load`` does.
        """
        own = self.state_dict(memory=False)
        kept = {key: own[key] for key in OF_THE_RUN if key in own}
        self._take(path, lambda state: {key: state[key] for key in state if key not in _MEMORY} | kept)

    def _take(self, path: str | Path, choose: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Reads a checkpoint, compares what it was made for, and takes over what is chosen of it."""
        state = load_tree(path)
        before = copy.deepcopy(self.state_dict(memory=False))
        try:
            check_model(state, self.name)
            shown = state.pop(SIGNATURE, None)
            if shown is not None:
                _compare(shown, self.observations, self.action_spec, self.n_frames)
            self.load_state_dict(self.from_arrays(choose(state)))
        except Exception as error:  # a model's own load_state_dict may meet such a file unprepared, and half way
            with contextlib.suppress(Exception):
                self.load_state_dict(before)
            told = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise CheckpointError(
                f"{path} is not for this {self.name}, and nothing of it was loaded: {told}"
            ) from error


def _compare(shown: Any, observations: ObservationSpec, actions: ActionSpec, n_frames: int) -> None:
    try:
        there, here = "in the checkpoint", "here"
        found = actions.differences(shown["actions"], there, here)
        found += observations.differences(shown["observations"], there, here)
        if shown["n_frames"] != n_frames:
            found.append(f"n_frames is {shown['n_frames']} {there}, {n_frames} {here}")
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"what it says of its observations is not sound ({type(error).__name__}: {error})"
        ) from None
    if found:
        raise CheckpointError(f"it was made for other observations or actions:{listed(found)}")


def check_model(state: Mapping[str, Any], name: str) -> None:
    """Checks that a state is some model's, and whose.

    Raises:
        CheckpointError: If it is not this model's.
    """
    if not isinstance(state, Mapping) or "model" not in state:
        raise CheckpointError("it holds no model")
    if state["model"] != name:
        raise CheckpointError(f"this checkpoint holds a {state['model']}, not a {name}")


def check_counters(state: Mapping[str, Any], generator: np.random.Generator) -> None:
    """Checks counters, epsilon, sums of losses and the random state of a model's state.

    Raises:
        ValueError: If one is not sound. It and the value are named.
    """
    for name in ("agent_steps", "gradient_steps", "fixed_epsilon", "loss_sums", "rng"):
        if name not in state:
            raise ValueError(f"it has no {name}")
    for name in ("agent_steps", "gradient_steps"):
        checked.whole(name, state[name], 0, _MOST)
    epsilon = state["fixed_epsilon"]
    if epsilon is not None and (
        isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 <= epsilon <= 1
    ):
        raise ValueError(f"fixed_epsilon must be a number from 0 to 1, or none, not {epsilon!r}")
    sums = state["loss_sums"]
    if not isinstance(sums, Mapping):
        raise ValueError(f"loss_sums must be named sums, not {sums!r}")
    for name, pair in sums.items():
        good = isinstance(pair, list | tuple) and len(pair) == 2
        if not good or any(isinstance(each, bool) or not isinstance(each, int | float) for each in pair):
            raise ValueError(f"loss_sums.{name} must be a sum and a count, not {pair!r}")
    checked.random_state("rng", state["rng"], generator)


def check_actions(memory: Any, n_actions: int) -> None:
    """Checks that a saved memory holds only actions that there are; all else of it, the memory checks itself.

    Raises:
        ValueError: If not. The place and the action are named.
    """
    if not isinstance(memory, Mapping):
        raise ValueError(f"memory must be named data, not a {type(memory).__name__}")
    holder = memory.get("arrays", memory)
    actions = holder.get("actions") if isinstance(holder, Mapping) else None
    if isinstance(actions, np.ndarray) and actions.dtype.kind in "iu":
        checked.array("actions", actions, actions.shape, actions.dtype, 0, n_actions - 1)


def config_differences(saved: Any, ours: Mapping[str, Any], place: str = "") -> list[str]:
    """Returns which settings differ, an item each; sections are gone into."""
    found = []
    for key, value in ours.items():
        theirs = saved.get(key, value) if isinstance(saved, Mapping) else value
        if isinstance(value, Mapping):
            found += config_differences(theirs, value, f"{place}{key}.")
        elif theirs != value and list(np.atleast_1d(theirs)) != list(np.atleast_1d(value)):
            found.append(f"{place}{key} is {theirs} in the checkpoint, {value} here")
    return found
