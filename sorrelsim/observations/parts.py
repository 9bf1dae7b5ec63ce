"""Observations inside and at the border: inside always a dict of parts; to users a bare array where ``grid`` is all."""

from __future__ import annotations

import numpy as np

Parts = dict[str, np.ndarray]
"""An observation, or a batch of states, by part name."""

Observation = np.ndarray | Parts
"""What users hand over and get: one array, or arrays by part name."""


def as_parts(observation: Observation) -> Parts:
    """Returns an observation by part name; a bare array is the part ``grid``."""
    return observation if isinstance(observation, dict) else {"grid": observation}


def as_public(parts: Parts) -> Observation:
    """Returns an observation as users get it: the bare array where ``grid`` is the only part."""
    return parts["grid"] if len(parts) == 1 and "grid" in parts else parts
