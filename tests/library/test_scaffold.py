"""What ``sorrelsim new`` writes runs at once, and so does its test."""

import dataclasses
import os
import re
import subprocess
import sys

import pytest

import sorrelsim
from sorrelsim.library.find import find_class, shipped
from sorrelsim.library.scaffold import write_model, write_world
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model, check_world


def test_a_new_world_plays_and_pays(tmp_path):
    path, test = write_world("berry_field", tmp_path)
    assert path == tmp_path / "worlds" / "berry_field.py"
    assert test == tmp_path / "tests" / "test_berry_field.py"
    check_world(path, compiled=False, steps=60)
    world = sorrelsim.make(path, 4, seed=0, compiled=False, ripening=0.2)
    for _ in range(60):
        world.step([[1, 5, 6]] * 4)
    assert world.episode_return.sum() == world.event_counts.sum()


def test_a_new_model_acts_and_takes_settings(tmp_path):
    path, _ = write_model("tit_for_tat", tmp_path)
    check_model(path, steps=20)
    world = sorrelsim.make("treasure_hunt", 1, compiled=False)
    cls = find_class(path, "agents", BaseModel)
    model = cls.from_config(world.observations, world.action_names, 1, {"favourite": 2, "liking": 1.0})
    assert model.take_action(world.obs[0, 0]) == 2
    with pytest.raises(ValueError, match="did you mean 'liking'"):
        cls.from_config(world.observations, world.action_names, 1, {"likng": 1.0})


def test_names_are_found_from_the_study_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_world("berry_field")
    assert sorrelsim.make("berry_field", compiled=False).n_agents == 3


def test_the_model_s_test_passes_under_pytest(tmp_path):
    write_model("tit_for_tat", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


LEARNERS = sorted(name for name, path in shipped("agents").items() if path.parent.name == "learners")


@pytest.mark.parametrize("like", LEARNERS)
def test_a_new_learner_is_the_library_s_under_its_own_name(like, tmp_path):
    """It builds, and begins with the networks and settings of the one that it is like."""
    path, test = write_model("my_own", tmp_path, like)
    ours, own = find_class(f"pkg:{like}", "agents", BaseModel), find_class(path, "agents", BaseModel)
    assert own.__name__ == "MyOwn"
    assert own.Config.__name__ == "MyOwnConfig"
    assert own.Config is not ours.Config
    assert dataclasses.asdict(own.Config()) == dataclasses.asdict(ours.Config())
    text = path.read_text()
    assert text.startswith(f'"""My own: begun as {like}, to be changed into one\'s own.\n')
    assert not re.search(rf"^class {ours.__name__}\b", text, re.M)
    assert "<" + "cls>" not in text
    compile(test.read_text(), str(test), "exec")


@pytest.mark.parametrize("like", ["dqn", pytest.param("sac", marks=pytest.mark.slow)])
def test_a_new_learner_s_tests_pass_under_pytest(like, tmp_path):
    """``sac`` acts by numbers, so its test trains on a pendulum."""
    write_model("my_own", tmp_path, like)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_learner_like_none_there_is_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no learner 'rainbwo'; did you mean 'rainbow'"):
        write_model("my_own", tmp_path, "rainbwo")
    assert not list(tmp_path.iterdir())
    for name, said in (("dqn", "is the name of a model of the library"), ("Own", "is no name for a model")):
        with pytest.raises(ValueError, match=said):
            write_model(name, tmp_path, "dqn")


@pytest.mark.parametrize("name", ["Berry", "1st", "class", "a-b", "_hidden", ""])
def test_names_that_python_does_not_take(tmp_path, name):
    with pytest.raises(ValueError, match="is no name for a world"):
        write_world(name, tmp_path)
    assert not (tmp_path / "worlds").exists()


def test_nothing_is_overwritten(tmp_path):
    path, test = write_model("mine", tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=r"test_mine\.py is there already; nothing was written"):
        write_model("mine", tmp_path)
    assert not path.exists()
    assert test.exists()
