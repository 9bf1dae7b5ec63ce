"""Numbers of a world that a config may change: declared as a frozen dataclass, checked here, one record per copy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from sorrelsim.errors import unknown
from sorrelsim.settings import in_words

WHOLE = 10**9
"""The size of a whole number where a param declares no other limit: rules add two of them up in an int32."""


class ParamsError(ValueError):
    """A value that a world's params do not take."""


def param(default: Any, *, low: float = -np.inf, high: float = np.inf) -> Any:
    """Returns a dataclass field for a number (or a nested tuple of numbers) between ``low`` and ``high``."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high})


def probability(default: float) -> Any:
    """Returns a dataclass field for a probability: between 0 and 1."""
    return param(default, low=0.0, high=1.0)


def read_params(params: type, given: dict[str, Any], n_worlds: int, world: str) -> dict[str, np.ndarray]:
    """Reads the params of all copies.

    Args:
        params: The dataclass; defaults are float, int, bool or nested tuples of floats.
        given: Values by name, each one value or one per copy.
        n_worlds: Number of copies.
        world: The world's name, for messages.

    Returns:
        Name to ``[n_worlds]`` or ``[n_worlds, *shape]`` of float64, int64 or bool.

    Raises:
        ParamsError: On an unknown name, a value that is not a number, not finite, out of range, or of another shape.
    """
    fields = {field.name: field for field in dataclasses.fields(params)}
    for name in given:
        if name not in fields:
            raise ParamsError(unknown(f"param of {world}", name, fields))
    read = {}
    for name, field in fields.items():
        default = np.asarray(field.default)
        wanted = {"b": np.bool_, "i": np.int64}.get(default.dtype.kind, np.float64)
        read[name] = np.empty((n_worlds, *default.shape), wanted)
        read[name][...] = _read(name, given.get(name, field.default), field, n_worlds, world)
    return read


def per_copy(value: Any, default: Any) -> bool:
    """Returns whether a param's value gives one for each copy: an axis more than its default."""
    return np.ndim(value) == np.ndim(default) + 1


def deal(params: type, given: Mapping[str, Any], n_worlds: int, first: int = 0) -> dict[str, Any]:
    """Deals settings out to another number of copies.

    Args:
        params: The world's params.
        given: Settings by name; those that are no params stay as they are.
        n_worlds: Number of copies.
        first: Which copy the first of them is.

    Returns:
        The settings; where a param has one value per copy, those, from the first on and over again.
    """
    dealt = dict(given)
    for name, value in given.items():
        if hasattr(params, name) and per_copy(value, getattr(params, name)):
            ours = [value[(first + k) % len(value)] for k in range(n_worlds)]
            dealt[name] = ours[0] if n_worlds == 1 else ours
    return dealt


def limits(field: dataclasses.Field) -> tuple[Any, Any]:
    """Returns the least and the greatest value of a param: as declared, else up to :data:`WHOLE` for whole numbers."""
    default = np.asarray(field.default)
    low, high = field.metadata.get("low", -np.inf), field.metadata.get("high", np.inf)
    if default.dtype.kind == "i":
        low = min(-WHOLE, int(default.min())) if low == -np.inf else int(np.ceil(low))
        high = max(WHOLE, int(default.max())) if high == np.inf else int(np.floor(high))
    return low, high


def shown(bound: Any) -> str:
    """Returns a limit as errors name it."""
    return in_words(bound) if isinstance(bound, int) else f"{bound:g}"


def _read(name: str, value: Any, field: dataclasses.Field, n_worlds: int, world: str) -> np.ndarray:
    where, default = f"{world}: {name} = {value!r}", np.asarray(field.default)
    low, high = limits(field)
    allowed = f"allowed: {shown(low)} to {shown(high)}"
    try:
        array = np.asarray(value)
    except ValueError:
        raise ParamsError(f"{where} is ragged; it has shape {default.shape}") from None
    if array.dtype.kind == "O" and array.size and all(isinstance(each, int) for each in array.flat):
        raise ParamsError(f"{where} is out of range; {allowed}")  # beyond all integers that an array holds
    if array.dtype.kind not in "biuf":
        raise ParamsError(f"{where} is not a number")
    if array.dtype.kind == "b" != default.dtype.kind:
        raise ParamsError(f"{where} is true or false, not a number; {allowed}")
    if array.shape != ((n_worlds, *default.shape) if per_copy(array, default) else default.shape):
        raise ParamsError(
            f"{where} has shape {array.shape}; allowed: {default.shape} for all copies, "
            f"or {(n_worlds, *default.shape)} for one each"
        )
    if not np.isfinite(array).all():
        raise ParamsError(f"{where} is not finite")
    if default.dtype.kind == "i" and array.dtype.kind == "f" and not np.array_equal(array, np.floor(array)):
        raise ParamsError(f"{where} is not a whole number")
    if default.dtype.kind == "b" and not np.isin(array, (0, 1)).all():
        raise ParamsError(f"{where} is neither true nor false")
    if default.dtype.kind != "b" and ((array < low).any() or (array > high).any()):
        raise ParamsError(f"{where} is out of range; {allowed}")
    return array
