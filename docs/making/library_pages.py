"""What the pages of worlds and of players share: their names, docstrings as Markdown, the configs that use them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from make_pages import markdown, table
from making.links import ROOT, source_page

from sorrelsim.library.find import shipped

Made = dict[str, str | bytes]
"""Pages and pictures by their names on the site."""


def world_page_of(name: str) -> str:
    """Returns the name of a world's page."""
    return f"worlds/{name}.md"


def player_page_of(name: str) -> str:
    """Returns the name of a model's page."""
    return f"players/{name}.md"


def pages_by_file() -> dict[str, str]:
    """Returns the page of each file of the library, from the repository's root."""
    found = {f"{relative(path)}": world_page_of(name) for name, path in shipped("worlds").items()}
    return found | {f"{relative(path)}": player_page_of(name) for name, path in shipped("agents").items()}


def relative(path: Path) -> str:
    """Returns a path from the repository's root."""
    return path.resolve().relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """Returns a docstring as Markdown, its paragraphs, lists and formulas kept."""
    return "\n\n".join(_paragraph(each) for each in re.split(r"\n\s*\n", text.strip()) if each.strip())


def _paragraph(text: str) -> str:
    """Returns a paragraph as Markdown; what is indented is a formula, and what begins with ``- `` a list."""
    if all(each.startswith("    ") for each in text.splitlines()):
        return text
    items = re.split(r"\n(?=- )", text)
    return "\n".join(line(each) for each in items) if text.startswith("- ") else line(text)


def line(text: str) -> str:
    """Returns a comment or a paragraph as Markdown; what stands in brackets is no link."""
    parts = markdown(text).split("`")  # text, code, text, ...
    parts[::2] = [part.replace("[", "&#91;").replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def configs_with(wanted: str, where: str) -> list[tuple[str, str]]:
    """Returns the committed configs of a world or a model, with the comment at their top.

    Args:
        wanted: The name.
        where: ``world`` or ``model``.
    """
    found = []
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        settings = yaml.safe_load(text)
        if not isinstance(settings, dict) or "world" not in settings:
            continue
        world = settings["world"] if isinstance(settings["world"], str) else settings["world"].get("name")
        names = [world] if where == "world" else [seat.get("model") for seat in settings.get("seats", [])]
        if wanted in names:
            comment = re.match(r"(?:#.*\n)*", text)
            said = " ".join(line.lstrip("# ") for line in (comment[0] if comment else "").splitlines())
            found.append((relative(path), said))
    return found


def runs_section(wanted: str, where: str) -> list[str]:
    """Returns the section of a world's or a model's configs."""
    found = configs_with(wanted, where)
    if not found:
        return []
    rows = [(f"[`{path}`](../{source_page(path)})", line(said)) for path, said in found]
    commands = "\n".join(f"sorrelsim train {path}" for path, _ in found)
    return ["## Configs", table(("config", "what it shows"), rows), f"```sh\n{commands}\n```"]


def file_section(path: Path) -> list[str]:
    """Returns the section that leads to the file a page is made of."""
    file = relative(path)
    return ["## The file", f"[`{file}`](../{source_page(file)})"]
