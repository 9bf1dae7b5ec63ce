"""Reads the code of a world's rules before any of it runs: what they name must exist, and what they do must compile.

From the rules it follows every call of a function marked with ``@rule``, the library's included, and holds each
``w.name``, ``w.p.name``, ``Kind.NAME``, ``module.name`` and plain name against what is there. It takes milliseconds,
where a compiler takes seconds and then speaks of its own inner life.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import types
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from sorrelsim.engine import source
from sorrelsim.engine.copies import Copies
from sorrelsim.engine.declared import Declared
from sorrelsim.engine.explain import RuleError
from sorrelsim.engine.fields import of_table, rules_fields
from sorrelsim.engine.unsupported import is_fraction, unsupported
from sorrelsim.errors import nearest
from sorrelsim.rules.rule import RULES

_sound: set[tuple] = set()


def read_rules(world: Declared, copies: Copies, compiled: bool) -> None:
    """Reads the rules of a world.

    Args:
        world: What was declared.
        copies: Its copies.
        compiled: Whether the rules are to compile; else only names are looked up.

    Raises:
        RuleError: With all that is wrong, each with file and line.
    """
    found = problems(world, copies, compiled)
    if found:
        raise RuleError(*found)


def problems(world: Declared, copies: Copies, compiled: bool = True) -> list[str]:
    """All that is wrong in the code of a world's rules, with file and line, in the order of reading."""
    known = Known(
        {field.name for field in rules_fields(world, copies)}, {field.name for field in of_table(copies, "params")}
    )
    key = (
        type(world), compiled, tuple(world.start), tuple(world.rules), frozenset(known.fields), frozenset(known.params)
    )  # fmt: skip
    if key in _sound:
        return []
    reading = _Reading(known, compiled)
    for label, function, n_arguments, place in _roots(world):
        reading.begin(label, function, n_arguments, place)
    reading.go_on()
    if not reading.found:
        _sound.add(key)
    return list(dict.fromkeys(reading.found))


def _roots(world: Declared) -> list[tuple[str, Any, int, str]]:
    """What the engine calls: where it is declared, the function, its number of arguments, and the place."""
    cls = type(world)
    roots = [
        (f"{name}[{k}]", function, 1, source.where(cls, name))
        for name in ("start", "rules")
        for k, function in enumerate(getattr(world, name))
    ]
    for name in Declared.__annotations__:
        function = inspect.getattr_static(cls, name, None)
        if isinstance(function, types.FunctionType):
            roots.append((name, function, 3, source.where(cls, name)))
    return roots


@dataclass(frozen=True)
class Known:
    """What rules may name.

    Attributes:
        fields: Attributes of ``w``.
        params: Attributes of ``w.p``.
    """

    fields: set[str]
    params: set[str]


