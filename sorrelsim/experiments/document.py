"""A short document, written once and read as Markdown or as one HTML file that holds its pictures."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Heading:
    """A heading of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Words; ``code`` in them stands between single backticks. A warning catches the eye."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG, by its path below the document's folder, with what stands below it."""

    path: str
    caption: str


@dataclass(frozen=True)
class Code:
    """Lines to copy; ``fold`` hides them behind a title until they are asked for."""

    text: str
    fold: str = ""


Block = Heading | Paragraph | Table | Picture | Code


def to_markdown(title: str, blocks: Sequence[Block]) -> str:
    """Returns a document as Markdown."""
    parts = [f"# {title}"]
    for block in blocks:
        match block:
            case Heading(text):
                parts.append(f"## {text}")
            case Paragraph(text, warning):
                parts.append(f"**{text}**" if warning else text)
            case Table(head, rows):
                lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
                parts.append("\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines))
            case Picture(path, caption):
                parts.append(f"![{caption}]({path})\n\n*{caption}*")
            case Code(text, fold):
                parts.append(f"{fold}:\n\n```\n{text.rstrip()}\n```" if fold else f"```\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def to_html(title: str, blocks: Sequence[Block], folder: str | Path) -> str:
    """Returns a document as one HTML page that needs nothing else: no network, no other file.

    Args:
        title: Its title.
        blocks: What is in it.
        folder: Where its pictures lie.
    """
    body = [f"<h1>{html.escape(title)}</h1>"]
    for block in blocks:
        match block:
            case Heading(text):
                body.append(f"<h2>{html.escape(text)}</h2>")
            case Paragraph(text, warning):
                start = '<p class="warning">' if warning else "<p>"
                body.append(f"{start}{_words(text)}</p>")
            case Table(head, rows):
                body.append(_table(head, rows))
            case Picture(path, caption):
                body.append(
                    f"<figure>{_image(Path(folder) / path, caption)}<figcaption>{_words(caption)}</figcaption></figure>"
                )
            case Code(text, fold):
                lines = f"<pre>{html.escape(text.rstrip())}</pre>"
                body.append(f"<details><summary>{html.escape(fold)}</summary>{lines}</details>" if fold else lines)
    return PAGE.replace("TITLE", html.escape(title)).replace("BODY", "\n".join(body))


def _image(path: Path, caption: str) -> str:
    """Returns a PNG as part of a page: half as large again as in a paper, where there is room."""
    data = path.read_bytes()
    width = int.from_bytes(data[16:20])  # its header
    look = f'alt="{html.escape(caption)}" style="width: {width / 300 * 1.5:.2f}in"'
    return f'<img {look} src="data:image/png;base64,{base64.b64encode(data).decode()}">'


def _words(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{_words(cell)}</th>" for cell in head)
    body = "".join(_line(name, cells) for name, *cells in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _line(name: str, cells: Sequence[str]) -> str:
    return f"<tr><th>{_words(name)}</th>{''.join(f'<td>{_words(cell)}</td>' for cell in cells)}</tr>"


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE</title>
<style>
:root { color-scheme: light dark; --ink: #25282e; --paper: #ffffff; --faint: #666c77; --line: #dfe2e7; --shade: #f5f6f8;
  --warm: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e5e9; --paper: #17191d; --faint: #9aa1ad; --line: #343941;
  --shade: #20242a; --warm: #3a2f1a; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 50rem;
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
p { margin: .6rem 0; }
.warning { background: var(--warm); padding: .6rem .9rem; border-radius: 6px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; margin: .8rem 0; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; vertical-align: top; }
th:first-child { text-align: left; font-weight: 500; }
thead th { border-bottom: 1.5px solid var(--ink); font-weight: 600; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
figure { margin: 1.2rem 0; }
figure img { background: #ffffff; max-width: 100%; border-radius: 6px; padding: .6rem; box-sizing: border-box;
  border: 1px solid var(--line); }
figcaption { color: var(--faint); font-size: .875rem; margin-top: .3rem; }
code, pre { font: .85em/1.5 ui-monospace, monospace; background: var(--shade); border-radius: 4px; }
code { padding: .1em .3em; }
pre { padding: .8rem 1rem; overflow-x: auto; border-radius: 6px; }
summary { cursor: pointer; color: var(--faint); }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } figure, table, tr { break-inside: avoid; }
  h2 { break-after: avoid; } pre { white-space: pre-wrap; } }
</style>
</head>
<body>
BODY
</body>
</html>
"""
