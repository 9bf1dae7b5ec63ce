# ruff: noqa: E501
"""Worlds with bounds: every index is checked, a wrong one is told at its line, and the step has not happened."""

import re

import numpy as np
import pytest

import sorrelsim
from sorrelsim.engine.explain import RuleError
from sorrelsim.library.find import names
from sorrelsim.library.scaffold import WORLD

# Each wrong in its own way, from turn 4 on: what stands in the rule, what is said of it.
FAULTS = [
    ("w.reward[i - 5] += 1.0", r"`w\.reward\[i - 5\]`: index -5 of axis 0 is negative; allowed: 0 to 2"),
    ("w.reward[i - 5] = 1.0", r"`w\.reward\[i - 5\]`: index -5 of axis 0 is negative; allowed: 0 to 2"),
    ("w.events[i, row + 1] += 1", r"`w\.events\[i, row \+ 1\]`: index \d of axis 1 is out of bounds; allowed: 0 to 0"),
    ("w.events[i + 3, :] += 1", r"`w\.events\[i \+ 3, :\]`: index 3 of axis 0 is out of bounds; allowed: 0 to 2"),
    ("w.pos[i][row + 1] = 1", r"`w\.pos\[i\]\[row \+ 1\]`: index \d of axis 0 is out of bounds; allowed: 0 to 1"),
    ("grid.put(w, row + 40, col, Kind.BERRY)", r"`grid\.put\(.*\)`: in grid\.put, line \d+: `w\.grid\[row, col, .*index 4\d"),
    ("w.reward[w.p.who] += 1.0", r"`w\.reward\[w\.p\.who\]`: index 99 of axis 0 is out of bounds; allowed: 0 to 2"),
    ("w.hits[row * 1000, 0] = 1", r"`w\.hits\[row \* 1000, 0\]`: index \d000 of axis 0 .*allowed: 0 to 511"),
    ("x = np.zeros(3); x[row + 9] = 1.0", r"`x\[row \+ 9\]`: index \d+ of axis 0 is out of bounds; allowed: 0 to 2"),
    ("k = 0\n            while w.reward[k] < 9.0:\n                k += 1", r"`w\.reward\[k\]`: index 3 of axis 0"),
    ("w.grid[row - 9, col, 0] = 1", r"`w\.grid\[row - 9, col, 0\]`: index -\d of axis 0 is negative"),
    ("w.pos[i, 0] = 500", "when what agents see was written; did a rule set w.pos"),
    ("w.solid[300 + i] + w.bushes[999, 0]", r"index 300|index 999"),
]  # fmt: skip
LINES = "".join(
    f"        if w.turn > 3 and w.p.fault == {k}:\n            {text}\n" for k, (text, _) in enumerate(FAULTS)
)
SOUND = WORLD.format(title="Faulty", cls="Faulty", max_steps=500)
FAULTY = (
    SOUND.replace("        if w.out[i] == 0 and", LINES + "        if w.out[i] == 0 and", 1)
    .replace("from enum import auto", "from enum import auto\n\nimport numpy as np")
    .replace("    berry_value: float = 1.0", "    berry_value: float = 1.0\n    fault: int = -1\n    who: int = 99")
)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    path = tmp_path_factory.mktemp("bounds") / "faulty.py"
    path.write_text(FAULTY)
    return path


def until_it_fails(world):
    """Steps until an error; returns it, and the state before it."""
    rng = np.random.default_rng(0)
    for _ in range(6):
        before = world.get_state()
        seen = world.obs, world.reward, world.info
        try:
            world.step(rng.integers(world.n_actions, size=(world.n_worlds, world.n_agents)))
        except (IndexError, RuleError) as error:
            return error, before, seen
    return None, before, seen


