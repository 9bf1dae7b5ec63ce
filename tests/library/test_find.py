"""Whose file a name leads to: the library's or the user's own, which is always said in a line."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sorrelsim
from sorrelsim.cli.app import app
from sorrelsim.library.find import NotFound, bare, find_class, locate, names, shipped, tell_anew
from sorrelsim.library.scaffold import WORLD, write_model, write_world
from sorrelsim.models.base import BaseModel

CONFIG = """
world: {name: %s, compiled: false}
n_worlds: 1
seats: [{model: %s}]
epochs: 1
turns: 3
evaluation: {n_worlds: 1, gif_turns: 0, max_turns: 3}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study folder whose worlds/cleanup.py and agents/random.py hide the library's."""
    monkeypatch.chdir(tmp_path)
    write_world("mine")
    write_model("fond")
    Path("worlds/mine.py").rename("worlds/cleanup.py")
    Path("agents/fond.py").rename("agents/random.py")
    write_world("berries")
    tell_anew()
    return tmp_path


def call(*arguments):
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "140", "TERM": "dumb"})
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stderr.splitlines()


HIDDEN = "world cleanup: worlds/cleanup.py, not the library's (which it hides; pkg:cleanup means that one)"


@pytest.mark.parametrize("kind", ["worlds", "agents"])
def test_new_refuses_every_name_of_the_library(kind, tmp_path):
    write = {"worlds": write_world, "agents": write_model}[kind]
    assert len(shipped(kind)) > 5
    for name in shipped(kind):
        with pytest.raises(ValueError, match=f"{name!r} is (the name of a .* of the library|no name for a)"):
            write(name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["class", "match", "case", "type", "json", "random", "types", "numpy", "torch", "sorrelsim"]
)
def test_new_refuses_names_that_python_or_others_use(name, tmp_path):
    for write in (write_world, write_model):
        with pytest.raises(ValueError, match=rf"'{name}' is no name for a .*my_{name}"):
            write(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_make_says_whose_world_it_is_once(study, capsys):
    for _ in range(3):
        own = sorrelsim.make("cleanup", compiled=False)
    assert capsys.readouterr().err.splitlines() == [HIDDEN]
    assert type(own).__module__.startswith("sorrelsim_file_")
    sorrelsim.make("harvest", compiled=False)
    sorrelsim.make("pkg:cleanup", compiled=False)
    assert capsys.readouterr().err == ""
    sorrelsim.make("berries", compiled=False)
    assert capsys.readouterr().err == "world berries: worlds/berries.py, not the library's\n"


def test_every_command_says_it_every_time(study):
    Path("own.yaml").write_text(CONFIG % ("cleanup", "random"))
    hidden = "model random: agents/random.py, not the library's (which it hides; pkg:random means that one)"
    for _ in range(2):
        assert call("train", "own.yaml") == [HIDDEN, hidden]
        assert call("eval", "runs/own-001", "--episodes", "1") == [HIDDEN, hidden]
        assert call("show", "cleanup") == [HIDDEN]
        assert call("bench", "cleanup", "--copies", "1", "--interpreted", "--seconds", "0.01") == [HIDDEN]
    assert call("train", "own.yaml", "world.name=pkg:cleanup", "seats.0.model=pkg:random") == []
    play = (
        "import sys; from sorrelsim.play import base_window\n"
        "base_window.open_display = lambda: sys.exit(0)\n"
        "sys.argv = ['sorrelsim', 'play', 'cleanup', '--others', 'random']\n"
        "from sorrelsim.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", play], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-2:] == [HIDDEN, hidden]


def test_check_says_it(study):
    result = CliRunner().invoke(app, ["check", "agents/random.py"])
    assert "model random: agents/random.py, not the library's" in result.stderr


def test_pkg_and_paths_say_which_is_meant(study):
    assert locate("cleanup", "worlds").path == Path("worlds/cleanup.py")
    assert locate("cleanup", "worlds").hides == shipped("worlds")["cleanup"]
    assert locate("./worlds/cleanup.py", "worlds").own
    assert locate("pkg:cleanup", "worlds").path == shipped("worlds")["cleanup"]
    assert not locate("pkg:cleanup", "worlds").own
    assert locate("pkg:iqn", "agents").module == "sorrelsim.agents.learners.iqn"
    assert not locate(shipped("worlds")["cleanup"], "worlds").own  # the library's by its path
    assert find_class("random", "agents", BaseModel) is not find_class("pkg:random", "agents", BaseModel)
    assert sorrelsim.make("pkg:cleanup", compiled=False).name == "cleanup"
    with pytest.raises(NotFound, match="no world 'pkg:clean_up'; did you mean 'pkg:cleanup'"):
        locate("pkg:clean_up", "worlds")
    with pytest.raises(NotFound, match=r"no file ./worlds/harvest.py; pkg:harvest is the library's"):
        locate("./worlds/harvest.py", "worlds")
    with pytest.raises(NotFound, match="'pkg:berries'"):
        locate("pkg:berries", "worlds")
    assert "berries" in names("worlds")


def test_a_name_in_titles_and_file_names():
    assert [bare(name) for name in ("pkg:iqn", "./a/b.py", "iqn", "agents/x.py")] == ["iqn", "b", "iqn", "x"]


def test_a_file_is_imported_anew_when_its_text_changes_and_only_then(study):
    path = Path("worlds/berries.py")
    one = sorrelsim.make(path, compiled=False)
    path.touch()
    assert type(sorrelsim.make(path, compiled=False)) is type(one)
    path.write_text(WORLD.format(title="B", cls="Berries", max_steps=7))
    assert sorrelsim.make(path, compiled=False).copies.params["max_steps"][0] == 7
