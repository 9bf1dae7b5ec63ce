"""What comes from outside, held to what it must be before anything changes: arrays, whole numbers, random states."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sorrelsim.errors import unknown


def array(
    name: str, value: Any, shape: tuple[int, ...], dtype: Any, low: float = -math.inf, high: float = math.inf
) -> np.ndarray:
    """Returns an array from outside, if it is one of the shape and dtype wanted, finite and within a range.

    Args:
        name: What the array is called, for errors.
        value: What was given.
        shape: The shape wanted.
        dtype: The dtype wanted.
        low: The smallest value that it may hold.
        high: The largest.

    Raises:
        ValueError: If it is not; the array, the place and the value are named.
    """
    wanted = f"{np.dtype(dtype)} {list(shape)}"
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{name} must be an array, {wanted}, not a {type(value).__name__}")
    if value.dtype != np.dtype(dtype) or value.shape != tuple(shape):
        raise ValueError(f"{name} must be {wanted}, not {value.dtype} {list(value.shape)}")
    if value.dtype.kind == "b" and (value.view(np.uint8) > 1).any():
        raise ValueError(f"{name} holds what is neither true nor false")
    if value.dtype.kind not in "fiu" or not value.size:
        return value
    bad = ~np.isfinite(value) if value.dtype.kind == "f" else None
    if low > -math.inf:
        bad = value < low if bad is None else bad | (value < low)
    if high < math.inf:
        bad = value > high if bad is None else bad | (value > high)
    if bad is not None and bad.any():
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        limits = [f"{word} {limit:g}" for word, limit in (("at least", low), ("at most", high)) if math.isfinite(limit)]
        raise ValueError(f"{name}{list(at)} is {value[at]}; it must be {' and '.join(['finite', *limits])}")
    return value


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Returns a whole number from outside.

    Raises:
        ValueError: If it is none, or out of range.
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return value


def names(what: str, given: Any, wanted: Iterable[str]) -> Mapping[str, Any]:
    """Returns a mapping from outside that has exactly the names wanted.

    Raises:
        ValueError: If one is missing or not known; the nearest match is named.
    """
    wanted = list(wanted)
    if not isinstance(given, Mapping):
        raise ValueError(f"{what} must be named data, not a {type(given).__name__}")
    for name in given:
        if name not in wanted:
            raise ValueError(f"{what} has {unknown('place for', name, wanted)}")
    if missing := [name for name in wanted if name not in given]:
        raise ValueError(f"{what} has no {', '.join(missing)}")
    return given


def random_state(name: str, state: Any, generator: np.random.Generator) -> Any:
    """Returns a random state from outside, if a generator of that kind takes it and gives it back.

    Raises:
        ValueError: If not.
    """
    trial = type(generator.bit_generator)()
    try:
        trial.state = state
        if any(trial.state[key] != state[key] for key in ("bit_generator", "state", "has_uint32", "uinteger")):
            raise ValueError("numbers out of range")
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError, IndexError) as error:
        raise ValueError(f"{name} is no state of {type(trial).__name__}: {error}") from None
    return state