class _Reading:
    """One reading of a world's rules: what is yet to be read, and what was found."""

    def __init__(self, known: Known, compiled: bool) -> None:
        self.known, self.compiled = known, compiled
        self.marked = {id(function) for function in RULES}
        self.found: list[str] = []
        self.to_read: list[tuple[Callable, frozenset[str], str]] = []
        self.seen: set[tuple[int, frozenset[str]]] = set()

    def begin(self, label: str, function: Any, n_arguments: int, place: str) -> None:
        """Puts one function that the engine calls on the list."""
        if not isinstance(function, types.FunctionType):
            return  # what is compiled by other means, such as Numba's own decorators
        name, code = function.__name__, function.__code__
        if name == "<lambda>":
            self.found.append(f"{place}{label} is a lambda; write a function of its own, marked with @rule")
            return
        if not self.is_marked(function):
            self.found.append(
                f"{code.co_filename}, line {code.co_firstlineno}: {name} is among the world's {label.partition('[')[0]}"
                f" but not marked; write @rule on the line above 'def {name}'"
            )
        parameters = list(inspect.signature(function).parameters.values())
        needed = [
            p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        if len(needed) != n_arguments:
            wanted = f"def {name}(w)" if n_arguments == 1 else f"def {name}(w, i, into)"
            what = "a rule of a step takes the copy alone" if n_arguments == 1 else f"{label} takes three arguments"
            given = ", ".join(p.name for p in parameters)
            at = place if source.is_library(function) else f"{code.co_filename}, line {code.co_firstlineno}: "
            self.found.append(f"{at}{name}({given}) in {label}: {what}; write {wanted}")
        if parameters:
            self.follow(function, frozenset({parameters[0].name}), place)

    def is_marked(self, function: Callable) -> bool:
        """Whether compiled code may call a function."""
        return id(function) in self.marked or source.is_library(function)

    def follow(self, function: Callable, copies: frozenset[str], via: str) -> None:
        """Puts a function on the list, with the names of its arguments that are copies."""
        if (id(function), copies) not in self.seen:
            self.seen.add((id(function), copies))
            self.to_read.append((function, copies, via))

    def go_on(self) -> None:
        """Reads until nothing is left."""
        while self.to_read:
            function, copies, via = self.to_read.pop(0)
            if source.is_library(function) and id(function) not in self.marked:
                continue  # compiled code has another in its place
            node = source.function_tree(function)
            if node is not None:
                _Function(self, function, node, copies, via).read()


class _Function(ast.NodeVisitor):
    """The reading of one function."""

    def __init__(
        self, reading: _Reading, function: Callable, node: ast.FunctionDef, copies: frozenset[str], via: str
    ) -> None:
        self.reading, self.function, self.node, self.via = reading, function, node, via
        self.library = source.is_library(function)
        self.copies: set[str] = set(copies)
        self.params: set[str] = set()
        self.closure = source.closure(function)
        inner = list(ast.walk(node))
        self.locals = {each.arg for each in inner if isinstance(each, ast.arg)}
        self.locals |= {n.id for n in inner if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        self.locals |= {n.name for n in inner if isinstance(n, ast.FunctionDef | ast.ClassDef) and n is not node}
        self.locals |= {n.name for n in inner if isinstance(n, ast.ExceptHandler) and n.name}
        for each in inner:
            if isinstance(each, ast.Import | ast.ImportFrom):
                self.locals |= {(alias.asname or alias.name).partition(".")[0] for alias in each.names}
            elif isinstance(each, ast.Global):
                self.locals -= set(each.names)
            elif isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                self._alias(each.targets[0].id, each.value)

    def _alias(self, name: str, value: ast.expr) -> None:
        if isinstance(value, ast.Name) and value.id in self.copies:
            self.copies.add(name)
        elif self._is_params(value):
            self.params.add(name)

    def read(self) -> None:
        for statement in self.node.body:
            self.visit(statement)

    def say(self, node: ast.AST, text: str) -> None:
        """Adds a problem; one of the library's code is told where the world calls it."""
        line, code = getattr(node, "lineno", self.node.lineno), self.function.__code__
        text, _, allowed = text.partition("\n")
        if self.library and not self.reading.compiled:
            return  # it may be never reached, and then it is not missed
        if self.library:
            text = f"{self.via}{Path(code.co_filename).stem}.{code.co_name} needs what is not there: {text}"
        else:
            shown = linecache.getline(code.co_filename, line).strip()
            text = f"{code.co_filename}, line {line}, in {code.co_name}: {text}\n    {shown}"
        self.reading.found.append(f"{text}\n    {allowed}" if allowed else text)

    def visit(self, node: ast.AST) -> None:
        if not self.library:
            text = unsupported(node, self.reading.compiled, self.resolve)
            if text:
                self.say(node, text)
                if not isinstance(node, ast.Try | ast.With):
                    return  # what is inside it goes with it
        super().visit(node)

    # ------------------------------------------------------------------------------------------------- names

    def resolve(self, node: ast.expr) -> Any:
        """The object that a name or a chain of attributes stands for, where that is fixed before the rules run."""
        if isinstance(node, ast.Name):
            if node.id in self.closure:
                return self.closure[node.id]
            if node.id in self.locals:
                return source.UNKNOWN
            return self.function.__globals__.get(node.id, getattr(builtins, node.id, source.UNKNOWN))
        if isinstance(node, ast.Attribute):
            base = self.resolve(node.value)
            if isinstance(base, types.ModuleType | type):
                return getattr(base, node.attr, source.UNKNOWN)
        return source.UNKNOWN

    def visit_Name(self, node: ast.Name) -> None:
        known = {*self.locals, *self.closure, *self.function.__globals__}
        if isinstance(node.ctx, ast.Load) and node.id not in known and not hasattr(builtins, node.id):
            hint = nearest(node.id, known).partition("\n")[0]
            self.say(node, f"there is no {node.id!r} here{hint or ', nor in Python'}")

    def _is_copy(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.copies

    def _is_params(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.params
        return isinstance(node, ast.Attribute) and node.attr == "p" and self._is_copy(node.value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name, known = node.attr, self.reading.known
        shown = ast.unparse(node)
        writes = not isinstance(node.ctx, ast.Load)
        if self._is_params(node.value):
            if name not in known.params:
                self.say(node, f"{shown}: no param {name!r}{nearest(name, known.params)}")
            elif writes:
                self.say(node, f"{shown} is a param, which rules cannot write; declare an entry in `state` instead")
        elif self._is_copy(node.value):
            if name not in known.fields | {"p"}:
                also = ", which is a param: write w.p." + name if name in known.params else ""
                hint = also or nearest(name, known.fields)
                self.say(node, f"{shown}: a copy has no {name!r}{hint}")
            elif writes:
                self.say(
                    node,
                    f"{shown} cannot be set as a whole; write {shown}[0] or {shown}[i] for one element"
                    if name not in ("turn", "n_agents", "height", "width")
                    else f"{shown} is a number that rules cannot write",
                )
        else:
            base = self.resolve(node.value)
            self._look_up(node, base)
            self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Looks at an index of an array of the copy."""
        of_copy = isinstance(node.value, ast.Attribute) and self._is_copy(node.value.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts if of_copy and self.reading.compiled else ():
            if (
                isinstance(part, ast.UnaryOp)
                and isinstance(part.op, ast.USub)
                and isinstance(part.operand, ast.Constant)
            ):
                length = f"{ast.unparse(node.value)}.shape[{parts.index(part)}]"
                self.say(
                    node, f"{ast.unparse(node)}: rules do not count from the end; write {length} {ast.unparse(part)}"
                )
            elif is_fraction(part):
                self.say(node, f"{ast.unparse(node)}: an index is a whole number; write // in place of /, or int(...)")
        self.generic_visit(node)

    def _look_up(self, node: ast.Attribute, base: Any) -> None:
        if isinstance(base, type) and issubclass(base, Enum):
            if not hasattr(base, node.attr):
                what = "kind" if base.__name__.startswith("Kind") else "name"
                members = base.__members__
                self.say(node, f"{ast.unparse(node)}: no {what} {node.attr!r}{nearest(node.attr, members)}")
        elif isinstance(base, types.ModuleType) and not hasattr(base, node.attr):
            names = [name for name in dir(base) if callable(getattr(base, name, None)) or name.isupper()]
            self.say(node, f"{ast.unparse(node)}: {base.__name__} has no {node.attr!r}{nearest(node.attr, names)}")

    # ------------------------------------------------------------------------------------------------- calls

    def visit_Call(self, node: ast.Call) -> None:
        called = self.resolve(node.func)
        if isinstance(called, types.FunctionType):
            self._call(node, called)
        self.generic_visit(node)

    def _call(self, node: ast.Call, called: types.FunctionType) -> None:
        if not self.reading.is_marked(called):
            code = called.__code__
            if self.reading.compiled and called.__module__.partition(".")[0] not in ("numpy", "math", "numba"):
                self.say(
                    node,
                    f"calls {called.__name__}, a plain function; write @rule on the line above "
                    f"'def {called.__name__}' ({code.co_filename}, line {code.co_firstlineno})",
                )
            return
        if any(isinstance(each, ast.Starred) for each in node.args) or any(k.arg is None for k in node.keywords):
            return
        signature = inspect.signature(called)
        try:
            bound = signature.bind(*node.args, **{str(k.arg): k.value for k in node.keywords})
        except TypeError as error:
            shown = f"{ast.unparse(node.func)}{signature}".replace(" -> int", "").replace(" -> float", "")
            self.say(node, f"`{ast.unparse(node)}`: {error}; it is {shown}")
            return
        copies = frozenset(
            name for name, value in bound.arguments.items() if isinstance(value, ast.expr) and self._is_copy(value)
        )
        code, line = self.function.__code__, node.lineno
        place = self.via if self.library else f"{code.co_filename}, line {line}, in {self.function.__name__}: "
        self.reading.follow(called, copies, place)
