"""``show``, ``list`` and ``--version``: worlds, models and reward transforms, of the library and of one's own."""

import dataclasses
from pathlib import Path

import pytest
from typer.testing import CliRunner

import sorrelsim
from sorrelsim.cli.app import app
from sorrelsim.library.find import find_class, names
from sorrelsim.library.pages import settings_of, type_text
from sorrelsim.library.scaffold import write_model, write_world
from sorrelsim.models.base import BaseModel
from sorrelsim.models.rewards import TRANSFORMS


def call(*arguments):
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "140", "TERM": "dumb"})
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def test_the_version_is_said():
    assert call("--version") == f"sorrelsim {sorrelsim.__version__}\n"


@pytest.mark.parametrize("name", names("agents"))
def test_a_model_shows_its_page_and_every_setting(name):
    text = call("show", name)
    cls = find_class(name, "agents", BaseModel)
    settings = settings_of(cls.Config)
    assert {s.name.partition(".")[0] for s in settings} == {f.name for f in dataclasses.fields(cls.Config)}
    for setting in settings:
        assert f"\n    {setting.name} = {setting.default}  ({setting.takes})\n" in text
        assert setting.doc, f"{setting.name} of {name} has no docstring"
    assert text.splitlines()[0]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_shows_its_page_and_every_setting(name):
    text = call("show", name)
    for setting in settings_of(TRANSFORMS[name]):
        assert f"\n    {setting.name} = {setting.default}  ({setting.takes})\n" in text
        assert setting.doc
    assert f"  {name} " in call("list")


def test_files_of_ones_own_are_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for what, name in (("world", "berry_field"), ("model", "tit_for_tat")):
        call("new", what, name)
    Path("rewards").mkdir()
    Path("rewards/twice.py").write_text(
        '"""Twice: all rewards count double."""\nfrom sorrelsim.models.rewards import RewardTransform\n'
        "class Twice(RewardTransform):\n    def __call__(self, reward, ended):\n        return 2 * reward\n"
    )
    assert "ripening = 0.02" in call("show", "berry_field")
    for name in ("tit_for_tat", "agents/tit_for_tat.py"):
        assert "favourite = 1  (int" in call("show", name)
    for name in ("twice", "rewards/twice.py"):
        assert "all rewards count double" in call("show", name)
    assert "  twice " in call("list")
    Path("nothing.py").write_text("x = 1\n")
    for words, said in (
        (["nothing.py"], "defines neither one world, nor one model, nor one reward transform"),
        (["nowhere.py"], "no file nowhere.py"),
        (["pppo"], "no world, model or reward transform 'pppo'; did you mean 'ppo'?"),
        (["inequity_aversoin"], "did you mean 'inequity_aversion'?"),
        (["ppo", "--map", "x"], "ppo is a model; --map, --preset and --png are for worlds"),
    ):
        done = CliRunner().invoke(app, ["show", *words])
        assert isinstance(done.exception, ValueError)
        assert said in str(done.exception)


def test_types_are_named_with_their_limits():
    from typing import Annotated, Literal

    from pydantic import Field

    assert type_text(Annotated[int, Field(ge=1)]) == "int, >= 1"
    assert type_text(Annotated[float, Field(gt=0, le=1)] | None) == "float, > 0, <= 1 or null"
    assert type_text(tuple[int, ...]) == "list of int"
    assert type_text(Literal["a", "b"]) == '"a" or "b"'


def test_a_file_is_called_what_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_model("fond")
    write_world("berries")
    for file, what in (("agents/fond.py", "model fond"), ("worlds/berries.py", "world berries")):
        result = CliRunner().invoke(app, ["show", file])
        assert result.exit_code == 0
        assert result.stderr == f"{what}: {file}, not the library's\n"
