"""The docs as a site: it builds strictly and without a network, and what follows from the code is on it."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
import yaml

import sorrelsim
from sorrelsim.library.find import find_class, shipped
from sorrelsim.models.base import BaseModel

ROOT = Path(__file__).parents[1]
OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source|video|link)\b[^>]*\b(?:src|href|srcset)=["']?(?:https?:)?//[^"'\s>]*"""
    r"""|url\(["']?(?:https?:)?//[^)]*|@import\s*["'](?:https?:)?//[^"']*"""
)
"""What a browser would fetch from another host by itself; links to follow are not meant."""


@pytest.fixture(autouse=True)
def _docs_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")


def made(name):
    """A module of those that make the site."""
    return importlib.import_module(name)


# ------------------------------------------------------------------------------------------------------ the whole site


def test_the_site_builds_strictly_and_has_everything(tmp_path):
    """Strictly: a page in no menu, a dead link, a dead anchor and a name that mkdocstrings cannot find are errors."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {
        path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")
    }
    nothing_is_fetched_from_elsewhere(tmp_path, pages)
    every_world_and_player_has_a_page(tmp_path, pages)
    every_public_name_is_in_the_reference(pages)
    formulas_are_drawn(pages)
    assert not [name for name, page in pages.items() if re.search(r":(?:func|class|meth|mod|data|attr):", page)
                and not name.startswith("source/")]  # fmt: skip


def nothing_is_fetched_from_elsewhere(site, pages):
    styles = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("*.css")}
    found = {name: OUTSIDE.findall(text) for name, text in (pages | styles).items()}
    assert not {name: hosts for name, hosts in found.items() if hosts}
    assert not [
        name for name, page in pages.items() if 'class="mermaid"' in page
    ]  # for which the theme would fetch one


def every_world_and_player_has_a_page(site, pages):
    for name in shipped("worlds"):
        page = pages[f"worlds/{name}.html"]
        assert (site / "assets" / "worlds" / f"{name}.png").is_file()
        for section in (
            "dilemma-and-source",
            "actions",
            "rewards",
            "parameters",
            "events",
            "kinds",
            "maps",
            "the-file",
        ):
            assert f'id="{section}"' in page or section == "events", (name, section)
        assert f'href="{name}.html"' in pages["worlds/index.html"]
    for name, path in shipped("agents").items():
        assert f'href="{name}.html"' in pages["players/index.html"]
        drawn = '<ol class="net">' in pages[f"players/{name}.html"]
        assert drawn == (path.parent.name == "learners"), name


def every_public_name_is_in_the_reference(pages):
    public = made("making.reference_pages").public()
    assert set(public["sorrelsim"]) == set(sorrelsim.__all__)
    assert public["sorrelsim.experiments"]["load_run"] == "sorrelsim.experiments.run.load_run"  # which a page imports
    assert {"ReplayModel", "RewardTransform"} <= set(public["sorrelsim.models"])  # named in full; imported in a string
    for page, names in public.items():
        for home in names.values():
            assert f'id="{home}"' in pages[f"reference/{page}.html"], home


def formulas_are_drawn(pages):
    written = re.findall(r"(?<!\$)\$[^$\n]+\$", (ROOT / "docs" / "rewards.md").read_text(encoding="utf-8"))
    assert pages["rewards.html"].count("<math") == len(written) > 10
    assert not [name for name, page in pages.items() if 'class="arithmatex' in page]


# ---------------------------------------------------------------------------------------------------------- its pieces


def test_links_lead_to_the_page_that_is_made_of_a_file():
    links = made("making.links").Links({"worlds/coins.py": "worlds/coins.md", "CHANGELOG.md": "changelog.md"})
    text = (
        "[a](../worlds/coins.py) [b](rules.md#draw) [c](https://x.y) [`rule`](../sorrelsim/rules/rule.py) [d](../no.py)"
    )
    line = (ROOT / "sorrelsim" / "rules" / "rule.py").read_text().splitlines().index("def rule(function: F) -> F:")
    assert links.rewritten(text, "docs/x.md", "x.md") == (
        "[a](worlds/coins.md) [b](rules.md#draw) [c](https://x.y) "
        f"[`rule`](source/sorrelsim/rules/rule.py.md#__codelineno-0-{line + 1}) [d](../no.py)"
    )
    assert links.shown == {"sorrelsim/rules/rule.py"}
    assert links.rewritten("[x](docs/rules.md)", "CHANGELOG.md", "changelog.md") == "[x](rules.md)"
    fenced = "```text\n[a](../worlds/coins.py)\n```"
    assert links.rewritten(fenced, "docs/x.md", "x.md") == fenced
    assert links.rewritten("[up](../CHANGELOG.md)", "docs/x.md", "deep/x.md") == "[up](../changelog.md)"


LEARNERS = sorted(name for name, path in shipped("agents").items() if path.parent.name == "learners")


@pytest.mark.parametrize("name", LEARNERS)
def test_the_page_of_a_learner_makes_it_with_networks_of_ones_own(name):
    """Its table says what it takes, and its example gives it that: networks whose classes the example writes."""
    if "pendulum" in (text := example(name)):
        pytest.importorskip("gymnasium")
    written = {}
    exec(compile(text.replace("n_worlds=8", "n_worlds=8, compiled=False"), name, "exec"), written)
    own = {each for each in written.values() if isinstance(each, type) and each.__module__ == "builtins"}
    found = {type(net) for key, net in written["learner"].networks.items() if key != "temperature"}
    assert type(written["learner"]).__module__ == f"sorrelsim.agents.learners.{name}"
    assert found == own


def example(name):
    """What stands in the example of a learner's page."""
    cls = find_class(f"pkg:{name}", "agents", BaseModel)
    *_, table, block = made("making.player_pages")._of_ones_own(name, cls)
    arguments = re.findall(r"^\| `(\w+)` \| `forward\(", table, re.M)
    text = block.removeprefix("```python\n").removesuffix("```")
    assert arguments
    assert all(f"{argument}=" in text for argument in arguments)
    return text


