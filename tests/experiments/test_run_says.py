"""A run says what was run and keeps the code that it began with; a sweep within one batch has rows of its own."""

import dataclasses
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from sorrelsim.cli.app import app
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments import run_folder as runs
from sorrelsim.experiments.code import file_hash
from sorrelsim.experiments.config import ConfigError, load_config, read_config
from sorrelsim.experiments.facts import revision
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.run import load_run, run
from sorrelsim.library.find import find_class, shipped
from sorrelsim.library.make import find_model
from sorrelsim.library.scaffold import write_model, write_world

SHORT = {
    "n_worlds": 2, "epochs": 2, "turns": 10, "evaluation": {"n_worlds": 2, "gif_turns": 2, "max_turns": 10},
}  # fmt: skip


def config(**changes):
    base = {"world": {"name": "treasure_hunt", "max_steps": 5, "compiled": False}, "seats": [{}]}
    return read_config(base | SHORT | changes)


def call(*arguments, code=0):
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "140", "TERM": "dumb"})
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study folder with a world and a model of its own."""
    monkeypatch.chdir(tmp_path)
    write_world("berries")
    write_model("fond")
    return tmp_path


OWN = {"world": {"name": "berries", "compiled": False, "max_steps": 5, "ripening": 0.5}, "seats": [{"model": "fond"}]}


# -------------------------------------------------------------------------------- what a run says of itself


@pytest.mark.parametrize("name", sorted(shipped("worlds")))
def test_the_config_of_a_run_has_every_default_of_every_world(name, tmp_path):
    cls = find_class(name, "worlds", Gridworld)
    for preset in (None, *list(cls.presets)[:1]):
        given = {"name": name, "compiled": False} | ({"preset": preset} if preset else {})
        experiment = Experiment(config(world=given))
        (tmp_path / "c.yaml").write_text(yaml.safe_dump(dataclasses.asdict(experiment.config)))
        again = load_config(tmp_path / "c.yaml")
        assert again == experiment.config
        written = again.world
        assert {field.name for field in dataclasses.fields(experiment.world.params)} < set(written)
        assert {"map", "n_agents", "window", "observation", "looks", "show_facing", "compiled"} < set(written)
        other = Experiment(again)
        for one, two in zip(*(each.world.get_state().values() for each in (experiment, other)), strict=True):
            np.testing.assert_array_equal(one, two)
        assert other.world.observations.parts == experiment.world.observations.parts


@pytest.mark.parametrize("model", ["ppo", "iqn", "ddqn", "random", "coins_cooperator"])
@pytest.mark.parametrize("reward", ["individual", "common", {"name": "inequity_aversion", "alpha": 2.0}])
def test_the_config_of_a_run_has_every_default_of_every_model_and_transform(model, reward):
    world = {"name": "coins", "compiled": False}
    experiment = Experiment(config(world=world, seats=[{"model": model, "reward": reward}]))
    (seat,) = experiment.config.seats
    assert set(seat.config) == {field.name for field in dataclasses.fields(find_model(model).Config)}
    if isinstance(reward, dict):
        assert seat.reward == {
            "name": "inequity_aversion",
            "alpha": 2.0,
            "beta": 0.05,
            "gamma": 0.99,
            "lambda_": 0.95,
        } or (set(seat.reward) > {"name", "alpha", "beta"})
    assert Experiment(experiment.config).config == experiment.config


def test_a_map_from_a_file_is_kept_as_text(tmp_path):
    text = find_class("treasure_hunt", "worlds", Gridworld).maps["field"]
    (tmp_path / "my.txt").write_text(text)
    world = {"name": "treasure_hunt", "compiled": False, "map": str(tmp_path / "my.txt")}
    assert Experiment(config(world=world)).config.world["map"] == text


def test_run_yaml_says_what_was_run(tmp_path):
    folder = run(Experiment(config(runs=str(tmp_path))))
    facts = load_run(folder).facts
    world = shipped("worlds")["treasure_hunt"]
    assert facts["world"] == {"name": "treasure_hunt", "version": 1}
    of_world, of_model = facts["code"]
    assert of_world["file"] == "worlds/treasure_hunt.py"
    assert of_world["hash"] == file_hash(world.read_bytes())
    assert (of_world["from"], of_model["from"]) == ("library", "library")
    assert (folder / of_world["kept"]).read_bytes() == world.read_bytes()
    assert of_model["hash"] == file_hash(shipped("agents")["random"].read_bytes())
    assert facts["packages"]["python"] == platform.python_version()
    assert facts["packages"]["numpy"] == np.__version__
    assert {"sorrelsim", "numba", "torch"} <= set(facts["packages"])
    assert [seat["name"] for seat in facts["seats"]] == ["random_0", "random_1"]
    assert len({seat["seed"] for seat in facts["seats"]}) == 2
    assert facts["machine"]["cores"] >= 1
    assert facts["started"] <= facts["ended"]
    assert (facts["end"], facts["epochs"], facts["models"]) == ("finished", 2, "of epoch 2")
    assert facts["command"]


def test_the_revision_of_a_git_repository(tmp_path):
    assert revision(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "a").write_text("1")
    for arguments in (["init", "-q"], ["add", "a"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert revision(tmp_path) == revision(tmp_path, ["a"]) == {"revision": head, "dirty": False}
    (tmp_path / ".gitignore").write_text("b")
    for name in ("b", "c"):  # neither what is ignored nor what was never added is in the revision
        (tmp_path / name).touch()
    assert revision(tmp_path) == {"revision": head, "dirty": False}
    assert revision(tmp_path, ["a", "b", "c"]) == {"revision": head, "dirty": True, "untracked": ["b", "c"]}
    (tmp_path / "a").write_text("2")
    assert revision(tmp_path) == {"revision": head, "dirty": True}


def test_a_run_of_before_has_no_facts_and_loads(tmp_path):
    folder = run(Experiment(config(runs=str(tmp_path))))
    (folder / "run.yaml").unlink()
    shutil.rmtree(folder / "code")
    assert load_run(folder).facts == {}
    assert load_run(folder).changes() == []
    assert "4 episodes" in call("eval", str(folder), "--episodes", "4").output


def test_a_damaged_run_yaml_is_told(tmp_path):
    folder = run(Experiment(config(runs=str(tmp_path))))
    for damage in ("- a\n", "a: [", b"\xff\xfe"):
        (folder / "run.yaml").write_bytes(damage if isinstance(damage, bytes) else damage.encode())
        with pytest.raises(ConfigError, match=r"run\.yaml"):
            load_run(folder)


# -------------------------------------------------------------------------------- the code that it keeps


def edits(path):
    """What a person may do to a file while a run goes on."""
    return {
        "edited": lambda: path.write_text(
            path.read_text().replace("w.p.berry_value", "1000 * w.p.berry_value").replace("self.config.liking", "2.0")
        ),
        "broken": lambda: path.write_text("def ("),
        "deleted": path.unlink,
    }


@pytest.mark.parametrize("what", ["edited", "broken", "deleted"])
@pytest.mark.parametrize("file", ["worlds/berries.py", "agents/fond.py"])
def test_a_run_goes_on_with_the_code_that_it_began_with(study, what, file):
    expected = Experiment(config(**OWN))
    rows = [*expected.epochs(), expected.evaluate()]
    running = Experiment(config(**OWN))
    edits(Path(file))[what]()
    folder = run(running)
    metrics = load_run(folder).metrics()
    assert metrics["return_mean"].tolist() == pytest.approx([row["return_mean"] for row in rows[:2]])
    assert metrics["eval_return_mean"][-1] == pytest.approx(rows[2]["eval_return_mean"])
    assert (folder / "episode.gif").exists()
    name = Path(file).stem
    assert (folder / "code" / file).read_text().startswith(f'"""{name.capitalize()}: ')


