"""Each model is evaluated the way that it is meant to be played; which it was is said; looking disturbs nothing."""

import random

import numpy as np
import pytest
from typer.testing import CliRunner

from sorrelsim.cli.app import app
from sorrelsim.experiments.config import ConfigError, read_config
from sorrelsim.experiments.loop import Experiment
from sorrelsim.experiments.run import load_run, run
from sorrelsim.library.make import find_model
from sorrelsim.play.opponents import seat_opponents

LEARNERS = {
    "ppo": {"n_steps": 8, "n_minibatches": 2},
    "ppo gru": {"n_steps": 8, "n_minibatches": 1, "recurrent": "gru", "sequence_length": 8},
    "iqn": {"warmup": 20, "batch_size": 8, "memory_size": 500},
    "iqn noisy": {"warmup": 20, "batch_size": 8, "memory_size": 500, "noisy": True},
    "ddqn": {"warmup": 20, "batch_size": 8, "memory_size": 500},
    "ddqn prioritised": {"warmup": 20, "batch_size": 8, "memory_size": 500, "prioritised": True},
}
PLAYS = {"ppo": "sampled", "iqn": "greedy", "ddqn": "greedy", "random": "sampled", "coins_cooperator": "sampled"}


def seat(name):
    return {"slots": "all", "model": name.split()[0], "config": LEARNERS[name] | {"network": {"hidden": [8]}}}


def settings(place, **changes):
    base = {
        "world": {"name": "coins", "max_steps": 8, "compiled": False},
        "n_worlds": 2, "epochs": 2, "turns": 24,
        "evaluation": {"n_worlds": 3, "gif_turns": 0},
        "runs": str(place / "runs"), "name": "way",
    }  # fmt: skip
    return read_config(base | changes)


@pytest.mark.parametrize("name", sorted(PLAYS))
def test_models_say_how_they_are_played(name):
    assert find_model(name).plays == PLAYS[name]


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_evaluation_plays_each_model_its_own_way(tmp_path, name):
    """The row's return is that of the way it names, and what was forced comes beside it."""
    ways = {"n_worlds": 3, "gif_turns": 0, "ways": ["greedy", "sampled"]}
    experiment = Experiment(settings(tmp_path, seats=[seat(name)], evaluation=ways))
    list(experiment.epochs())
    asked = []
    take = experiment.models[0].take_actions

    def listen(states, seat=None):
        asked.append(seat.explore)
        return take(states, seat)

    experiment.models[0].take_actions = listen
    row = experiment.evaluate()
    own = PLAYS[name.split()[0]]
    assert row["eval_way"] == own
    assert asked == [own == "sampled"] * 8 + [False] * 8 + [True] * 8
    assert row["eval_return_mean"] == row[f"eval_{own}_return_mean"]
    assert {f"eval_{way}return_{slot}" for way in ("", "greedy_", "sampled_") for slot in (0, 1)} <= set(row)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_evaluating_in_any_way_changes_nothing_that_is_learned(tmp_path, name):
    def learned(looks):
        evaluation = {"n_worlds": 2, "ways": ["greedy", "sampled"]}
        experiment = Experiment(settings(tmp_path, seats=[seat(name)], epochs=3, turns=16, evaluation=evaluation))
        rows = []
        for row in experiment.epochs():
            rows.append({key: value for key, value in row.items() if "second" not in key})
            if looks:
                experiment.evaluate()
                experiment.record(3)
        return rows, experiment.models[0]

    (without, one), (often, other) = learned(False), learned(True)
    np.testing.assert_equal(without, often)
    for network in one.networks:
        for mine, theirs in zip(one.parameters(network), other.parameters(network), strict=True):
            assert (mine == theirs).all()
    one, other = one.state_dict(), other.state_dict()
    assert one["rng"] == other["rng"]
    assert (one["generator"] == other["generator"]).all()


def test_a_sampled_evaluation_is_seeded_and_leaves_the_chance_of_others_alone(tmp_path):
    experiment = Experiment(settings(tmp_path, seats=[seat("ppo")]))
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = random.getstate()
    one, other = experiment.evaluate(), experiment.evaluate()
    assert one == other
    assert random.getstate() == before


def test_several_ways_at_one_table_are_both_named(tmp_path):
    seats = [{"slots": [0], **{k: v for k, v in seat("ppo").items() if k != "slots"}}, seat("ddqn")]
    assert Experiment(settings(tmp_path, seats=seats)).eval_way == "greedy+sampled"
    assert Experiment(settings(tmp_path, seats=[seat("ddqn") | {"slots": [0]}, {}])).eval_way == "greedy"
    assert Experiment(settings(tmp_path, seats=[{}])).eval_way == "sampled"


def test_a_way_that_there_is_not(tmp_path):
    with pytest.raises(ConfigError, match=r"evaluation.ways.0 must be 'greedy' or 'sampled', got 'gready'.*'greedy'"):
        settings(tmp_path, seats=[{}], evaluation={"ways": ["gready"]})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("trained")
    evaluation = {"n_worlds": 3, "gif_turns": 2, "ways": ["greedy"]}
    return {
        name: run(Experiment(settings(place, seats=[seat(name)], evaluation=evaluation, name=name)))
        for name in ("ppo", "ddqn")
    }


@pytest.mark.parametrize("name", ["ppo", "ddqn"])
def test_runs_films_and_windows_play_as_they_are_meant_to(trained, name):
    loaded = load_run(trained[name])
    world = loaded.world(1)
    sampled = PLAYS[name] == "sampled"
    opponents, _ = seat_opponents(world, str(trained[name]))
    by_name, _ = seat_opponents(world, name)
    for agents in (loaded.agents(world), opponents, by_name):
        assert [agent.seat.explore for agent in agents] == [sampled] * len(agents)
    assert [agent.seat.explore for agent in loaded.agents(world, explore=False)] == [False]


def call(*arguments, code=0):
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "140", "TERM": "dumb"})
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output


def test_tables_and_columns_say_which_way(trained):
    for name, own, other in (("ppo", "sampled", "greedy"), ("ddqn", "greedy", "sampled")):
        metrics = load_run(trained[name]).metrics()
        assert metrics["eval_way"].tolist() == ["", own]
        assert np.isfinite(metrics["eval_greedy_return_mean"][-1])
        folder = str(trained[name])
        assert f"4 episodes, {own}\n" in call("eval", folder, "--episodes", "4")
        assert "4 episodes, greedy\n" in call("eval", folder, "--episodes", "4", "--greedy")
        assert "4 episodes, sampled\n" in call("eval", folder, "--episodes", "4", "--sample")
        both = call("eval", folder, "--episodes", "4", "--both")
        assert f"4 episodes, {own} and {other}\n" in both
        assert f"return, {own}" in both
        assert f"mean, {other}" in both
        assert call("eval", folder, "--episodes", "4") == call("eval", folder, "--episodes", "4")
    result = CliRunner().invoke(app, ["eval", str(trained["ppo"]), "--both", "--greedy"])
    assert "exclude each other" in str(result.exception)
