"""Compiled worlds: equal to interpreted ones, on any number of threads; the disk cache; errors in the user's words."""

import gc
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

import sorrelsim
from sorrelsim.engine.explain import RuleError
from sorrelsim.rules import draw

WORLD = """
from dataclasses import dataclass
from sorrelsim import Gridworld, Kinds, kind, rule
from sorrelsim.rules import movement
import pay


class Kind(Kinds):
    WALL = kind("W", solid=True)


@dataclass(frozen=True)
class Params:
    wage: float = 1.0


@rule
def work(w):
    for i in range(w.n_agents):
        w.reward[i] += pay.amount(w) * BONUS


BONUS = 1


class Work(Gridworld):
    kinds, params = Kind, Params
    maps = {"yard": "WWWW\\nWPPW\\nWWWW"}
    actions = movement.ABSOLUTE
    start = (movement.scatter,)
    rules = (work,)
"""
HELPER = """
from sorrelsim import rule


@rule
def amount(w):
    return w.p.wage * 2
"""
RUN = """
import sys, sorrelsim, numpy as np
world = sorrelsim.make("./work.py")
print(world.step(np.zeros((1, 1), int))[1][0, 0])
"""


def same_state(one, two):
    for name, array in one.get_state().items():
        np.testing.assert_array_equal(array, two.get_state()[name], err_msg=name)


def test_threads_change_nothing():
    rng = np.random.default_rng(0)
    actions = rng.integers(0, 4, (50, 33, 2))
    before = sorrelsim.get_threads()
    states = []
    try:
        for threads in (1, 2, 5):
            sorrelsim.set_threads(threads)
            world = sorrelsim.make("treasure_hunt", n_worlds=33, max_steps=20)
            for turn in range(50):
                world.step(actions[turn])
            states.append(world)
    finally:
        sorrelsim.set_threads(before)
    same_state(states[0], states[1])
    same_state(states[0], states[2])
    with pytest.raises(ValueError, match="allowed: a whole number from 1 to 1024"):
        sorrelsim.set_threads(0)


def test_two_worlds_stepped_at_once_do_not_disturb_each_other():
    actions = np.random.default_rng(0).integers(0, 4, (200, 40, 2))
    before = sorrelsim.get_threads()
    worlds = [sorrelsim.make("treasure_hunt", n_worlds=40, seed=seed) for seed in (0, 1, 0, 1)]

    def play(world):
        for each in actions:
            world.step(each)

    try:
        sorrelsim.set_threads(1)
        play(worlds[0])
        play(worlds[1])
        sorrelsim.set_threads(4)  # more than there are processors, so that some are put off in the middle
        players = [threading.Thread(target=play, args=(world,)) for world in worlds[2:]]
        for player in players:
            player.start()
        for player in players:
            player.join()
    finally:
        sorrelsim.set_threads(before)
    same_state(worlds[0], worlds[2])
    same_state(worlds[1], worlds[3])


def test_more_threads_than_copies():
    world = sorrelsim.make("treasure_hunt", n_worlds=8)
    alone = sorrelsim.make("treasure_hunt", n_worlds=8)
    before = sorrelsim.get_threads()
    try:
        for actions in np.random.default_rng(0).integers(0, 4, (50, 8, 2)):
            sorrelsim.set_threads(20)
            world.step(actions)
            sorrelsim.set_threads(1)
            alone.step(actions)
    finally:
        sorrelsim.set_threads(before)
    same_state(world, alone)
    assert sum(thread.name.startswith("sorrelsim-") for thread in threading.enumerate()) < 19


def test_helpers_do_not_keep_a_world_alive():
    before = sorrelsim.get_threads()
    world = sorrelsim.make("treasure_hunt", n_worlds=16)
    try:
        sorrelsim.set_threads(2)
        world.step(np.zeros((16, 2), int))
    finally:
        sorrelsim.set_threads(before)
    runner = weakref.ref(world._runner)
    del world
    deadline = time.monotonic() + 10
    while runner() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)  # a helper watches it for a moment
    assert runner() is None


def test_a_copy_alone_equals_that_copy_among_many():
    many = sorrelsim.make("treasure_hunt", n_worlds=64, seed=3)
    alone = sorrelsim.make("treasure_hunt", n_worlds=1, seed=3)
    alone.set_state({name: array[17:18] for name, array in many.get_state().items()})
    rng = np.random.default_rng(1)
    for actions in rng.integers(0, 4, (150, 64, 2)):
        obs, reward, *_ = many.step(actions)
        one_obs, one_reward, *_ = alone.step(actions[17:18])
        np.testing.assert_array_equal(obs[17:18], one_obs)
        np.testing.assert_array_equal(reward[17:18], one_reward)