@pytest.mark.parametrize("what", ["edited", "broken", "deleted"])
@pytest.mark.parametrize("file", ["worlds/berries.py", "agents/fond.py"])
def test_eval_plays_the_kept_copy_only_if_told(study, what, file):
    folder = str(run(Experiment(config(**OWN))))
    before = call("eval", folder, "--episodes", "3").stdout
    edits(Path(file))[what]()
    after = CliRunner().invoke(app, ["eval", folder, "--episodes", "3"])
    said = after.stderr.splitlines()[0]
    assert ("is gone since the run" if what == "deleted" else "has changed since the run") in said
    assert said.endswith("--trust plays the copy that the run keeps")
    if what == "edited":
        assert after.exit_code == 0
    else:
        assert isinstance(after.exception, ConfigError)
        assert "--trust plays the copy that the run keeps" in str(after.exception)
    trusted = call("eval", folder, "--episodes", "3", "--trust")
    assert trusted.stdout == before
    kind, name = {"worlds": "world", "agents": "model"}[Path(file).parts[0]], Path(file).stem
    assert any(f"{kind} {name}:" in line and f"code/{file}" in line for line in trusted.stderr.splitlines())
    assert "since the run" in call("plot", folder, "-o", "c.png").stderr


def test_the_library_is_played_by_name_whatever_lies_in_the_folder(study):
    folder = str(run(Experiment(config())))
    before = call("eval", folder, "--episodes", "3").stdout
    Path("worlds/treasure_hunt.py").write_text("raise RuntimeError\n")
    Path("agents/random.py").write_text("raise RuntimeError\n")
    assert call("eval", folder, "--episodes", "3").stdout == before
    assert load_run(folder).settings(1)["name"] == "pkg:treasure_hunt"


