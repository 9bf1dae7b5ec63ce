"""Settings from plain data: the one validator of all that a file or a command may set, and the one reader of changes.

A YAML file or a command line gives plain data; a frozen dataclass says what is allowed: a config's sections, a model's
``Config``, a reward transform, a window. Errors name the place, what was given, what is allowed and the nearest match.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import operator
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from types import NoneType, UnionType
from typing import Any

from sorrelsim.errors import ConfigError as ConfigError
from sorrelsim.errors import unknown
from sorrelsim.yaml_text import read_yaml as read_yaml
from sorrelsim.yaml_text import read_yaml_file as read_yaml_file
from sorrelsim.yaml_text import write_yaml as write_yaml


@dataclass(frozen=True)
class Range:
    """The numbers that a setting takes, written beside its type: ``Annotated[float, Range(0, 1)]``.

    Attributes:
        low: The smallest.
        high: The largest.
        above: Whether ``low`` itself is too small.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        if self.low == -math.inf:
            return "any finite number" if self.high == math.inf else f"at most {_digits(self.high)}"
        least = f"{'above' if self.above else 'at least'} {_digits(self.low)}"
        if self.high == math.inf:
            return least
        if self.above:
            return f"{least} and at most {_digits(self.high)}"
        return f"{_digits(self.low)} to {_digits(self.high)}"


def _digits(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def whole(value: Any, what: str, low: int, high: int) -> int:
    """Returns a whole number that came from outside as an int; a whole float such as 1e6 is one, true and "1" are not.

    Args:
        value: What was given.
        what: What it is, for errors, such as ``n_agents``.
        low: The least that is allowed.
        high: The most that is allowed.

    Raises:
        ConfigError: If it is no whole number, or out of range.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = int(float(value)) if isinstance(value, Real) and float(value).is_integer() else None
    if number is None or not low <= number <= high:
        raise ConfigError(
            f"{what} is {value!r} ({type(value).__name__}); allowed: a whole number from {in_words(low)} to "
            f"{in_words(high)}"
        )
    return number


def in_words(number: int) -> str:
    """Returns a bound as errors name it: 2**128 - 1 rather than its 39 digits."""
    for near, rest in ((number, ""), (number + 1, " - 1")):
        if near >= 2**40 and near.bit_count() == 1:
            return f"2**{near.bit_length() - 1}{rest}"
    return str(number)


def flag(value: Any, what: str) -> bool:
    """Returns what is true or false; nothing else is taken for it.

    Raises:
        ConfigError: If it is neither.
    """
    if not isinstance(value, bool) and type(value).__name__ != "bool":  # NumPy's, which the ground floor knows not
        raise ConfigError(f"{what} is {value!r} ({type(value).__name__}); allowed: True or False")
    return bool(value)


def parse_config(config_class: type[Any], given: Mapping[str, Any], where: str) -> Any:
    """Builds a dataclass from plain settings; nested dataclasses from nested mappings.

    Args:
        config_class: The dataclass. ``Annotated[int, Range(1, 100)]`` gives a field limits.
        given: Settings by field name.
        where: What the settings belong to, for errors, such as ``PPO``; ``file:`` if it ends in a colon.

    Raises:
        ConfigError: If a key is not known, a value is of the wrong type or out of range, or one is missing. All that is
            wrong is told, one line each.
    """
    hints = typing.get_type_hints(config_class, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(config_class) if field.init}
    values, problems = {}, []
    for key, value in given.items():
        if key not in fields:
            problems.append(f"{where.removesuffix(':')} has {unknown('setting', key, fields)}")
            continue
        try:
            values[key] = _read(hints[key], value, _at(where, key))
        except ConfigError as error:
            problems.append(str(error))
    for name, field in fields.items():
        if name not in given and field.default is field.default_factory is dataclasses.MISSING:
            problems.append(f"{_at(where, name)} is missing")
    if problems:
        raise ConfigError("\n".join(problems))
    try:
        return config_class(**values)
    except ValueError as error:  # what the class itself checks
        raise ConfigError(f"{where.removesuffix(':')}: {error}") from error


def check_settings(settings: Any) -> None:
    """Holds a dataclass that was built by hand to what its fields declare, as ``parse_config`` does with plain data.

    A dataclass calls it in its ``__post_init__``. What is given in another form of the declared type, such as 1e6 for a
    whole number, takes its place in that form.

    Raises:
        ConfigError: If a value is of the wrong type or out of range. All that is wrong is told, one line each.
    """
    problems = []
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    for name, hint in _hints(settings.__class__).items():
        given = getattr(settings, name)
        if given is defaults[name]:
            continue
        try:
            value = _read(hint, given, name)
        except ConfigError as error:
            problems.append(str(error))
            continue
        if type(value) is not type(given):
            object.__setattr__(settings, name, value)
    if problems:
        raise ConfigError("\n".join(problems))


@functools.cache
def _hints(config_class: Any) -> dict[str, Any]:
    """Returns the type hints of a dataclass's settings, in order; none where they cannot be looked up."""
    try:
        hints = typing.get_type_hints(config_class, include_extras=True)
    except NameError:  # a class of a function's own, with names of that function
        return {}
    return {field.name: hints[field.name] for field in dataclasses.fields(config_class) if field.init}


@functools.lru_cache(1024)
def _adapter(hint: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))


def _at(where: str, key: object) -> str:
    return f"{where} {key}" if where.endswith(":") else f"{where}.{key}"


