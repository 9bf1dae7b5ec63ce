"""What a gradient step gives back: losses of any form as plain numbers, and the error of those that are not finite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LOSS_LIMIT, WEIGHT_LIMIT = 1e10, 1e5
"""Magnitudes of a loss and of a weight above which training has diverged, finite or not."""


class TrainingDiverged(RuntimeError):
    """A loss or a weight is not finite, or beyond its limit. Names the model and the step.

    The run's owner adds the seat and the last good checkpoint.

    Attributes:
        model: Name of the model.
        gradient_step: The gradient step at which it was found.
        agent_steps: Agent-steps that the model had seen by then.
    """

    def __init__(self, model: str, gradient_step: int, agent_steps: int, losses: Mapping[str, float]) -> None:
        shown = ", ".join(f"{name}={value}" for name, value in losses.items())
        super().__init__(
            f"training of {model} diverged at gradient step {gradient_step} ({agent_steps} agent-steps): {shown}. "
            "Lower the learning rate or clip gradients harder, and go on from the last good checkpoint."
        )
        self.model, self.gradient_step, self.agent_steps = model, gradient_step, agent_steps


class Means:
    """Means of the losses of the gradient steps of one update, by name."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._n = 0

    def add(self, losses: Mapping[str, float]) -> bool:
        """Adds the losses of a step; returns whether its ``loss`` is sound. One that is not stands alone, undiluted."""
        sound = abs(losses["loss"]) <= LOSS_LIMIT
        before = self._sums if sound else {}
        self._sums = {key: before.get(key, 0.0) + value for key, value in losses.items()}
        self._n = self._n + 1 if sound else 1
        return sound

    def taken(self) -> dict[str, float]:
        """Returns the means."""
        return {key: total / self._n for key, total in self._sums.items()}


def plain_losses(losses: Any, owner: str) -> list[tuple[str, float]]:
    """Returns losses as names and plain floats, free of any graph or device.

    Args:
        losses: A number, or a tensor or array of them (NumPy, PyTorch, JAX), or a sequence of these, all of which are
            named "loss"; or a mapping of names to such; or None.
        owner: The model, for errors.

    Raises:
        TypeError: If it is something else.
    """
    if type(losses) is dict and all(type(name) is str and type(each) is float for name, each in losses.items()):
        return list(losses.items())  # as our own learners tell them, after every gradient step
    return list(_numbers("loss", losses, owner))


def _numbers(name: str, value: Any, owner: str) -> Iterator[tuple[str, float]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _numbers(str(key), each, owner)
        return
    as_list = getattr(value, "tolist", None)  # arrays of all kinds have it, and leave device and graph behind by it
    if as_list is not None:
        value = as_list()
    if isinstance(value, int | float):
        yield name, float(value)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for each in value:
            yield from _numbers(name, each, owner)
    else:
        raise TypeError(
            f"{owner}: a loss is {value!r} ({type(value).__name__}); allowed: numbers, tensors, arrays, sequences and "
            "dicts of these"
        )
