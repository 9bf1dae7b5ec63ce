"""What one agent can do in a step: one of several actions with names, or numbers within a range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from sorrelsim.observations.signature import of_names

KINDS = {"discrete": "one of several named actions", "continuous": "numbers within a range"}
"""Kinds of actions, and what an action is."""


@dataclass(frozen=True)
class ActionSpec:
    """What one agent can do. ``ActionSpec(names)`` chooses among names, ``ActionSpec.box(low, high)`` within a range.

    Attributes:
        names: The actions' names, of which an action is an index; none where actions are continuous.
        shape: Shape of one action: () where actions have names.
        low: The least that each number of a continuous action may be, flat; -inf is no limit.
        high: The most, likewise.

    Raises:
        ValueError: If there is neither a name nor a range, or a range that ends before it begins.
    """

    names: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.names and not self.low:
            raise ValueError("there are no actions: give their names, or ActionSpec.box(low, high)")
        for k, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if not low <= high:
                raise ValueError(f"number {k} of an action goes from {low:g} to {high:g}; the first must not be above")

    @classmethod
    def box(cls, low: Any, high: Any, shape: Sequence[int] | None = None) -> Self:
        """Returns the spec of continuous actions.

        Args:
            low: The least that each number may be: one for all, or one for each.
            high: The most, likewise.
            shape: Shape of an action; by default that of the limits.
        """
        low, high = np.broadcast_arrays(low, high)
        wide = (np.broadcast_to(limit, low.shape if shape is None else tuple(shape)) for limit in (low, high))
        flat = [tuple(limit.astype(float).reshape(-1).tolist()) for limit in wide]
        return cls((), tuple(low.shape if shape is None else shape), *flat)

    @classmethod
    def of(cls, given: ActionSpec | Sequence[str]) -> ActionSpec:
        """Returns the spec itself, or that of names."""
        return given if isinstance(given, ActionSpec) else ActionSpec(tuple(given))

    @property
    def kind(self) -> str:
        """``discrete`` or ``continuous``."""
        return "discrete" if self.names else "continuous"

    @property
    def dtype(self) -> np.dtype:
        """Type of an action: int64, or float32."""
        return np.dtype(np.int64 if self.names else np.float32)

    @property
    def column(self) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and dtype of an action, as memories take it."""
        return self.shape, self.dtype

    @property
    def size(self) -> int:
        """Numbers that decide on an action: how many names there are, or how many numbers an action has."""
        return len(self.names) or len(self.low)

    @property
    def bounded(self) -> bool:
        """Whether every number of a continuous action has a least and a most."""
        return bool(np.isfinite([*self.low, *self.high]).all())

    def clip(self, actions: np.ndarray) -> np.ndarray:
        """Returns actions ``[..., *shape]`` with what lies beyond the range at its end; named ones as they are."""
        if self.names:
            return actions
        low, high = (np.reshape(limit, self.shape).astype(np.float32) for limit in (self.low, self.high))
        return np.clip(actions, low, high)

    def told(self) -> str:
        """Returns it in words, for errors."""
        if self.names:
            return str(self.names)
        ranges = dict.fromkeys(f"{low:g} to {high:g}" for low, high in zip(self.low, self.high, strict=True))
        return f"float32{list(self.shape)} from {', '.join(ranges)}"

    def signature(self) -> Any:
        """Returns it as plain data, which is what a checkpoint keeps: the list of names, or shape, low and high."""
        if self.names:
            return list(self.names)
        return {"shape": list(self.shape), "low": list(self.low), "high": list(self.high)}

    def differences(self, other: ActionSpec | Any, there: str = "there", here: str = "here") -> list[str]:
        """Returns what tells another spec, or its signature, from this one, an item each; nothing if they are equal.

        Args:
            other: The other.
            there: Where the other is met, for the texts, such as ``in the checkpoint``.
            here: Where this one is.
        """
        given = other.signature() if isinstance(other, ActionSpec) else other
        continuous = isinstance(given, Mapping)
        if continuous != (not self.names):
            theirs, ours = ("continuous" if each else "named" for each in (continuous, not continuous))
            return [f"actions are {theirs} {there}, {ours} {here}"]
        if not continuous:
            return of_names("action", given, self.names, there, here)
        ours = self.signature()
        return [
            f"{what} of an action is {given[what]} {there}, {ours[what]} {here}"
            for what in ours
            if list(given[what]) != ours[what]
        ]