def test_a_library_world_that_has_changed_is_told(tmp_path, capsys):
    folder = run(Experiment(config(runs=str(tmp_path))))
    facts = yaml.safe_load((folder / "run.yaml").read_text())
    facts["code"][0]["hash"] = "0" * 16
    (folder / "run.yaml").write_text(yaml.safe_dump(facts))
    result = call("eval", str(folder), "--episodes", "2")
    assert [line for line in result.stderr.splitlines() if "has changed since the run" in line] == [
        f"{folder}: world treasure_hunt: {shipped('worlds')['treasure_hunt']} has changed since the run"
    ]


@pytest.mark.parametrize("where", ["worlds", "code/worlds", "run.yaml", "no run.yaml"])
def test_a_stranger_s_run_runs_no_file_unless_told(study, where):
    """A run folder whose config, facts or kept copies lead to a Python file of the stranger's."""
    folder = run(Experiment(config(**OWN)))
    mark = study / "mark"
    evil = study / "elsewhere" / "berries.py"
    evil.parent.mkdir()
    evil.write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\n" + Path("worlds/berries.py").read_text())
    facts, settings = (yaml.safe_load((folder / name).read_text()) for name in ("run.yaml", "config.yaml"))
    if where == "code/worlds":  # the kept copy is another, with a hash that fits, and the file is gone
        shutil.copy(evil, folder / "code" / "worlds" / "berries.py")
        facts["code"][0]["hash"] = file_hash(evil.read_bytes())
        Path("worlds/berries.py").unlink()
    elif where == "run.yaml":
        facts["code"][0] |= {"file": str(evil), "hash": file_hash(evil.read_bytes())}
    else:
        settings["world"]["name"] = str(evil)
    (folder / "run.yaml").write_text(yaml.safe_dump(facts))
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    if where == "no run.yaml":
        (folder / "run.yaml").unlink()
    result = CliRunner().invoke(app, ["eval", str(folder), "--episodes", "2"])
    assert isinstance(result.exception, ConfigError)
    assert "--trust" in str(result.exception)
    assert not mark.exists()
    call("eval", str(folder), "--episodes", "2", "--trust")
    assert mark.exists()


def test_a_kept_copy_lies_in_the_run_or_is_none(study):
    folder = run(Experiment(config(**OWN)))
    facts = yaml.safe_load((folder / "run.yaml").read_text())
    Path("worlds/berries.py").rename("berries.py")
    facts["code"][0]["kept"] = "../../berries.py"
    (folder / "run.yaml").write_text(yaml.safe_dump(facts))
    with pytest.raises(ConfigError, match="it keeps none"):
        load_run(folder, trust=True).world()


ENVY = """
from dataclasses import dataclass
from sorrelsim.models.rewards import RewardTransform

@dataclass
class Envy(RewardTransform):
    def __call__(self, reward, ended):
        return reward - reward.max(1, keepdims=True)
"""


