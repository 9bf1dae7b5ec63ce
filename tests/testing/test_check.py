"""``check_world`` and ``check_model``: sound files pass, and each fault is told in plain words."""

from pathlib import Path

import pytest

from sorrelsim.library.scaffold import WORLD, write_model, write_world
from sorrelsim.testing import CheckFailed, check_file, check_model, check_world
from sorrelsim.testing.check import _is_world
from sorrelsim.testing.world_checks import HEADINGS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world_file(tmp_path):
    """Writes the scaffold's world with a change."""

    def write(old="", new=""):
        (path,) = write_world("orchard", tmp_path)[:1]
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new) if old else text)
        return path

    return write


@pytest.mark.parametrize("name", ["treasure_hunt", "cleanup"])
def test_worlds_of_the_library_are_sound(name):
    said = []
    check_world(name, compiled=False, steps=40, say=said.append)
    assert len(said) >= 6


@pytest.mark.parametrize("name", ["random"])
def test_models_of_the_library_are_sound(name):
    said = []
    check_model(name, steps=20, say=said.append)
    assert len(said) == 7


def test_check_file_tells_worlds_from_models(tmp_path):
    world, _ = write_world("orchard", tmp_path)
    model, _ = write_model("fond", tmp_path)
    assert check_file(world, compiled=False, steps=30) == "world"
    assert check_file(model, steps=10) == "model"


