"""Environments of other libraries as worlds of ours; skipped where those are absent."""

import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sorrelsim import Experiment
from sorrelsim.cli.app import app
from sorrelsim.errors import ConfigError
from sorrelsim.experiments.resume import resume
from sorrelsim.experiments.run import load_run, run
from sorrelsim.library.trust import Untrusted
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.outside.make import is_outside, make_outside, runs_code

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed")
pytest.importorskip("pettingzoo", reason="pettingzoo is not installed")
spaces = gymnasium.spaces
actions_of = pytest.importorskip("sorrelsim.outside.actions").actions_of
Reader = pytest.importorskip("sorrelsim.outside.reading").Reader

LEAVING = f"pettingzoo:{Path(__file__).with_name('leaving_env.py')}"
SHORT = {"epochs": 2, "turns": 30, "evaluation": {"n_worlds": 2, "max_turns": 30, "gif_turns": 3}}


# --------------------------------------------------------------------------------------------------- episodes


def test_a_time_limit_is_a_truncation_with_its_true_last_observation():
    """CartPole falls over (terminated); MountainCar pushed left runs into its limit of 200 steps (truncated)."""
    world = make_outside("gym:CartPole-v1", 2)
    assert world.obs.shape == (2, 1, 4)
    fallen = 0
    for _ in range(30):
        world.submit(np.array([0]), np.ones((2, 1), np.int64))
        world.step()
        assert not world.truncated.any()
        if world.terminated.any():
            final = world.info["final_obs"][world.terminated]
            assert (np.abs(final[:, 2]) > 0.2).all()  # the pole's angle when it fell
            assert (np.abs(world.obs[world.terminated][:, 2]) < 0.06).all()  # upright again
            fallen += 1
    assert fallen
    world.close()
    world = make_outside("gym:MountainCar-v0")
    for _ in range(200):
        assert not world.truncated.any()
        world.step(np.zeros((1, 1), np.int64))
    assert world.truncated.all()
    assert not world.terminated.any()
    assert not np.array_equal(world.info["final_obs"], world.obs)
    assert world.info["episode_length"].tolist() == [200]
    assert world.info["episode_return"].tolist() == [[-200.0]]
    world.close()


