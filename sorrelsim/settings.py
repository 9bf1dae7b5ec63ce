"""Settings from plain data: a frozen dataclass from what a YAML file holds, with errors that name the nearest
match.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any


def parse_config(config_class: type[Any], given: Mapping[str, Any], where: str) -> Any:
    """Builds a frozen dataclass from plain settings; nested dataclasses from nested mappings.

    Args:
        config_class: the dataclass.
        given: settings by field name.
        where: what the settings belong to, for errors.

    Raises:
        ValueError: an unknown key (the nearest known one is named) or a value of the wrong type.
    """
    hints = typing.get_type_hints(config_class)
    known = [f.name for f in dataclasses.fields(config_class) if f.init]
    values = {}
    for key, value in given.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ValueError(f"{where} has no setting '{key}'{hint} (it has: {', '.join(known) or 'none'})")
        values[key] = _convert(hints[key], value, f"{where}.{key}")
    return config_class(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Checks a plain value against a type hint, turning ints to floats, lists to tuples and mappings to
    dataclasses.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return parse_config(typing.cast(type, hint), value, where)
    if origin is typing.Literal:
        if value in args:
            return value
        near = difflib.get_close_matches(str(value), [str(a) for a in args], n=1)
        raise ValueError(
            f"{where} is {value!r}" + (f"; did you mean {near[0]!r}?" if near else "") + f" Allowed: {args}"
        )
    if origin in (types.UnionType, typing.Union):
        for arg in args:
            try:
                return _convert(arg, value, where)
            except ValueError:
                continue
    elif origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(args[0], item, where) for item in value)
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif hint is int and isinstance(value, float) and value.is_integer():
        return int(value)  # YAML reads 1e6 as a float or a string
    elif hint in (int, float) and isinstance(value, str):
        try:
            return _convert(hint, float(value), where)
        except ValueError:
            pass
    elif isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    expected = hint.__name__ if isinstance(hint, type) and not args else str(hint).replace("typing.", "")
    raise ValueError(f"{where} must be {expected}, got {value!r} ({type(value).__name__})")
