"""Worlds as PettingZoo's and Gymnasium's environments: the same trajectories, ends, masks, pictures and others."""

import copy
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import sorrelsim
from sorrelsim import Experiment
from sorrelsim.experiments.run import run
from sorrelsim.interfaces import aec_env, gym_env, gym_vec_env, parallel_env

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed")
checker = pytest.importorskip("gymnasium.utils.env_checker")
pytest.importorskip("pettingzoo", reason="pettingzoo is not installed")

MASKED = str(Path(__file__).with_name("masked_world.py"))
PLAIN = {"compiled": False}


def actions_of(env, rng):
    return {agent: int(rng.integers(env.action_space(agent).n)) for agent in env.agents}


def equal(one, other):
    return checker.data_equivalence(one, other, exact=True)


# ------------------------------------------------------------------------------------------ the same trajectories


def test_a_parallel_env_goes_the_way_of_the_world():
    env, world = parallel_env("coins", **PLAIN), sorrelsim.make("coins", **PLAIN)
    seen, _ = env.reset(seed=5)
    world.reset(5)
    rng = np.random.default_rng(0)
    for _ in range(30):
        np.testing.assert_array_equal(seen["agent_1"]["grid"], world.obs["grid"][0, 1])
        np.testing.assert_array_equal(seen["agent_1"]["own_colour"], [0.0, 1.0])
        actions = actions_of(env, rng)
        seen, rewards, *_ = env.step(actions)
        world.step(np.array([list(actions.values())]))
        assert list(rewards.values()) == world.reward[0].tolist()


def test_copy_0_of_a_batch_is_the_parallel_env_to_the_end_of_its_episode():
    """The stream of copy 0 follows from the seed alone; the last observation is handed out in ``final_obs``."""
    batch = gym_vec_env(MASKED, 3, slot="all", max_steps=12, **PLAIN)
    env = parallel_env(MASKED, max_steps=12, **PLAIN)
    seen, _ = batch.reset(seed=7)
    assert equal(seen[1], env.reset(seed=7)[0]["agent_1"]["observation"])
    rng = np.random.default_rng(0)
    for turn in range(1, 13):
        actions = rng.integers(4, size=6)
        seen, reward, terminated, truncated, infos = batch.step(actions)
        own, paid, _, cut, told = env.step({"agent_0": int(actions[0]), "agent_1": int(actions[1])})
        assert (paid["agent_1"], cut["agent_1"]) == (reward[1], truncated[1])
        assert truncated.all() == (turn == 12)
        assert not terminated.any()
        assert equal(own["agent_1"]["observation"], infos["final_obs"][1] if turn == 12 else seen[1])
    last = infos["final_info"]
    assert told["agent_1"]["episode_length"] == last["episode_length"][1] == 12
    assert told["agent_1"]["trapped"] == told["agent_1"]["episode_return"] == last["episode_return"][1] > 0


def test_a_slot_of_a_batch_of_one_is_the_gym_env():
    """The others' dice are thrown for all copies at once, so it takes a batch of one."""
    batch, env = gym_vec_env(MASKED, 1, slot=1, **PLAIN), gym_env(MASKED, slot=1, **PLAIN)
    assert equal(batch.reset(seed=7)[0][0], env.reset(seed=7)[0])
    for action in np.random.default_rng(0).integers(4, size=39).tolist():
        seen, reward, *_ = batch.step([action])
        own, paid, *_ = env.step(action)
        assert equal(seen[0], own)
        assert reward[0] == paid


def test_one_seed_one_trajectory_with_the_others_chance():
    """Bots draw from streams of their own, which begin anew with the seed."""
    for others in ("random", "coins_cooperator"):
        env = gym_env("coins", others=others, **PLAIN)
        one, other = ((env.reset(seed=3), *(env.step(action % 7) for action in range(40))) for _ in range(2))
        assert equal(one, other), others


# ------------------------------------------------------------------------------------------------- steps and ends


def test_what_was_observed_stays_as_it_was():
    env, batch = parallel_env(MASKED, **PLAIN), gym_vec_env(MASKED, 2, slot="all", **PLAIN)
    kept = [env.reset(seed=0)[0], batch.reset(seed=0)[0]]
    before = copy.deepcopy(kept)
    rng = np.random.default_rng(0)
    for _ in range(20):
        env.step(actions_of(env, rng))
        batch.step(rng.integers(4, size=4))
    assert equal(kept[0], before[0])
    assert equal(kept[1], before[1])


def test_agents_that_are_out_stay_and_all_leave_together():
    env = parallel_env(MASKED, **PLAIN)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    was_out, turns = 0, 0
    while env.agents:
        _, _, terminated, truncated, infos = env.step(actions_of(env, rng))
        turns += 1
        if env.agents:
            assert env.agents == ["agent_0", "agent_1"]
            was_out += infos["agent_0"]["out"]
            assert infos["agent_0"]["out"] == (env.world.out[0, 0] != 0)
    assert turns == 40  # max_steps, which is a truncation
    assert was_out
    assert truncated == {"agent_0": True, "agent_1": True}
    assert not any(terminated.values())
    assert env.step({}) == ({}, {}, {}, {}, {})


