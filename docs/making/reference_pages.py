"""The Python reference: every public name, written out by mkdocstrings from the docstrings.

Public are the names of the door, of the rooms that list theirs in ``__all__``, and what the pages import
or name in full.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

from make_pages import DOCS, markdown

import sorrelsim


def public() -> dict[str, dict[str, str]]:
    """Returns, for each page of the reference, its names and where each is defined."""
    pages = {"sorrelsim": {name: _home("sorrelsim", name) for name in sorrelsim.__all__}}
    for each in pkgutil.iter_modules(sorrelsim.__path__, "sorrelsim."):
        if each.ispkg:
            names = _listed(each.name)
            pages[each.name] = {name: _home(each.name, name) for name in names}
    for module, name in sorted(_named()):
        room = ".".join(module.split(".")[:2])
        home = _home(module, name)
        if room in pages and home not in pages[room].values():
            pages[room][name] = home
    return {page: names for page, names in pages.items() if names}


def _listed(package: str) -> list[str]:
    """Returns ``__all__`` of a package, read from its text: some rooms are imported only where their extras are."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    for node in ast.parse(Path(found.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets):
            return sorted(ast.literal_eval(node.value))
    return []


def _named() -> set[tuple[str, str]]:
    """Returns what the pages import from rooms, and the classes that they name in full, as module and name."""
    found = set()
    for page in DOCS.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        found |= set(re.findall(r"`(sorrelsim\.[\w.]+)\.([A-Z]\w+)`", text))
        for module, names in re.findall(r"^from (sorrelsim\.[\w.]+) import ([\w, ]+)$", text, re.M):
            found |= {(module, name.split(" as ")[0].strip()) for name in names.split(",")}
    return found


def _home(module: str, name: str) -> str:
    """Returns the full name under which something is defined."""
    owner = importlib.import_module(module)
    value: Any = getattr(owner, name) if hasattr(owner, name) else importlib.import_module(f"{module}.{name}")
    if inspect.ismodule(value):
        return value.__name__
    where = getattr(value, "__module__", module)
    return f"{where}.{getattr(value, '__qualname__', name)}"


def reference_pages() -> dict[str, str]:
    """Returns a page for the door and for each room with public names."""
    made = {}
    for page, names in public().items():
        said = markdown((inspect.getdoc(importlib.import_module(page)) or "").split("\n\n")[0])
        lines = [
            f"# {page}",
            said,
            *(f"::: {home}" for _, home in sorted(names.items(), key=lambda each: each[0].lower())),
        ]
        made[f"reference/{page}.md"] = "\n\n".join(lines) + "\n"
    return made
