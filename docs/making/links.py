"""Links that lead out of ``docs/``: on a code host to a file, on the site to the page that is made of that file."""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"(^ *(`{3,}).*?^ *\2`*$)", re.M | re.S)
LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".cff": "yaml", ".toml": "toml", ".sh": "sh"}


class Links:
    """The page of each file.

    Args:
        pages: Page by file of the repository, where it is not a page that shows the file as it is.

    Attributes:
        shown: The files that some link leads to and that no page is made of.
    """

    def __init__(self, pages: dict[str, str]) -> None:
        self.pages = pages
        self.shown: set[str] = set()

    def rewritten(self, text: str, home: str, page: str) -> str:
        """Returns a file's Markdown with its links as they are on the site.

        Args:
            text: The Markdown.
            home: The file that it comes from, from the repository's root.
            page: The page that it becomes.
        """

        def link(match: re.Match[str]) -> str:
            label, target, anchor = match[1], match[2], match[3] or ""
            if "://" in target or target.startswith("mailto:"):
                return match[0]
            file = posixpath.normpath(posixpath.join(posixpath.dirname(home), target))
            there = self.page_of(file)
            if there is None:
                return match[0]
            if there.startswith("source/") and not anchor:
                anchor = anchor_of(file, label.strip("`"))
            return f"[{label}]({posixpath.relpath(there, posixpath.dirname(page) or '.')}{anchor})"

        parts = FENCE.split(text)  # text, fence, its backticks, text, fence, ...
        for k in range(0, len(parts), 3):
            parts[k] = LINK.sub(link, parts[k])
        return "".join(part for k, part in enumerate(parts) if k % 3 != 2)

    def page_of(self, file: str) -> str | None:
        """Returns the page of a file of the repository, or None if there is no such file."""
        if file in self.pages:
            return self.pages[file]
        if file.startswith("docs/") and not file.endswith(".py"):
            return file.removeprefix("docs/")
        if not (ROOT / file).is_file():
            return None
        self.shown.add(file)
        return source_page(file)


def source_page(file: str) -> str:
    """Returns the name of the page that shows a file as it is."""
    return f"source/{file}.md"


def source_text(file: str) -> str:
    """Returns a page that shows a file as it is, with numbered lines."""
    language = LANGUAGES.get(Path(file).suffix, "text")
    text = (ROOT / file).read_text(encoding="utf-8").rstrip()
    return (
        f"---\nsearch: {{exclude: true}}\nhide: [navigation, toc]\n---\n\n# {file}\n\n{block(text, language, True)}\n"
    )


def block(text: str, language: str, numbered: bool = False) -> str:
    """Returns a fenced block, with a fence that the text does not hold."""
    fence = "`" * max(3, *(len(each) + 1 for each in re.findall("`+", text)), 0)
    marks = ' linenums="1"' if numbered else ""
    return f"{fence}{language}{marks}\n{text}\n{fence}"


def anchor_of(file: str, name: str) -> str:
    """Returns the anchor of the line in which a file defines a dotted name, or nothing."""
    if not file.endswith(".py"):
        return ""
    body: list[ast.stmt] = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    line = 0
    for part in name.split("."):
        node = next((each for each in body if part in _names(each)), None)
        if node is None:
            return ""
        line, body = node.lineno, getattr(node, "body", [])
    return f"#__codelineno-0-{line}"


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    return [getattr(node, "name", "")]