def _read(hint: Any, value: Any, where: str) -> Any:
    """Checks a plain value against a type hint, turning whole floats to ints, lists to tuples, mappings to sections."""
    from pydantic import ValidationError

    annotated = typing.get_origin(hint) is typing.Annotated
    bare = typing.get_args(hint)[0] if annotated else hint
    origin, args = typing.get_origin(bare), typing.get_args(bare)
    choices = args if origin in (typing.Union, UnionType) else (bare,)
    section = next((each for each in choices if dataclasses.is_dataclass(each)), None)
    if isinstance(section, type):
        if isinstance(value, Mapping):
            return parse_config(section, value, where)
        if isinstance(value, section):
            return value
    several = next((each for each in choices if typing.get_origin(each) in (list, tuple)), None)
    if isinstance(value, list | tuple) and several is not None:
        value = [_read(typing.get_args(several)[0], item, f"{where}.{k}") for k, item in enumerate(value)]
    if bare is not section:
        try:
            # A whole 1e6 is an int and a list is a tuple; but true is not 1, nor is 1 true.
            read = _adapter(hint).validate_python(value, strict=not isinstance(value, float | str | list | tuple))
            return _in_range(read, hint, choices, where)
        except ValidationError as error:
            kind, said = error.errors()[0]["type"], error.errors()[0]["msg"]
        if kind in ("value_error", "too_short", "too_long", "string_too_short", "string_too_long"):
            raise ConfigError(f"{where}: {said.removeprefix('Value error, ')}, got {_shown(value)}")
        if kind.startswith(("greater_than", "less_than", "multiple_of", "finite_number")):
            raise ConfigError(f"{where} must be{said.removeprefix('Input should be')}, got {_shown(value)}")
    literals = [typing.get_args(each) for each in choices if typing.get_origin(each) is typing.Literal]
    names = [str(name) for literal in literals for name in literal]
    near = difflib.get_close_matches(str(value)[:100], names, 1)
    mean = f"; did you mean {near[0]!r}?" if near else ""
    raise ConfigError(f"{where} must be {_named(bare)}, got {_shown(value)} ({type(value).__name__}){mean}")


def _in_range(value: Any, hint: Any, choices: tuple[Any, ...], where: str) -> Any:
    """Returns a number that lies in the range that is declared beside its type; any that is not finite is refused."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    declared = [each for each in (hint, *choices) if typing.get_origin(each) is typing.Annotated]
    ranges = [mark for each in declared for mark in typing.get_args(each)[1:] if isinstance(mark, Range)]
    if not math.isfinite(value) or not all(value in allowed for allowed in ranges):
        allowed = " or ".join(map(str, ranges)) or "a finite number"
        raise ConfigError(f"{where} must be {allowed}, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    """Returns a value as an error shows it: not without end."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python writes, or what holds itself
        return f"a {type(value).__name__} that is too long to show"
    return text if len(text) <= 200 else f"{text[:150]}... ({len(text)} characters)"


def _named(hint: Any) -> str:
    """Returns a type hint as an error names it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(repr(each) for each in args)
    if origin is typing.Annotated:
        return _named(args[0])
    if args and origin not in (list, tuple, dict):
        return " or ".join(_named(each) for each in args)
    if dict in (hint, origin):
        return "a mapping such as {key: value}"
    if hint is NoneType:
        return "None"
    return hint.__name__ if isinstance(hint, type) and not args else str(hint).replace("typing.", "")


def apply_changes(settings: dict[str, Any], changes: Iterable[str], where: str, example: str) -> dict[str, Any]:
    """Applies changes from a command line, such as ``epochs=5`` or ``seats.0.config.n_step=1``, in place.

    Args:
        settings: What is changed; a mapping that a dotted key needs is made.
        changes: The changes, ``key=value`` each; values are YAML.
        where: What the settings are, for errors.
        example: What a change may look like, for errors.

    Returns:
        ``settings``.

    Raises:
        ConfigError: If a change is not one, or leads nowhere.
    """
    for change in changes:
        set_key(settings, *read_change(change, example), where)
    return settings


def read_change(change: str, example: str) -> tuple[str, Any]:
    """Returns key and value of a change from a command line; otherwise as :func:`apply_changes`.

    Raises:
        ConfigError: If it is no change, or its value no YAML.
    """
    key, equals, text = change.partition("=")
    if not equals or not key:
        raise ConfigError(f"{change!r} is no setting; write key=value, such as {example}")
    return key, read_yaml(text, f"{change!r}: the value")


def set_key(settings: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Sets what a dotted key leads to, in place; a mapping that it needs is made.

    Raises:
        ConfigError: If it leads nowhere; ``where`` says in what.
    """
    *path, last = key.split(".")
    node: Any = settings
    for depth, part in enumerate(path, 1):
        node = _below(node, part, where, path[:depth])
    node[_key(node, last, where, path)] = value


def _below(node: Any, part: str, where: str, path: list[str]) -> Any:
    """Returns the mapping or list below a part of a dotted key; a mapping is made where there is nothing."""
    key = _key(node, part, where, path[:-1])
    below = node.get(key) if isinstance(node, dict) else node[key]
    if below is None:
        below = node[key] = {}
    elif not isinstance(below, dict | list):
        raise ConfigError(f"{where}: {'.'.join(path)} is {below!r}, which has no keys to set")
    return below


def _key(node: Any, part: str, where: str, path: list[str]) -> Any:
    """Returns a part of a dotted key as the mapping or list that it stands in takes it."""
    if isinstance(node, dict):
        return part
    if part.isdigit() and int(part) < len(node):
        return int(part)
    place = ".".join(path)
    there = f"{place}.0{f' to {place}.{len(node) - 1}' if len(node) > 1 else ''}" if node else "nothing"
    raise ConfigError(f"{where}: {place} is a list of {len(node)}: write {there}, not {place}.{part}")
