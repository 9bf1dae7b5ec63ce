"""Studies on a Ray cluster: results are those of this machine, also when a node dies in the midst."""

import sys

import pytest
from studies import begin, end, outcome, processes, rows, wait_for

from sorrelsim.cli.study import StudyCommand
from sorrelsim.experiments.study_file import read_study_file
from sorrelsim.launch.cluster import Cluster
from sorrelsim.launch.launcher import launching
from sorrelsim.launch.local import cores
from sorrelsim.settings import ConfigError

BOTS = """
base:
  world: {name: coins, compiled: false, max_steps: 20, min_steps: 20, coin_probability: 0.2}
  n_worlds: 2
  seats: [{model: random}]
  epochs: 30
  turns: 300
  evaluation: {n_worlds: 2, gif_turns: 0}
  checkpoint: {minutes: 0, epochs: 2}
conditions: {individual: , common: {seats.0.reward: common}}
seeds: 2
"""


def test_ray_that_is_not_installed_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"--ray needs Ray, which is not installed: pip install 'sorrelsim\[ray\]'"):
        Cluster("", 1)


@pytest.mark.parametrize(
    ("words", "file", "ray"),
    [
        (["coins.yaml", "--ray"], "coins.yaml", ""),
        (["--ray", "coins.yaml"], "coins.yaml", ""),
        (["coins.yaml", "--ray", "head:6379"], "coins.yaml", "head:6379"),
        (["--ray", "ray://head:10001", "coins.yaml"], "coins.yaml", "ray://head:10001"),
        (["coins.yaml", "--ray=auto", "-p", "2"], "coins.yaml", "auto"),
        (["coins.yaml", "--ray", "-p", "2"], "coins.yaml", ""),
        (["coins.yaml", "--ray", "seeds=[0, 1]", "base.world.map=a:b"], "coins.yaml", ""),
        (["coins.yaml"], "coins.yaml", None),
    ],
)
def test_the_address_may_be_left_out(words, file, ray):
    import typer

    from sorrelsim.cli.app import app

    command = typer.main.get_command(app).commands["study"]
    assert isinstance(command, StudyCommand)
    found = command.make_context("study", list(words)).params
    assert (str(found["file"]), found["ray"]) == (file, ray)


@pytest.mark.slow
def test_a_node_that_dies_has_its_runs_resumed_elsewhere(tmp_path):
    """Two nodes with a core each: runs begin on both, and one node is taken away in the midst."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'sorrelsim[ray]'")
    from ray.cluster_utils import Cluster as Nodes

    (tmp_path / "bots.yaml").write_text(BOTS)
    study = tmp_path / "runs/bots"
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        lost = nodes.add_node(num_cpus=1)
        command = begin("bots.yaml", "--ray", nodes.address, cwd=tmp_path)
        wait_for(lambda: sum(bool(pids) for pids in processes(study).values()) >= 2 and rows(study) > 4)
        nodes.remove_node(lost, allow_graceful=False)
        assert "4 of 4 finished" in end(command, timeout=900)
        assert sorted(map(len, processes(study).values()))[-1] > 1, "no run was resumed"
        assert max(path.read_text().count("\n") for path in study.glob("runs/*/metrics.csv")) == 31
    finally:
        nodes.shutdown()
    end(begin("bots.yaml", "name=here", cwd=tmp_path), timeout=900)
    assert outcome(study) == outcome(tmp_path / "runs/here")
    for name in ("results.csv", "results.parquet", "summary.csv"):
        assert (study / name).read_bytes() == (tmp_path / "runs/here" / name).read_bytes()


def test_a_cluster_that_is_not_there_is_told():
    pytest.importorskip("ray", reason="needs Ray: pip install 'sorrelsim[ray]'")
    with (
        pytest.raises(ConfigError, match=r"--ray: no Ray cluster answers at 127.0.0.1:1: .*refused"),
        Cluster("127.0.0.1:1", 1),
    ):
        pytest.fail("somebody answered")


def test_runs_that_have_actors_are_not_handed_to_a_cluster(tmp_path, monkeypatch):
    """They would wait for cores that the runs themselves hold."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bots.yaml").write_text(BOTS)
    config = read_study_file("bots.yaml", ["base.actors=2"])
    with (
        pytest.raises(ConfigError, match=r"runs of this study hand theirs to actors of Ray .* or base.actors=0"),
        launching(config, "bots.yaml", ray=""),
    ):
        raise AssertionError
    with launching(config, "bots.yaml") as launch:  # on this machine, a run and its actors take a core each
        assert launch.crew.size == max(1, cores() // 3)