@pytest.fixture
def parted(study, monkeypatch):
    """The study, its world in several files, with a reward transform of its own; returns the run."""
    worlds = study / "worlds"
    monkeypatch.syspath_prepend(worlds)
    (worlds / "richness.py").write_text("VALUE = 7.0\n")
    (worlds / "parts").mkdir()
    (worlds / "parts" / "__init__.py").write_text("")
    (worlds / "parts" / "more.py").write_text("MORE = 1.0\n")
    (worlds / "numbers.csv").write_text("0.5\n")
    (worlds / "large.txt").write_text("WWWW\n")
    (worlds / "berries.py").write_text(
        (worlds / "berries.py").read_text()
        + "from pathlib import Path\nimport richness\nfrom parts.more import MORE\n"
        + "RICH = richness.VALUE + MORE + float(Path(__file__).with_name('numbers.csv').read_text())\n"
        + "LARGE = Path(__file__).with_name('large' + '.txt').read_text()\n"
    )
    (study / "rewards").mkdir()
    (study / "rewards" / "envy.py").write_text(ENVY)
    seats = [{"model": "fond", "reward": "envy"}]
    folder = run(Experiment(config(**(OWN | {"seats": seats}))))
    yield folder
    for name in ("richness", "parts", "parts.more"):
        sys.modules.pop(name, None)


def test_what_a_world_needs_of_its_folder_is_kept_and_plays_when_all_is_gone(parted, study, monkeypatch):
    before = call("eval", str(parted), "--episodes", "3", "--trust").stdout
    of_world, of_model, of_reward = yaml.safe_load((parted / "run.yaml").read_text())["code"]
    assert set(of_world["beside"]) == {"richness.py", "parts/__init__.py", "parts/more.py", "numbers.csv", "large.txt"}
    assert (of_model["what"], of_reward["what"], of_reward["file"]) == ("model", "reward transform", "rewards/envy.py")
    assert "beside" not in of_model
    assert (parted / of_reward["kept"]).read_text() == ENVY
    richness = study / "worlds" / "richness.py"
    richness.write_text("VALUE = 8.0\n")
    told = load_run(parted, trust=True).changes()
    assert told == [f"world berries: {richness} has changed since the run; --trust plays the copy that the run keeps"]
    for name in ("worlds", "agents", "rewards"):
        shutil.rmtree(study / name)
    monkeypatch.undo()  # nor can it be imported from where it was
    monkeypatch.chdir(study)
    again = load_run(parted, trust=True)
    module = sys.modules[type(again.world(1)).__module__]
    assert module.RICH == 7.0 + 1.0 + 0.5
    assert module.LARGE == "WWWW\n"
    assert type(again.agents(again.world(1))[0].transform).__name__ == "Envy"
    assert call("eval", str(parted), "--episodes", "3", "--trust").stdout == before
    with pytest.raises(ConfigError, match="is gone since the run"):
        load_run(parted).world()
    (parted / of_world["kept"]).with_name("richness.py").write_text("VALUE = 9.0\n")
    with pytest.raises(ConfigError, match="it keeps none"):  # a copy that was changed is none
        load_run(parted, trust=True).world()


def test_a_run_keeps_the_reward_transform_that_it_began_with(parted, study):
    running = Experiment(config(**(OWN | {"seats": [{"model": "fond", "reward": "envy"}]})))
    (study / "rewards" / "envy.py").write_text("def (")
    folder = run(running)  # which evaluates, too
    assert "eval_return_mean" in load_run(folder, trust=True).metrics()
    assert (folder / "code" / "rewards" / "envy.py").read_text() == ENVY


def test_a_reward_transform_of_ones_own_is_called_what_it_is(parted, capfd):
    said = call("eval", str(parted), "--episodes", "2", "--trust").stderr
    assert "reward transform envy: rewards/envy.py, not the library's" in said
    assert "model envy" not in said


def test_a_study_that_was_moved_still_finds_its_files(study, tmp_path_factory, monkeypatch):
    folder = run(Experiment(config(**OWN)))
    assert str(study) not in "".join((folder / name).read_text() for name in ("run.yaml", "config.yaml"))
    new = tmp_path_factory.mktemp("moved") / "study"
    shutil.copytree(study, new)
    shutil.rmtree(study)
    monkeypatch.chdir(new.parent)  # from anywhere
    moved = load_run(new / folder, trust=True)
    assert moved.changes() == []
    assert moved.facts["folder"] == str(new)
    assert moved.settings(1)["name"] == str(new / "worlds" / "berries.py")


