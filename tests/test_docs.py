"""Code and commands of the README and the docs are run; nothing in them is out of date.

A block with a title, ```` ```python title="worlds/pears.py" ````, is a file, or the next piece of one: it is written
before the page's commands run.
"""

import dataclasses
import importlib.util
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from sorrelsim.cli.app import app
from sorrelsim.experiments.config import read_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.study_file import make_study_config
from sorrelsim.outside.make import is_outside

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md"]
SHORT = ["epochs=1", "turns=4", "n_worlds=2", "evaluation={n_worlds: 2, max_turns: 20, gif_turns: 2}"]


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)


def changes_for(world):
    """What makes a config's world start at once; another library's starts as it is."""
    name = world if isinstance(world, str) else world["name"]
    return [] if is_outside(name) else ["world.compiled=false"]


def page_id(path):
    return path.name


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=page_id)
def test_python_runs(page, tmp_path, monkeypatch, capsys):
    """All blocks of a page, one after another, as a file, because rules are read from files."""
    monkeypatch.chdir(tmp_path)
    source = "\n\n".join(blocks(page, "python"))
    path = tmp_path / "page.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("page", path)
    monkeypatch.setitem(sys.modules, "page", module := importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    assert capsys.readouterr().out  # every page prints something


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=page_id)
def test_configs_are_valid(page):
    for block in blocks(page, "yaml"):
        settings = yaml.safe_load(block)
        if "base" in settings:  # a study's
            make_study_config(
                settings | {"base": yaml.safe_load((ROOT / "configs/studies" / settings["base"]).read_text())}, ""
            )
            continue
        if changes_for(settings["world"]):
            settings["world"]["compiled"] = False
        alone = {} if importlib.util.find_spec("ray") else {"actors": 0}
        experiment = Experiment(read_config(settings | {"n_worlds": 2} | alone))
        assert experiment.agents


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")], ids=page_id)
def test_commands_run(page, tmp_path, monkeypatch):
    """Every command in order in an empty study folder, trainings cut short; those with a window are only parsed."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "configs", "configs")
    for name, text in titled(page).items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    root = typer.main.get_command(app)
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[0] != "sorrelsim":
            assert words[0] == "python3", line  # installing: checked below
            continue
        arguments = [
            each for word in words[1:] for each in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
        ]
        if arguments[0] in ("play", "watch"):
            root.commands[arguments[0]].make_context(arguments[0], arguments[1:])
            continue
        options = next((k for k, word in enumerate(arguments) if word.startswith("-")), len(arguments))
        if "--resume" in arguments:  # what the page stopped came to its end here
            arguments += [] if "epochs=" in line else ["epochs=2"]
        elif arguments[0] == "train":
            world = yaml.safe_load(Path(arguments[1]).read_text(encoding="utf-8"))["world"]
            arguments[options:options] = [*SHORT, *changes_for(world)]
            if "--seeds" in arguments:
                arguments[arguments.index("--seeds") + 1] = "2"
        elif arguments[0] == "study":
            arguments[options:options] = ["seeds=1", *(f"base.{change}" for change in [*SHORT, "world.compiled=false"])]
        elif arguments[0] == "bench":
            arguments += ["--interpreted", "--seconds", "0.02"]
        elif arguments[0] == "plot":
            for folder in re.findall(r"runs/\S+", " ".join(arguments)):
                if not Path(folder).exists():
                    shutil.copytree(runs_made()[0], folder)
        elif arguments[0] == "eval":
            arguments += ["--episodes", "2"]
            if "--slots" in arguments and not arguments[1].startswith("runs/"):
                arguments += ["compiled=false", "min_steps=5", "max_steps=5"]
            for snapshot in re.findall(r"runs/[^/ ]+/models/\w+", line):
                shutil.copytree(Path(snapshot).parent, snapshot)
        elif arguments[0] == "schelling":
            arguments += ["compiled=false", "--episodes", "2", "--steps", "5"]
        elif arguments[0] == "cross":
            arguments += ["--set", "compiled=false", "--episodes", "2", "--steps", "5"]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
    for name in titled(page):
        if Path(name).match("*.py") and Path(name).parent == Path():  # a script of the page's
            runpy.run_path(name)


def titled(path):
    """Files of a page and their text; blocks with one title are pieces of one file."""
    files = {}
    for title, text in re.findall(
        r'^```\w+ title="([^"]+)"\n(.*?)^```$', path.read_text(encoding="utf-8"), re.M | re.S
    ):
        files[title] = "\n\n".join(filter(None, (files.get(title), text)))
    return files


def runs_made():
    return sorted(Path("runs").iterdir())


@pytest.mark.parametrize("page", LINKED, ids=page_id)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_continuous_integration_runs_the_readme_s_test_command():
    (command,) = [
        line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("python3 -m venv .venv-test")
    ]
    script = (ROOT / ".ci" / "run").read_text()
    pattern = re.search(r"grep '(.*)' README.md", script)[1]
    found = subprocess.run(["grep", pattern, ROOT / "README.md"], capture_output=True, text=True, check=True).stdout
    assert found.strip() == command
    assert command.split(" && ")[-1].startswith(".venv-test/bin/pytest")
    assert "-c constraints.txt" in command


def test_the_readme_installs_from_constraints_and_trains_a_config_that_exists():
    (command,) = [
        line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("python3 -m venv .venv &&")
    ]
    assert "-c constraints.txt -e ." in command
    assert (ROOT / command.split()[-1]).is_file()


def test_every_column_of_the_metrics_is_explained():
    experiment = Experiment(
        {
            "world": {"name": "treasure_hunt", "compiled": False}, "seats": [{"model": "random"}],
            "n_worlds": 1, "epochs": 1, "turns": 1, "evaluation": {"n_worlds": 1, "max_turns": 1},
        }
    )  # fmt: skip
    (row,) = experiment.epochs()
    row |= experiment.evaluate()
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    events = {name for name in row if name.split("_")[0] in experiment.world.events}
    for column in set(row) - events:
        stem = re.sub(r"_\d+$", "_0", column)
        assert f"`{stem}`" in page, column


def test_every_key_of_a_config_is_explained():
    from sorrelsim.experiments.config import EvaluationConfig, ExperimentConfig, SeatConfig

    page = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    for section in (ExperimentConfig, SeatConfig, EvaluationConfig):
        for field in dataclasses.fields(section):
            assert re.search(rf"\b{field.name}\b", page), field.name


def test_configs_of_the_library_are_valid(monkeypatch):
    monkeypatch.chdir(ROOT)
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        world = yaml.safe_load(path.read_text(encoding="utf-8"))["world"]
        experiment = Experiment(path, [*changes_for(world), "n_worlds=1"])
        assert experiment.places, path
