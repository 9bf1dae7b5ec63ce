"""The step contract: shapes, endings, states, streams, errors, and that nobody's arrays change under them."""

import subprocess
import sys

import numpy as np
import pytest

import sorrelsim
from sorrelsim.authoring.maps import MapError

SMALL = "WWWWWWWW\nWPPPPPPW\nWPPPPPPW\nWWWWWWWW\n"


def hunt(**settings):
    settings = {"map": SMALL, "compiled": False, "spawn_probability": 0.2, "max_steps": 20} | settings
    return sorrelsim.make("treasure_hunt", **settings)


def play(world, steps, seed=0):
    """Random actions; everything that the world answers, and where it ends."""
    rng = np.random.default_rng(seed)
    shape = (steps, 64, world.n_agents)
    actions = rng.integers(0, world.n_actions, shape)  # drawn for 64 copies, so that a copy's do not depend on how many
    seen = []
    for turn in range(steps):
        obs, reward, terminated, truncated, _ = world.step(actions[turn, : world.n_worlds])
        seen.append((obs.copy(), reward.copy(), terminated.copy(), truncated.copy()))
    return seen, world.get_state()


def assert_same(one, two):
    for turn, (a, b) in enumerate(zip(one[0], two[0], strict=True)):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=f"turn {turn}")
    for name in one[1]:
        np.testing.assert_array_equal(one[1][name], two[1][name], err_msg=name)


def test_shapes_and_names():
    world = hunt(n_worlds=3)
    assert (world.n_worlds, world.n_agents) == (3, 2)
    assert world.action_names == ("up", "down", "left", "right")
    obs, reward, terminated, truncated, info = world.step(np.zeros((3, 2), int))
    assert obs.shape == (3, 2, *world.observations.shape) == (3, 2, 5, 5, 2)
    assert obs.dtype == np.uint8
    assert reward.shape == terminated.shape == truncated.shape == (3, 2)
    assert info["ended"].tolist() == [False, False, False]


def test_a_copy_that_ends_starts_anew_in_the_same_call():
    world = hunt(n_worlds=2, max_steps=[3, 5])
    for _ in range(2):
        world.step(np.zeros((2, 2), int))
    before = world.get_state()["turn"].ravel().tolist()
    obs, _, terminated, truncated, info = world.step(np.zeros((2, 2), int))
    assert before == [2, 2]
    assert truncated.tolist() == [[True, True], [False, False]]
    assert not terminated.any()
    assert info["ended"].tolist() == [True, False]
    assert info["episode_length"][0] == 3
    assert world.turn.ravel().tolist() == [0, 3]
    # The observation is of the new episode; the last one of the old lies in final_obs, and they differ: agents moved.
    assert info["final_obs"].shape == obs.shape
    assert (obs[0, :, 2, 2, world.codes.agent_layer] == world.codes.self_code).all()


def test_final_observation_is_what_the_uncut_episode_shows():
    cut, uncut = hunt(max_steps=6), hunt(max_steps=7)
    for turn in range(6):
        actions = np.array([[turn % 4, (turn + 1) % 4]])
        _, reward, *_, info = cut.step(actions)
        obs, same_reward, *_ = uncut.step(actions)
        np.testing.assert_array_equal(reward, same_reward)
    np.testing.assert_array_equal(info["final_obs"], obs)
    np.testing.assert_array_equal(info["episode_return"], uncut.episode_return)


def test_state_forks_and_returns():
    world = hunt(n_worlds=4)
    play(world, 7)
    state = world.get_state()
    one = play(world, 30, seed=5)
    world.set_state(state)
    assert_same(one, play(world, 30, seed=5))
    other = hunt(n_worlds=4, seed=99)
    other.set_state(state)
    assert_same(one, play(other, 30, seed=5))


def test_a_foreign_state_is_refused_and_nothing_changes():
    world, larger = hunt(n_worlds=2), hunt(n_worlds=3)
    before = world.get_state()
    with pytest.raises(ValueError, match="has shape"):
        world.set_state(larger.get_state())
    with pytest.raises(ValueError, match="lacks 'rng'"):
        world.set_state({})
    for name, array in world.get_state().items():
        np.testing.assert_array_equal(array, before[name])