def test_a_gym_env_wants_a_reset_before_it_steps_on():
    env = gym_env(MASKED, max_steps=2, **PLAIN)
    with pytest.raises(gymnasium.error.ResetNeeded, match="reset"):
        env.step(0)
    env.reset()
    env.step(0)
    assert env.step(0)[3]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)


def test_masks_come_with_observations_and_infos():
    env = parallel_env(MASKED, **PLAIN)
    seen, infos = env.reset(seed=0)
    mask = env.world.action_mask[0].astype(int)
    assert mask.min() == 0  # each cell of the field lies at a wall
    for slot, agent in enumerate(env.agents):
        assert seen[agent]["action_mask"].tolist() == infos[agent]["action_mask"].tolist() == mask[slot].tolist()
    single, batch = gym_env(MASKED, **PLAIN), gym_vec_env(MASKED, 2, slot="all", **PLAIN)
    assert single.reset(seed=0)[1]["action_mask"].tolist() == mask[0].tolist()
    assert batch.reset(seed=0)[1]["action_mask"][:2].tolist() == mask.tolist()


def test_wrong_actions_are_named():
    env = parallel_env("coins", **PLAIN)
    env.reset()
    with pytest.raises(ValueError, match="no action for agent_1; allowed: one for each of agent_0, agent_1"):
        env.step({"agent_0": 0})
    with pytest.raises(ValueError, match="no agent 'agent_7'"):
        env.step({"agent_0": 0, "agent_1": 0, "agent_7": 0})
    with pytest.raises(ValueError, match="action 99 of agent 0"):
        env.step({"agent_0": 99, "agent_1": 0})
    batch = gym_vec_env("coins", 2, **PLAIN)
    batch.reset()
    with pytest.raises(ValueError, match=r"actions are \[4\]; allowed: \[2\]"):
        batch.step(np.zeros(4, int))
    with pytest.raises(ValueError, match="seed must be one number"):
        batch.reset(seed=[1, 2])


# ---------------------------------------------------------------------------------------- what a copy looks like


def test_the_state_is_the_map_with_who_stands_where():
    env = parallel_env("treasure_hunt", **PLAIN)
    env.reset(seed=2)
    state, world = env.state(), env.world
    assert state in env.state_space
    layers = world.grid.shape[-1]
    np.testing.assert_array_equal(state[..., :layers], world.grid[0])
    for slot, (row, col) in enumerate(world.pos[0]):
        assert state[row, col, layers:].tolist() == [slot + 1, world.facing[0, slot] + 1]
    assert (state[..., layers] > 0).sum() == 2


def test_after_the_last_step_state_and_picture_are_not_of_the_next_episode():
    env = parallel_env(MASKED, render_mode="rgb_array", max_steps=2, **PLAIN)
    env.reset(seed=0)
    env.step({"agent_0": 0, "agent_1": 0})
    state, picture = env.state(), env.render()
    env.step({"agent_0": 0, "agent_1": 0})
    assert not env.agents
    np.testing.assert_array_equal(env.state(), state)  # as before the last step, which is said
    np.testing.assert_array_equal(env.render(), picture)
    env.reset()
    assert env.state() in env.state_space


def test_pictures_text_and_a_window(dummy):
    env = gym_env("treasure_hunt", render_mode="rgb_array", **PLAIN)
    env.reset(seed=0)
    np.testing.assert_array_equal(env.render(), env.world.render())
    text = parallel_env("treasure_hunt", render_mode="ansi", **PLAIN)
    text.reset(seed=0)
    assert text.render() == env.world.text()
    batch = gym_vec_env("treasure_hunt", 3, render_mode="rgb_array", **PLAIN)
    assert [picture.shape for picture in batch.render()] == [env.render().shape] * 3
    window = gym_env("treasure_hunt", render_mode="human", **PLAIN)
    window.reset(seed=0)
    import pygame

    assert pygame.display.get_surface().get_size() == (672, 672)  # 21 cells of 8 pixels, four times as large
    assert window.render() is None
    window.close()
    window.close()
    with pytest.raises(ValueError, match="without a render_mode"):
        gym_env("treasure_hunt", **PLAIN).render()
    with pytest.raises(ValueError, match="no render_mode 'rgb'; did you mean 'rgb_array'"):
        gym_env("treasure_hunt", render_mode="rgb", **PLAIN)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_on_alike(again):
    rng = np.random.default_rng(0)
    env = gym_env("coins", others="coins_defector", **PLAIN)
    batch = gym_vec_env(MASKED, 2, **PLAIN)
    zoo = parallel_env(MASKED, **PLAIN)
    for each in (env, batch, zoo):
        each.reset(seed=1)
    for action in rng.integers(4, size=5).tolist():
        env.step(action), batch.step([action] * 2), zoo.step(dict.fromkeys(zoo.agents, action))
    others = again(env), again(batch), again(zoo)
    for action in rng.integers(4, size=20).tolist():
        assert equal(env.step(action), others[0].step(action))
        assert equal(batch.step([action] * 2), others[1].step([action] * 2))
        both = dict.fromkeys(zoo.agents, action)
        assert equal(zoo.step(both), others[2].step(both))


