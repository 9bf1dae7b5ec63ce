"""A reward transform of one's own, by path and by name, and what is said of one that does not answer."""

from pathlib import Path

import numpy as np
import pytest

from sorrelsim.experiments.config import ConfigError, SeatConfig
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.seating import transform_of
from sorrelsim.library.transforms import find_transform, make_transform
from sorrelsim.models.rewards import TRANSFORMS, Common

OWN = '''"""Envy: having less than the richest costs."""

from dataclasses import dataclass

import numpy as np

from sorrelsim.models.rewards import RewardTransform


@dataclass
class Envy(RewardTransform):
    """u_i = r_i - cost (max_j r_j - r_i)."""

    cost: float = 0.5
    """What each missing reward costs."""

    def __call__(self, reward, ended):
        return reward - self.cost * (reward.max(1, keepdims=True) - reward)
'''
REWARD = np.array([[0.0, 2.0, 1.0]])
NOBODY = np.zeros((1, 3), bool)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study folder with a transform in ``rewards`` and one beside it."""
    monkeypatch.chdir(tmp_path)
    Path("rewards").mkdir()
    Path("rewards/envy.py").write_text(OWN)
    Path("my_reward.py").write_text(OWN)
    return tmp_path


@pytest.mark.parametrize("name", ["envy", "rewards/envy.py", "./my_reward.py"])
def test_a_transform_of_ones_own_is_found_by_name_and_by_path(study, name):
    # 0 is 2 behind and pays 2 * 0.25; 1 is 1 behind and pays 0.25; the richest pays nothing.
    made = make_transform(name, {"cost": 0.25})
    np.testing.assert_array_equal(made(REWARD, NOBODY), [[-0.5, 2.0, 0.75]])
    assert transform_of(SeatConfig(reward={"name": name, "cost": 2})).cost == 2
    with pytest.raises(ConfigError, match="did you mean 'cost'"):
        make_transform(name, {"costs": 1})
    with pytest.raises(ConfigError, match=r"cost must be float, got 'much'"):
        make_transform(name, {"cost": "much"})


def test_it_makes_the_rewards_that_a_run_learns_from(study):
    experiment = Experiment(
        {
            "world": {"name": "treasure_hunt", "compiled": False},
            "seats": [{"model": "random", "reward": {"name": "./my_reward.py", "cost": 3}}],
            "n_worlds": 1,
        }
    )
    assert [(type(agent.transform).__name__, agent.transform.cost) for agent in experiment.agents] == [("Envy", 3)] * 2


def test_a_name_that_stands_for_two_is_refused(study):
    Path("rewards/common.py").write_text(OWN)
    with pytest.raises(ValueError, match=r"write pkg:common or \./rewards/common\.py"):
        find_transform("common")
    assert find_transform("pkg:common") is Common
    assert find_transform("./rewards/common.py").__name__ == "Envy"
    with pytest.raises(ValueError, match="did you mean 'envy'"):
        find_transform("envvy")
    assert [find_transform(name) for name in TRANSFORMS if name != "common"] == [
        cls for name, cls in TRANSFORMS.items() if name != "common"
    ]


BAD = {
    "no file nowhere.py": None,
    "defines 0 subclasses of RewardTransform": "x = 1\n",
    "Envy does not say __call__": OWN.replace("__call__", "call"),
    r"answers float64\[2\]": OWN.replace("return reward - ", "return reward[:, 0] - ").replace(
        "(reward.max(1, keepdims=True) - reward)", "reward.max(1)"
    ),
    "fails: ZeroDivisionError": OWN.replace("return reward", "1 / 0\n        return reward"),
    "writes into the rewards": OWN.replace("return reward", "reward += 1\n        return reward"),
    "make it a dataclass with a field for each": OWN.replace("@dataclass\n", "").replace(
        "    cost: float = 0.5\n", "    def __init__(self, cost):\n        self.cost = cost\n\n"
    ),
}


@pytest.mark.parametrize("said", BAD)
def test_what_does_not_answer_is_told_before_a_run_begins(study, said):
    name = "nowhere.py"
    if BAD[said] is not None:
        Path("bad.py").write_text(BAD[said])
        name = "bad.py"
    with pytest.raises(ValueError, match=said):
        Experiment(
            {"world": {"name": "treasure_hunt", "compiled": False}, "seats": [{"model": "random", "reward": name}]}
        )


def test_one_without_settings_needs_no_dataclass(study):
    plain = OWN.replace("@dataclass\n", "").replace("    cost: float = 0.5\n", "    cost = 0.5\n")
    Path("rewards/plain.py").write_text(plain)
    np.testing.assert_array_equal(make_transform("plain")(REWARD, NOBODY), [[-1.0, 2.0, 0.5]])
    with pytest.raises(ConfigError, match="takes no settings, got cost: make it a dataclass"):
        make_transform("plain", {"cost": 1})
