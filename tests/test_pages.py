"""What the pages say of the code is true of it: tables made from it are up to date, what they name is there."""

import ast
import importlib.util
import inspect
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from test_house import FLOORS

import sorrelsim
from sorrelsim.engine import copies
from sorrelsim.engine.fields import rules_fields
from sorrelsim.library.find import find_class, names
from sorrelsim.library.scaffold import write_world
from sorrelsim.models.base import BaseModel
from sorrelsim.models.rewards import TRANSFORMS

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def make_pages():
    spec = importlib.util.spec_from_file_location("make_pages", ROOT / "docs" / "make_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ------------------------------------------------------------------------------------------------ made from the code


@pytest.mark.parametrize("page", [page for page in DOCS if "<!-- made: " in text_of(page)], ids=lambda page: page.name)
def test_what_is_made_from_the_code_is_up_to_date(page, make_pages):
    text = text_of(page)
    assert make_pages.renewed(text) == text, "run: python docs/make_pages.py"


def test_everything_that_can_be_made_is_on_a_page(make_pages):
    assert sorted(re.findall(r"<!-- made: (\w+) -->", "".join(map(text_of, DOCS)))) == sorted(make_pages.MADE)


def test_the_page_of_rules_has_every_field_and_every_function():
    world = sorrelsim.make("cleanup", compiled=False)
    page = text_of("docs/rules.md")
    own = {*world.map.sites, *world.state}
    for field in rules_fields(world, world.copies):
        assert f"`w.{field.name}`" in page or field.name in own, field.name
    for room in sorrelsim.rules.__all__:
        module = getattr(sorrelsim.rules, room)
        for name, function in vars(module).items():
            ours = getattr(function, "__module__", "") == module.__name__ and name[0] != "_"
            if ours and callable(function) and not isinstance(function, type):
                assert f"`{room}.{name}(" in page or name.endswith("_compiled"), f"{room}.{name}"
    for name in ("per_world", "per_agent", "per_cell", "per_site", "param", "probability", "kind"):
        assert f"`{name}(" in page
    for word in ("`scalars`", "`observe`", "Events", "`w.p.name`"):
        assert word in page
    assert {f"w.{entry.name}" for entry in (*copies.OFTEN, *copies.SELDOM) if "rules" in entry.seen} <= set(
        re.findall(r"`(w\.\w+)`", page)
    )


def test_every_transform_has_its_formula():
    rows = dict(re.findall(r"^\| `(\w+)` \| (\$.*) \|", text_of("docs/rewards.md"), re.M))
    assert list(rows) == list(TRANSFORMS)


def test_every_learner_says_how_its_networks_are_called():
    learners = {path.stem for path in (ROOT / "agents" / "learners").glob("[!_]*.py")}
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `forward\(grid, \.\.\.", text_of("docs/models.md"), re.M)
    assert {name for name, _ in rows} == learners <= set(names("agents"))
    for name, argument in rows:
        assert argument in inspect.signature(find_class(name, "agents", BaseModel).__init__).parameters


@pytest.mark.parametrize("path", sorted((ROOT / "agents" / "learners").glob("[!_]*.py")), ids=lambda path: path.stem)
def test_every_learner_says_its_source_its_equation_and_its_departures(path):
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert re.search(r"\(.*(?:19|20)\d\d.*\)", said.splitlines()[0]), "no paper in its first line"
    assert re.search(r"[\w']\(s\b|\w\(s_|P ~|KL\(", said), "no equation"
    assert "Departures" in said


def test_every_form_look_and_window_is_described():
    from sorrelsim.observations.spec import FORMS

    page = text_of("docs/observations.md")
    for word in (
        *FORMS,
        "looks: other",
        "looks: individual",
        "show_facing",
        "Window.centred",
        "Window.full",
        "whole_map",
    ):
        assert f"`{word}" in page or f"{word}" in page, word


# ---------------------------------------------------------------------------------------------- what pages point to


def defined_in(path):
    """Names of functions, classes, methods and constants of a file, dotted."""
    found = set()

    def walk(body, prefix):
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.Assign):
                found.update(prefix + target.id for target in node.targets if isinstance(target, ast.Name))

    walk(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


@pytest.mark.parametrize("page", ["docs/how-it-works.md", "docs/determinism.md"])
def test_every_name_that_links_to_a_file_is_defined_there(page):
    links = re.findall(r"\[`?([\w.]+)`?\]\((\.\./[\w/.]+\.py)\)", text_of(page))
    assert len(links) > 20
    for name, target in links:
        path = (ROOT / "docs" / target).resolve()
        assert path.is_file(), target
        assert name == path.name or name in defined_in(path), f"{name} is not in {target}"


def test_every_promise_has_a_test():
    rows = [line for line in text_of("docs/determinism.md").splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith(("| promise", "|---"))]
    assert len(rows) > 12
    for row in rows:
        *_, where, settings, tests = row.strip("| ").split(" | ")
        assert where, row
        assert settings, row
        assert re.search(r"\[test_\w+\]\(\.\./tests/", tests), row


def test_the_readme_lists_every_page():
    for page in DOCS:
        assert f"(docs/{page.name})" in text_of("README.md") or page.name == "index.md", page.name


# ------------------------------------------------------------------------------------------------------- contributing


def test_the_house_is_described_as_it_is_tested():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", text_of("CONTRIBUTING.md"), re.M)
    described = {
        int(floor): {room.removesuffix(".py") for room in re.findall(r"`([\w.]+)`", rooms)} for floor, rooms in rows
    }
    assert described == dict(enumerate(FLOORS))


def test_the_files_that_it_names_are_there():
    page = text_of("CONTRIBUTING.md")
    for name in re.findall(r"`((?:sorrelsim|docs|tests|benchmarks|configs|agents|\.ci)/[\w./-]*)`", page):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"python ((?:docs|benchmarks)/\w+\.py)", page):
        assert (ROOT / name).is_file(), name
    for heading in (
        "Set up, run, test",
        "The house",
        "The site",
        "Add a world",
        "Add a learner",
        "Read a benchmark",
        "Release",
    ):
        assert f"## {heading}\n" in page


