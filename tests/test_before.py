"""What was written by the first version, when the package was one flat folder, still loads and plays the same."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sorrelsim.experiments.run import load_run
from sorrelsim.recordings import RecordingError, load_recording

BEFORE = Path(__file__).parent / "data" / "before"


@pytest.mark.parametrize("name", ["iqn", "ddqn", "ppo"])
def test_a_run_of_the_first_version_plays_as_it_did(name, tmp_path):
    folder = shutil.copytree(BEFORE / f"{name}-001", tmp_path / "run")
    expected = json.loads((folder / "actions.json").read_text())
    run = load_run(folder)
    world = run.world(expected["n_worlds"], expected["seed"])
    agents = run.agents(world, explore=False)  # as all evaluations were then
    chosen = np.zeros((world.n_worlds, world.n_agents), np.int64)
    submit = world.submit

    def listen(slots, actions):
        chosen[:, slots] = actions
        submit(slots, actions)

    world.submit = listen
    for actions in expected["actions"]:
        for agent in agents:
            agent.transition(world)
        assert chosen.tolist() == actions
        world.step()
        for agent in agents:
            agent.remember(world)


@pytest.mark.parametrize(("name", "same"), [("coins", True), ("cleanup", False)])
def test_a_recording_of_the_first_version_replays(name, same):
    recording = load_recording(BEFORE / f"{name}.jsonl")
    replay = recording.replay(check=same)
    replay.go(len(recording))
    assert replay.turn == 48
    assert sorted(recording.hashes) == [0, 16, 32, 48]


def test_a_recording_of_a_world_that_has_changed_since_says_what_to_do():
    """Times out of Clean Up have become a step longer; nobody is zapped in this one."""
    told = "cleanup version 1 .* here it is version 2 .* all 4 state hashes agree all the same. Install .*--unchecked"
    with pytest.raises(RecordingError, match=told):
        load_recording(BEFORE / "cleanup.jsonl").replay()


def test_former_module_names_answer_and_say_where_they_are():
    code = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always')\n"
        "    from sorrelsim.sprites import WALL\n"
        "    from sorrelsim.model import BaseModel\n"
        "    from sorrelsim.agents.ppo import PPO\n"
        "    import sorrelsim\n"
        "    assert sorrelsim.BaseModel is BaseModel\n"
        "print(*(each.message for each in told), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "sorrelsim.sprites is now sorrelsim.authoring.sprites",
        "sorrelsim.model is now sorrelsim.models.base",
        "sorrelsim.agents.ppo is now sorrelsim.agents.learners.ppo and sorrelsim.models.torch.policies",
    ]
