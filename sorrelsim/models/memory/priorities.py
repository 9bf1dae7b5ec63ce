"""Priorities of a replay memory (Schaul et al. 2016): a sum tree over its places, drawn from in equal slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sorrelsim.models.memory import replay_kernels
from sorrelsim.models.memory.saved import check_priorities


class Priorities:
    """How likely each place of a memory is to be drawn; a place without priority never is.

    Args:
        capacity: Places.
        exponent: How much the error counts (alpha).

    Attributes:
        tree: float64 sums; ``tree[1]`` is that of all, leaf i lies at ``tree[len(tree) // 2 + i]``.
        top: The largest priority so far; new steps get it, so that each is drawn before long.
    """

    def __init__(self, capacity: int, exponent: float) -> None:
        self.exponent = exponent
        self.tree = np.zeros(2 << max(0, capacity - 1).bit_length())
        self.top = 1.0

    def fill(self, start: int, stop: int, value: float) -> None:
        """Sets the priorities of places start to stop - 1."""
        replay_kernels.tree_fill(self.tree, start, stop, value)

    def put(self, index: np.ndarray, values: np.ndarray) -> None:
        """Sets the priorities of places one by one."""
        replay_kernels.tree_set(self.tree, index, values)

    def update(self, index: np.ndarray, errors: np.ndarray) -> None:
        """Sets the priorities of places to (|error| + 1e-6) ** exponent.

        A place that has lost its priority since it was drawn, for what lay there was overwritten, gets none.
        """
        self.top = replay_kernels.tree_update(self.tree, index, errors, float(self.exponent), self.top)

    def draw(
        self, uniforms: np.ndarray, n_steps: int, correction: float, n_batches: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws, for each of some batches of one size, one place from each of as many equal slices of the sum.

        Args:
            uniforms: Where in its slice each draw falls, batch behind batch, float64 [n] in 0..1.
            n_steps: Steps remembered (N).
            correction: How much of the bias of priorities the weights undo (beta).
            n_batches: How many batches these are.

        Returns:
            The places, int64 [n], and importance weights (N P)^-beta, over the largest of their batch, float32 [n].
        """
        index, weights = np.empty(len(uniforms), np.int64), np.empty(len(uniforms), np.float32)
        replay_kernels.tree_find(self.tree, uniforms, n_batches, n_steps, float(correction), index, weights)
        return index, weights

    def clear(self) -> None:
        """Forgets all priorities."""
        self.tree[:], self.top = 0, 1.0

    def check(self, state: Mapping[str, Any], written: int) -> None:
        """Checks the entries ``tree`` and ``top_priority`` of a saved memory of so many places; nothing is changed.

        Raises:
            ValueError: If they are not sound. The entry and the value are named.
        """
        check_priorities(state, len(self.tree), written)

    def load(self, state: Mapping[str, Any]) -> None:
        """Restores the entries ``tree`` and ``top_priority`` of a saved memory; without a tree all stay as they are."""
        self.top = float(state["top_priority"])
        if state["tree"] is not None:
            self.tree[:] = np.asarray(state["tree"])