def test_random_numbers_are_splitmix64():
    # Steele, Lea and Flood's generator from state 0 with the golden gamma; the first three outputs are the published
    # test vector of SplitMix64 for seed 0.
    class Copy:
        rng = np.array([0, 0x9E3779B97F4A7C15], np.uint64)

    assert [draw.bits(Copy) for _ in range(3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_streams_do_not_depend_on_the_number_of_copies_and_differ():
    many = draw.streams(5, 4096)
    np.testing.assert_array_equal(many[:18], draw.streams(5, 18))
    assert len({tuple(row) for row in many.tolist()}) == 4096
    assert (many[:, 1] % 2 == 1).all()
    assert (draw.streams(6, 18) != many[:18]).any(axis=1).all()


OWN = "world work: work.py, not the library's\n"  # all that is said of it: nothing is compiled


def in_folder(folder: Path, code: str = RUN, **environment: str) -> subprocess.CompletedProcess:
    env = os.environ | {"SORRELSIM_CACHE": str(folder / "cache"), "PYTHONPATH": str(folder)} | environment
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_cache_is_kept_and_never_stale(tmp_path):
    (tmp_path / "work.py").write_text(WORLD)
    (tmp_path / "pay.py").write_text(HELPER)
    first = in_folder(tmp_path)
    assert first.stdout.strip() == "2.0", first.stderr
    assert "compiling work (once; kept for later runs)" in first.stderr
    again = in_folder(tmp_path)
    assert (again.stdout.strip(), again.stderr) == ("2.0", OWN)
    # A helper in another file, a constant that a rule reads, and the rule itself: each edit takes effect.
    (tmp_path / "pay.py").write_text(HELPER.replace("* 2", "* 3"))
    edited = in_folder(tmp_path)
    assert edited.stdout.strip() == "3.0", edited.stderr
    (tmp_path / "work.py").write_text(WORLD.replace("BONUS = 1", "BONUS = 5"))
    assert in_folder(tmp_path).stdout.strip() == "15.0"
    (tmp_path / "work.py").write_text(WORLD.replace("* BONUS", "+ 0.5"))
    assert in_folder(tmp_path).stdout.strip() == "3.5"


def test_two_processes_compile_the_same_world_at_once(tmp_path):
    (tmp_path / "work.py").write_text(WORLD)
    (tmp_path / "pay.py").write_text(HELPER)
    env = os.environ | {"SORRELSIM_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", RUN],
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = [process.communicate() for process in both]
    assert [out.strip() for out, _ in answers] == ["2.0", "2.0"], answers
    assert in_folder(tmp_path).stderr == OWN
    assert not list((tmp_path / "cache" / "kernels").glob("*.tmp"))


def test_a_cache_that_cannot_be_written_warns_once_and_works(tmp_path):
    (tmp_path / "work.py").write_text(WORLD)
    (tmp_path / "pay.py").write_text(HELPER)
    (tmp_path / "cache").write_text("a file where the folder should be")
    code = RUN + "sorrelsim.make('./work.py', n_worlds=2)\n"
    done = in_folder(tmp_path, code)
    assert done.stdout.strip() == "2.0", done.stderr
    assert done.stderr.count("cannot keep compiled kernels") == 1


def test_a_rule_that_does_not_compile_shows_its_line(tmp_path, monkeypatch):
    broken = WORLD.replace("pay.amount(w) * BONUS", 'len("a" + w)').replace("import pay\n", "")
    (tmp_path / "broken.py").write_text(broken)
    monkeypatch.setenv("SORRELSIM_CACHE", str(tmp_path / "cache"))
    line = next(k for k, text in enumerate(broken.splitlines(), 1) if 'len("a" + w)' in text)
    with pytest.raises(RuleError) as caught:
        sorrelsim.make(tmp_path / "broken.py")
    message = str(caught.value)
    assert f"broken.py, line {line}: this does not compile" in message
    assert 'w.reward[i] += len("a" + w)' in message
    assert len(message.splitlines()) <= 5


def test_an_unknown_field_of_a_copy_shows_its_line(tmp_path, monkeypatch):
    broken = WORLD.replace("pay.amount(w)", "w.rewrd[i]").replace("import pay\n", "")
    (tmp_path / "broken.py").write_text(broken)
    monkeypatch.setenv("SORRELSIM_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RuleError, match=re.escape("w.reward[i] += w.rewrd[i] * BONUS")) as caught:
        sorrelsim.make(tmp_path / "broken.py")
    assert "rewrd" in str(caught.value).splitlines()[2]


def test_negative_indices_are_refused_when_interpreted(tmp_path):
    wrong = WORLD.replace("pay.amount(w)", "w.reward[-1]").replace("import pay\n", "")
    (tmp_path / "wrong.py").write_text(wrong)
    world = sorrelsim.make(tmp_path / "wrong.py", compiled=False)
    with pytest.raises(IndexError, match="negative"):
        world.step(np.zeros((1, 1), int))


def test_import_is_light():
    code = "import sys, sorrelsim; print([m for m in ('numba', 'torch', 'pygame', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    code = textwrap.dedent("""
        import sys, numpy as np, sorrelsim
        world = sorrelsim.make("cleanup", compiled=False)
        world.step(np.zeros((1, 7), int))
        print([m for m in ("numba", "torch", "pygame") if m in sys.modules])
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
