"""YAML as plain data: what a config or a change on a command line says, and nothing that expands without end."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import Any

from sorrelsim.errors import ConfigError

MAX_BYTES, MAX_DEPTH, MAX_VALUES = 16_000_000, 50, 100_000
"""What a YAML text may have at most: bytes, levels of nesting, and values once its aliases are written out."""

_WHOLE = re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)$")
_FRACTION = re.compile(r"^[-+]?(?:\d[\d_]*\.[\d_]*(?:[eE][-+]?\d+)?|\.\d[\d_]*(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)$")
_ENDLESS = re.compile(r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")


@functools.cache
def _loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):
        """Safe YAML in which 1e-3 is a number, as everywhere but in YAML 1.1, and 1:30 or 010 is none."""

    numbers = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in numbers]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    _know_numbers(Loader)
    return Loader


def _know_numbers(language: Any) -> None:
    """Tells a loader or a dumper which plain words are numbers."""
    language.add_implicit_resolver("tag:yaml.org,2002:int", _WHOLE, list("-+0123456789"))
    language.add_implicit_resolver("tag:yaml.org,2002:float", _FRACTION, list("-+.0123456789"))
    language.add_implicit_resolver("tag:yaml.org,2002:float", _ENDLESS, list("-+."))


def write_yaml(plain: Any) -> str:
    """Returns plain data as YAML that ``read_yaml`` reads as the same: a text that looks like a number is quoted."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Safe YAML, for readers of 1.1 and of 1.2."""

    _know_numbers(Dumper)
    return str(yaml.dump(plain, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110))


def read_yaml(text: str, where: str) -> Any:
    """Returns what a YAML text holds: plain data only, no key twice, and nothing that expands without end.

    Raises:
        ConfigError: If it is not YAML, or more than ``MAX_BYTES``, ``MAX_DEPTH`` or ``MAX_VALUES`` allow.
    """
    import yaml

    if len(text) > MAX_BYTES:
        raise ConfigError(f"{where} has {len(text)} characters; at most {MAX_BYTES} are read")
    try:
        depth = 0
        for event in yaml.parse(text, _loader()):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1
                raise ConfigError(f"{where}, line {line}: more than {MAX_DEPTH} levels of lists and mappings")
        loader = _loader()(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_node(node, where, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        wrong = "" if mark is None else "".join(text.split("\n")[mark.line : mark.line + 1])
        indent = wrong[: len(wrong) - len(wrong.lstrip())]
        if mark is not None and "\t" in indent + wrong[mark.column : mark.column + 1]:
            raise ConfigError(f"{where}, line {mark.line + 1}: a tab; YAML is indented by spaces") from None
        raise ConfigError(f"{where} is not YAML: {error}") from None
    except ConfigError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, AttributeError, KeyError) as error:
        raise ConfigError(f"{where} is not YAML of plain values: {error}") from None


def _check_node(node: Any, where: str, counts: dict[int, int]) -> int:
    """Returns the values below a node, aliases written out; each node is gone through once."""
    import yaml

    place = f"{where}, line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"
    if id(node) in counts:
        if counts[id(node)] < 0:
            raise ConfigError(f"{place}: a value that holds itself")
        return counts[id(node)]
    counts[id(node)] = -1
    total = 1
    if isinstance(node, yaml.MappingNode):
        keys: set[tuple[str, str]] = set()
        for key, value in node.value:
            mark = f"{where}, line {key.start_mark.line + 1}, column {key.start_mark.column + 1}"
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    raise ConfigError(f"{mark}: the key {key.value!r} is there twice")
                keys.add((key.tag, key.value))
            total += _check_node(key, where, counts) + _check_node(value, where, counts)
    elif isinstance(node, yaml.SequenceNode):
        total += sum(_check_node(each, where, counts) for each in node.value)
    if total > MAX_VALUES:
        raise ConfigError(f"{place}: more than {MAX_VALUES} values, aliases written out")
    counts[id(node)] = total
    return total


def read_yaml_file(path: str | Path) -> Any:
    """Returns what a YAML file holds; see ``read_yaml``.

    Raises:
        ConfigError: As ``read_yaml``, or if the file is too large, not UTF-8, or cannot be read.
    """
    try:
        if (size := os.stat(path).st_size) > MAX_BYTES:
            raise ConfigError(f"{path} has {size} bytes; at most {MAX_BYTES} are read")
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    return read_yaml(text, str(path))
