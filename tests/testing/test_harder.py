"""``check`` finds what random play seldom reaches, says how, and never ends with the process."""

import re
import subprocess
import sys

import numpy as np
import pytest

import sorrelsim
from sorrelsim.library.scaffold import WORLD
from sorrelsim.rules.rule import RULES
from sorrelsim.testing import CheckFailed, check_world
from sorrelsim.testing.players import PLAYERS
from sorrelsim.testing.reach import Reach, rules_of
from sorrelsim.testing.trials import smallest, trials

SOUND = WORLD.format(title="Orchard", cls="Orchard", max_steps=500)
PAY = "            w.reward[i] += w.p.berry_value\n"
SELDOM = {
    "rare reward": (PAY, PAY + "            if w.events[i, 0] > 2:\n                w.reward[i - 5] += 1.0\n"),
    "events beyond the end": (PAY, PAY + "            w.events[i, Event.BERRIES + 1] += 1\n"),
    "write from the end": (PAY, PAY + "            w.reward[i - 3] = 1.0\n"),
    "one agent": (PAY, PAY + "            w.reward[(i + 1) % 3] += 1.0\n"),
    "param": ("    berry_value: float = 1.0", "    berry_value: float = 1.0\n    who: int = 0", PAY,
              PAY.replace("reward[i]", "reward[w.p.who]")),
    "many of a kind": (PAY, PAY + "            k = 1\n            while grid.has(w, row, col + k, Kind.BERRY):\n"
                       "                k += 1\n"
                       "            w.reward[k - 1] += 1.0\n"),
    "crowd": ("@rule\ndef pick(w):\n", "@rule\ndef pick(w):\n    for i in range(w.n_agents):\n"
              "        row, col = w.pos[i, 0], w.pos[i, 1]\n        beside = 0\n        for k in range(w.n_agents):\n"
              "            if abs(w.pos[k, 0] - row) + abs(w.pos[k, 1] - col) == 1:\n                beside += 1\n"
              "        w.events[i, beside // 2] += 1\n"),
}  # fmt: skip


@pytest.fixture
def seldom(tmp_path):
    def write(case):
        text = SOUND
        edits = SELDOM[case]
        for old, new in zip(edits[::2], edits[1::2], strict=True):
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "orchard.py"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("case", SELDOM)
def test_what_is_seldom_reached_is_found_with_its_line(case, seldom):
    path = seldom(case)
    with pytest.raises(CheckFailed) as failure:
        check_world(path, compiled=False, steps=200)
    assert re.search(r"orchard\.py, line \d+, in pick.*(out of bounds|negative|IndexError)", failure.value.problems[0])


@pytest.mark.slow
def test_what_only_many_turns_reach_is_found_compiled_and_the_process_lives(tmp_path):
    path = tmp_path / "orchard.py"
    late = "        if w.turn == 470 and w.events[i, 0] > 0:\n            w.reward[i - 5] = 1.0\n"
    text = SOUND.replace(PAY, PAY.replace("w.reward", "w.events[i, 0] += 1\n            w.reward") + late, 1)
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "sorrelsim", "check", str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    line = text[: text.index("w.reward[i - 5]")].count("\n") + 1
    assert f"orchard.py, line {line}, in pick: `w.reward[i - 5]`: index -" in done.stdout
    assert "turn 470" in done.stdout


def test_lines_that_were_never_reached_are_told(tmp_path):
    path = tmp_path / "orchard.py"
    path.write_text(SOUND.replace(PAY, PAY + "            if w.turn > 900:\n                w.reward[i] += 1.0\n"))
    said = []
    check_world(path, compiled=False, steps=30, say=said.append)
    line = path.read_text()[: path.read_text().index("w.turn > 900")].count("\n") + 2
    assert any(f"lines never reached: {line} (in pick)" in each for each in said), said
    path.write_text(SOUND)
    said.clear()
    check_world(path, compiled=False, steps=30, say=said.append)
    assert any(
        re.search(r"\d+ ways to play, [\d,]+ steps .*every line of the rules was reached", each) for each in said
    )


def test_the_trace_is_given_back():
    before = sys.gettrace()
    with Reach(rules_of(type(sorrelsim.make("tag", compiled=False)), RULES)):
        pass
    assert sys.gettrace() is before


@pytest.mark.parametrize("name", PLAYERS)
def test_players_give_allowed_actions_of_one_seed(name):
    chosen = []
    for _ in range(2):
        world, act = sorrelsim.make("cleanup", 2, 0, compiled=False), PLAYERS[name](np.random.default_rng(1))
        chosen.append([])
        for turn in range(20):
            actions = act(world, turn)
            world.step(actions)
            chosen[-1].append(actions.copy())
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert np.ptp(chosen[0]) > 0


def test_agents_that_walk_to_things_find_more_than_chance():
    found = {}
    for name in ("random actions", "agents that walk to things"):
        world, act = sorrelsim.make("coins", 2, 0, compiled=False), PLAYERS[name](np.random.default_rng(1))
        for turn in range(150):
            world.step(act(world, turn))
        found[name] = world.event_counts.sum()
    assert found["agents that walk to things"] > 1.3 * found["random actions"], found


@pytest.mark.parametrize("name", ["cleanup", "coins", "gift", "harvest", "tag", "territory"])
def test_the_small_map_has_every_glyph_and_is_small(name):
    cls = type(sorrelsim.make(name, compiled=False))
    text = next(iter(cls.maps.values())).strip("\n")
    small = smallest(cls, text)
    assert set(text) - {" "} <= set(small)
    assert len(small) < max(120, len(text) / 2)
    titles = [trial.title for trial in trials(cls, np.random.default_rng(0))]
    assert len(titles) > 10