def test_the_same_seed_gives_the_same_episodes():
    first, second, other = (make_outside("gym:CartPole-v1", 3, seed=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(first.obs, second.obs)
    assert not np.array_equal(first.obs, other.obs)
    assert len(np.unique(first.obs[:, 0, 0])) == 3  # copies differ


def test_who_leaves_early_sees_nothing_and_is_paid_nothing_until_all_are_done():
    """``a`` terminates at step 2 and ``b`` is cut off at step 4; both are told so at step 4."""
    world = make_outside(LEAVING, 2)
    assert (world.n_agents, world.action_names, world.obs.shape) == (2, ("action 0", "action 1", "action 2"), (2, 2, 2))
    for turn, paid in ((1, [2, 1]), (2, [2, 1]), (3, [0, 1])):
        world.step(np.array([[2, 1], [2, 1]]))
        assert world.reward.tolist() == [paid, paid]
        assert world.obs[0].tolist() == [[1, turn], [1, turn]] if turn < 3 else [[0, 0], [1, 3]]
        assert not (world.terminated | world.truncated).any()
    world.step(np.array([[2, 1], [2, 0]]))
    assert world.terminated.tolist() == [[True, False]] * 2
    assert world.truncated.tolist() == [[False, True]] * 2
    assert world.info["final_obs"][1].tolist() == [[0, 0], [1, 4]]
    assert world.obs[1].tolist() == [[1, 0], [1, 0]]  # the next episode's first
    assert world.info["episode_return"].tolist() == [[4, 4], [4, 3]]
    assert world.info["episode_length"].tolist() == [4, 4]
    assert world.episode_return.tolist() == [[0, 0], [0, 0]]


def test_masks_of_now_and_of_the_last_observation():
    world = make_outside(LEAVING, 1)
    assert world.action_mask.all()
    world.step(np.array([[1, 0]]))
    assert world.action_mask.tolist() == [[[True, True, True], [False, True, True]]]
    for _ in range(2):
        world.step(np.array([[1, 1]]))
    world.step(np.array([[1, 0]]))
    assert world.info["final_action_mask"][0, 1].tolist() == [False, True, True]
    assert world.action_mask.all()  # the next episode begins
    taxi = make_outside("gym:Taxi-v4" if "Taxi-v4" in gymnasium.registry else "gym:Taxi-v3", 2)
    assert taxi.observations.parts["grid"].shape == (500,)
    assert taxi.obs.sum() == 2  # one-hot
    assert 0 < taxi.action_mask.sum() < taxi.action_mask.size


# ------------------------------------------------------------------------------------- actions and observations


def test_actions_by_number():
    both = actions_of(spaces.MultiDiscrete([2, 3], start=[0, 5]), None, "it")
    assert [value.tolist() for value in both.values] == [[0, 5], [0, 6], [0, 7], [1, 5], [1, 6], [1, 7]]
    assert both.names[1] == "0 6"
    assert actions_of(spaces.Discrete(2, start=-1), None, "it").values == (-1, 0)
    assert len(actions_of(spaces.MultiBinary(3), None, "it").values) == 8
    pushes = actions_of(spaces.Box(-2, 2, (1,), np.float32), 5, "it")
    assert [float(value[0]) for value in pushes.values] == [-2, -1, 0, 1, 2]
    assert pushes.names == ("-2", "-1", "0", "1", "2")
    assert actions_of(spaces.Box(-2, 2, (1,), np.float32), None, "it").names == ()
    with pytest.raises(ValueError, match="without bounds"):
        actions_of(spaces.Box(-np.inf, 2, (1,), np.float32), 5, "it")
    with pytest.raises(ValueError, match="it has 1048576 actions; allowed: up to 10000"):
        actions_of(spaces.MultiBinary(20), None, "it")
    with pytest.raises(ValueError, match="allowed: Discrete, MultiDiscrete"):
        actions_of(spaces.Text(3), None, "it")


def test_observations_of_all_kinds_of_numbers():
    space = spaces.Dict(
        {
            "eye": spaces.Box(0, 255, (2, 2, 3), np.uint8),
            "at": spaces.Discrete(3),
            "pair": spaces.Tuple((spaces.Discrete(2), spaces.Box(0, 1, (1,), np.float64))),
        }
    )
    reader = Reader(space, "it")
    assert {name: (part.shape, part.dtype.name) for name, part in reader.spec.parts.items()} == {
        "at": ((3,), "float32"),
        "eye": ((2, 2, 3), "uint8"),
        "pair": ((3,), "float32"),
    }
    seen = {"eye": np.full((2, 2, 3), 7, np.uint8), "at": 2, "pair": (1, np.array([0.5]))}
    parts = reader.stack([[seen, None]])
    assert parts["at"].tolist() == [[[0, 0, 1], [0, 0, 0]]]
    assert parts["pair"].tolist() == [[[0, 1, 0.5], [0, 0, 0]]]
    assert parts["eye"][0, 0].min() == 7
    with pytest.raises(ValueError, match="it observes Sequence"):
        Reader(spaces.Sequence(spaces.Discrete(3)), "it")


def test_continuous_actions_can_be_played_by_hand_and_are_refused_by_who_chooses_by_name():
    world = make_outside("gym:Pendulum-v1", 2)
    assert (world.action_names, world.action_space.shape) == ((), (1,))
    assert world.action_spec == ActionSpec.box(-2.0, 2.0, [1])
    world.step(np.full((2, 1, 1), 0.5, np.float32))
    assert (world.reward < 0).all()
    settings = {"world": "gym:Pendulum-v1", "seats": [{"model": "ddqn"}], "n_worlds": 2}
    with pytest.raises(
        ConfigError, match="DDQN acts by one of several named actions, and actions of gym:Pendulum-v1 are numbers"
    ):
        Experiment(settings)
    experiment = Experiment(settings | {"world": {"name": "gym:Pendulum-v1", "bins": 3}})
    assert experiment.world.action_names == ("-2", "0", "2")


def test_agents_that_differ_are_refused_with_what_makes_them_alike():
    with pytest.raises(ValueError, match=r"b observes .* all must be alike. SuperSuit's pad_observations_v0"):
        make_outside(LEAVING, unlike=True)


# ------------------------------------------------------------------------------------------- from a config to a film


def test_an_environment_of_gymnasium_is_trained_evaluated_filmed_and_gone_on_with(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    settings = {"world": "gym:CartPole-v1", "seats": [{"model": "ppo", "config": {"n_steps": 16}}], "n_worlds": 4}
    folder = run(Experiment(settings | SHORT))
    assert folder.name == "CartPole-v1-001"
    assert (folder / "curve.png").is_file()
    assert (folder / "episode.gif").is_file()
    found = load_run(folder)
    assert found.config.world == {"name": "gym:CartPole-v1"}
    assert found.facts["world"] == {"name": "gym:CartPole-v1", "version": 1}
    rows = found.metrics()
    assert rows["episode_length"][1] == rows["return_mean"][1]  # each step pays 1
    assert rows["efficiency"].tolist() == [1, 1]
    assert rows["eval_return_mean"][1] > 5
    result = CliRunner().invoke(app, ["eval", str(folder), "--episodes", "3", "--gif", "film.gif"])
    assert result.exit_code == 0, result.output
    assert "gym:CartPole-v1 · 3 episodes" in result.output
    assert Path("film.gif").is_file()
    capsys.readouterr()
    resume(folder, ["epochs=3"])
    assert "its episodes begin anew" in capsys.readouterr().err
    assert load_run(folder).metrics()["epoch"].tolist() == [1, 2, 3]
    watched = CliRunner().invoke(app, ["watch", str(folder)])
    assert isinstance(watched.exception, ValueError)
    assert "another library draws" in str(watched.exception)


@pytest.mark.parametrize("model", ["sac", "ddpg"])
def test_continuous_actions_are_learned_evaluated_mixed_and_gone_on_with(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"warmup": 40, "batch_size": 16, "memory_size": 1000, "network": {"hidden": [8, 8]}}
    settings = {"world": "gym:Pendulum-v1", "seats": [{"model": model, "config": config}], "n_worlds": 3}
    changes = {"epochs": 1, "turns": 30, "evaluation": {"n_worlds": 2, "max_turns": 200, "gif_turns": 0}}
    folder = run(Experiment(settings | changes))
    assert load_run(folder).metrics()["eval_return_mean"][0] < -100
    for others in ([], ["--slots", "0=random"]):
        result = CliRunner().invoke(app, ["eval", str(folder), "--episodes", "2", *others])
        assert result.exit_code == 0, result.output
    resume(folder, ["epochs=2"])
    rows = load_run(folder).metrics()
    assert rows["epoch"].tolist() == [1, 2]
    assert np.isfinite(rows[f"actor_loss_{model}_0"]).all()


def test_what_acts_by_numbers_names_who_can_choose_by_name():
    with pytest.raises(ConfigError, match="SAC acts by numbers within a range, and actions of gym:CartPole-v1 are"):
        Experiment({"world": "gym:CartPole-v1", "seats": [{"model": "sac"}]})
    with pytest.raises(ConfigError, match=r"learners that can act there: .*ddpg.*sac.*td3.*; or 'bins: 5'"):
        Experiment({"world": "gym:Pendulum-v1", "seats": [{"model": "sac_discrete"}]})


def test_a_parallel_environment_of_one_s_own_file_is_trained_and_runs_again_only_if_trusted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"world": {"name": LEAVING, "first": 3}, "seats": [{"slots": "all", "model": "ppo"}], "n_worlds": 2}
    folder = run(Experiment(settings | SHORT))
    assert folder.name == "leaving_env-001"
    assert not (folder / "episode.gif").exists()  # it has no pictures
    with pytest.raises(Untrusted, match=r"leaving_env\.py, whose code would run. If you trust it: --trust"):
        load_run(folder)
    world = load_run(folder, trust=True).world(3)
    assert world.n_worlds == 3
    world.step(np.ones((3, 2), np.int64))
    with pytest.raises(ValueError, match="no render mode rgb_array"):
        world.render()


def test_a_state_begins_other_episodes_that_follow_from_it():
    worlds = [make_outside("gym:CartPole-v1", 2, seed=1) for _ in range(3)]
    worlds[0].step(np.ones((2, 1), np.int64))
    state = worlds[0].get_state()
    for world in worlds[1:]:
        world.set_state(state)
    np.testing.assert_array_equal(worlds[1].obs, worlds[2].obs)
    assert not np.array_equal(worlds[1].obs, make_outside("gym:CartPole-v1", 2, seed=1).obs)
    assert worlds[1].get_state() == state


# ----------------------------------------------------------------------------------------------------- names, errors


def test_names():
    assert is_outside("gym:CartPole-v1")
    assert not any(map(is_outside, ("cleanup", "pkg:cleanup", "./worlds/gym.py", "gym")))
    known = ("gym:CartPole-v1", "pettingzoo:sisl/pursuit-v5", "pettingzoo:pettingzoo.sisl.pursuit_v5")
    assert not any(map(runs_code, known))
    assert all(map(runs_code, ("gym:mine:My-v0", "pettingzoo:mine", "pettingzoo:a.b", "pettingzoo:dir/mine.py")))


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("gym:CartPoll-v1", {}, "gym:CartPoll-v1 cannot be made: NameNotFound: .*Did you mean: `CartPole`"),
        ("gym:CartPole-v1", {"gravity": 3}, "unexpected keyword argument 'gravity'"),
        ("gym:CartPole-v1", {"render_mode": "human"}, "render_mode is not for configs"),
        ("gym:Pendulum-v1", {"bins": 1}, "bins must be a whole number of 2 or more, got 1"),
        ("pettingzoo:classic/rpps-v2", {}, "did you mean 'classic/rps-v2'"),
        ("pettingzoo:nowhere.at_all", {}, "no module nowhere.at_all; allowed: an id such as sisl/pursuit-v5"),
        ("pettingzoo:nowhere.py", {}, "no file nowhere.py"),
        ("pettingzoo:json", {}, "json has no function parallel_env"),
        ("zoo:rps", {}, "no library 'zoo'"),
    ],
)
def test_errors_say_what_is_allowed(name, settings, said):
    with pytest.raises(ValueError, match=said):
        make_outside(name, **settings)


def test_a_library_that_is_not_installed_is_said_with_what_installs_it(monkeypatch):
    for library in ("gymnasium", "pettingzoo"):
        for module in [name for name in sys.modules if name.partition(".")[0] == library]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r"world: the world gym:CartPole-v1 needs gymnasium, .*'sorrelsim\[gym\]'"):
        Experiment({"world": "gym:CartPole-v1", "seats": [{"model": "random"}]})