def test_formulas_and_lists_of_a_docstring_stay_what_they_are():
    prose = made("making.library_pages").prose
    text = "A loss ``x``:\n\n    -A(s, a) log p(a | s)\n      + 1,\n\n- one [a],\n  and\n- two."
    assert prose(text) == "A loss `x`:\n\n    -A(s, a) log p(a | s)\n      + 1,\n\n- one &#91;a], and\n- two."


def test_a_file_with_fences_is_shown_in_a_longer_fence():
    block = made("making.links").block
    assert block("a\n```\nb", "python", True) == '````python linenums="1"\na\n```\nb\n````'
    assert block("a", "text") == "```text\na\n```"


def test_the_menu_writes_out_stars():
    laid_out = made("hooks")._laid_out
    nav = [{"Home": "index.md"}, {"Worlds": ["worlds/index.md", "worlds/*"]}]
    there = ["index.md", "worlds/b.md", "worlds/a.md", "worlds/index.md"]
    assert laid_out(nav, there) == [
        {"Home": "index.md"}, {"Worlds": ["worlds/index.md", "worlds/b.md", "worlds/a.md"]},
    ]  # fmt: skip


def test_every_command_is_on_its_page_with_every_option():
    page, text = made("making.command_page"), made("making.command_page").command_page()
    words = dict(page.commands())
    assert {"sorrelsim train", "sorrelsim new world", "sorrelsim watch"} <= set(words)
    for command, function in words.items():
        assert f"## {command}\n" in text
        section = text.partition(f"## {command}\n")[2].partition("\n## ")[0]
        assert all(each.name in section for each in page.parameters(function)), command
    out = next(each for each in page.parameters(words["sorrelsim plot"]) if "--out" in each.name)
    assert (out.name, out.takes) == ("`--out`, `-o`", "path")
    speed = next(each for each in page.parameters(words["sorrelsim play"]) if "--speed" in each.name)
    assert (speed.takes, speed.default) == ("number, 0.1 to 60", "`6`")


def test_what_an_option_takes_is_said_in_words():
    page = made("making.command_page")

    def command(
        kind: Annotated[Literal["a", "b"] | None, typer.Option(help="One of two.")] = None,
        size: Annotated[list[int] | None, typer.Option("--size", "-s", min=1, help="Sizes.")] = None,
        loud: Annotated[bool, typer.Option("--loud", help="Whether.")] = False,
        place: Annotated[Path | None, typer.Option(metavar="RUN", help="Where.")] = None,
    ): ...

    assert [(each.name, each.takes) for each in page.parameters(command)] == [
        ("`--kind`", "a or b"), ("`--size`, `-s`", "whole number, 1 or more; may be repeated"), ("`--loud`", ""),
        ("`--place`", "RUN"),
    ]  # fmt: skip


def test_comments_beside_and_above_fields_are_read():
    source = "class P:\n    # what a is,\n    # in two\n    a: int = 1\n    b: int = 2  # what b is\n    c: int = 3\n"
    assert made("making.world_pages").comments_in(source, "P") == {
        "a": "what a is, in two", "b": "what b is", "c": "",
    }  # fmt: skip


def test_formulas_become_mathml():
    drawn = made("making.formulas").drawn(r'<p><span class="arithmatex">\(r_i &lt; 2\)</span></p>')
    assert drawn.startswith("<p><math")
    assert "<msub><mi>r</mi><mi>i</mi></msub>" in drawn
    assert "&#x0003C;" in drawn
    assert "<mi>max</mi>" in made("making.formulas").drawn(r'<span class="arithmatex">\(\max(a)\)</span>')


def test_the_citation_names_the_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == sorrelsim.__version__
    assert f"version = {{{sorrelsim.__version__}}}" in (ROOT / "docs" / "cite.md").read_text()
