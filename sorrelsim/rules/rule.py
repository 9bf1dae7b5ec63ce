"""``@rule``: marks a plain Python function as one that the engine may compile. Knows nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)

RULES: list[Callable] = []
"""Every function marked so far, in order of definition; the engine hands them to Numba when a world is compiled."""


def rule(function: F) -> F:
    """Marks a function of a copy ``w`` as a rule or a rule's helper.

    The function is returned as it is: called from Python it runs as Python, where breakpoints and ``print`` work;
    called from another rule in a compiled world it is compiled with it.
    """
    RULES.append(function)
    return function