@pytest.mark.parametrize("compiled", [True, False])
def test_each_wrong_index_is_told_at_its_line_and_nothing_has_happened(faulty, compiled):
    """One kernel serves all: which fault comes is a param."""
    for fault, (text, said) in enumerate(FAULTS):
        world = sorrelsim.make(faulty, 12, 1, compiled=compiled, bounds=True, fault=[-1] * 7 + [fault] * 5)
        error, before, seen = until_it_fails(world)
        assert isinstance(error, IndexError), text
        assert re.search(said, str(error)), f"{text}: {error}"
        assert "copy 7, turn 4" in str(error)
        first = text.splitlines()[1 if text.startswith("k = 0") else 0].strip()
        if "w.pos[i, 0]" not in text:
            line = next(k for k, each in enumerate(FAULTY.splitlines(), 1) if first in each)
            assert f"{faulty}, line {line}, in pick: " in str(error)
        for name, array in world.get_state().items():
            np.testing.assert_array_equal(array, before[name], err_msg=name)
        assert (world.obs, world.reward, world.info) == seen or world.obs is seen[0]
        world.copies.params["fault"][...] = -1
        world.step(np.zeros((12, 3), int))  # and it goes on


def play(world, steps):
    rng = np.random.default_rng(0)
    for _ in range(steps):
        world.step(rng.integers(world.n_actions, size=(world.n_worlds, world.n_agents)))


def test_what_fails_otherwise_is_told_as_well(faulty):
    path = faulty.parent / "shapes.py"
    path.write_text(SOUND.replace("w.reward[i] += w.p.berry_value", "w.reward[:] = w.bushes[:, 0]"))
    world = sorrelsim.make(path, 9, 0, compiled=False, bounds=True, ripening=1.0)
    with pytest.raises(RuleError, match=r"shapes\.py, line \d+, in pick: `w.reward.*`: could not broadcast"):
        play(world, 60)


def test_at_the_start_of_an_episode(faulty):
    path = faulty.parent / "early.py"
    path.write_text(SOUND.replace("start = (movement.scatter,)", "start = (movement.scatter, ripen)").replace(
        "grid.put(w, row, col, Kind.BERRY)", "grid.put(w, row + 50, col, Kind.BERRY)"))  # fmt: skip
    with pytest.raises(IndexError, match=r"early\.py, line \d+, in ripen: .*copy 0, at the start of an episode"):
        sorrelsim.make(path, 2, 0, compiled=False, bounds=True, ripening=1.0)


def test_writing_from_the_end_is_refused_interpreted(faulty):
    path = faulty.parent / "end.py"
    path.write_text(SOUND.replace("w.reward[i] += w.p.berry_value", "w.reward[i - 5] = w.p.berry_value"))
    world = sorrelsim.make(path, 2, 0, compiled=False, ripening=1.0)
    with pytest.raises(IndexError, match="is negative; allowed: 0 to 2"):
        play(world, 100)


def equal_for(steps, one, other):
    rng = np.random.default_rng(2)
    for _ in range(steps):
        actions = rng.integers(one.n_actions, size=(one.n_worlds, one.n_agents))
        answers = one.step(actions), other.step(actions)
        np.testing.assert_array_equal(answers[0][1], answers[1][1])
    for name, array in one.get_state().items():
        np.testing.assert_array_equal(array, other.get_state()[name], err_msg=name)


@pytest.mark.parametrize("name", names("worlds"))
def test_bounds_change_no_trajectory_interpreted(name):
    worlds = [sorrelsim.make(name, 1, 4, compiled=False, bounds=bounds, max_steps=25) for bounds in (True, False)]
    equal_for(30, *worlds)


@pytest.mark.slow
@pytest.mark.parametrize("name", names("worlds"))
def test_bounds_change_no_trajectory_compiled(name):
    equal_for(400, *(sorrelsim.make(name, 40, 4, bounds=bounds, max_steps=150) for bounds in (True, False)))


def test_compiled_with_bounds_equals_interpreted(faulty):
    equal_for(
        60, *(sorrelsim.make(faulty, 12, 4, bounds=True, compiled=compiled, max_steps=25) for compiled in (True, False))
    )


def test_kernels_without_bounds_know_nothing_of_them():
    plain, checked = (sorrelsim.make("tag", compiled=False, bounds=bounds) for bounds in (False, True))
    assert "fault" not in plain.copies.of
    assert "fault" not in plain._runner.program.kernel()
    assert not plain._runner.program.bounds
    assert "e.fault[0] = 1" in checked._runner.program.kernel()
    assert set(plain.get_state()) == set(checked.get_state())