def test_one_seed_one_trajectory_here_and_in_another_process():
    world = hunt(n_worlds=3, seed=11)
    one = play(world, 40)
    world.reset(11)
    assert_same(one, play(world, 40))
    world.reset(12)
    assert any((a[0] != b[0]).any() for a, b in zip(one[0], play(world, 40)[0], strict=True))
    code = (
        "import numpy as np, sorrelsim, hashlib\n"
        "settings = dict(compiled=False, spawn_probability=0.2, max_steps=20)\n"
        f"w = sorrelsim.make('treasure_hunt', 3, 11, map={SMALL!r}, **settings)\n"
        "a = np.random.default_rng(0).integers(0, 4, (40, 64, 2))\n"
        "for t in range(40): w.step(a[t, :3])\n"
        "print(hashlib.sha256(b''.join(v.tobytes() for v in w.get_state().values())).hexdigest())\n"
    )
    import hashlib

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = hashlib.sha256(b"".join(value.tobytes() for value in one[1].values())).hexdigest()
    assert done.stdout.strip() == here


def test_a_copy_does_not_depend_on_how_many_there_are():
    many, few = hunt(n_worlds=64), hunt(n_worlds=18)
    one, two = play(many, 30), play(few, 30)
    for a, b in zip(one[0], two[0], strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x[17], y[17])
    np.testing.assert_array_equal(one[1]["rng"][17], two[1]["rng"][17])


def test_copies_differ():
    world = hunt(n_worlds=8)
    play(world, 10)
    assert len({world.text(copy) for copy in range(8)}) == 8


def test_arrays_handed_out_stay_as_they_were():
    world = hunt(n_worlds=2)
    kept, copies = [], []
    for turn in range(12):
        obs, reward, *_ = world.step(np.full((2, 2), turn % 4))
        kept.append((obs[0], reward))
        copies.append((obs[0].copy(), reward.copy()))
    for (obs, reward), (then, paid) in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(obs, then)
        np.testing.assert_array_equal(reward, paid)


@pytest.mark.parametrize("compiled", [False, True])
def test_arrays_are_reused_when_nobody_holds_them(compiled):
    world = sorrelsim.make("treasure_hunt", n_worlds=2, compiled=compiled)
    for _ in range(20):
        world.step(np.zeros((2, 2), int))
    assert len(world._answers) <= 3


@pytest.mark.parametrize("settings", [{}, {"observation": "one_hot"}])
@pytest.mark.parametrize("name", ["treasure_hunt", "cleanup"])
def test_parts_are_the_observation_inside(name, settings):
    world = sorrelsim.make(name, n_worlds=2, compiled=False, max_steps=3, **settings)
    held = []
    for turn in range(8):
        obs, *_, info = world.step(np.full((2, world.n_agents), turn % 4))
        for public, parts in ((obs, world.parts), (info.get("final_obs"), world.final_parts)):
            assert (public is None) == (parts is None)
            if parts is not None:
                public = public if isinstance(public, dict) else {"grid": public}
                assert list(public) == list(parts) == list(world.observations.parts)
                for part in parts:
                    np.testing.assert_array_equal(public[part], parts[part])
                held.append((parts, {part: array.copy() for part, array in parts.items()}))
        if isinstance(obs, dict):
            obs.clear()  # a user's dict is the user's own
    assert len(held) == 10  # eight observations, two of them after an episode's end
    for parts, then in held:  # and parts that are held stay as they were
        for part in then:
            np.testing.assert_array_equal(parts[part], then[part])


