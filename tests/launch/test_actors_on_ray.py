"""Actors as processes of Ray: each learner is served, the killed are replaced, nodes may go, and signals end a run."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.run import load_run, run

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'sorrelsim[ray]'")

SETTINGS = {
    "impala": {"n_steps": 10, "sequence_length": 5},
    "a3c": {"n_steps": 5, "n_minibatches": 2},
    "dqn_apex": {"warmup": 200, "batch_size": 16, "steps_between_updates": 40, "memory_size": 4000},
    "ddpg_apex": {"warmup": 200, "batch_size": 16, "steps_between_updates": 40, "memory_size": 4000},
}
TREASURE = {  # as configs/treasure_hunt_<learner>.yaml; random play returns about 11
    "impala": {
        "n_frames": 5, "gamma": 0.92, "gae_lambda": 0.95, "learning_rate": 0.001, "entropy": 0.005,
        "network": {"hidden": [128]},
    },
    "dqn_apex": {
        "n_frames": 5, "gamma": 0.92, "batch_size": 256, "steps_between_updates": 64, "warmup": 4000,
        "learning_rate": 0.001, "target_every": None, "target_tau": 0.01, "network": {"hidden": [128]},
    },
}  # fmt: skip


def plain(learner, tmp_path, **more):
    return {
        "world": {"name": "coins", "compiled": False, "max_steps": 20, "min_steps": 20},
        "n_worlds": 4,
        "seats": [{"slots": "all", "model": learner, "config": SETTINGS[learner] | {"network": {"hidden": [8]}}}],
        "epochs": 2,
        "turns": 60,
        "actors": 2,
        "evaluation": {"n_worlds": 2, "gif_turns": 0},
        "tensorboard": False,
        "runs": str(tmp_path / "runs"),
    } | more


@pytest.fixture(scope="module")
def machine():
    """Ray on this machine, begun once for all tests that need nothing else of it."""
    before = os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init("local", num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield ray
    ray.shutdown()
    os.environ["RAY_USAGE_STATS_ENABLED"] = before


def check(folder, epochs):
    """The run is whole, and what it saved plays."""
    found = load_run(folder)
    assert found.facts["end"] == "finished"
    metrics = found.metrics()
    assert len(metrics["epoch"]) == epochs
    assert np.isfinite(metrics["loss"]).any()
    world = found.world(2)
    (agent,) = found.agents(world)
    assert agent.model.gradient_steps > 0
    return metrics


@pytest.mark.slow
@pytest.mark.parametrize("learner", SETTINGS)
def test_each_learner_trains_with_two_actors(learner, tmp_path, machine):
    check(run(Experiment(plain(learner, tmp_path))), 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("actor", "actor 1 is lost (ActorDiedError); another takes its place"),
        ("memory", "the replay memory of DQNApex is lost (ActorDiedError); it fills anew"),
    ],
)
def test_a_process_that_is_killed_is_replaced_and_the_run_ends(who, said, tmp_path, machine, capsys):
    """SIGKILL for one of a run's processes in the midst; Ape-X, whose steps go from process to process."""
    experiment = Experiment(plain("dqn_apex", tmp_path, epochs=6))
    play, pids = experiment.crew.play, []

    def kill(limit):
        if experiment.turns >= 120 and not pids:
            killed = experiment.crew.staff._actors[1] if who == "actor" else experiment.models[0].memory._replay
            pids.append(ray.get(killed.__ray_call__.remote(lambda self: os.getpid())))
            os.kill(pids[0], signal.SIGKILL)
        return play(limit)

    experiment.crew.play = kill
    folder = run(experiment)
    check(folder, 6)
    assert pids
    assert said in capsys.readouterr().err
    assert said in (folder / "actors.log").read_text()


BROKEN = """from sorrelsim import BaseModel


class Broken(BaseModel):
    \"\"\"A bot of a user's own, which breaks.\"\"\"

    calls = 0

    def take_action(self, state):
        self.calls += 1
        if self.calls > 60:
            raise ValueError("the sixty-first call is broken")
        return 0
"""


@pytest.mark.slow
def test_actors_find_files_of_ones_own_and_their_errors_are_told_as_in_one_process(tmp_path, machine, monkeypatch):
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/broken.py").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    config = plain("impala", tmp_path)
    config["seats"][0]["slots"] = [0]
    config["seats"].append({"model": "broken"})
    with pytest.raises(ValueError, match="the sixty-first call is broken"):
        run(Experiment(config))


def begin(config, path):
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "sorrelsim", "train", "config.yaml"]
    return subprocess.Popen(
        command, cwd=path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_a_checkpoint_and_it_goes_on(number, code, tmp_path):
    """A Ctrl-C goes to all processes of the terminal, those of Ray among them; another signal to the run alone."""
    process = begin(plain("dqn_apex", tmp_path, epochs=5000), tmp_path)
    folder = tmp_path / "runs/config-001"
    until = time.monotonic() + 240
    while not (folder / "metrics.csv").is_file() or (folder / "metrics.csv").read_text().count("\n") < 3:
        assert time.monotonic() < until
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.2)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == code, told
    assert load_run(folder).facts["end"] == "stopped"
    assert list((folder / "checkpoint").iterdir())
    rows = int(load_run(folder).metrics()["epoch"][-1])
    command = [sys.executable, "-m", "sorrelsim", "train", "--resume", str(folder)]
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("epochs: 5000", f"epochs: {rows + 1}"))
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0, again.stderr
    check(folder, rows + 1)


@pytest.mark.slow
@pytest.mark.parametrize(("learner", "epochs", "above"), [("impala", 12, 60.0), ("dqn_apex", 8, 60.0)])
def test_a_node_may_go_in_the_midst_and_the_run_learns(learner, epochs, above, tmp_path, monkeypatch, capsys):
    """Two nodes with a core each, and a third that comes when the second goes: treasure hunt, far above random play."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    if ray.is_initialized():
        ray.shutdown()
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        gone = nodes.add_node(num_cpus=1)
        monkeypatch.setenv("RAY_ADDRESS", nodes.address)
        config = plain("impala", tmp_path, epochs=epochs, turns=400, n_worlds=32, world="treasure_hunt")
        config["seats"] = [{"slots": "all", "model": learner, "config": TREASURE[learner]}]
        experiment = Experiment(config)
        play, removed = experiment.crew.play, []

        def remove(limit):
            if experiment.turns >= 800 and not removed:
                removed.append(gone)
                nodes.remove_node(gone, allow_graceful=False)
            return play(limit)

        experiment.crew.play = remove
        metrics = check(run(experiment), epochs)
    finally:
        ray.shutdown()
        nodes.shutdown()
    assert removed
    assert "is lost" in capsys.readouterr().err
    assert metrics["eval_return_mean"][-1] > above
