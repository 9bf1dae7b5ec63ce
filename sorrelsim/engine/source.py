"""The text of a world's functions and classes as syntax trees, for what is said of them before they run."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parent.parent
LIBRARY = (str(HOUSE / "rules"), str(HOUSE / "engine"))
UNKNOWN = object()
"""What a name stands for that is not fixed before the rules run."""


@lru_cache(maxsize=64)
def _parsed(file: str, stamp: int) -> tuple[ast.Module, types.CodeType] | None:
    try:
        text = Path(file).read_text(encoding="utf-8")
        return ast.parse(text), compile(text, file, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return None


def parsed(file: str) -> tuple[ast.Module, types.CodeType] | None:
    """A file's tree and code; None where there is no such file."""
    try:
        return _parsed(file, Path(file).stat().st_mtime_ns)
    except OSError:
        return None


def function_tree(function: Callable) -> ast.FunctionDef | None:
    """The tree of a function; None where its file is not there, or has been changed since it was imported."""
    code = function.__code__
    found = parsed(code.co_filename)
    if found is None or code.co_name == "<lambda>":
        return None
    if not any(_alike(other, code) for other in _codes(found[1])):
        return None
    for node in ast.walk(found[0]):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


def is_library(function: Callable) -> bool:
    """Whether a function is one of the framework's own."""
    return function.__code__.co_filename.startswith(LIBRARY)


def closure(function: Callable) -> dict[str, Any]:
    """What a function that was made inside another sees of it."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found = {}
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not yet set
            found[name] = UNKNOWN
    return found


def _codes(code: types.CodeType) -> list[types.CodeType]:
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return [*inner, *(deeper for each in inner for deeper in _codes(each))]


def _alike(one: types.CodeType, other: types.CodeType) -> bool:
    return (
        one.co_name == other.co_name
        and one.co_firstlineno == other.co_firstlineno
        and one.co_code == other.co_code
        and one.co_names == other.co_names
    )


def class_file(cls: type) -> str:
    """The file of a class; empty where it has none."""
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""


def class_tree(cls: type) -> ast.ClassDef | None:
    """The tree of a class; None where it has no file, or the file defines none of that name."""
    found = parsed(class_file(cls))
    if found is None:
        return None
    nodes = [node for node in ast.walk(found[0]) if isinstance(node, ast.ClassDef) and node.name == cls.__name__]
    return nodes[-1] if nodes else None


def where(cls: type, attribute: str = "") -> str:
    """File and line of a class, or of where it sets an attribute: ``worlds/berries.py, line 12: ``."""
    for each in cls.__mro__:
        node = class_tree(each)
        if node is None or (attribute and attribute not in vars(each)):
            continue
        lines = [statement.lineno for statement in node.body if attribute in _names(statement)]
        return f"{class_file(each)}, line {lines[-1] if lines else node.lineno}: "
    return f"{class_file(cls)}: " if class_file(cls) else ""


def _names(statement: ast.stmt) -> set[str]:
    """The names that an assignment sets."""
    targets = [*getattr(statement, "targets", ()), getattr(statement, "target", None)]
    return {part.id for target in targets for part in getattr(target, "elts", [target]) if isinstance(part, ast.Name)}
