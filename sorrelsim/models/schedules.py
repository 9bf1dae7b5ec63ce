"""Schedules: a value as a function of the steps gone by. Plain functions of a count, so there is no state to save."""

from __future__ import annotations


def linear(start: float, end: float, step: int, n_steps: int) -> float:
    """Goes from start (step 0) to end (step n_steps) in a straight line and stays there.

    Args:
        start: Value at step 0.
        end: Value from step ``n_steps`` on.
        step: Steps gone by.
        n_steps: Length of the slope; 0 means ``end`` at once.
    """
    if step >= n_steps:
        return end
    return start + (end - start) * step / n_steps
