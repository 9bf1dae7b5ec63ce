"""Schedules: a value as a function of the steps gone by. Plain functions of a count, so there is no state to
save.
"""

from __future__ import annotations


def linear(start: float, end: float, step: int, n_steps: int) -> float:
    """Goes from start (step 0) to end (step n_steps) in a straight line and stays there.

    Args:
        start: value at step 0.
        end: value from step `n_steps` on.
        step: steps gone by.
        n_steps: length of the slope; 0 means `end` at once.
    """
    if step >= n_steps:
        return end
    return start + (end - start) * step / n_steps
