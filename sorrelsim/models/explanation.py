"""What goes on in a model before it acts: what a window, a viewer or a film shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a model makes of one state. It says as much as it knows; what it does not know is left out.

    Attributes:
        probabilities: The chance of every action, float64 [actions].
        values: What every action is worth to it, its expected discounted return, float64 [actions]; NaN where it is
            forbidden.
        spreads: The standard deviation of that return, where it thinks in distributions, float64 [actions].
        value: What the state is worth to it.
        attention: How much it looks at each cell of its window, float64 [row, col], not below 0.
        goal: The cell of its window that it is going for, (row, col).
        phrase: What it is about, in a few words.

    Raises:
        ValueError: If numbers are no numbers, below 0 where they cannot be, or probabilities do not add up to 1.
    """

    probabilities: np.ndarray | Sequence[float] | None = None
    values: np.ndarray | Sequence[float] | None = None
    spreads: np.ndarray | Sequence[float] | None = None
    value: float | None = None
    attention: np.ndarray | None = None
    goal: tuple[int, int] | None = None
    phrase: str = ""

    def __post_init__(self) -> None:
        for name, axes in (("probabilities", 1), ("values", 1), ("spreads", 1), ("attention", 2)):
            given = getattr(self, name)
            if given is None:
                continue
            array = np.asarray(given, np.float64)
            if array.ndim != axes or not array.size or np.isinf(array).any():
                raise ValueError(f"{name} of an explanation: {axes} axes of finite numbers, got {given!r}")
            if name != "values" and not (array >= 0).all():
                raise ValueError(f"{name} of an explanation are not below 0, got {given!r}")
            object.__setattr__(self, name, array)
        if self.values is not None and np.isnan(self.values).all():
            raise ValueError(f"values of an explanation: a number for one action at least, got {self.values!r}")
        if self.probabilities is not None and abs(float(np.sum(self.probabilities)) - 1) > 1e-3:
            raise ValueError(f"probabilities of an explanation add up to 1, got {self.probabilities!r}")
        if self.value is not None:
            if np.size(self.value) != 1 or not np.isfinite(self.value):
                raise ValueError(f"value of an explanation is a number, got {self.value!r}")
            object.__setattr__(self, "value", float(np.asarray(self.value).item()))

    def check(self, n_actions: int, window: tuple[int, int]) -> None:
        """Checks that it speaks of a model's actions and window.

        Args:
            n_actions: Actions that the model has; 0 where they are continuous.
            window: Rows and columns of what it sees.

        Raises:
            ValueError: If it does not.
        """
        for name in ("probabilities", "values", "spreads"):
            array = getattr(self, name)
            if array is not None and len(array) != n_actions:
                raise ValueError(f"{name} of an explanation: one for each of {n_actions} actions, got {len(array)}")
        rows, cols = window
        if self.attention is not None and np.shape(self.attention) != (rows, cols):
            raise ValueError(f"attention of an explanation: [{rows}, {cols}], got {list(np.shape(self.attention))}")
        if self.goal is not None and not (0 <= self.goal[0] < rows and 0 <= self.goal[1] < cols):
            raise ValueError(f"goal of an explanation: a cell of the window of {rows} x {cols}, got {self.goal}")


def explained_values(
    values: np.ndarray, allowed: np.ndarray | None = None, spreads: np.ndarray | None = None
) -> Explanation:
    """Returns the explanation of a model that acts by what actions are worth: the state is worth its best action.

    Args:
        values: [actions].
        allowed: bool [actions]; None if all are, as where none is.
        spreads: [actions], if they are known.
    """
    if allowed is None or not allowed.any():
        allowed = np.ones(len(values), np.bool_)
    values = np.where(allowed, values, np.nan)
    return Explanation(values=values, spreads=spreads, value=float(np.nanmax(values)))