FAULTS = {
    "no heading": ("Rewards\n    +1 for a berry.\n", "", "lacks the headings Rewards"),
    "empty heading": ("\n    +1 for a berry.", "", "nothing stands under these headings"),
    "out of bounds": (
        "row, col = w.pos[i, 0], w.pos[i, 1]\n",
        "row, col = w.pos[i, 0] + 30, w.pos[i, 1]\n",
        r"orchard.py, line \d+, in pick.*IndexError.*out of bounds",
    ),
    "no agents": ("start = (movement.scatter,)", "start = (ripen,)", "no agent is on the grid"),
    "no start": ("start = (movement.scatter,)", "start = ()", "no start rules"),
    "no end": (", episode.time_limit)", ")", "has not ended after 12 steps"),
    "wrong layer": (
        "grid.put(w, row, col, Kind.BERRY)",
        "w.grid[row, col, w.agent_layer] = Kind.BERRY",
        "layer 'agent' of cell .* is no kind of that layer",
    ),
    "agent moved by hand": (
        "w.reward[i] += w.p.berry_value",
        "w.pos[i, 0] = 1",
        "is said to stand at|holds agent|cell does not show it",
    ),
    "infinite reward": ("w.reward[i] += w.p.berry_value", "w.reward[i] += 1e308 * 10.0", "a reward is inf"),
    "hidden memory": (
        "@rule\ndef pick(w):",
        "SEEN = [0]\n\n\n@rule\ndef pick(w):\n    SEEN[0] += 1\n    w.reward[0] += SEEN[0]",
        "a rule keeps something outside of the world's state",
    ),
    "no sprite": ("solid=True, sprite=sprites.WALL", "solid=True", "WALL have no sprite|no sprite.*WALL"),
    "action twice": ("actions = movement.EGOCENTRIC", 'actions = ("noop", "noop")', "named twice"),
    "bad map": ("W      BB      W\nW   B", "W      BB     W\nW   B", "row 3: 15 columns, but row 1 has 16"),
    "import error": (
        "from sorrelsim.rules import",
        "from sorrelsim.ruls import",
        "cannot be imported.*line",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_world_is_told(world_file, fault):
    old, new, said = FAULTS[fault]
    path = world_file(old, new)
    with pytest.raises(CheckFailed, match=said):
        check_world(path, compiled=False, steps=200 if "berry_value" in old else 40)


def test_several_faults_are_told_at_once(world_file):
    path = world_file("Rewards\n    +1 for a berry.\n", "")
    path.write_text(path.read_text().replace(", episode.time_limit)", ")"))
    with pytest.raises(CheckFailed) as failure:
        check_world(path, compiled=False, steps=20)
    assert len(failure.value.problems) == 2


def test_the_scaffold_begins_with_every_heading():
    assert all(f"\n{heading}\n" in WORLD for heading in HEADINGS)


MODEL = '''"""A model with a fault."""

from sorrelsim.models.base import BaseModel


class Faulty(BaseModel):
    def take_action(self, state):
        {act}
{more}
'''

MODEL_FAULTS = {
    "range": ("return 99", "", "take_action returns 99; allowed: 0 to 3"),
    "type": ("return 'up'", "", "take_action returns 'up' .str.; it returns an int"),
    "error": ("return state[100, 100, 100] * 0", "", "asked for an action it fails: faulty.py, line 8.*IndexError"),
    "own chance": ("import random; return random.randrange(4)", "", "draw only from self.rng"),
    "batch": ("return 0", "    def take_actions(self, states, seat=None):\n        return 0", "it returns integers"),
    "writes": (
        "return 0",
        "    def take_actions(self, states, seat=None):\n"
        "        states[:] = 1\n"
        "        return super().take_actions(states)",
        "only lent",
    ),
    "tells nonsense": (
        "return 0",
        "    def explain(self, state, seat=None):\n"
        "        from sorrelsim import Explanation\n"
        "        return Explanation(values=[1.0])",
        "telling what goes on in it .explain. fails.*one for each of 4 actions, got 1",
    ),
    "not saved": (
        "self.n = getattr(self, 'n', 0) + 1; return self.n % 3",
        "",
        "saved and loaded acts differently",
    ),
    "not resumed": (
        "return 0",
        "    def __init__(self, *given, **named):\n"
        "        super().__init__(*given, **named)\n"
        "        self.paid = 0.0\n"
        "    def remember(self, transition):\n"
        "        self.paid += 1 + transition.reward.sum()",
        r"a run that goes on loses self\.paid: put it into state_dict",
    ),
    "learned and not resumed": (
        "return 0",
        "    def __init__(self, *given, **named):\n"
        "        super().__init__(*given, **named)\n"
        "        import numpy as np\n"
        "        self.values = np.zeros(2)\n"
        "    def train_step(self):\n"
        "        self.values += self.memory.sample(8).valid.sum()\n"
        "        return 0.0",
        r"a run that goes on loses self\.values",
    ),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_each_fault_of_a_model_is_told(tmp_path, fault):
    act, more, said = MODEL_FAULTS[fault]
    path = tmp_path / "faulty.py"
    path.write_text(MODEL.format(act=act, more=more))
    with pytest.raises(CheckFailed, match=said):
        check_model(path, steps=11)


def test_what_derives_from_a_world_or_a_learner_of_the_library_is_known_by_it(tmp_path):
    """Neither its base's name nor its folder says what it is; nor do those of learners in folders below agents/."""
    path = tmp_path / "mine.py"
    path.write_text("from sorrelsim.worlds.two_keys import TwoKeys\n\n\nclass Mine(TwoKeys):\n    pass\n")
    assert _is_world(str(path))
    path.write_text("from sorrelsim.agents.learners.ppo import PPO\n\n\nclass Mine(PPO):\n    pass\n")
    assert not _is_world(str(path))
    assert not _is_world(str(ROOT / "agents" / "learners" / "ppo.py"))


def test_a_model_without_actions_and_a_file_with_nothing(tmp_path):
    path = tmp_path / "idle.py"
    path.write_text('"""Idle."""\nfrom sorrelsim import BaseModel\n\n\nclass Idle(BaseModel):\n    pass\n')
    with pytest.raises(CheckFailed, match="lacks the method take_action"):
        check_model(path)
    path.write_text("x = 1\n")
    with pytest.raises(CheckFailed, match="neither a class that derives from Gridworld nor"):
        check_file(path)
    path.write_text("import nowhere_at_all\n")
    with pytest.raises(CheckFailed, match=r"cannot be imported.*nowhere_at_all"):
        check_file(path)
    path.write_text("x = \n")
    with pytest.raises(CheckFailed, match="line 1: this is not Python"):
        check_file(path)
    with pytest.raises(ValueError, match="no file"):
        check_file(tmp_path / "nowhere.py")
    with pytest.raises(ValueError, match="no world or model 'nowhere'"):
        check_file("nowhere")