def test_submitted_actions_equal_given_ones():
    one, two = hunt(n_worlds=3), hunt(n_worlds=3)
    actions = np.array([[0, 1], [2, 3], [1, 1]])
    two.submit([1], actions[:, 1:])
    two.submit([0], actions[:, :1])
    for a, b in zip(one.step(actions)[:4], two.step()[:4], strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"no action was submitted for slots \[0, 1\]"):
        two.step()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (
            np.full((2, 2), 4),
            r"action 4 of agent 0 in copy 0 is out of range; allowed: 0 to 3 \(up, down, left, right\)",
        ),
        (np.array([[0, 0], [0, -1]]), "action -1 of agent 1 in copy 1"),
        (np.zeros((2, 3), int), r"int64\[2, 3\]; allowed: integers \[2, 2\]"),
        (np.zeros(2, int), "allowed: integers"),
        (np.zeros((2, 2)), "float64"),
        ([[0, 1], [0, 2**40]], "out of range"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_bad_actions_move_nothing(actions, message, compiled):
    world = sorrelsim.make("treasure_hunt", n_worlds=2, compiled=compiled)
    before = world.get_state()
    with pytest.raises(ValueError, match=message):
        world.step(actions)
    for name, array in world.get_state().items():
        np.testing.assert_array_equal(array, before[name])


def test_bad_settings_are_explained():
    with pytest.raises(ValueError, match="no world 'tresure_hunt'; did you mean 'treasure_hunt'"):
        sorrelsim.make("tresure_hunt")
    with pytest.raises(ValueError, match="no param of treasure_hunt 'gem_valu'; did you mean 'gem_value'"):
        hunt(gem_valu=3)
    with pytest.raises(ValueError, match=r"spawn_probability = nan is not finite"):
        hunt(spawn_probability=float("nan"))
    with pytest.raises(ValueError, match=r"spawn_probability = -0.1 is out of range; allowed: 0 to 1"):
        hunt(spawn_probability=-0.1)
    with pytest.raises(ValueError, match=r"has shape \(3,\)"):
        hunt(n_worlds=2, spawn_probability=[0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="whole number"):
        hunt(max_steps=2.5)
    with pytest.raises(ValueError, match=r"n_worlds is 0 \(int\); allowed: a whole number from 1 to 2147483647"):
        hunt(n_worlds=0)
    with pytest.raises(ValueError, match="no form of observation 'rbg'; did you mean 'rgb'"):
        hunt(observation="rbg")
    with pytest.raises(ValueError, match="no preset of treasure_hunt"):
        hunt(preset="mp")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("WWWW\nWPPW\nWWW\n", "row 3: 3 columns, but row 1 has 4"),
        ("WWWW\nWP?W\nWWWW\n", r"row 2, column 3: unknown glyph '\?'"),
        ("WWWW\nWP W\nWWWW\n", r"has 1 spawn cells \(P\), too few for 2 agents"),
        ("\n\n", "is empty"),
    ],
)
def test_bad_maps_name_row_and_column(text, message):
    with pytest.raises(MapError, match=message):
        hunt(map=text)


def test_map_from_a_file(tmp_path):
    path = tmp_path / "pond.txt"
    path.write_text(SMALL)
    assert hunt(map=path).get_state()["occupant"].shape == (1, 4, 8)
    with pytest.raises(MapError, match="no map of treasure_hunt, or file, 'feild'; did you mean 'field'"):
        hunt(map="feild")


def test_params_sweep_inside_a_batch():
    world = hunt(n_worlds=2, bump_value=[-1.0, -7.0], map="WWWWWW\nWPPPPW\nWWWWWW\n", spawn_probability=0.0)
    _, reward, *_ = world.step(np.zeros((2, 2), int))  # everyone walks up into the wall
    assert reward.tolist() == [[-1.0, -1.0], [-7.0, -7.0]]


def test_render_and_text():
    world = hunt()
    lines = world.text().splitlines()
    assert [len(line) for line in lines] == [8, 8, 8, 8]
    assert sum(mark in "^>v<" for line in lines for mark in line) == 2
    picture = world.render()
    assert picture.shape == (32, 64, 3)
    assert picture.dtype == np.uint8
    row, col = world.pos[0, 0]
    agent = picture[row * 8 : row * 8 + 8, col * 8 : col * 8 + 8].reshape(-1, 3)
    assert (agent == sorrelsim.authoring.sprites.agent_colour(0)).all(1).sum() > 10
