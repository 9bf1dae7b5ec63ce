"""The numbers that settings take, as types with which learners and reward transforms declare their fields."""

from __future__ import annotations

from typing import Annotated

from sorrelsim.settings import Range as Range

Probability = Annotated[float, Range(0, 1)]
"""A chance, or a share."""
Discount = Annotated[float, Range(0, 1)]
"""What a later reward is worth per step."""
Share = Annotated[float, Range(0, 1, above=True)]
"""A part of something, but not none of it."""
Rate = Annotated[float, Range(0, 1, above=True)]
"""The step size of an optimiser."""
Positive = Annotated[float, Range(1e-6, 1e6)]
"""A width, a limit: nothing happens at 0, and what is divided by it must stay finite."""
Weight = Annotated[float, Range(0, 1e6)]
"""What a term of a sum is multiplied by; 0 leaves it out."""
Payoff = Annotated[float, Range(-1e6, 1e6)]
"""A reward."""
Exponent = Annotated[float, Range(0, 2, above=True)]
"""A power."""
Degrees = Annotated[float, Range(-180, 180)]
"""An angle."""

Frames = Annotated[int, Range(1, 256)]
"""Observations in a stack."""
Width = Annotated[int, Range(1, 65_536)]
"""Units of a layer."""
MaybeWidth = Annotated[int, Range(0, 65_536)]
"""Units of a layer that may be left out."""
Draws = Annotated[int, Range(1, 65_536)]
"""How many of something are drawn, or summed, at a time."""
Passes = Annotated[int, Range(1, 10_000)]
"""How often something is gone through."""
BatchSize = Annotated[int, Range(1, 2**22)]
"""Samples of a gradient step."""
Length = Annotated[int, Range(1, 10**6)]
"""Steps in a row."""
Capacity = Annotated[int, Range(1, 10**10)]
"""Frames that a memory holds."""
Every = Annotated[int, Range(1, 10**12)]
"""Steps between two of something."""
Steps = Annotated[int, Range(0, 10**15)]
"""Agent-steps over which something happens; 0 for at once, or never, as the setting says."""
