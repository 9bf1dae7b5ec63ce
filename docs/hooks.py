"""What mkdocs calls while it builds the site: pages that follow from the code, links, formulas, the navigation."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from making import formulas, pictures
from making.command_page import command_page
from making.library_pages import pages_by_file, relative
from making.links import ROOT, Links, source_page, source_text
from making.player_pages import player_pages
from making.reference_pages import reference_pages
from making.world_pages import world_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

COPIED = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages that lie beside the code, and what they are called on the site."""
ROLE = re.compile(r":(?:class|func|mod|data|meth|attr|exc):(<code>)~?(?:[\w.]+\.)?(\w+</code>)")
"""A name in a docstring, as mkdocstrings leaves it."""
LINE = re.compile(r'id="(__codelineno-\d+-\d+)"')

links = Links({})


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the pages and pictures that are made, and lays out the navigation."""
    own = pages_by_file()
    links.pages = {**COPIED, **own, "README.md": "index.md", "sorrelsim/cli/app.py": "commands.md"}
    made: dict[str, str | bytes] = {
        "assets/logo.svg": pictures.logo(), "commands.md": command_page(), **world_pages(), **player_pages(),
        **reference_pages(),
    }  # fmt: skip
    for file, page in COPIED.items():
        made[page] = links.rewritten((ROOT / file).read_text(encoding="utf-8"), file, page)
    for each in files.documentation_pages():
        links.rewritten(each.content_string, f"docs/{each.src_uri}", each.src_uri)  # notes the files that pages show
    shown = links.shown | set(own) | {relative(path) for path in (ROOT / "configs").rglob("*.yaml")}
    made |= {source_page(file): source_text(file) for file in sorted(shown)}
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    config.nav = _laid_out(config.nav, list(files.src_uris))
    return files


def _laid_out(nav: Any, there: list[str]) -> Any:
    """Returns the navigation with each ``*`` written out."""
    if isinstance(nav, dict):
        return {title: _laid_out(below, there) for title, below in nav.items()}
    if not isinstance(nav, list):
        return nav
    found: list[Any] = []
    for each in nav:
        if isinstance(each, str) and each.endswith("*"):
            found += [page for page in fnmatch.filter(there, f"{each}.md") if page not in nav]
        else:
            found.append(_laid_out(each, there))
    return found


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Turns links to files of the repository into links to their pages."""
    if page.file.generated_by:
        return markdown
    return links.rewritten(markdown, f"docs/{page.file.src_uri}", page.file.src_uri)


def on_page_content(html: str, *, page: Any, **_: Any) -> str:
    """Draws formulas, takes the roles off names in docstrings, and says which lines of a source can be linked to."""
    page.present_anchor_ids.update(LINE.findall(html))
    return ROLE.sub(r"\1\2", formulas.drawn(html))
