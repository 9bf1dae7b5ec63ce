"""Every committed config loads, and trains: a few turns of it, in which its models take their actions and remember."""

from pathlib import Path

import numpy as np
import pytest

from sorrelsim import Experiment
from sorrelsim.experiments.config import load_config
from sorrelsim.library.find import names
from sorrelsim.outside.make import is_outside

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


ALIKE = ("a2c", "a3c", "dqn_apex", "impala", "qr_dqn", "rainbow", "sac_discrete", "trpo", "inside_out")
"""Words in the names of configs of a world and a family of learners that another one has too."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=pytest.mark.slow if any(word in path.stem for word in ALIKE) else ())
        for path in CONFIGS
    ],
)
def test_config_runs(path):
    short = ["n_worlds=2", "epochs=1", "turns=6", "evaluation.n_worlds=1", "evaluation.max_turns=5"]
    experiment = Experiment(load_config(path, [*short, "evaluation.gif_turns=0"]))
    rows = list(experiment.epochs())
    assert [row["epoch"] for row in rows] == [1]
    assert rows[0]["env_steps"] == 12
    assert rows[0]["agent_steps"] == 12 * experiment.world.n_agents
    assert all(np.isfinite(model.agent_steps) and model.agent_steps > 0 for model in experiment.models)


def test_every_world_has_a_config():
    used = {load_config(path).world["name"] for path in CONFIGS}
    assert {name for name in used if not is_outside(name)} == set(names("worlds"))