def test_the_version_is_said_alike_everywhere():
    assert tomllib.loads(text_of("pyproject.toml"))["project"]["version"] == sorrelsim.__version__


# -------------------------------------------------------------------------------------------------------------- readme


def test_the_readme_s_rule_works_in_the_world_that_its_command_writes(tmp_path, monkeypatch):
    """Its kinds, events and rule take the place of those in the file; every berry is counted, and no wall."""
    monkeypatch.chdir(tmp_path)
    (block,) = [b for b in re.findall(r"^```python\n(.*?)^```$", text_of("README.md"), re.M | re.S) if "def pick" in b]
    readme = {node.name: ast.unparse(node) for node in ast.parse(block).body if hasattr(node, "name")}
    assert set(readme) == {"Kind", "Event", "pick"}
    path, _ = write_world("berry_field")
    told = sorrelsim.make(path, 4, 0, compiled=False)
    tree = ast.parse(path.read_text())
    for k, node in enumerate(tree.body):
        if getattr(node, "name", "") in readme:
            tree.body[k] = ast.parse(readme[node.name]).body[0]
    (tmp_path / "mixed.py").write_text(ast.unparse(tree))
    mixed = sorrelsim.make(tmp_path / "mixed.py", 4, 0, compiled=False)
    walls = (mixed.grid == 1).sum()
    rng = np.random.default_rng(0)
    paid = 0.0
    for _ in range(200):
        actions = rng.integers(mixed.n_actions, size=(4, mixed.n_agents))
        told.step(actions)
        mixed.step(actions)
        np.testing.assert_array_equal(told.reward, mixed.reward)
        np.testing.assert_array_equal(told.obs, mixed.obs)
        paid += mixed.reward.sum()
    assert paid > 0
    assert mixed.event_counts.sum() == mixed.episode_return.sum() == paid
    assert (mixed.grid == 1).sum() == walls
