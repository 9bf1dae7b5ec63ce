"""A world copied, pickled or reset is a sound one: another memory, the same future, and nothing stale."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import sorrelsim
from sorrelsim.library.find import names

WAYS = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda world: pickle.loads(pickle.dumps(world)),
}


def random_actions(world, n, seed=0):
    return np.random.default_rng(seed).integers(world.n_actions, size=(n, *world.submitted.shape))


def same(one, two):
    for name, array in one.get_state().items():
        np.testing.assert_array_equal(array, two.get_state()[name], err_msg=name)
    for name, part in one.parts.items():
        np.testing.assert_array_equal(part, two.parts[name], err_msg=name)
    for name in ("reward", "terminated", "truncated"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
    assert set(one.info) == set(two.info)
    np.testing.assert_array_equal(one.info["ended"], two.info["ended"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", names("worlds"))
def test_a_copy_goes_on_by_itself_and_alike(name, way):
    world = sorrelsim.make(name, 2, 5, compiled=False)
    actions = random_actions(world, 30)
    for each in actions[:12]:
        world.step(each)
    before = world.get_state()
    twin = WAYS[way](world)
    assert type(twin) is type(world)
    assert (twin.name, twin.map_name, twin.seed, twin.n_worlds) == (world.name, world.map_name, 5, 2)
    same(world, twin)
    for each in actions[12:]:
        twin.step(each)
    for key, array in world.get_state().items():
        np.testing.assert_array_equal(array, before[key], err_msg=key)  # it has not moved
    for each in actions[12:]:
        world.step(each)
    same(world, twin)
    assert any((array != before[key]).any() for key, array in twin.get_state().items())


def test_a_compiled_world_is_copied_too():
    world = sorrelsim.make("treasure_hunt", 9, 5, max_steps=10)
    actions = random_actions(world, 40)
    for each in actions[:20]:  # the twentieth ends all episodes
        world.step(each)
    for way in WAYS.values():
        twin = way(world)
        assert twin.compiled
        same(world, twin)
        np.testing.assert_array_equal(twin.info["final_obs"], world.info["final_obs"])
        np.testing.assert_array_equal(twin.final_parts["grid"], world.final_parts["grid"])
        ahead = copy.deepcopy(twin)
        for each in actions[20:]:
            twin.step(each)
            ahead.step(each)
        same(twin, ahead)
        assert world.turn.max() == 0


def test_a_copy_keeps_how_it_was_made(tmp_path):
    path = tmp_path / "yard.txt"
    path.write_text("WWWWWWW\nWPPPPPW\nWWWWWWW")
    settings = {
        "map": path, "n_agents": 3, "window": [sorrelsim.Window(2), sorrelsim.Window(1), sorrelsim.Window(3)],
        "observation": "one_hot", "looks": "individual", "show_facing": True, "gem_value": [1.0, 7.0],
    }  # fmt: skip
    world = sorrelsim.make("treasure_hunt", 2, 3, compiled=False, **settings)
    world.submit([1], np.zeros((2, 1), int))
    for way in WAYS.values():
        path.write_text("changed since")
        twin = way(world)
        same(world, twin)
        assert twin.map_name == str(path)
        assert twin.copies.params["gem_value"].tolist() == [1.0, 7.0]
        assert twin.slot_windows == world.slot_windows
        twin.submit([0, 2], np.zeros((2, 2), int))
        twin.step()
        again = way(twin)
        same(again, twin)


def test_a_preset_and_its_map_are_kept():
    world = sorrelsim.make("cleanup", 1, 3, preset="classic", compiled=False)
    twin = copy.deepcopy(world)
    assert (twin.preset, twin.map_name, twin.kinds) == ("classic", "classic", world.kinds)
    same(world, twin)


def test_a_world_from_a_file_is_unpickled_in_another_process(tmp_path):
    subprocess.run([sys.executable, "-m", "sorrelsim", "new", "world", "pond"], cwd=tmp_path, check=True)
    code = (
        "import pickle, sorrelsim, sys, numpy as np\n"
        "w = sorrelsim.make('./worlds/pond.py', 2, 1, compiled=False)\n"
        "w.step(np.ones(w.submitted.shape, int))\n"
        "pickle.dump((w, w.get_state()), open('pond.pickle', 'wb'))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    world, state = pickle.loads((tmp_path / "pond.pickle").read_bytes())
    for key, array in world.get_state().items():
        np.testing.assert_array_equal(array, state[key], err_msg=key)
    world.step(np.ones(world.submitted.shape, int))


@pytest.mark.parametrize("compiled", [False, True])
def test_nothing_of_the_last_step_stands_after_a_reset(compiled):
    """The arrays of answers are used again; after a reset none of them may say that something was paid or ended."""
    world = sorrelsim.make("treasure_hunt", 3, 0, map="WWWW\nWPPW\nWWWW\n", compiled=compiled, max_steps=4)
    for n in range(1, 8):
        for _ in range(n):
            world.step(np.zeros((3, 2), int))  # up, against the wall
        assert (world.reward == -1).all()
        assert world.truncated.all() == (n % 4 == 0)
        for again in (world.reset, lambda: world.set_state(world.get_state())):
            again()
            assert not world.reward.any()
            assert not world.terminated.any()
            assert not world.truncated.any()
            assert set(world.info) == {"ended"}
            assert not world.info["ended"].any()
            assert world.final_parts is None
