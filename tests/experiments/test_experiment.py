"""The loop, the run folder, and loading it again. Worlds run interpreted, so that nothing is compiled here."""

import csv
import math

import numpy as np
import pytest
from PIL import Image

from sorrelsim.experiments import run_folder as runs
from sorrelsim.experiments.config import ConfigError, read_config
from sorrelsim.experiments.evaluation import play_episodes
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.measures import Episodes
from sorrelsim.experiments.run import load_run, run
from sorrelsim.experiments.seating import seating

SMALL_IQN = {
    "network": {"hidden": [16]}, "warmup": 40, "batch_size": 8, "memory_size": 400, "steps_between_updates": 8,
}  # fmt: skip


def config(tmp_path, **changes):
    settings = {
        "name": "tiny",
        "world": {"name": "treasure_hunt", "max_steps": 10, "compiled": False},
        "seats": [{"model": "random"}],
        "n_worlds": 2,
        "epochs": 2,
        "turns": 15,
        "evaluation": {"n_worlds": 2, "gif_turns": 4},
        "runs": str(tmp_path / "runs"),
    }
    return read_config(settings | changes)


def iqn_seat(**changes):
    return {"model": "iqn", "config": SMALL_IQN} | changes


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with one IQN for slot 0 and random play in slot 1."""
    place = tmp_path_factory.mktemp("finished")
    seats = [iqn_seat(slots=[0]), {"slots": "all", "model": "random"}]
    experiment = Experiment(config(place, seats=seats, epochs=3))
    return run(experiment), experiment


def test_a_run_folder_has_everything(finished):
    folder, _ = finished
    assert folder.name == "tiny-001"
    assert {path.name for path in folder.iterdir()} == {
        "config.yaml",
        "run.yaml",
        "code",
        "metrics.csv",
        "curve.png",
        "episode.gif",
        "models",
        "checkpoint",
        "tensorboard",
    }
    assert {path.name for path in (folder / "models").iterdir()} == {"iqn.safetensors", "random.safetensors"}
    with Image.open(folder / "episode.gif") as gif:
        assert gif.n_frames == 5
    with Image.open(folder / "curve.png") as picture:
        assert picture.width > 400


def test_metrics_have_a_row_an_epoch(finished):
    folder, _ = finished
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:5] == ["epoch", "env_steps", "agent_steps", "return_mean", "return_0"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row["env_steps"] for row in rows] == ["30", "60", "90"]
    assert [row["agent_steps"] for row in rows] == ["60", "120", "180"]
    # Episodes of ten turns in two copies: after 15, 30 and 45 turns 2, 6 and 8 have finished.
    assert [row["episodes"] for row in rows] == ["2", "4", "2"]
    assert {"loss", "epsilon", "gems", "gems_0", "efficiency", "peace", "eval_return_mean", "loss_iqn"} <= set(rows[0])
    assert rows[0]["eval_return_mean"] == "nan"
    assert math.isfinite(float(rows[2]["eval_return_mean"]))
    assert math.isfinite(float(rows[2]["loss"]))


def test_returns_are_those_of_the_world(tmp_path):
    experiment = Experiment(config(tmp_path, epochs=1, turns=10))
    total = np.zeros((2, 2))
    step = experiment.world.step

    def counted(actions=None):
        result = step(actions)
        total[:] += result[1]
        return result

    experiment.world.step = counted
    (row,) = experiment.epochs()
    assert row["return_0"] == pytest.approx(total[:, 0].mean())
    assert row["return_1"] == pytest.approx(total[:, 1].mean())
    assert row["return_mean"] == pytest.approx(total.mean())
    assert row["reward_mean"] == pytest.approx(total.mean() / 10)


def test_an_epoch_without_a_finished_episode_has_no_return_but_a_reward(tmp_path):
    experiment = Experiment(config(tmp_path, epochs=1, turns=7))
    (row,) = experiment.epochs()
    assert row["episodes"] == 0
    assert math.isnan(row["return_mean"])
    assert row["reward_mean"] == pytest.approx(experiment.world.episode_return.mean() / 7)


def test_earlier_runs_are_never_touched(tmp_path):
    first = runs.new_folder(tmp_path, "a/study.py")
    (first / "mark").touch()
    second = runs.new_folder(tmp_path, "study")
    assert (first.name, second.name) == ("study-001", "study-002")
    assert (first / "mark").exists()
    (tmp_path / "study-017").mkdir()
    assert runs.new_folder(tmp_path, "study").name == "study-018"


def test_one_seed_one_run_and_another_seed_another(tmp_path):
    def returns(seed):
        seats = [iqn_seat(slots="all")]
        return [row["reward_mean"] for row in Experiment(config(tmp_path, seats=seats, seed=seed)).epochs()]

    assert returns(3) == returns(3)
    assert returns(3) != returns(4)


def test_stopping_ends_the_loop_after_the_turn_and_saves(tmp_path):
    experiment = Experiment(config(tmp_path, epochs=50))
    step = experiment.world.step

    def stop_in_turn_20(actions=None):
        if experiment.turns == 19:
            experiment.stop()
        return step(actions)

    experiment.world.step = stop_in_turn_20
    folder = run(experiment)
    metrics = runs.read_metrics(folder)
    assert metrics["epoch"].tolist() == [1, 2]
    assert metrics["env_steps"].tolist() == [30, 40]
    assert np.isfinite(metrics["eval_return_mean"][1])
    assert (folder / "models" / "random_0.safetensors").exists()
    assert (folder / "curve.png").exists()


def test_an_error_in_the_loop_leaves_the_models_saved(tmp_path, monkeypatch):
    experiment = Experiment(config(tmp_path))
    monkeypatch.setattr(experiment.models[0], "end_epoch_action", lambda **_: 1 / 0)
    folder = runs.new_folder(tmp_path, "broken")
    with pytest.raises(ZeroDivisionError):
        run(experiment, folder)
    assert (folder / "models" / "random_1.safetensors").exists()


def test_a_loaded_run_plays_as_the_trained_agents_do(finished):
    folder, experiment = finished
    loaded = load_run(folder)
    assert loaded.config == experiment.config
    assert loaded.metrics()["epoch"].tolist() == [1, 2, 3]

    def actions(world, agents):
        found = []
        for _ in range(8):
            for agent in agents:
                agent.transition(world)
            found.append(world.submitted[:, 0].copy())  # slot 0, the IQN's
            world.step()
            for agent in agents:
                agent.remember(world)
        return np.array(found)

    world = loaded.world(3, seed=11)
    one = actions(world, loaded.agents(world))
    world.reset(11)
    np.testing.assert_array_equal(one, actions(world, loaded.agents(world)))
    for agent in loaded.agents(world):
        assert not agent.learn
        assert agent.seat.explore == (agent.model.plays == "sampled")


def test_no_run_folder(tmp_path):
    with pytest.raises(ConfigError, match="is no run folder"):
        load_run(tmp_path)


def test_a_damaged_model_is_an_error_that_names_it(finished, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(finished[0], folder)
    (folder / "models" / "random.safetensors").write_bytes((folder / "models" / "iqn.safetensors").read_bytes())
    loaded = load_run(folder)
    with pytest.raises(ConfigError, match="the model of seat random cannot be loaded"):
        loaded.agents(loaded.world(1))


def test_each_slot_its_own_model_or_one_for_all(tmp_path):
    def places(seats, n_agents=4):
        return [(place.name, place.slots) for place in seating(config(tmp_path, seats=seats), n_agents)]

    assert places([{}]) == [(f"random_{k}", (k,)) for k in range(4)]
    assert places([{"slots": "all"}]) == [("random", (0, 1, 2, 3))]
    assert places([{"slots": [2, 0]}, {"slots": "each", "model": "iqn"}]) == [
        ("random", (2, 0)), ("iqn_1", (1,)), ("iqn_3", (3,)),
    ]  # fmt: skip
    assert places([{"slots": [0, 1]}, {"slots": [2, 3]}]) == [("random_0_1", (0, 1)), ("random_2_3", (2, 3))]
    seeds = {place.seed for place in seating(config(tmp_path), 4)}
    assert len(seeds) == 4


@pytest.mark.parametrize(
    ("seats", "said"),
    [
        ([{"slots": [0]}], r"nobody plays slots \[1\]"),
        ([{"slots": [0, 5]}], "no slot 5; this world has slots 0 to 1"),
        ([{"slots": [0, 1]}, {"slots": [1]}], "slot 1 is taken twice"),
        ([{"slots": [0, 1]}, {"slots": "all"}], "no slot is left"),
        ([{"model": "iqm"}], "no model 'iqm'; did you mean 'iqn'"),
        ([{"model": "iqn", "config": {"batchsize": 3}}], "no setting 'batchsize'; did you mean 'batch_size'"),
        ([{"reward": "comon", "model": "random"}], "did you mean 'common'"),
        ([{"load": "nowhere.safetensors"}], "nowhere.safetensors"),
    ],
)
def test_seats_that_make_no_sense(tmp_path, seats, said):
    with pytest.raises(ConfigError, match=said):
        Experiment(config(tmp_path, seats=seats))


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ({"name": "tresure_hunt"}, "did you mean 'treasure_hunt'"),
        ({"name": "treasure_hunt", "gem_vlaue": 3}, "did you mean 'gem_value'"),
        ({"name": "treasure_hunt", "window": {"forwards": 3}}, "did you mean 'forward'"),
    ],
)
def test_worlds_that_make_no_sense(tmp_path, world, said):
    with pytest.raises(ConfigError, match=said):
        Experiment(config(tmp_path, world=world | {"compiled": False}))


def test_a_sweep_within_one_batch_is_dealt_out_for_evaluation(tmp_path):
    world = {"name": "treasure_hunt", "compiled": False, "gem_value": [1.0, 2.0, 3.0]}
    experiment = Experiment(config(tmp_path, world=world, n_worlds=3))
    looked_at, _ = experiment.looking(5, "greedy")
    assert looked_at.copies.params["gem_value"].tolist() == [1.0, 2.0, 3.0, 1.0, 2.0]


def test_a_seat_loads_what_another_run_learned(finished, tmp_path):
    saved = finished[0] / "models" / "iqn.safetensors"
    seats = [iqn_seat(slots="all", load=str(saved), learn=False)]
    experiment = Experiment(config(tmp_path, seats=seats))
    theirs = finished[1].models[0].networks["online"].state_dict()
    ours = experiment.models[0].networks["online"].state_dict()
    assert all(np.array_equal(theirs[key], ours[key]) for key in theirs)
    assert experiment.learners == []
    list(experiment.epochs())
    assert finished[1].models[0].gradient_steps > 0
    assert experiment.models[0].gradient_steps == 0  # its networks, not its run


def test_evaluation_takes_the_first_episode_of_each_copy(tmp_path):
    limits = [4, 6]  # by turn 6 copy 0 has begun its second episode
    world = {"name": "treasure_hunt", "compiled": False, "max_steps": limits}
    experiment = Experiment(config(tmp_path, world=world))
    looked_at, agents = experiment.looking(2, "greedy")
    found = play_episodes(looked_at, agents, 50)
    assert found.lengths.tolist() == limits
    looked_at, agents = experiment.looking(2, "greedy")
    assert isinstance(cut := play_episodes(looked_at, agents, 5), Episodes)
    assert cut.lengths.tolist() == [4]


def test_looking_at_the_agents_does_not_change_what_they_learn(tmp_path):
    def rewards(every):
        seats = [iqn_seat(slots=[0]), {}]
        changes = {"seats": seats, "evaluation": {"n_worlds": 2, "every": every, "gif_turns": 0}}
        return runs.read_metrics(run(Experiment(config(tmp_path, epochs=4, **changes))))["reward_mean"]

    np.testing.assert_array_equal(rewards(0), rewards(1))


def test_a_late_column_is_written_for_all_rows(tmp_path):
    log = runs.MetricsLog(tmp_path / "metrics.csv")
    log.add({"epoch": 1, "return_mean": math.nan})
    log.add({"epoch": 2, "return_mean": 0.5, "loss": 0.25})
    assert (tmp_path / "metrics.csv").read_text().split() == ["epoch,return_mean,loss", "1,nan,nan", "2,0.5,0.25"]
    with pytest.raises(FileExistsError):
        runs.MetricsLog(tmp_path / "metrics.csv")