# -------------------------------------------------------------------------------- sweeps


def test_a_sweep_has_a_row_per_epoch_and_combination(tmp_path):
    """Copies 0 and 2 pay 1, copies 1 and 3 pay 100; episodes are 5 steps in copies 0 and 1, 10 in 2 and 3."""
    world = {"name": "treasure_hunt", "compiled": False, "gem_value": [1.0, 100.0, 1.0, 100.0],
             "max_steps": [5, 5, 10, 10], "spawn_probability": 0.5}  # fmt: skip
    folder = run(Experiment(config(world=world, n_worlds=4, epochs=2, turns=10, runs=str(tmp_path))))
    sweep, metrics = load_run(folder).sweep(), load_run(folder).metrics()
    assert sweep["epoch"].tolist() == [1] * 4 + [2] * 4
    assert sweep["env_steps"].tolist() == [40] * 4 + [80] * 4
    assert list(zip(sweep["gem_value"], sweep["max_steps"], strict=True)) == [(1, 5), (100, 5), (1, 10), (100, 10)] * 2
    assert sweep["copies"].tolist() == [1] * 8
    assert sweep["episodes"].tolist() == [2, 2, 1, 1] * 2
    assert sweep["episode_length"].tolist() == [5, 5, 10, 10] * 2
    for epoch in (0, 1):
        rows = slice(4 * epoch, 4 * epoch + 4)
        for column in ("return_mean", "return_1", "gems", "bones_0", "efficiency"):
            mean = np.average(sweep[column][rows], weights=sweep["episodes"][rows])
            assert mean == pytest.approx(metrics[column][epoch], rel=1e-4)
    assert "gem_value" not in metrics


def test_copies_that_play_alike_are_one_row(tmp_path):
    world = {"name": "treasure_hunt", "compiled": False, "gem_value": [1.0, 2.0, 1.0, 1.0], "max_steps": 5}
    experiment = Experiment(config(world=world, n_worlds=4))
    assert [(values, copies.tolist()) for values, copies in experiment.swept] == [
        ({"gem_value": 1.0}, [True, False, True, True]), ({"gem_value": 2.0}, [False, True, False, False]),
    ]  # fmt: skip
    list(experiment.epochs())
    assert [row["copies"] for row in experiment.sweep] == [3, 1]


def test_without_a_sweep_there_is_no_file(tmp_path):
    folder = run(Experiment(config(runs=str(tmp_path))))
    assert not (folder / "sweep.csv").exists()
    assert load_run(folder).sweep() == {}


def test_a_param_of_several_numbers_has_a_column_for_each_that_differs():
    cls = find_class("matrix_game", "worlds", Gridworld)
    field = next(each for each in dataclasses.fields(cls.params) if np.ndim(each.default) > 0)
    default = np.array(field.default, float)
    other = default.copy()
    place = (0,) * default.ndim
    other[place] += 0.5
    given = [default.tolist(), other.tolist()]
    experiment = Experiment(config(world={"name": "matrix_game", "compiled": False, field.name: given}))
    column = "_".join([field.name, *map(str, place)])
    assert [values for values, _ in experiment.swept] == [{column: default[place]}, {column: other[place]}]


def test_the_log_of_metrics_is_as_it_was(tmp_path):
    log = runs.MetricsLog(tmp_path / "metrics.csv")
    log.add({"epoch": 1, "x": 0.123456789, "way": ""})
    log.add({"epoch": 2, "x": float("nan"), "way": "greedy"})
    assert (tmp_path / "metrics.csv").read_bytes() == b"epoch,x,way\r\n1,0.123457,\r\n2,nan,greedy\r\n"
    log.amend({"epoch": 2, "x": 3.0, "way": "greedy", "more": 1})
    assert (tmp_path / "metrics.csv").read_bytes() == b"epoch,x,way,more\r\n1,0.123457,,nan\r\n2,3,greedy,1\r\n"
