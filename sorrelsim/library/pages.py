"""What classes say of themselves, read off them for pages: settings with type, default, range and meaning.

``sorrelsim show`` prints it, and the tables in ``docs/`` are made of it.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import types
import typing
from dataclasses import dataclass
from typing import Any

LIMITS = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))


@dataclass(frozen=True)
class Setting:
    """One field of a config.

    Attributes:
        name: Its name, dotted where it belongs to a section such as ``network``.
        takes: Its type and range, in words.
        default: Its default as one would write it in YAML.
        doc: What it means.
        owner: The class that declares it.
    """

    name: str
    takes: str
    default: str
    doc: str
    owner: type


def settings_of(config: type, prefix: str = "") -> list[Setting]:
    """Returns all settings of a config's dataclass, those of its sections among them.

    Args:
        config: The dataclass.
        prefix: What stands before every name.
    """
    found: list[Setting] = []
    hints, docs, owners = typing.get_type_hints(config, include_extras=True), _docs(config), _owners(config)
    for field in dataclasses.fields(config):
        if not field.init:
            continue
        hint = hints[field.name]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            found += settings_of(hint, f"{prefix}{field.name}.")
            continue
        found.append(
            Setting(prefix + field.name, type_text(hint), _default(field), docs.get(field.name, ""), owners[field.name])
        )
    return found


def type_text(hint: Any) -> str:
    """Returns a type hint as a page names it: ``int, >= 1``, ``"a" or "b"``, ``float or null``."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        limits = [_limit(each) for each in args[1:]]
        return ", ".join([type_text(args[0]), *(limit for limit in limits if limit)])
    if origin is typing.Literal:
        return " or ".join(f'"{each}"' for each in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_text(each) for each in args)
    if origin in (list, tuple):
        return f"list of {type_text(args[0])}"
    if origin is dict:
        return "mapping"
    return {type(None): "null"}.get(hint, getattr(hint, "__name__", str(hint)))


def _limit(constraint: Any) -> str:
    """Returns a limit of an annotation, of pydantic's ``Field`` or of its parts."""
    parts = getattr(constraint, "metadata", None) or [constraint]
    said = [f"{sign} {getattr(part, key)}" for part in parts for key, sign in LIMITS if hasattr(part, key)]
    return ", ".join(said) or (str(constraint) if hasattr(constraint, "low") else "")  # a range says itself


def _default(field: Any) -> str:
    if field.default is not dataclasses.MISSING:
        return literal(field.default)
    return "needed" if field.default_factory is dataclasses.MISSING else literal(field.default_factory())


def literal(value: Any) -> str:
    """Returns a value as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(each) for each in value)}]"
    return "{}" if value == {} else str(value)


def _classes(config: type) -> list[tuple[type, ast.ClassDef]]:
    """Returns a class and those it derives from, base first, as parsed."""
    found = []
    for cls in reversed(config.__mro__):
        if dataclasses.is_dataclass(cls):
            try:
                tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
            except (OSError, TypeError, SyntaxError):
                continue
            if isinstance(tree.body[0], ast.ClassDef):
                found.append((cls, tree.body[0]))
    return found


def _docs(config: type) -> dict[str, str]:
    """Returns what stands below each field of a dataclass."""
    docs: dict[str, str] = {}
    for _, tree in _classes(config):
        for line, below in zip(tree.body, [*tree.body[1:], None], strict=True):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                value = below.value if isinstance(below, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    docs[line.target.id] = " ".join(inspect.cleandoc(value.value).split())
    return docs


def _owners(config: type) -> dict[str, type]:
    owners: dict[str, type] = dict.fromkeys((field.name for field in dataclasses.fields(config)), config)
    for cls, tree in _classes(config):
        for line in tree.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                owners[line.target.id] = cls
    return owners