# --------------------------------------------------------------------------------------------- ids, others, errors


def test_ids_make_environments_and_batches():
    env = gymnasium.make("sorrelsim/harvest-v2", preset="closed", slot=2, others="harvest_defector", **PLAIN)
    assert env.unwrapped.world.map_name == "closed"
    env.reset(seed=0)
    assert env.step(0)[0]["grid"].shape == (11, 11, 4)
    batch = gymnasium.make_vec("sorrelsim/coins-v1", num_envs=3, vectorization_mode="vector_entry_point", **PLAIN)
    assert (batch.num_envs, batch.unwrapped.world.n_worlds) == (3, 3)
    both = gymnasium.make_vec(
        "sorrelsim/coins-v1", num_envs=6, vectorization_mode="vector_entry_point", slot="all", **PLAIN
    )
    assert (both.num_envs, both.unwrapped.world.n_worlds) == (6, 3)
    with pytest.raises(ValueError, match="num_envs is 5; where every slot is one, allowed: 2 for each copy"):
        gymnasium.make_vec(
            "sorrelsim/coins-v1", num_envs=5, vectorization_mode="vector_entry_point", slot="all", **PLAIN
        )


def test_gymnasium_s_own_wrappers_understand_a_batch():
    batch = gymnasium.wrappers.vector.RecordEpisodeStatistics(gym_vec_env(MASKED, 2, slot="all", max_steps=5, **PLAIN))
    batch.reset(seed=0)
    for _ in range(5):
        *_, truncated, infos = batch.step(np.zeros(4, int))
    assert truncated.all()
    assert infos["episode"]["l"].tolist() == [5] * 4
    assert infos["episode"]["r"].tolist() == infos["final_info"]["episode_return"].tolist()


def test_the_agents_of_a_run_play_the_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = {"name": "coins", **PLAIN}
    settings = {"name": "r", "world": world, "seats": [{"slots": "all", "model": "ppo"}], "n_worlds": 2, "epochs": 1}
    folder = run(Experiment(settings | {"turns": 4, "evaluation": {"n_worlds": 1, "max_turns": 2, "gif_turns": 0}}))
    env = gym_env("coins", slot=1, others=str(folder), **PLAIN)
    first = [env.reset(seed=0), *(env.step(0) for _ in range(10))]
    assert equal(tuple(first), (env.reset(seed=0), *(env.step(0) for _ in range(10))))
    assert gym_vec_env("coins", 3, others=str(folder), **PLAIN).reset(seed=0)[0]["grid"].shape[0] == 3
    with pytest.raises(ValueError, match=r"window\.forward is 9 in the checkpoint, 0 here"):
        gym_env("coins", others=str(folder), window="full", **PLAIN)


def test_errors_name_what_is_allowed():
    with pytest.raises(ValueError, match="did you mean 'coins_cooperator'"):
        gym_env("coins", others="coins_coperator", **PLAIN)
    with pytest.raises(ValueError, match="no slot 2 in coins; allowed: 0 to 1"):
        gym_env("coins", slot=2, **PLAIN)
    with pytest.raises(ValueError, match="no slot 'each'; allowed: a number, or 'all'"):
        gym_vec_env("coins", slot="each", **PLAIN)
    with pytest.raises(ValueError, match="no world 'coin'; did you mean 'coins'"):
        parallel_env("coin")
    with pytest.raises(ValueError, match="n_worlds is 4; gym_vec_env has several"):
        parallel_env("coins", n_worlds=4)
    with pytest.raises(ValueError, match="'ascii' is text"):
        aec_env("coins", observation="ascii", **PLAIN)


@pytest.mark.parametrize(
    ("make", "library", "how"),
    [
        (parallel_env, "pettingzoo", r"sorrelsim\[gym\]"),
        (aec_env, "pettingzoo", r"sorrelsim\[gym\]"),
        (gym_env, "gymnasium", r"sorrelsim\[gym\]"),
        (gym_vec_env, "gymnasium", r"sorrelsim\[gym\]"),
        (sorrelsim.interfaces.sb3_vec_env, "stable_baselines3", "pip install stable-baselines3"),
    ],
)
def test_what_is_not_installed_is_said_with_what_installs_it(make, library, how, monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"{make.__name__} needs {library}, which is not installed: .*{how}"):
        make("coins")
