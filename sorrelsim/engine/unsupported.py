"""Python that rules do not compile with, and what to write in its place."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any

LOOP = "rules are compiled without it; write a for loop"
TABLE = "rules hold numbers only; declare an entry in the world's `state`, or index a tuple by an IntEnum"
TEXT = "rules work with numbers, not text; print(a, b) shows values where the world runs with compiled=False"
OUTSIDE = "a copy keeps everything in w: declare the name in the world's `state` (per_world()) and write w.name[0]"
FAIL = (
    "compiled rules cannot fail; test the condition with `if`, end the episode with episode.terminate(w), "
    "or limit a param with param(low=..., high=...)"
)
STATEMENTS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Try: ("try", "compiled rules raise nothing that could be caught; test the condition with `if` before"),
    ast.With: ("with", "rules touch nothing outside of w; leave it out"),
    ast.Raise: ("raise", FAIL),
    ast.Assert: ("assert", FAIL),
    ast.ListComp: ("a list comprehension", LOOP),
    ast.SetComp: ("a set comprehension", LOOP),
    ast.DictComp: ("a dict comprehension", LOOP),
    ast.GeneratorExp: ("a generator expression", LOOP),
    ast.Dict: ("a dict", TABLE),
    ast.Set: ("a set", TABLE),
    ast.JoinedStr: ("an f-string", TEXT),
    ast.Import: ("import", "rules are compiled without it; import at the top of the file"),
    ast.ImportFrom: ("import", "rules are compiled without it; import at the top of the file"),
    ast.ClassDef: ("class", "rules are functions of numbers and arrays; write functions marked with @rule"),
    ast.Lambda: ("lambda", "write a function of its own, marked with @rule"),
    ast.FunctionDef: ("a function inside a function", "write it at the top level of the file, marked with @rule"),
    ast.Yield: ("yield", LOOP),
    ast.YieldFrom: ("yield", LOOP),
    ast.Await: ("await", "rules do all their work at once; leave it out"),
    ast.Delete: ("del", "nothing needs to be deleted; leave it out"),
    ast.Match: ("match", "rules are compiled without it; write if and elif"),
    ast.AsyncFor: ("async", "rules do all their work at once; leave it out"),
    ast.AsyncWith: ("async", "rules do all their work at once; leave it out"),
}
ALWAYS: dict[type[ast.AST], tuple[str, str]] = {ast.Global: ("global", OUTSIDE), ast.Nonlocal: ("nonlocal", OUTSIDE)}
BUILTINS = {
    "dict": TABLE, "set": TABLE, "frozenset": TABLE, "str": TEXT, "repr": TEXT, "format": TEXT,
    "open": "rules touch nothing outside of w; write files from what world.step returns",
    "input": "rules touch nothing outside of w; actions come in w.action",
    "getattr": "write w.name", "setattr": "write w.name[i] = value", "hasattr": "what w has is known; leave it out",
    "isinstance": "every value has one type; leave it out", "vars": "write w.name", "eval": "write it out",
    "exec": "write it out", "globals": OUTSIDE, "locals": "write the names", "super": "rules are plain functions",
    "sorted": LOOP, "any": LOOP, "all": LOOP, "map": LOOP, "filter": LOOP, "id": "compare indices instead",
}  # fmt: skip
DRAWS = "numbers drawn elsewhere are not of the copy's own stream; use sorrelsim.rules.draw, such as draw.below(w, n)"
CLOCK = "a rule that looks at the clock does not replay; count steps, as w.turn does"


def unsupported(node: ast.AST, compiled: bool, resolve: Callable[[ast.expr], Any]) -> str:
    """What is to be said of a piece of a rule that does not compile; empty where it does.

    Args:
        node: A node of the rule's tree.
        compiled: Whether the rule is to compile; else only what no rule may do is told.
        resolve: Gives the object that a name stands for.
    """
    told = ALWAYS.get(type(node)) or (STATEMENTS.get(type(node)) if compiled else None)
    if told:
        return f"{told[0]} does not work in a rule: {told[1]}"
    if isinstance(node, ast.Attribute):
        return _outside(node, resolve)
    if not compiled:
        return ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_text(node.left):
        return f"formatting text does not work in a rule: {TEXT}"
    if isinstance(node, ast.Call):
        return _call(node, resolve)
    return ""


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _call(node: ast.Call, resolve: Callable[[ast.expr], Any]) -> str:
    if isinstance(node.func, ast.Attribute) and _is_text(node.func.value):
        return f"formatting text does not work in a rule: {TEXT}"
    if isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
        called = resolve(node.func)
        if getattr(called, "__module__", "") == "builtins":
            return f"{node.func.id}() does not work in a rule: {BUILTINS[node.func.id]}"
    return ""


def _outside(node: ast.Attribute, resolve: Callable[[ast.expr], Any]) -> str:
    """Random numbers and clocks from outside of the copy."""
    base = resolve(node.value)
    if not isinstance(base, types.ModuleType):
        return ""
    shown = ast.unparse(node)
    if base.__name__ in ("random", "secrets", "numpy.random") or (base.__name__, node.attr) == ("numpy", "random"):
        return f"{shown} does not work in a rule: {DRAWS}"
    if base.__name__ in ("time", "datetime"):
        return f"{shown} does not work in a rule: {CLOCK}"
    return ""


def is_fraction(node: ast.expr) -> bool:
    """Whether an expression is a float, as far as its form tells."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Div) or is_fraction(node.left) or is_fraction(node.right)
    return False
