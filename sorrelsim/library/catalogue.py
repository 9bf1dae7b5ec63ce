"""The library's contents read off the files' text, importing none of them: ``sorrelsim list`` starts at once."""

from __future__ import annotations

import ast
import contextlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sorrelsim.library.find import files

SCENARIOS = Path("configs") / "scenarios"
"""The folder of scenarios."""


@dataclass(frozen=True)
class Entry:
    """A world, a model, a transform or a scenario, as its file describes it.

    Attributes:
        name: Its name, as configs use it.
        path: Its file.
        summary: The first line of its docstring, without the name before the colon.
        sections: The docstring's headings and what stands under each.
        attributes: The literal class attributes of its last class, such as ``n_agents`` and ``actions``.
    """

    name: str
    path: Path
    summary: str
    sections: dict[str, str]
    attributes: dict[str, Any]


def entries(folder: str) -> list[Entry]:
    """Returns all worlds or all models within reach, as ``folder`` says: ``worlds`` or ``agents``."""
    return [read_entry(path) for _, path in sorted(files(folder).items())]


def transforms() -> list[Entry]:
    """Returns the reward transforms of the library, in its order, and those of ``./rewards``."""
    path = Path(__file__).parent.parent / "models" / "rewards.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    pages = {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.ClassDef)}
    table = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "TRANSFORMS"
    )
    assert isinstance(table, ast.Dict)
    pairs = zip(map(ast.literal_eval, filter(None, table.keys)), map(ast.unparse, table.values), strict=True)
    found = [Entry(name, path, pages[cls].partition("\n")[0], {}, {}) for name, cls in pairs]
    return found + [read_entry(file) for file in sorted(Path("rewards").glob("[!_]*.py"))]


def scenario_files() -> dict[str, Path]:
    """Returns the files of all scenarios by name: those in ``./configs/scenarios`` and, in a clone, the library's."""
    found: dict[str, Path] = {}
    for root in (Path(__file__).resolve().parents[2] / SCENARIOS, SCENARIOS):
        found |= {path.relative_to(root).with_suffix("").as_posix(): path for path in sorted(root.glob("*/*.yaml"))}
    return found


def scenarios() -> list[Entry]:
    """Returns all scenarios within reach, with what each describes."""
    found = []
    for name, path in sorted(scenario_files().items()):
        lines = path.read_text(encoding="utf-8").splitlines()
        said = next((line for line in lines if line.startswith("description: ")), "")
        found.append(Entry(name, path, said.removeprefix("description: "), {}, {}))
    return found


def read_entry(path: Path) -> Entry:
    """Returns what a file says of itself. A file that is not Python is listed with its error."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        return Entry(path.stem, path, f"(not readable: {error})", {}, {})
    page = ast.get_docstring(tree) or ""
    first = page.partition("\n")[0].strip()
    head, colon, rest = first.partition(": ")
    summary = rest if colon and len(head) < 40 else first
    constants: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            _assign(node, constants, constants)
        elif isinstance(node, ast.ClassDef):
            attributes = {}
            for line in node.body:
                if isinstance(line, ast.Assign):
                    _assign(line, attributes, constants)
    return Entry(path.stem, path, summary[:1].upper() + summary[1:], sections(page), attributes)


def sections(page: str) -> dict[str, str]:
    """Returns the headings of a docstring page and the indented text under each."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in page.splitlines()[1:]:
        if line and not line[0].isspace():
            heading = line.strip()
            found[heading] = []
        elif heading:
            found[heading].append(line.strip())
    return {heading: "\n".join(lines).strip() for heading, lines in found.items()}


def _assign(node: ast.Assign, into: dict[str, Any], constants: dict[str, Any]) -> None:
    """Notes what an assignment gives names in so many words; of several at once, those that it does."""
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=False))
        for name, value in pairs:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                if isinstance(name, ast.Name):
                    into[name.id] = _literal(value, constants)


def _literal(node: ast.expr, constants: dict[str, Any]) -> Any:
    """Returns the value of an expression of literals, names of the file, ``movement.X`` and sums of tuples."""
    if isinstance(node, ast.Name):
        return constants[node.id]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return _rules_constants(node.value.id)[node.attr]
    if isinstance(node, ast.Tuple):
        values: list[Any] = []
        for item in node.elts:
            if isinstance(item, ast.Starred):
                values += _literal(item.value, constants)
            else:
                values.append(_literal(item, constants))
        return tuple(values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _literal(node.left, constants) + _literal(node.right, constants)
    return ast.literal_eval(node)


@cache
def _rules_constants(module: str) -> dict[str, Any]:
    """Returns the literal constants of a module of the rules library."""
    found: dict[str, Any] = {}
    path = Path(__file__).parent.parent / "rules" / f"{module}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else ():
        if isinstance(node, ast.Assign):
            _assign(node, found, found)
    return found
